//! What does one connected subscriber cost the server: to connect, to keep, and while nothing is sent?
//!
//! A publisher's sound and picture are subscribed to by a number of peers, without any socket and in
//! virtual time. What is counted is the forwarding core alone: thread CPU time and heap, from the
//! commands and datagrams that come in to the datagrams and events that go out.
//! `cargo bench --bench transport -- 1000` chooses another number of subscribers.

#![expect(clippy::print_stdout, reason = "the figures are the purpose of this program")]

use std::alloc::System;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use galene_sfu::{
    Codec, Command, EgressKind, EncodingChoice, Event, Sfu, SfuConfig, ShardId, TrackRequest,
    TransportId,
};
use galene_testkit::{
    Datagram, Node, PublisherConfig, PublisherPeer, SubscriberConfig, SubscriberPeer, TrackSpec,
    address, epoch,
};
use rustix::time::{ClockId, clock_gettime};
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// The steps in which datagrams are handed over, as a socket that is drained every few milliseconds
/// would.
const STEP: Duration = Duration::from_millis(5);

/// Between two peers that join: connectivity checks, reports and all else that is done every few
/// seconds is then spread over time, as it is in a server.
const STAGGER: Duration = Duration::from_millis(10);

/// How long nothing is sent for one figure, and how often; the best round counts, since whatever else
/// the machine does can only add to the time. Longer than two rounds of connectivity checks.
const SILENCE: Duration = Duration::from_secs(10);
const ROUNDS: usize = 3;

/// How long is forwarded before memory is counted again.
const TALK: Duration = Duration::from_secs(3);

const CORE: SocketAddr = address(0);
const PUBLISHER: SocketAddr = address(1);

fn main() {
    let number = std::env::args().find_map(|a| a.parse().ok()).unwrap_or(300u16);
    println!("{number} subscribers of sound and picture; each figure is for one of them");
    for egress in [EgressKind::Direct, EgressKind::Reference] {
        let mut conference = Conference::open(egress);
        println!("\n{egress:?} egress");
        let connecting = conference.connect(number);
        for (name, cost) in ["offer", "answer", "handshake"].into_iter().zip(&connecting) {
            print_cost(&format!("connecting: {name}"), cost, number);
        }
        let sum = connecting.into_iter().fold(Cost::default(), Cost::plus);
        print_cost("connecting in all", &sum, number);
        let rounds = (0..ROUNDS).map(|_| conference.stay_silent(SILENCE));
        if let Some((cost, wakeups, datagrams)) = rounds.min_by_key(|r| r.0.cpu) {
            let seconds = SILENCE.as_secs_f64();
            let share = |total: f64| total / seconds / f64::from(number);
            println!(
                "{:<24} {:>8.2} µs CPU/s, {:.2} wake-ups/s, {:.2} datagrams/s in; \
                 1,000 take {:.2} % of a core",
                "silent",
                share(cost.cpu.as_secs_f64() * 1e6),
                share(wakeups as f64),
                share(datagrams as f64),
                share(cost.cpu.as_secs_f64() * 1e5),
            );
        }
        let live = conference.live;
        println!("{:<24} {:>8.1} kB live", "memory, silent", live as f64 / 1e3 / f64::from(number));
        conference.talk(TALK);
        let live = conference.live;
        println!(
            "{:<24} {:>8.1} kB live",
            "memory, sending",
            live as f64 / 1e3 / f64::from(number)
        );
    }
}

fn print_cost(name: &str, cost: &Cost, number: u16) {
    let each = |total: f64| total / f64::from(number);
    println!(
        "{name:<24} {:>8.1} µs CPU, {:>5.0} allocations, {:>6.1} kB live",
        each(cost.cpu.as_secs_f64() * 1e6),
        each(cost.allocations as f64),
        each(cost.live as f64 / 1e3),
    );
}

#[derive(Debug, Clone, Copy, Default)]
struct Cost {
    cpu: Duration,
    allocations: usize,
    /// Bytes that were allocated and not given back.
    live: isize,
}

impl Cost {
    fn plus(self, other: Self) -> Self {
        Self {
            cpu: self.cpu + other.cpu,
            allocations: self.allocations + other.allocations,
            live: self.live + other.live,
        }
    }
}

fn thread_cpu() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// A datagram that the core sent, kept in a buffer that is there before it is measured.
#[derive(Debug, Default)]
struct Sent {
    bytes: Vec<u8>,
    datagrams: Vec<(SocketAddr, usize)>,
}

