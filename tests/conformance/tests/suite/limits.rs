//! How much there may be of everything. All of it concerns our server: Galène has no limits but one.

use galene_conformance::{OFFER, Target};
use serde_json::json;

#[test]
fn surprise_109_what_is_too_long_is_refused_and_the_connection_goes_on() {
    let target = Target::shared();
    let room = target.room("limits-length");
    let mut op = room.operator();
    if target.differs(109) {
        return;
    }
    let long = "x".repeat(100_000);
    for message in [
        json!({ "type": "chat", "kind": "", "value": long }),
        json!({ "type": "chat", "kind": long, "value": "x" }),
        json!({ "type": "chat", "kind": "", "id": long, "value": "x" }),
        json!({ "type": "usermessage", "kind": "x", "value": long }),
        json!({ "type": "groupaction", "kind": "lock", "value": long }),
        json!({ "type": "groupaction", "kind": "setdata", "value": { "a": long } }),
        json!({ "type": "useraction", "kind": "setdata", "dest": "op", "value": { "a": long } }),
        json!({ "type": "useraction", "kind": "kick", "dest": "op", "value": long }),
    ] {
        op.send(message.clone());
        let told = op.drain();
        let errors = told.iter().filter(|m| m["kind"] == "error").count();
        assert_eq!((errors, told.len()), (1, 1), "{}: {told:?}", &message.to_string()[..60]);
    }
}

#[test]
fn surprise_109_a_member_publishes_so_many_streams_and_no_more() {
    let target = Target::shared();
    let room = target.room("limits-streams");
    let mut alice = room.member("alice");
    if target.differs(109) {
        return;
    }
    let mut aborted = 0;
    for number in 0..20 {
        let id = format!("s{number}");
        alice.send(json!({ "type": "offer", "id": id, "label": "video", "sdp": OFFER }));
        let reply = alice.wait_until(|m| {
            (m["type"] == "answer" || m["type"] == "abort") && m["id"] == id.as_str()
        });
        aborted += u32::from(reply["type"] == "abort");
    }
    assert_eq!(aborted, 4, "sixteen streams are enough for anybody");
    alice.send(json!({ "type": "close", "id": "s0" }));
    alice.send(json!({ "type": "offer", "id": "one-more", "label": "video", "sdp": OFFER }));
    alice.wait_until(|m| m["type"] == "answer" && m["id"] == "one-more");
}

#[test]
fn surprise_109_a_label_or_description_that_is_too_long_aborts_the_stream() {
    let target = Target::shared();
    let mut alice = target.room("limits-offer").member("alice");
    if target.differs(109) {
        return;
    }
    let long = "x".repeat(100_000);
    for offer in [
        json!({ "type": "offer", "id": "a", "label": long, "sdp": OFFER }),
        json!({ "type": "offer", "id": "a", "label": "camera", "sdp": long }),
    ] {
        alice.send(offer);
        assert_eq!(alice.expect("abort")["id"], "a");
        alice.refused();
    }
}
