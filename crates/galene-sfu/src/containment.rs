//! Tests of what a failure inside one transport's engine does to the others.

use std::time::{Duration, Instant};

use galene_testkit::{
    Datagram, Node, PublisherConfig, PublisherPeer, SubscriberConfig, SubscriberPeer, TrackSpec,
    address, epoch,
};

use crate::egress::{Egress, Outgoing, Way};
use crate::transport::Role;
use crate::{
    CloseReason, Codec, Command, EncodingChoice, Event, Sfu, SfuConfig, ShardId, TrackId,
    TrackRequest, TransportId,
};

const PUBLISHER: TransportId = TransportId(1);
const VICTIM: TransportId = TransportId(2);
const OTHERS: [TransportId; 2] = [TransportId(3), TransportId(4)];
const MS: Duration = Duration::from_millis(1);

#[test]
fn a_panic_while_packets_are_forwarded_ends_that_transport_alone() {
    let mut call = Call::connect();
    let slot = call.sfu.by_id[&VICTIM];
    if let Role::Subscriber(subscription) = &mut call.sfu.transports[slot].role {
        subscription.egress = Box::new(Panicking);
    }
    let before = call.frames();
    call.run(MS * 1_000);
    assert_eq!(call.closed(), [Event::Closed { transport: VICTIM, reason: CloseReason::Fault }]);
    assert_eq!(call.sfu.counters().faults, 1);
    assert_eq!(call.sfu.transport_count(), 3);
    let after = call.frames();
    assert!(after[1] > before[1] + 25 && after[2] > before[2] + 25, "{before:?}, {after:?}");
    call.subscribers[1..].iter().for_each(SubscriberPeer::assert_clean);
}

#[test]
fn a_publisher_whose_engine_panics_is_gone_with_its_tracks_and_its_subscribers_stay() {
    let mut call = Call::connect();
    let slot = call.sfu.by_id[&PUBLISHER];
    let transport = &mut call.sfu.transports[slot];
    let fails = |_: &mut str0m::Rtc| panic!("for the sake of the test");
    let done: Option<()> = call.sfu.aftermath.call(slot, transport, call.now, fails);
    assert_eq!(done, None);
    // It is not called again before it is removed.
    let again = call.sfu.aftermath.call(slot, transport, call.now, |_| ());
    assert_eq!(again, None);
    call.run(MS * 100);
    let reason = CloseReason::Fault;
    assert_eq!(call.closed(), [Event::Closed { transport: PUBLISHER, reason }]);
    assert_eq!(call.sfu.transport_count(), 3);
    assert!(call.sfu.tracks.is_empty() && call.sfu.by_track_id.is_empty());
    let tracks = vec![request(0)];
    let stream_id = String::new();
    let wish = Command::Subscribe { transport: OTHERS[0], stream_id, tracks };
    call.sfu.handle_command(wish, call.now);
    call.run(MS * 100);
    assert_eq!(call.sfu.counters().faults, 1);
}

#[test]
fn when_all_are_gone_nothing_is_left() {
    let mut call = Call::connect();
    for transport in [OTHERS[0], PUBLISHER, VICTIM, OTHERS[1]] {
        call.sfu.handle_command(Command::Close { transport }, call.now);
        call.run(MS * 50);
    }
    let sfu = &call.sfu;
    assert!(sfu.transports.is_empty() && sfu.by_id.is_empty());
    assert!(sfu.tracks.is_empty() && sfu.by_track_id.is_empty());
    assert!(sfu.arrived.is_empty() && sfu.wishes.is_empty() && sfu.starting.is_empty());
    assert!(sfu.aftermath.is_empty());
}

/// What no engine does, one hopes.
#[derive(Debug)]
struct Panicking;

impl Egress for Panicking {
    fn needs_engine(&self) -> bool {
        true
    }

    fn send(&mut self, _: &mut Way<'_>, packet: Outgoing<'_>) {
        panic!("number {} cannot be sealed", packet.sequence);
    }
}

/// A publisher and three subscribers around a core, without any network between them.
struct Call {
    now: Instant,
    sfu: Sfu,
    publisher: PublisherPeer,
    subscribers: Vec<SubscriberPeer>,
    events: Vec<Event>,
}

