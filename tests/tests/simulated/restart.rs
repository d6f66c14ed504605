//! Peers go, come back and move.

use galene_sfu::{Command, EncodingChoice, Event};
use galene_testkit::Profile;
use galene_tests::Conference;

use super::{SECOND, publish, rendered, watch};

#[test]
fn after_a_publisher_restarts_the_same_subscribers_see_it_again() {
    let mut conference = super::conference(1);
    let old = publish(&mut conference, 10);
    let watchers = [watch(&mut conference, old), watch(&mut conference, old)];
    conference.run_for(SECOND * 3);

    // The browser crashed; its page is loaded again and replaces the stream.
    conference.kill(old);
    conference.run_for(SECOND);
    let new = publish(&mut conference, 20);
    conference.close(old);
    let tracks = conference.tracks(new);
    for id in watchers {
        conference.resubscribe(id, &tracks, EncodingChoice::Best);
    }
    for id in watchers {
        let is_back = conference.run_until(SECOND, |c| rendered(c, id, 21) > 0);
        assert!(is_back, "{id} sees nothing");
    }
    conference.run_for(SECOND * 3);
    conference.assert_clean();
    for id in watchers {
        let tracks = conference.subscriber(id).tracks();
        assert_eq!(tracks.count(), 2, "sections and SSRCs are used again");
        let video = conference.report(id, 21);
        assert!(video.frames_rendered > 160 && video.frames_lost == 0, "{id}: {video}");
    }
}

#[test]
fn a_stream_on_a_transport_of_its_own_can_replace_another() {
    let mut conference = super::conference(2);
    let old = publish(&mut conference, 10);
    let before = watch(&mut conference, old);
    conference.run_for(SECOND * 2);
    let new = publish(&mut conference, 20);
    let after = watch(&mut conference, new);
    conference.close(old);
    conference.close(before);
    conference.run_for(SECOND * 3);
    assert!(conference.subscriber(before).is_closed());
    assert!(conference.publisher(old).is_closed());
    conference.assert_clean();
    assert_eq!(conference.streams(before), [10, 11].into());
    assert_eq!(conference.streams(after), [20, 21].into());
    assert!(conference.report(after, 21).frames_rendered > 70);
    assert_eq!(conference.core().transport_count(), 2);
}

#[test]
fn a_publisher_moves_to_another_network_by_an_ice_restart() {
    let mut conference = super::conference(3);
    let publisher = publish(&mut conference, 10);
    let subscriber = watch(&mut conference, publisher);
    conference.run_for(SECOND * 3);
    conference.set_network(publisher, Profile::ideal().dead());
    let elsewhere = conference.add_address(publisher);
    conference.renegotiate(publisher, |peer| peer.move_to(elsewhere));
    let before = rendered(&conference, subscriber, 11);
    let is_back = conference.run_until(SECOND * 3, |c| rendered(c, subscriber, 11) > before + 30);
    assert!(is_back, "{}", conference.report(subscriber, 11));
    conference.run_for(SECOND * 3);
    conference.assert_clean();
    assert_eq!(conference.subscriber(subscriber).tracks().count(), 2);
}

#[test]
fn a_subscriber_moves_to_another_network_by_an_ice_restart_of_the_core() {
    let mut conference = super::conference(4);
    let publisher = publish(&mut conference, 10);
    let subscriber = watch(&mut conference, publisher);
    let other = watch(&mut conference, publisher);
    conference.run_for(SECOND * 3);
    conference.set_network(subscriber, Profile::ideal().dead());
    let elsewhere = conference.add_address(subscriber);
    conference.subscriber_mut(subscriber).move_to(elsewhere);
    conference.command(Command::RestartIce { transport: subscriber });
    let before = rendered(&conference, subscriber, 11);
    let is_back = conference.run_until(SECOND * 3, |c| rendered(c, subscriber, 11) > before + 30);
    assert!(is_back, "{}", conference.report(subscriber, 11));
    conference.run_for(SECOND * 3);
    conference.assert_clean();
    assert_eq!(conference.subscriber(subscriber).tracks().count(), 2);
    let video = conference.report(other, 11);
    assert_eq!((video.frames_lost, video.freezes), (0, 0), "{video}");
}

#[test]
fn a_subscriber_whose_address_changes_is_followed_without_an_ice_restart() {
    let mut conference = super::conference(7);
    let publisher = publish(&mut conference, 10);
    let subscriber = watch(&mut conference, publisher);
    // Long enough for nobody to expect checks from elsewhere any more.
    conference.run_for(SECOND * 40);
    let old = conference.address(subscriber);
    conference.set_network(subscriber, Profile::ideal().dead());
    let elsewhere = conference.add_address(subscriber);
    conference.subscriber_mut(subscriber).move_to(elsewhere);
    let before = rendered(&conference, subscriber, 11);
    let is_back = conference.run_until(SECOND * 60, |c| rendered(c, subscriber, 11) > before + 30);
    assert!(is_back, "{}", conference.report(subscriber, 11));
    conference.run_for(SECOND * 40);
    let sent = conference.simulation().network().sent_to(old);
    conference.run_for(SECOND * 5);
    assert_eq!(conference.simulation().network().sent_to(old), sent, "the old path is left");
    conference.assert_clean();
    assert_eq!(conference.subscriber(subscriber).tracks().count(), 2);
}

