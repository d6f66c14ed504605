//! Receivers hear why they are sent less than they asked for.

use std::collections::BTreeMap;

use galene_sfu::{EncodingChoice, Event, Service, TrackId, TransportId};
use galene_testkit::{Profile, TrackSpec};
use galene_tests::Conference;

use super::{SECOND, choose};

#[test]
fn a_link_that_gets_narrow_and_wide_again_is_told_of_step_by_step() {
    let mut conference = super::conference(41);
    let publishers = [publish(&mut conference), publish(&mut conference)];
    let tracks = publishers.map(|publisher| conference.tracks(publisher)[0]);
    let narrow = conference.subscribe(&tracks, |config| config.may_miss_start());
    let wide = conference.subscribe(&tracks, |config| config);
    conference.set_network(narrow, link(8_000_000));
    conference.set_network(wide, link(8_000_000));
    conference.run_for(SECOND * 8);
    assert_eq!(told(&conference, narrow), []);

    let [first, second] = tracks;
    for (rate, limit, expected) in [
        (1_200_000, 10, [(first, Service::Reduced), (second, Service::Reduced)]),
        (500_000, 15, [(first, Service::Reduced), (second, Service::Paused)]),
        (8_000_000, 60, [(first, Service::Full), (second, Service::Full)]),
    ] {
        conference.set_network(narrow, link(rate));
        let is_told = conference.run_until(SECOND * limit, |c| {
            let latest: BTreeMap<_, _> = told(c, narrow).into_iter().collect();
            latest == expected.into()
        });
        assert!(is_told, "{rate}: {:?}", told(&conference, narrow));
    }
    assert_eq!(told(&conference, wide), [], "nobody else hears of it");
}

#[test]
fn a_shared_screen_keeps_its_picture_while_cameras_give_way() {
    let mut conference = super::conference(43);
    let [one, other, screen] = [(); 3].map(|()| publish(&mut conference));
    let [one, other, screen] = [one, other, screen].map(|from| conference.tracks(from)[0]);
    let narrow = conference.subscribe(&[one, other, screen], |config| config.may_miss_start());
    conference.prefer(narrow, &[one, other, screen], screen);
    let equal = conference.subscribe(&[one, other, screen], |config| config.may_miss_start());
    // For somebody else all the large pictures are sent.
    let wide = conference.subscribe(&[one, other, screen], |config| config);
    for watcher in [narrow, equal, wide] {
        conference.set_network(watcher, link(8_000_000));
    }
    conference.run_for(SECOND * 8);
    for watcher in [narrow, equal] {
        conference.set_network(watcher, link(2_900_000));
    }
    conference.run_for(SECOND * 5);
    let is_served = conference.run_until(SECOND * 20, |c| {
        let latest: BTreeMap<_, _> = told(c, narrow).into_iter().collect();
        let service = |track: TrackId| latest.get(&track).copied().unwrap_or_default();
        service(screen) == Service::Full && [one, other].iter().all(|t| service(*t) < Service::Full)
    });
    assert!(is_served, "{:?}", told(&conference, narrow));
    let of_equal = told(&conference, equal);
    let gave_way =
        of_equal.iter().any(|(track, service)| *track == screen && *service < Service::Full);
    assert!(gave_way, "it comes last where it matters no more: {of_equal:?}");
}

#[test]
fn whoever_asks_for_the_small_picture_and_gets_it_lacks_nothing() {
    let mut conference = super::conference(42);
    let publisher = publish(&mut conference);
    let tracks = conference.tracks(publisher);
    let narrow = conference.subscribe(&tracks, |config| config.may_miss_start());
    // For somebody else the publisher sends the large picture.
    let wide = conference.subscribe(&tracks, |config| config);
    conference.set_network(narrow, link(3_000_000));
    conference.set_network(wide, link(3_000_000));
    conference.run_for(SECOND * 8);
    conference.set_network(narrow, link(700_000));
    let services = |c: &Conference| -> Vec<Service> {
        told(c, narrow).into_iter().map(|(_, service)| service).collect()
    };
    // Before that, pictures may have to wait till the queue in front of the link is gone.
    let reduced = |c: &Conference| services(c).last() == Some(&Service::Reduced);
    let is_reduced = conference.run_until(SECOND * 8, reduced);
    assert!(is_reduced, "{:?}", told(&conference, narrow));
    choose(&mut conference, narrow, publisher, EncodingChoice::Lowest);
    conference.run_for(SECOND / 10);
    assert_eq!(services(&conference).last(), Some(&Service::Full));
}

fn publish(conference: &mut Conference) -> TransportId {
    let publisher = conference
        .publish(|config| config.track(TrackSpec::video(11).bitrate(1_600_000).simulcast()));
    conference.wait_for_tracks(&[publisher], 1);
    publisher
}

fn link(bits_per_second: u64) -> Profile {
    // A quarter of a second of it can wait.
    let queue = u32::try_from(bits_per_second / 32).unwrap_or(u32::MAX);
    Profile::ideal().delay(SECOND / 40).rate(bits_per_second, queue.max(6_000))
}

/// Returns what a subscriber was told of the service that it gets, track by track.
fn told(conference: &Conference, subscriber: TransportId) -> Vec<(TrackId, Service)> {
    conference.events(subscriber).filter_map(|(_, event)| service_in(event)).collect()
}

fn service_in(event: &Event) -> Option<(TrackId, Service)> {
    if let Event::ServiceChanged { track, service, .. } = event {
        Some((*track, *service))
    } else {
        None
    }
}
