//! A core, its peers, and the signalling between them, which takes no time unless it is held back.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use galene_sfu::{
    Codec, Command, Counters, EncodingChoice, Event, Sfu, SfuConfig, ShardId, TrackId,
    TrackRequest, TransportId,
};
use galene_testkit::{
    Datagram, Node, NodeKey, PublisherConfig, PublisherPeer, Report, Simulation, SubscriberConfig,
    SubscriberPeer, TrackSpec, WireChecker, address, epoch,
};

/// Where the core is.
pub(crate) const CORE: SocketAddr = address(0);

pub(crate) const MS: Duration = Duration::from_millis(1);
pub(crate) const SECOND: Duration = Duration::from_secs(1);

/// The stamps of the usual publisher's packets: its number times ten for sound, and one more for
/// pictures.
pub(crate) const fn audio_of(id: u64) -> u32 {
    id as u32 * 10
}
pub(crate) const fn video_of(id: u64) -> u32 {
    id as u32 * 10 + 1
}

pub(crate) const ALL_CODECS: [Codec; 8] = [
    Codec::Vp8,
    Codec::Vp9,
    Codec::Av1,
    Codec::H264,
    Codec::Opus,
    Codec::G722,
    Codec::Pcmu,
    Codec::Pcma,
];

/// A forwarding core with everybody who talks to it.
pub(crate) struct Room {
    pub(crate) simulation: Simulation,
    pub(crate) core: NodeKey<Core>,
    publishers: BTreeMap<u64, NodeKey<PublisherPeer>>,
    subscribers: BTreeMap<u64, NodeKey<SubscriberPeer>>,
    /// Everything that the core has reported.
    pub(crate) events: Vec<Event>,
    /// Transports whose descriptions and candidates the test carries by itself.
    held: Vec<u64>,
}

/// The core on the network. All that it sends is checked for numbers that are used twice.
pub(crate) struct Core {
    pub(crate) sfu: Sfu,
    outgoing: VecDeque<Datagram>,
    wire: WireChecker,
    pub(crate) nonces_reused: Vec<String>,
    pub(crate) now: Instant,
}

impl Core {
    fn new(addresses: Vec<SocketAddr>) -> Self {
        Self {
            sfu: Sfu::new(SfuConfig::new(addresses, 7), epoch()),
            outgoing: VecDeque::new(),
            wire: WireChecker::default(),
            nonces_reused: Vec::new(),
            now: epoch(),
        }
    }
}

impl Node for Core {
    fn handle_datagram(&mut self, now: Instant, datagram: &Datagram) {
        let Datagram { source, destination, contents } = datagram;
        self.now = now;
        self.sfu.handle_datagram(now, *source, *destination, contents);
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.now = now;
        self.sfu.handle_timeout(now);
    }

    fn poll_transmit(&mut self) -> Option<Datagram> {
        while let Some(transmit) = self.sfu.poll_transmit(8) {
            let (source, destination) = (transmit.source, transmit.destination);
            let size = transmit.segment_size.unwrap_or(transmit.contents.len()).max(1);
            for contents in transmit.contents.chunks(size) {
                let datagram = Datagram { source, destination, contents: contents.into() };
                if let Err(reused) = self.wire.check(&datagram) {
                    self.nonces_reused.push(reused.to_string());
                }
                self.outgoing.push_back(datagram);
            }
        }
        self.outgoing.pop_front()
    }

    fn poll_timeout(&mut self) -> Option<Instant> {
        self.sfu.poll_timeout()
    }
}

impl Room {
    pub(crate) fn new() -> Self {
        let mut simulation = Simulation::new(7);
        let core = simulation.add(&[CORE], Core::new(vec![CORE]));
        Self {
            simulation,
            core,
            publishers: BTreeMap::new(),
            subscribers: BTreeMap::new(),
            events: Vec::new(),
            held: Vec::new(),
        }
    }

    /// Adds a publisher and negotiates.
    pub(crate) fn publish(
        &mut self,
        id: u64,
        configure: impl FnOnce(PublisherConfig) -> PublisherConfig,
    ) {
        self.add_publisher(id, configure);
        self.offer(id, PublisherPeer::offer);
    }

