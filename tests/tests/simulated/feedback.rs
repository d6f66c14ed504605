//! What subscribers report comes back to publishers, merged.

use std::time::Duration;

use galene_testkit::TrackSpec;
use galene_tests::Conference;

use super::{SECOND, publish, watch};

#[test]
fn keyframe_requests_of_many_subscribers_become_few() {
    let mut conference = super::conference(2);
    let publisher = publish(&mut conference, 10);
    let watchers: Vec<_> = (0..10).map(|_| watch(&mut conference, publisher)).collect();
    conference.run_for(SECOND * 3);
    let before = conference.publisher(publisher).counts(1, 0).keyframe_requests;
    for _ in 0..40 {
        let now = conference.now();
        for &id in &watchers {
            conference.subscriber_mut(id).request_keyframes(now);
        }
        conference.run_for(SECOND / 10);
    }
    let requests = conference.publisher(publisher).counts(1, 0).keyframe_requests - before;
    // 400 in four seconds; at most two a second are passed on.
    assert!((4..=9).contains(&requests), "{requests}");
    conference.assert_clean();
}

#[test]
fn a_subscriber_that_asks_for_keyframes_all_the_time_gets_three_and_then_one_in_three_seconds() {
    let mut conference = super::conference(4);
    let publisher = publish(&mut conference, 10);
    let restless = watch(&mut conference, publisher);
    let other = watch(&mut conference, publisher);
    conference.run_for(SECOND * 3);
    let before = conference.publisher(publisher).counts(1, 0);
    for _ in 0..200 {
        let now = conference.now();
        conference.subscriber_mut(restless).request_keyframes(now);
        conference.run_for(SECOND / 10);
    }
    let after = conference.publisher(publisher).counts(1, 0);
    // Of 200 in 20 seconds.
    assert_eq!(after.keyframe_requests - before.keyframe_requests, 8);
    assert_eq!(after.keyframes - before.keyframes, 8);

    // Somebody else who needs one has it as soon as ever.
    let now = conference.now();
    conference.subscriber_mut(other).request_keyframes(now);
    conference.run_for(SECOND / 10);
    let requests = conference.publisher(publisher).counts(1, 0).keyframe_requests;
    assert_eq!(requests, after.keyframe_requests + 1);
    conference.assert_clean();
}

#[test]
fn the_publisher_sends_no_more_than_its_slowest_subscriber_takes() {
    let mut conference = super::conference(3);
    let publisher =
        conference.publish(|config| config.track(TrackSpec::video(11).bitrate(2_000_000)));
    let tracks = conference.wait_for_tracks(&[publisher], 1);
    let fast = conference.subscribe(&tracks, |config| config.remb(5_000_000));
    let slow = conference.subscribe(&tracks, |config| config.remb(600_000));
    conference.run_for(SECOND * 5);
    let rate = |c: &mut Conference| {
        let before = c.publisher(publisher).counts(0, 0).bytes;
        c.run_for(SECOND * 5);
        (c.publisher(publisher).counts(0, 0).bytes - before) * 8 / 5
    };
    let both = rate(&mut conference);
    assert!((400_000..650_000).contains(&both), "{both} bit/s");
    conference.close(slow);
    conference.run_for(SECOND * 3);
    let alone = rate(&mut conference);
    assert!((1_500_000..2_300_000).contains(&alone), "{alone} bit/s");
    conference.assert_clean();
    let video = conference.report(fast, 11);
    assert_eq!((video.frames_lost, video.freezes), (0, 0), "{video}");
}

#[test]
fn sound_and_pictures_are_presented_together() {
    let mut conference = super::conference(1);
    let publisher = publish(&mut conference, 10);
    let subscribers = [watch(&mut conference, publisher), {
        conference.run_for(SECOND * 7);
        watch(&mut conference, publisher)
    }];
    conference.run_for(SECOND * 12);
    for id in subscribers {
        let offset = |stream| {
            let track = conference.subscriber(id).track_from(stream).expect("it is forwarded");
            let (reports, stray) = (track.sender_reports(), track.stray_sender_reports());
            assert!(reports > 1 && stray == 0, "{id}: {stray} of {reports} reports are astray");
            track.presentation_offset().expect("sender reports came")
        };
        let skew = offset(10).abs_diff(offset(11));
        assert!(skew < Duration::from_millis(10), "{id}: {skew:?}");
    }
    conference.assert_clean();
}
