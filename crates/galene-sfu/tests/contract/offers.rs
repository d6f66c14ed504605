//! What publishers may offer, and what they get as answer.

use galene_sfu::{Codec, Command, Event, TransportId};
use galene_testkit::{PublisherConfig, PublisherPeer, TrackSpec, address, epoch, sections};

use crate::room::{ALL_CODECS, Room, SECOND, audio_of, track, video_of};

#[test]
fn an_offer_with_a_data_channel_between_its_sections_is_answered_in_order() {
    let mut room = Room::new();
    let sdp = chrome_offer(&[AUDIO, DATA, VIDEO]);
    room.hold(1);
    room.offer_text(1, &sdp);
    let answer = room.last_answer(1);
    assert_eq!(media_lines(&answer), ["audio 9", "application 9", "video 9"]);
    assert_eq!(mids(&answer), ["0", "1", "2"]);
    assert_eq!(bundle(&answer), ["0", "1", "2"]);
    // Sections are counted as they stand in the offer.
    assert_eq!(sections(&answer).len(), 2);
}

#[test]
fn an_offer_of_sound_alone_is_answered() {
    let mut room = Room::new();
    room.publish(1, |config| config.track(TrackSpec::audio(audio_of(1))));
    assert_eq!(room.wait_for_tracks(1, 1), [track(1, 0)]);
    let started = Event::TrackStarted { track: track(1, 0), codec: Codec::Opus };
    assert!(room.events.contains(&started));
}

#[test]
fn a_section_without_a_codec_that_may_be_published_is_rejected_and_the_others_are_not() {
    let mut room = Room::new();
    room.hold(1);
    let sdp = chrome_offer(&[AUDIO, VIDEO]);
    let codecs = vec![Codec::Opus];
    room.command(Command::Offer { transport: TransportId(1), sdp, codecs });
    let answer = room.last_answer(1);
    assert_eq!(media_lines(&answer), ["audio 9", "video 0"]);
    assert_eq!(bundle(&answer), ["0"], "RFC 9143 §7.3.1: a rejected section is in no bundle");
}

#[test]
fn an_offer_of_nothing_that_may_be_published_is_answered_by_rejections() {
    let mut room = Room::new();
    room.hold(1);
    let sdp = chrome_offer(&[AUDIO, VIDEO]);
    room.command(Command::Offer { transport: TransportId(1), sdp, codecs: Vec::new() });
    assert_eq!(media_lines(&room.last_answer(1)), ["audio 0", "video 0"]);
    assert_eq!(room.transport_count(), 1);
}

#[test]
fn codecs_named_twice_are_as_good_as_once() {
    let mut room = Room::new();
    room.add_publisher(1, |config| {
        config.track(TrackSpec::audio(audio_of(1))).track(TrackSpec::video(video_of(1)))
    });
    let sdp = room.publisher(1).offer();
    let codecs = [ALL_CODECS, ALL_CODECS].concat();
    room.command(Command::Offer { transport: TransportId(1), sdp, codecs });
    room.wait_for_tracks(1, 2);
}

#[test]
fn sections_are_answered_by_the_names_that_they_were_offered_under() {
    let mut room = Room::new();
    room.hold(1);
    let names = ["{2c1f-main.audio}", "a-name-with-more-than-sixteen-letters"];
    let sdp = chrome_offer(&[AUDIO, VIDEO])
        .replace("a=mid:0", &format!("a=mid:{}", names[0]))
        .replace("a=mid:1", &format!("a=mid:{}", names[1]))
        .replace("BUNDLE 0 1", &format!("BUNDLE {} {}", names[0], names[1]));
    room.offer_text(1, &sdp);
    assert_eq!(mids(&room.last_answer(1)), names);
    assert_eq!(bundle(&room.last_answer(1)), names);
}

#[test]
fn lines_may_end_in_line_feeds_alone() {
    let mut room = Room::new();
    room.hold(1);
    room.offer_text(1, &chrome_offer(&[AUDIO, VIDEO]).replace("\r\n", "\n"));
    assert_eq!(directions(&room.last_answer(1)), ["recvonly", "recvonly"]);
}

