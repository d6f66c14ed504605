//! Whole meetings: clients that speak the protocol, control plane and media plane.

use std::time::Duration;

use galene_conference::SessionId;
use galene_testkit::{Profile, TrackSpec};
use galene_tests::Meeting;
use serde_json::{Value, json};

use super::SECOND;

#[test]
fn three_members_see_and_hear_each_other() {
    let (mut meeting, [op, bob, carol]) = three_with_cameras(1);
    meeting.run_for(SECOND * 5);
    meeting.assert_clean();
    for (session, others) in [(op, [20, 30]), (bob, [10, 30]), (carol, [10, 20])] {
        for stream in others {
            let audio = meeting.report(session, stream).expect("sound");
            let video = meeting.report(session, stream + 1).expect("pictures");
            assert!(audio.packets > 220 && audio.packets_lost == 0, "{audio}");
            assert!(video.frames_rendered > 130 && video.frames_lost == 0, "{video}");
        }
        // Nobody gets what he sends himself.
        assert_eq!(meeting.streams(session).len(), 4);
        assert_eq!(errors(&meeting, session), Vec::<&Value>::new());
    }
    assert_eq!(meeting.core().transport_count(), 9);
}

#[test]
fn groups_are_separate_worlds() {
    let mut meeting =
        Meeting::new(super::SHARDS, 2, &[("blue", open_group()), ("red", open_group())]);
    let groups = [("blue", 10), ("red", 50)];
    let mut members = Vec::new();
    for (group, stream) in groups {
        for i in 0..3 {
            let session = meeting.enter(group, &format!("{group}{i}"), "");
            let stream = stream + 10 * i;
            // Both groups use the same stream ids.
            camera(&mut meeting, session, &format!("camera{i}"), stream);
            members.push((session, stream, group));
        }
    }
    meeting.run_for(SECOND * 4);
    meeting.assert_clean();
    for &(session, own, group) in &members {
        let others = members.iter().filter(|(_, s, g)| *g == group && *s != own);
        let expected = others.flat_map(|(_, stream, _)| [*stream, stream + 1]).collect();
        assert_eq!(meeting.streams(session), expected);
    }
}

#[test]
fn a_member_who_comes_late_sees_all_within_a_second_of_asking() {
    let (mut meeting, _) = three_with_cameras(3);
    meeting.run_for(SECOND * 10);
    let late = meeting.enter("group", "dave", "");
    let is_seen =
        meeting.run_until(SECOND, |m| [11, 21, 31].iter().all(|s| m.rendered(late, *s) > 0));
    assert!(is_seen, "sees {:?}", meeting.streams(late));
    meeting.run_for(SECOND);
    meeting.assert_clean();
}

#[test]
fn a_locked_group_lets_nobody_in_and_those_inside_go_on() {
    let (mut meeting, [op, bob, carol]) = three_with_cameras(4);
    meeting.run_for(SECOND * 2);
    meeting.send(op, json!({ "type": "groupaction", "kind": "lock", "value": "Back at ten" }));
    meeting.run_for(SECOND / 10);
    let outsider = meeting.join("group", "dave", "");
    meeting.run_for(SECOND * 2);
    let joined = meeting.client(outsider).joined().expect("an answer").clone();
    assert_eq!((&joined["kind"], &joined["value"]), (&json!("fail"), &json!("Back at ten")));
    // Who is not a member can publish nothing and gets nothing.
    camera(&mut meeting, outsider, "outside", 90);
    meeting.run_for(SECOND * 2);
    assert!(meeting.streams(outsider).is_empty());
    assert!(!meeting.streams(bob).contains(&90));
    assert!(!meeting.client(outsider).ups().any(|id| id == "outside"), "it was told to stop");

    meeting.send(op, json!({ "type": "groupaction", "kind": "unlock" }));
    meeting.run_for(SECOND / 10);
    let late = meeting.enter("group", "erin", "");
    meeting.run_for(SECOND * 2);
    assert!(meeting.rendered(late, 11) > 30);
    meeting.assert_clean();
    for session in [bob, carol] {
        let video = meeting.report(session, 11).expect("pictures");
        assert!(video.frames_rendered > 200 && video.freezes == 0, "{video}");
    }
}

