//! When the core wants to be woken.

use std::time::Instant;

use galene_sfu::{Codec, Command, Event, Sfu, SfuConfig, TransportId};
use galene_testkit::{
    Datagram, Node, PublisherConfig, PublisherPeer, SubscriberConfig, SubscriberPeer, TrackSpec,
    address, epoch,
};

use crate::offers::{AUDIO, VIDEO, chrome_offer};
use crate::room::{ALL_CODECS, CORE, MS, Room, SECOND, video_of};

#[test]
fn a_core_without_transports_never_wakes() {
    let mut sfu = Sfu::new(SfuConfig::new(vec![CORE], 1), epoch());
    assert_eq!(sfu.poll_timeout(), None);
    sfu.handle_timeout(epoch() + SECOND);
    assert_eq!(sfu.poll_timeout(), None);
}

#[test]
fn after_it_was_told_the_time_the_core_wants_to_sleep_whatever_happened() {
    let mut room = Room::new();
    let tracks = room.publish_camera(1);
    room.subscribe(2, &tracks, |config| config);
    let mut shortest = SECOND;
    for step in 0..2_000u32 {
        room.run(MS);
        match step {
            300 => room.want(2, &tracks[..1]),
            600 => room.want(2, &tracks),
            900 => room.command(Command::RestartIce { transport: TransportId(2) }),
            1_200 => room.kill(2),
            1_500 => room.close(2),
            _ => {}
        }
        let now = room.now();
        let sfu = &mut room.simulation.get_mut(room.core).sfu;
        sfu.handle_timeout(now);
        while sfu.poll_transmit(1).is_some() {}
        if let Some(at) = sfu.poll_timeout() {
            assert!(at > now, "at step {step} it wants to be woken {:?} ago", now - at);
            shortest = shortest.min(at - now);
        }
    }
    assert!(shortest >= MS, "{shortest:?}");
}

#[test]
fn a_thousand_idle_transports_wake_a_few_times_in_a_second_each() {
    const COUNT: u64 = 1_000;
    let mut sfu = Sfu::new(SfuConfig::new(vec![CORE], 1), epoch());
    let sdp = chrome_offer(&[AUDIO, VIDEO]);
    let mut now = epoch();
    for id in 0..COUNT {
        let codecs = ALL_CODECS.to_vec();
        let transport = TransportId(id);
        sfu.handle_command(Command::Offer { transport, sdp: sdp.clone(), codecs }, now);
        drain(&mut sfu);
        now += MS;
    }
    let wakes = count_wakes(&mut sfu, now, now + SECOND * 10);
    let each = wakes as f64 / COUNT as f64 / 10.0;
    assert!(each < 1.5, "{each} wakes a second of a transport that waits for its peer");
}

#[test]
fn a_connected_transport_with_nothing_to_forward_wakes_a_few_times_in_a_second() {
    let mut quiet = Quiet::connect();
    let from = quiet.now;
    let mut wakes = 0;
    while quiet.now < from + SECOND * 10 {
        wakes += quiet.step();
    }
    let each = f64::from(wakes) / 2.0 / 10.0;
    assert!(each < 3.0, "{each} wakes a second of each of two transports");
}

#[test]
fn a_transport_that_is_closed_is_not_woken_any_more() {
    let mut room = Room::new();
    let tracks = room.publish_camera(1);
    for id in 2..8 {
        room.subscribe(id, &tracks, |config| config);
    }
    room.wait_for_frames(7, video_of(1), 5);
    for id in 1..8 {
        room.close(id);
    }
    let sfu = &mut room.simulation.get_mut(room.core).sfu;
    drain(sfu);
    assert_eq!(sfu.poll_timeout(), None);
}

#[test]
fn time_that_stands_still_or_goes_back_does_no_harm() {
    let mut room = Room::new();
    let tracks = room.publish_camera(1);
    room.subscribe(2, &tracks, |config| config);
    room.wait_for_frames(2, video_of(1), 5);
    for _ in 0..50 {
        let now = room.now();
        let sfu = &mut room.simulation.get_mut(room.core).sfu;
        for past in [now - MS * 500, now, now, epoch()] {
            sfu.handle_timeout(past);
            sfu.handle_datagram(past, address(9), CORE, &[0x80, 96, 0, 0]);
            assert!(sfu.poll_timeout().is_some_and(|at| at > past));
        }
        room.run(MS * 20);
    }
    room.wait_for_frames(2, video_of(1), 30);
    room.assert_clean();
}

