//! What a subscriber's link carries, found out from transport-wide feedback.

use std::time::Duration;

use galene_sfu::{SentTrack, Tracks};
use galene_testkit::{Datagram, Feedback, Profile, SubscriberConfig, TrackSpec, Verdict};
use galene_tests::Conference;

use super::SECOND;

const DELAY: Duration = Duration::from_millis(25);
const WIDE: Profile = Profile::ideal().delay(DELAY).rate(3_000_000, 150_000);
const NARROW: Profile = Profile::ideal().delay(DELAY).rate(600_000, 60_000);

/// Returns how much a publisher sends within two seconds, in bits per second.
fn rate(conference: &mut Conference, publisher: galene_sfu::TransportId) -> u64 {
    let before = conference.publisher(publisher).counts(0, 0).bytes;
    conference.run_for(SECOND * 2);
    (conference.publisher(publisher).counts(0, 0).bytes - before) * 8 / 2
}

#[test]
fn a_link_without_a_limit_is_found_and_the_publisher_may_use_it() {
    let mut conference = super::conference(11);
    let publisher =
        conference.publish(|config| config.track(TrackSpec::video(11).bitrate(2_500_000)));
    let tracks = conference.wait_for_tracks(&[publisher], 1);
    let watcher = conference.subscribe(&tracks, |config| config);
    conference.set_network(watcher, Profile::ideal().delay(DELAY));
    conference.run_for(SECOND * 8);
    let rate = rate(&mut conference, publisher);
    assert!(rate > 2_000_000, "{rate} bit/s");
    conference.assert_clean();
    let video = conference.report(watcher, 11);
    assert_eq!((video.frames_lost, video.freezes), (0, 0), "{video}");
}

#[test]
fn a_link_that_becomes_narrow_is_followed_and_used_again_when_it_is_wide() {
    let mut conference = super::conference(12);
    let publisher =
        conference.publish(|config| config.track(TrackSpec::video(11).bitrate(2_000_000)));
    let tracks = conference.wait_for_tracks(&[publisher], 1);
    let watcher = conference.subscribe(&tracks, |config| config.may_miss_start());
    conference.set_network(watcher, WIDE);
    conference.run_for(SECOND * 8);
    let before = rate(&mut conference, publisher);
    assert!(before > 1_600_000, "{before} bit/s on a wide link");

    conference.set_network(watcher, NARROW);
    conference.run_for(SECOND * 4);
    let narrow = rate(&mut conference, publisher);
    assert!((250_000..600_000).contains(&narrow), "{narrow} bit/s on a narrow one");

    conference.set_network(watcher, WIDE);
    conference.run_for(SECOND * 12);
    let after = rate(&mut conference, publisher);
    assert!(after > 1_600_000, "{after} bit/s when it is wide again");
}

#[test]
fn whoever_has_a_narrow_link_gets_the_smaller_picture_and_nobody_else() {
    let mut conference = super::conference(13);
    let publisher = conference
        .publish(|config| config.track(TrackSpec::video(11).bitrate(1_600_000).simulcast()));
    let tracks = conference.wait_for_tracks(&[publisher], 1);
    let narrow = conference.subscribe(&tracks, |config| config.may_miss_start());
    let wide = conference.subscribe(&tracks, |config| config);
    conference.set_network(narrow, WIDE);
    conference.set_network(wide, WIDE);
    conference.run_for(SECOND * 10);
    assert_eq!(encoding(&conference, narrow), 0);
    let begun = conference.report(wide, 11).switches.len();

    conference.set_network(narrow, Profile::ideal().delay(DELAY).rate(800_000, 60_000));
    conference.run_for(SECOND * 5);
    assert_eq!(encoding(&conference, narrow), 1);
    let before = conference.report(narrow, 11);
    conference.run_for(SECOND * 10);
    let after = conference.report(narrow, 11);
    let rendered = after.frames_rendered - before.frames_rendered;
    assert!(rendered > 270, "{rendered} of 300 frames");
    let sent = rate(&mut conference, publisher);
    assert!(sent > 1_300_000, "{sent} bit/s: the publisher is not slowed down");

    conference.set_network(narrow, WIDE);
    conference.run_for(SECOND * 15);
    assert_eq!(encoding(&conference, narrow), 0, "what the link has room for again");
    conference.assert_clean();
    let video = conference.report(wide, 11);
    assert_eq!((video.switches.len(), video.freezes), (begun, 0), "{video}");
}

