//! No number is used twice, and every subscriber sees one stream whatever the source does.

use galene_testkit::{Profile, TrackSpec, address};

use crate::raw::{FRAME, RawPublisher, other_ssrc, vp8_and_opus, vp8_frame};
use crate::room::{CORE, Room, SECOND, track, video_of};

#[test]
fn a_newcomer_gets_each_packet_of_the_ring_once_although_new_ones_are_arriving() {
    let mut room = Room::new();
    let tracks = room.publish_camera(1);
    for id in 2..12 {
        room.subscribe(id, &tracks, |config| config);
        room.run(FRAME / 3);
    }
    room.run(SECOND);
    room.assert_clean();
    for id in 2..12 {
        assert!(room.frames(id, video_of(1)) > 20);
    }
}

#[test]
fn duplicates_from_the_publisher_are_forwarded_once() {
    let mut room = Room::new();
    let rough = Profile::ideal().duplicate(0.5).reorder(0.2, FRAME);
    room.simulation.network_mut().set_profile(address(1), CORE, rough);
    let tracks = room.publish_camera(1);
    room.subscribe(2, &tracks, |config| config);
    room.run(SECOND * 3);
    room.assert_clean();
    assert!(room.frames(2, video_of(1)) > 60);
}

#[test]
fn a_publisher_that_starts_numbering_anew_under_another_ssrc_is_followed() {
    let mut room = Room::new();
    let mut publisher = RawPublisher::connect(&mut room, 1, vp8_and_opus(), |sdp| sdp);
    let ssrc = publisher.ssrc;
    publisher.send_numbered(&mut room, ssrc, 1_000, true);
    room.run(FRAME);
    room.subscribe(2, &[track(1, 0)], |config| config);
    room.run(SECOND / 2);
    for at in 1_001..1_030 {
        publisher.send_numbered(&mut room, ssrc, at, false);
        room.run(FRAME);
    }
    let before = room.counters().forwarded;
    // The new numbers lie among those that were used already.
    publisher.take_ssrc(&mut room, other_ssrc(ssrc));
    for at in 1_005..1_030 {
        publisher.send_numbered(&mut room, other_ssrc(ssrc), at, at == 1_005);
        room.run(FRAME);
    }
    room.assert_no_number_used_twice();
    assert_eq!(room.counters().forwarded - before, 25);
    assert_eq!(room.tracks(1), [track(1, 0)], "it is the same track");
}

#[test]
fn a_publisher_that_sends_two_streams_as_one_does_not_make_the_core_use_a_number_twice() {
    let mut room = Room::new();
    let mut publisher = RawPublisher::connect(&mut room, 1, vp8_and_opus(), |sdp| sdp);
    let (one, other) = (publisher.ssrc, other_ssrc(publisher.ssrc));
    publisher.send_numbered(&mut room, one, 1_000, true);
    room.run(FRAME);
    room.subscribe(2, &[track(1, 0)], |config| config);
    room.run(SECOND / 2);
    for at in 1_001..1_060 {
        for ssrc in [one, other] {
            publisher.take_ssrc(&mut room, ssrc);
            publisher.send_numbered(&mut room, ssrc, at, true);
            room.run(FRAME / 2);
        }
    }
    room.assert_no_number_used_twice();
    assert!(room.counters().published > 100);
    assert!(room.counters().forwarded > 40);
    assert_eq!(room.counters().faults, 0);
}

#[test]
fn a_packet_too_large_to_be_forwarded_harms_no_subscriber() {
    let mut room = Room::new();
    // Without header extensions there is room for more payload than the core can send on.
    let bare = vp8_and_opus().clear_extension_map();
    let mut publisher = RawPublisher::connect(&mut room, 1, bare, |sdp| sdp);
    let ssrc = publisher.ssrc;
    publisher.send_numbered(&mut room, ssrc, 1_000, true);
    room.run(FRAME);
    room.subscribe(2, &[track(1, 0)], |config| config);
    room.run(SECOND / 2);
    for (at, len) in (1_001..).zip(1_400..1_980) {
        publisher.send_payload(&mut room, ssrc, at, vp8_frame(200, false, len));
        room.run(FRAME / 8);
    }
    publisher.send_numbered(&mut room, ssrc, 1_600, true);
    room.run(FRAME);
    assert_eq!(room.counters().faults, 0);
    assert_eq!(room.transport_count(), 2);
}

#[test]
fn sequence_numbers_that_jump_or_wrap_are_followed() {
    let mut room = Room::new();
    let mut publisher = RawPublisher::connect(&mut room, 1, vp8_and_opus(), |sdp| sdp);
    let ssrc = publisher.ssrc;
    publisher.send_numbered(&mut room, ssrc, 65_000, true);
    room.run(FRAME);
    room.subscribe(2, &[track(1, 0)], |config| config);
    room.run(SECOND / 2);
    let before = room.counters().forwarded;
    let numbers = [65_001, 65_535, 65_536, 65_540, 80_000, 80_001, 110_000, 110_001];
    for at in numbers {
        publisher.send_numbered(&mut room, ssrc, at, false);
        room.run(FRAME);
    }
    room.assert_no_number_used_twice();
    assert_eq!(room.counters().forwarded - before, numbers.len() as u64);
}

#[test]
fn a_section_that_is_taken_away_and_given_back_goes_on() {
    let mut room = Room::new();
    let tracks = room.publish_camera(1);
    room.publish(3, |config| config.track(TrackSpec::video(video_of(3))));
    let others = room.wait_for_tracks(3, 1);
    room.subscribe(2, &tracks, |config| config);
    for _ in 0..4 {
        room.run(SECOND / 2);
        room.want(2, &tracks[..1]);
        room.run(SECOND / 3);
        room.want(2, &[tracks[0], others[0]]);
        room.run(SECOND / 2);
        room.want(2, &tracks);
    }
    room.run(SECOND);
    room.assert_clean();
    assert_eq!(room.subscriber(2).tracks().count(), 2, "the section is used again");
    assert!(room.frames(2, video_of(1)) > 60);
}
