//! A shard of the forwarding core: all transports behind one set of addresses.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::net::SocketAddr;
use std::time::Instant;

use galene_congestion::PacketReport;
use slab::Slab;
use str0m::{Candidate, Event as EngineEvent, IceConnectionState, Rtc};

use crate::aftermath::Aftermath;
use crate::batch::Batch;
use crate::clients::Clients;
use crate::demux::{Route, Slot};
use crate::dtls::Crypto;
use crate::engine::{Datagram, Engine, Fault, is_rtp};
use crate::exchange::Exchange;
use crate::send_queue::Transmit;
use crate::subscription::Section;
use crate::track::{SubscriberSection, Track, TrackKey};
use crate::transport::{Role, Transport};
use crate::{
    ClientId, CloseReason, Command, EgressKind, Event, MAX_REPORTED, RelayMessage, SfuConfig,
    ShardId, TrackId, TransportId,
};

/// Forwards media from publishers to subscribers.
///
/// It does no I/O and reads no clock: it is told what arrived and what time it is, and says what to send
/// and when to wake it. After any number of `handle_*` calls, call [`poll_transmit`](Self::poll_transmit)
/// and [`poll_event`](Self::poll_event) until they return `None`, then sleep until
/// [`poll_timeout`](Self::poll_timeout), the next datagram or the next command. Forwarding happens on
/// polling, so datagrams that have arrived together are best handled together.
///
/// `now` must never go back.
#[derive(Debug)]
pub struct Sfu {
    pub(crate) config: SfuConfig,
    pub(crate) crypto: Crypto,
    pub(crate) random: fastrand::Rng,
    pub(crate) now: Instant,
    pub(crate) transports: Slab<Transport>,
    pub(crate) by_id: HashMap<TransportId, Slot>,
    pub(crate) tracks: Slab<Track>,
    pub(crate) by_track_id: HashMap<TrackId, TrackKey>,
    pub(crate) clients: Clients,
    pub(crate) aftermath: Aftermath,
    pub(crate) exchange: Exchange,
    pub(crate) events: VecDeque<Event>,
    /// Tracks of which packets have arrived that are not forwarded yet.
    pub(crate) arrived: Vec<TrackKey>,
    /// What is being forwarded. Nothing else happens until that is done.
    pub(crate) batches: VecDeque<Batch>,
    /// Tracks of which somebody wants a keyframe.
    pub(crate) wishes: BTreeSet<TrackKey>,
    /// Tracks of which other encodings may be asked for than before, and when to look at them.
    pub(crate) demands: BTreeSet<(Instant, TrackKey)>,
    /// Sections in which more or less may be sent than before, and when to look at them.
    pub(crate) services: BTreeSet<(Instant, SubscriberSection)>,
    /// When to look at the queues of clients whose pictures pause.
    pub(crate) pauses: BTreeSet<(Instant, ClientId)>,
    /// Subscribers with sections that can start.
    pub(crate) starting: VecDeque<Slot>,
    pub(crate) counters: Counters,
    /// Where the clock of our reports starts.
    pub(crate) epoch: Instant,
    /// Where reports are decrypted.
    pub(crate) rtcp_room: Vec<u8>,
    /// Where feedback is read to.
    pub(crate) reports_room: Vec<PacketReport>,
}

/// What a core has done since it was made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counters {
    /// Datagrams that were taken in.
    pub received: u64,
    /// Datagrams that were dropped, since no transport is known to be at the other end.
    pub unroutable: u64,
    /// RTP packets that publishers sent, repaired ones included.
    pub published: u64,
    /// RTP packets that were handed on to a subscriber, each counted once for each.
    pub forwarded: u64,
    /// RTP packets that were handed on to another shard, each counted once for each.
    pub relayed: u64,
    /// Transports that were ended because of a fault.
    pub faults: u64,
}

/// What became of a datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Intake {
    /// It was for a transport here.
    Taken,
    /// It was for a transport here and proved to come from its peer: what else comes from that address
    /// is for the same transport.
    Verified,
    /// No transport here is known to be at the other end.
    Unknown,
}

impl Sfu {
    /// Creates a core without transports.
    ///
    /// The first one in a process takes a few milliseconds, for the certificate that all share.
    pub fn new(config: SfuConfig, now: Instant) -> Self {
        Self {
            random: fastrand::Rng::with_seed(config.seed),
            crypto: Crypto::shared(),
            config,
            now,
            transports: Slab::new(),
            by_id: HashMap::new(),
            tracks: Slab::new(),
            by_track_id: HashMap::new(),
            clients: Clients::new(),
            aftermath: Aftermath::new(now),
            exchange: Exchange::default(),
            events: VecDeque::new(),
            arrived: Vec::new(),
            batches: VecDeque::new(),
            wishes: BTreeSet::new(),
            demands: BTreeSet::new(),
            services: BTreeSet::new(),
            pauses: BTreeSet::new(),
            starting: VecDeque::new(),
            counters: Counters::default(),
            epoch: now,
            rtcp_room: Vec::new(),
            reports_room: Vec::new(),
        }
    }

