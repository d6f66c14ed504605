//! One picture in two sizes.

use std::time::Duration;

use galene_sfu::{EncodingChoice, Layer, TransportId};
use galene_testkit::{Codec, Profile, TrackSpec};
use galene_tests::Conference;

use super::{SECOND, choose, rendered, watch};

#[test]
fn each_subscriber_gets_the_size_that_it_wants() {
    let mut conference = super::conference(1);
    let publisher = publish_simulcast(&mut conference, Codec::Vp8);
    let (high, low) = (watch(&mut conference, publisher), watch(&mut conference, publisher));
    choose(&mut conference, low, publisher, EncodingChoice::Lowest);
    conference.run_for(SECOND * 5);
    conference.assert_clean();
    let (high, low) = (conference.report(high, 11), conference.report(low, 11));
    assert!(high.frames_rendered > 130 && high.frames_lost == 0, "{high}");
    assert!(low.frames_rendered > 130 && low.frames_lost == 0, "{low}");
    assert!(high.bytes > 3 * low.bytes, "{high}; {low}");
    assert!(low.switches.is_empty(), "{:?}", low.switches);
}

#[test]
fn when_the_publisher_drops_the_large_picture_the_small_one_takes_its_place() {
    let mut conference = super::conference(3);
    let publisher = publish_simulcast(&mut conference, Codec::Vp8);
    let subscriber = watch(&mut conference, publisher);
    conference.run_for(SECOND * 4);
    conference.publisher_mut(publisher).set_encoding_active(0, 0, false);
    conference.run_for(SECOND * 4);
    conference.publisher_mut(publisher).set_encoding_active(0, 0, true);
    conference.run_for(SECOND * 4);
    conference.assert_clean();
    let video = conference.report(subscriber, 11);
    let encodings: Vec<_> = video.switches.iter().map(|switch| switch.to.encoding).collect();
    assert_eq!(encodings, [1, 0]);
    assert!(video.freezes <= 1 && video.freeze_time < SECOND * 2, "{video}");
}

#[test]
fn a_switch_continues_sequence_numbers_timestamps_and_picture_numbers() {
    for codec in [Codec::Vp8, Codec::Vp9, Codec::H264, Codec::Av1] {
        let mut conference = super::conference(2);
        let publisher = publish_simulcast(&mut conference, codec);
        let subscriber = watch(&mut conference, publisher);
        let other = watch(&mut conference, publisher);
        conference.run_for(SECOND * 4);
        for choice in [EncodingChoice::Lowest, EncodingChoice::Best].repeat(3) {
            choose(&mut conference, subscriber, publisher, choice);
            conference.run_for(Duration::from_millis(1_700));
        }
        conference.assert_clean();

        let video = conference.report(subscriber, 11);
        let encodings: Vec<_> = video.switches.iter().map(|switch| switch.to.encoding).collect();
        assert_eq!(encodings, [1, 0, 1, 0, 1, 0], "{codec}");
        assert!(video.frames_rendered > 380 && video.freezes == 0, "{codec}: {video}");
        assert_eq!(video.frames_lost, 0, "{codec}: {video}");
        for switch in &video.switches {
            assert!(switch.timestamp_error < Duration::from_millis(20), "{codec}: {switch:?}");
        }
        assert_eq!(conference.subscriber(subscriber).tracks().count(), 1, "{codec}: one SSRC");
        let video = conference.report(other, 11);
        assert_eq!((video.switches.len(), video.freezes), (0, 0), "{codec}: {video}");
    }
}

#[test]
fn switching_survives_loss_and_reordering() {
    let mut conference = super::conference(4);
    let publisher = publish_simulcast(&mut conference, Codec::Vp8);
    let tracks = conference.tracks(publisher);
    let subscriber = conference.subscribe(&tracks, |config| config.may_miss_start());
    let away = Profile::ideal().delay(Duration::from_millis(20));
    let rough = away.loss(0.03).reorder(0.03, Duration::from_millis(15));
    conference.set_network(subscriber, rough);
    conference.set_network(publisher, rough);
    conference.run_for(SECOND * 4);
    for choice in [EncodingChoice::Lowest, EncodingChoice::Best].repeat(5) {
        choose(&mut conference, subscriber, publisher, choice);
        conference.run_for(Duration::from_millis(2_300));
    }
    conference.assert_clean();
    let video = conference.report(subscriber, 11);
    assert!(video.switches.len() >= 10, "{:?}", video.switches);
    assert!(video.complete_share() > 0.97, "{video}");
}

#[test]
fn a_subscriber_that_wants_nothing_for_now_gets_nothing_and_comes_back_without_an_offer() {
    let mut conference = super::conference(6);
    let publisher = publish_simulcast(&mut conference, Codec::Vp8);
    let (subscriber, other) =
        (watch(&mut conference, publisher), watch(&mut conference, publisher));
    conference.run_for(SECOND * 3);
    choose(&mut conference, subscriber, publisher, EncodingChoice::Nothing);
    conference.run_for(SECOND / 2);
    let (before, of_other) =
        (rendered(&conference, subscriber, 11), rendered(&conference, other, 11));
    conference.run_for(SECOND * 3);
    assert_eq!(rendered(&conference, subscriber, 11), before);
    assert!(rendered(&conference, other, 11) > of_other + 80);
    choose(&mut conference, subscriber, publisher, EncodingChoice::AtMost(Layer::whole(1)));
    conference.run_for(SECOND * 2);
    conference.assert_clean();
    assert!(rendered(&conference, subscriber, 11) > before + 50);
    let video = conference.report(subscriber, 11);
    assert_eq!(video.switches.iter().map(|s| s.to.encoding).collect::<Vec<_>>(), [1]);
    assert_eq!(conference.subscriber(subscriber).tracks().count(), 1, "one SSRC");
}

fn publish_simulcast(conference: &mut Conference, codec: Codec) -> TransportId {
    let publisher = conference.publish(|config| {
        let track = TrackSpec::video(11).bitrate(400_000).simulcast();
        config.codecs(&[Codec::Opus, codec]).track(track)
    });
    conference.wait_for_tracks(&[publisher], 1);
    publisher
}
