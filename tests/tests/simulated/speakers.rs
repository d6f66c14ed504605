//! Who speaks, from the microphone to the list.

use galene_conference::SessionId;
use galene_testkit::TrackSpec;
use galene_tests::Meeting;
use serde_json::{Value, json};

use super::SECOND;

fn meeting(seed: u64) -> Meeting {
    let open = json!({ "wildcard-user": { "password": { "type": "wildcard" }, "permissions": "present" } });
    Meeting::new(super::SHARDS, seed, &[("group", open)])
}

/// Lets somebody come who speaks at this level.
fn speaker(meeting: &mut Meeting, name: &str, stream: u32, level: i8) -> SessionId {
    let session = meeting.enter("group", name, "");
    meeting
        .publish(session, (name, "camera"), None, |config| config.track(TrackSpec::audio(stream)));
    meeting.run_for(SECOND / 10);
    meeting.publisher_mut(session, name).set_level(0, level);
    session
}

/// Returns the streams in the latest list of speakers that a client was told of.
fn speakers(meeting: &Meeting, session: SessionId) -> Vec<String> {
    let last = meeting.client(session).received_of("speakers").last();
    let list = last.map(|m| m["speakers"].as_array().expect("a list").clone()).unwrap_or_default();
    list.iter().map(|s: &Value| s["id"].as_str().expect("a stream").to_owned()).collect()
}

#[test]
fn the_one_who_speaks_is_known_within_a_second_whoever_forwards_it() {
    let mut meeting = meeting(1);
    let listener = meeting.enter_with(&["speakers"], "group", "lisa", "");
    let (quiet, loud) = (-127, -25);
    let sessions: Vec<_> = ["ann", "bob", "carl"]
        .into_iter()
        .zip([10, 20, 30])
        .map(|(name, stream)| (name, speaker(&mut meeting, name, stream, quiet)))
        .collect();
    meeting.run_for(SECOND * 3);
    assert_eq!(speakers(&meeting, listener), Vec::<String>::new());
    for (name, session) in &sessions {
        meeting.publisher_mut(*session, name).set_level(0, loud);
        let is_known = meeting.run_until(SECOND, |m| speakers(m, listener) == [*name]);
        assert!(is_known, "{name}: {:?}", speakers(&meeting, listener));
        meeting.publisher_mut(*session, name).set_level(0, quiet);
        let is_over = meeting.run_until(SECOND * 2, |m| speakers(m, listener).is_empty());
        assert!(is_over, "{name}: {:?}", speakers(&meeting, listener));
    }
    // All at once.
    for ((name, session), level) in sessions.iter().zip([-40, -10, -25]) {
        meeting.publisher_mut(*session, name).set_level(0, level);
    }
    meeting.run_for(SECOND * 3);
    assert_eq!(speakers(&meeting, listener), ["bob", "carl", "ann"]);
    // Three times a second at most.
    let told = meeting.client(listener).received_of("speakers").count();
    assert!(told < 30, "{told} lists");
    for (name, session) in sessions {
        assert_eq!(meeting.client(session).received_of("speakers").count(), 0, "{name}");
    }
    meeting.assert_clean();
}

#[test]
fn with_a_limit_on_cameras_the_one_who_speaks_is_seen_from_a_keyframe_on() {
    let group = json!({
        "max-cameras": 1,
        "wildcard-user": { "password": { "type": "wildcard" }, "permissions": "present" }
    });
    let mut meeting = Meeting::new(super::SHARDS, 2, &[("group", group)]);
    let viewer = meeting.enter_with(&["streamstatus"], "group", "vera", "");
    let names = [("ann", 10), ("bob", 20), ("carl", 30)];
    let sessions = names.map(|(name, stream)| {
        let session = meeting.enter("group", name, "");
        meeting.publish(session, (name, "camera"), None, |config| {
            config.track(TrackSpec::audio(stream)).track(TrackSpec::video(stream + 1))
        });
        meeting.run_for(SECOND / 10);
        meeting.publisher_mut(session, name).set_level(0, -127);
        session
    });
    meeting.run_for(SECOND * 5);
    // Who came later and has not spoken is not shown, and the viewer knows why.
    let told: Vec<Value> = meeting.client(viewer).received_of("streamstatus").cloned().collect();
    let waits = |id: &str| json!({ "type": "streamstatus", "id": id, "status": "paused", "reason": "last-n" });
    assert_eq!(told, [waits("bob"), waits("carl")]);
    for (at, (name, stream)) in names.into_iter().enumerate() {
        meeting.publisher_mut(sessions[at], name).set_level(0, -25);
        let before = meeting.rendered(viewer, stream + 1);
        let is_seen =
            meeting.run_until(SECOND * 2, |m| m.rendered(viewer, stream + 1) > before + 5);
        assert!(is_seen, "{name} speaks and is not seen");
        meeting.publisher_mut(sessions[at], name).set_level(0, -127);
        meeting.run_for(SECOND * 3);
        let others = names.map(|(_, stream)| stream).into_iter().filter(|other| *other != stream);
        let counts = |m: &Meeting| -> Vec<u64> {
            others.clone().map(|stream| m.rendered(viewer, stream + 1)).collect()
        };
        let before = counts(&meeting);
        meeting.run_for(SECOND * 2);
        assert_eq!(counts(&meeting), before, "{name} spoke last, and others are seen");
    }
    for (_, stream) in names {
        let sound = meeting.report(viewer, stream).expect("sound");
        assert!(sound.packets > 700 && sound.packets_lost == 0, "all is heard: {sound}");
    }
    meeting.assert_clean();
}