impl Sent {
    fn with_room() -> Self {
        Self { bytes: Vec::with_capacity(1 << 24), datagrams: Vec::with_capacity(1 << 16) }
    }

    fn take_from(&mut self, sfu: &mut Sfu) {
        while let Some(t) = sfu.poll_transmit(1) {
            self.bytes.extend_from_slice(t.contents);
            self.datagrams.push((t.destination, self.bytes.len()));
        }
    }
}

struct Conference {
    now: Instant,
    sfu: Sfu,
    publisher: PublisherPeer,
    tracks: Vec<TrackRequest>,
    peers: Vec<SubscriberPeer>,
    by_address: HashMap<SocketAddr, usize>,
    sent: Sent,
    incoming: Vec<Datagram>,
    /// What the clock itself costs.
    clock: Duration,
    /// Of the core, since all tracks were there.
    live: isize,
    wakeups: u64,
    datagrams: u64,
}

impl Conference {
    fn open(egress: EgressKind) -> Self {
        let now = epoch();
        let mut config = SfuConfig::new(vec![CORE], 1);
        config.egress = egress;
        let sfu = Sfu::new(config, now);
        let config = PublisherConfig::new(PUBLISHER)
            .track(TrackSpec::audio(1))
            .track(TrackSpec::video(2).bitrate(1_500_000));
        let clock = (0..100).map(|_| {
            let start = thread_cpu();
            thread_cpu() - start
        });
        let mut conference = Self {
            now,
            sfu,
            publisher: PublisherPeer::new(now, config),
            tracks: Vec::new(),
            peers: Vec::new(),
            by_address: HashMap::new(),
            sent: Sent::with_room(),
            incoming: Vec::with_capacity(1 << 16),
            clock: clock.min().unwrap_or_default(),
            live: 0,
            wakeups: 0,
            datagrams: 0,
        };
        let sdp = conference.publisher.offer();
        let transport = TransportId(0);
        let codecs = vec![Codec::Vp8, Codec::Opus];
        conference.sfu.handle_command(Command::Offer { transport, sdp, codecs }, now);
        let Some(Event::Answer { sdp, .. }) = conference.sfu.poll_event() else {
            unreachable!("the stand-in's offer is always answered");
        };
        conference.publisher.handle_answer(now, &sdp).expect("our own answer is good");
        while conference.tracks.len() < 2 {
            conference.step();
        }
        conference.tracks.sort_by_key(|request| request.track.section);
        // What is kept of the tracks themselves is not a subscriber's.
        conference.talk(TALK);
        conference.set_talking(false);
        conference.live = 0;
        conference
    }

    fn set_talking(&mut self, talks: bool) {
        for section in 0..2 {
            self.publisher.set_encoding_active(section, 0, talks);
        }
    }

    /// Does something to the core and counts it.
    fn measure<T>(&mut self, action: impl FnOnce(&mut Sfu) -> T) -> (T, Cost) {
        let before = ALLOCATOR.stats();
        let start = thread_cpu();
        let value = action(&mut self.sfu);
        let cpu = (thread_cpu() - start).saturating_sub(self.clock);
        let after = ALLOCATOR.stats();
        let change = |allocated: usize, freed: usize| allocated as isize - freed as isize;
        let live = change(after.bytes_allocated, after.bytes_deallocated)
            - change(before.bytes_allocated, before.bytes_deallocated);
        self.live += live;
        let allocations = after.allocations - before.allocations;
        (value, Cost { cpu, allocations, live })
    }

