//! What does one forwarded packet cost, with 10, 100 and 500 subscribers?
//!
//! A publisher's datagrams are made beforehand; what is measured is all that the forwarding core does
//! with them, from the datagram that comes in to the sealed datagrams that are ready to go out, without
//! any socket. `cargo bench --bench forward -- 10 1000` chooses other numbers of subscribers.

#![expect(clippy::print_stdout, reason = "the figures are the purpose of this program")]
#![expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]

use std::alloc::System;
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
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// A camera in HD: 1.5 Mbit/s of VP8 in packets of up to 1,200 bytes.
const BITRATE: u64 = 1_500_000;

/// How much conference is forwarded for each figure, and how often; the best round counts, since
/// whatever else the machine does can only add to the time.
const ROUND: Duration = Duration::from_secs(2);
const ROUNDS: usize = 5;

/// The steps in which datagrams are handed over, as a socket that is drained every few milliseconds
/// would.
const STEP: Duration = Duration::from_millis(2);

fn main() {
    let numbers: Vec<u16> = std::env::args().filter_map(|a| a.parse().ok()).collect();
    let numbers = if numbers.is_empty() { vec![10, 100, 500] } else { numbers };
    println!("one publisher, VP8 at 1.5 Mbit/s with Opus; best of {ROUNDS} rounds");
    println!(
        "{:>11} {:>10} {:>18} {:>14} {:>15} {:>14}",
        "subscribers",
        "egress",
        "packets forwarded",
        "ns per packet",
        "allocs per pkt",
        "bytes per pkt"
    );
    for number in numbers {
        for egress in [EgressKind::Direct, EgressKind::Reference] {
            let mut conference = Conference::connect(number, egress);
            conference.run(ROUND); // the caches of the core fill
            let rounds = (0..ROUNDS).map(|_| conference.run(ROUND));
            if let Some(cost) = rounds.min_by_key(Cost::per_packet) {
                println!(
                    "{number:>11} {:>10} {:>18} {:>14} {:>15.3} {:>14.0}",
                    format!("{egress:?}"),
                    cost.forwarded,
                    cost.per_packet(),
                    cost.allocations as f64 / cost.forwarded as f64,
                    cost.bytes as f64 / cost.forwarded as f64,
                );
            }
        }
    }
}

struct Cost {
    forwarded: u64,
    time: Duration,
    allocations: usize,
    bytes: usize,
}

impl Cost {
    fn per_packet(&self) -> u128 {
        self.time.as_nanos() / u128::from(self.forwarded.max(1))
    }
}

const CORE: SocketAddr = address(0);

struct Conference {
    now: Instant,
    sfu: Sfu,
    publisher: PublisherPeer,
}

impl Conference {
    /// Connects one publisher and this many subscribers to a core. The subscribers are let go then:
    /// what they would send back is not measured.
    fn connect(subscribers: u16, egress: EgressKind) -> Self {
        let now = epoch();
        let mut config = SfuConfig::new(vec![CORE], 1);
        config.egress = egress;
        let sfu = Sfu::new(config, now);
        let config = PublisherConfig::new(address(1))
            .track(TrackSpec::audio(1))
            .track(TrackSpec::video(2).bitrate(BITRATE));
        let mut conference = Self { now, sfu, publisher: PublisherPeer::new(now, config) };

        let sdp = conference.publisher.offer();
        let transport = TransportId(0);
        let codecs = vec![Codec::Vp8, Codec::Opus];
        conference.sfu.handle_command(Command::Offer { transport, sdp, codecs }, now);
        let Some(Event::Answer { sdp, .. }) = conference.sfu.poll_event() else {
            unreachable!("the stand-in's offer is always answered");
        };
        conference.publisher.handle_answer(now, &sdp).expect("our own answer is good");
        let mut tracks = Vec::new();
        while tracks.len() < 2 {
            conference.advance(&mut []);
            while let Some(event) = conference.sfu.poll_event() {
                if let Event::TrackStarted { track, .. } = event {
                    tracks.push(TrackRequest {
                        track,
                        shard: ShardId(0),
                        encoding: EncodingChoice::Best,
                    });
                }
            }
        }
        tracks.sort_by_key(|request| request.track.section);
        for number in 1..=subscribers {
            conference.subscribe(number, tracks.clone());
        }
        conference
    }

