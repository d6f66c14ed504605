//! Media gets from publishers to subscribers, whole and in order.

use std::time::Duration;

use galene_sfu::EncodingChoice;
use galene_testkit::{Codec, MediaKind, Profile, TrackSpec};

use super::{SECOND, publish, rendered, watch};

#[test]
fn two_publishers_reach_fifty_subscribers() {
    let mut conference = super::conference(1);
    let publishers = [(publish(&mut conference, 10), 10), (publish(&mut conference, 20), 20)];
    // One transport for each subscriber and publisher, as Galène's protocol has it.
    let subscribers: Vec<_> = (0..50)
        .flat_map(|_| publishers)
        .map(|(publisher, stream)| (watch(&mut conference, publisher), stream))
        .collect();
    conference.run_for(SECOND * 5);
    conference.assert_clean();

    for (id, stream) in subscribers {
        let (audio, video) = (conference.report(id, stream), conference.report(id, stream + 1));
        assert!(audio.packets > 220 && audio.packets_lost == 0, "{id}: {audio}");
        assert!(video.frames_rendered > 130 && video.frames_lost == 0, "{id}: {video}");
        assert_eq!(video.freezes, 0, "{id}: {video}");
        assert_eq!(conference.streams(id), [stream, stream + 1].into());
        // Each of the two links takes a millisecond, and the core no time.
        let last = video.latency(0.9);
        assert_eq!(last, Some(Duration::from_millis(2)), "{id}: {video}");
    }
    for (id, _) in publishers {
        let requests = conference.publisher(id).counts(1, 0).keyframe_requests;
        assert!(requests <= 3, "{requests} keyframe requests for fifty subscribers at once");
    }
}

#[test]
fn a_late_joiner_sees_a_keyframe_within_a_second() {
    let mut conference = super::conference(2);
    let publisher = publish(&mut conference, 10);
    conference.run_for(SECOND * 20);
    for _ in 0..5 {
        conference.run_for(Duration::from_millis(1_770));
        let id = watch(&mut conference, publisher);
        let is_in_time = conference.run_until(SECOND, |c| rendered(c, id, 11) > 0);
        assert!(is_in_time, "nothing to see after a second");
    }
    conference.run_for(SECOND);
    conference.assert_clean();
}

#[test]
fn each_codec_is_forwarded() {
    for codec in Codec::ALL {
        let mut conference = super::conference(3);
        let publisher = conference.publish(|config| {
            let track = match codec.kind() {
                MediaKind::Audio => TrackSpec::audio(10),
                MediaKind::Video => TrackSpec::video(10),
            };
            config.codecs(&[codec]).track(track)
        });
        let tracks = conference.wait_for_tracks(&[publisher], 1);
        let subscriber = conference.subscribe(&tracks, |config| config);
        conference.run_for(SECOND * 3);
        conference.assert_clean();

        let track = conference.subscriber(subscriber).track_from(10).expect("it is forwarded");
        assert_eq!(track.codec(), codec);
        let report = track.checker().report();
        assert!(report.frames_rendered > 80 && report.frames_lost == 0, "{codec}: {report}");
    }
}

#[test]
fn a_track_that_is_added_later_is_offered_and_forwarded() {
    let mut conference = super::conference(4);
    let publisher = conference.publish(|config| config.track(TrackSpec::audio(10)));
    let tracks = conference.wait_for_tracks(&[publisher], 1);
    let subscriber = conference.subscribe(&tracks, |config| config);
    conference.run_for(SECOND * 2);

    conference.renegotiate(publisher, |peer| {
        peer.add_track(TrackSpec::video(11));
        peer.offer()
    });
    let tracks = conference.wait_for_tracks(&[publisher], 2);
    conference.resubscribe(subscriber, &tracks, EncodingChoice::Best);
    conference.run_for(SECOND * 3);
    conference.assert_clean();

    let (audio, video) = (conference.report(subscriber, 10), conference.report(subscriber, 11));
    assert!(audio.packets > 200 && audio.packets_lost == 0, "{audio}");
    assert!(video.frames_rendered > 60 && video.frames_lost == 0, "{video}");
}

#[test]
fn a_subscriber_that_wants_less_gets_less_and_may_come_back() {
    let mut conference = super::conference(5);
    let publisher = publish(&mut conference, 10);
    let subscriber = watch(&mut conference, publisher);
    let other = watch(&mut conference, publisher);
    conference.run_for(SECOND * 2);
    let tracks = conference.tracks(publisher);
    conference.resubscribe(subscriber, &tracks[..1], EncodingChoice::Best);
    conference.run_for(SECOND / 10);
    let before = rendered(&conference, subscriber, 11);
    conference.run_for(SECOND * 2);
    assert_eq!(rendered(&conference, subscriber, 11), before);

    conference.resubscribe(subscriber, &tracks, EncodingChoice::Best);
    let is_back = conference.run_until(SECOND, |c| rendered(c, subscriber, 11) > before);
    assert!(is_back);
    conference.run_for(SECOND);
    conference.assert_clean();
    assert_eq!(conference.report(subscriber, 10).packets_lost, 0);
    let video = conference.report(other, 11);
    assert!(video.frames_rendered > 140 && video.freezes == 0, "{video}");
}

