//! Messages between clients that the server passes on.

use galene_conformance::Target;
use serde_json::{Value, json};

#[test]
fn messages_of_any_kind_are_passed_on_and_not_remembered() {
    let target = Target::shared();
    let room = target.room("usermessage");
    let mut op = room.operator();
    let mut alice = room.member("alice");
    op.drain();
    op.send(json!({ "type": "usermessage", "kind": "mute", "source": "op", "username": "op",
        "noecho": true, "value": null }));
    op.nothing();
    let mute = alice.expect("usermessage");
    assert_eq!((&mute["kind"], &mute["privileged"]), (&json!("mute"), &json!(true)));
    assert_eq!((&mute["source"], &mute["username"]), (&json!("op"), &json!("op")));
    assert_eq!(mute["id"], Value::Null);
    assert!(mute["time"].is_string());
    alice.send(json!({ "type": "usermessage", "kind": "error", "source": "alice",
        "username": "alice", "dest": "op", "value": "oh" }));
    let error = op.expect("usermessage");
    assert_eq!(error["privileged"], Value::Null, "whoever is no operator has no privilege");
    assert_eq!((&error["source"], &error["dest"]), (&json!("alice"), &json!("op")));
    let mut late = room.client("late");
    room.join(&mut late, "late");
    let heard = late.drain();
    assert!(heard.iter().all(|m| m["type"] == "user"), "{heard:?}");
}

#[test]
fn the_words_of_a_file_transfer_pass_from_member_to_member() {
    let target = Target::shared();
    let room = target.room("usermessage-file");
    let mut alice = room.member("alice");
    let mut bob = room.member("bob");
    alice.drain();
    let invite = json!({ "type": "invite", "id": "t1", "version": ["1"], "name": "a.txt",
        "size": 3, "mimetype": "text/plain" });
    alice.send(json!({ "type": "usermessage", "kind": "filetransfer", "source": "alice",
        "username": "alice", "dest": "bob", "value": invite }));
    let heard = bob.expect("usermessage");
    assert_eq!((&heard["kind"], &heard["value"]), (&json!("filetransfer"), &invite));
    assert_eq!(heard["source"], "alice");
    let offer =
        json!({ "type": "offer", "id": "t1", "version": ["1"], "sdp": "v=0\r\n".repeat(500) });
    bob.send(json!({ "type": "usermessage", "kind": "filetransfer", "dest": "alice",
        "value": offer }));
    assert_eq!(alice.expect("usermessage")["value"], offer);
}

#[test]
fn surprise_32_whoever_may_not_write_may_not_send_messages_of_any_kind() {
    let target = Target::shared();
    let room = target.room("usermessage-permission");
    let _op = room.operator();
    for name in ["silent", "captioner"] {
        let mut client = room.member(name);
        for kind in ["filetransfer", "mute", "raisehand"] {
            client.send(json!({ "type": "usermessage", "kind": kind, "dest": "op", "value": 1 }));
            client.refused();
        }
    }
}
