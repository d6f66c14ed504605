//! A network in virtual time: datagrams in, and out again later, less often, or twice.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use fastrand::Rng;
use str0m_netem::{Input, Netem, Output};

use crate::node::Datagram;
use crate::profile::Profile;

/// A virtual network that joins all addresses with one another.
///
/// Each pair of addresses has a link with a [`Profile`] for each direction, [`Profile::ideal`] unless
/// set. What a link does depends on the seed, its two addresses and the datagrams that it was given,
/// and on no other link: a peer more or less changes nothing for the others.
pub struct Network {
    seed: u64,
    links: Vec<Link>,
    by_addresses: BTreeMap<(SocketAddr, SocketAddr), usize>,
    /// The links that hold datagrams, by the time of the next delivery.
    deadlines: BTreeSet<(Instant, usize)>,
    filter: Option<Filter>,
    /// How those behind a NAT are seen from outside, and the other way round.
    outside: BTreeMap<SocketAddr, SocketAddr>,
    inside: BTreeMap<SocketAddr, SocketAddr>,
}

/// What happens to a datagram at the moment at which it is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It goes on its way.
    Pass,
    /// It is lost.
    Drop,
}

/// Sees each datagram that is sent, and decides.
pub type Filter = Box<dyn FnMut(Instant, &Datagram) -> Verdict>;

/// What was sent over one direction of a link.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Traffic {
    /// How many datagrams were sent, lost ones included.
    pub datagrams: u64,
    /// How many bytes they had.
    pub bytes: u64,
}

/// One direction between two addresses.
struct Link {
    source: SocketAddr,
    destination: SocketAddr,
    profile: Profile,
    rng: Rng,
    /// How often the profile was set, so that each setting has random numbers of its own.
    generation: u64,
    direct: Netem<Arc<[u8]>>,
    late: Netem<Arc<[u8]>>,
    sent: Traffic,
    /// The entry in [`Network::deadlines`].
    deadline: Option<Instant>,
}

impl Network {
    /// Returns a network of ideal links.
    pub fn new(seed: u64) -> Self {
        Self {
            seed,
            links: Vec::new(),
            by_addresses: BTreeMap::new(),
            deadlines: BTreeSet::new(),
            filter: None,
            outside: BTreeMap::new(),
            inside: BTreeMap::new(),
        }
    }

    /// Lets all others see an address under another one from now on, as a NAT does that has forgotten
    /// what it did before. What is sent to the address itself, or to where it was seen before, is lost.
    ///
    /// The address may be given as it is seen now.
    pub fn rebind(&mut self, address: SocketAddr, outside: SocketAddr) {
        let inside = self.inside.get(&address).copied().unwrap_or(address);
        if let Some(before) = self.outside.insert(inside, outside) {
            self.inside.remove(&before);
        }
        self.inside.insert(outside, inside);
    }

    /// Sets what happens from now on to datagrams from `source` to `destination`. Those on their way
    /// arrive as they would have.
    pub fn set_profile(&mut self, source: SocketAddr, destination: SocketAddr, profile: Profile) {
        let index = self.link(source, destination);
        self.links[index].set_profile(profile, self.seed);
    }

    /// Sets what happens from now on in both directions between two addresses.
    pub fn set_profiles(&mut self, one: SocketAddr, other: SocketAddr, profile: Profile) {
        self.set_profile(one, other, profile);
        self.set_profile(other, one, profile);
    }

    /// Shows each datagram to `filter` before it enters its link, instead of to the filter before.
    pub fn set_filter(
        &mut self,
        filter: impl FnMut(Instant, &Datagram) -> Verdict + 'static,
    ) -> Option<Filter> {
        self.filter.replace(Box::new(filter))
    }

