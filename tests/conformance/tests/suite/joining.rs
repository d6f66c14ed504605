//! Becoming a member, and being refused.

use galene_conformance::{OFFER, Target};
use serde_json::{Value, json};

#[test]
fn surprise_18_a_newcomer_hears_joined_then_the_history_then_itself_then_the_others() {
    let target = Target::shared();
    let room = target.room("join-order");
    let mut alice = room.member("alice");
    alice.send(json!({ "type": "chat", "kind": "", "source": "alice", "username": "alice",
        "value": "first" }));
    alice.wait_for("chat");
    let _bob = room.member("bob");

    let mut carol = room.client("carol");
    carol.send(json!({ "type": "join", "kind": "join", "group": room.name, "username": "carol" }));
    let heard: Vec<Value> = (0..5).map(|_| carol.receive()).collect();
    carol.nothing();
    let types: Vec<&str> = heard.iter().filter_map(|m| m["type"].as_str()).collect();
    assert_eq!(types, ["joined", "chathistory", "user", "user", "user"]);
    assert_eq!(heard[2]["id"], "carol", "oneself before the others");
    let mut others = [heard[3]["id"].clone(), heard[4]["id"].clone()];
    others.sort_by_key(Value::to_string);
    assert_eq!(others, [json!("alice"), json!("bob")]);

    let told = alice.wait_until(|m| m["type"] == "user" && m["id"] == "carol");
    assert_eq!(told["kind"], "add");
    assert_eq!(told["username"], "carol");
    assert_eq!(told["permissions"], json!(["present", "message"]));
}

#[test]
fn joined_says_who_one_is_and_what_the_group_is_like() {
    let target = Target::shared();
    let room =
        target.room_with("join-fields", json!({ "displayName": "Shown", "description": "Of" }));
    let mut op = room.client("1");
    let joined = room.join(&mut op, "op");
    assert_eq!(joined["kind"], "join");
    assert_eq!(joined["group"], "join-fields");
    assert_eq!(joined["username"], "op");
    assert_eq!(joined["permissions"], json!(["op", "present", "message", "caption", "token"]));
    assert_eq!(joined["data"], Value::Null, "an empty object is left out");
    assert!(joined["rtcConfiguration"].is_object());
    let status = &joined["status"];
    assert_eq!(status["name"], "join-fields");
    assert_eq!(status["displayName"], "Shown");
    assert_eq!(status["description"], "Of");
    assert_eq!(status["clientCount"], 1);
    assert_eq!(status["locked"], Value::Null);
    assert_eq!(status["canChangePassword"], true);
    assert_eq!((&status["location"], &status["endpoint"]), (&Value::Null, &Value::Null));
}

#[test]
fn data_given_on_joining_is_shown_to_everybody() {
    let target = Target::shared();
    let room = target.room("join-data");
    let mut alice = room.member("alice");
    let mut bob = room.client("bob");
    let data = json!({ "hat": "red", "nested": { "n": 1 } });
    bob.join_with(json!({ "group": room.name, "username": "bob", "data": data }));
    assert_eq!(bob.expect("user")["data"], data);
    assert_eq!(alice.expect("user")["data"], data);
}

#[test]
fn surprise_24_an_empty_username_is_said_and_other_empty_members_are_not() {
    let target = Target::shared();
    let room = target.room("join-nameless");
    let mut client = room.client("1");
    let joined = client.join(&room.name, "", "");
    assert_eq!(joined["username"], "");
    let user = client.expect("user");
    assert_eq!(user["username"], "");
    assert_eq!(user["data"], Value::Null);
    let mut silent = room.client("2");
    let joined = silent.join(&room.name, "silent", "");
    assert_eq!(joined["permissions"], Value::Null, "{joined}");
    assert_eq!(silent.expect("user")["permissions"], Value::Null);
}

#[test]
fn several_members_may_have_the_same_name() {
    let target = Target::shared();
    let room = target.room("join-namesakes");
    let mut one = room.client("1");
    assert_eq!(room.join(&mut one, "alice")["kind"], "join");
    let mut two = room.client("2");
    assert_eq!(room.join(&mut two, "alice")["kind"], "join");
}

fn assert_fails(joined: &Value, group: &str) -> String {
    assert_eq!(joined["kind"], "fail", "{joined}");
    assert_eq!(joined["group"], group);
    for absent in ["permissions", "status", "rtcConfiguration"] {
        assert_eq!(joined[absent], Value::Null, "{joined}");
    }
    joined["value"].as_str().expect("a text for the user").to_owned()
}

