//! Receivers hear why they are sent less than they asked for.

use galene_sfu::{EncodingChoice, Event, Service, TransportId};
use galene_testkit::{Profile, TrackSpec};
use galene_tests::Conference;

use super::{SECOND, choose};

#[test]
fn a_link_that_gets_narrow_and_wide_again_is_told_of_step_by_step() {
    let mut conference = super::conference(41);
    let publisher = publish(&mut conference);
    let tracks = conference.tracks(publisher);
    let narrow = conference.subscribe(&tracks, |config| config.may_miss_start());
    let wide = conference.subscribe(&tracks, |config| config);
    conference.set_network(narrow, link(3_000_000));
    conference.set_network(wide, link(3_000_000));
    conference.run_for(SECOND * 8);
    assert_eq!(told(&conference, narrow), []);

    conference.set_network(narrow, link(700_000));
    let reduced = conference.run_until(SECOND * 8, |c| told(c, narrow) == [Service::Reduced]);
    assert!(reduced, "{:?}", told(&conference, narrow));

    conference.set_network(narrow, link(60_000));
    let paused =
        conference.run_until(SECOND * 15, |c| told(c, narrow).last() == Some(&Service::Paused));
    assert!(paused, "{:?}", told(&conference, narrow));

    conference.set_network(narrow, link(3_000_000));
    let full =
        conference.run_until(SECOND * 40, |c| told(c, narrow).last() == Some(&Service::Full));
    assert!(full, "{:?}", told(&conference, narrow));
    assert_eq!(told(&conference, wide), [], "nobody else hears of it");
}

#[test]
fn whoever_asks_for_the_small_picture_and_gets_it_lacks_nothing() {
    let mut conference = super::conference(42);
    let publisher = publish(&mut conference);
    let tracks = conference.tracks(publisher);
    let narrow = conference.subscribe(&tracks, |config| config.may_miss_start());
    conference.set_network(narrow, link(700_000));
    let reduced = conference.run_until(SECOND * 15, |c| told(c, narrow) == [Service::Reduced]);
    assert!(reduced, "{:?}", told(&conference, narrow));
    choose(&mut conference, narrow, publisher, EncodingChoice::Lowest);
    conference.run_for(SECOND / 10);
    assert_eq!(told(&conference, narrow), [Service::Reduced, Service::Full]);
}

fn publish(conference: &mut Conference) -> TransportId {
    let publisher = conference
        .publish(|config| config.track(TrackSpec::video(11).bitrate(1_600_000).simulcast()));
    conference.wait_for_tracks(&[publisher], 1);
    publisher
}

fn link(bits_per_second: u64) -> Profile {
    Profile::ideal().delay(SECOND / 40).rate(bits_per_second, 60_000)
}

/// Returns what a subscriber was told of the service that it gets.
fn told(conference: &Conference, subscriber: TransportId) -> Vec<Service> {
    let events = conference.events(subscriber);
    let services = events.filter_map(|(_, event)| match event {
        Event::ServiceChanged { service, .. } => Some(*service),
        Event::Answer { .. }
        | Event::Offer { .. }
        | Event::Candidate { .. }
        | Event::NegotiationFailed { .. }
        | Event::Connected { .. }
        | Event::Disconnected { .. }
        | Event::Closed { .. }
        | Event::TrackStarted { .. }
        | Event::TrackEnded { .. }
        | Event::EncodingsAsked { .. } => None,
    });
    services.collect()
}
