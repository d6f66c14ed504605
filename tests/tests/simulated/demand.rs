//! Encodings that nobody asks for are not sent.

use galene_sfu::{EncodingChoice, EncodingDemand, Event, TransportId};
use galene_testkit::{Profile, TrackSpec};
use galene_tests::Conference;

use super::{SECOND, choose, rendered, watch};

const LARGE: usize = 0;
const SMALL: usize = 1;

#[test]
fn a_large_picture_that_nobody_asks_for_is_stopped_and_comes_back_within_a_second() {
    let mut conference = super::conference(31);
    let publisher = publish(&mut conference);
    let watchers = [0; 4].map(|_| watch(&mut conference, publisher));
    conference.run_for(SECOND * 5);
    assert!(is_sent(&mut conference, publisher, LARGE), "somebody wants it");

    for id in watchers {
        choose(&mut conference, id, publisher, EncodingChoice::Lowest);
    }
    conference.run_for(SECOND * 3);
    assert!(is_sent(&mut conference, publisher, LARGE), "they may come back to it");
    conference.run_for(SECOND);
    assert!(!is_sent(&mut conference, publisher, LARGE));
    assert!(is_sent(&mut conference, publisher, SMALL));

    let keyframes = conference.publisher(publisher).counts(0, LARGE).keyframes;
    let [curious, others @ ..] = watchers;
    choose(&mut conference, curious, publisher, EncodingChoice::Best);
    let back = conference.run_until(SECOND, |c| encoding(c, curious) == Some(LARGE));
    assert!(back, "the large picture is there within a second");
    assert_eq!(conference.publisher(publisher).counts(0, LARGE).keyframes, keyframes + 1);
    conference.run_for(SECOND * 3);
    conference.assert_clean();
    for id in others {
        assert_eq!(encoding(&conference, id), Some(SMALL));
    }
    for id in watchers {
        let video = conference.report(id, 11);
        assert_eq!((video.frames_lost, video.freezes), (0, 0), "{id}: {video}");
    }
}

#[test]
fn when_nobody_watches_the_smallest_picture_waits_for_whoever_comes() {
    let mut conference = super::conference(32);
    let publisher = publish(&mut conference);
    conference.run_for(SECOND * 5);
    assert!(!is_sent(&mut conference, publisher, LARGE));
    assert!(is_sent(&mut conference, publisher, SMALL));

    let newcomer = watch(&mut conference, publisher);
    let has_picture = conference.run_until(SECOND, |c| rendered(c, newcomer, 11) > 0);
    assert!(has_picture, "a picture within a second");
    let is_large = conference.run_until(SECOND, |c| encoding(c, newcomer) == Some(LARGE));
    assert!(is_large, "and the best soon after");
    conference.run_for(SECOND * 2);
    conference.close(newcomer);
    conference.run_for(SECOND * 5);
    assert!(!is_sent(&mut conference, publisher, LARGE), "who left does not count");
    conference.assert_clean();
}

#[test]
fn what_a_link_does_not_carry_is_asked_for_all_the_same() {
    let mut conference = super::conference(33);
    let publisher = publish(&mut conference);
    let tracks = conference.tracks(publisher);
    let narrow = conference.subscribe(&tracks, |config| config.may_miss_start());
    conference.set_network(narrow, Profile::ideal().rate(200_000, 15_000));
    conference.run_for(SECOND * 12);
    let all = [true, true];
    assert_eq!(asked(&conference, publisher), [all], "there may be room for it any moment");
    choose(&mut conference, narrow, publisher, EncodingChoice::Lowest);
    conference.run_for(SECOND * 5);
    assert_eq!(asked(&conference, publisher), [all, [false, true]]);
}

#[test]
fn a_publisher_that_does_not_obey_loses_nothing() {
    let mut conference = super::conference(34);
    let publisher = conference
        .publish(|config| config.track(TrackSpec::video(11).bitrate(400_000).simulcast()));
    conference.wait_for_tracks(&[publisher], 1);
    let watcher = watch(&mut conference, publisher);
    choose(&mut conference, watcher, publisher, EncodingChoice::Lowest);
    conference.run_for(SECOND * 6);
    assert!(is_sent(&mut conference, publisher, LARGE));
    choose(&mut conference, watcher, publisher, EncodingChoice::Best);
    conference.run_for(SECOND * 2);
    assert_eq!(encoding(&conference, watcher), Some(LARGE));
    conference.assert_clean();
}

/// Publishes a picture in two sizes, and stops what nobody asks for.
fn publish(conference: &mut Conference) -> TransportId {
    let publisher = conference
        .publish(|config| config.track(TrackSpec::video(11).bitrate(400_000).simulcast()));
    conference.obey(publisher);
    conference.wait_for_tracks(&[publisher], 1);
    publisher
}

/// Returns whether an encoding is sent in the next second.
fn is_sent(conference: &mut Conference, publisher: TransportId, encoding: usize) -> bool {
    let before = conference.publisher(publisher).counts(0, encoding).packets;
    conference.run_for(SECOND);
    conference.publisher(publisher).counts(0, encoding).packets > before
}

/// Returns which encoding a subscriber gets, if it gets any.
fn encoding(conference: &Conference, subscriber: TransportId) -> Option<usize> {
    let track = conference.subscriber(subscriber).track_from(11)?;
    track.checker().report().encoding.map(usize::from)
}

/// Returns which encodings of a publisher were asked for, each time that it changed.
fn asked(conference: &Conference, publisher: TransportId) -> Vec<Vec<bool>> {
    let events = conference.events(publisher).filter_map(|(_, event)| asked_in(event));
    events.map(|encodings| encodings.iter().map(|e| e.is_asked_for).collect()).collect()
}

fn asked_in(event: &Event) -> Option<&[EncodingDemand]> {
    if let Event::EncodingsAsked { encodings, .. } = event { Some(encodings) } else { None }
}
