//! How many connections that have not said anything yet one address may have.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use galene_auth::network;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How many connections of one address are attended to before they have made a request. A browser opens
/// six at a time. When a lecture joins from behind one NAT or proxy there are more for a moment, and
/// they take turns.
const MAX_PER_ADDRESS: usize = 64;
/// How many more may wait for their turn. Each costs a file descriptor and a few kilobytes.
const MAX_WAITING: usize = 1024;

/// The connections that are half open, by address.
///
/// The map holds no more addresses than there are connections.
#[derive(Debug, Clone, Default)]
pub(crate) struct HalfOpen {
    addresses: Arc<Mutex<HashMap<IpAddr, Address>>>,
}

#[derive(Debug)]
struct Address {
    turns: Arc<Semaphore>,
    connections: usize,
}

/// One half-open connection. Dropped when its first request is there, or when it is gone.
#[derive(Debug)]
pub(crate) struct HalfOpenGuard {
    half_open: HalfOpen,
    ip: IpAddr,
    turn: Option<OwnedSemaphorePermit>,
}

impl HalfOpen {
    /// Waits till it is a new connection's turn. `None` if too many of its address wait already.
    pub(crate) async fn enter(&self, ip: IpAddr) -> Option<HalfOpenGuard> {
        let (mut guard, turns) = self.register(network(ip))?;
        guard.turn = Some(turns.acquire_owned().await.expect("nobody closes the semaphore"));
        Some(guard)
    }

    fn register(&self, ip: IpAddr) -> Option<(HalfOpenGuard, Arc<Semaphore>)> {
        let mut addresses = self.lock();
        let address = addresses.entry(ip).or_insert_with(|| Address {
            turns: Arc::new(Semaphore::new(MAX_PER_ADDRESS)),
            connections: 0,
        });
        if address.connections >= MAX_PER_ADDRESS + MAX_WAITING {
            return None;
        }
        address.connections += 1;
        let guard = HalfOpenGuard { half_open: self.clone(), ip, turn: None };
        Some((guard, Arc::clone(&address.turns)))
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<IpAddr, Address>> {
        self.addresses.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for HalfOpenGuard {
    fn drop(&mut self) {
        drop(self.turn.take());
        let mut addresses = self.half_open.lock();
        if let Some(address) = addresses.get_mut(&self.ip) {
            address.connections -= 1;
            if address.connections == 0 {
                addresses.remove(&self.ip);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[tokio::test]
    async fn an_address_with_too_many_waits_and_others_do_not() {
        let half_open = HalfOpen::default();
        let [one, same_host, other]: [IpAddr; 3] =
            ["2001:db8::1", "2001:db8::2", "2001:db8:0:1::1"]
                .map(|ip| ip.parse().expect("an address"));
        let mut guards = Vec::new();
        for _ in 0..MAX_PER_ADDRESS {
            guards.push(half_open.enter(one).await.expect("there is room"));
        }
        let mut waiting = Box::pin(half_open.enter(same_host));
        assert!(waiting.as_mut().now_or_never().is_none());
        assert!(half_open.enter(other).now_or_never().is_some());

        guards.pop();
        guards.extend(waiting.now_or_never().expect("it is its turn"));
        guards.clear();
        assert!(half_open.lock().is_empty());
    }

    #[tokio::test]
    async fn a_queue_that_is_too_long_takes_nobody() {
        let half_open = HalfOpen::default();
        let ip = IpAddr::from([192, 0, 2, 1]);
        let mut waiting = Vec::new();
        for _ in 0..MAX_PER_ADDRESS + MAX_WAITING {
            let mut entering = Box::pin(half_open.enter(ip));
            waiting.push((entering.as_mut().now_or_never(), entering));
        }
        assert!(matches!(half_open.enter(ip).now_or_never(), Some(None)));
        drop(waiting);
        assert!(half_open.lock().is_empty(), "those who give up are forgotten");
    }
}
