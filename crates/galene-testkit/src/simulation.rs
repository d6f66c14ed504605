//! Runs nodes over a virtual network, jumping from deadline to deadline.

use std::any::Any;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::marker::PhantomData;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::epoch;
use crate::network::Network;
use crate::node::Node;

/// A network, the nodes on it, and the virtual time.
///
/// Nodes are added with [`add`](Self::add), which returns a key of the node's own type:
/// `simulation.get(key)` looks at the node, `simulation.get_mut(key)` changes it, and what the node
/// then wants to send is collected in the next step.
pub struct Simulation {
    now: Instant,
    network: Network,
    nodes: Vec<Slot>,
    by_address: BTreeMap<SocketAddr, usize>,
    deadlines: BTreeSet<(Instant, usize)>,
    /// Nodes that were handed out to be changed since the last step.
    touched: BTreeSet<usize>,
}

/// Names a node of a [`Simulation`], and says of what type it is.
pub struct NodeKey<N> {
    index: usize,
    node: PhantomData<fn() -> N>,
}

struct Slot {
    /// `None` once removed.
    node: Option<Box<dyn Node>>,
    deadline: Option<Instant>,
}

/// So many times in a row a node may want to be called again without time passing. A browser peer
/// with a hundred tracks needs a few hundred; more is an endless loop.
const MAX_STEPS_AT_ONE_INSTANT: u32 = 10_000;

impl Simulation {
    /// Returns a simulation without nodes, at [`epoch`].
    ///
    /// The thread's default random generator, from which the engine draws identifiers and SSRCs, is
    /// seeded as well; keys and nonces of DTLS remain random.
    pub fn new(seed: u64) -> Self {
        fastrand::seed(seed);
        Self {
            now: epoch(),
            network: Network::new(seed),
            nodes: Vec::new(),
            by_address: BTreeMap::new(),
            deadlines: BTreeSet::new(),
            touched: BTreeSet::new(),
        }
    }

    /// Adds a node, reachable at these addresses.
    ///
    /// # Panics
    ///
    /// Panics if another node has one of the addresses.
    pub fn add<N: Node>(&mut self, addresses: &[SocketAddr], node: N) -> NodeKey<N> {
        let key = NodeKey { index: self.nodes.len(), node: PhantomData };
        self.nodes.push(Slot { node: Some(Box::new(node)), deadline: None });
        self.touched.insert(key.index);
        for &address in addresses {
            self.add_address(key, address);
        }
        key
    }

    /// Makes a node reachable at one more address.
    ///
    /// # Panics
    ///
    /// Panics if another node has the address.
    pub fn add_address<N: Node>(&mut self, key: NodeKey<N>, address: SocketAddr) {
        let old = self.by_address.insert(address, key.index);
        assert!(old.is_none_or(|old| old == key.index), "{address} belongs to another node");
    }

    /// Takes a node off the network, as if its machine had lost power. Its addresses become free.
    ///
    /// # Panics
    ///
    /// Panics if the node was removed already.
    pub fn remove<N: Node>(&mut self, key: NodeKey<N>) -> Box<N> {
        self.by_address.retain(|_, index| *index != key.index);
        let slot = &mut self.nodes[key.index];
        if let Some(deadline) = slot.deadline.take() {
            self.deadlines.remove(&(deadline, key.index));
        }
        let node: Box<dyn Any> = slot.node.take().expect("the node was removed already");
        node.downcast().expect("a key carries the type of its node")
    }

    /// Returns whether the node is still there.
    pub fn contains<N: Node>(&self, key: NodeKey<N>) -> bool {
        self.nodes[key.index].node.is_some()
    }

    /// Looks at a node.
    ///
    /// # Panics
    ///
    /// Panics if the node was removed.
    pub fn get<N: Node>(&self, key: NodeKey<N>) -> &N {
        let node: &dyn Any = self.nodes[key.index].node.as_deref().expect("the node was removed");
        node.downcast_ref().expect("a key carries the type of its node")
    }

    /// Changes a node.
    ///
    /// # Panics
    ///
    /// Panics if the node was removed.
    pub fn get_mut<N: Node>(&mut self, key: NodeKey<N>) -> &mut N {
        self.touched.insert(key.index);
        let node = self.nodes[key.index].node.as_deref_mut().expect("the node was removed");
        let node: &mut dyn Any = node;
        node.downcast_mut().expect("a key carries the type of its node")
    }

    /// Advances to the next deadline of anything and handles what is due there; or, if that is after
    /// `until`, advances to `until` and returns `false`.
    pub fn step(&mut self, until: Instant) -> bool {
        for index in std::mem::take(&mut self.touched) {
            self.wake(index);
        }
        let next = self.next_deadline().map(|deadline| deadline.max(self.now));
        let Some(next) = next.filter(|&next| next <= until) else {
            self.now = self.now.max(until);
            return false;
        };
        self.now = next;
        self.settle();
        true
    }

    /// Advances to `until`.
    pub fn run_until(&mut self, until: Instant) {
        while self.step(until) {}
    }

    /// Advances by `duration`.
    pub fn run_for(&mut self, duration: Duration) {
        self.run_until(self.now + duration);
    }

    /// Advances until `condition` holds; returns whether it did within `limit`.
    #[must_use]
    pub fn run_until_true(
        &mut self,
        limit: Duration,
        mut condition: impl FnMut(&mut Self) -> bool,
    ) -> bool {
        let until = self.now + limit;
        loop {
            if condition(self) {
                return true;
            }
            if !self.step(until) {
                return condition(self);
            }
        }
    }

    /// Returns the virtual time.
    pub fn now(&self) -> Instant {
        self.now
    }

