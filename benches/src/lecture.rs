//! One publisher and its subscribers around a forwarding core, without sockets and in virtual time.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::ops::Range;
use std::time::{Duration, Instant};

use galene_sfu::{
    Codec, Command, EgressKind, EncodingChoice, Event, Sfu, SfuConfig, ShardId, TrackId,
    TrackRequest, TransportId,
};
use galene_testkit::{
    Datagram, Node, PublisherConfig, PublisherPeer, Scalability, SubscriberConfig, SubscriberPeer,
    TrackSpec, address, epoch,
};

use crate::Meter;

/// A camera in HD: 1.5 Mbit/s of VP8 in packets of up to 1,200 bytes.
const BITRATE: u64 = 1_500_000;

/// The steps in which datagrams are handed over, as a socket that is drained every few milliseconds
/// would.
const STEP: Duration = Duration::from_millis(2);

/// How often subscribers are told the time. They only have to answer connectivity checks.
const PEER_STEP: Duration = Duration::from_millis(50);

/// How long subscribers watch, for a few packets of each stream.
const WATCHED: Duration = Duration::from_millis(150);

/// How long estimates take to have the publisher send all it can: each is sent once a second.
const RAMP: Duration = Duration::from_millis(2_500);

/// Whoever has not connected by then never will.
const PATIENCE: Duration = Duration::from_secs(10);

/// What subscribers say that they can take, in bits per second.
const ROOM: u64 = 50_000_000;

const CORE: SocketAddr = address(0);
const PUBLISHER: u16 = 1;
const FIRST_SUBSCRIBER: u16 = 2;

/// What is published.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Media {
    /// Sound only.
    Sound,
    /// Sound, and VP8 at 1.5 Mbit/s.
    Camera,
    /// Sound, and VP8 at 1.5 Mbit/s in three temporal layers, all of which everybody gets.
    Layers,
    /// Sound, and two encodings of VP8, the larger one at 1.5 Mbit/s.
    Simulcast,
}

/// A publisher, a core and subscribers, all connected.
///
/// Publisher and subscribers stand in for browsers. What they do is never measured. Subscribers see
/// nothing of the media after the first moments, so all that they send is answers to connectivity checks
/// and, once a second, an estimate that leaves the publisher all the room it wants; taking those in is not
/// measured either, but in [`hear`](Self::hear).
pub struct Lecture {
    now: Instant,
    /// The publisher's shard, and those of subscribers that are elsewhere.
    shards: Vec<Sfu>,
    publisher: PublisherPeer,
    subscribers: Vec<SubscriberPeer>,
    tracks: Vec<TrackId>,
    next_peer_step: Instant,
    kept: Kept,
    /// Whether subscribers see the media that they are sent.
    watching: bool,
    sizes: Option<Vec<usize>>,
}

impl fmt::Debug for Lecture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lecture").field("subscribers", &self.subscribers.len()).finish()
    }
}

/// What the core sent and somebody has to see, in buffers that are used again.
#[derive(Debug, Default)]
struct Kept {
    bytes: Vec<u8>,
    datagrams: Vec<(u16, Range<usize>)>,
}

/// How many packets were published and forwarded.
struct Done {
    published: u64,
    forwarded: u64,
}

/// The stages of forwarding, as far as they can be told apart from outside.
#[derive(Debug)]
pub struct Stages<'a> {
    /// From the publisher's datagram to the parsed packet in the ring.
    pub ingest: &'a mut Meter,
    /// From there to sealed datagrams that wait, for all subscribers.
    pub forward: &'a mut Meter,
    /// Taking the waiting datagrams out, one by one.
    pub poll: &'a mut Meter,
    /// What is due by the clock: reports, connectivity checks, estimates.
    pub timers: &'a mut Meter,
}

impl Lecture {
    /// Connects everybody.
    pub fn connect(media: Media, egress: EgressKind, subscribers: u16) -> Self {
        Self::gather(media, egress, subscribers, 0)
    }

