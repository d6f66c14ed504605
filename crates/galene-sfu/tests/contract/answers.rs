//! What subscribers are offered, and what comes of their answers.

use std::cell::Cell;
use std::rc::Rc;

use galene_sfu::{CloseReason, Codec, Command, EncodingChoice, Event, TrackId, TransportId};
use galene_testkit::{Codec as PeerCodec, MediaKind, TrackSpec, Verdict, address, sections};
use str0m::RtcConfig;
use str0m::format::{Codec as EngineCodec, FormatParams};
use str0m::media::Frequency;

use crate::raw::{FRAME, RawPublisher, RawSubscriber, vp8_and_opus};
use crate::room::{MS, Room, SECOND, audio_of, track, video_of};

#[test]
fn each_codec_is_offered_alone_under_the_payload_types_of_galene() {
    use PeerCodec::{Av1, G722, H264, Opus, Pcma, Pcmu, Vp8, Vp9};
    for (codec, payload_types) in [
        (Vp8, &[96, 97][..]),
        (Vp9, &[98, 99]),
        (Av1, &[35, 36]),
        (H264, &[108, 109]),
        (Opus, &[111, 63]),
        (G722, &[9]),
        (Pcmu, &[0]),
        (Pcma, &[8]),
    ] {
        let mut room = Room::new();
        let is_video = codec.kind() == MediaKind::Video;
        let spec = if is_video { TrackSpec::video(11) } else { TrackSpec::audio(10) };
        room.publish(1, |config| config.codecs(&[codec]).track(spec));
        let tracks = room.wait_for_tracks(1, 1);
        room.hold(2);
        room.want(2, &tracks);
        let offer = room.last_offer(2);
        let offered = sections(&offer);
        assert_eq!(offered.len(), 1);
        assert_eq!(offered[0].payload_types, payload_types, "{codec}");
        assert_eq!(offered[0].direction, "sendonly");
        let feedback: Vec<_> = attributes(&offer, "rtcp-fb:");
        let pt = payload_types[0];
        let of_video = ["goog-remb", "ccm fir", "nack", "nack pli"];
        let of_video = of_video.into_iter().filter(|_| is_video);
        let expected: Vec<_> = ["transport-cc"]
            .into_iter()
            .chain(of_video)
            .map(|feedback| format!("{pt} {feedback}"))
            .collect();
        assert_eq!(feedback, expected, "{codec}");
        let mapped = attributes(&offer, "rtpmap:");
        assert_eq!(mapped.len(), payload_types.len(), "{offer}");
    }
}

#[test]
fn the_profile_of_h264_and_vp9_is_the_publishers() {
    let h264 = FormatParams {
        packetization_mode: Some(1),
        profile_level_id: Some(0x42_001f),
        level_asymmetry_allowed: Some(true),
        ..FormatParams::default()
    };
    let vp9 = FormatParams { profile_id: Some(2), ..FormatParams::default() };
    for (codec, format, payload_types, name) in [
        (EngineCodec::H264, h264, [102, 103], "profile-level-id=42001f"),
        (EngineCodec::Vp9, vp9, [100, 101], "profile-id=2"),
    ] {
        let mut room = Room::new();
        let mut config = RtcConfig::new().clear_codecs().set_rtp_mode(true);
        let (pt, rtx, rate) = (112.into(), Some(113.into()), Frequency::NINETY_KHZ);
        config.codec_config().add_config(pt, rtx, codec, rate, None, format);
        let mut publisher = RawPublisher::connect(&mut room, 1, config, |sdp| sdp);
        publisher.send_frame(&mut room, true);
        room.run(FRAME);
        assert_eq!(room.tracks(1), [track(1, 0)], "{name}: {}", room.last_answer(1));
        room.hold(2);
        room.want(2, &[track(1, 0)]);
        let offer = room.last_offer(2);
        assert_eq!(sections(&offer)[0].payload_types, payload_types);
        assert!(offer.contains(name), "{offer}");
    }
}

#[test]
fn sound_and_pictures_are_offered_in_the_order_in_which_they_are_wanted() {
    let mut room = Room::new();
    let tracks = room.publish_camera(1);
    room.hold(2);
    room.want(2, &tracks);
    let offered = sections(&room.last_offer(2));
    let types: Vec<_> = offered.iter().map(|section| section.payload_types.clone()).collect();
    assert_eq!(types, [vec![111, 63], vec![96, 97]]);
}

