//! What operators do to the group.

use galene_conformance::Target;
use serde_json::{Value, json};

#[test]
fn only_operators_act_on_the_group() {
    let target = Target::shared();
    let mut alice = target.room("group-denied").member("alice");
    for kind in ["lock", "unlock", "clearchat", "subgroups", "setdata", "record", "unrecord"] {
        alice.send(json!({ "type": "groupaction", "kind": kind, "value": {} }));
        alice.refused();
    }
}

#[test]
fn locking_and_unlocking_is_told_to_everybody() {
    let target = Target::shared();
    let room = target.room("group-lock");
    let mut op = room.operator();
    let mut alice = room.member("alice");
    op.drain();
    for (kind, locked) in [("lock", json!(true)), ("unlock", Value::Null)] {
        op.send(json!({ "type": "groupaction", "kind": kind }));
        for client in [&mut op, &mut alice] {
            let change = client.expect("joined");
            assert_eq!(change["kind"], "change");
            assert_eq!(change["status"]["locked"], locked);
            assert_eq!(change["status"]["clientCount"], 2);
            assert_eq!(change["group"], room.name);
            assert_eq!(change["username"], client.id);
            assert!(change["permissions"].is_array());
            assert!(change["rtcConfiguration"].is_object());
            client.nothing();
        }
    }
}

#[test]
fn data_of_the_group_are_merged_and_told_to_everybody() {
    let target = Target::shared();
    let room = target.room("group-data");
    let mut op = room.operator();
    let mut alice = room.member("alice");
    op.drain();
    for (patch, expected) in [
        (json!({ "a": 1, "b": { "c": 2 } }), json!({ "a": 1, "b": { "c": 2 } })),
        (json!({ "a": null, "d": "x" }), json!({ "b": { "c": 2 }, "d": "x" })),
    ] {
        op.send(json!({ "type": "groupaction", "kind": "setdata", "value": patch }));
        for client in [&mut op, &mut alice] {
            let change = client.expect("joined");
            assert_eq!((&change["kind"], &change["data"]), (&json!("change"), &expected));
        }
    }
    let mut bob = room.client("bob");
    assert_eq!(room.join(&mut bob, "bob")["data"], json!({ "b": { "c": 2 }, "d": "x" }));
    op.drain();
    for bad in [json!([]), json!("x"), json!(1)] {
        op.send(json!({ "type": "groupaction", "kind": "setdata", "value": bad }));
        op.refused();
    }
}

#[test]
fn subgroups_are_listed_for_who_asks() {
    let target = Target::shared();
    let room = target.room_with("group-subgroups", json!({ "auto-subgroups": true }));
    let mut op = room.operator();
    let ask = json!({ "type": "groupaction", "kind": "subgroups" });
    op.send(ask.clone());
    let reply = op.expect("chat");
    assert_eq!(reply["value"], "", "there are none");
    let mut members = Vec::new();
    for (id, name) in [("1", "one"), ("2", "two"), ("3", "two")] {
        let mut client = target.client(id);
        client.join(&format!("group-subgroups/{name}"), id, "");
        members.push(client);
    }
    op.send(ask);
    let reply = op.expect("chat");
    assert_eq!(reply["username"], "Server");
    assert_eq!((&reply["dest"], &reply["source"]), (&json!("op"), &Value::Null));
    let text = reply["value"].as_str().expect("a text");
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 2, "{text}");
    assert!(text.ends_with('\n'));
    assert!(lines[0].contains("group-subgroups/one") && lines[0].contains('1'), "{text}");
    assert!(lines[1].contains("group-subgroups/two") && lines[1].contains('2'), "{text}");
    op.nothing();
}

#[test]
fn a_definition_that_changes_is_told_to_members_and_changes_no_permissions() {
    let target = Target::shared();
    let room = target.room("group-reload");
    let mut alice = room.member("alice");
    target.write_group_file(&room.name, r#"{"displayName": "Changed"}"#);
    // Any access lets the server look at the file.
    assert_eq!(target.get(&format!("/group/{}/.status", room.name)).status, 200);
    let change = alice.expect("joined");
    assert_eq!(
        (&change["kind"], &change["status"]["displayName"]),
        (&json!("change"), &json!("Changed"))
    );
    assert_eq!(change["permissions"], json!(["present", "message"]));
}

#[test]
fn surprise_114_members_hear_of_a_changed_file_without_anybody_asking() {
    let target = Target::shared();
    let room = target.room("group-watched");
    if target.differs(114) {
        return;
    }
    let mut alice = room.member("alice");
    target.write_group_file(&room.name, r#"{"displayName": "Seen"}"#);
    assert_eq!(alice.expect("joined")["status"]["displayName"], "Seen");
}