    /// Adds a publisher who says nothing yet.
    pub(crate) fn add_publisher(
        &mut self,
        id: u64,
        configure: impl FnOnce(PublisherConfig) -> PublisherConfig,
    ) {
        let at = address(host(id));
        let peer = PublisherPeer::new(self.now(), configure(PublisherConfig::new(at)));
        self.publishers.insert(id, self.simulation.add(&[at], peer));
    }

    /// Adds a publisher of sound and pictures, and waits for its tracks.
    pub(crate) fn publish_camera(&mut self, id: u64) -> Vec<TrackId> {
        self.publish(id, |config| {
            config.track(TrackSpec::audio(audio_of(id))).track(TrackSpec::video(video_of(id)))
        });
        self.wait_for_tracks(id, 2)
    }

    /// Makes an offer of a publisher and carries it to the core, and the answer back.
    pub(crate) fn offer(&mut self, id: u64, make: impl FnOnce(&mut PublisherPeer) -> String) {
        let peer = self.simulation.get_mut(self.publishers[&id]);
        let sdp = make(peer);
        let candidates = peer.candidates(&sdp);
        self.offer_text(id, &sdp);
        for candidate in candidates {
            self.command(Command::AddCandidate { transport: TransportId(id), candidate });
        }
    }

    /// Gives the core an offer.
    pub(crate) fn offer_text(&mut self, id: u64, sdp: &str) {
        self.command(Command::Offer {
            transport: TransportId(id),
            sdp: sdp.to_owned(),
            codecs: ALL_CODECS.to_vec(),
        });
    }

    /// Adds a subscriber to the best encoding of these tracks and negotiates.
    pub(crate) fn subscribe(
        &mut self,
        id: u64,
        tracks: &[TrackId],
        configure: impl FnOnce(SubscriberConfig) -> SubscriberConfig,
    ) {
        self.add_subscriber(id, configure);
        self.want(id, tracks);
    }

    /// Adds somebody who will subscribe.
    pub(crate) fn add_subscriber(
        &mut self,
        id: u64,
        configure: impl FnOnce(SubscriberConfig) -> SubscriberConfig,
    ) {
        let at = address(host(id));
        let peer = SubscriberPeer::new(self.now(), configure(SubscriberConfig::new(at)));
        self.subscribers.insert(id, self.simulation.add(&[at], peer));
    }

    /// Tells the core which tracks a subscriber wants.
    pub(crate) fn want(&mut self, id: u64, tracks: &[TrackId]) {
        self.want_encoding(id, tracks, EncodingChoice::Best);
    }

    pub(crate) fn want_encoding(&mut self, id: u64, tracks: &[TrackId], encoding: EncodingChoice) {
        let tracks =
            tracks.iter().map(|&track| TrackRequest::new(track, ShardId(0), encoding)).collect();
        let transport = TransportId(id);
        self.command(Command::Subscribe {
            transport,
            client: galene_sfu::ClientId(transport.0),
            stream_id: "stream".to_owned(),
            tracks,
        });
    }

    /// Lets the test carry what concerns this transport from now on.
    pub(crate) fn hold(&mut self, id: u64) {
        self.held.push(id);
    }

    /// Carries again what concerns this transport.
    pub(crate) fn release(&mut self, id: u64) {
        self.held.retain(|held| *held != id);
    }

    pub(crate) fn command(&mut self, command: Command) {
        let now = self.now();
        self.simulation.get_mut(self.core).sfu.handle_command(command, now);
        self.deliver();
    }

    pub(crate) fn close(&mut self, id: u64) {
        self.command(Command::Close { transport: TransportId(id) });
    }

    /// Advances, and carries what is to be carried.
    pub(crate) fn run(&mut self, duration: Duration) {
        let until = self.now() + duration;
        while self.simulation.step(until) {
            self.deliver();
        }
        self.deliver();
    }

