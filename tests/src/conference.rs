//! A forwarding core, its peers, and the signalling between them, in virtual time.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use galene_sfu::{
    Codec, Command, EgressKind, EncodingChoice, Event, Priority, ShardId, TrackId, TrackRequest,
    TransportId, TransportStatistics,
};
use galene_testkit::{
    NodeKey, Profile, PublisherConfig, PublisherPeer, Report, Simulation, SubscriberConfig,
    SubscriberPeer, address, epoch,
};

use crate::SfuNode;

/// A forwarding core with publishers and subscribers.
///
/// Descriptions and candidates travel beside the media, and take their time. Which tracks a subscriber
/// gets is up to the test.
#[derive(Debug)]
pub struct Conference {
    simulation: Simulation,
    sfu: NodeKey<SfuNode>,
    publishers: BTreeMap<TransportId, NodeKey<PublisherPeer>>,
    subscribers: BTreeMap<TransportId, NodeKey<SubscriberPeer>>,
    addresses: BTreeMap<TransportId, SocketAddr>,
    /// What is on its way between peers and core, by the time of its arrival and a counter.
    signals: BTreeMap<(Instant, u64), Signal>,
    sent_signals: u64,
    started: BTreeMap<TrackId, Codec>,
    events: Vec<(Instant, Event)>,
    /// The publishers that stop what nobody asks for.
    obedient: BTreeSet<TransportId>,
    next_transport: u64,
}

/// Where the core is reached.
pub const CORE: SocketAddr = address(1);

/// Something on its way over the WebSocket.
#[derive(Debug)]
enum Signal {
    ToCore(Command),
    /// Our offer or answer.
    Description(TransportId, String),
    /// One of our candidates.
    Candidate(TransportId, String),
    /// Which encodings of a track are asked for.
    Encodings(TrackId, Vec<bool>),
}

/// How long a signal takes: longer than a datagram, so that connectivity checks overtake answers.
const SIGNAL_DELAY: Duration = Duration::from_millis(20);

/// Candidates follow their description at this distance, as a browser finds them one by one.
const TRICKLE_INTERVAL: Duration = Duration::from_millis(5);

impl Conference {
    /// Returns a core of so many shards without peers, which will come to the shards in turn.
    pub fn new(shards: u16, seed: u64) -> Self {
        Self::with_egress(EgressKind::default(), shards, seed)
    }

    /// Returns a core without peers that sends in this way.
    pub fn with_egress(egress: EgressKind, shards: u16, seed: u64) -> Self {
        let mut simulation = Simulation::new(seed);
        let core = SfuNode::new(CORE, shards, egress, seed, epoch());
        let sfu = simulation.add(&[CORE], core);
        Self {
            simulation,
            sfu,
            publishers: BTreeMap::new(),
            subscribers: BTreeMap::new(),
            addresses: BTreeMap::new(),
            signals: BTreeMap::new(),
            sent_signals: 0,
            started: BTreeMap::new(),
            events: Vec::new(),
            obedient: BTreeSet::new(),
            next_transport: 0,
        }
    }

    /// Adds a publisher at an address of its own and sends its offer. `configure` says what it is.
    pub fn publish(
        &mut self,
        configure: impl FnOnce(PublisherConfig) -> PublisherConfig,
    ) -> TransportId {
        let (id, address) = self.next_peer();
        let config = configure(PublisherConfig::new(address));
        let peer = PublisherPeer::new(self.simulation.now(), config);
        self.publishers.insert(id, self.simulation.add(&[address], peer));
        self.renegotiate(id, PublisherPeer::offer);
        id
    }

    /// Lets a publisher stop encodings that nobody asks for, from the next that it hears of that on.
    pub fn obey(&mut self, id: TransportId) {
        self.obedient.insert(id);
    }

    /// Sends another offer of a publisher, which `offer` makes.
    pub fn renegotiate(
        &mut self,
        id: TransportId,
        offer: impl FnOnce(&mut PublisherPeer) -> String,
    ) {
        let peer = self.simulation.get_mut(self.publishers[&id]);
        let sdp = offer(peer);
        let candidates = peer.candidates(&sdp);
        let codecs = ALL_CODECS.to_vec();
        self.send(Signal::ToCore(Command::Offer { transport: id, sdp, codecs }), 0);
        self.trickle(id, candidates);
    }

    /// Adds a subscriber at an address of its own and lets it have these tracks, the best encoding of
    /// each.
    pub fn subscribe(
        &mut self,
        tracks: &[TrackId],
        configure: impl FnOnce(SubscriberConfig) -> SubscriberConfig,
    ) -> TransportId {
        let (id, address) = self.next_peer();
        let config = configure(SubscriberConfig::new(address));
        let peer = SubscriberPeer::new(self.simulation.now(), config);
        self.subscribers.insert(id, self.simulation.add(&[address], peer));
        self.resubscribe(id, tracks, EncodingChoice::Best);
        id
    }

