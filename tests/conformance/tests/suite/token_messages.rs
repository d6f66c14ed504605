//! Tokens that members make: invitations.

use galene_conformance::{Client, Room, Target};
use serde_json::{Value, json};

/// An hour, as templates count.
const HOUR: i64 = 3_600_000;

fn ask(client: &mut Client, kind: &str, value: Value) -> Value {
    client.send(json!({ "type": "groupaction", "kind": kind, "value": value }));
    let reply = client.expect("usermessage");
    let expected = if kind == "listtokens" { "tokenlist" } else { "token" };
    assert_eq!(reply["kind"], expected, "{reply}");
    assert_eq!(reply["privileged"], true);
    reply
}

fn make(client: &mut Client, room: &Room, more: Value) -> Value {
    let mut template = json!({ "group": room.name, "expires": HOUR, "permissions": ["message"] });
    let more = more.as_object().expect("an object").clone();
    template.as_object_mut().expect("an object").extend(more);
    ask(client, "maketoken", template)
}

#[test]
fn a_token_is_made_listed_changed_and_revoked() {
    let target = Target::shared();
    let room = target.room("token-life");
    let mut op = room.operator();
    assert_eq!(ask(&mut op, "listtokens", json!(null))["value"], json!([]));

    let reply = make(&mut op, &room, json!({ "username": "guest" }));
    assert_eq!(reply["error"], Value::Null, "{reply}");
    let token = &reply["value"];
    let name = token["token"].as_str().expect("it has a name");
    assert_eq!(name.len(), 11, "{name}");
    assert_eq!((&token["group"], &token["username"]), (&json!(room.name), &json!("guest")));
    assert_eq!(token["permissions"], json!(["message"]));
    assert_eq!(token["issuedBy"], "op");
    assert!(token["issuedAt"].is_string() && token["expires"].is_string());
    assert_eq!(token["not-before"], Value::Null);

    let list = ask(&mut op, "listtokens", json!(null));
    assert_eq!(list["value"], json!([token]));

    let mut guest = room.client("guest");
    let joined = guest.join_with(json!({ "group": room.name, "token": name }));
    assert_eq!((&joined["kind"], &joined["username"]), (&json!("join"), &json!("guest")));
    assert_eq!(joined["permissions"], json!(["message"]));

    op.drain();
    let revoked = ask(&mut op, "edittoken", json!({ "token": name, "expires": -1000 }));
    assert_eq!(revoked["value"]["token"], name);
    assert_ne!(revoked["value"]["expires"], token["expires"]);
    assert_eq!(revoked["value"]["username"], "guest");
    guest.drain();
    let mut late = room.client("late");
    let refused = late.join_with(json!({ "group": room.name, "token": name }));
    assert_eq!(refused["kind"], "fail");
    let list = ask(&mut op, "listtokens", json!(null));
    assert_eq!(list["value"], json!([revoked["value"]]), "it stays, to be extended");

    let again =
        ask(&mut op, "edittoken", json!({ "token": name, "expires": HOUR, "not-before": -HOUR }));
    assert!(again["value"]["not-before"].is_string());
    let joined = late.join_with(json!({ "group": room.name, "token": name }));
    assert_eq!(joined["kind"], "join");
}

#[test]
fn times_are_relative_milliseconds_or_dates() {
    let target = Target::shared();
    let room = target.room("token-times");
    let mut op = room.operator();
    let token = make(&mut op, &room, json!({ "expires": "2999-01-02T03:04:05+01:00" }));
    let expires = token["value"]["expires"].as_str().expect("a time");
    assert!(expires.starts_with("2999-01-02T0"), "{expires}");
    for bad in [json!("tomorrow"), json!([]), json!({}), json!(true)] {
        assert_eq!(make(&mut op, &room, json!({ "expires": bad }))["error"], "error");
    }
}

