//! What subscribers are told about time, and publishers about their subscribers.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use galene_testkit::{Profile, TrackSpec, Verdict, address};
use str0m::Event;
use str0m::rtp::RtpWrite;

use crate::raw::{FRAME, RawPublisher, RawSubscriber, vp8_and_opus, vp8_frame};
use crate::room::{CORE, MS, Room, SECOND, audio_of, track, video_of};

#[test]
fn sound_and_pictures_stay_together_though_the_first_report_was_slow() {
    let mut room = Room::new();
    let slow = Profile::ideal().delay(MS * 200);
    room.simulation.network_mut().set_profiles(address(1), CORE, slow);
    let tracks = room.publish_camera(1);
    room.subscribe(2, &tracks, |config| config);
    room.run(SECOND * 2);
    // From here on everything is faster than the reports that came first.
    let fast = Profile::ideal().delay(MS * 20).jitter(MS * 5);
    room.simulation.network_mut().set_profiles(address(1), CORE, fast);
    for _ in 0..20 {
        room.run(SECOND / 2);
        let subscriber = room.subscriber(2);
        let offset = |stream| {
            let track = subscriber.track_from(stream).expect("it arrives");
            assert_eq!(track.stray_sender_reports(), 0);
            track.presentation_offset().expect("reports came")
        };
        let skew = offset(audio_of(1)).abs_diff(offset(video_of(1)));
        assert!(skew < MS * 40, "{skew:?}");
    }
    let subscriber = room.subscriber(2);
    assert!(subscriber.tracks().all(|track| track.sender_reports() > 8));
}

#[test]
fn a_publisher_that_lies_about_time_does_not_make_the_core_lie() {
    for lie in [Lie::Ago(SECOND * 36_000), Lie::Ahead(SECOND * 36_000), Lie::Ago(SECOND * 15)] {
        let mut room = Room::new();
        let mut publisher = RawPublisher::connect(&mut room, 1, vp8_and_opus(), |sdp| sdp);
        publisher.send_frame(&mut room, true);
        room.run(FRAME);
        let subscriber = RawSubscriber::new(&mut room, 2, vp8_and_opus());
        room.want(2, &[track(1, 0)]);
        subscriber.answer(&mut room, |sdp| sdp);
        room.run(SECOND / 2);
        for i in 0..120u32 {
            let now = room.now();
            let payload = vp8_frame(i as u16 + 200, i % 30 == 0, 200);
            let time = 1_000_000 + i * 2_970;
            let sequence = (2_000 + u64::from(i)).into();
            let packet = RtpWrite::new(publisher.pt, sequence, time, lie.about(now), payload);
            let (key, ssrc) = (publisher.key, publisher.ssrc);
            room.simulation.get_mut(key).write(ssrc, packet.marker(true));
            room.run(FRAME);
        }
        let mut latest = None;
        let mut reports = 0;
        for event in &room.simulation.get(subscriber.key).events {
            if let Event::RtpPacket(packet) = event {
                latest = Some(packet.header.timestamp);
            } else if let (Event::SenderFeedback(feedback), Some(latest)) = (event, latest) {
                let reported = feedback.sender_info.rtp_time.numer() as u32;
                let ahead = reported.wrapping_sub(latest);
                assert!(ahead < 90_000, "{lie:?}: a report says {reported} after {latest}");
                reports += 1;
            }
        }
        assert!(reports >= 3, "{reports}");
        assert_eq!(room.counters().faults, 0);
    }
}

/// How wrong a publisher's idea of the time of capture is.
#[derive(Debug, Clone, Copy)]
enum Lie {
    Ago(Duration),
    Ahead(Duration),
}

impl Lie {
    fn about(self, now: Instant) -> Instant {
        match self {
            Self::Ago(by) => now.checked_sub(by).unwrap_or(now),
            Self::Ahead(by) => now + by,
        }
    }
}

#[test]
fn an_estimate_that_no_link_has_harms_nobody() {
    let mut room = Room::new();
    room.publish(1, |config| config.track(TrackSpec::video(video_of(1)).bitrate(3_000_000)));
    let tracks = room.wait_for_tracks(1, 1);
    room.subscribe(2, &tracks, |config| config.remb(u64::MAX));
    room.run(SECOND * 4);
    let remb = room.publisher(1).remb().expect("the publisher is told a rate");
    assert!((500_000..=1 << 31).contains(&remb), "{remb}");
    room.assert_clean();
}

#[test]
fn a_publisher_without_subscribers_is_asked_for_little_and_hears_of_the_first_one() {
    let mut room = Room::new();
    room.publish(1, |config| config.track(TrackSpec::video(video_of(1)).bitrate(3_000_000)));
    let tracks = room.wait_for_tracks(1, 1);
    room.run(SECOND * 3);
    assert_eq!(room.publisher(1).remb(), Some(204_800));
    room.subscribe(2, &tracks, |config| config.remb(1_500_000));
    room.run(SECOND * 4);
    let with_one = room.publisher(1).remb();
    assert!(with_one >= Some(1_400_000), "{with_one:?}");
    room.close(2);
    room.run(SECOND * 2);
    assert_eq!(room.publisher(1).remb(), Some(204_800));
}

