//! What counts as one address.

use std::net::{IpAddr, Ipv6Addr};

/// Returns what one subscriber of a network has: an address, or 64 bits of an IPv6 address (RFC 6177).
///
/// Whoever counts what comes from an address counts this, for a single host may use all of it.
pub fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
        address @ IpAddr::V4(_) => address,
    }
}
