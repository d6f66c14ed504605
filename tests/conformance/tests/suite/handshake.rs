//! The first messages of a connection.

use galene_conformance::Target;
use serde_json::json;

#[test]
fn the_server_answers_the_handshake_and_never_speaks_first() {
    let target = Target::shared();
    let mut client = target.connect();
    client.send(json!({ "type": "handshake", "version": ["2"], "id": "a" }));
    let answer = client.receive();
    assert_eq!(answer, json!({ "type": "handshake", "version": ["2"] }));
    client.nothing();
}

#[test]
fn surprise_23_unknown_protocol_versions_are_only_warned_about() {
    let target = Target::shared();
    for version in [json!(["1"]), json!([]), json!(null)] {
        let mut client = target.connect();
        client.send(json!({ "type": "handshake", "version": version, "id": "a" }));
        assert_eq!(client.expect("handshake")["version"], json!(["2"]));
        let warning = client.expect("usermessage");
        assert_eq!(warning["kind"], "warning");
        assert_eq!(warning["privileged"], true);
        assert_eq!(warning["dest"], "a");
        assert!(warning["value"].is_string());
        client.nothing();
    }
}

#[test]
fn a_version_among_others_is_found() {
    let target = Target::shared();
    let mut client = target.connect();
    client.send(json!({ "type": "handshake", "version": ["3", "2"], "id": "a" }));
    assert_eq!(client.expect("handshake")["version"], json!(["2"]));
    client.nothing();
}

#[test]
fn a_first_message_that_is_no_handshake_ends_the_connection() {
    let target = Target::shared();
    let mut client = target.connect();
    client.send(json!({ "type": "join", "kind": "join", "group": "any", "username": "a" }));
    let end = client.end();
    assert_eq!(end.code, Some(1002));
    assert!(end.messages.is_empty(), "{end:?}");
    assert!(!end.reason.is_empty());
}

#[test]
fn a_second_handshake_is_a_protocol_error() {
    let target = Target::shared();
    target.client("a").fatal(json!({ "type": "handshake", "version": ["2"], "id": "a" }), 1002);
}

#[test]
fn pings_are_answered_by_messages_and_on_the_socket() {
    let target = Target::shared();
    let mut client = target.client("a");
    client.send(json!({ "type": "ping" }));
    assert_eq!(client.receive(), json!({ "type": "pong" }));
    client.send(json!({ "type": "pong" }));
    client.nothing();
}

#[test]
fn surprise_21_binary_frames_are_read_as_text() {
    let target = Target::shared();
    let mut client = target.client("a");
    client.send_binary(br#"{"type":"ping"}"#);
    assert_eq!(client.receive(), json!({ "type": "pong" }));
}

#[test]
fn members_that_nobody_knows_and_null_ones_are_passed_over() {
    let target = Target::shared();
    let mut client = target.client("a");
    client.send(json!({
        "type": "ping", "source": null, "username": null, "data": null, "frobnicate": [1, {}],
    }));
    assert_eq!(client.receive(), json!({ "type": "pong" }));
}

#[test]
fn a_client_that_closes_is_let_go_with_code_1000() {
    let target = Target::shared();
    target.client("a").leave_for_good();
}