#[test]
fn whatever_direction_is_offered_nothing_is_sent_to_a_publisher() {
    for (offered, answered) in [
        ("a=sendrecv", "recvonly"),
        ("a=sendonly", "recvonly"),
        ("a=recvonly", "inactive"),
        ("a=inactive", "inactive"),
        ("a=x-none", "recvonly"),
    ] {
        let mut room = Room::new();
        room.hold(1);
        room.offer_text(1, &chrome_offer(&[AUDIO, VIDEO]).replace("a=sendrecv", offered));
        let answer = room.last_answer(1);
        assert_eq!(directions(&answer), [answered; 2], "{offered}");
        assert!(!answer.contains("a=ssrc:"), "{offered}");
    }
}

#[test]
fn offers_that_lack_what_is_needed_are_refused_with_a_reason() {
    let good = chrome_offer(&[AUDIO, VIDEO]);
    let without = |prefix: &str| {
        let lines = good.lines().filter(|line| !line.starts_with(prefix));
        lines.fold(String::new(), |sdp, line| sdp + line + "\r\n")
    };
    let bad = [
        String::new(),
        "hello".to_owned(),
        "v=0".to_owned(),
        "\u{0}\u{1}\u{ff}".to_owned(),
        good[..good.len() / 2].to_owned() + "m=",
        without("m="),
        without("a=ice-ufrag"),
        without("a=ice-pwd"),
        without("a=fingerprint"),
        without("a=mid"),
        good.replace("a=mid:1", "a=mid:0"),
        good.replace("a=group:BUNDLE 0 1", "a=group:BUNDLE 1 0"),
    ];
    let mut room = Room::new();
    for (id, sdp) in (1..).zip(&bad) {
        room.offer_text(id, sdp);
        let refusals = room.refusals(id);
        assert_eq!(refusals.len(), 1, "{id}: {:?}", room.events_of(id));
        assert!(!refusals[0].is_empty() && refusals[0].len() < 1_000, "{refusals:?}");
    }
    assert_eq!(room.transport_count(), 0, "nothing is left of them");
    room.hold(100);
    room.offer_text(100, &good);
    room.last_answer(100);
    assert_eq!(room.counters().faults, 0);
}

#[test]
fn no_cut_and_no_change_of_a_byte_in_an_offer_does_harm() {
    let good = chrome_offer(&[AUDIO, VIDEO, DATA]);
    let mut room = Room::new();
    room.hold(1);
    let mut random = fastrand::Rng::with_seed(5);
    for cut in (0..good.len()).step_by(37) {
        room.offer_text(1, &good[..cut]);
        room.close(1);
        let mut bytes = good.clone().into_bytes();
        for _ in 0..3 {
            let at = random.usize(..bytes.len());
            bytes[at] = random.u8(b' '..b'~');
        }
        room.offer_text(1, &String::from_utf8_lossy(&bytes));
        room.close(1);
        room.events.clear();
    }
    assert_eq!(room.transport_count(), 0);
}

#[test]
fn an_offer_that_is_refused_later_leaves_the_transport_as_it_was() {
    let mut room = Room::new();
    let tracks = room.publish_camera(1);
    room.subscribe(2, &tracks, |config| config);
    room.wait_for_frames(2, video_of(1), 10);
    room.hold(1);
    room.publisher(1).add_track(TrackSpec::video(99));
    let good = room.publisher(1).offer();
    let answered = |room: &Room| room.count(1, |event| matches!(event, Event::Answer { .. }));
    let before = answered(&room);
    for sdp in [
        String::new(),
        "v=0\r\n".to_owned(),
        good.replace("a=fingerprint", "a=thumbprint").replace("a=ice-pwd", "a=ice-password"),
        good.replace("a=mid:", "a=middle:"),
        // The sections that were there before, in another order.
        swap_first_sections(&good),
    ] {
        room.offer_text(1, &sdp);
    }
    assert_eq!(answered(&room), before);
    assert_eq!(room.refusals(1).len(), 5, "{:?}", room.refusals(1));
    room.wait_for_frames(2, video_of(1), 30);

    room.release(1);
    room.offer_text(1, &good);
    room.wait_for_tracks(1, 3);
    room.wait_for_frames(2, video_of(1), 30);
    room.assert_clean();
}

fn swap_first_sections(sdp: &str) -> String {
    let mut parts: Vec<&str> = sdp.split_inclusive("\r\n").collect();
    let starts: Vec<usize> = (0..parts.len()).filter(|at| parts[*at].starts_with("m=")).collect();
    parts[starts[0]..starts[2]].rotate_left(starts[1] - starts[0]);
    parts.concat()
}

