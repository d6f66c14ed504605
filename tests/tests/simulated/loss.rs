//! What the network spoils on the way.

use std::time::Duration;

use galene_sfu::TransportId;
use galene_testkit::{Feedback, Profile, TrackSpec};
use galene_tests::Conference;

use super::{SECOND, publish, watch};

#[test]
fn five_percent_of_loss_at_a_subscriber_are_repaired_and_others_notice_nothing() {
    let mut conference = super::conference(1);
    let publisher = publish(&mut conference, 10);
    let others: Vec<_> = (0..4).map(|_| watch(&mut conference, publisher)).collect();
    let lossy = watch_over(&mut conference, publisher, AWAY.loss(0.05));
    conference.run_for(SECOND * 30);
    conference.assert_clean();

    let video = conference.report(lossy, 11);
    assert!(video.frames_complete > 850 && video.complete_share() >= 0.99, "{video}");
    assert!(video.frames_rendered * 100 >= video.frames_complete * 98, "{video}");
    let audio = conference.report(lossy, 10);
    assert!((0.03..0.07).contains(&audio.packet_loss()), "audio is not repaired: {audio}");
    assert_untouched(&conference, publisher, &others);
}

#[test]
fn five_percent_of_loss_at_the_publisher_are_repaired_for_all() {
    let mut conference = super::conference(2);
    let publisher = publish(&mut conference, 10);
    let watchers: Vec<_> = (0..3).map(|_| watch(&mut conference, publisher)).collect();
    conference.run_for(SECOND * 2);
    conference.set_network(publisher, AWAY.loss(0.05));
    conference.run_for(SECOND * 30);
    conference.assert_clean();
    for id in watchers {
        let video = conference.report(id, 11);
        assert!(video.frames_complete > 900 && video.complete_share() >= 0.99, "{id}: {video}");
    }
}

#[test]
fn a_subscriber_without_rtx_recovers_by_keyframes() {
    let mut conference = super::conference(3);
    let publisher = publish(&mut conference, 10);
    let other = watch(&mut conference, publisher);
    let tracks = conference.tracks(publisher);
    let lossy = conference.subscribe(&tracks, |config| config.without_rtx().may_miss_start());
    conference.set_network(lossy, AWAY.loss(0.01));
    conference.run_for(SECOND * 30);
    conference.assert_clean();

    let video = conference.report(lossy, 11);
    assert!(video.packets_lost > 5, "without RTX nothing is repaired: {video}");
    assert!(video.keyframes > 1 && video.frames_rendered > 600, "{video}");
    let last = video.last_rendered.expect("something was seen");
    // Keyframes are made for one receiver no more often than that.
    assert!(conference.now() - last < SECOND * 4, "it goes on to the end: {video}");
    let video = conference.report(other, 11);
    assert_eq!((video.frames_lost, video.freezes), (0, 0), "{video}");
}

#[test]
fn a_publisher_without_rtx_recovers_by_keyframes() {
    let mut conference = super::conference(4);
    let publisher = conference.publish(|config| config.without_rtx().track(TrackSpec::video(11)));
    let tracks = conference.wait_for_tracks(&[publisher], 1);
    let subscriber = conference.subscribe(&tracks, |config| config);
    conference.run_for(SECOND);
    conference.set_network(publisher, AWAY.loss(0.01));
    conference.run_for(SECOND * 30);
    conference.assert_clean();

    let video = conference.report(subscriber, 11);
    assert!(video.packets_lost > 5, "without RTX nothing is repaired: {video}");
    assert!(video.keyframes > 1 && video.frames_rendered > 500, "{video}");
    let last = video.last_rendered.expect("something was seen");
    assert!(conference.now() - last < SECOND, "it goes on to the end: {video}");
}

#[test]
fn what_a_publisher_cannot_repair_is_mended_by_a_keyframe_at_once() {
    let mut conference = super::conference(4);
    let publisher = conference.publish(|config| config.without_rtx().track(TrackSpec::video(11)));
    let tracks = conference.wait_for_tracks(&[publisher], 1);
    let patience = Duration::from_secs(3);
    let subscriber = conference.subscribe(&tracks, |config| config.give_up_after(patience));
    conference.run_for(SECOND);
    conference.set_network(publisher, Profile::ideal().delay(Duration::from_millis(25)).loss(0.01));
    conference.run_for(SECOND * 30);
    let video = conference.report(subscriber, 11);
    // A browser waits for up to three seconds before it asks for a keyframe; the core knows at once that
    // nothing will come.
    let sent = conference.publisher(publisher).counts(0, 0);
    assert!(sent.keyframe_requests >= 15, "{sent:?}: {video}");
}

#[test]
fn overtaken_and_repeated_packets_harm_nothing() {
    let mut conference = super::conference(5);
    let publisher = publish(&mut conference, 10);
    let rough = AWAY.reorder(0.05, Duration::from_millis(30)).duplicate(0.1);
    let watchers = [
        watch_over(&mut conference, publisher, rough),
        watch_over(&mut conference, publisher, rough.jitter(Duration::from_millis(20))),
    ];
    conference.run_for(SECOND * 2);
    conference.set_network(publisher, rough);
    conference.run_for(SECOND * 20);
    conference.assert_clean();
    for id in watchers {
        let video = conference.report(id, 11);
        assert!(video.frames_complete > 600, "{id}: {video}");
        assert_eq!((video.frames_lost, video.freezes), (0, 0), "{id}: {video}");
        let audio = conference.report(id, 10);
        assert!(audio.packets > 1_000 && audio.packets_lost == 0, "{id}: {audio}");
    }
}