    fn gather(media: Media, egress: EgressKind, subscribers: u16, others: u16) -> Self {
        let mut lecture = Self::publish_on(media, egress, others);
        for _ in 0..subscribers {
            lecture.subscribe(EncodingChoice::Best, &mut Meter::off());
        }
        // Streams that were never seen cannot be estimated.
        lecture.watching = true;
        lecture.run(WATCHED, &mut Meter::off());
        lecture.watching = false;
        lecture.run(RAMP, &mut Meter::off());
        lecture
    }

    /// Connects a publisher, and a subscriber on each of so many other shards.
    pub fn across(media: Media, others: u16) -> Self {
        Self::gather(media, EgressKind::Direct, others, others)
    }

    /// Connects the publisher.
    pub fn start(media: Media, egress: EgressKind) -> Self {
        Self::publish_on(media, egress, 0)
    }

    fn publish_on(media: Media, egress: EgressKind, others: u16) -> Self {
        let now = epoch();
        let shard = |number: u16| {
            let mut config = SfuConfig::new(vec![CORE], number.into());
            config.shard = ShardId(number);
            config.egress = egress;
            Sfu::new(config, now)
        };
        let camera = TrackSpec::video(2).bitrate(BITRATE);
        let browser = PublisherConfig::new(address(PUBLISHER)).track(TrackSpec::audio(1));
        let (browser, tracks) = match media {
            Media::Sound => (browser, 1),
            Media::Camera => (browser.track(camera), 2),
            Media::Layers => (browser.track(camera.scalability(Scalability::L1T3)), 2),
            Media::Simulcast => (browser.track(camera.simulcast()), 2),
        };
        let mut lecture = Self {
            now,
            shards: (0..=others).map(shard).collect(),
            publisher: PublisherPeer::new(now, browser),
            subscribers: Vec::new(),
            tracks: Vec::new(),
            next_peer_step: now,
            kept: Kept::default(),
            watching: false,
            sizes: None,
        };
        let sdp = lecture.publisher.offer();
        let (transport, codecs) = (TransportId(0), vec![Codec::Vp8, Codec::Opus]);
        lecture.shards[0].handle_command(Command::Offer { transport, sdp, codecs }, now);
        let Some(Event::Answer { sdp, .. }) = lecture.shards[0].poll_event() else {
            unreachable!("the stand-in's offer is always answered");
        };
        lecture.publisher.handle_answer(now, &sdp).expect("our own answer is good");
        while lecture.tracks.len() < tracks {
            assert!(lecture.now < now + PATIENCE, "the publisher does not connect");
            lecture.step(&mut Meter::off());
            while let Some(event) = lecture.shards[0].poll_event() {
                if let Event::TrackStarted { track, .. } = event {
                    lecture.tracks.push(track);
                }
            }
        }
        lecture.tracks.sort_by_key(|track| track.section);
        lecture
    }

    /// Connects one more subscriber while the publisher is silent, and measures the core's share of it:
    /// the offer, the answer, ICE, DTLS, and what is sent at once.
    pub fn subscribe(&mut self, choice: EncodingChoice, meter: &mut Meter) {
        let number = self.subscribers.len();
        let transport = transport_of(number);
        let host = FIRST_SUBSCRIBER + u16::try_from(number).expect("there are fewer subscribers");
        let config = SubscriberConfig::new(address(host)).remb(ROOM);
        self.subscribers.push(SubscriberPeer::new(self.now, config));
        self.want(number, Some(choice), meter);
        let (mut connected, start) = (false, self.now);
        while !connected || !self.subscribers[number].is_connected() {
            assert!(self.now < start + PATIENCE, "subscriber {number} does not connect");
            self.now += STEP;
            self.subscribers[number].handle_timeout(self.now);
            self.exchange(number, meter);
            let home = self.home(number);
            while let Some(event) = self.shards[home].poll_event() {
                connected |= event == Event::Connected { transport };
            }
        }
        meter.count(1);
    }