    /// Makes the core reachable under one more address. Transports that exist tell their peers by
    /// [`Event::Candidate`]; the candidates of later ones stand in their descriptions.
    pub fn add_local_address(&mut self, address: SocketAddr, now: Instant) {
        self.advance(now);
        if self.config.local_addresses.contains(&address) {
            return;
        }
        self.config.local_addresses.push(address);
        for (slot, transport) in &mut self.transports {
            let add = |rtc: &mut Rtc| add_local_candidate(rtc, address);
            if let Some(candidate) = self.aftermath.touch(slot, transport, add).flatten() {
                self.events.push_back(Event::Candidate { transport: transport.id, candidate });
            }
            self.aftermath.drive(slot, transport, now);
        }
        self.process();
    }

    /// Offers an address no more: transports that come later do not name it in their descriptions. Those that
    /// exist keep it, for a path over it may still work.
    pub fn remove_local_address(&mut self, address: SocketAddr) {
        self.config.local_addresses.retain(|known| *known != address);
    }

    /// Does what the control plane wants.
    pub fn handle_command(&mut self, command: Command, now: Instant) {
        self.advance(now);
        match command {
            Command::Offer { transport, sdp, codecs } => self.handle_offer(transport, &sdp, codecs),
            Command::Subscribe { transport, client, stream_id, tracks } => {
                self.subscribe(transport, client, stream_id, tracks);
            }
            Command::Answer { transport, sdp } => self.handle_answer(transport, &sdp),
            Command::AddCandidate { transport, candidate } => {
                self.add_candidate(transport, &candidate);
            }
            Command::RestartIce { transport } => self.restart_ice(transport),
            Command::Close { transport } => self.close(transport),
            Command::Report { ticket, transports } => {
                let asked = &transports[..transports.len().min(MAX_REPORTED)];
                let statistics = self.statistics(asked);
                self.events.push_back(Event::Report { ticket, statistics });
            }
        }
        self.process();
    }

    /// Takes in a datagram that arrived from `source` at one of our addresses, and returns what became
    /// of it. That matters where several shards share an address.
    pub fn handle_datagram(
        &mut self,
        now: Instant,
        source: SocketAddr,
        destination: SocketAddr,
        contents: &[u8],
    ) -> Intake {
        self.advance(now);
        self.counters.received += 1;
        let (slot, verify, learn) = match self.aftermath.demux.route(source, contents) {
            Route::Check { slot, learn_address } => (slot, true, learn_address),
            Route::Known(slot) => (slot, false, false),
            Route::Drop => {
                self.counters.unroutable += 1;
                return Intake::Unknown;
            }
        };
        let Some(transport) = self.transports.get_mut(slot) else {
            return Intake::Unknown;
        };
        let reads_reports = matches!(&transport.role, Role::Subscriber(s) if s.reports.is_some());
        if reads_reports && !verify && is_rtcp(contents) {
            if self.handle_rtcp(slot, contents) {
                self.follow_peer(slot, source, destination);
            }
            self.process();
            return Intake::Taken;
        }
        let datagram = Datagram { source, destination, contents };
        let result = transport.engine.receive(&mut self.aftermath.out, now, datagram, verify);
        let is_check = verify && matches!(result, Ok(true));
        let is_verified = is_check && learn;
        if is_verified {
            self.aftermath.demux.learn_address(slot, source);
        } else if is_check && let Some(sent) = self.aftermath.demux.take_check(contents) {
            transport.round_trip.handle_sample(now.saturating_duration_since(sent));
            transport.engine.handle_answer(source, now);
        }
        let is_taken = is_rtp_taken(&self.aftermath.out.events);
        self.aftermath.settle(slot, transport, now, result.map(drop));
        self.process();
        if is_check {
            self.update_path(slot, source, destination);
        } else if !verify && is_rtp(contents) {
            if is_taken {
                self.follow_peer(slot, source, destination);
            }
            self.follow_repairs(slot, contents, is_taken);
        }
        if is_verified { Intake::Verified } else { Intake::Taken }
    }