    /// Lets a subscriber have these tracks instead of those before.
    pub fn resubscribe(&mut self, id: TransportId, tracks: &[TrackId], encoding: EncodingChoice) {
        let tracks = tracks
            .iter()
            .map(|&track| TrackRequest::new(track, self.shard(track.transport), encoding))
            .collect();
        self.want(id, tracks);
    }

    /// Lets a subscriber have the best of these tracks, of which one matters more than the others.
    pub fn prefer(&mut self, id: TransportId, tracks: &[TrackId], favourite: TrackId) {
        let request = |&track: &TrackId| TrackRequest {
            priority: if track == favourite { Priority::High } else { Priority::Normal },
            ..TrackRequest::new(track, self.shard(track.transport), EncodingChoice::Best)
        };
        let tracks = tracks.iter().map(request).collect();
        self.want(id, tracks);
    }

    fn want(&mut self, id: TransportId, tracks: Vec<TrackRequest>) {
        self.command(Command::Subscribe {
            transport: id,
            client: galene_sfu::ClientId(id.0),
            stream_id: "stream".to_owned(),
            tracks,
        });
    }

    /// Gives the core a command, at once.
    pub fn command(&mut self, command: Command) {
        let now = self.simulation.now();
        let shard = self.shard(addressee(&command));
        self.simulation.get_mut(self.sfu).handle_command(now, shard, command);
        self.collect_events();
    }

    fn shard(&self, transport: TransportId) -> ShardId {
        self.core().shard_in_turn(transport.0)
    }

    /// Sends a command to the core in place of a peer, to arrive when a signal would.
    pub fn signal(&mut self, command: Command) {
        self.send(Signal::ToCore(command), 0);
    }

    /// Lets the core close a transport.
    pub fn close(&mut self, id: TransportId) {
        self.started.retain(|track, _| track.transport != id);
        self.command(Command::Close { transport: id });
    }

    /// Cuts a peer off without a word, as if its machine had lost power.
    pub fn kill(&mut self, id: TransportId) {
        if let Some(key) = self.publishers.remove(&id) {
            self.simulation.remove(key);
        }
        if let Some(key) = self.subscribers.remove(&id) {
            self.simulation.remove(key);
        }
    }

    /// Sets the links between a peer and the core, in both directions.
    pub fn set_network(&mut self, id: TransportId, profile: Profile) {
        let peer = self.address(id);
        self.simulation.network_mut().set_profiles(CORE, peer, profile);
    }

    /// Lets a peer be reached at a new address too, and returns it.
    pub fn add_address(&mut self, id: TransportId) -> SocketAddr {
        let (_, address) = self.next_peer();
        if let Some(key) = self.publishers.get(&id) {
            self.simulation.add_address(*key, address);
        }
        if let Some(key) = self.subscribers.get(&id) {
            self.simulation.add_address(*key, address);
        }
        self.addresses.insert(id, address);
        address
    }

    /// Lets a peer be seen at a new address and no longer at the one before, of which neither it nor its
    /// signalling knows: its NAT has forgotten it. Returns the new address.
    pub fn rebind(&mut self, id: TransportId) -> SocketAddr {
        let before = self.address(id);
        let (_, outside) = self.next_peer();
        self.simulation.network_mut().rebind(before, outside);
        self.addresses.insert(id, outside);
        outside
    }

    /// Advances by `duration`.
    pub fn run_for(&mut self, duration: Duration) {
        let until = self.simulation.now() + duration;
        while self.step(until) {}
    }

    /// Advances until `condition` holds; returns whether it did within `limit`.
    #[must_use]
    pub fn run_until(&mut self, limit: Duration, mut condition: impl FnMut(&Self) -> bool) -> bool {
        let until = self.simulation.now() + limit;
        while !condition(self) {
            if !self.step(until) {
                return condition(self);
            }
        }
        true
    }

    /// Advances until these publishers have so many tracks each, and returns the tracks of all.
    ///
    /// # Panics
    ///
    /// Panics if that takes longer than five seconds.
    pub fn wait_for_tracks(&mut self, publishers: &[TransportId], count: usize) -> Vec<TrackId> {
        for &id in publishers {
            let started = self.run_until(Duration::from_secs(5), |c| c.tracks(id).len() == count);
            assert!(started, "{id} has the tracks {:?}", self.tracks(id));
        }
        publishers.iter().flat_map(|&id| self.tracks(id)).collect()
    }

    /// Returns the tracks of a publisher that started and did not end.
    pub fn tracks(&self, id: TransportId) -> Vec<TrackId> {
        self.started.keys().filter(|track| track.transport == id).copied().collect()
    }

