//! How many connections that have not said anything yet one address may have.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

/// How many there may be per address. A browser opens six at a time; a class behind one NAT that
/// joins at once is still below, since each is half open only for the time of a TLS handshake.
const MAX_PER_ADDRESS: usize = 64;

/// The connections that are half open, counted by address.
///
/// The map holds no more addresses than there are connections.
#[derive(Debug, Clone, Default)]
pub(crate) struct HalfOpen {
    counts: Arc<Mutex<HashMap<IpAddr, usize>>>,
}

/// One half-open connection. Dropped when its first request is there, or when it is gone.
#[derive(Debug)]
pub(crate) struct HalfOpenGuard {
    counts: Arc<Mutex<HashMap<IpAddr, usize>>>,
    ip: IpAddr,
}

impl HalfOpen {
    /// Counts a new connection. `None` if the address has too many already.
    pub(crate) fn enter(&self, ip: IpAddr) -> Option<HalfOpenGuard> {
        let ip = network(ip);
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(ip).or_insert(0);
        if *count >= MAX_PER_ADDRESS {
            return None;
        }
        *count += 1;
        drop(counts);
        Some(HalfOpenGuard { counts: Arc::clone(&self.counts), ip })
    }
}

impl Drop for HalfOpenGuard {
    fn drop(&mut self) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = counts.get_mut(&self.ip) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.ip);
            }
        }
    }
}

/// What counts as one address: with IPv6 the /64, which is what a single host gets to itself.
fn network(ip: IpAddr) -> IpAddr {
    match ip.to_canonical() {
        IpAddr::V4(ip) => IpAddr::V4(ip),
        IpAddr::V6(ip) => {
            let [a, b, c, d, ..] = ip.segments();
            IpAddr::from([a, b, c, d, 0, 0, 0, 0])
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_with_too_many_waits_and_others_do_not() {
        let half_open = HalfOpen::default();
        let [one, same_host, other]: [IpAddr; 3] =
            ["2001:db8::1", "2001:db8::2", "2001:db8:0:1::1"]
                .map(|ip| ip.parse().expect("an address"));
        let mut guards: Vec<_> =
            (0..MAX_PER_ADDRESS).map(|_| half_open.enter(one).expect("there is room")).collect();
        assert!(half_open.enter(one).is_none());
        assert!(half_open.enter(same_host).is_none());
        assert!(half_open.enter(other).is_some());

        guards.pop();
        assert!(half_open.enter(one).is_some());
        guards.clear();
        assert!(half_open.counts.lock().expect("not poisoned").is_empty());
    }
}