#[test]
fn a_publisher_cannot_be_told_to_subscribe_nor_a_subscriber_to_publish() {
    let mut room = Room::new();
    let tracks = room.publish_camera(1);
    room.subscribe(2, &tracks, |config| config);
    room.wait_for_frames(2, video_of(1), 10);

    room.want(1, &tracks);
    assert_eq!(room.count(1, |event| matches!(event, Event::Offer { .. })), 0);
    let sdp =
        PublisherPeer::new(epoch(), PublisherConfig::new(address(99)).track(TrackSpec::audio(1)))
            .offer();
    room.offer_text(2, &sdp);
    assert_eq!(room.refusals(2), ["the transport does not publish"]);
    room.command(Command::Answer { transport: TransportId(1), sdp: sdp.clone() });
    room.command(Command::RestartIce { transport: TransportId(1) });

    room.wait_for_frames(2, video_of(1), 30);
    room.assert_clean();
}

#[test]
fn a_track_that_is_added_later_takes_the_next_place() {
    let mut room = Room::new();
    let tracks = room.publish_camera(1);
    room.subscribe(2, &tracks, |config| config);
    room.wait_for_frames(2, video_of(1), 10);

    room.publisher(1).add_track(TrackSpec::video(99));
    room.offer(1, PublisherPeer::offer);
    let all = room.wait_for_tracks(1, 3);
    assert_eq!(all, [track(1, 0), track(1, 1), track(1, 2)]);
    room.want(2, &all);
    room.wait_for_frames(2, 99, 10);
    room.assert_clean();
}

#[test]
fn a_section_that_is_taken_by_another_track_ends_the_one_before() {
    let mut room = Room::new();
    room.hold(1);
    room.offer_text(1, &chrome_offer(&[AUDIO, VIDEO]));
    let stopped = chrome_offer(&[AUDIO, VIDEO])
        .replace("m=video 9", "m=video 0")
        .replace("BUNDLE 0 1", "BUNDLE 0");
    room.offer_text(1, &stopped);
    assert_eq!(media_lines(&room.last_answer(1)), ["audio 9", "video 0"]);
    let recycled = chrome_offer(&[AUDIO, VIDEO])
        .replace("a=mid:1", "a=mid:2")
        .replace("BUNDLE 0 1", "BUNDLE 0 2");
    room.offer_text(1, &recycled);
    assert_eq!(media_lines(&room.last_answer(1)), ["audio 9", "video 9"]);
    assert_eq!(mids(&room.last_answer(1)), ["0", "2"]);
}

#[test]
fn three_simulcast_encodings_are_all_accepted() {
    let mut room = Room::new();
    room.hold(1);
    room.offer_text(1, &chrome_offer(&[SIMULCAST]));
    let answer = room.last_answer(1);
    let sections = sections(&answer);
    assert_eq!(sections[0].rids, ["h", "m", "l"]);
    assert!(answer.contains("a=simulcast:recv h;m;l"), "{answer}");
}

#[test]
fn of_several_h264_profiles_those_are_taken_that_everybody_decodes() {
    let mut room = Room::new();
    room.hold(1);
    let sdp = chrome_offer(&[H264]);
    let codecs = vec![Codec::H264];
    room.command(Command::Offer { transport: TransportId(1), sdp, codecs });
    let answer = room.last_answer(1);
    // Baseline and constrained baseline with packetization mode 1, in the offer's numbers.
    let taken = &sections(&answer)[0].payload_types;
    assert!(taken.contains(&102) && taken.contains(&108), "{answer}");
    for refused in [125, 124, 123, 35, 114] {
        assert!(!taken.contains(&refused), "{refused}: {answer}");
    }
}