#[test]
fn bursts_of_loss_are_survived() {
    let mut conference = super::conference(6);
    let publisher = publish(&mut conference, 10);
    // Five percent, in bursts of eight.
    let bursty = watch_over(&mut conference, publisher, AWAY.bursts(152.0, 8.0));
    let other = watch(&mut conference, publisher);
    conference.run_for(SECOND * 30);
    conference.assert_clean();
    let video = conference.report(bursty, 11);
    assert!(video.complete_share() > 0.97, "{video}");
    assert_untouched(&conference, publisher, &[other]);
}

#[test]
fn a_blackout_of_five_seconds_ends_with_a_picture() {
    let mut conference = super::conference(7);
    let publisher = publish(&mut conference, 10);
    let subscriber = watch(&mut conference, publisher);
    let other = watch(&mut conference, publisher);
    conference.run_for(SECOND * 5);
    conference.set_network(subscriber, AWAY.dead());
    conference.run_for(SECOND * 5);
    conference.set_network(subscriber, AWAY);
    let before = conference.report(subscriber, 11).last_rendered;
    let limit = Duration::from_millis(1_500);
    let is_back = conference.run_until(limit, |c| c.report(subscriber, 11).last_rendered > before);
    assert!(is_back, "{}", conference.report(subscriber, 11));
    conference.run_for(SECOND * 3);
    conference.assert_clean();
    let video = conference.report(other, 11);
    assert_eq!((video.frames_lost, video.freezes), (0, 0), "{video}");
}

#[test]
fn a_subscriber_on_the_other_side_of_the_world_is_repaired() {
    let mut conference = super::conference(8);
    let publisher = publish(&mut conference, 10);
    let tracks = conference.tracks(publisher);
    let patience = Duration::from_millis(1_500);
    let subscriber =
        conference.subscribe(&tracks, |config| config.may_miss_start().give_up_after(patience));
    let far = Profile::ideal().delay(Duration::from_millis(250)).loss(0.02);
    conference.set_network(subscriber, far);
    conference.run_for(SECOND * 30);
    conference.assert_clean();
    let video = conference.report(subscriber, 11);
    assert!(video.complete_share() > 0.96, "{video}");
    assert!(video.frames_rendered > 700, "{video}");
}

#[test]
fn a_publisher_on_the_other_side_of_the_world_is_repaired() {
    let mut conference = super::conference(9);
    let publisher = conference.publish(|config| config.track(TrackSpec::camera(11)));
    let tracks = conference.wait_for_tracks(&[publisher], 1);
    let subscriber = conference.subscribe(&tracks, |config| {
        config.playing(Feedback::TransportWide).give_up_after(SECOND * 3)
    });
    conference.set_network(publisher, Profile::ideal().delay(Duration::from_millis(250)));
    conference.run_for(SECOND * 10);
    let start = conference.now();
    let asked = conference.publisher(publisher).counts(0, 0).keyframe_requests;
    let far = Profile::ideal().delay(Duration::from_millis(250)).loss(0.02);
    conference.set_network(publisher, far);
    conference.run_for(SECOND * 30);
    // A packet that is sent again is there after more than a hundred others, if it is asked for twice.
    let decoder = conference.subscriber(subscriber).track_from(11).and_then(|t| t.decoder());
    let shown = decoder.expect("pictures").shown().iter().filter(|f| f.captured >= start).count();
    assert!(shown > 840, "{shown} frames of 870");
    let asked = conference.publisher(publisher).counts(0, 0).keyframe_requests - asked;
    assert!(asked <= 1, "{asked} keyframes");
}

/// A peer at some distance.
const AWAY: Profile = Profile::ideal().delay(Duration::from_millis(25));

/// Adds a subscriber behind such a link.
fn watch_over(
    conference: &mut Conference,
    publisher: TransportId,
    profile: Profile,
) -> TransportId {
    let tracks = conference.tracks(publisher);
    let id = conference.subscribe(&tracks, |config| config.may_miss_start());
    conference.set_network(id, profile);
    id
}

/// Checks that these subscribers and the publisher of streams 10 and 11 are as without any loss.
fn assert_untouched(conference: &Conference, publisher: TransportId, others: &[TransportId]) {
    for &id in others {
        let (audio, video) = (conference.report(id, 10), conference.report(id, 11));
        assert_eq!((video.frames_lost, video.freezes), (0, 0), "{id}: {video}");
        assert_eq!(audio.packets_lost, 0, "{id}: {audio}");
        assert_eq!(video.latency(0.9), Some(Duration::from_millis(2)), "{id}: {video}");
    }
    let sent = conference.publisher(publisher).counts(1, 0);
    assert!(sent.keyframes <= 6, "{sent:?}");
}