#[test]
fn a_keyframe_for_a_link_that_is_known_to_be_narrow_gets_there_whole() {
    // A keyframe of this camera has some 50 kB, and half of that can wait in front of the link.
    let link = Profile::ideal().delay(DELAY).rate(2_500_000, 24_000);
    let mut conference = super::conference(14);
    let publisher = conference
        .publish(|config| config.adaptive(Feedback::TransportWide).track(TrackSpec::camera(11)));
    let tracks = conference.wait_for_tracks(&[publisher], 1);
    let watch = |config: SubscriberConfig| config.playing(Feedback::TransportWide).may_miss_start();
    let known = conference.subscribe(&tracks, watch);
    conference.set_network(known, WIDE);
    conference.run_for(SECOND * 8);
    conference.set_network(known, NARROW);
    conference.run_for(SECOND * 5);
    conference.set_network(known, link);
    conference.run_for(SECOND * 12);

    let mut lost = Vec::new();
    let keyframes = conference.publisher(publisher).counts(0, 0).keyframes;
    for _ in 0..4 {
        let before = nacked(&conference, known);
        let now = conference.now();
        conference.subscriber_mut(known).request_keyframes(now);
        conference.run_for(SECOND * 4);
        lost.push(nacked(&conference, known) - before);
    }
    assert_eq!(conference.publisher(publisher).counts(0, 0).keyframes, keyframes + 4);
    // Of some fifty packets each; sent at once, a third of them would find no room in the queue.
    assert!(lost.iter().sum::<u64>() < 30, "{lost:?}");
    conference.assert_clean();
}

#[test]
fn a_picture_that_gave_way_to_another_comes_back_when_that_one_is_gone() {
    let mut conference = super::conference(16);
    let publish = |conference: &mut Conference, stream| {
        conference.publish(|config| config.track(TrackSpec::video(stream).bitrate(700_000)))
    };
    let first = publish(&mut conference, 11);
    let second = publish(&mut conference, 21);
    let tracks = conference.wait_for_tracks(&[first, second], 1);
    let watcher = conference.subscribe(&tracks, |config| config.may_miss_start());
    conference.set_network(watcher, Profile::ideal().delay(DELAY).rate(200_000, 30_000));
    conference.run_for(SECOND * 15);
    let frames =
        |conference: &Conference, stream| conference.report(watcher, stream).frames_rendered;
    let rendered = |conference: &mut Conference, stream| {
        let before = frames(conference, stream);
        conference.run_for(SECOND * 3);
        frames(conference, stream) - before
    };
    assert_eq!(rendered(&mut conference, 21), 0, "there is no room for both");
    assert!(rendered(&mut conference, 11) > 60);
    conference.close(first);
    // Nothing is sent now, and nothing is heard of the link.
    let back = rendered(&mut conference, 21);
    assert!(back > 60, "{back} frames in three seconds");
}

/// Returns how many packets a subscriber has missed so far.
fn nacked(conference: &Conference, subscriber: galene_sfu::TransportId) -> u64 {
    sent(conference, subscriber).nacked
}

/// Returns what is known of the picture that a subscriber is sent.
fn sent(conference: &Conference, subscriber: galene_sfu::TransportId) -> SentTrack {
    match conference.statistics(subscriber).map(|known| known.tracks) {
        Some(Tracks::Sent(mut tracks)) => tracks.remove(0),
        other => panic!("{other:?}"),
    }
}

/// Returns which encoding a subscriber got last.
fn encoding(conference: &Conference, subscriber: galene_sfu::TransportId) -> u8 {
    conference.report(subscriber, 11).switches.last().map_or(0, |switch| switch.to.encoding)
}

#[test]
fn pictures_that_pause_till_a_queue_is_gone_go_on_though_nobody_says_that_it_is() {
    for is_silent in [false, true] {
        let mut conference = super::conference(15);
        let publisher = conference.publish(|config| {
            config.adaptive(Feedback::TransportWide).track(TrackSpec::camera(11))
        });
        let tracks = conference.wait_for_tracks(&[publisher], 1);
        let watcher = conference
            .subscribe(&tracks, |config| config.playing(Feedback::TransportWide).may_miss_start());
        conference.set_network(watcher, Profile::ideal().delay(DELAY).rate(3_000_000, 32_000));
        conference.run_for(SECOND * 15);
        let narrow = Profile::ideal().delay(DELAY).rate(200_000, 32_000);
        conference.set_network(watcher, narrow);
        let is_paused = |c: &Conference| sent(c, watcher).sent.is_none();
        assert!(conference.run_until(SECOND * 3, is_paused), "the queue is long");
        if is_silent {
            let address = conference.address(watcher);
            let filter = move |_, datagram: &Datagram| {
                let is_report = matches!(*datagram.contents, [128..=191, 192..=223, ..]);
                if datagram.source == address && is_report { Verdict::Drop } else { Verdict::Pass }
            };
            conference.simulation().network_mut().set_filter(filter);
        }
        let before = conference.report(watcher, 11).packets;
        let goes_on = conference.run_until(SECOND * 5, |c| !is_paused(c));
        assert!(goes_on, "silent: {is_silent}");
        conference.run_for(SECOND * 2);
        assert!(conference.report(watcher, 11).packets > before + 20, "silent: {is_silent}");
    }
}