#[test]
fn a_munged_offer_that_names_one_payload_type_twice_is_survived() {
    let mut room = Room::new();
    for (id, (from, to)) in (1..).zip([
        ("a=rtpmap:98 VP9/90000", "a=rtpmap:96 VP9/90000"),
        ("a=fmtp:97 apt=96", "a=fmtp:97 apt=98"),
        ("a=rtpmap:111 opus/48000/2", "a=rtpmap:96 opus/48000/2"),
        ("a=rtpmap:97 rtx/90000", "a=rtpmap:96 rtx/90000"),
        ("a=fmtp:97 apt=96", "a=fmtp:97 apt=97"),
        ("SAVPF 96 97", "SAVPF 96 96 97 97"),
        ("SAVPF 96 97", "SAVPF 255 96 97"),
        ("SAVPF 96 97", "SAVPF"),
    ]) {
        room.hold(id);
        room.offer_text(id, &chrome_offer(&[AUDIO, VIDEO]).replace(from, to));
    }
    room.run(SECOND);
    // Whatever becomes of them, each has one outcome, and nobody else is concerned.
    for id in 1..=8 {
        let outcomes = room.count(id, |event| {
            matches!(
                event,
                Event::Answer { .. } | Event::NegotiationFailed { .. } | Event::Closed { .. }
            )
        });
        assert_eq!(outcomes, 1, "{id}: {:?}", room.events_of(id));
    }
    let tracks = room.publish_camera(20);
    room.subscribe(21, &tracks, |config| config);
    room.wait_for_frames(21, video_of(20), 10);
}

#[test]
fn the_msid_of_the_publisher_is_what_subscribers_see() {
    let mut room = Room::new();
    room.publish(1, |config| {
        config.stream_id("holiday").track(TrackSpec::audio(10)).track(TrackSpec::video(11))
    });
    let tracks = room.wait_for_tracks(1, 2);
    room.subscribe(2, &tracks, |config| config);
    let offered = sections(&room.last_offer(2));
    let streams: Vec<_> = offered.iter().filter_map(|s| s.msid.as_ref()).collect();
    assert_eq!(streams[0].0, "holiday");
    assert_eq!(streams[1].0, "holiday");
    assert_ne!(streams[0].1, streams[1].1);
}

#[test]
fn names_that_cannot_stand_in_sdp_are_replaced() {
    for (name, shown) in [("a b", "a"), ("\u{2603}\u{2603}", "stream"), ("-", "stream")] {
        let mut room = Room::new();
        let rename = |peer: &mut PublisherPeer| peer.offer().replace("name-of-stream", name);
        room.add_publisher(3, |config| {
            config.stream_id("name-of-stream").track(TrackSpec::audio(10))
        });
        room.offer(3, rename);
        let tracks = room.wait_for_tracks(3, 1);
        room.hold(2);
        room.want(2, &tracks);
        let msid = sections(&room.last_offer(2))[0].msid.clone();
        let (stream, track) = msid.expect("the track is named");
        assert_eq!(stream, shown, "{name}");
        assert!(!track.is_empty());
    }
}

/// Sections as Chrome offers them, shortened; `@` stands for the MID.
pub(crate) const AUDIO: &str = "m=audio 9 UDP/TLS/RTP/SAVPF 111 63 9 0 8 13 110\r\n\
    c=IN IP4 0.0.0.0\r\na=rtcp:9 IN IP4 0.0.0.0\r\n@COMMON\
    a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level\r\n\
    a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid\r\n\
    a=sendrecv\r\na=msid:stream audio\r\na=rtcp-mux\r\na=rtcp-rsize\r\n\
    a=rtpmap:111 opus/48000/2\r\na=rtcp-fb:111 transport-cc\r\na=fmtp:111 minptime=10;useinbandfec=1\r\n\
    a=rtpmap:63 red/48000/2\r\na=fmtp:63 111/111\r\na=rtpmap:9 G722/8000\r\na=rtpmap:0 PCMU/8000\r\n\
    a=rtpmap:8 PCMA/8000\r\na=rtpmap:13 CN/8000\r\na=rtpmap:110 telephone-event/48000\r\n\
    a=ssrc:1111 cname:x\r\na=ssrc:1111 msid:stream audio\r\n";
pub(crate) const VIDEO: &str = "m=video 9 UDP/TLS/RTP/SAVPF 96 97 98 99\r\n\
    c=IN IP4 0.0.0.0\r\na=rtcp:9 IN IP4 0.0.0.0\r\n@COMMON\
    a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid\r\n\
    a=sendrecv\r\na=msid:stream video\r\na=rtcp-mux\r\na=rtcp-rsize\r\n\
    a=rtpmap:96 VP8/90000\r\na=rtcp-fb:96 goog-remb\r\na=rtcp-fb:96 transport-cc\r\n\
    a=rtcp-fb:96 ccm fir\r\na=rtcp-fb:96 nack\r\na=rtcp-fb:96 nack pli\r\n\
    a=rtpmap:97 rtx/90000\r\na=fmtp:97 apt=96\r\n\
    a=rtpmap:98 VP9/90000\r\na=fmtp:98 profile-id=0\r\na=rtpmap:99 rtx/90000\r\na=fmtp:99 apt=98\r\n\
    a=ssrc-group:FID 2222 3333\r\na=ssrc:2222 cname:x\r\na=ssrc:3333 cname:x\r\n";