#[test]
fn a_peer_may_answer_with_payload_types_of_its_own() {
    let mut room = Room::new();
    let tracks = room.publish_camera(1);
    let sent = watch_payload_types(&mut room, 2);
    let subscriber = RawSubscriber::new(&mut room, 2, vp8_and_opus());
    room.want(2, &tracks[1..]);
    let renumber = |sdp: String| {
        sdp.replace("SAVPF 96 97", "SAVPF 120 121")
            .replace(":96 ", ":120 ")
            .replace(":97 ", ":121 ")
            .replace("apt=96", "apt=120")
    };
    subscriber.answer(&mut room, renumber);
    room.run(SECOND);
    assert_eq!(sent.get(), Some(120));

    // The next offer goes on with what was agreed.
    room.want(2, &tracks);
    let offered = sections(&room.last_offer(2));
    assert_eq!(offered[0].payload_types, [120, 121]);
    assert_eq!(offered[1].payload_types, [111, 63]);
}

#[test]
fn a_peer_that_takes_what_it_was_not_offered_gets_nothing() {
    let mut room = Room::new();
    let tracks = room.publish_camera(1);
    let sent = watch_payload_types(&mut room, 2);
    let subscriber = RawSubscriber::new(&mut room, 2, vp8_and_opus());
    room.want(2, &tracks[1..]);
    let other_codec = |sdp: String| {
        sdp.replace("SAVPF 96 97", "SAVPF 98 99")
            .replace(":96 VP8", ":98 VP9")
            .replace(":97 ", ":99 ")
            .replace(":96 ", ":98 ")
            .replace("apt=96", "apt=98")
    };
    subscriber.answer(&mut room, other_codec);
    room.run(SECOND);
    assert_eq!(sent.get(), None, "VP8 is not sent as VP9");
    assert_eq!(room.counters().faults, 0);
}

#[test]
fn a_peer_without_rtx_is_sent_no_rtx() {
    let mut room = Room::new();
    let tracks = room.publish_camera(1);
    room.subscribe(2, &tracks, |config| config.without_rtx().may_miss_start());
    let lossy = galene_testkit::Profile::ideal().loss(0.05);
    room.simulation.network_mut().set_profile(crate::room::CORE, address(2), lossy);
    room.run(SECOND * 5);
    assert!(room.frames(2, video_of(1)) > 40);
    room.assert_clean();
}

#[test]
fn a_section_that_is_rejected_is_left_alone_and_the_others_go_on() {
    let mut room = Room::new();
    let tracks = room.publish_camera(1);
    room.publish(3, |config| config.track(TrackSpec::video(video_of(3))));
    let other = room.wait_for_tracks(3, 1);
    let subscriber = RawSubscriber::new(&mut room, 2, vp8_and_opus());
    room.want(2, &tracks);
    subscriber.answer(&mut room, reject_video);
    room.run(SECOND);
    assert!(subscriber.packets(&room).count() > 20);
    assert!(subscriber.packets(&room).all(|packet| *packet.header.payload_type == 111));
    assert_eq!(offers(&room, 2), 1, "it is not offered over and over");

    // Another track of the same format takes a new section, for the old one is dead.
    room.want(2, &[tracks[0], other[0]]);
    assert_eq!(offers(&room, 2), 2);
    let offered = sections(&room.last_offer(2));
    assert_eq!(offered.len(), 3);
    assert_eq!((offered[2].direction.as_str(), offered[2].is_stopped), ("sendonly", false));
    assert_eq!(offered[2].payload_types, [96, 97]);
}

#[test]
fn a_peer_that_rejects_everything_for_ever_does_not_make_offers_grow_for_ever() {
    let mut room = Room::new();
    room.publish(1, |config| config.track(TrackSpec::video(11)).track(TrackSpec::video(12)));
    let tracks = room.wait_for_tracks(1, 2);
    let subscriber = RawSubscriber::new(&mut room, 2, vp8_and_opus());
    for turn in 0..150 {
        let before = offers(&room, 2);
        room.want(2, &tracks[turn % 2..=turn % 2]);
        if offers(&room, 2) > before {
            subscriber.answer(&mut room, reject_video);
        }
    }
    assert!(sections(&room.last_offer(2)).len() <= 64);
    assert_eq!(room.counters().faults, 0);
}