    /// Advances until `condition` holds.
    ///
    /// # Panics
    ///
    /// Panics if that takes longer than ten seconds.
    #[track_caller]
    pub(crate) fn wait(&mut self, what: &str, mut condition: impl FnMut(&mut Self) -> bool) {
        let until = self.now() + SECOND * 10;
        while !condition(self) {
            let goes_on = self.simulation.step(until);
            self.deliver();
            assert!(goes_on, "{what} in vain; events: {:#?}", self.events);
        }
    }

    /// Waits until a publisher has so many tracks.
    #[track_caller]
    pub(crate) fn wait_for_tracks(&mut self, id: u64, count: usize) -> Vec<TrackId> {
        self.wait("waited for tracks", |room| room.tracks(id).len() == count);
        self.tracks(id)
    }

    /// Waits until a subscriber has rendered this many more frames of a stream.
    #[track_caller]
    pub(crate) fn wait_for_frames(&mut self, id: u64, stream: u32, frames: u64) {
        let enough = self.frames(id, stream) + frames;
        let what = format!("{id} waited for {frames} frames of stream {stream}");
        self.wait(&what, |room| room.frames(id, stream) >= enough);
    }

    /// Returns the tracks of a publisher that started and did not end.
    pub(crate) fn tracks(&self, id: u64) -> Vec<TrackId> {
        let mut tracks = Vec::new();
        for event in &self.events {
            if let Event::TrackStarted { track, .. } = event {
                tracks.push(*track);
            } else if let Event::TrackEnded { track } = event {
                tracks.retain(|t| t != track);
            } else if let Event::Closed { transport, .. } = event {
                tracks.retain(|t| t.transport != *transport);
            }
        }
        tracks.retain(|track| track.transport == TransportId(id));
        tracks.sort();
        tracks
    }

    /// Returns how many frames of a stream a subscriber has rendered.
    pub(crate) fn frames(&self, id: u64, stream: u32) -> u64 {
        self.simulation
            .get(self.subscribers[&id])
            .track_from(stream)
            .map_or(0, |track| track.checker().report().frames_rendered)
    }

    pub(crate) fn report(&self, id: u64, stream: u32) -> Report {
        let track = self.simulation.get(self.subscribers[&id]).track_from(stream);
        track.unwrap_or_else(|| panic!("{id} has nothing of {stream}")).checker().report()
    }

    pub(crate) fn events_of(&self, id: u64) -> Vec<&Event> {
        self.events.iter().filter(|event| transport_of(event) == id).collect()
    }

    /// Returns how many events of a transport are of some kind.
    pub(crate) fn count(&self, id: u64, kind: impl Fn(&Event) -> bool) -> usize {
        self.events_of(id).into_iter().filter(|event| kind(event)).count()
    }

    /// Returns the last offer to a subscriber.
    pub(crate) fn last_offer(&self, id: u64) -> String {
        let offers = self.events_of(id).into_iter().rev();
        let mut offers = offers.filter_map(|event| {
            if let Event::Offer { sdp, .. } = event { Some(sdp.clone()) } else { None }
        });
        offers.next().unwrap_or_else(|| panic!("{id} got no offer"))
    }

    /// Returns the last answer to a publisher.
    pub(crate) fn last_answer(&self, id: u64) -> String {
        let answers = self.events_of(id).into_iter().rev();
        let mut answers = answers.filter_map(|event| {
            if let Event::Answer { sdp, .. } = event { Some(sdp.clone()) } else { None }
        });
        answers.next().unwrap_or_else(|| panic!("{id} got no answer: {:?}", self.events_of(id)))
    }

    /// Returns why the core refused a description.
    pub(crate) fn refusals(&self, id: u64) -> Vec<String> {
        let reason = |event: &Event| {
            if let Event::NegotiationFailed { reason, .. } = event {
                Some(reason.clone())
            } else {
                None
            }
        };
        self.events_of(id).into_iter().filter_map(reason).collect()
    }

    pub(crate) fn now(&self) -> Instant {
        self.simulation.now()
    }

    pub(crate) fn counters(&self) -> Counters {
        self.simulation.get(self.core).sfu.counters()
    }

    pub(crate) fn transport_count(&self) -> usize {
        self.simulation.get(self.core).sfu.transport_count()
    }

