//! Streams, as far as they go without media.

use galene_conformance::{OFFER, Target};
use serde_json::{Value, json};

fn offer(id: &str) -> Value {
    json!({ "type": "offer", "id": id, "label": "camera", "kind": "", "sdp": OFFER })
}

#[test]
fn surprise_46_an_offer_is_answered_before_candidates_are_named() {
    let target = Target::shared();
    let mut alice = target.room("streams-answer").member("alice");
    alice.send(offer("cam"));
    let answer = if target.differs(46) { alice.wait_for("answer") } else { alice.expect("answer") };
    assert_eq!(answer["id"], "cam");
    let sdp = answer["sdp"].as_str().expect("a description");
    assert!(sdp.starts_with("v=0"), "{sdp}");
    let sections: Vec<&str> = sdp.lines().filter(|line| line.starts_with("m=")).collect();
    assert_eq!(sections.len(), 2, "{sdp}");
    assert!(sections[0].starts_with("m=audio") && sections[1].starts_with("m=video"), "{sdp}");
    assert_eq!(sdp.matches("a=recvonly").count(), 2, "{sdp}");
    assert!(!sdp.contains("a=setup:actpass"), "{sdp}");
}

#[test]
fn surprise_66_sound_is_negotiated_in_mono_even_if_stereo_is_offered() {
    let target = Target::shared();
    let mut alice = target.room("streams-mono").member("alice");
    if target.differs(66) {
        return;
    }
    let stereo = OFFER.replace("useinbandfec=1", "useinbandfec=1;stereo=1;sprop-stereo=1");
    alice.send(json!({ "type": "offer", "id": "cam", "label": "camera", "sdp": stereo }));
    let answer = alice.wait_for("answer");
    let sdp = answer["sdp"].as_str().expect("a description");
    // Opus is in mono unless its receiver asks for more: RFC 7587 §6.1.
    assert!(sdp.contains("opus/48000/2") && !sdp.contains("stereo=1"), "{sdp}");
}

#[test]
fn candidates_are_as_strict_clients_expect() {
    let target = Target::shared();
    let mut alice = target.room("streams-candidates").member("alice");
    alice.send(offer("cam"));
    let answer = alice.wait_for("answer");
    if answer["sdp"].as_str().is_some_and(|sdp| sdp.contains("a=candidate:")) {
        // All of them may be in the description.
        return;
    }
    let ice = alice.wait_for("ice");
    assert_eq!(ice["id"], "cam");
    let candidate = &ice["candidate"];
    assert!(candidate["candidate"].as_str().is_some_and(|c| c.starts_with("candidate:")), "{ice}");
    assert!(candidate["sdpMid"].is_string(), "{ice}");
    assert!(candidate["sdpMLineIndex"].is_u64(), "{ice}");
    assert_eq!(candidate["usernameFragment"], Value::Null);
}

#[test]
fn surprise_47_candidates_may_come_early_late_or_end() {
    let target = Target::shared();
    let mut alice = target.room("streams-ice").member("alice");
    let candidate = |text: &str| {
        json!({ "type": "ice", "id": "cam", "candidate": {
            "candidate": text, "sdpMid": "0", "sdpMLineIndex": 0, "usernameFragment": null } })
    };
    let host = "candidate:1 1 UDP 2130706431 127.0.0.1 9 typ host";
    alice.send(candidate(host));
    alice.nothing();
    alice.send(offer("cam"));
    alice.wait_for("answer");
    for text in [host, "candidate:2 1 UDP 2130706431 a-b-c.local 9 typ host", ""] {
        alice.send(candidate(text));
    }
    let told = alice.drain();
    assert!(told.iter().all(|m| m["type"] == "ice"), "{told:?}");
}

#[test]
fn an_offer_without_permission_is_aborted() {
    let target = Target::shared();
    let room = target.room("streams-denied");
    let mut writer = room.member("writer");
    writer.send(offer("cam"));
    assert_eq!(writer.expect("abort")["id"], "cam");
    writer.refused();
}

#[test]
fn an_offer_that_makes_no_sense_is_aborted_and_costs_the_stream_alone() {
    let target = Target::shared();
    let mut alice = target.room("streams-nonsense").member("alice");
    for sdp in ["", "nonsense", "v=0\r\n"] {
        alice.send(json!({ "type": "offer", "id": "bad", "label": "camera", "sdp": sdp }));
        assert_eq!(alice.expect("abort")["id"], "bad", "{sdp:?}");
        alice.refused();
    }
    alice.send(offer("good"));
    alice.wait_for("answer");
}