    fn subscribe(&mut self, number: u16, tracks: Vec<TrackRequest>) {
        let transport = TransportId(u64::from(number));
        let stream_id = "stream".to_owned();
        self.sfu.handle_command(Command::Subscribe { transport, stream_id, tracks }, self.now);
        let config = SubscriberConfig::new(address(1 + number));
        let mut peer = SubscriberPeer::new(self.now, config);
        loop {
            match self.sfu.poll_event() {
                Some(Event::Offer { sdp, .. }) => {
                    let sdp = peer.handle_offer(self.now, &sdp).expect("our own offer is good");
                    self.sfu.handle_command(Command::Answer { transport, sdp }, self.now);
                }
                Some(Event::Connected { .. }) if peer.is_connected() => return,
                Some(_) => {}
                None => self.advance(&mut [&mut peer]),
            }
        }
    }

    /// Lets one step of time pass and delivers what is sent meanwhile, to `peers` at least.
    fn advance(&mut self, peers: &mut [&mut SubscriberPeer]) {
        self.now += STEP;
        self.publisher.handle_timeout(self.now);
        self.sfu.handle_timeout(self.now);
        for peer in peers.iter_mut() {
            peer.handle_timeout(self.now);
        }
        loop {
            let mut quiet = true;
            let sent = std::iter::from_fn(|| self.publisher.poll_transmit())
                .chain(peers.iter_mut().flat_map(|p| std::iter::from_fn(|| p.poll_transmit())));
            for d in sent {
                quiet = false;
                self.sfu.handle_datagram(self.now, d.source, d.destination, &d.contents);
            }
            while let Some(t) = self.sfu.poll_transmit(1) {
                quiet = false;
                let datagram = Datagram {
                    source: t.source,
                    destination: t.destination,
                    contents: t.contents.into(),
                };
                if datagram.destination == address(1) {
                    self.publisher.handle_datagram(self.now, &datagram);
                }
                for peer in peers.iter_mut() {
                    peer.handle_datagram(self.now, &datagram);
                }
            }
            if quiet {
                return;
            }
        }
    }

    /// Forwards this much conference and returns what it cost the core.
    fn run(&mut self, duration: Duration) -> Cost {
        let before = self.sfu.counters().forwarded;
        let end = self.now + duration;
        let mut cost = Cost { forwarded: 0, time: Duration::ZERO, allocations: 0, bytes: 0 };
        while self.now < end {
            self.now += STEP;
            self.publisher.handle_timeout(self.now);
            let sent: Vec<_> = std::iter::from_fn(|| self.publisher.poll_transmit()).collect();
            let region = Region::new(ALLOCATOR);
            let start = Instant::now();
            for d in &sent {
                self.sfu.handle_datagram(self.now, d.source, d.destination, &d.contents);
            }
            self.sfu.handle_timeout(self.now);
            let mut to_publisher = Vec::new();
            while let Some(t) = self.sfu.poll_transmit(1) {
                if t.destination == address(1) {
                    let contents = t.contents.into();
                    to_publisher.push(Datagram { source: CORE, destination: address(1), contents });
                }
            }
            cost.time += start.elapsed();
            let change = region.change();
            for datagram in &to_publisher {
                self.publisher.handle_datagram(self.now, datagram);
            }
            cost.allocations += change.allocations + change.reallocations;
            cost.bytes += change.bytes_allocated;
        }
        cost.forwarded = self.sfu.counters().forwarded - before;
        cost
    }
}