#[test]
fn while_an_offer_waits_no_other_is_made_and_what_is_wanted_last_counts() {
    let mut room = Room::new();
    let tracks = room.publish_camera(1);
    let subscriber = RawSubscriber::new(&mut room, 2, vp8_and_opus());
    room.want(2, &tracks[..1]);
    room.want(2, &tracks);
    room.want(2, &[]);
    room.want(2, &tracks[1..]);
    room.command(Command::RestartIce { transport: TransportId(2) });
    assert_eq!(offers(&room, 2), 1);
    let first = sections(&room.last_offer(2));
    assert_eq!(first.len(), 1);

    let first_ufrag = ufrag(&room.last_offer(2));
    subscriber.answer(&mut room, |sdp| sdp);
    assert_eq!(offers(&room, 2), 2);
    let second = sections(&room.last_offer(2));
    assert_eq!(second.len(), 2);
    assert_eq!(second[0].direction, "inactive");
    assert_eq!(second[1].direction, "sendonly");
    assert_ne!(ufrag(&room.last_offer(2)), first_ufrag, "the wish for a restart was kept");

    subscriber.answer(&mut room, |sdp| sdp);
    assert_eq!(offers(&room, 2), 2, "now all is as it is wanted");
    room.run(SECOND);
    assert!(subscriber.packets(&room).count() > 20);
    assert!(subscriber.packets(&room).all(|packet| *packet.header.payload_type == 96));
}

#[test]
fn the_same_wish_again_needs_no_offer_and_another_encoding_neither() {
    let mut room = Room::new();
    room.publish(1, |config| config.track(TrackSpec::video(video_of(1))));
    let tracks = room.wait_for_tracks(1, 1);
    room.subscribe(2, &tracks, |config| config);
    room.wait_for_frames(2, video_of(1), 5);
    room.want(2, &tracks);
    room.want(2, &[tracks[0], tracks[0]]);
    room.want_encoding(2, &tracks, EncodingChoice::Lowest);
    assert_eq!(offers(&room, 2), 1);
    room.want(2, &[]);
    room.run(SECOND / 2);
    assert_eq!(offers(&room, 2), 2);
    assert_eq!(sections(&room.last_offer(2))[0].direction, "inactive");
    room.want(2, &[]);
    assert_eq!(offers(&room, 2), 2);
    room.want(2, &tracks);
    room.wait_for_frames(2, video_of(1), 10);
    assert_eq!(offers(&room, 2), 3);
    assert_eq!(sections(&room.last_offer(2)).len(), 1, "the section is used again");
    assert_eq!(room.report(2, video_of(1)).keyframes, 2, "it began anew, not in the past");
    room.assert_no_number_used_twice();
}

#[test]
fn a_track_that_is_wanted_twice_is_offered_once() {
    let mut room = Room::new();
    let tracks = room.publish_camera(1);
    room.hold(2);
    room.want(2, &[tracks[0], tracks[0], tracks[1], tracks[0]]);
    assert_eq!(sections(&room.last_offer(2)).len(), 2);
}

#[test]
fn nothing_wanted_and_tracks_that_do_not_exist_make_no_offer() {
    let mut room = Room::new();
    room.hold(2);
    room.want(2, &[]);
    room.command(Command::RestartIce { transport: TransportId(2) });
    let unknown = TrackId { transport: TransportId(77), section: 3 };
    room.want(2, &[unknown]);
    assert_eq!(offers(&room, 2), 0);
    assert_eq!(room.transport_count(), 1);
    let tracks = room.publish_camera(1);
    room.want(2, &[unknown, tracks[0]]);
    assert_eq!(sections(&room.last_offer(2)).len(), 1);
}

#[test]
fn a_track_that_is_wanted_before_it_starts_is_offered_when_it_does() {
    let mut room = Room::new();
    room.subscribe(2, &[track(1, 0), track(1, 1)], |config| config);
    assert_eq!(offers(&room, 2), 0);
    room.publish_camera(1);
    room.wait_for_frames(2, video_of(1), 10);
    room.wait_for_frames(2, audio_of(1), 10);
    room.assert_clean();
}