#[test]
fn who_is_kicked_is_gone_at_once_and_the_others_go_on() {
    let (mut meeting, [op, bob, carol]) = three_with_cameras(5);
    meeting.run_for(SECOND * 2);
    let dest = meeting.client(carol).id().to_owned();
    let kick = json!({ "type": "useraction", "kind": "kick", "dest": dest, "value": "Enough" });
    meeting.send(op, kick);
    meeting.run_for(SECOND / 4);
    let (code, reason) = meeting.client(carol).closed().expect("the connection was closed");
    assert!(code == 1000 && reason.contains("Enough"), "{code} {reason}");
    let kicked = meeting.client(carol).received_of("usermessage").last().expect("a farewell");
    assert_eq!(kicked["kind"], "kicked");

    let before = (meeting.rendered(bob, 31), meeting.rendered(carol, 11));
    meeting.run_for(SECOND * 2);
    assert_eq!((meeting.rendered(bob, 31), meeting.rendered(carol, 11)), before);
    assert_eq!(meeting.client(bob).downs().collect::<Vec<_>>(), ["camera10"]);
    assert_eq!(meeting.core().transport_count(), 4);
    let is_told = |s| meeting.client(s).received_of("user").any(|u| u["kind"] == "delete");
    assert!(is_told(op) && is_told(bob));
    meeting.assert_clean();
    let video = meeting.report(bob, 11).expect("pictures");
    assert!(video.frames_rendered > 110 && video.freezes == 0, "{video}");
}

#[test]
fn muting_is_asked_for_by_the_operator_and_done_by_the_client() {
    let (mut meeting, [op, bob, carol]) = three_with_cameras(6);
    meeting.run_for(SECOND * 2);
    let dest = meeting.client(bob).id().to_owned();
    meeting.send(op, json!({ "type": "usermessage", "kind": "mute", "dest": dest }));
    let is_mute = |message: &Value| message["kind"] == "mute";
    let is_asked = meeting.run_until(SECOND, |m| {
        m.client(bob).received_of("usermessage").any(|m| is_mute(m) && m["privileged"] == true)
    });
    assert!(is_asked);
    assert!(!meeting.client(carol).received_of("usermessage").any(is_mute));
    meeting.publisher_mut(bob, "camera20").set_encoding_active(0, 0, false);
    meeting.run_for(SECOND / 10);
    let (sound, pictures) = (meeting.rendered(carol, 20), meeting.rendered(carol, 21));
    meeting.run_for(SECOND * 3);
    assert_eq!(meeting.rendered(carol, 20), sound);
    assert!(meeting.rendered(carol, 21) > pictures + 80, "the picture goes on");

    meeting.publisher_mut(bob, "camera20").set_encoding_active(0, 0, true);
    meeting.run_for(SECOND);
    assert!(meeting.rendered(carol, 20) > sound + 40);
    meeting.assert_clean();
}

#[test]
fn a_client_gets_what_it_requests() {
    let (mut meeting, [op, bob, carol]) = three_with_cameras(8);
    meeting.publish(op, ("screen", "screenshare"), None, |config| {
        config.track(TrackSpec::video(71).bitrate(400_000).simulcast())
    });
    meeting.run_for(SECOND * 2);
    let request = json!({ "": ["audio"], "screenshare": ["video-low"] });
    meeting.send(bob, json!({ "type": "request", "request": request }));
    meeting.run_for(SECOND / 2);
    let before = [10, 11, 30, 31, 71].map(|stream| meeting.rendered(bob, stream));
    meeting.run_for(SECOND * 2);
    let after = [10, 11, 30, 31, 71].map(|stream| meeting.rendered(bob, stream));
    let more: Vec<_> = after.iter().zip(before).map(|(after, before)| after - before).collect();
    assert!(more[0] > 90 && more[2] > 90, "sound goes on: {more:?}");
    assert_eq!((more[1], more[3]), (0, 0), "pictures of cameras do not: {more:?}");
    assert!(more[4] > 50, "the screen does: {more:?}");
    let bytes = |m: &Meeting, s| m.report(s, 71).map_or(0, |report| report.bytes);
    let before = (bytes(&meeting, bob), bytes(&meeting, carol));
    meeting.run_for(SECOND * 2);
    let small = bytes(&meeting, bob) - before.0;
    let large = bytes(&meeting, carol) - before.1;
    assert!(small * 3 < large, "{small} and {large} bytes");

    meeting.send(bob, json!({ "type": "requestStream", "id": "camera10", "request": [] }));
    meeting.run_for(SECOND / 2);
    assert!(!meeting.client(bob).downs().any(|id| id == "camera10"));
    let request = json!({ "": ["audio", "video"] });
    meeting.send(bob, json!({ "type": "request", "request": request }));
    meeting.run_for(SECOND * 2);
    assert_eq!(meeting.client(bob).downs().count(), 3);
}