#[test]
fn surprise_69_a_configured_user_with_a_wrong_password_is_refused_and_may_try_again() {
    let target = Target::shared();
    let room = target.room("join-wrong-password");
    let mut client = room.client("1");
    let joined = client.join(&room.name, "op", "guess");
    assert_fails(&joined, &room.name);
    assert_eq!(joined["error"], Value::Null);
    assert_eq!(room.join(&mut client, "op")["kind"], "join");
}

#[test]
fn a_refusal_does_not_tell_whether_the_user_exists() {
    let target = Target::shared();
    let group = "join-probing";
    target.write_group_file(group, r#"{"users": {"a": {"password": "x", "permissions": "op"}}}"#);
    let mut client = target.client("1");
    let wrong = assert_fails(&client.join(group, "a", "guess"), group);
    let unknown = assert_fails(&client.join(group, "b", "guess"), group);
    assert_eq!(wrong, unknown);
}

#[test]
fn groups_that_do_not_exist_or_cannot_be_used_are_refused() {
    let target = Target::shared();
    let mut client = target.client("1");
    let missing = assert_fails(&client.join("join-nowhere", "a", ""), "join-nowhere");
    let illegal = assert_fails(&client.join("../etc/passwd", "a", ""), "../etc/passwd");
    assert_ne!(missing, illegal);
    target.write_group_file("join-unknown-key", r#"{"wildcard-usr": {}}"#);
    assert_fails(&client.join("join-unknown-key", "a", ""), "join-unknown-key");
    target.write_group_file("join-broken", "{");
    assert_fails(&client.join("join-broken", "a", ""), "join-broken");
    target.write_group_file(
        "join-odd-password",
        r#"{"users": {"a": {"password": {"type": "x", "key": "y"}}}}"#,
    );
    assert_fails(&client.join("join-odd-password", "a", ""), "join-odd-password");
}

#[test]
fn surprise_76_what_follows_the_object_in_a_group_file_is_passed_over() {
    let target = Target::shared();
    let text =
        r#"{"wildcard-user": {"password": {"type": "wildcard"}, "permissions": "present"}} what"#;
    target.write_group_file("join-trailing", text);
    let mut client = target.client("1");
    assert_eq!(client.join("join-trailing", "a", "")["kind"], "join");
}

#[test]
fn usernames_that_could_be_paths_are_refused() {
    let target = Target::shared();
    let room = target.room("join-odd-names");
    let mut client = room.client("1");
    for name in ["a\\b", "/a", "a/", "../a", "a/./b", "a//b"] {
        assert_fails(&client.join(&room.name, name, ""), &room.name);
    }
    let mut client = room.client("2");
    assert_eq!(client.join(&room.name, "a b/c@d", "")["kind"], "join");
}

#[test]
fn every_kind_of_password_is_accepted() {
    let target = Target::shared();
    let pbkdf2 = json!({ "type": "pbkdf2", "hash": "sha-256", "iterations": 4096,
        "key": "FE499504e8f144693fae828e8e371d50e019d0e4c84994fa03f7f445bd8a570a",
        "salt": "bcc1717851030776" });
    let bcrypt = json!({ "type": "bcrypt",
        "key": "$2a$10$afOr2f33onT/nDFFyT3mbOq5FMSw1wWXfyTXQTBMbKvZpBkoD3Qwu" });
    let users = json!({ "users": {
        "bare": { "password": "pass", "permissions": "message" },
        "plain": { "password": { "type": "plain", "key": "pass" }, "permissions": "message" },
        "pbkdf2": { "password": pbkdf2, "permissions": "message" },
        "bcrypt": { "password": bcrypt, "permissions": "message" },
        "none": { "permissions": "message" },
        "empty": { "password": {}, "permissions": "message" },
    } });
    let group = "join-passwords";
    target.write_group_file(group, &users.to_string());
    for user in ["bare", "plain", "pbkdf2", "bcrypt"] {
        let mut client = target.client("1");
        assert_fails(&client.join(group, user, "wrong"), group);
        assert_eq!(client.join(group, user, "pass")["kind"], "join", "{user}");
    }
    let mut client = target.client("2");
    for user in ["none", "empty"] {
        assert_fails(&client.join(group, user, ""), group);
    }
}

#[test]
fn obsolete_keys_still_define_users() {
    let target = Target::shared();
    let definition = json!({
        "op": [{ "username": "boss", "password": "x" }],
        "presenter": [{ "username": "speaker" }],
        "other": [{}],
        "allow-subgroups": true,
    });
    target.write_group_file("join-obsolete", &definition.to_string());
    let join = |id: &str, group: &str, user: &str, password: &str| {
        target.client(id).join(group, user, password)
    };
    let boss = join("1", "join-obsolete", "boss", "x");
    assert_eq!(boss["permissions"][0], "op");
    assert_fails(&join("2", "join-obsolete", "boss", "y"), "join-obsolete");
    let speaker = join("3", "join-obsolete", "speaker", "anything");
    assert_eq!(speaker["permissions"], json!(["present", "message"]));
    let other = join("4", "join-obsolete", "anybody", "");
    assert_eq!(other["permissions"], json!(["message"]));
    assert_eq!(join("5", "join-obsolete/sub", "anybody", "")["kind"], "join");
}

#[test]
fn surprise_73_roles_grow_by_what_the_group_allows_and_lists_do_not() {
    let target = Target::shared();
    let any = json!({ "type": "wildcard" });
    let user = |permissions: Value| json!({ "password": any, "permissions": permissions });
    let definition = json!({
        "allow-recording": true, "unrestricted-tokens": true,
        "users": {
            "op": user(json!("op")), "present": user(json!("present")),
            "message": user(json!("message")), "observe": user(json!("observe")),
            "caption": user(json!("caption")), "admin": user(json!("admin")),
            "raw": user(json!(["op", "unheard-of"])),
        },
    });
    target.write_group_file("join-roles", &definition.to_string());
    for (name, mut expected) in [
        ("op", vec!["op", "present", "message", "caption", "token", "record"]),
        ("present", vec!["present", "message", "token"]),
        ("message", vec!["message"]),
        ("observe", vec![]),
        ("caption", vec!["caption"]),
        ("admin", vec!["admin"]),
        ("raw", vec!["op", "unheard-of"]),
    ] {
        let joined = target.client(name).join("join-roles", name, "");
        let has = joined["permissions"].as_array().cloned().unwrap_or_default();
        let mut has: Vec<&str> = has.iter().filter_map(Value::as_str).collect();
        has.sort_unstable();
        expected.sort_unstable();
        assert_eq!(has, expected, "{name}");
    }
}

#[test]
fn a_group_that_is_full_takes_only_operators() {
    let target = Target::shared();
    let room = target.room_with("join-full", json!({ "max-clients": 1 }));
    let _alice = room.member("alice");
    let mut bob = room.client("bob");
    assert_fails(&room.join(&mut bob, "bob"), &room.name);
    assert_eq!(room.join(&mut bob, "op")["kind"], "join");
}

#[test]
fn a_group_is_open_between_two_moments() {
    let target = Target::shared();
    for (name, keys) in [
        ("join-too-early", json!({ "not-before": "2999-01-01T00:00:00Z" })),
        ("join-too-late", json!({ "expires": "2001-01-01T00:00:00+01:00" })),
    ] {
        let room = target.room_with(name, keys);
        let mut client = room.client("1");
        assert_fails(&room.join(&mut client, "alice"), name);
        assert_eq!(room.join(&mut client, "op")["kind"], "join");
    }
    let keys = json!({ "not-before": "2001-01-01T00:00:00Z", "expires": "2999-01-01T00:00:00Z" });
    target.room_with("join-in-time", keys).member("alice");
}

#[test]
fn surprise_40_a_locked_group_tells_the_lock_message_to_who_is_refused_and_to_nobody_else() {
    let target = Target::shared();
    let room = target.room("join-locked");
    let mut op = room.operator();
    let mut alice = room.member("alice");
    op.send(json!({ "type": "groupaction", "kind": "lock", "value": "back at noon" }));
    let changed = alice.wait_for("joined");
    assert_eq!(changed["kind"], "change");
    assert_eq!(changed["status"]["locked"], true);
    assert!(!changed.to_string().contains("noon"), "{changed}");
    let mut bob = room.client("bob");
    assert!(assert_fails(&room.join(&mut bob, "bob"), &room.name).contains("back at noon"));
}

#[test]
fn surprise_01_who_was_refused_can_do_nothing_even_with_the_right_credentials() {
    let target = Target::shared();
    let room = target.room("join-refused-powerless");
    let mut op = room.operator();
    op.send(json!({ "type": "groupaction", "kind": "lock" }));
    op.drain();
    let mut bob = room.client("bob");
    assert_fails(&room.join(&mut bob, "bob"), &room.name);
    if target.differs(1) {
        return;
    }
    for message in [
        json!({ "type": "offer", "id": "s", "label": "camera", "sdp": OFFER }),
        json!({ "type": "chat", "kind": "", "value": "hello" }),
        json!({ "type": "useraction", "kind": "kick", "dest": "op" }),
        json!({ "type": "groupaction", "kind": "unlock" }),
    ] {
        bob.send(message.clone());
        let told = bob.drain();
        assert!(told.iter().any(|m| m["kind"] == "error"), "{message}: {told:?}");
    }
    op.nothing();
    assert_eq!(room.join(&mut room.client("op2"), "op")["status"]["clientCount"], 2);
}

#[test]
fn surprise_02_a_group_that_sends_its_members_elsewhere_keeps_no_ghosts() {
    let target = Target::shared();
    let url = "https://elsewhere.example/group/x/";
    let room = target.room_with("join-redirect", json!({ "redirect": url }));
    let mut client = room.client("1");
    // This ends a server that differs.
    if target.differs(2) {
        return;
    }
    let joined = room.join(&mut client, "alice");
    assert_eq!(joined["kind"], "redirect");
    assert_eq!(joined["value"], url);
    assert_eq!(joined["group"], room.name);
    client.nothing();
    client.send(json!({ "type": "chat", "kind": "", "value": "hello" }));
    client.refused();
    // The group no longer leads elsewhere, and nobody is in it.
    let room = target.room("join-redirect");
    assert_eq!(room.join(&mut client, "op")["status"]["clientCount"], 1);
    assert_eq!(client.drain().len(), 1, "only oneself");
}

#[test]
fn ids_must_exist_and_be_unique_within_the_group() {
    let target = Target::shared();
    let room = target.room("join-ids");
    let _alice = room.member("alice");
    let mut double = room.client("alice");
    assert_fails(&room.join(&mut double, "bob"), &room.name);
    let mut nobody = room.client("");
    assert_fails(&room.join(&mut nobody, "bob"), &room.name);
    let elsewhere = target.room("join-ids-elsewhere");
    assert_eq!(elsewhere.join(&mut double, "bob")["kind"], "join");
}

#[test]
fn who_gives_neither_name_nor_token_is_refused() {
    let target = Target::shared();
    let room = target.room("join-nothing");
    let mut client = room.client("1");
    assert_fails(&client.join_with(json!({ "group": room.name })), &room.name);
}

#[test]
fn surprise_80_automatic_subgroups_inherit_and_are_apart() {
    let target = Target::shared();
    let keys = json!({ "auto-subgroups": true, "max-clients": 1, "displayName": "Parent" });
    let room = target.room_with("join-parent", keys);
    let _alice = room.member("alice");
    let mut bob = target.client("bob");
    let joined = bob.join("join-parent/one/deeper", "bob", "");
    assert_eq!(joined["kind"], "join", "the limit counts for each: {joined}");
    assert_eq!(joined["status"]["clientCount"], 1);
    assert_eq!(joined["status"]["displayName"], "Parent");
    assert_eq!(bob.drain().len(), 1, "nobody else is there");
    let mut carol = target.client("carol");
    assert_fails(&carol.join("join-parent/one/deeper", "carol", ""), "join-parent/one/deeper");
    target.room("join-childless");
    assert_fails(&carol.join("join-childless/one", "carol", ""), "join-childless/one");
}

#[test]
fn surprise_41_a_group_with_autolock_is_locked_without_an_operator() {
    let target = Target::shared();
    let room = target.room_with("join-autolock", json!({ "autolock": true }));
    let mut alice = room.client("alice");
    assert_fails(&room.join(&mut alice, "alice"), &room.name);
    let mut op = room.client("op");
    let joined = room.join(&mut op, "op");
    assert_eq!(joined["status"]["locked"], true, "an operator's arrival does not unlock");
    op.drain();
    op.send(json!({ "type": "groupaction", "kind": "unlock" }));
    op.wait_for("joined");
    assert_eq!(room.join(&mut alice, "alice")["kind"], "join");
    alice.drain();
    op.leave_for_good();
    let change = alice.wait_for("joined");
    assert_eq!((&change["kind"], &change["status"]["locked"]), (&json!("change"), &json!(true)));
}

#[test]
fn a_group_with_autokick_keeps_nobody_without_an_operator() {
    let target = Target::shared();
    let room = target.room_with("join-autokick", json!({ "autokick": true }));
    let mut alice = room.client("alice");
    assert_fails(&room.join(&mut alice, "alice"), &room.name);
    let op = room.operator();
    assert_eq!(room.join(&mut alice, "alice")["kind"], "join");
    op.leave_for_good();
    let end = alice.end();
    let last = end.messages.last().expect("told why");
    assert_eq!((&last["type"], &last["kind"]), (&json!("usermessage"), &json!("kicked")));
    assert_eq!(end.code, Some(1000));
}

#[test]
fn surprise_111_taking_the_last_operators_rights_counts_as_his_leaving() {
    let target = Target::shared();
    let room = target.room_with("join-autokick-unop", json!({ "autokick": true }));
    let mut op = room.operator();
    let alice = room.member("alice");
    // Where row 116 is so, this would disturb the other tests.
    if target.differs(111) {
        return;
    }
    op.send(json!({ "type": "useraction", "kind": "unop", "dest": "op" }));
    assert_eq!(alice.end().code, Some(1000));
    assert_eq!(op.end().code, Some(1000));
}