#[test]
fn a_track_that_ends_and_starts_again_comes_back_to_whoever_wants_it() {
    let mut room = Room::new();
    let tracks = room.publish_camera(1);
    room.subscribe(2, &tracks, |config| config);
    room.wait_for_frames(2, video_of(1), 10);
    // The publisher takes its camera back and gives it again before anybody can react.
    room.hold(1);
    let again = room.publisher(1).restart_ice();
    let video = again.find("m=video").expect("a section of video");
    let without = again[..video].to_owned() + &again[video..].replace("sendonly", "inactive");
    room.offer_text(1, &without);
    assert_eq!(room.count(1, |event| matches!(event, Event::TrackEnded { .. })), 1);
    room.release(1);
    room.offer_text(1, &again);
    room.wait_for_tracks(1, 2);
    room.wait_for_frames(2, video_of(1), 10);
    room.assert_no_number_used_twice();
}

#[test]
fn an_answer_that_cannot_be_used_ends_the_transport_with_a_reason() {
    let wrong: [fn(String) -> String; 9] = [
        |_| String::new(),
        |_| "v=0\r\n".to_owned(),
        |sdp| sdp.replace("a=ice-ufrag:", "a=nothing:"),
        |sdp| sdp.replace("a=fingerprint:", "a=nothing:"),
        |sdp| sdp.replace("a=mid:", "a=mid:x"),
        |sdp| sdp[..sdp.find("m=video").expect("a section of video")].to_owned(),
        |sdp| sdp.clone() + &sdp[sdp.find("m=video").expect("a section of video")..],
        |sdp| sdp.repeat(100),
        |sdp| sdp + &"a=x-filler:1234567890\r\n".repeat(4_000),
    ];
    let mut room = Room::new();
    let tracks = room.publish_camera(1);
    for (id, wrong) in (2..).zip(wrong) {
        let subscriber = RawSubscriber::new(&mut room, id, vp8_and_opus());
        room.want(id, &tracks);
        subscriber.answer(&mut room, wrong);
        assert_eq!(room.refusals(id).len(), 1, "{id}");
        assert_eq!(room.transport_count(), 1, "{id}");
    }
    // It is as if they had never been.
    room.subscribe(30, &tracks, |config| config);
    room.wait_for_frames(30, video_of(1), 10);
    room.assert_clean();
}

#[test]
fn no_cut_and_no_change_of_a_byte_in_an_answer_harms_anybody_else() {
    let mut room = Room::new();
    let tracks = room.publish_camera(1);
    room.subscribe(2, &tracks, |config| config);
    room.wait_for_frames(2, video_of(1), 5);
    let mut random = fastrand::Rng::with_seed(6);
    for id in 100..250 {
        let subscriber = RawSubscriber::new(&mut room, id, vp8_and_opus());
        room.want(id, &tracks);
        subscriber.answer(&mut room, |sdp| {
            let mut bytes = sdp.into_bytes();
            if random.bool() {
                bytes.truncate(random.usize(..bytes.len()));
            }
            for _ in 0..random.usize(..4) {
                if let Some(byte) = random.choice(&mut bytes) {
                    *byte = random.u8(b' '..b'~');
                }
            }
            String::from_utf8_lossy(&bytes).into_owned()
        });
        room.run(MS);
        room.close(id);
    }
    assert_eq!(room.transport_count(), 2);
    room.wait_for_frames(2, video_of(1), 10);
    room.assert_no_number_used_twice();
}

#[test]
fn an_answer_to_nothing_is_passed_over() {
    let mut room = Room::new();
    let tracks = room.publish_camera(1);
    room.subscribe(2, &tracks, |config| config);
    room.wait_for_frames(2, video_of(1), 5);
    let answer = |id| Command::Answer { transport: TransportId(id), sdp: "v=0\r\n".to_owned() };
    room.command(answer(2));
    room.command(answer(1));
    room.command(answer(99));
    assert!(room.refusals(1).is_empty() && room.refusals(2).is_empty());
    room.wait_for_frames(2, video_of(1), 10);
    room.assert_clean();
}