    /// Returns the codec in which a track started.
    pub fn codec(&self, track: TrackId) -> Option<Codec> {
        self.started.get(&track).copied()
    }

    /// Returns all that the core reported about a transport, with the time.
    pub fn events(&self, id: TransportId) -> impl Iterator<Item = &(Instant, Event)> {
        self.events.iter().filter(move |(_, event)| transport_of(event) == id)
    }

    /// Returns what the core tells of a transport, if it is there.
    pub fn statistics(&self, id: TransportId) -> Option<TransportStatistics> {
        self.core().statistics(id)
    }

    /// Returns the virtual network, time and nodes.
    pub fn simulation(&mut self) -> &mut Simulation {
        &mut self.simulation
    }

    /// Returns the virtual time.
    pub fn now(&self) -> Instant {
        self.simulation.now()
    }

    /// Returns the core.
    pub fn core(&self) -> &SfuNode {
        self.simulation.get(self.sfu)
    }

    /// Returns the core, to be changed.
    pub fn core_mut(&mut self) -> &mut SfuNode {
        self.simulation.get_mut(self.sfu)
    }

    /// Returns a publisher.
    pub fn publisher(&self, id: TransportId) -> &PublisherPeer {
        self.simulation.get(self.publishers[&id])
    }

    /// Returns a publisher, to be changed.
    pub fn publisher_mut(&mut self, id: TransportId) -> &mut PublisherPeer {
        self.simulation.get_mut(self.publishers[&id])
    }

    /// Returns a subscriber.
    pub fn subscriber(&self, id: TransportId) -> &SubscriberPeer {
        self.simulation.get(self.subscribers[&id])
    }

    /// Returns a subscriber, to be changed.
    pub fn subscriber_mut(&mut self, id: TransportId) -> &mut SubscriberPeer {
        self.simulation.get_mut(self.subscribers[&id])
    }

    /// Returns the address of a peer.
    pub fn address(&self, id: TransportId) -> SocketAddr {
        self.addresses[&id]
    }

    /// Returns what a subscriber has got of the stream with these stamps so far.
    ///
    /// # Panics
    ///
    /// Panics if it has got nothing.
    pub fn report(&self, subscriber: TransportId, stream: u32) -> Report {
        let track = self.subscriber(subscriber).track_from(stream);
        let track = track.unwrap_or_else(|| panic!("{subscriber} has nothing of stream {stream}"));
        track.checker().report()
    }

    /// Returns the numbers of all streams of which a subscriber has got any packet.
    pub fn streams(&self, subscriber: TransportId) -> BTreeSet<u32> {
        let tracks = self.subscriber(subscriber).tracks();
        tracks.flat_map(|track| track.checker().report().streams).collect()
    }

    /// Checks each stream of each subscriber. To be called at the end of each test.
    ///
    /// # Panics
    ///
    /// Panics if a stream has faults, or if any transport of the core had one.
    pub fn assert_clean(&self) {
        for (&id, &key) in &self.subscribers {
            for track in self.simulation.get(key).tracks() {
                let faults = track.checker().faults();
                let faults: Vec<_> = faults.iter().map(|fault| format!("\n  {fault}")).collect();
                let (codec, report) = (track.codec(), track.checker().report());
                let faults = faults.concat();
                assert!(faults.is_empty(), "{id}, {codec} stream with {report}:{faults}");
            }
        }
        assert_eq!(self.core().counters().faults, 0, "transports failed");
    }

    fn next_peer(&mut self) -> (TransportId, SocketAddr) {
        self.next_transport += 1;
        let id = TransportId(self.next_transport);
        let host = u16::try_from(self.next_transport).expect("a few hundred peers");
        let address = address(1_000 + host);
        self.addresses.insert(id, address);
        (id, address)
    }

    fn trickle(&mut self, transport: TransportId, candidates: Vec<String>) {
        for (i, candidate) in (1..).zip(candidates) {
            self.send(Signal::ToCore(Command::AddCandidate { transport, candidate }), i);
        }
    }

    fn send(&mut self, signal: Signal, intervals: u32) {
        let at = self.simulation.now() + SIGNAL_DELAY + intervals * TRICKLE_INTERVAL;
        self.sent_signals += 1;
        self.signals.insert((at, self.sent_signals), signal);
    }

    /// Advances to whatever happens next; returns whether that was not after `until`.
    fn step(&mut self, until: Instant) -> bool {
        let next_signal = self.signals.first_key_value().map(|((at, _), _)| *at);
        let has_stepped = self.simulation.step(next_signal.map_or(until, |at| at.min(until)));
        self.collect_events();
        let now = self.simulation.now();
        let mut has_signal = false;
        while let Some(entry) = self.signals.first_entry().filter(|entry| entry.key().0 <= now) {
            let signal = entry.remove();
            self.deliver(now, signal);
            has_signal = true;
        }
        has_stepped || has_signal
    }

