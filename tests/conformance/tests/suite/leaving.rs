//! Ceasing to be a member.

use galene_conformance::Target;
use serde_json::{Value, json};

#[test]
fn who_leaves_is_told_and_the_others_hear_of_it() {
    let target = Target::shared();
    let room = target.room("leave");
    let mut alice = room.member("alice");
    let mut bob = room.member("bob");
    alice.drain();
    bob.send(json!({ "type": "join", "kind": "leave", "group": room.name }));
    let left = bob.expect("joined");
    assert_eq!(left["kind"], "leave");
    assert_eq!(left["group"], room.name);
    assert_eq!(left["username"], "bob");
    assert_eq!(left["permissions"], Value::Null);
    assert!(left["rtcConfiguration"].is_object(), "{left}");
    bob.nothing();
    assert_eq!(
        alice.receive(),
        json!({ "type": "user", "kind": "delete", "id": "bob", "username": "bob" })
    );
    bob.send(json!({ "type": "chat", "kind": "", "value": "hello" }));
    bob.refused();
    assert_eq!(room.join(&mut bob, "robert")["kind"], "join");
}

#[test]
fn surprise_03_who_leaves_at_once_after_joining_does_no_harm() {
    let target = Target::shared();
    let room = target.room("leave-at-once");
    // This ends a server that differs.
    if target.differs(3) {
        return;
    }
    let mut alice = room.member("alice");
    let mut bob = room.client("bob");
    for _ in 0..5 {
        bob.send(json!({ "type": "join", "kind": "join", "group": room.name, "username": "b" }));
        bob.send(json!({ "type": "join", "kind": "leave", "group": room.name }));
        bob.wait_until(|m| m["type"] == "joined" && m["kind"] == "leave");
        bob.nothing();
    }
    let mut present = 0;
    for message in alice.drain() {
        present += if message["kind"] == "add" { 1 } else { -1 };
        assert!((0..=1).contains(&present), "{message}");
    }
    assert_eq!(present, 0);
}

#[test]
fn a_connection_that_ends_is_a_member_that_leaves() {
    let target = Target::shared();
    let room = target.room("leave-drop");
    let mut alice = room.member("alice");
    let bob = room.member("bob");
    alice.drain();
    drop(bob);
    let gone = alice.expect("user");
    assert_eq!((&gone["kind"], &gone["id"]), (&json!("delete"), &json!("bob")));
}

#[test]
fn surprise_37_leaving_a_group_that_one_is_not_in_is_an_error_and_not_the_end() {
    let target = Target::shared();
    let room = target.room("leave-nowhere");
    let mut alice = room.member("alice");
    if target.differs(37) {
        return;
    }
    alice.send(json!({ "type": "join", "kind": "leave", "group": "another" }));
    alice.refused();
}