#[test]
fn who_loses_the_right_to_present_is_told_to_stop_and_may_resume() {
    let (mut meeting, [op, bob, carol]) = three_with_cameras(9);
    meeting.run_for(SECOND * 2);
    let dest = meeting.client(bob).id().to_owned();
    meeting.send(op, json!({ "type": "useraction", "kind": "unpresent", "dest": dest }));
    meeting.run_for(SECOND / 2);
    assert_eq!(meeting.client(bob).ups().count(), 0);
    assert!(!meeting.client(carol).downs().any(|id| id == "camera20"));
    camera(&mut meeting, bob, "again", 40);
    meeting.run_for(SECOND * 2);
    assert_eq!(meeting.client(bob).ups().count(), 0);
    assert_eq!(meeting.rendered(carol, 41), 0);

    meeting.send(op, json!({ "type": "useraction", "kind": "present", "dest": dest }));
    meeting.run_for(SECOND / 2);
    camera(&mut meeting, bob, "once-more", 50);
    meeting.run_for(SECOND * 2);
    assert!(meeting.rendered(carol, 51) > 30);
    meeting.assert_clean();
}

#[test]
fn members_who_vanish_leave_nothing_behind() {
    let (mut meeting, [op, bob, carol]) = three_with_cameras(10);
    meeting.run_for(SECOND * 2);
    meeting.kill(carol);
    meeting.unpublish(op, "camera10");
    meeting.run_for(SECOND * 2);
    assert_eq!(meeting.core().transport_count(), 2);
    assert_eq!(meeting.client(bob).downs().count(), 0);
    let video = meeting.report(op, 21).expect("pictures");
    assert!(video.freezes == 0, "{video}");
    meeting.kill(bob);
    meeting.run_for(SECOND);
    assert_eq!(meeting.core().transport_count(), 0);
    meeting.assert_clean();
}

#[test]
fn a_receiver_can_ask_for_an_ice_restart() {
    let (mut meeting, [_, bob, _]) = three_with_cameras(11);
    meeting.run_for(SECOND * 2);
    let offers = |m: &Meeting| {
        m.client(bob).received_of("offer").filter(|offer| offer["id"] == "camera10").count()
    };
    assert_eq!(offers(&meeting), 1);
    meeting.send(bob, json!({ "type": "renegotiate", "id": "camera10" }));
    meeting.run_for(SECOND * 3);
    assert_eq!(offers(&meeting), 2);
    meeting.assert_clean();
    let video = meeting.report(bob, 11).expect("pictures");
    assert!(video.frames_rendered > 130, "{video}");
    assert_eq!((video.frames_lost, video.freezes), (0, 0), "{video}");
}