    /// Lets time pass.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.advance(now);
        while let Some(slot) = self.aftermath.pop_timer(self.now) {
            let Some(transport) = self.transports.get_mut(slot) else {
                continue;
            };
            transport.armed = None;
            self.request_rate(slot);
            self.send_reports(slot);
            self.release_waiting(slot);
            self.repair_streams(slot);
            let Some(transport) = self.transports.get_mut(slot) else {
                continue;
            };
            if transport.engine.deadline() <= self.now {
                self.aftermath.drive(slot, transport, self.now);
            } else {
                self.aftermath.arm(slot, transport, self.now);
            }
        }
        self.tick_exchange();
        self.look_at_pauses();
        self.process();
    }

    /// Returns the next thing to send: one datagram, or up to `max_segments` of equal size for one
    /// destination, if the kernel can cut them (Linux's `UDP_SEGMENT`; 1 if it cannot).
    pub fn poll_transmit(&mut self, max_segments: usize) -> Option<Transmit<'_>> {
        if self.aftermath.out.queue.is_polled() {
            self.flush();
        }
        self.aftermath.out.queue.poll(max_segments)
    }

    /// Returns the next thing that the control plane has to know.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.flush();
        self.events.pop_front()
    }

    /// Returns the next thing that another shard has to be told, by
    /// [`handle_relay`](Self::handle_relay). Who runs one shard alone has no need to ask; others also ask
    /// once all is sent, for forwarding goes on while they send.
    pub fn poll_relay(&mut self) -> Option<(ShardId, RelayMessage)> {
        self.flush();
        self.exchange.poll()
    }

    /// Returns when [`handle_timeout`](Self::handle_timeout) is due, if nothing happens before.
    pub fn poll_timeout(&mut self) -> Option<Instant> {
        self.flush();
        let timer = self.aftermath.next_timer();
        let wish = self.next_keyframe_request();
        let news = [
            self.next_demand(),
            self.next_service(),
            self.next_pause_look(),
            self.exchange.next_tick(),
        ];
        timer.into_iter().chain(wish).chain(news.into_iter().flatten()).min()
    }

    /// Returns what the core has done so far.
    pub fn counters(&self) -> Counters {
        self.counters
    }

    /// Returns how many transports there are.
    pub fn transport_count(&self) -> usize {
        self.transports.len()
    }

    pub(crate) fn advance(&mut self, now: Instant) {
        if !self.batches.is_empty() {
            // Whoever did not poll till the end has to take it all.
            self.flush_up_to(usize::MAX);
        }
        self.now = self.now.max(now);
    }

    /// Handles what engines reported.
    pub(crate) fn process(&mut self) {
        while let Some((slot, event)) = self.aftermath.inbox.pop_front() {
            self.handle_engine_event(slot, event);
        }
        for (slot, fault) in std::mem::take(&mut self.aftermath.faults) {
            self.handle_fault(slot, &fault);
        }
    }

    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "the engine has many events, and adds some with each version, that are not for us"
    )]
    fn handle_engine_event(&mut self, slot: Slot, event: EngineEvent) {
        let Some(transport) = self.transports.get_mut(slot) else {
            return;
        };
        let id = transport.id;
        match event {
            EngineEvent::RtpPacket(packet) => self.handle_rtp(slot, packet),
            EngineEvent::Connected => {
                transport.connected = true;
                if self.config.egress == EgressKind::Direct {
                    self.take_over_egress(slot);
                }
                self.take_over_repairs(slot);
                self.starting.push_back(slot);
                self.events.push_back(Event::Connected { transport: id });
            }
            EngineEvent::IceConnectionStateChange(state) => self.handle_ice_state(slot, state),
            EngineEvent::SenderFeedback(report) => self.handle_sender_report(slot, &report),
            EngineEvent::KeyframeRequest(request) => {
                if let Role::Subscriber(subscription) = &mut transport.role {
                    subscription.note_keyframe_request(request.mid, self.now);
                }
                self.handle_keyframe_request(slot, request.mid);
            }
            EngineEvent::EgressBitrateEstimate(estimate) => self.handle_estimate(slot, &estimate),
            EngineEvent::MediaEgressStats(stats) => self.handle_egress_stats(slot, &stats),
            EngineEvent::Closed => {
                self.remove(slot);
                self.events.push_back(Event::Closed { transport: id, reason: CloseReason::Peer });
            }
            // The engine's other events are about what this core does not use: frames, data channels,
            // and numbers that it keeps itself.
            _ => {}
        }
    }

    fn handle_ice_state(&mut self, slot: Slot, state: IceConnectionState) {
        let transport = &mut self.transports[slot];
        let id = transport.id;
        if state.is_disconnected() {
            transport.lost = true;
            if let Role::Subscriber(subscription) = &mut transport.role {
                // What it misses from now on it will not miss any more: it starts anew.
                subscription.sections.iter_mut().for_each(Section::pause);
            }
            self.events.push_back(Event::Disconnected { transport: id });
        } else if state.is_connected() && std::mem::take(&mut transport.lost) {
            self.starting.push_back(slot);
            self.aftermath.arm(slot, transport, self.now);
            if transport.connected {
                self.events.push_back(Event::Connected { transport: id });
            }
        }
    }

    fn handle_fault(&mut self, slot: Slot, fault: &Fault) {
        let Some(transport) = self.remove(slot) else {
            return;
        };
        let source = std::error::Error::source(fault).map(ToString::to_string);
        let id = transport.id.0;
        match fault {
            // Mostly the peer's doing: a handshake that it does not finish, a certificate that is not
            // the one it announced.
            Fault::Engine(_) => tracing::debug!(transport = id, source, "a transport failed"),
            Fault::Panic(_) | Fault::Runaway => {
                tracing::error!(transport = id, %fault, "a transport was ended");
            }
        }
        self.counters.faults += 1;
        self.events
            .push_back(Event::Closed { transport: transport.id, reason: CloseReason::Fault });
    }

    fn add_candidate(&mut self, id: TransportId, candidate: &str) {
        if let Some((slot, transport)) = find(&self.by_id, &mut self.transports, id) {
            transport.add_candidate(candidate);
            self.try_candidates(slot);
        }
    }

    /// Gives the engine the peer's candidates, unless they wait for a description.
    pub(crate) fn try_candidates(&mut self, slot: Slot) {
        let transport = &mut self.transports[slot];
        let candidates = transport.take_candidates();
        if candidates.is_empty() {
            return;
        }
        self.aftermath.touch(slot, transport, |rtc| {
            candidates.into_iter().for_each(|candidate| rtc.add_remote_candidate(candidate));
        });
        self.aftermath.drive(slot, transport, self.now);
    }

    fn close(&mut self, id: TransportId) {
        let Some((slot, transport)) = find(&self.by_id, &mut self.transports, id) else {
            return;
        };
        if self.aftermath.call(slot, transport, self.now, |rtc| rtc.close()).is_some() {
            // What says goodbye to the peer leaves when the engine is next told the time.
            self.aftermath.drive(slot, transport, self.now);
        }
        self.remove(slot);
    }

    /// Takes a transport out, with the tracks that came over it.
    pub(crate) fn remove(&mut self, slot: Slot) -> Option<Transport> {
        let transport = self.transports.try_remove(slot)?;
        self.by_id.remove(&transport.id);
        self.aftermath.remove(slot, &transport);
        self.starting.retain(|s| *s != slot);
        match &transport.role {
            Role::Publisher(publication) => {
                for key in publication.sections.iter().filter_map(|s| s.track) {
                    self.remove_track(key);
                }
            }
            Role::Subscriber(subscription) => {
                for key in subscription.sections.iter().filter_map(|s| s.track) {
                    if let Some(track) = self.tracks.get_mut(key) {
                        track.subscribers.retain(|s| s.slot != slot);
                        self.refresh_import(key);
                        self.note_demand(key);
                    }
                }
                self.release(&subscription.wanted);
                self.leave_client(subscription.client, slot);
            }
        }
        Some(transport)
    }

    pub(crate) fn insert(&mut self, id: TransportId, engine: Engine, role: Role) -> Slot {
        let slot = self.transports.insert(Transport::new(id, engine, role));
        self.by_id.insert(id, slot);
        let addresses = &self.config.local_addresses;
        self.aftermath.touch(slot, &mut self.transports[slot], |rtc| {
            addresses.iter().for_each(|address| drop(add_local_candidate(rtc, *address)));
        });
        slot
    }
}

/// Returns whether a datagram is RTCP, given that it is not STUN or DTLS (RFC 5761 §4).
fn is_rtcp(datagram: &[u8]) -> bool {
    matches!(datagram, [128..=191, 192..=223, ..])
}

/// Returns whether the engine hands on an RTP packet.
fn is_rtp_taken(events: &[EngineEvent]) -> bool {
    events.iter().any(|event| matches!(event, EngineEvent::RtpPacket(_)))
}

/// Finds a transport without borrowing the rest of the core.
pub(crate) fn find<'a>(
    by_id: &HashMap<TransportId, Slot>,
    transports: &'a mut Slab<Transport>,
    id: TransportId,
) -> Option<(Slot, &'a mut Transport)> {
    let slot = *by_id.get(&id)?;
    Some((slot, transports.get_mut(slot)?))
}

/// Returns the candidate, if the engine takes it.
fn add_local_candidate(rtc: &mut Rtc, address: SocketAddr) -> Option<String> {
    let candidate = Candidate::host(address, "udp").ok()?;
    rtc.add_local_candidate(candidate).map(Candidate::to_sdp_string)
}