    /// Lets a subscriber want all tracks, or none, and measures the core's share. If that takes an offer,
    /// the subscriber answers it.
    pub fn want(&mut self, number: usize, choice: Option<EncodingChoice>, meter: &mut Meter) {
        let (transport, home) = (transport_of(number), self.home(number));
        let (sfu, now, kept) = (&mut self.shards[home], self.now, &mut self.kept);
        let watching = self.watching;
        let request =
            |encoding| move |&track: &TrackId| TrackRequest::new(track, ShardId(0), encoding);
        let tracks = choice.map(|c| self.tracks.iter().map(request(c)).collect());
        let (stream_id, tracks) = ("stream".to_owned(), tracks.unwrap_or_default());
        let command = Command::Subscribe {
            transport,
            client: galene_sfu::ClientId(transport.0),
            stream_id,
            tracks,
        };
        let mut offer = meter.measure(|| {
            sfu.handle_command(command, now);
            kept.take(sfu, watching, None);
            sfu.poll_event()
        });
        if home > 0 && offer.is_none() {
            // The tracks of another shard have to be heard of first.
            self.relay(&mut Meter::off(), &mut Meter::off());
            offer = self.shards[home].poll_event();
        }
        while let Some(Event::Offer { sdp, .. }) = offer {
            let answer = self.subscribers[number].handle_offer(now, &sdp);
            let sdp = answer.expect("our own offer is good");
            let (sfu, kept) = (&mut self.shards[home], &mut self.kept);
            offer = meter.measure(|| {
                sfu.handle_command(Command::Answer { transport, sdp }, now);
                kept.take(sfu, watching, None);
                sfu.poll_event()
            });
        }
        self.deliver();
        if self.shards.len() > 1 {
            self.relay(&mut Meter::off(), &mut Meter::off());
        }
    }

    /// Exchanges datagrams with one subscriber till neither has anything to say.
    fn exchange(&mut self, number: usize, meter: &mut Meter) {
        loop {
            let home = self.home(number);
            let peer = &mut self.subscribers[number];
            let sent: Vec<_> = std::iter::from_fn(|| peer.poll_transmit()).collect();
            let (sfu, now, kept) = (&mut self.shards[home], self.now, &mut self.kept);
            let watching = self.watching;
            meter.measure(|| {
                hand_over(sfu, now, &sent);
                sfu.handle_timeout(now);
                kept.take(sfu, watching, None);
            });
            if sent.is_empty() && self.kept.datagrams.is_empty() {
                return;
            }
            self.deliver();
        }
    }

    /// Lets one step of conference pass and measures what the core does in it.
    pub fn step(&mut self, meter: &mut Meter) {
        self.advance(meter, &mut Meter::off());
    }

    /// The same, and measures apart how the core takes in subscribers' reports.
    fn advance(&mut self, meter: &mut Meter, reports: &mut Meter) {
        let sent = self.publish();
        let (sfu, now, kept, sizes) =
            (&mut self.shards[0], self.now, &mut self.kept, self.sizes.as_mut());
        let watching = self.watching;
        meter.measure(|| {
            hand_over(sfu, now, &sent);
            sfu.handle_timeout(now);
            kept.take(sfu, watching, sizes);
        });
        self.deliver_and_hear(reports);
        if self.shards.len() > 1 {
            self.relay(&mut Meter::off(), &mut Meter::off());
        }
    }

    /// Lets the shards talk to each other till none has anything to say. Measures the publisher's shard
    /// as it exports packets, and the others as they take them in, and counts these packets.
    fn relay(&mut self, export: &mut Meter, import: &mut Meter) {
        loop {
            let mut said = Vec::with_capacity(2 * self.shards.len());
            let publishing = &mut self.shards[0];
            export.measure(|| {
                said.extend(std::iter::from_fn(|| publishing.poll_relay()).map(|m| (0, m)));
            });
            for (number, shard) in (1..).zip(&mut self.shards[1..]) {
                shard.handle_timeout(self.now);
                self.kept.take(shard, self.watching, None);
                said.extend(std::iter::from_fn(|| shard.poll_relay()).map(|m| (number, m)));
            }
            if said.is_empty() {
                break;
            }
            for (from, (to, message)) in said {
                let packets = message.packet_count() as u64;
                export.count(packets);
                import.count(packets);
                let (shard, now) = (&mut self.shards[usize::from(to.0)], self.now);
                if packets > 0 {
                    import.measure(|| shard.handle_relay(now, ShardId(from), message));
                } else {
                    shard.handle_relay(now, ShardId(from), message);
                }
            }
        }
        self.deliver();
    }

