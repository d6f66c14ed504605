//! Who is behind a reverse proxy.

use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use http::{HeaderMap, HeaderName, HeaderValue};

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// A reverse proxy whose word about the addresses of clients is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TrustedProxy {
    /// Those whose addresses begin with these bits.
    Network {
        /// An address of the network.
        address: IpAddr,
        /// How many bits all its addresses have in common.
        bits: u8,
    },
    /// Whoever connects through a socket in the file system.
    Unix,
}

/// A text that is neither an address, a network such as `10.0.0.0/8`, nor `unix`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected an address, a network such as 10.0.0.0/8, or \"unix\"")]
pub struct ParseTrustedProxyError;

impl FromStr for TrustedProxy {
    type Err = ParseTrustedProxyError;

    fn from_str(text: &str) -> Result<TrustedProxy, ParseTrustedProxyError> {
        if text == "unix" {
            return Ok(TrustedProxy::Unix);
        }
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| ParseTrustedProxyError)?;
        let all = if address.is_ipv4() { 32 } else { 128 };
        let bits = match bits {
            Some(bits) => bits.parse().map_err(|_| ParseTrustedProxyError)?,
            None => all,
        };
        if bits > all {
            return Err(ParseTrustedProxyError);
        }
        Ok(TrustedProxy::Network { address, bits })
    }
}

impl TrustedProxy {
    fn is(&self, peer: Option<IpAddr>) -> bool {
        match (*self, peer) {
            (TrustedProxy::Unix, None) => true,
            (TrustedProxy::Network { address, bits }, Some(peer)) => {
                let differing = left_aligned(address) ^ left_aligned(peer);
                // A shift by 128 bits leaves nothing that could differ.
                let differs = differing.checked_shr(128 - u32::from(bits)).unwrap_or(0) != 0;
                address.is_ipv4() == peer.is_ipv4() && !differs
            }
            (TrustedProxy::Unix, Some(_)) | (TrustedProxy::Network { .. }, None) => false,
        }
    }
}

fn left_aligned(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => u128::from(address.to_bits()) << 96,
        IpAddr::V6(address) => address.to_bits(),
    }
}

/// Returns where a request came from. `None` if that was a socket in the file system, and nobody who is
/// trusted says more.
///
/// Proxies append to `X-Forwarded-For`, so it is read from its end: the first address that is not a
/// trusted proxy is the client's, and what stands before it may be made up.
pub(crate) fn client_address(
    peer: Option<SocketAddr>,
    headers: &HeaderMap,
    trusted: &[TrustedProxy],
) -> Option<SocketAddr> {
    let is_trusted = |address| trusted.iter().any(|proxy| proxy.is(address));
    let mut nearest = peer;
    if !is_trusted(peer.map(|peer| peer.ip())) {
        return nearest;
    }
    let values = headers.get_all(X_FORWARDED_FOR).into_iter();
    let values: Vec<&[u8]> = values.map(HeaderValue::as_bytes).collect();
    for hop in values.iter().rev().flat_map(|value| value.rsplit(|byte| *byte == b',')) {
        let hop = str::from_utf8(hop).ok().and_then(|hop| parse_hop(hop.trim()));
        let Some(address) = hop else { return nearest };
        nearest = Some(address);
        if !is_trusted(Some(address.ip())) {
            return nearest;
        }
    }
    nearest
}

/// Reads an address with or without a port, in brackets or not.
fn parse_hop(hop: &str) -> Option<SocketAddr> {
    let bare = hop.strip_prefix('[').and_then(|hop| hop.strip_suffix(']')).unwrap_or(hop);
    let address = bare.parse().map(|ip: IpAddr| SocketAddr::new(ip, 0)).or_else(|_| hop.parse());
    let address = address.ok()?;
    Some(SocketAddr::new(address.ip().to_canonical(), address.port()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(peer: Option<&str>, forwarded: &[&'static str], trusted: &[&str]) -> Option<String> {
        let peer = peer.map(|peer| SocketAddr::new(peer.parse().expect("an address"), 1));
        let trusted: Vec<TrustedProxy> =
            trusted.iter().map(|proxy| proxy.parse().expect("valid")).collect();
        let mut headers = HeaderMap::new();
        for value in forwarded {
            headers.append(X_FORWARDED_FOR, HeaderValue::from_static(value));
        }
        client_address(peer, &headers, &trusted).map(|address| address.ip().to_string())
    }

    #[test]
    fn strangers_are_not_believed() {
        let peer = Some("192.0.2.1");
        assert_eq!(client(peer, &["203.0.113.9"], &[]).as_deref(), peer);
        assert_eq!(client(peer, &["203.0.113.9"], &["192.0.2.2", "unix"]).as_deref(), peer);
        assert_eq!(client(None, &["203.0.113.9"], &["0.0.0.0/0"]), None);
    }

    #[test]
    fn a_trusted_proxy_is_believed_about_the_last_hop_and_no_more() {
        let trusted = ["192.0.2.0/24", "unix"];
        let said = ["10.0.0.1, 203.0.113.9"];
        assert_eq!(client(Some("192.0.2.1"), &said, &trusted).as_deref(), Some("203.0.113.9"));
        assert_eq!(client(None, &said, &trusted).as_deref(), Some("203.0.113.9"));
        assert_eq!(client(Some("192.0.2.1"), &[], &trusted).as_deref(), Some("192.0.2.1"));
        assert_eq!(client(None, &[], &trusted), None);
    }

    #[test]
    fn a_chain_of_trusted_proxies_is_followed_over_several_headers() {
        let said = ["1.1.1.1, 203.0.113.9", "[2001:db8::1]:99 , 192.0.2.7"];
        let trusted = ["192.0.2.0/24", "2001:db8::/32"];
        assert_eq!(client(Some("192.0.2.1"), &said, &trusted).as_deref(), Some("203.0.113.9"));
    }

    #[test]
    fn what_is_no_address_ends_the_chain() {
        let trusted = ["192.0.2.0/24"];
        let said = ["203.0.113.9, unknown, 192.0.2.7"];
        assert_eq!(client(Some("192.0.2.1"), &said, &trusted).as_deref(), Some("192.0.2.7"));
        let mapped = ["::ffff:203.0.113.9"];
        assert_eq!(client(Some("192.0.2.1"), &mapped, &trusted).as_deref(), Some("203.0.113.9"));
    }

    #[test]
    fn networks_are_compared_bit_by_bit() {
        let proxy: TrustedProxy = "10.128.0.0/9".parse().expect("valid");
        assert!(proxy.is(Some("10.129.1.1".parse().expect("valid"))));
        assert!(!proxy.is(Some("10.127.1.1".parse().expect("valid"))));
        assert!(!proxy.is(Some("a80::".parse().expect("valid"))));
        for text in ["", "10.0.0.0/33", "10.0.0.0/", "example.org", "::/129", "10/8"] {
            assert_eq!(text.parse::<TrustedProxy>(), Err(ParseTrustedProxyError), "{text}");
        }
    }

    #[test]
    fn what_a_client_writes_does_not_hide_what_its_proxy_appends() {
        let mut headers = HeaderMap::new();
        let forwarded = HeaderValue::from_bytes(b"\xe9, 203.0.113.9").expect("it can be sent");
        headers.append(X_FORWARDED_FOR, forwarded);
        let peer = "127.0.0.1:1".parse().expect("an address");
        let trusted = ["127.0.0.1".parse().expect("valid")];
        let client = client_address(Some(peer), &headers, &trusted).expect("it is known");
        assert_eq!(client.ip().to_string(), "203.0.113.9");
    }
}