    /// Sends a datagram.
    pub fn send(&mut self, now: Instant, mut datagram: Datagram) {
        if let Some(outside) = self.outside.get(&datagram.source) {
            datagram.source = *outside;
        }
        let index = self.link(datagram.source, datagram.destination);
        self.links[index].sent.datagrams += 1;
        self.links[index].sent.bytes += datagram.contents.len() as u64;
        if let Some(filter) = &mut self.filter
            && filter(now, &datagram) == Verdict::Drop
        {
            return;
        }
        self.links[index].send(now, datagram.contents);
        self.schedule(index);
    }

    /// Returns the next datagram that has arrived by `now`.
    pub fn poll(&mut self, now: Instant) -> Option<Datagram> {
        loop {
            let &(deadline, index) = self.deadlines.first()?;
            if deadline > now {
                return None;
            }
            let link = &mut self.links[index];
            let contents = link.receive(now);
            let (source, seen) = (link.source, link.destination);
            self.schedule(index);
            let destination = match self.inside.get(&seen) {
                Some(inside) => Some(*inside),
                None => Some(seen).filter(|seen| !self.outside.contains_key(seen)),
            };
            if let Some((contents, destination)) = contents.zip(destination) {
                return Some(Datagram { source, destination, contents });
            }
        }
    }

    /// Returns when the next datagram arrives.
    pub fn next_deadline(&self) -> Option<Instant> {
        self.deadlines.first().map(|&(deadline, _)| deadline)
    }

    /// Returns what was sent from `source` to `destination`.
    pub fn sent(&self, source: SocketAddr, destination: SocketAddr) -> Traffic {
        let link = self.by_addresses.get(&(source, destination));
        link.map_or_else(Traffic::default, |&index| self.links[index].sent)
    }

    /// Returns all that was sent to `destination`.
    pub fn sent_to(&self, destination: SocketAddr) -> Traffic {
        let links = self.links.iter().filter(|link| link.destination == destination);
        links.fold(Traffic::default(), |sum, link| Traffic {
            datagrams: sum.datagrams + link.sent.datagrams,
            bytes: sum.bytes + link.sent.bytes,
        })
    }

    fn link(&mut self, source: SocketAddr, destination: SocketAddr) -> usize {
        *self.by_addresses.entry((source, destination)).or_insert_with(|| {
            self.links.push(Link::new(source, destination, self.seed));
            self.links.len() - 1
        })
    }

    /// Puts the link where it now belongs among the deadlines.
    fn schedule(&mut self, index: usize) {
        let link = &mut self.links[index];
        let next = link.next_delivery();
        if next == link.deadline {
            return;
        }
        if let Some(old) = std::mem::replace(&mut link.deadline, next) {
            self.deadlines.remove(&(old, index));
        }
        if let Some(new) = next {
            self.deadlines.insert((new, index));
        }
    }
}

impl fmt::Debug for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Network")
            .field("seed", &self.seed)
            .field("links", &self.links.len())
            .field("next_deadline", &self.next_deadline())
            .finish_non_exhaustive()
    }
}

impl Link {
    fn new(source: SocketAddr, destination: SocketAddr, seed: u64) -> Self {
        let profile = Profile::ideal();
        let seed = link_seed(source, destination, seed, 0);
        Self {
            source,
            destination,
            profile,
            rng: Rng::with_seed(seed),
            generation: 0,
            direct: Netem::new(profile.netem(seed)),
            late: Netem::new(profile.late_netem(!seed)),
            sent: Traffic::default(),
            deadline: None,
        }
    }

    fn set_profile(&mut self, profile: Profile, seed: u64) {
        self.generation += 1;
        let seed = link_seed(self.source, self.destination, seed, self.generation);
        self.profile = profile;
        self.rng = Rng::with_seed(seed);
        self.direct.set_config(profile.netem(seed));
        self.late.set_config(profile.late_netem(!seed));
    }

    fn send(&mut self, now: Instant, contents: Arc<[u8]>) {
        let is_late = self.rng.f32() < self.profile.reorder_probability();
        let netem = if is_late { &mut self.late } else { &mut self.direct };
        netem.handle_input(Input::Packet(now, contents));
    }