    /// Lets this much conference cross from shard to shard, and measures that alone.
    pub fn cross(&mut self, duration: Duration, export: &mut Meter, import: &mut Meter) {
        self.pass(duration, |lecture| {
            let sent = lecture.publish();
            let (sfu, now) = (&mut lecture.shards[0], lecture.now);
            hand_over(sfu, now, &sent);
            if !sent.is_empty() {
                lecture.relay(export, import);
            }
            let (sfu, now) = (&mut lecture.shards[0], lecture.now);
            sfu.handle_timeout(now);
            lecture.kept.take(sfu, lecture.watching, None);
            lecture.relay(&mut Meter::off(), &mut Meter::off());
        });
    }

    /// Lets this much conference pass, in steps in which time goes on, and returns what the publisher's shard
    /// did meanwhile.
    fn pass(&mut self, duration: Duration, mut step: impl FnMut(&mut Self)) -> Done {
        let before = self.shards[0].counters();
        let end = self.now + duration;
        while self.now < end {
            step(self);
        }
        let after = self.shards[0].counters();
        Done {
            published: after.published - before.published,
            forwarded: after.forwarded - before.forwarded,
        }
    }

    /// Returns on which shard a subscriber is: on the publisher's if that is the only one, else on another.
    fn home(&self, number: usize) -> usize {
        if self.shards.len() == 1 { 0 } else { 1 + number % (self.shards.len() - 1) }
    }

    /// The same, stage by stage.
    fn step_by_stages(&mut self, stages: &mut Stages<'_>) {
        let sent = self.publish();
        let (sfu, now, kept) = (&mut self.shards[0], self.now, &mut self.kept);
        let watching = self.watching;
        if !sent.is_empty() {
            stages.ingest.measure(|| {
                hand_over(sfu, now, &sent);
            });
            // Asking for the next deadline forwards what has arrived, and takes nothing out.
            stages.forward.measure(|| sfu.poll_timeout());
            stages.poll.measure(|| kept.take(sfu, watching, None));
        }
        stages.timers.measure(|| {
            sfu.handle_timeout(now);
            kept.take(sfu, watching, None);
        });
        self.deliver();
    }

    /// Forwards this much conference and counts forwarded packets.
    pub fn run(&mut self, duration: Duration, meter: &mut Meter) {
        let done = self.pass(duration, |lecture| lecture.step(meter));
        meter.count(done.forwarded);
    }

    /// The same, stage by stage. Ingest counts published packets.
    pub fn run_by_stages(&mut self, duration: Duration, mut stages: Stages<'_>) {
        let done = self.pass(duration, |lecture| lecture.step_by_stages(&mut stages));
        stages.ingest.count(done.published);
        stages.forward.count(done.forwarded);
        stages.poll.count(done.forwarded);
        stages.timers.count(done.forwarded);
    }

    /// Lets this much conference pass in which subscribers see what they are sent, and measures how the core
    /// takes in what they say of it; counts their reports.
    pub fn hear(&mut self, duration: Duration, meter: &mut Meter) {
        self.watching = true;
        self.pass(duration, |lecture| lecture.advance(&mut Meter::off(), meter));
        self.watching = false;
    }

    /// Takes in this much conference and counts the publisher's packets.
    pub fn ingest(&mut self, duration: Duration, meter: &mut Meter) {
        let done = self.pass(duration, |lecture| lecture.step(meter));
        assert_eq!(done.forwarded, 0, "with subscribers it would be more than taking packets in");
        meter.count(done.published);
    }

    /// Forwards this much conference and returns the sizes of the datagrams that one subscriber is sent.
    pub fn datagram_sizes(&mut self, duration: Duration) -> Vec<usize> {
        self.sizes = Some(Vec::new());
        self.run(duration, &mut Meter::off());
        self.sizes.take().unwrap_or_default()
    }