#[test]
fn a_publisher_who_understands_it_hears_which_encodings_are_asked_for() {
    let (mut meeting, [op, bob, carol]) = simulcast_for_two(12);
    let told = |meeting: &Meeting, session: SessionId| -> Vec<Value> {
        meeting.client(session).received_of("encodings").cloned().collect()
    };
    let encodings = |active: [bool; 2]| {
        let [h, l] = [("h", active[0]), ("l", active[1])]
            .map(|(rid, active)| json!({ "rid": rid, "active": active }));
        json!({ "type": "encodings", "id": "shown", "encodings": [h, l] })
    };
    meeting.run_for(SECOND * 6);
    let mut expected = vec![encodings([true, true]), encodings([false, true])];
    assert_eq!(told(&meeting, op), expected);
    let large = |m: &mut Meeting| m.publisher_mut(op, "shown").counts(0, 0).packets;
    let before = large(&mut meeting);
    meeting.run_for(SECOND);
    assert_eq!(large(&mut meeting), before, "it obeys");

    meeting.send(bob, json!({ "type": "requestStream", "id": "shown", "request": ["video"] }));
    meeting.run_for(SECOND);
    expected.push(encodings([true, true]));
    assert_eq!(told(&meeting, op), expected);
    let video = meeting.report(bob, 11).expect("a picture");
    assert_eq!((video.encoding, video.freezes), (Some(0), 0), "{video}");
    assert_eq!(told(&meeting, carol), Vec::<Value>::new(), "who publishes and never asked");
    meeting.assert_clean();
}

#[test]
fn a_receiver_who_understands_it_hears_why_it_is_sent_less_than_it_asked_for() {
    let (mut meeting, [op, bob, carol]) = simulcast_for_two(13);
    for session in [op, bob, carol] {
        meeting.send(session, json!({ "type": "request", "request": { "": ["video"] } }));
    }
    let all = meeting.run_until(SECOND * 3, |m| m.client(bob).downs().count() == 2);
    assert!(all, "not everything was offered");
    meeting.set_network(bob, narrow(8_000_000));
    meeting.run_for(SECOND * 10);
    let told = |meeting: &Meeting, session: SessionId| -> Vec<Value> {
        meeting.client(session).received_of("streamstatus").cloned().collect()
    };
    assert_eq!(told(&meeting, bob), Vec::<Value>::new(), "all is well from the start");
    let status = |id: &str, status: &str, reason: Option<&str>| {
        let mut message = json!({ "type": "streamstatus", "id": id, "status": status });
        if let Some(reason) = reason {
            message["reason"] = reason.into();
        }
        message
    };
    let narrow_link = Some("bandwidth");
    for (rate, shown, own) in [
        (1_200_000, ("reduced", narrow_link), ("reduced", narrow_link)),
        (150_000, ("reduced", narrow_link), ("paused", narrow_link)),
        (8_000_000, ("full", None), ("full", None)),
    ] {
        meeting.set_network(bob, narrow(rate));
        let expected = [("shown", shown), ("own", own)];
        let is_told = meeting.run_until(SECOND * 60, |m| {
            expected.iter().all(|(id, (word, reason))| {
                let messages = told(m, bob);
                messages.iter().rfind(|message| message["id"] == *id)
                    == Some(&status(id, word, *reason))
            })
        });
        assert!(is_told, "{rate}: {:?}", told(&meeting, bob));
    }
    assert_eq!(told(&meeting, op), Vec::<Value>::new(), "nobody else's link is narrow");
    assert_eq!(told(&meeting, carol), Vec::<Value>::new());
}

/// A group in which the first two understand our extensions and the third does not. The first publishes
/// pictures in two sizes, as stream 11, and the last does; the others receive the small ones of the first.
fn simulcast_for_two(seed: u64) -> (Meeting, [SessionId; 3]) {
    let mut meeting = Meeting::new(super::SHARDS, seed, &[("group", open_group())]);
    let new = ["encodings", "streamstatus"];
    let op = meeting.enter_with(&new, "group", "op", "secret");
    let bob = meeting.enter_with(&new, "group", "bob", "");
    let carol = meeting.enter("group", "carol", "");
    let handshake = meeting.client(op).received_of("handshake").next().expect("the first word");
    let features = handshake["features"].as_array().expect("what the server will use");
    assert!(new.iter().all(|feature| features.contains(&json!(feature))), "{handshake}");
    meeting.send(op, json!({ "type": "request", "request": {} }));
    for session in [bob, carol] {
        meeting.send(session, json!({ "type": "request", "request": { "camera": ["video-low"] } }));
    }
    meeting.run_for(SECOND / 10);
    for (session, id, label, stream) in [(op, "shown", "camera", 11), (carol, "own", "other", 21)] {
        meeting.publish(session, (id, label), None, |config| {
            config.track(TrackSpec::video(stream).bitrate(1_600_000).simulcast())
        });
    }
    let is_up = meeting.run_until(SECOND * 3, |m| {
        [bob, carol].iter().all(|session| m.client(*session).downs().count() == 1)
    });
    assert!(is_up, "not everybody was offered what is shown");
    (meeting, [op, bob, carol])
}

