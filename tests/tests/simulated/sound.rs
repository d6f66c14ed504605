//! What is heard over bad links.

use std::time::Duration;

use galene_sfu::{Event, TransportId};
use galene_testkit::{Feedback, Profile, ReceivedTrack, SubscriberConfig, TrackSpec};
use galene_tests::Conference;

use super::SECOND;

const AWAY: Profile = Profile::ideal().delay(Duration::from_millis(25));

/// Publishes a microphone as stream 10, as Chromium does.
fn speak(conference: &mut Conference) -> TransportId {
    let publisher = conference.publish(|config| {
        config.adaptive(Feedback::TransportWide).red().track(TrackSpec::audio(10))
    });
    conference.wait_for_tracks(&[publisher], 1);
    publisher
}

fn listen(
    conference: &mut Conference,
    publisher: TransportId,
    configure: impl FnOnce(SubscriberConfig) -> SubscriberConfig,
) -> TransportId {
    let tracks = conference.tracks(publisher);
    conference.subscribe(&tracks, |config| {
        configure(config.playing(Feedback::TransportWide).may_miss_start())
    })
}

fn sound(conference: &Conference, listener: TransportId) -> &ReceivedTrack {
    conference.subscriber(listener).track_from(10).expect("something is heard")
}

/// Returns the share of what was heard in the last seconds that was made up.
fn made_up(conference: &Conference, listener: TransportId, last: Duration) -> f64 {
    let played = sound(conference, listener).listener().expect("it plays");
    played.concealed(conference.now() - last, conference.now())
}

#[test]
fn who_loses_packets_is_sent_them_twice_and_nobody_else_is() {
    let mut conference = super::conference(1);
    let publisher = speak(&mut conference);
    let good = listen(&mut conference, publisher, SubscriberConfig::red);
    let bad = listen(&mut conference, publisher, SubscriberConfig::red);
    let plain = listen(&mut conference, publisher, |config| config);
    conference.run_for(SECOND * 5);
    assert_eq!(sound(&conference, bad).redundant(), 0, "nothing is lost yet");
    for id in [bad, plain] {
        conference.set_network(id, AWAY.loss(0.2));
    }
    conference.run_for(SECOND * 40);
    conference.assert_clean();

    let loss = conference.report(bad, 10).packet_loss();
    assert!((0.13..0.25).contains(&loss), "{loss}");
    let heard = made_up(&conference, bad, SECOND * 30);
    assert!(heard < 0.05, "{heard} is made up of what reaches the one who takes copies");
    let heard = made_up(&conference, plain, SECOND * 30);
    assert!(heard > 0.13, "{heard}: a peer without redundant audio is sent none");
    assert_eq!(made_up(&conference, good, SECOND * 30), 0.0);
    for id in [good, plain] {
        assert_eq!(sound(&conference, id).redundant(), 0, "{id} is sent copies");
    }
    assert_eq!(sound(&conference, bad).stray_copies(), 0);

    // Some time after the loss the copies end.
    conference.set_network(bad, AWAY);
    conference.run_for(SECOND * 40);
    let before = sound(&conference, bad).redundant();
    conference.run_for(SECOND * 10);
    assert_eq!(sound(&conference, bad).redundant(), before);
    assert!(before > 1_500, "{before}");
    conference.assert_clean();
}

#[test]
fn what_is_lost_on_the_way_from_the_publisher_is_restored_for_all() {
    let mut conference = super::conference(2);
    let publisher = speak(&mut conference);
    let listeners = [
        listen(&mut conference, publisher, SubscriberConfig::red),
        listen(&mut conference, publisher, |config| config),
    ];
    conference.set_network(publisher, AWAY.loss(0.1));
    conference.run_for(SECOND * 40);
    conference.assert_clean();
    let sent = conference.publisher(publisher).counts(0, 0).packets;
    for id in listeners {
        let report = conference.report(id, 10);
        assert!(report.packets * 100 > sent * 97, "{id} gets {report} of {sent}");
        let heard = made_up(&conference, id, SECOND * 30);
        assert!(heard < 0.02, "{id}: {heard} is made up");
        assert_eq!(sound(&conference, id).redundant(), 0, "{id}: its own link is good");
    }
}

#[test]
fn a_publisher_without_redundant_audio_is_protected_on_the_way_to_listeners() {
    let mut conference = super::conference(3);
    let publisher = conference.publish(|config| config.track(TrackSpec::audio(10)));
    conference.wait_for_tracks(&[publisher], 1);
    let bad = listen(&mut conference, publisher, SubscriberConfig::red);
    conference.set_network(bad, AWAY.loss(0.1));
    conference.run_for(SECOND * 40);
    conference.assert_clean();
    let heard = made_up(&conference, bad, SECOND * 30);
    assert!(heard < 0.02, "{heard} is made up");
    assert_eq!(sound(&conference, bad).stray_copies(), 0);
}

#[test]
fn reports_of_loss_bring_copies_without_transport_wide_feedback() {
    let mut conference = super::conference(4);
    let publisher = speak(&mut conference);
    let tracks = conference.tracks(publisher);
    let bad = conference
        .subscribe(&tracks, |config| config.playing(Feedback::Remb).red().may_miss_start());
    conference.set_network(bad, AWAY.loss(0.1));
    conference.run_for(SECOND * 40);
    conference.assert_clean();
    let heard = made_up(&conference, bad, SECOND * 30);
    assert!(heard < 0.02, "{heard} is made up");
}

#[test]
fn redundant_audio_never_comes_first_for_listeners_and_does_for_publishers() {
    let mut conference = super::conference(5);
    let publisher = speak(&mut conference);
    let listener = listen(&mut conference, publisher, SubscriberConfig::red);
    conference.run_for(SECOND);
    let first_types = |id| -> Vec<String> {
        let descriptions = conference.events(id).filter_map(|(_, event)| {
            let (Event::Answer { sdp, .. } | Event::Offer { sdp, .. }) = event else { return None };
            Some(sdp)
        });
        let lines = descriptions.flat_map(|sdp| sdp.lines());
        let sections = lines.filter_map(|line| line.strip_prefix("m=audio 9 UDP/TLS/RTP/SAVPF "));
        sections.map(str::to_owned).collect()
    };
    assert_eq!(first_types(publisher), ["63 111 9 0 8"], "what comes first is sent");
    assert_eq!(first_types(listener), ["111 63"]);
}
