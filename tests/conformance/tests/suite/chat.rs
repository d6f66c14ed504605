//! Chat between members.

use galene_conformance::Target;
use serde_json::{Value, json};

#[test]
fn a_broadcast_reaches_everybody_and_its_sender() {
    let target = Target::shared();
    let room = target.room("chat-broadcast");
    let mut alice = room.member("alice");
    let mut bob = room.member("bob");
    alice.drain();
    alice.send(json!({ "type": "chat", "kind": "me", "source": "alice", "username": "alice",
        "value": "waves" }));
    let (one, two) = (alice.expect("chat"), bob.expect("chat"));
    assert_eq!(one, two);
    assert_eq!(one["kind"], "me");
    assert_eq!(one["source"], "alice");
    assert_eq!(one["username"], "alice");
    assert_eq!(one["value"], "waves");
    assert_eq!((&one["dest"], &one["privileged"]), (&Value::Null, &Value::Null));
    let id = one["id"].as_str().expect("the server gives it an id");
    assert_eq!(id.len(), 11, "{id}");
    let time = one["time"].as_str().expect("the server says when");
    assert!(time.len() >= 20 && time.as_bytes()[10] == b'T' && !time.contains('.'), "{time}");
    alice.nothing();
}

#[test]
fn values_of_any_type_and_ids_of_the_clients_pass_unchanged() {
    let target = Target::shared();
    let mut alice = target.room("chat-values").member("alice");
    for (number, value) in
        [json!("text"), json!(7), json!(false), json!(""), json!({ "a": [1, null] })]
            .into_iter()
            .enumerate()
    {
        let id = format!("mine{number}");
        alice.send(json!({ "type": "chat", "kind": "", "id": id, "value": value }));
        let chat = alice.expect("chat");
        assert_eq!((&chat["value"], &chat["id"]), (&value, &json!(id)));
    }
}

#[test]
fn surprise_13_the_server_says_who_speaks() {
    let target = Target::shared();
    let room = target.room("chat-stamped");
    let mut alice = room.member("alice");
    if target.differs(13) {
        return;
    }
    alice.send(json!({ "type": "chat", "kind": "", "value": "who?" }));
    let chat = alice.expect("chat");
    assert_eq!((&chat["source"], &chat["username"]), (&json!("alice"), &json!("alice")));
    alice.send(json!({ "type": "usermessage", "kind": "x", "value": "who?" }));
    let message = alice.expect("usermessage");
    assert_eq!((&message["source"], &message["username"]), (&json!("alice"), &json!("alice")));
}

#[test]
fn without_an_echo_everybody_else_hears_it() {
    let target = Target::shared();
    let room = target.room("chat-noecho");
    let mut alice = room.member("alice");
    let mut bob = room.member("bob");
    alice.drain();
    alice.send(json!({ "type": "chat", "kind": "", "noecho": true, "value": "x" }));
    alice.nothing();
    assert_eq!(bob.expect("chat")["noecho"], true);
}

#[test]
fn surprise_35_a_private_message_reaches_its_addressee_alone() {
    let target = Target::shared();
    let room = target.room("chat-private");
    let mut alice = room.member("alice");
    let mut bob = room.member("bob");
    let mut carol = room.member("carol");
    alice.drain();
    bob.drain();
    alice.send(json!({ "type": "chat", "kind": "", "source": "alice", "username": "alice",
        "dest": "bob", "value": "psst" }));
    alice.nothing();
    let chat = bob.expect("chat");
    assert_eq!(chat["dest"], "bob");
    assert_eq!(chat["source"], "alice");
    assert_eq!(chat["id"], Value::Null, "private messages get no id");
    carol.nothing();
    alice.send(json!({ "type": "chat", "kind": "", "dest": "alice", "value": "note" }));
    assert_eq!(alice.expect("chat")["value"], "note", "to oneself");
}

#[test]
fn a_message_to_nobody_is_refused() {
    let target = Target::shared();
    let mut alice = target.room("chat-nobody").member("alice");
    alice.send(json!({ "type": "chat", "kind": "", "dest": "nobody", "value": "x" }));
    alice.refused();
    alice.send(json!({ "type": "usermessage", "kind": "x", "dest": "nobody", "value": "x" }));
    alice.refused();
}

#[test]
fn operators_speak_with_privilege() {
    let target = Target::shared();
    let room = target.room("chat-privileged");
    let mut op = room.operator();
    op.send(json!({ "type": "chat", "kind": "", "value": "hear ye" }));
    assert_eq!(op.expect("chat")["privileged"], true);
    let mut alice = room.member("alice");
    alice.send(json!({ "type": "chat", "kind": "", "privileged": true, "value": "me too" }));
    assert_eq!(alice.expect("chat")["privileged"], Value::Null);
}

#[test]
fn chat_needs_one_permission_and_captions_another() {
    let target = Target::shared();
    let room = target.room("chat-permissions");
    let mut silent = room.member("silent");
    let mut writer = room.member("writer");
    let mut captioner = room.member("captioner");
    let chat = json!({ "type": "chat", "kind": "", "value": "x" });
    let caption = json!({ "type": "chat", "kind": "caption", "value": "x" });
    for client in [&mut silent, &mut writer] {
        client.drain();
    }
    silent.send(chat.clone());
    silent.refused();
    silent.send(caption.clone());
    silent.refused();
    captioner.send(chat.clone());
    captioner.refused();
    writer.send(caption.clone());
    writer.refused();
    writer.send(chat);
    assert_eq!(silent.expect("chat")["kind"], Value::Null);
    captioner.expect("chat");
    writer.expect("chat");
    captioner.send(caption);
    assert_eq!(writer.expect("chat")["kind"], "caption");
}
