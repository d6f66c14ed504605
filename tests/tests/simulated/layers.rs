//! One picture in layers of time and size.

use std::time::Duration;

use galene_sfu::{EgressKind, EncodingChoice, Layer, TransportId};
use galene_testkit::{Codec, Profile, Report, Scalability, TrackSpec};
use galene_tests::Conference;

use super::{SECOND, choose, watch};

#[test]
fn each_subscriber_gets_the_frame_rate_that_it_wants() {
    for codec in [Codec::Vp8, Codec::Vp9, Codec::Av1] {
        for kind in [EgressKind::Direct, EgressKind::Reference] {
            let mut conference = Conference::with_egress(kind, super::SHARDS, 21);
            let publisher = publish(&mut conference, codec, Scalability::L1T3);
            let watchers = [0, 1, 2].map(|temporal| {
                watch_layer(&mut conference, publisher, AtMost { spatial: 0, temporal })
            });
            conference.run_for(SECOND * 4);
            conference.assert_clean();
            let frames = watchers.map(|id| {
                let video = conference.report(id, 11);
                assert_eq!((video.frames_lost, video.freezes), (0, 0), "{codec}: {video}");
                video.frames_rendered
            });
            let shown = |count: u64| count * 95 / 100..=count * 105 / 100;
            assert!(shown(frames[2] / 4).contains(&frames[0]), "{codec}: {frames:?}");
            assert!(shown(frames[2] / 2).contains(&frames[1]), "{codec}: {frames:?}");
            assert!(frames[2] > 110, "{codec}: {frames:?}");
        }
    }
}

#[test]
fn a_temporal_layer_is_dropped_at_once_and_taken_up_without_a_keyframe() {
    for codec in [Codec::Vp8, Codec::Vp9, Codec::Av1] {
        let mut conference = super::conference(22);
        let publisher = publish(&mut conference, codec, Scalability::L1T3);
        let (subscriber, other) =
            (watch(&mut conference, publisher), watch(&mut conference, publisher));
        conference.run_for(SECOND * 2);
        let keyframes = conference.publisher(publisher).counts(0, 0).keyframes;
        let mut rates = Vec::new();
        for temporal in [0, 2, 1, 0, 1, 2] {
            at_most(&mut conference, subscriber, publisher, AtMost { spatial: 0, temporal });
            // The publisher lets receivers in every half a second.
            conference.run_for(SECOND * 3 / 4);
            let before = conference.report(subscriber, 11).frames_rendered;
            conference.run_for(SECOND * 2);
            rates.push((conference.report(subscriber, 11).frames_rendered - before + 2) / 15);
        }
        conference.assert_clean();
        assert_eq!(rates, [1, 4, 2, 1, 2, 4], "{codec}");
        assert_eq!(conference.publisher(publisher).counts(0, 0).keyframes, keyframes, "{codec}");
        let video = conference.report(other, 11);
        assert_eq!((video.frames_lost, video.frames_skipped), (0, 0), "{codec}: {video}");
    }
}

#[test]
fn each_subscriber_gets_the_picture_size_that_it_wants() {
    let modes = [Scalability::L3T3, Scalability::L3T3_KEY];
    for (codec, mode) in [Codec::Vp9, Codec::Av1].into_iter().flat_map(|c| modes.map(|m| (c, m))) {
        let mut conference = super::conference(23);
        let publisher = publish(&mut conference, codec, mode);
        let best = watch(&mut conference, publisher);
        let sizes = [0, 1, 2].map(|spatial| {
            watch_layer(&mut conference, publisher, AtMost { spatial, temporal: 3 })
        });
        let low = watch(&mut conference, publisher);
        choose(&mut conference, low, publisher, EncodingChoice::Lowest);
        let slow = watch_layer(&mut conference, publisher, AtMost { spatial: 1, temporal: 1 });
        conference.run_for(SECOND * 5);
        conference.assert_clean();
        let report = |id| conference.report(id, 11);
        let all = report(best).bytes;
        let share = |report: &Report| report.bytes * 100 / all;
        let [small, middle, large] = sizes.map(report);
        // AV1 says of lower layers that are not built upon that they are not needed.
        let is_alone = codec == Codec::Av1 && mode == Scalability::L3T3_KEY;
        let (small_share, middle_share) =
            if is_alone { (22..=36, 48..=62) } else { (10..=20, 40..=52) };
        assert!(small_share.contains(&share(&small)), "{small}");
        assert!(middle_share.contains(&share(&middle)), "{middle}");
        assert!((95..=102).contains(&share(&large)), "{large}");
        for video in [&small, &middle, &large, &report(low)] {
            assert!(video.frames_rendered > 140 && video.frames_lost == 0, "{video}");
        }
        assert!(small_share.contains(&share(&report(low))), "video-low is the smallest size");
        assert!((60..=80).contains(&report(slow).frames_rendered), "{}", report(slow));
    }
}