    /// Connects so many peers, one after the other, and returns what offers, answers and the rest cost.
    fn connect(&mut self, number: u16) -> [Cost; 3] {
        let (mut offers, mut answers) = (Cost::default(), Cost::default());
        let mut handshakes = Cost::default();
        for number in 1..=number {
            let address = address(1 + number);
            let transport = TransportId(u64::from(number));
            let (now, tracks) = (self.now, self.tracks.clone());
            let (offer, cost) = self.measure(|sfu| {
                let (stream_id, tracks) = ("stream".to_owned(), tracks.clone());
                sfu.handle_command(
                    Command::Subscribe {
                        transport,
                        client: galene_sfu::ClientId(transport.0),
                        stream_id,
                        tracks,
                    },
                    now,
                );
                loop {
                    match sfu.poll_event() {
                        Some(Event::Offer { sdp, .. }) => break sdp,
                        Some(_) => {}
                        None => unreachable!("there are tracks to be offered"),
                    }
                }
            });
            offers = offers.plus(cost);
            let mut peer = SubscriberPeer::new(now, SubscriberConfig::new(address));
            let sdp = peer.handle_offer(now, &offer).expect("our own offer is good");
            let candidates = peer.candidates(&sdp);
            for line in offer.lines().filter_map(|l| l.strip_prefix("a=candidate:")) {
                let candidate = format!("candidate:{line}");
                peer.add_candidate(now, &candidate).expect("our own candidate is good");
            }
            self.by_address.insert(address, self.peers.len());
            self.peers.push(peer);
            let (_, cost) = self.measure(|sfu| {
                sfu.handle_command(Command::Answer { transport, sdp: sdp.clone() }, now);
                for candidate in &candidates {
                    let candidate = candidate.clone();
                    sfu.handle_command(Command::AddCandidate { transport, candidate }, now);
                }
            });
            answers = answers.plus(cost);
            // The text of the offer was made there and is dropped here.
            self.live -= offer.capacity() as isize;
            offers.live -= offer.capacity() as isize;
            let next = self.now + STAGGER;
            while self.now < next {
                handshakes = handshakes.plus(self.step());
            }
        }
        while self.peers.iter().any(|peer| !peer.is_connected()) {
            handshakes = handshakes.plus(self.step());
        }
        [offers, answers, handshakes]
    }

    /// Lets time pass without media, and returns what it cost, how often the core was woken and how
    /// many datagrams it got.
    fn stay_silent(&mut self, duration: Duration) -> (Cost, u64, u64) {
        let end = self.now + duration;
        let before = (self.wakeups, self.datagrams);
        let mut cost = Cost::default();
        while self.now < end {
            cost = cost.plus(self.step());
        }
        (cost, self.wakeups - before.0, self.datagrams - before.1)
    }

    fn talk(&mut self, duration: Duration) {
        self.set_talking(true);
        let end = self.now + duration;
        while self.now < end {
            self.step();
        }
    }

    /// Lets one step of time pass and delivers what is sent meanwhile.
    fn step(&mut self) -> Cost {
        self.now += STEP;
        let now = self.now;
        let mut cost = Cost::default();
        self.publisher.handle_timeout(now);
        for peer in &mut self.peers {
            if peer.poll_timeout().is_some_and(|at| at <= now) {
                peer.handle_timeout(now);
            }
        }
        loop {
            let mut incoming = std::mem::take(&mut self.incoming);
            incoming.clear();
            incoming.extend(std::iter::from_fn(|| self.publisher.poll_transmit()));
            let from_publisher = incoming.len();
            let peers = &mut self.peers;
            let sent = peers.iter_mut().flat_map(|p| std::iter::from_fn(|| p.poll_transmit()));
            incoming.extend(sent);
            self.datagrams += (incoming.len() - from_publisher) as u64;
            let mut sent = std::mem::take(&mut self.sent);
            let mut tracks = std::mem::take(&mut self.tracks);
            let is_due = self.sfu.poll_timeout().is_some_and(|at| at <= now);
            self.wakeups += u64::from(is_due);
            if is_due || !incoming.is_empty() {
                let ((), more) = self.measure(|sfu| {
                    for d in &incoming {
                        sfu.handle_datagram(now, d.source, d.destination, &d.contents);
                    }
                    if is_due {
                        sfu.handle_timeout(now);
                    }
                    sent.take_from(sfu);
                    while let Some(event) = sfu.poll_event() {
                        if let Event::TrackStarted { track, .. } = event {
                            tracks.push(TrackRequest::new(track, ShardId(0), EncodingChoice::Best));
                        }
                    }
                });
                cost = cost.plus(more);
            }
            self.incoming = incoming;
            self.tracks = tracks;
            let is_quiet = sent.datagrams.is_empty();
            let mut start = 0;
            for (destination, end) in sent.datagrams.drain(..) {
                let contents = sent.bytes[start..end].into();
                start = end;
                let datagram = Datagram { source: CORE, destination, contents };
                if destination == PUBLISHER {
                    self.publisher.handle_datagram(now, &datagram);
                } else if let Some(at) = self.by_address.get(&destination) {
                    self.peers[*at].handle_datagram(now, &datagram);
                }
            }
            sent.bytes.clear();
            self.sent = sent;
            if is_quiet {
                return cost;
            }
        }
    }
}
