//! From where things leave for the server.

use std::net::{IpAddr, SocketAddr, UdpSocket};

use str0m::Candidate;
use str0m::net::Protocol;

use crate::socket::any_like;

/// Returns the address of this host from which packets leave for the first candidate of an offer, if the
/// offer has one that can be reached.
///
/// It may be another than that of the signalling connection. A browser sends from each address that it
/// names as a candidate, and from no other; a transport that named one and sent from another would have the
/// server look into a second path that nobody will ever use.
pub(crate) fn to_first_candidate(sdp: &str) -> Option<IpAddr> {
    let candidates = sdp
        .lines()
        .filter_map(|line| line.strip_prefix("a="))
        .filter(|line| line.starts_with("candidate:"));
    candidates.filter_map(address).find_map(source)
}

/// Returns the address of a candidate for UDP (RFC 8839 §5.1).
fn address(candidate: &str) -> Option<SocketAddr> {
    let candidate = Candidate::from_sdp_string(candidate).ok()?;
    (candidate.proto() == Protocol::Udp).then(|| candidate.addr())
}

/// Asks the kernel; nothing is sent.
fn source(destination: SocketAddr) -> Option<IpAddr> {
    let socket = UdpSocket::bind((any_like(destination.ip()), 0)).ok()?;
    socket.connect(destination).ok()?;
    Some(socket.local_addr().ok()?.ip())
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[test]
    fn packets_leave_from_where_the_first_candidate_is_reached() {
        let offer = "v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\n\
            a=candidate:1 1 tcp 2 192.0.2.1 9 typ host\r\n\
            a=candidate:1 1 UDP 2 127.0.0.1 9 typ host\r\n\
            a=candidate:1 1 udp 2 192.0.2.1 9 typ host\r\n";
        assert_eq!(to_first_candidate(offer), Some(IpAddr::from(Ipv4Addr::LOCALHOST)));
        assert_eq!(to_first_candidate("v=0\r\na=candidate:1 1 udp 2 x.local 9 typ host\r\n"), None);
    }
}
