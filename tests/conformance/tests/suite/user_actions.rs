//! What operators do to members.

use galene_conformance::{Client, OFFER, Target};
use serde_json::{Value, json};

/// Returns the keys of a group in which anybody may present, by a list of their own and no role: servers
/// in which row 116 is so can be asked, too, and remain as they are.
fn without_role() -> Value {
    let any = json!({ "type": "wildcard" });
    json!({ "wildcard-user": { "password": any, "permissions": ["present", "message"] } })
}

fn act(client: &mut Client, kind: &str, dest: &str) {
    client.send(json!({ "type": "useraction", "kind": kind, "dest": dest }));
}

#[test]
fn permissions_are_given_and_taken_in_order() {
    let target = Target::shared();
    let mut keys = without_role();
    keys["allow-recording"] = json!(true);
    let room = target.room_with("user-permissions", keys);
    let mut op = room.operator();
    let mut alice = room.member("alice");
    op.drain();
    for (kind, mut expected) in [
        ("op", vec!["present", "message", "op", "record"]),
        ("unop", vec!["present", "message"]),
        ("shutup", vec!["present"]),
        ("unshutup", vec!["present", "message"]),
        ("unpresent", vec!["message"]),
        ("present", vec!["message", "present"]),
    ] {
        act(&mut op, kind, "alice");
        let joined = alice.expect("joined");
        assert_eq!(joined["kind"], "change", "first oneself");
        let user = alice.expect("user");
        assert_eq!((&user["kind"], &user["id"]), (&json!("change"), &json!("alice")));
        assert_eq!(op.expect("user"), user);
        for message in [joined, user] {
            let has = message["permissions"].as_array().cloned().unwrap_or_default();
            let mut has: Vec<&str> = has.iter().filter_map(Value::as_str).collect();
            has.sort_unstable();
            expected.sort_unstable();
            assert_eq!(has, expected, "{kind}");
        }
    }
}

#[test]
fn surprise_29_a_new_operator_may_operate_and_nothing_else() {
    let target = Target::shared();
    let room = target.room("user-op-only");
    let mut op = room.operator();
    let mut silent = room.member("silent");
    act(&mut op, "op", "silent");
    assert_eq!(silent.expect("joined")["permissions"], json!(["op"]));
    silent.drain();
    silent.send(json!({ "type": "chat", "kind": "", "value": "x" }));
    silent.refused();
    if target.differs(116) {
        return;
    }
    act(&mut silent, "unop", "op");
    op.wait_until(|m| m["type"] == "joined" && m["kind"] == "change");
}

#[test]
fn surprise_116_a_permission_is_taken_from_a_member_and_not_from_its_role() {
    let target = Target::shared();
    let room = target.room("user-role");
    let mut op = room.operator();
    // This would disturb the other tests.
    if target.differs(116) {
        return;
    }
    act(&mut op, "unop", "op");
    assert_eq!(op.expect("joined")["kind"], "change");
    let joined = room.join(&mut room.client("op2"), "op");
    let permissions = joined["permissions"].as_array().expect("an operator has some");
    assert!(permissions.contains(&json!("op")), "{joined}");
}

#[test]
fn only_operators_act_on_others() {
    let target = Target::shared();
    let room = target.room("user-denied");
    let mut op = room.operator();
    let mut alice = room.member("alice");
    op.drain();
    for kind in
        ["op", "unop", "present", "unpresent", "shutup", "unshutup", "identify", "kick", "setdata"]
    {
        alice.send(json!({ "type": "useraction", "kind": kind, "dest": "op", "value": {} }));
        alice.refused();
        if kind != "setdata" {
            act(&mut op, kind, "nobody");
            op.refused();
        }
    }
    op.nothing();
}

#[test]
fn surprise_30_whoever_may_no_longer_present_is_told_for_each_stream() {
    let target = Target::shared();
    let room = target.room_with("user-unpresent", without_role());
    let mut op = room.operator();
    let mut alice = room.member("alice");
    op.drain();
    alice.send(json!({ "type": "offer", "id": "cam", "label": "camera", "sdp": OFFER }));
    alice.wait_for("answer");
    act(&mut op, "unpresent", "alice");
    let told: Vec<Value> =
        std::iter::from_fn(|| Some(alice.receive())).take_while(|m| m["type"] != "user").collect();
    let told: Vec<&Value> = told.iter().filter(|m| m["type"] != "ice").collect();
    assert_eq!(told[0]["kind"], "change");
    assert_eq!((&told[1]["type"], &told[1]["id"]), (&json!("abort"), &json!("cam")));
    assert_eq!(told[2]["kind"], "error");
    alice.send(json!({ "type": "offer", "id": "again", "label": "camera", "sdp": OFFER }));
    assert_eq!(alice.expect("abort")["id"], "again");
    alice.refused();
}

#[test]
fn surprise_26_who_is_kicked_is_told_by_whom_and_why() {
    let target = Target::shared();
    let room = target.room("user-kick");
    let mut op = room.operator();
    let alice = room.member("alice");
    op.drain();
    op.send(json!({ "type": "useraction", "kind": "kick", "source": "op", "username": "op",
        "dest": "alice", "value": "be nice" }));
    let end = alice.end();
    let [kicked] = end.messages.as_slice() else { panic!("{end:?}") };
    assert_eq!((&kicked["type"], &kicked["kind"]), (&json!("usermessage"), &json!("kicked")));
    assert_eq!(kicked["privileged"], true);
    assert_eq!((&kicked["id"], &kicked["username"]), (&json!("op"), &json!("op")));
    assert_eq!((&kicked["dest"], &kicked["value"]), (&json!("alice"), &json!("be nice")));
    assert_eq!(end.code, Some(1000));
    assert!(end.reason.contains("be nice"), "{}", end.reason);
    let gone = op.expect("user");
    assert_eq!((&gone["kind"], &gone["id"]), (&json!("delete"), &json!("alice")));
    if !target.differs(26) {
        assert_eq!(kicked["source"], "op");
    }
}

#[test]
fn surprise_38_a_kick_with_a_long_message_closes_properly() {
    let target = Target::shared();
    let room = target.room("user-kick-long");
    let mut op = room.operator();
    let alice = room.member("alice");
    if target.differs(38) {
        return;
    }
    let message = "ü".repeat(200);
    op.send(json!({ "type": "useraction", "kind": "kick", "dest": "alice", "value": message }));
    let end = alice.end();
    assert_eq!(end.messages[0]["value"], message, "the message itself is not cut");
    assert_eq!(end.code, Some(1000));
    assert!(end.reason.len() <= 123 && !end.reason.is_empty());
}

#[test]
fn who_is_identified_is_told_so() {
    let target = Target::shared();
    let room = target.room("user-identify");
    let mut op = room.operator();
    let mut alice = room.member("alice");
    op.drain();
    act(&mut op, "identify", "alice");
    let info = op.expect("usermessage");
    assert_eq!((&info["kind"], &info["privileged"]), (&json!("userinfo"), &json!(true)));
    assert_eq!(
        (&info["value"]["id"], &info["value"]["username"]),
        (&json!("alice"), &json!("alice"))
    );
    let address = info["value"]["address"].as_str().expect("an address");
    assert!(
        address.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok()),
        "{address}"
    );
    let warning = alice.expect("usermessage");
    assert_eq!((&warning["kind"], &warning["privileged"]), (&json!("warning"), &json!(true)));
    assert!(warning["value"].as_str().is_some_and(|text| text.contains("op")), "{warning}");
}