    fn deliver(&mut self, now: Instant, signal: Signal) {
        match signal {
            Signal::ToCore(command) => self.command(command),
            Signal::Description(id, sdp) => self.describe(now, id, &sdp),
            Signal::Encodings(track, encodings) => {
                if let Some(&key) = self.publishers.get(&track.transport) {
                    let peer = self.simulation.get_mut(key);
                    for (at, is_active) in encodings.into_iter().enumerate() {
                        peer.set_encoding_active(track.section.into(), at, is_active);
                    }
                }
            }
            Signal::Candidate(id, candidate) => {
                let added = if let Some(&key) = self.publishers.get(&id) {
                    self.simulation.get_mut(key).add_candidate(now, &candidate)
                } else if let Some(&key) = self.subscribers.get(&id) {
                    self.simulation.get_mut(key).add_candidate(now, &candidate)
                } else {
                    Ok(())
                };
                added.unwrap_or_else(|error| panic!("{id}: {error} in {candidate}"));
            }
        }
    }

    /// Gives a peer, if it is still there, our answer or our offer, which it answers.
    fn describe(&mut self, now: Instant, id: TransportId, sdp: &str) {
        if let Some(&key) = self.publishers.get(&id) {
            let taken = self.simulation.get_mut(key).handle_answer(now, sdp);
            taken.unwrap_or_else(|error| panic!("{id}: {error} in {sdp}"));
        } else if let Some(&key) = self.subscribers.get(&id) {
            let peer = self.simulation.get_mut(key);
            let answer = peer.handle_offer(now, sdp);
            let sdp = answer.unwrap_or_else(|error| panic!("{id}: {error} in {sdp}"));
            let candidates = peer.candidates(&sdp);
            self.send(Signal::ToCore(Command::Answer { transport: id, sdp }), 0);
            self.trickle(id, candidates);
        }
    }

    /// Notes what the core reports, and passes on what is for a peer.
    fn collect_events(&mut self) {
        let now = self.simulation.now();
        while let Some((_, event)) = self.simulation.get_mut(self.sfu).poll_event() {
            match &event {
                Event::Answer { transport, sdp } | Event::Offer { transport, sdp } => {
                    self.send(Signal::Description(*transport, sdp.clone()), 0);
                }
                Event::Candidate { transport, candidate } => {
                    self.send(Signal::Candidate(*transport, candidate.clone()), 0);
                }
                Event::TrackStarted { track, codec } => {
                    self.started.insert(*track, *codec);
                }
                Event::TrackEnded { track } => {
                    self.started.remove(track);
                }
                Event::Closed { transport, .. } => {
                    self.started.retain(|track, _| track.transport != *transport);
                }
                Event::EncodingsAsked { track, encodings } => {
                    if self.obedient.contains(&track.transport) {
                        let encodings = encodings.iter().map(|e| e.is_asked_for).collect();
                        self.send(Signal::Encodings(*track, encodings), 0);
                    }
                }
                Event::Connected { .. }
                | Event::Speech { .. }
                | Event::ServiceChanged { .. }
                | Event::Report { .. }
                | Event::Disconnected { .. }
                | Event::NegotiationFailed { .. } => {}
            }
            self.events.push((now, event));
        }
    }
}

const ALL_CODECS: [Codec; 8] = [
    Codec::Vp8,
    Codec::Vp9,
    Codec::Av1,
    Codec::H264,
    Codec::Opus,
    Codec::G722,
    Codec::Pcmu,
    Codec::Pcma,
];

fn addressee(command: &Command) -> TransportId {
    match command {
        Command::Offer { transport, .. }
        | Command::Subscribe { transport, .. }
        | Command::Answer { transport, .. }
        | Command::AddCandidate { transport, .. }
        | Command::RestartIce { transport }
        | Command::Close { transport } => *transport,
        Command::Report { .. } => panic!("`SfuNode::statistics` answers at once"),
    }
}

fn transport_of(event: &Event) -> TransportId {
    match event {
        Event::Report { .. } => panic!("nobody asks for a report"),
        Event::Answer { transport, .. }
        | Event::Offer { transport, .. }
        | Event::Candidate { transport, .. }
        | Event::NegotiationFailed { transport, .. }
        | Event::Connected { transport }
        | Event::Disconnected { transport }
        | Event::ServiceChanged { transport, .. }
        | Event::Closed { transport, .. } => *transport,
        Event::TrackStarted { track, .. }
        | Event::Speech { track, .. }
        | Event::TrackEnded { track }
        | Event::EncodingsAsked { track, .. } => track.transport,
    }
}
