//! Which encoding of a track a subscriber gets.

use galene_sfu::EncodingChoice;
use galene_testkit::TrackSpec;

use crate::raw::{FRAME, RawPublisher, other_ssrc, vp8_and_opus};
use crate::room::{Room, SECOND, track, video_of};

#[test]
fn surprise_52_the_best_is_the_first_of_the_description_and_the_lowest_the_last() {
    let mut room = simulcast_room();
    let tracks = room.wait_for_tracks(1, 1);
    for (id, choice) in [(2, EncodingChoice::Best), (3, EncodingChoice::Lowest)] {
        room.add_subscriber(id, |config| config.remb(3_000_000));
        room.want_encoding(id, &tracks, choice);
    }
    room.run(SECOND * 8);
    room.assert_clean();
    let (best, lowest) = (room.report(2, video_of(1)), room.report(3, video_of(1)));
    assert!(best.bytes > 2 * lowest.bytes, "{best}; {lowest}");
    assert!(lowest.frames_rendered > 90, "{lowest}");
}

#[test]
fn surprise_60_another_choice_switches_at_a_keyframe_without_an_offer() {
    let mut room = simulcast_room();
    let tracks = room.wait_for_tracks(1, 1);
    room.subscribe(2, &tracks, |config| config.remb(3_000_000));
    room.run(SECOND * 4);
    for choice in [EncodingChoice::Lowest, EncodingChoice::Best, EncodingChoice::Lowest] {
        room.run(SECOND * 2);
        room.want_encoding(2, &tracks, choice);
    }
    room.run(SECOND * 2);
    room.assert_clean();
    let report = room.report(2, video_of(1));
    assert!(report.switches.len() >= 3, "{report}");
    assert_eq!(report.freezes, 0, "{report}");
    assert_eq!(room.count(2, |e| matches!(e, galene_sfu::Event::Offer { .. })), 1);
}

#[test]
fn while_the_best_is_off_the_next_one_takes_its_place() {
    let mut room = simulcast_room();
    let tracks = room.wait_for_tracks(1, 1);
    room.subscribe(2, &tracks, |config| config.remb(3_000_000));
    room.run(SECOND * 5);
    room.publisher(1).set_encoding_active(0, 0, false);
    room.run(SECOND * 3);
    let while_off = room.frames(2, video_of(1));
    room.publisher(1).set_encoding_active(0, 0, true);
    room.wait_for_frames(2, video_of(1), 60);
    assert!(while_off > 90, "{while_off}");
    room.assert_clean();
    assert!(room.report(2, video_of(1)).switches.len() >= 2);
}

#[test]
fn encodings_that_a_later_offer_adds_or_reorders_do_no_harm() {
    let mut room = Room::new();
    let mut publisher = RawPublisher::connect(&mut room, 1, vp8_and_opus(), |sdp| sdp);
    let ssrc = publisher.ssrc;
    publisher.send_numbered(&mut room, ssrc, 1_000, true);
    room.run(FRAME);
    room.subscribe(2, &[track(1, 0)], |config| config);
    room.run(SECOND / 2);
    let more = "a=rid:h send\r\na=rid:l send\r\na=simulcast:send h;l\r\n";
    let fewer = "a=rid:l send\r\na=simulcast:send l\r\n";
    for (sequence, (added, rid)) in (10..).zip([(more, "l"), (more, "h"), (fewer, "l")]) {
        room.offer_text(1, &(publisher.sdp.clone() + added));
        assert!(room.refusals(1).is_empty());
        let other = other_ssrc(ssrc + sequence);
        publisher.take_rid(&mut room, other, Some(rid));
        for at in 0..5 {
            publisher.send_numbered(&mut room, other, u64::from(sequence * 100 + at), true);
            room.run(FRAME);
        }
    }
    assert_eq!(room.counters().faults, 0);
    room.assert_no_number_used_twice();
}

#[test]
fn encodings_go_by_their_names_however_an_offer_describes_them() {
    // Firefox lists the SSRCs of all encodings, in an order of its own, and its RIDs after the list of
    // encodings; Safari groups them as it did before there were RIDs; RFC 8851 §4 has restrictions.
    let (lists, groups) = (
        "a=ssrc:900004 cname:x\r\na=ssrc:900001 cname:x\r\na=ssrc:900003 cname:x\r\n\
         a=ssrc:900002 cname:x\r\na=ssrc-group:FID 900003 900004\r\na=ssrc-group:FID 900001 900002\r\n",
        "a=ssrc-group:SIM 900001 900003\r\na=ssrc-group:FID 900001 900002\r\n\
         a=ssrc-group:FID 900003 900004\r\na=ssrc:900001 msid:camera track0\r\n\
         a=ssrc:900002 msid:camera track0\r\na=ssrc:900003 msid:camera track0\r\n",
    );
    let names = "a=rid:h send\r\na=rid:l send\r\n";
    let restricted = "a=rid:h send max-width=1280;max-fps=30\r\na=rid:l send max-width=320\r\n";
    let list = "a=simulcast:send h;l\r\n";
    for described in
        [[list, names, lists].concat(), [names, list, groups].concat(), [restricted, list].concat()]
    {
        let mut room = Room::new();
        room.add_publisher(1, |config| {
            config.track(TrackSpec::video(video_of(1)).bitrate(1_000_000).simulcast())
        });
        room.offer(1, |peer| {
            let offer = peer.offer();
            let is_about =
                |line: &&str| line.starts_with("a=rid:") || line.starts_with("a=simulcast:");
            assert_eq!(offer.lines().filter(is_about).count(), 3);
            let rest: Vec<_> = offer.lines().filter(|line| !is_about(line)).collect();
            rest.join("\r\n") + "\r\n" + &described
        });
        let tracks = room.wait_for_tracks(1, 1);
        for (id, choice) in [(2, EncodingChoice::Best), (3, EncodingChoice::Lowest)] {
            room.add_subscriber(id, |config| config.remb(3_000_000));
            room.want_encoding(id, &tracks, choice);
        }
        room.run(SECOND * 6);
        room.assert_clean();
        let (best, lowest) = (room.report(2, video_of(1)), room.report(3, video_of(1)));
        assert!(best.bytes > 2 * lowest.bytes, "{described}: {best}; {lowest}");
        assert!(lowest.frames_rendered > 60, "{described}: {lowest}");
    }
}

fn simulcast_room() -> Room {
    let mut room = Room::new();
    room.publish(1, |config| {
        config.track(TrackSpec::video(video_of(1)).bitrate(1_000_000).simulcast())
    });
    room
}