    /// Returns how many subscribers there are.
    pub fn subscribers(&self) -> usize {
        self.subscribers.len()
    }

    /// Returns how many packets were forwarded so far.
    pub fn forwarded(&self) -> u64 {
        self.shards[0].counters().forwarded
    }

    /// Lets time pass and returns what the publisher sends.
    fn publish(&mut self) -> Vec<Datagram> {
        self.now += STEP;
        self.publisher.handle_timeout(self.now);
        std::iter::from_fn(|| self.publisher.poll_transmit()).collect()
    }

    /// Gives everybody what they have to see, and the core what subscribers answer to it.
    fn deliver(&mut self) {
        self.deliver_and_hear(&mut Meter::off());
    }

    /// The same, and measures how the core takes in subscribers' reports.
    fn deliver_and_hear(&mut self, meter: &mut Meter) {
        let Kept { bytes, datagrams } = &self.kept;
        let mut answering = Vec::new();
        for (host, range) in datagrams {
            let contents = bytes[range.clone()].into();
            let datagram = Datagram { source: CORE, destination: address(*host), contents };
            if *host == PUBLISHER {
                self.publisher.handle_datagram(self.now, &datagram);
            } else {
                let number = usize::from(*host - FIRST_SUBSCRIBER);
                self.subscribers[number].handle_datagram(self.now, &datagram);
                answering.push(number);
            }
        }
        self.kept.bytes.clear();
        self.kept.datagrams.clear();
        if self.next_peer_step <= self.now {
            self.next_peer_step = self.now + PEER_STEP;
            self.subscribers.iter_mut().for_each(|peer| peer.handle_timeout(self.now));
            answering = (0..self.subscribers.len()).collect();
        } else if self.subscribers.last().is_some_and(|newest| !newest.is_connected()) {
            return; // it is exchanging datagrams with the core
        }
        for number in answering {
            let home = self.home(number);
            let peer = &mut self.subscribers[number];
            for d in std::iter::from_fn(|| peer.poll_transmit()) {
                let (sfu, now) = (&mut self.shards[home], self.now);
                if is_report(&d.contents) {
                    meter.measure(|| hand_over(sfu, now, &[d]));
                    meter.count(1);
                } else {
                    hand_over(sfu, now, &[d]);
                }
            }
        }
    }
}

impl Kept {
    /// Takes out all that waits in the core, and keeps what somebody has to see.
    fn take(&mut self, sfu: &mut Sfu, watching: bool, mut sizes: Option<&mut Vec<usize>>) {
        while let Some(t) = sfu.poll_transmit(1) {
            let host = host_of(t.destination);
            if host == PUBLISHER || watching || !is_media(t.contents) {
                let start = self.bytes.len();
                self.bytes.extend_from_slice(t.contents);
                self.datagrams.push((host, start..self.bytes.len()));
            } else if host == FIRST_SUBSCRIBER
                && let Some(sizes) = &mut sizes
            {
                sizes.push(t.contents.len());
            }
        }
    }
}

/// Gives the core what has arrived.
fn hand_over(sfu: &mut Sfu, now: Instant, datagrams: &[Datagram]) {
    for d in datagrams {
        sfu.handle_datagram(now, d.source, d.destination, &d.contents);
    }
}

fn transport_of(number: usize) -> TransportId {
    TransportId(1 + number as u64)
}

/// Returns the number by which the kit made an address.
fn host_of(address: SocketAddr) -> u16 {
    match address.ip() {
        IpAddr::V4(ip) => {
            let [_, _, high, low] = ip.octets();
            u16::from_be_bytes([high, low])
        }
        IpAddr::V6(_) => unreachable!("the kit's addresses are IPv4"),
    }
}

/// Returns whether a datagram is RTCP (RFC 5761 §4).
fn is_report(datagram: &[u8]) -> bool {
    matches!(datagram, [128..=191, 192..=223, ..])
}

/// Returns whether a datagram is RTP or RTCP (RFC 7983 §7).
fn is_media(datagram: &[u8]) -> bool {
    matches!(datagram.first(), Some(128..=191))
}