    fn receive(&mut self, now: Instant) -> Option<Arc<[u8]>> {
        for netem in [&mut self.direct, &mut self.late] {
            netem.handle_input(Input::Timeout(now));
            if let Some(Output::Packet(contents)) = netem.poll_output() {
                return Some(contents);
            }
        }
        None
    }

    fn next_delivery(&self) -> Option<Instant> {
        // An empty emulator would answer with the real clock.
        let waiting = [&self.direct, &self.late].into_iter().filter(|netem| !netem.is_empty());
        waiting.map(Netem::poll_timeout).min()
    }
}

/// Mixes all that a link's random numbers may depend on.
fn link_seed(source: SocketAddr, destination: SocketAddr, seed: u64, generation: u64) -> u64 {
    let mut hasher = DefaultHasher::new();
    (source, destination, seed, generation).hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::epoch;

    #[test]
    fn an_ideal_link_delivers_everything_in_order_one_millisecond_later() {
        let mut network = Network::new(1);
        let received = send_numbers(&mut network, 50);
        assert_eq!(received.len(), 50);
        for (i, (at, number)) in received.into_iter().enumerate() {
            assert_eq!(usize::from(number), i);
            assert_eq!(at, sent_at(number) + Duration::from_millis(1));
        }
    }

    #[test]
    fn behind_a_nat_that_forgets_only_the_latest_address_leads_back() {
        let [inside, before, after, peer] = [1, 2, 3, 4].map(crate::address);
        let mut network = Network::new(1);
        let seen_from = |network: &mut Network| {
            let contents = Arc::from([1]);
            network.send(epoch(), Datagram { source: inside, destination: peer, contents });
            network.poll(epoch() + Duration::from_secs(1)).map(|datagram| datagram.source)
        };
        let reached = |network: &mut Network, destination| {
            let contents = Arc::from([2]);
            network.send(epoch(), Datagram { source: peer, destination, contents });
            network.poll(epoch() + Duration::from_secs(1)).map(|datagram| datagram.destination)
        };
        assert_eq!(seen_from(&mut network), Some(inside));
        network.rebind(inside, before);
        assert_eq!(seen_from(&mut network), Some(before));
        assert_eq!(reached(&mut network, before), Some(inside));
        network.rebind(before, after);
        assert_eq!(seen_from(&mut network), Some(after));
        assert_eq!(reached(&mut network, after), Some(inside));
        assert_eq!(reached(&mut network, inside), None);
        assert_eq!(reached(&mut network, peer), Some(peer));
    }

    #[test]
    fn loss_is_as_often_as_asked_and_the_same_for_the_same_seed() {
        let lossy = |seed| {
            let mut network = Network::new(seed);
            network.set_profile(ALICE, BOB, Profile::ideal().loss(0.2));
            send_numbers(&mut network, 1000)
        };
        let received = lossy(7);
        assert!((750..=850).contains(&received.len()), "{} of 1000 got through", received.len());
        assert_eq!(received, lossy(7));
        assert_ne!(received, lossy(8));
    }

    #[test]
    fn burst_loss_comes_in_bursts() {
        let mut network = Network::new(1);
        network.set_profile(ALICE, BOB, Profile::ideal().bursts(90.0, 10.0));
        let received = send_numbers(&mut network, 10_000);
        let gaps = received.windows(2).filter(|w| w[1].1 != w[0].1 + 1).count();
        let lost = 10_000 - received.len();
        assert!((500..=1500).contains(&lost), "{lost} of 10000 were lost");
        assert!(lost > 5 * gaps, "{lost} datagrams were lost in {gaps} bursts");
    }

    #[test]
    fn reordered_datagrams_arrive_late_and_none_is_missing() {
        let mut network = Network::new(1);
        let profile = Profile::ideal().reorder(0.1, Duration::from_millis(30));
        network.set_profile(ALICE, BOB, profile);
        let received = send_numbers(&mut network, 1000);
        let late = received.iter().filter(|(at, n)| *at > sent_at(*n) + Duration::from_millis(1));
        assert_eq!(received.len(), 1000);
        assert!((50..=150).contains(&late.clone().count()));
        assert!(late.clone().all(|(at, n)| *at == sent_at(*n) + Duration::from_millis(31)));
    }

    #[test]
    fn duplicates_and_jitter_keep_the_order() {
        let mut network = Network::new(1);
        let profile = Profile::ideal().duplicate(0.1).delay(Duration::from_millis(50));
        network.set_profile(ALICE, BOB, profile.jitter(Duration::from_millis(40)));
        let received = send_numbers(&mut network, 1000);
        assert!((1050..=1150).contains(&received.len()));
        assert!(received.is_sorted_by_key(|(_, number)| *number));
    }

    #[test]
    fn a_bottleneck_delays_and_then_drops() {
        let mut network = Network::new(1);
        // Ten bytes every millisecond are offered to half of that.
        network.set_profile(ALICE, BOB, Profile::ideal().rate(40_000, 500));
        let received = send_numbers(&mut network, 1000);
        assert!((500..=600).contains(&received.len()), "{} got through", received.len());
        let (last_at, last) = *received.last().expect("some got through");
        assert!(last_at > sent_at(last) + Duration::from_millis(80));
    }

    #[test]
    fn a_new_profile_leaves_alone_what_is_on_its_way() {
        let mut network = Network::new(1);
        network.set_profile(ALICE, BOB, Profile::ideal().delay(Duration::from_millis(100)));
        network.send(epoch(), number(1));
        network.set_profile(ALICE, BOB, Profile::ideal().dead());
        network.send(epoch(), number(2));
        let later = epoch() + Duration::from_secs(1);
        assert_eq!(network.poll(later), Some(number(1)));
        assert_eq!(network.poll(later), None);
    }

    #[test]
    fn the_filter_sees_and_drops_and_traffic_is_counted_before_it() {
        let mut network = Network::new(1);
        network.set_filter(|_, datagram| match datagram.contents[0] {
            0 => Verdict::Drop,
            _ => Verdict::Pass,
        });
        network.send(epoch(), number(1));
        network.send(epoch(), number(256));
        let later = epoch() + Duration::from_secs(1);
        assert_eq!(network.poll(later), Some(number(256)));
        assert_eq!(network.poll(later), None);
        assert_eq!(network.sent(ALICE, BOB), Traffic { datagrams: 2, bytes: 20 });
        assert_eq!(network.sent_to(BOB), network.sent(ALICE, BOB));
        assert_eq!(network.sent_to(ALICE), Traffic::default());
    }

    const ALICE: SocketAddr = crate::address(1);
    const BOB: SocketAddr = crate::address(2);

    fn number(number: u16) -> Datagram {
        let mut contents = vec![0; 10];
        contents[..2].copy_from_slice(&number.to_be_bytes());
        Datagram { source: ALICE, destination: BOB, contents: contents.into() }
    }

    fn sent_at(number: u16) -> Instant {
        epoch() + Duration::from_millis(number.into())
    }

    /// Sends a numbered datagram each millisecond; returns what arrives, and when.
    fn send_numbers(network: &mut Network, count: u16) -> Vec<(Instant, u16)> {
        let mut received = Vec::new();
        let mut drain = |network: &mut Network, until| {
            while let Some(at) = network.next_deadline().filter(|&at| at <= until) {
                while let Some(datagram) = network.poll(at) {
                    let number = u16::from_be_bytes([datagram.contents[0], datagram.contents[1]]);
                    received.push((at, number));
                }
            }
        };
        for i in 0..count {
            drain(network, sent_at(i));
            network.send(sent_at(i), number(i));
        }
        drain(network, sent_at(count) + Duration::from_secs(10));
        received
    }
}