#[test]
fn sequence_numbers_and_timestamps_wrap_around() {
    let mut conference = super::conference(6);
    let publisher = conference.publish(|config| {
        config
            .track(TrackSpec::audio(10).starting_at(65_500, u32::MAX - 48_000))
            .track(TrackSpec::video(11).starting_at(65_500, u32::MAX - 90_000))
    });
    let tracks = conference.wait_for_tracks(&[publisher], 2);
    let early = conference.subscribe(&tracks, |config| config);
    conference.run_for(SECOND * 3);
    let late = conference.subscribe(&tracks, |config| config);
    conference.run_for(SECOND * 3);
    conference.assert_clean();
    for id in [early, late] {
        let (audio, video) = (conference.report(id, 10), conference.report(id, 11));
        assert!(video.frames_rendered > 70 && video.frames_lost == 0, "{id}: {video}");
        assert!(audio.packets > 120 && audio.packets_lost == 0, "{id}: {audio}");
    }
}

#[test]
fn half_an_hour_passes_without_a_fault() {
    let mut conference = super::conference(7);
    let publisher = conference.publish(|config| config.track(TrackSpec::audio(10)));
    let tracks = conference.wait_for_tracks(&[publisher], 1);
    let subscriber = conference.subscribe(&tracks, |config| config);
    // Long enough for sequence numbers to wrap around.
    conference.run_for(SECOND * 1_800);
    conference.assert_clean();
    let audio = conference.report(subscriber, 10);
    assert!(audio.packets > 89_900 && audio.packets_lost == 0, "{audio}");
}

#[test]
fn the_same_seed_repeats_the_same_conference() {
    let run = |seed| {
        let mut conference = super::conference(seed);
        let publisher = publish(&mut conference, 10);
        let subscribers = [watch(&mut conference, publisher), watch(&mut conference, publisher)];
        // What DTLS draws comes from no seed, and what is lost of a handshake could matter.
        conference.run_for(SECOND);
        for id in subscribers {
            conference.set_network(id, Profile::ideal().loss(0.1));
        }
        conference.run_for(SECOND * 5);
        subscribers.map(|id| (conference.report(id, 10), conference.report(id, 11)))
    };
    assert_eq!(run(8), run(8));
    assert_ne!(run(8), run(9));
}

#[test]
fn one_transport_carries_the_tracks_of_many_publishers() {
    let mut conference = super::conference(9);
    let streams = [10, 20, 30, 40, 50, 60];
    let publishers = streams.map(|stream| publish(&mut conference, stream));
    let tracks: Vec<_> = publishers.iter().flat_map(|id| conference.tracks(*id)).collect();
    let subscriber = conference.subscribe(&tracks, |config| config);
    conference.run_for(SECOND * 3);
    conference.close(publishers[2]);
    conference.run_for(SECOND);
    let tracks: Vec<_> = publishers.iter().flat_map(|id| conference.tracks(*id)).collect();
    conference.resubscribe(subscriber, &tracks, EncodingChoice::Best);
    conference.run_for(SECOND * 2);
    conference.assert_clean();
    assert_eq!(tracks.len(), 10);
    for stream in streams {
        let video = conference.report(subscriber, stream + 1);
        let least = if stream == 30 { 60 } else { 150 };
        assert!(video.frames_rendered > least && video.frames_lost == 0, "{stream}: {video}");
    }
}

#[test]
fn a_track_in_a_codec_that_the_subscriber_lacks_is_left_out() {
    let mut conference = super::conference(10);
    let publisher = conference.publish(|config| {
        let config = config.codecs(&[Codec::Opus, Codec::Vp9]);
        config.track(TrackSpec::audio(10)).track(TrackSpec::video(11))
    });
    let tracks = conference.wait_for_tracks(&[publisher], 2);
    let subscriber =
        conference.subscribe(&tracks, |config| config.codecs(&[Codec::Opus, Codec::Vp8]));
    conference.run_for(SECOND * 3);
    conference.assert_clean();
    assert_eq!(conference.streams(subscriber), [10].into());
    assert!(conference.report(subscriber, 10).packets > 120);
}

#[test]
fn a_track_that_the_publisher_stops_ends_and_the_rest_goes_on() {
    let mut conference = super::conference(11);
    let publisher = publish(&mut conference, 10);
    let subscriber = watch(&mut conference, publisher);
    conference.run_for(SECOND * 2);
    conference.renegotiate(publisher, |peer| peer.stop_track(1));
    let has_ended = conference.run_until(SECOND, |c| c.tracks(publisher).len() == 1);
    assert!(has_ended);
    let tracks = conference.tracks(publisher);
    conference.resubscribe(subscriber, &tracks, EncodingChoice::Best);
    let before = rendered(&conference, subscriber, 11);
    conference.run_for(SECOND * 2);
    conference.assert_clean();
    assert_eq!(rendered(&conference, subscriber, 11), before);
    let audio = conference.report(subscriber, 10);
    assert!(audio.packets > 180 && audio.packets_lost == 0, "{audio}");
}

#[test]
fn a_frame_leaves_for_each_subscriber_in_one_system_call() {
    let mut conference = super::conference(12);
    let publisher =
        conference.publish(|config| config.track(TrackSpec::video(11).bitrate(2_000_000)));
    let tracks = conference.wait_for_tracks(&[publisher], 1);
    let subscribers: Vec<_> =
        (0..5).map(|_| conference.subscribe(&tracks, |c| c.remb(5_000_000))).collect();
    conference.run_for(SECOND * 5);
    let before = conference.core().sent();
    conference.run_for(SECOND * 5);
    let after = conference.core().sent();
    let (datagrams, runs) = (after.0 - before.0, after.1 - before.1);
    // Some 7 packets a frame; each subscriber is also sent a report and a check or two each second.
    assert!(datagrams > runs * 6, "{datagrams} in {runs}");
    conference.assert_clean();
    for id in subscribers {
        let video = conference.report(id, 11);
        assert_eq!((video.frames_lost, video.freezes), (0, 0), "{video}");
    }
}