/// A link of so many bits a second, of which a quarter of a second can wait.
fn narrow(bits_per_second: u64) -> Profile {
    let queue = u32::try_from(bits_per_second / 32).unwrap_or(u32::MAX);
    Profile::ideal().delay(SECOND / 40).rate(bits_per_second, queue.max(6_000))
}

fn open_group() -> Value {
    json!({
        "users": { "op": { "password": "secret", "permissions": "op" } },
        "wildcard-user": { "password": { "type": "wildcard" }, "permissions": "present" },
    })
}

#[test]
fn a_stream_that_replaces_another_takes_its_place_without_a_gap() {
    let (mut meeting, [op, bob, _]) = three_with_cameras(7);
    meeting.run_for(SECOND * 3);
    let video = |config: galene_testkit::PublisherConfig| {
        config.track(TrackSpec::audio(60)).track(TrackSpec::video(61))
    };
    meeting.publish(op, ("second", "camera"), Some("camera10"), video);
    meeting.run_for(SECOND * 3);
    meeting.assert_clean();
    assert_eq!(meeting.client(bob).downs().collect::<Vec<_>>(), ["camera30", "second"]);
    let offers = meeting.client(bob).received_of("offer");
    let replaced: Vec<_> = offers.filter(|offer| offer["replace"] == "camera10").collect();
    assert_eq!(replaced.len(), 1);
    assert_eq!(replaced[0]["id"], "second");
    let closed = meeting.client(bob).received_of("close").any(|close| close["id"] == "camera10");
    assert!(!closed, "a stream that is replaced is not closed as well");
    let (before, after) = (meeting.report(bob, 11), meeting.report(bob, 61));
    let last = before.and_then(|report| report.last_rendered).expect("the old camera was seen");
    let first = after.and_then(|report| report.first_rendered).expect("the new one is seen");
    assert!(first.saturating_duration_since(last) < SECOND, "{:?}", first - last);
    assert!(meeting.rendered(bob, 61) > 60);
    assert_eq!(meeting.core().transport_count(), 9);
}

/// An operator and two members in `group`, each with a camera: streams 10, 20 and 30.
fn three_with_cameras(seed: u64) -> (Meeting, [SessionId; 3]) {
    let mut meeting = Meeting::new(super::SHARDS, seed, &[("group", open_group())]);
    let members = [("op", "secret"), ("bob", ""), ("carol", "")];
    let sessions = members.map(|(name, password)| meeting.enter("group", name, password));
    for (session, stream) in sessions.into_iter().zip([10, 20, 30]) {
        camera(&mut meeting, session, &format!("camera{stream}"), stream);
    }
    let is_up = meeting.run_until(Duration::from_secs(3), |m| {
        sessions.iter().all(|session| m.client(*session).downs().count() == 2)
    });
    assert!(is_up, "not everybody was offered everything");
    (meeting, sessions)
}

/// Publishes sound as `stream` and pictures as `stream + 1`.
fn camera(meeting: &mut Meeting, session: SessionId, id: &str, stream: u32) {
    meeting.publish(session, (id, "camera"), None, |config| {
        config.track(TrackSpec::audio(stream)).track(TrackSpec::video(stream + 1))
    });
}

/// Returns the errors that a client was told of.
fn errors(meeting: &Meeting, session: SessionId) -> Vec<&Value> {
    let messages = meeting.client(session).received_of("usermessage");
    messages.filter(|message| message["kind"] == "error").collect()
}
