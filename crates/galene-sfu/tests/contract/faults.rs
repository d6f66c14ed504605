//! What arrives is not always what was sent, and not always from whom it says.

use galene_testkit::{Datagram, TrackSpec, address};
use str0m::RtcConfig;
use str0m::format::{Codec as EngineCodec, FormatParams};
use str0m::media::Frequency;

use crate::raw::{FRAME, RawPublisher, vp8_and_opus, vp8_frame};
use crate::room::{CORE, MS, Room, SECOND, track, video_of};

#[test]
fn garbage_from_the_address_of_a_peer_does_not_end_its_call() {
    let mut room = Room::new();
    let tracks = room.publish_camera(1);
    room.subscribe(2, &tracks, |config| config);
    room.wait_for_frames(2, video_of(1), 10);
    let mut random = fastrand::Rng::with_seed(3);
    for round in 0..3_000 {
        let mut contents: Vec<u8> = (0..random.usize(1..200)).map(|_| random.u8(..)).collect();
        contents[0] = match round % 6 {
            0 => random.u8(0..4),
            1 => random.u8(20..64),
            2 => [20, 21, 22, 23, 24, 25][random.usize(..6)],
            3 => 0x80,
            _ => random.u8(128..192),
        };
        if contents.len() > 13 && round % 6 == 2 {
            // A record header of DTLS 1.2 (RFC 6347 §4.1) with a plausible length.
            contents[1..3].copy_from_slice(&[254, 253]);
            let len = u16::try_from(contents.len() - 13).expect("short");
            contents[11..13].copy_from_slice(&len.to_be_bytes());
        }
        let source = address(1 + round % 2);
        spoof(&mut room, source, contents);
        if round % 10 == 0 {
            room.run(MS);
        }
    }
    room.wait_for_frames(2, video_of(1), 30);
    assert_eq!((room.counters().faults, room.transport_count()), (0, 2), "{:?}", room.events);
    room.assert_clean();
}

#[test]
fn what_was_caught_on_the_way_and_altered_does_not_end_a_call() {
    let mut room = Room::new();
    let caught = std::rc::Rc::new(std::cell::RefCell::new(Vec::new()));
    let shared = std::rc::Rc::clone(&caught);
    room.simulation.network_mut().set_filter(move |_, datagram| {
        if datagram.destination == CORE && shared.borrow().len() < 2_000 {
            shared.borrow_mut().push(datagram.clone());
        }
        galene_testkit::Verdict::Pass
    });
    let tracks = room.publish_camera(1);
    room.subscribe(2, &tracks, |config| config);
    room.wait_for_frames(2, video_of(1), 60);
    room.simulation.network_mut().set_filter(|_, _| galene_testkit::Verdict::Pass);
    let mut random = fastrand::Rng::with_seed(4);
    let caught = caught.borrow().clone();
    assert!(caught.len() > 50);
    for (count, datagram) in caught.iter().cycle().take(6_000).enumerate() {
        let mut contents = datagram.contents.to_vec();
        match count % 3 {
            0 => {}
            1 => {
                let at = random.usize(..contents.len());
                contents[at] ^= 1 << random.u8(..8);
            }
            _ => contents.truncate(random.usize(1..=contents.len())),
        }
        spoof(&mut room, datagram.source, contents);
        if count % 20 == 0 {
            room.run(MS);
        }
    }
    room.wait_for_frames(2, video_of(1), 30);
    assert_eq!((room.counters().faults, room.transport_count()), (0, 2), "{:?}", room.events);
    room.assert_clean();
}

#[test]
fn no_payload_of_a_publisher_harms_its_subscribers() {
    let (vp9, av1) = (FormatParams { profile_id: Some(0), ..none() }, none());
    let h264 =
        FormatParams { packetization_mode: Some(1), profile_level_id: Some(0x42_e01f), ..none() };
    for (codec, format) in [
        (EngineCodec::Vp8, none()),
        (EngineCodec::Vp9, vp9),
        (EngineCodec::Av1, av1),
        (EngineCodec::H264, h264),
    ] {
        let mut room = Room::new();
        let mut config = RtcConfig::new().clear_codecs().set_rtp_mode(true);
        let (pt, rtx, rate) = (112.into(), Some(113.into()), Frequency::NINETY_KHZ);
        config.codec_config().add_config(pt, rtx, codec, rate, None, format);
        let mut publisher = RawPublisher::connect(&mut room, 1, config, |sdp| sdp);
        publisher.send_frame(&mut room, true);
        room.run(FRAME);
        let subscriber =
            crate::raw::RawSubscriber::new(&mut room, 2, RtcConfig::new().set_rtp_mode(true));
        room.want(2, &[track(1, 0)]);
        subscriber.answer(&mut room, |sdp| sdp);
        room.run(SECOND / 4);
        let mut random = fastrand::Rng::with_seed(9);
        let ssrc = publisher.ssrc;
        for number in 2_000..4_000 {
            let len = if random.bool() { random.usize(1..30) } else { random.usize(1..1_400) };
            let mut payload: Vec<u8> = (0..len).map(|_| random.u8(..)).collect();
            if random.u8(..4) == 0 {
                payload[0] = [0x10, 0x90, 0x8a, 0x08, 0x18, 0x67, 0x78, 0x7c][random.usize(..8)];
            }
            publisher.send_payload(&mut room, ssrc, number, payload);
            if number % 8 == 0 {
                room.run(MS);
            }
        }
        room.run(SECOND / 10);
        assert_eq!((room.counters().faults, room.transport_count()), (0, 2), "{codec:?}");
        room.assert_no_number_used_twice();
    }
}

#[test]
fn no_vp8_descriptor_harms_a_subscriber_that_has_seen_another_source() {
    let mut room = Room::new();
    room.publish(3, |config| config.track(TrackSpec::video(video_of(3))));
    let other = room.wait_for_tracks(3, 1)[0];
    let mut publisher = RawPublisher::connect(&mut room, 1, vp8_and_opus(), |sdp| sdp);
    publisher.send_frame(&mut room, true);
    room.run(FRAME);
    // Numbers of the second source are rewritten so that they go on.
    room.subscribe(2, &[other], |config| config);
    room.wait_for_frames(2, video_of(3), 5);
    room.want(2, &[track(1, 0)]);
    let mut random = fastrand::Rng::with_seed(10);
    let ssrc = publisher.ssrc;
    for number in 2_000..5_000 {
        let mut payload = vp8_frame(random.u16(..), random.bool(), 40);
        for _ in 0..random.usize(..4) {
            let at = random.usize(..8);
            payload[at] = random.u8(..);
        }
        payload.truncate(random.usize(1..40));
        publisher.send_payload(&mut room, ssrc, number, payload);
        if number % 8 == 0 {
            room.run(MS);
        }
    }
    room.run(SECOND / 10);
    assert_eq!((room.counters().faults, room.transport_count()), (0, 3));
    assert!(room.counters().forwarded > 1_000, "{:?}", room.counters());
    room.assert_no_number_used_twice();
}

fn none() -> FormatParams {
    FormatParams::default()
}

fn spoof(room: &mut Room, source: std::net::SocketAddr, contents: Vec<u8>) {
    let now = room.now();
    let datagram = Datagram { source, destination: CORE, contents: contents.into() };
    room.simulation.network_mut().send(now, datagram);
}