const SIMULCAST: &str = "m=video 9 UDP/TLS/RTP/SAVPF 96 97\r\n\
    c=IN IP4 0.0.0.0\r\n@COMMON\
    a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid\r\n\
    a=extmap:10 urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id\r\n\
    a=extmap:11 urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id\r\n\
    a=sendonly\r\na=msid:stream video\r\na=rtcp-mux\r\n\
    a=rtpmap:96 VP8/90000\r\na=rtcp-fb:96 nack pli\r\na=rtpmap:97 rtx/90000\r\na=fmtp:97 apt=96\r\n\
    a=rid:h send\r\na=rid:m send\r\na=rid:l send\r\na=simulcast:send h;m;l\r\n";
const H264: &str = "m=video 9 UDP/TLS/RTP/SAVPF 102 103 108 109 125 124 123 35 114\r\n\
    c=IN IP4 0.0.0.0\r\n@COMMON\
    a=sendonly\r\na=msid:stream video\r\na=rtcp-mux\r\n\
    a=rtpmap:102 H264/90000\r\na=fmtp:102 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42001f\r\n\
    a=rtpmap:103 rtx/90000\r\na=fmtp:103 apt=102\r\n\
    a=rtpmap:108 H264/90000\r\na=fmtp:108 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e034\r\n\
    a=rtpmap:109 rtx/90000\r\na=fmtp:109 apt=108\r\n\
    a=rtpmap:125 H264/90000\r\na=fmtp:125 level-asymmetry-allowed=1;packetization-mode=0;profile-level-id=42001f\r\n\
    a=rtpmap:124 H264/90000\r\na=fmtp:124 level-asymmetry-allowed=1;packetization-mode=0;profile-level-id=42e01f\r\n\
    a=rtpmap:123 H264/90000\r\na=fmtp:123 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=4d001f\r\n\
    a=rtpmap:35 H264/90000\r\na=fmtp:35 level-asymmetry-allowed=1;packetization-mode=0;profile-level-id=4d001f\r\n\
    a=rtpmap:114 H264/90000\r\na=fmtp:114 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=64001f\r\n";
const DATA: &str = "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n\
    c=IN IP4 0.0.0.0\r\n@COMMON\
    a=sctp-port:5000\r\na=max-message-size:262144\r\n";

/// Returns an offer of these sections, with the MIDs that Chrome gives.
pub(crate) fn chrome_offer(sections: &[&str]) -> String {
    let mids: Vec<String> = (0..sections.len()).map(|mid| mid.to_string()).collect();
    let mut sdp = format!(
        "v=0\r\no=- 4611731400430051336 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n\
         a=group:BUNDLE {}\r\na=extmap-allow-mixed\r\na=msid-semantic: WMS stream\r\n",
        mids.join(" ")
    );
    for (mid, section) in mids.iter().zip(sections) {
        let common = format!(
            "a=ice-ufrag:4ZcD\r\na=ice-pwd:2/1muCWoOi3uLifh0NuRHlms\r\na=ice-options:trickle\r\n\
             a=fingerprint:sha-256 {}\r\na=setup:actpass\r\na=mid:{mid}\r\n",
            ["4A"; 32].join(":")
        );
        sdp += &section.replace("@COMMON", &common);
    }
    sdp
}

fn media_lines(sdp: &str) -> Vec<String> {
    let lines = sdp.lines().filter_map(|line| line.strip_prefix("m="));
    lines.map(|line| line.split(' ').take(2).collect::<Vec<_>>().join(" ")).collect()
}

fn mids(sdp: &str) -> Vec<&str> {
    sdp.lines().filter_map(|line| line.strip_prefix("a=mid:")).collect()
}

fn bundle(sdp: &str) -> Vec<&str> {
    let line = sdp.lines().find_map(|line| line.strip_prefix("a=group:BUNDLE"));
    line.map(|line| line.split_whitespace().collect()).unwrap_or_default()
}

fn directions(sdp: &str) -> Vec<String> {
    sections(sdp).into_iter().map(|section| section.direction).collect()
}