#[test]
fn a_publisher_whose_nat_forgets_it_is_followed_as_soon_as_it_checks() {
    let mut conference = super::conference(8);
    let publisher = publish(&mut conference, 10);
    let subscriber = watch(&mut conference, publisher);
    conference.run_for(SECOND * 40);
    let before = rendered(&conference, subscriber, 11);
    let forgotten = conference.address(publisher);
    conference.rebind(publisher);
    // The peer knows nothing of it. It checks every three seconds at least; from then on its packets are
    // taken in, and what it is asked for reaches it.
    let limit = SECOND * 3 + SECOND;
    let is_back = conference.run_until(limit, |c| rendered(c, subscriber, 11) > before + 10);
    assert!(is_back, "{}", conference.report(subscriber, 11));
    let newcomer = watch(&mut conference, publisher);
    let is_seen = conference.run_until(SECOND, |c| rendered(c, newcomer, 11) > 0);
    assert!(is_seen, "a keyframe is asked for where the publisher is now");
    let is_heard =
        conference.events(publisher).all(|(_, e)| !matches!(e, Event::Disconnected { .. }));
    assert!(is_heard);
    conference.run_for(SECOND * 60);
    let sent = conference.simulation().network().sent_to(forgotten);
    conference.run_for(SECOND * 5);
    assert_eq!(conference.simulation().network().sent_to(forgotten), sent, "the old path is left");
    conference.assert_clean();
}

#[test]
fn a_subscriber_whose_nat_forgets_it_is_followed_as_soon_as_it_checks() {
    let mut conference = super::conference(9);
    let publisher = publish(&mut conference, 10);
    let subscriber = watch(&mut conference, publisher);
    let other = watch(&mut conference, publisher);
    conference.run_for(SECOND * 40);
    let before = rendered(&conference, subscriber, 11);
    conference.rebind(subscriber);
    let limit = SECOND * 3 + SECOND;
    let is_back = conference.run_until(limit, |c| rendered(c, subscriber, 11) > before + 10);
    assert!(is_back, "{}", conference.report(subscriber, 11));
    conference.run_for(SECOND * 60);
    conference.assert_clean();
    let video = conference.report(other, 11);
    assert_eq!((video.frames_lost, video.freezes), (0, 0), "{video}");
}

#[test]
fn an_ice_restart_in_place_costs_no_frame() {
    let mut conference = super::conference(5);
    let publisher = publish(&mut conference, 10);
    let subscriber = watch(&mut conference, publisher);
    conference.run_for(SECOND * 3);
    conference.renegotiate(publisher, |peer| peer.restart_ice());
    conference.command(Command::RestartIce { transport: subscriber });
    conference.run_for(SECOND * 5);
    conference.assert_clean();
    let (audio, video) = (conference.report(subscriber, 10), conference.report(subscriber, 11));
    assert!(video.frames_rendered > 220, "{video}");
    assert_eq!((video.frames_lost, video.freezes, audio.packets_lost), (0, 0, 0), "{video}");
}

#[test]
fn a_subscriber_that_dies_disturbs_nobody_and_is_not_sent_to_for_long() {
    let mut conference = super::conference(6);
    let publisher = publish(&mut conference, 10);
    let victim = watch(&mut conference, publisher);
    let others = [watch(&mut conference, publisher), watch(&mut conference, publisher)];
    conference.run_for(SECOND * 3);
    let keyframes = conference.publisher(publisher).counts(1, 0).keyframes;
    conference.kill(victim);

    // RFC 7675 §5.1: consent expires after 30 seconds.
    conference.run_for(SECOND * 30);
    let is_noticed =
        conference.events(victim).any(|(_, event)| matches!(event, Event::Disconnected { .. }));
    assert!(is_noticed);
    let address = conference.address(victim);
    let sent = conference.simulation().network().sent_to(address);
    conference.run_for(SECOND * 10);
    assert_eq!(conference.simulation().network().sent_to(address), sent);

    conference.assert_clean();
    for id in others {
        let (audio, video) = (conference.report(id, 10), conference.report(id, 11));
        assert!(video.frames_rendered > 1_200, "{id}: {video}");
        assert_eq!((video.frames_lost, video.freezes, audio.packets_lost), (0, 0, 0), "{id}");
    }
    assert_eq!(conference.publisher(publisher).counts(1, 0).keyframes, keyframes);
}

#[test]
fn peers_that_close_are_noticed_at_once() {
    let mut conference = super::conference(7);
    let publisher = publish(&mut conference, 10);
    let leaver = watch(&mut conference, publisher);
    let stayer = watch(&mut conference, publisher);
    conference.run_for(SECOND * 2);
    let now = conference.now();
    conference.subscriber_mut(leaver).close(now);
    conference.run_for(SECOND);
    assert!(is_closed(&conference, leaver));
    let now = conference.now();
    conference.publisher_mut(publisher).close(now);
    conference.run_for(SECOND);
    assert!(is_closed(&conference, publisher));
    assert_eq!(conference.core().transport_count(), 1);
    conference.assert_clean();
    let video = conference.report(stayer, 11);
    assert!(video.frames_rendered > 80 && video.freezes == 0, "{video}");
}

fn is_closed(conference: &Conference, id: galene_sfu::TransportId) -> bool {
    conference.events(id).any(|(_, event)| matches!(event, Event::Closed { .. }))
}
