//! What ends a connection, and with which code.

use galene_conformance::Target;
use serde_json::json;

#[test]
fn protocol_errors_are_explained_and_end_the_connection_with_1002() {
    let target = Target::shared();
    let room = target.room("errors-protocol");
    for (number, message) in [
        json!({ "type": "no-such-type" }),
        json!({ "type": "ping", "source": "somebody-else" }),
        json!({ "type": "ping", "username": "somebody-else" }),
        json!({ "type": "ping", "username": "" }),
        json!({ "type": "join", "kind": "dance", "group": "x", "username": "alice" }),
        json!({ "type": "join", "kind": "join", "group": "x", "username": "alice" }),
        json!({ "type": "offer", "sdp": "v=0" }),
        json!({ "type": "answer", "sdp": "v=0" }),
        json!({ "type": "renegotiate" }),
        json!({ "type": "close" }),
        json!({ "type": "abort", "id": "" }),
        json!({ "type": "ice", "candidate": { "candidate": "" } }),
        json!({ "type": "ice", "id": "x" }),
        json!({ "type": "ice", "id": "x", "candidate": null }),
    ]
    .into_iter()
    .enumerate()
    {
        let mut client = room.client(&format!("client{number}"));
        assert_eq!(room.join(&mut client, "alice")["kind"], "join");
        client.drain();
        let text = client.fatal(message.clone(), 1002);
        assert!(!text.is_empty(), "{message}");
    }
}

#[test]
fn surprise_20_what_is_no_message_ends_the_connection_with_1011() {
    let target = Target::shared();
    for text in [
        "not JSON",
        "{",
        r#"{"type": 1}"#,
        r#"{"type": "ping", "id": 1}"#,
        r#"{"type": "ping", "data": []}"#,
        r#"{"type": "handshake", "version": "2"}"#,
        r#"{"type": "ping", "noecho": "yes"}"#,
        "[]",
    ] {
        let mut client = target.client("a");
        client.send_text(text);
        assert_eq!(client.end().code, Some(1011), "{text}");
    }
}

#[test]
fn what_follows_the_object_in_a_message_is_passed_over() {
    let target = Target::shared();
    let mut client = target.client("a");
    client.send_text(r#"{"type": "ping"} and more"#);
    client.expect("pong");
}

#[test]
fn a_message_of_more_than_a_mebibyte_ends_the_connection_with_1009() {
    let target = Target::shared();
    let mut client = target.client("a");
    client.send(json!({ "type": "ping", "padding": "x".repeat(1 << 20) }));
    assert_eq!(client.end().code, Some(1009));
}

#[test]
fn whatever_needs_a_group_is_refused_outside_of_one() {
    let target = Target::shared();
    let mut client = target.client("a");
    for message in [
        json!({ "type": "chat", "kind": "", "value": "x" }),
        json!({ "type": "usermessage", "kind": "x", "value": "x" }),
        json!({ "type": "groupaction", "kind": "lock" }),
        json!({ "type": "useraction", "kind": "kick", "dest": "b" }),
    ] {
        client.send(message);
        client.refused();
    }
}

#[test]
fn surprise_37_unknown_actions_are_errors_and_not_the_end() {
    let target = Target::shared();
    let mut op = target.room("errors-unknown-actions").operator();
    if target.differs(37) {
        return;
    }
    op.send(json!({ "type": "groupaction", "kind": "dance" }));
    assert!(op.refused().contains("dance"), "it says what is unknown");
    op.send(json!({ "type": "useraction", "kind": "dance", "dest": "op" }));
    assert!(op.refused().contains("dance"), "it says what is unknown");
}