#[test]
fn requests_for_keyframes_are_answered_at_once_and_then_merged() {
    let mut room = Room::new();
    let mut publisher = RawPublisher::connect(&mut room, 1, vp8_and_opus(), |sdp| sdp);
    publisher.send_frame(&mut room, true);
    room.run(FRAME);
    let subscribers = [2, 3, 4].map(|id| {
        let subscriber = RawSubscriber::new(&mut room, id, vp8_and_opus());
        room.want(id, &[track(1, 0)]);
        subscriber.answer(&mut room, |sdp| sdp);
        subscriber
    });
    for _ in 0..30 {
        publisher.send_frame(&mut room, false);
        room.run(FRAME);
    }
    let before = keyframe_requests(&room, &publisher);
    for step in 0..30 {
        for subscriber in &subscribers {
            subscriber.request_keyframe(&mut room);
        }
        room.run(MS * 2);
        if step == 0 {
            assert_eq!(keyframe_requests(&room, &publisher), before + 1, "the first passes");
        }
        publisher.send_frame(&mut room, false);
        room.run(FRAME - MS * 2);
    }
    let asked = keyframe_requests(&room, &publisher) - before;
    assert_eq!(asked, 2, "in a second without a keyframe");
    // A keyframe meets the wishes of all.
    publisher.send_frame(&mut room, true);
    for _ in 0..60 {
        publisher.send_frame(&mut room, false);
        room.run(FRAME);
    }
    assert!(keyframe_requests(&room, &publisher) - before <= 3);
}

#[test]
fn a_publisher_that_is_silent_is_not_asked_for_keyframes() {
    let mut room = Room::new();
    let mut publisher = RawPublisher::connect(&mut room, 1, vp8_and_opus(), |sdp| sdp);
    publisher.send_frame(&mut room, true);
    room.run(SECOND * 5);
    let subscriber = RawSubscriber::new(&mut room, 2, vp8_and_opus());
    room.want(2, &[track(1, 0)]);
    subscriber.answer(&mut room, |sdp| sdp);
    room.run(SECOND * 5);
    assert_eq!(keyframe_requests(&room, &publisher), 0);
    // Its first packet brings the wish back.
    publisher.send_frame(&mut room, false);
    room.run(FRAME);
    assert_eq!(keyframe_requests(&room, &publisher), 1);
    publisher.send_frame(&mut room, true);
    room.run(FRAME);
    assert_eq!(subscriber.packets(&room).count(), 1);
}

#[test]
fn a_flood_of_nacks_gets_no_flood_of_retransmissions() {
    let mut room = Room::new();
    room.publish(1, |config| config.track(TrackSpec::video(video_of(1)).bitrate(1_000_000)));
    let tracks = room.wait_for_tracks(1, 1);
    room.subscribe(2, &tracks, |config| config.remb(4_000_000));
    room.run(SECOND * 4);
    let sent = |room: &Room| room.simulation.network().sent(CORE, address(2)).bytes;
    let before = sent(&room);
    room.run(SECOND);
    let usual = sent(&room) - before;

    // A gap makes the subscriber ask, and all that it asks is kept.
    let asked = Rc::new(RefCell::new(Vec::new()));
    let kept = Rc::clone(&asked);
    let gap_ends = room.now() + SECOND / 5;
    room.simulation.network_mut().set_filter(move |now, datagram| match datagram.contents[..] {
        [128..192, 192..224, ..] if datagram.source == address(2) => {
            kept.borrow_mut().push(datagram.clone());
            Verdict::Drop
        }
        [128..192, ..] if datagram.destination == address(2) && now < gap_ends => Verdict::Drop,
        _ => Verdict::Pass,
    });
    room.run(SECOND / 2);
    room.simulation.network_mut().set_filter(|_, _| Verdict::Pass);
    let kept = asked.borrow().clone();
    assert!(!kept.is_empty());

    // Asking once is answered; asking a thousand times a second is not answered a thousand times.
    let before = sent(&room);
    for _ in 0..1_000 {
        for datagram in &kept {
            let now = room.now();
            room.simulation.network_mut().send(now, datagram.clone());
        }
        room.run(MS);
    }
    let flooded = sent(&room) - before;
    assert!(flooded < usual * 2 + 300_000, "{flooded} bytes in a second instead of {usual}");
    room.run(SECOND * 3);
    room.wait_for_frames(2, video_of(1), 30);
    room.assert_clean();
}

fn keyframe_requests(room: &Room, publisher: &RawPublisher) -> usize {
    let events = room.simulation.get(publisher.key).events.iter();
    events.filter(|event| matches!(event, Event::KeyframeRequest(_))).count()
}