fn drain(sfu: &mut Sfu) {
    while sfu.poll_transmit(1).is_some() {}
    while sfu.poll_event().is_some() {}
}

/// Wakes the core whenever it wants to be, and counts.
fn count_wakes(sfu: &mut Sfu, from: Instant, until: Instant) -> u64 {
    let (mut now, mut wakes) = (from, 0);
    while let Some(at) = sfu.poll_timeout().filter(|at| *at <= until) {
        now = now.max(at);
        sfu.handle_timeout(now);
        drain(sfu);
        wakes += 1;
        assert!(wakes < 1_000_000, "it never comes to rest");
    }
    wakes
}

/// A publisher and a subscriber, connected, of which the publisher then sends nothing.
struct Quiet {
    now: Instant,
    sfu: Sfu,
    publisher: PublisherPeer,
    subscriber: SubscriberPeer,
}

impl Quiet {
    fn connect() -> Self {
        let now = epoch();
        let config = PublisherConfig::new(address(1)).track(TrackSpec::video(11));
        let mut quiet = Self {
            now,
            sfu: Sfu::new(SfuConfig::new(vec![CORE], 1), now),
            publisher: PublisherPeer::new(now, config),
            subscriber: SubscriberPeer::new(now, SubscriberConfig::new(address(2))),
        };
        let (transport, codecs) = (TransportId(1), vec![Codec::Vp8]);
        let sdp = quiet.publisher.offer();
        quiet.sfu.handle_command(Command::Offer { transport, sdp, codecs }, now);
        while !quiet.subscriber.is_connected() {
            quiet.step();
        }
        quiet.publisher.set_encoding_active(0, 0, false);
        let settled = quiet.now + SECOND * 10;
        while quiet.now < settled {
            quiet.step();
        }
        quiet
    }

    /// Advances to whatever is next, and returns how often the core's timer went off.
    fn step(&mut self) -> u32 {
        let timeouts = [
            self.sfu.poll_timeout(),
            self.publisher.poll_timeout(),
            self.subscriber.poll_timeout(),
        ];
        let next = timeouts.into_iter().flatten().min().expect("somebody has a timer");
        self.now = self.now.max(next);
        let woken = u32::from(self.sfu.poll_timeout().is_some_and(|at| at <= self.now));
        self.sfu.handle_timeout(self.now);
        self.publisher.handle_timeout(self.now);
        self.subscriber.handle_timeout(self.now);
        loop {
            let mut sent: Vec<_> = std::iter::from_fn(|| self.publisher.poll_transmit()).collect();
            sent.extend(std::iter::from_fn(|| self.subscriber.poll_transmit()));
            let is_quiet = sent.is_empty();
            for d in sent {
                self.sfu.handle_datagram(self.now, d.source, d.destination, &d.contents);
            }
            while let Some(event) = self.sfu.poll_event() {
                self.handle_event(event);
            }
            let mut received = Vec::new();
            while let Some(t) = self.sfu.poll_transmit(1) {
                let (source, destination) = (t.source, t.destination);
                received.push(Datagram { source, destination, contents: t.contents.into() });
            }
            if is_quiet && received.is_empty() {
                return woken;
            }
            for datagram in received {
                if datagram.destination == address(1) {
                    self.publisher.handle_datagram(self.now, &datagram);
                } else {
                    self.subscriber.handle_datagram(self.now, &datagram);
                }
            }
        }
    }

    fn handle_event(&mut self, event: Event) {
        use galene_sfu::{EncodingChoice, ShardId, TrackRequest};
        let transport = TransportId(2);
        if let Event::Answer { sdp, .. } = event {
            self.publisher.handle_answer(self.now, &sdp).expect("a good answer");
        } else if let Event::TrackStarted { track, .. } = event {
            let tracks = vec![TrackRequest::new(track, ShardId(0), EncodingChoice::Best)];
            let stream_id = "stream".to_owned();
            self.sfu.handle_command(
                Command::Subscribe {
                    transport,
                    client: galene_sfu::ClientId(transport.0),
                    stream_id,
                    tracks,
                },
                self.now,
            );
        } else if let Event::Offer { sdp, .. } = event {
            let sdp = self.subscriber.handle_offer(self.now, &sdp).expect("a good offer");
            self.sfu.handle_command(Command::Answer { transport, sdp }, self.now);
        }
    }
}
