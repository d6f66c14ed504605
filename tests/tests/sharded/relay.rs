//! What crosses from shard to shard, and what does not.

use galene_sfu::EncodingChoice;
use galene_testkit::TrackSpec;
use galene_tests::Conference;

use crate::SHARDS;
use crate::stories::{SECOND, choose, publish, watch};

#[test]
fn a_packet_crosses_once_to_each_shard_however_many_subscribers_are_there() {
    let mut conference = Conference::new(SHARDS, 1);
    let publisher = publish(&mut conference, 10);
    let subscribers: Vec<_> = (0..30).map(|_| watch(&mut conference, publisher)).collect();
    conference.run_for(SECOND * 2);
    let before = conference.core().counters();
    conference.run_for(SECOND * 5);
    let after = conference.core().counters();
    let published = after.published - before.published;
    assert!(published > 500, "{published}");
    assert_eq!(after.relayed - before.relayed, published * u64::from(SHARDS - 1));
    assert_eq!(after.forwarded - before.forwarded, published * 30);
    conference.assert_clean();
    for id in subscribers {
        let video = conference.report(id, 11);
        assert_eq!((video.frames_lost, video.freezes), (0, 0), "{id}: {video}");
    }
}

#[test]
fn nothing_is_relayed_to_a_shard_without_subscribers() {
    let mut conference = Conference::new(SHARDS, 2);
    let publisher = publish(&mut conference, 10);
    let subscribers: Vec<_> = (0..3).map(|_| watch(&mut conference, publisher)).collect();
    conference.run_for(SECOND * 3);
    for id in subscribers {
        conference.close(id);
    }
    conference.run_for(SECOND / 10);
    let before = conference.core().counters();
    conference.run_for(SECOND * 3);
    let after = conference.core().counters();
    assert!(after.published > before.published, "the publisher goes on");
    assert_eq!(after.relayed, before.relayed);
    conference.assert_clean();
}

#[test]
fn only_the_encodings_that_somebody_there_wants_are_relayed() {
    let mut conference = Conference::new(2, 3);
    let publisher = conference
        .publish(|config| config.track(TrackSpec::video(11).bitrate(400_000).simulcast()));
    conference.wait_for_tracks(&[publisher], 1);
    // Given out in turn, this one is on the other shard.
    let subscriber = watch(&mut conference, publisher);
    conference.run_for(SECOND * 4);
    let share = |conference: &mut Conference| {
        let before = conference.core().counters();
        conference.run_for(SECOND * 4);
        let after = conference.core().counters();
        (after.relayed - before.relayed) as f64 / (after.published - before.published) as f64
    };
    let best = share(&mut conference);
    choose(&mut conference, subscriber, publisher, EncodingChoice::Lowest);
    conference.run_for(SECOND * 2);
    let lowest = share(&mut conference);
    assert!(best < 0.9 && lowest < 0.6 && lowest < best, "{best} and {lowest} of all");
    choose(&mut conference, subscriber, publisher, EncodingChoice::Best);
    conference.run_for(SECOND * 2);
    conference.assert_clean();
    let video = conference.report(subscriber, 11);
    assert_eq!((video.switches.len(), video.frames_lost, video.freezes), (2, 0, 0), "{video}");
}

#[test]
fn what_is_dropped_between_shards_is_asked_for_again() {
    let mut conference = Conference::new(SHARDS, 4);
    let publisher = publish(&mut conference, 10);
    let subscribers: Vec<_> = (0..6).map(|_| watch(&mut conference, publisher)).collect();
    conference.run_for(SECOND * 2);
    conference.core_mut().set_relay_loss(Some(10));
    conference.run_for(SECOND * 6);
    conference.core_mut().set_relay_loss(None);
    conference.run_for(SECOND);
    conference.assert_clean();
    let requests = conference.publisher(publisher).counts(1, 0).keyframe_requests;
    assert!(requests <= 4, "{requests}: the publisher has nothing to do with it");
    for id in subscribers {
        let video = conference.report(id, 11);
        assert_eq!(video.frames_lost, 0, "{id}: {video}");
    }
}

#[test]
fn a_newcomer_on_another_shard_sees_a_picture_at_once_and_costs_no_keyframe() {
    let mut conference = Conference::new(2, 5);
    let publisher = publish(&mut conference, 10);
    conference.run_for(SECOND * 3);
    let requests = |c: &Conference| c.publisher(publisher).counts(1, 0).keyframe_requests;
    let first = watch(&mut conference, publisher);
    let shown = |c: &Conference, id| {
        let track = c.subscriber(id).track_from(11);
        track.is_some_and(|track| track.checker().report().frames_rendered > 0)
    };
    assert!(conference.run_until(SECOND, |c| shown(c, first)), "nobody else is there yet");
    let before = requests(&conference);
    assert!(before <= 1, "{before}");
    // Of the next two, one is on the publisher's shard and one beside the first.
    for _ in 0..2 {
        let next = watch(&mut conference, publisher);
        assert!(conference.run_until(SECOND, |c| shown(c, next)));
    }
    assert_eq!(requests(&conference), before, "the keyframe is still young");
    conference.assert_clean();
}