#[test]
fn templates_that_make_no_sense_are_refused() {
    let target = Target::shared();
    let room = target.room("token-templates");
    let mut op = room.operator();
    for more in [
        json!({ "expires": null }),
        json!({ "token": "my-own-name" }),
        json!({ "group": "another" }),
        json!({ "group": null }),
        json!({ "username": "writer" }),
        json!({ "username": 1 }),
        json!({ "permissions": "present" }),
        json!({ "permissions": [1] }),
    ] {
        let reply = make(&mut op, &room, more.clone());
        assert_eq!(reply["error"], "error", "{more}: {reply}");
        assert!(reply["value"].is_string(), "{more}: {reply}");
    }
    for value in [json!(null), json!("x"), json!([])] {
        assert_eq!(ask(&mut op, "maketoken", value)["error"], "error");
    }
    assert_eq!(ask(&mut op, "listtokens", json!(null))["value"], json!([]));
}

#[test]
fn nobody_gives_away_what_they_do_not_have() {
    let target = Target::shared();
    let room = target.room_with("token-held", json!({ "unrestricted-tokens": true }));
    let mut alice = room.member("alice");
    let reply = make(&mut alice, &room, json!({ "permissions": ["present", "message", "token"] }));
    assert_eq!(reply["error"], Value::Null, "{reply}");
    let reply = make(&mut alice, &room, json!({ "permissions": ["op"] }));
    assert_eq!(reply["error"], "not-authorised");
    let name = make(&mut alice, &room, json!({}))["value"]["token"].clone();
    // Whoever is no operator makes tokens, but does not see or change them.
    assert_eq!(ask(&mut alice, "listtokens", json!(null))["error"], "not-authorised");
    let edit = json!({ "token": name, "expires": -1000 });
    assert_eq!(ask(&mut alice, "edittoken", edit)["error"], "not-authorised");
    let mut writer = room.member("writer");
    assert_eq!(make(&mut writer, &room, json!({}))["error"], "not-authorised");
}

#[test]
fn only_the_times_of_a_token_change() {
    let target = Target::shared();
    let room = target.room("token-edit");
    let mut op = room.operator();
    let name = make(&mut op, &room, json!({}))["value"]["token"].clone();
    for more in [
        json!({ "username": "x" }),
        json!({ "group": room.name }),
        json!({ "permissions": ["op"] }),
        json!({ "token": "no-such-token" }),
        json!({ "token": null }),
    ] {
        let mut edit = json!({ "token": name, "expires": HOUR });
        edit.as_object_mut().expect("an object").extend(more.as_object().expect("one").clone());
        assert_eq!(ask(&mut op, "edittoken", edit)["error"], "error", "{more}");
    }
}

#[test]
fn surprise_07_tokens_of_other_groups_are_out_of_reach() {
    let target = Target::shared();
    let here = target.room("token-here");
    let there = target.room("token-there");
    let mut theirs = there.operator();
    let token = make(&mut theirs, &there, json!({}))["value"].clone();
    let mut op = here.operator();
    if target.differs(7) {
        return;
    }
    let edit = |name: &Value| json!({ "token": name, "expires": -1000 });
    let reply = ask(&mut op, "edittoken", edit(&token["token"]));
    let unknown = ask(&mut op, "edittoken", edit(&json!("no-such-token")));
    assert_eq!(reply, unknown, "it cannot even be found out that it exists");
    assert_eq!(ask(&mut op, "listtokens", json!(null))["value"], json!([]));
    assert_eq!(ask(&mut theirs, "listtokens", json!(null))["value"], json!([token]));
}

#[test]
fn tokens_are_listed_by_their_end() {
    let target = Target::shared();
    let room = target.room("token-order");
    let mut op = room.operator();
    for hours in [3, 1, 2] {
        make(&mut op, &room, json!({ "expires": hours * HOUR, "username": format!("u{hours}") }));
    }
    let list = ask(&mut op, "listtokens", json!(null));
    let list = list["value"].as_array().expect("an array");
    let names: Vec<&str> = list.iter().filter_map(|token| token["username"].as_str()).collect();
    assert_eq!(names, ["u1", "u2", "u3"]);
}