    /// Returns how much virtual time has passed.
    pub fn elapsed(&self) -> Duration {
        self.now - epoch()
    }

    /// Returns the network.
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// Returns the network, to be changed.
    pub fn network_mut(&mut self) -> &mut Network {
        &mut self.network
    }

    fn next_deadline(&self) -> Option<Instant> {
        let node = self.deadlines.first().map(|&(deadline, _)| deadline);
        [node, self.network.next_deadline()].into_iter().flatten().min()
    }

    /// Handles all that is due now: arrivals first, in the order in which they arrive, then timers.
    fn settle(&mut self) {
        for _ in 0..MAX_STEPS_AT_ONE_INSTANT {
            if let Some(datagram) = self.network.poll(self.now) {
                let Some(&index) = self.by_address.get(&datagram.destination) else { continue };
                if let Some(node) = self.nodes[index].node.as_mut() {
                    node.handle_datagram(self.now, &datagram);
                    self.collect(index);
                }
            } else if let Some(&(deadline, index)) = self.deadlines.first()
                && deadline <= self.now
            {
                self.wake(index);
            } else {
                return;
            }
        }
        let index = self.deadlines.first().map(|&(_, index)| index);
        panic!("time stands still; the next node with something to do is {index:?}");
    }

    fn wake(&mut self, index: usize) {
        if let Some(node) = self.nodes[index].node.as_mut() {
            node.handle_timeout(self.now);
            self.collect(index);
        }
    }

    /// Sends what the node wants to send and notes when it wants to be called.
    fn collect(&mut self, index: usize) {
        let slot = &mut self.nodes[index];
        let Some(node) = slot.node.as_mut() else { return };
        while let Some(datagram) = node.poll_transmit() {
            self.network.send(self.now, datagram);
        }
        let next = node.poll_timeout();
        if next != slot.deadline {
            if let Some(old) = std::mem::replace(&mut slot.deadline, next) {
                self.deadlines.remove(&(old, index));
            }
            if let Some(new) = next {
                self.deadlines.insert((new, index));
            }
        }
    }
}

impl fmt::Debug for Simulation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Simulation")
            .field("elapsed", &self.elapsed())
            .field("network", &self.network)
            .field("nodes", &self.nodes.len())
            .finish_non_exhaustive()
    }
}

impl<N> Clone for NodeKey<N> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<N> Copy for NodeKey<N> {}

impl<N> fmt::Debug for NodeKey<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NodeKey({})", self.index)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use super::*;
    use crate::address;
    use crate::node::Datagram;

    #[test]
    fn datagrams_travel_and_timers_fire_in_virtual_time() {
        let mut simulation = Simulation::new(1);
        let pinger = simulation.add(&[address(1)], Pinger::new(Some(Duration::from_secs(60))));
        let echo = simulation.add(&[address(2)], Pinger::new(None));
        simulation.get_mut(pinger).ping(epoch());

        simulation.run_for(Duration::from_secs(3600));
        assert_eq!(simulation.elapsed(), Duration::from_secs(3600));
        assert_eq!(simulation.get(echo).received, 60);
        // The last ping was sent just now.
        assert_eq!(simulation.get(pinger).received, 60);
    }

    #[test]
    fn a_removed_node_neither_sends_nor_receives() {
        let mut simulation = Simulation::new(1);
        let pinger = simulation.add(&[address(1)], Pinger::new(Some(Duration::from_secs(60))));
        let echo = simulation.add(&[address(2)], Pinger::new(None));
        assert!(
            simulation
                .run_until_true(Duration::from_secs(3600), |s| { s.get(pinger).received == 2 })
        );
        simulation.remove(echo);
        simulation.run_for(Duration::from_secs(3600));
        assert!(!simulation.contains(echo));
        assert_eq!(simulation.get(pinger).received, 2);
    }

    #[test]
    #[should_panic(expected = "time stands still")]
    fn a_node_that_never_rests_is_found_out() {
        let mut simulation = Simulation::new(1);
        simulation.add(&[address(1)], Pinger::new(Some(Duration::ZERO)));
        simulation.run_for(Duration::from_secs(1));
    }

    /// Sends a datagram at each interval, or sends back what it gets.
    struct Pinger {
        interval: Option<Duration>,
        next: Option<Instant>,
        outgoing: VecDeque<Datagram>,
        received: u32,
    }

    impl Pinger {
        fn new(interval: Option<Duration>) -> Self {
            let next = interval.map(|interval| epoch() + interval);
            Self { interval, next, outgoing: VecDeque::new(), received: 0 }
        }

        fn ping(&mut self, now: Instant) {
            let (source, destination) = (address(1), address(2));
            let contents = now.duration_since(epoch()).as_micros().to_be_bytes();
            self.outgoing.push_back(Datagram { source, destination, contents: contents.into() });
        }
    }

    impl Node for Pinger {
        fn handle_datagram(&mut self, _now: Instant, datagram: &Datagram) {
            self.received += 1;
            if self.interval.is_none() {
                let (source, destination) = (datagram.destination, datagram.source);
                let contents = datagram.contents.clone();
                self.outgoing.push_back(Datagram { source, destination, contents });
            }
        }

        fn handle_timeout(&mut self, now: Instant) {
            if let Some(next) = self.next
                && next <= now
            {
                self.next = self.interval.map(|interval| next + interval);
                self.ping(now);
            }
        }

        fn poll_transmit(&mut self) -> Option<Datagram> {
            self.outgoing.pop_front()
        }

        fn poll_timeout(&mut self) -> Option<Instant> {
            self.next
        }
    }
}