fn request(section: u16) -> TrackRequest {
    let track = TrackId { transport: PUBLISHER, section };
    TrackRequest { track, shard: ShardId(0), encoding: EncodingChoice::Best }
}

impl Call {
    /// Connects everybody and lets them watch for a second.
    fn connect() -> Self {
        let now = epoch();
        let config = PublisherConfig::new(address(1)).track(TrackSpec::video(11));
        let mut call = Self {
            now,
            sfu: Sfu::new(SfuConfig::new(vec![address(0)], 1), now),
            publisher: PublisherPeer::new(now, config),
            subscribers: Vec::new(),
            events: Vec::new(),
        };
        let (sdp, codecs) = (call.publisher.offer(), vec![Codec::Vp8]);
        call.sfu.handle_command(Command::Offer { transport: PUBLISHER, sdp, codecs }, now);
        while call.sfu.tracks.is_empty() {
            call.run(MS);
        }
        for transport in [VICTIM, OTHERS[0], OTHERS[1]] {
            let host = u16::try_from(transport.0).expect("a small number");
            let config = SubscriberConfig::new(address(host));
            call.subscribers.push(SubscriberPeer::new(call.now, config));
            let (stream_id, tracks) = (String::new(), vec![request(0)]);
            call.sfu.handle_command(Command::Subscribe { transport, stream_id, tracks }, call.now);
            call.run(MS * 10);
        }
        call.run(MS * 1_000);
        assert!(call.frames().iter().all(|frames| *frames > 20), "{:?}", call.frames());
        call
    }

    /// Advances in steps, as a socket does that is drained now and then.
    fn run(&mut self, duration: Duration) {
        let until = self.now + duration;
        while self.now < until {
            self.now += MS;
            self.sfu.handle_timeout(self.now);
            self.publisher.handle_timeout(self.now);
            self.subscribers.iter_mut().for_each(|s| s.handle_timeout(self.now));
            while self.exchange() {}
        }
    }

    /// Carries everything that waits; returns whether there was anything.
    fn exchange(&mut self) -> bool {
        let peers = self.subscribers.iter_mut();
        let mut sent: Vec<_> = std::iter::from_fn(|| self.publisher.poll_transmit()).collect();
        sent.extend(peers.flat_map(|peer| std::iter::from_fn(|| peer.poll_transmit())));
        for d in &sent {
            self.sfu.handle_datagram(self.now, d.source, d.destination, &d.contents);
        }
        while let Some(event) = self.sfu.poll_event() {
            self.handle_event(&event);
            self.events.push(event);
        }
        let mut received = Vec::new();
        while let Some(t) = self.sfu.poll_transmit(1) {
            let (source, destination) = (t.source, t.destination);
            received.push(Datagram { source, destination, contents: t.contents.into() });
        }
        for datagram in &received {
            self.publisher_or_subscriber(datagram);
        }
        !sent.is_empty() || !received.is_empty()
    }

    fn publisher_or_subscriber(&mut self, datagram: &Datagram) {
        let hosts = (2..).map(address);
        if datagram.destination == address(1) {
            self.publisher.handle_datagram(self.now, datagram);
        }
        for (host, peer) in hosts.zip(&mut self.subscribers) {
            if datagram.destination == host {
                peer.handle_datagram(self.now, datagram);
            }
        }
    }

    fn handle_event(&mut self, event: &Event) {
        if let Event::Answer { sdp, .. } = event {
            self.publisher.handle_answer(self.now, sdp).expect("a good answer");
        } else if let Event::Offer { transport, sdp } = event {
            let at = usize::try_from(transport.0 - 2).expect("a small number");
            let sdp = self.subscribers[at].handle_offer(self.now, sdp).expect("a good offer");
            let transport = *transport;
            self.sfu.handle_command(Command::Answer { transport, sdp }, self.now);
        }
    }

    fn frames(&self) -> Vec<u64> {
        let tracks = self.subscribers.iter().map(|peer| peer.track_from(11));
        tracks.map(|t| t.map_or(0, |t| t.checker().report().frames_rendered)).collect()
    }

    fn closed(&self) -> Vec<Event> {
        let closed = |event: &&Event| matches!(event, Event::Closed { .. });
        self.events.iter().filter(closed).cloned().collect()
    }
}