#[test]
fn an_answer_that_makes_the_engine_panic_ends_its_own_transport_alone() {
    let mut room = Room::new();
    let tracks = room.publish_camera(1);
    room.subscribe(2, &tracks, |config| config);
    let attacker = RawSubscriber::new(&mut room, 3, vp8_and_opus());
    room.want(3, &tracks);
    // Sound and pictures under one payload type, which the peer is free to choose.
    attacker.answer(&mut room, |sdp| sdp.replace("SAVPF 111", "SAVPF 96").replace(":111 ", ":96 "));
    let fault = Event::Closed { transport: TransportId(3), reason: CloseReason::Fault };
    assert!(room.events.contains(&fault), "{:?}", room.events_of(3));
    assert!(room.refusals(3).is_empty(), "there is one outcome");
    assert_eq!(room.transport_count(), 2);
    room.wait_for_frames(2, video_of(1), 30);
    assert_eq!(room.counters().faults, 1);
    room.assert_no_number_used_twice();
}

#[test]
fn a_codec_that_the_subscriber_lacks_is_rejected_and_sound_goes_on() {
    let mut room = Room::new();
    room.publish(1, |config| {
        let config = config.codecs(&[PeerCodec::Opus, PeerCodec::Av1]);
        config.track(TrackSpec::audio(audio_of(1))).track(TrackSpec::video(video_of(1)))
    });
    let tracks = room.wait_for_tracks(1, 2);
    let started = Event::TrackStarted { track: tracks[1], codec: Codec::Av1 };
    assert!(room.events.contains(&started));
    room.subscribe(2, &tracks, |config| config.codecs(&[PeerCodec::Opus, PeerCodec::Vp8]));
    room.wait_for_frames(2, audio_of(1), 30);
    assert_eq!(room.frames(2, video_of(1)), 0);
    room.assert_clean();
}

#[test]
fn an_offer_carries_the_candidates_and_later_ones_follow() {
    let mut room = Room::new();
    let tracks = room.publish_camera(1);
    room.hold(2);
    room.want(2, &tracks);
    assert!(room.last_offer(2).contains("10.77.0.0 50000 typ host"));
    let now = room.now();
    let other = address(500);
    let core = room.core;
    room.simulation.add_address(core, other);
    room.simulation.get_mut(core).sfu.add_local_address(other, now);
    room.run(MS);
    let told = room.events_of(2).into_iter().any(|event| {
        matches!(event, Event::Candidate { candidate, .. } if candidate.starts_with("candidate:")
            && candidate.contains("10.77.1.244 50000 typ host"))
    });
    assert!(told, "{:?}", room.events_of(2));
    room.hold(3);
    room.want(3, &tracks);
    assert!(room.last_offer(3).contains("10.77.1.244 50000 typ host"));
}

fn offers(room: &Room, id: u64) -> usize {
    room.count(id, |event| matches!(event, Event::Offer { .. }))
}

fn reject_video(sdp: String) -> String {
    let mids: Vec<String> = sections(&sdp)
        .into_iter()
        .filter(|section| section.payload_types.contains(&111))
        .map(|section| section.mid)
        .collect();
    let lines = sdp.lines().map(|line| match line {
        line if line.starts_with("a=group:BUNDLE") => ["a=group:BUNDLE".to_owned()]
            .into_iter()
            .chain(mids.clone())
            .collect::<Vec<_>>()
            .join(" "),
        line => line.replace("m=video 9", "m=video 0"),
    });
    lines.fold(String::new(), |sdp, line| sdp + &line + "\r\n")
}

fn ufrag(sdp: &str) -> String {
    attributes(sdp, "ice-ufrag:")[0].to_owned()
}

fn attributes<'a>(sdp: &'a str, name: &str) -> Vec<&'a str> {
    sdp.lines().filter_map(|line| line.strip_prefix("a=")?.strip_prefix(name)).collect()
}

/// Tells the payload type of the last RTP packet that was sent to a peer.
fn watch_payload_types(room: &mut Room, id: u16) -> Rc<Cell<Option<u8>>> {
    let seen = Rc::new(Cell::new(None));
    let shared = Rc::clone(&seen);
    room.simulation.network_mut().set_filter(move |_, datagram| {
        if let [128..192, second, ..] = datagram.contents[..]
            && !(192..224).contains(&second)
            && datagram.destination == address(id)
        {
            shared.set(Some(second & 0x7f));
        }
        Verdict::Pass
    });
    seen
}