    pub(crate) fn publisher(&mut self, id: u64) -> &mut PublisherPeer {
        self.simulation.get_mut(self.publishers[&id])
    }

    pub(crate) fn subscriber(&mut self, id: u64) -> &mut SubscriberPeer {
        self.simulation.get_mut(self.subscribers[&id])
    }

    /// Takes a peer off the network without a word.
    pub(crate) fn kill(&mut self, id: u64) {
        if let Some(key) = self.publishers.remove(&id) {
            self.simulation.remove(key);
        }
        if let Some(key) = self.subscribers.remove(&id) {
            self.simulation.remove(key);
        }
    }

    /// Checks all that subscribers received, that no number was used twice, and that nothing failed.
    #[track_caller]
    pub(crate) fn assert_clean(&mut self) {
        for key in self.subscribers.values() {
            self.simulation.get(*key).assert_clean();
        }
        self.assert_no_number_used_twice();
        assert_eq!(self.counters().faults, 0);
    }

    #[track_caller]
    pub(crate) fn assert_no_number_used_twice(&self) {
        let reused = &self.simulation.get(self.core).nonces_reused;
        assert!(reused.is_empty(), "{} packets: {:?}", reused.len(), reused.first());
    }

    /// Carries descriptions and candidates between the core and the peers.
    fn deliver(&mut self) {
        while let Some(event) = self.simulation.get_mut(self.core).sfu.poll_event() {
            self.events.push(event.clone());
            let id = transport_of(&event);
            if self.held.contains(&id) {
                continue;
            }
            let now = self.now();
            match event {
                Event::Answer { sdp, .. } => {
                    if let Some(key) = self.publishers.get(&id) {
                        let peer = self.simulation.get_mut(*key);
                        peer.handle_answer(now, &sdp).expect("a good answer");
                    }
                }
                Event::Offer { transport, sdp } => {
                    if let Some(key) = self.subscribers.get(&id) {
                        let peer = self.simulation.get_mut(*key);
                        let sdp = peer.handle_offer(now, &sdp).expect("a good offer");
                        let candidates = peer.candidates(&sdp);
                        self.command(Command::Answer { transport, sdp });
                        for candidate in candidates {
                            self.command(Command::AddCandidate { transport, candidate });
                        }
                    }
                }
                Event::Candidate { candidate, .. } => {
                    if let Some(key) = self.publishers.get(&id) {
                        let peer = self.simulation.get_mut(*key);
                        peer.add_candidate(now, &candidate).expect("a good candidate");
                    } else if let Some(key) = self.subscribers.get(&id) {
                        let peer = self.simulation.get_mut(*key);
                        peer.add_candidate(now, &candidate).expect("a good candidate");
                    }
                }
                Event::NegotiationFailed { .. }
                | Event::Connected { .. }
                | Event::Disconnected { .. }
                | Event::Closed { .. }
                | Event::TrackStarted { .. }
                | Event::Speech { .. }
                | Event::TrackEnded { .. }
                | Event::EncodingsAsked { .. }
                | Event::Report { .. }
                | Event::ServiceChanged { .. } => {}
            }
        }
    }
}

/// Returns the number of the host of a peer.
pub(crate) fn host(id: u64) -> u16 {
    u16::try_from(id).expect("peers have small numbers")
}

pub(crate) fn track(id: u64, section: u16) -> TrackId {
    TrackId { transport: TransportId(id), section }
}

pub(crate) fn transport_of(event: &Event) -> u64 {
    match event {
        Event::Answer { transport, .. }
        | Event::Offer { transport, .. }
        | Event::Candidate { transport, .. }
        | Event::NegotiationFailed { transport, .. }
        | Event::Connected { transport }
        | Event::Disconnected { transport }
        | Event::ServiceChanged { transport, .. }
        | Event::Closed { transport, .. } => transport.0,
        Event::TrackStarted { track, .. }
        | Event::Speech { track, .. }
        | Event::TrackEnded { track }
        | Event::EncodingsAsked { track, .. } => track.transport.0,
        Event::Report { .. } => panic!("nobody asks for a report"),
    }
}