#[test]
fn a_stream_may_be_offered_again_and_closed() {
    let target = Target::shared();
    let mut alice = target.room("streams-again").member("alice");
    alice.send(offer("cam"));
    alice.wait_for("answer");
    alice.send(offer("cam"));
    assert_eq!(alice.wait_for("answer")["id"], "cam");
    alice.send(json!({ "type": "close", "id": "cam" }));
    alice.send(json!({ "type": "close", "id": "cam" }));
    alice.send(json!({ "type": "close", "id": "never-was" }));
    let told = alice.drain();
    assert!(told.iter().all(|m| m["type"] == "ice"), "{told:?}");
}

#[test]
fn a_stream_may_replace_another_or_one_that_is_gone() {
    let target = Target::shared();
    let mut alice = target.room("streams-replace").member("alice");
    alice.send(offer("one"));
    alice.wait_for("answer");
    for (id, replace) in [("two", "one"), ("three", "never-was")] {
        let mut again = offer(id);
        again["replace"] = json!(replace);
        alice.send(again);
        assert_eq!(alice.wait_for("answer")["id"], id);
    }
}

#[test]
fn surprise_04_the_id_of_somebody_elses_stream_is_refused_and_harms_nobody() {
    let target = Target::shared();
    let room = target.room("streams-clash");
    let mut alice = room.member("alice");
    let mut mallory = room.member("mallory");
    alice.send(offer("cam"));
    alice.wait_for("answer");
    if target.differs(4) {
        return;
    }
    mallory.send(offer("cam"));
    assert_eq!(mallory.expect("abort")["id"], "cam");
    mallory.refused();
    let told = alice.drain();
    assert!(told.iter().all(|m| m["type"] == "ice" || m["type"] == "user"), "{told:?}");
    // Closing what is not one's own does nothing.
    mallory.send(json!({ "type": "close", "id": "cam" }));
    mallory.nothing();
    alice.send(offer("cam"));
    assert_eq!(alice.wait_for("answer")["id"], "cam");
}

#[test]
fn surprise_06_a_wish_for_a_stream_that_is_gone_is_passed_over() {
    let target = Target::shared();
    let mut alice = target.room("streams-race").member("alice");
    if target.differs(6) {
        return;
    }
    for request in [json!(["audio"]), json!([]), json!(null)] {
        alice.send(json!({ "type": "requestStream", "id": "gone", "request": request }));
    }
    alice.nothing();
}

#[test]
fn words_about_streams_that_are_gone_are_passed_over_or_answered_by_close() {
    let target = Target::shared();
    let mut alice = target.room("streams-gone").member("alice");
    alice.send(json!({ "type": "renegotiate", "id": "gone" }));
    alice.nothing();
    for kind in ["answer", "abort"] {
        alice.send(json!({ "type": kind, "id": "gone", "sdp": "v=0\r\n" }));
        assert_eq!(alice.receive(), json!({ "type": "close", "id": "gone" }));
    }
    alice.nothing();
}

#[test]
fn requests_name_what_is_wanted_of_streams_by_their_label() {
    let target = Target::shared();
    let mut alice = target.room("streams-request").member("alice");
    for request in [
        json!({ "": ["audio", "video"], "screenshare": ["video-low"] }),
        json!({ "": ["audio", "smell"] }),
        json!({}),
        json!(null),
    ] {
        alice.send(json!({ "type": "request", "request": request }));
    }
    alice.nothing();
}

#[test]
fn a_request_that_is_none_ends_the_connection_with_1011() {
    let target = Target::shared();
    let room = target.room("streams-bad-request");
    for (number, request) in
        [json!("audio"), json!({ "": "audio" }), json!({ "": [1] })].into_iter().enumerate()
    {
        let client = room.member(&format!("client{number}"));
        client.fatal(json!({ "type": "request", "request": request }), 1011);
    }
}

#[test]
fn surprise_51_a_stream_is_shown_to_others_once_its_media_flow_and_not_before() {
    let target = Target::shared();
    let room = target.room("streams-silent");
    let mut alice = room.member("alice");
    let mut bob = room.member("bob");
    bob.send(json!({ "type": "request", "request": { "": ["audio", "video"] } }));
    bob.drain();
    alice.send(offer("cam"));
    alice.wait_for("answer");
    alice.send(json!({ "type": "close", "id": "cam" }));
    alice.drain();
    let told = bob.drain();
    assert!(told.iter().all(|m| m["type"] != "offer"), "{told:?}");
}

#[test]
fn whoever_leaves_takes_the_streams_along_before_the_name() {
    let target = Target::shared();
    let room = target.room("streams-leaver");
    let mut alice = room.member("alice");
    let mut bob = room.member("bob");
    alice.send(offer("cam"));
    alice.wait_for("answer");
    drop(alice);
    let gone = bob.wait_for("user");
    assert_eq!((&gone["kind"], &gone["id"]), (&json!("delete"), &json!("alice")));
    bob.nothing();
}