#[test]
fn a_smaller_size_comes_at_once_and_a_larger_one_with_the_next_keyframe() {
    let mut conference = super::conference(24);
    let publisher = publish(&mut conference, Codec::Vp9, Scalability::L3T3);
    let (subscriber, other) =
        (watch(&mut conference, publisher), watch(&mut conference, publisher));
    conference.run_for(SECOND * 2);
    let mut kilobits = Vec::new();
    let mut keyframes = Vec::new();
    for spatial in [0, 2, 1, 2] {
        let count = |c: &Conference| c.publisher(publisher).counts(0, 0).keyframes;
        let before = count(&conference);
        at_most(&mut conference, subscriber, publisher, AtMost { spatial, temporal: 3 });
        conference.run_for(SECOND);
        keyframes.push(count(&conference) - before);
        let bytes = conference.report(subscriber, 11).bytes;
        conference.run_for(SECOND);
        kilobits.push((conference.report(subscriber, 11).bytes - bytes) * 8 / 1_000);
    }
    conference.assert_clean();
    assert!(kilobits[0] < 120 && kilobits[1] > 400, "{kilobits:?}");
    assert!(kilobits[2] < 350 && kilobits[3] > 400, "{kilobits:?}");
    assert_eq!(keyframes, [0, 1, 0, 1]);
    let video = conference.report(other, 11);
    assert_eq!((video.frames_lost, video.freezes), (0, 0), "{video}");
}

#[test]
fn encodings_of_several_layers_are_switched_like_others() {
    let mut conference = super::conference(25);
    let publisher = conference.publish(|config| {
        let track = TrackSpec::video(11).bitrate(800_000).encodings(3);
        config.codecs(&[Codec::Opus, Codec::Vp8]).track(track.scalability(Scalability::L1T3))
    });
    conference.wait_for_tracks(&[publisher], 1);
    let subscriber = watch(&mut conference, publisher);
    conference.run_for(SECOND * 4);
    let layers = [(2, 1), (0, 0), (1, 3), (0, 3), (2, 0), (0, 1)];
    for (encoding, temporal) in layers {
        let layer = Layer { encoding, spatial: 0, temporal };
        choose(&mut conference, subscriber, publisher, EncodingChoice::AtMost(layer));
        conference.run_for(Duration::from_millis(1_300));
    }
    conference.assert_clean();
    let video = conference.report(subscriber, 11);
    let encodings: Vec<_> = video.switches.iter().map(|switch| switch.to.encoding).collect();
    assert_eq!(encodings, [2, 0, 1, 0, 2, 0]);
    assert_eq!((video.frames_lost, video.freezes), (0, 0), "{video}");
    assert_eq!(conference.subscriber(subscriber).tracks().count(), 1, "one SSRC");
}

#[test]
fn leaving_out_layers_survives_loss_on_both_legs() {
    for codec in [Codec::Vp8, Codec::Vp9] {
        let mut conference = super::conference(26);
        let publisher = publish(&mut conference, codec, Scalability::L1T3);
        let tracks = conference.tracks(publisher);
        let subscriber = conference.subscribe(&tracks, |config| config.may_miss_start());
        let rough = Profile::ideal().delay(Duration::from_millis(20)).loss(0.03);
        conference.set_network(subscriber, rough);
        conference.set_network(publisher, rough);
        for temporal in [0, 2, 1, 0, 1, 2] {
            at_most(&mut conference, subscriber, publisher, AtMost { spatial: 0, temporal });
            conference.run_for(SECOND * 3);
        }
        conference.assert_clean();
        let video = conference.report(subscriber, 11);
        assert!(video.frames_rendered > 250, "{codec}: {video}");
        // A packet that is lost beside one of a layer that is left out has a number, under which nothing
        // is sent when it turns out to be of that layer.
        assert!(video.packets_vacant > 0 && video.packets_lost == 0, "{codec}: {video}");
        assert!(video.freeze_time < SECOND, "{codec}: {video}");
    }
}

#[test]
fn descriptors_of_av1_reach_whoever_negotiated_them() {
    for egress in [EgressKind::Direct, EgressKind::Reference] {
        let mut conference = Conference::with_egress(egress, super::SHARDS, 27);
        let publisher = conference.publish(|config| {
            let track = TrackSpec::video(11).bitrate(600_000).encodings(2);
            config.codecs(&[Codec::Opus, Codec::Av1]).track(track.scalability(Scalability::L1T3))
        });
        conference.wait_for_tracks(&[publisher], 1);
        let subscriber = watch(&mut conference, publisher);
        conference.run_for(SECOND * 3);
        for choice in [EncodingChoice::Lowest, EncodingChoice::Best] {
            choose(&mut conference, subscriber, publisher, choice);
            conference.run_for(SECOND * 2);
        }
        conference.assert_clean();
        let video = conference.report(subscriber, 11);
        assert_eq!((video.switches.len(), video.frames_lost), (2, 0), "{video}");
        let track = conference.subscriber(subscriber).track_from(11).expect("it was received");
        assert_eq!(track.descriptors(), video.packets);
        assert_eq!(track.stray_descriptors(), 0, "frames are numbered on where the source changes");
    }
}

#[derive(Clone, Copy)]
struct AtMost {
    spatial: u8,
    temporal: u8,
}

fn publish(conference: &mut Conference, codec: Codec, mode: Scalability) -> TransportId {
    let publisher = conference.publish(|config| {
        config.codecs(&[Codec::Opus, codec]).track(TrackSpec::video(11).scalability(mode))
    });
    conference.wait_for_tracks(&[publisher], 1);
    publisher
}

fn at_most(
    conference: &mut Conference,
    subscriber: TransportId,
    publisher: TransportId,
    at: AtMost,
) {
    let layer = Layer { encoding: 0, spatial: at.spatial, temporal: at.temporal };
    choose(conference, subscriber, publisher, EncodingChoice::AtMost(layer));
}

fn watch_layer(conference: &mut Conference, publisher: TransportId, at: AtMost) -> TransportId {
    let subscriber = watch(conference, publisher);
    at_most(conference, subscriber, publisher, at);
    subscriber
}
