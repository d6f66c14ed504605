//! Handshakes, signs of life, nonsense.

use serde_json::json;

use crate::harness::{Server, error_text, kind};

#[test]
fn a_handshake_is_answered_with_the_servers_version() {
    let mut server = Server::new();
    let client = server.open();
    assert!(server.hears(client).is_empty(), "the server does not speak first");
    server.says(client, json!({"type": "handshake", "version": ["3", "2"], "id": "a"}));
    assert_eq!(server.hears(client), [json!({"type": "handshake", "version": ["2"]})]);
}

#[test]
fn surprise_23_an_unknown_version_is_warned_about_and_goes_on() {
    for version in [json!(["1"]), json!(null)] {
        let mut server = Server::new();
        let client = server.open();
        server.says(client, json!({"type": "handshake", "version": version, "id": "a"}));
        let heard = server.hears(client);
        assert_eq!(
            heard.iter().map(kind).collect::<Vec<_>>(),
            ["handshake", "usermessage/warning"]
        );
        assert_eq!((&heard[1]["dest"], &heard[1]["privileged"]), (&json!("a"), &json!(true)));
        server.tries_to_join(client, "lounge", "ann", "secret");
        assert_eq!(kind(&server.hears(client)[0]), "joined/join");
    }
}

#[test]
fn an_id_that_would_make_a_url_lead_elsewhere_is_refused() {
    for (id, is_good) in [
        ("..", false),
        (".", false),
        ("a/../b", false),
        ("../..", false),
        ("a/.", false),
        ("...", true),
        (".a", true),
        ("a//b/", true),
    ] {
        let mut server = Server::new();
        let client = server.open();
        server.says(client, json!({"type": "handshake", "version": ["2"], "id": id}));
        assert_eq!(server.is_open(client), is_good, "{id}");
        let code = server.close_of(client).map(|(code, _)| code);
        assert_eq!(code, (!is_good).then_some(1002));
    }
}

#[test]
fn a_client_that_says_nothing_is_let_go_after_15_s() {
    let mut server = Server::new();
    let client = server.open();
    server.millis(14_999);
    assert!(server.is_open(client));
    server.millis(1);
    assert_eq!(server.close_of(client).map(|(code, _)| code), Some(1002));
    assert!(server.hears(client).is_empty());
}

#[test]
fn whatever_is_no_handshake_ends_a_fresh_connection() {
    for first in
        [json!({"type": "ping"}), json!({"type": "nonsense"}), json!([]), json!({"type": "answer"})]
    {
        let mut server = Server::new();
        let client = server.open();
        server.says(client, first);
        assert!(!server.is_open(client));
        assert!(server.hears(client).is_empty(), "there is no user message before the handshake");
    }
}

#[test]
fn surprise_22_a_silent_client_is_pinged_after_20_s_and_given_up_after_45_s() {
    let mut server = Server::new();
    let client = server.connect("a");
    server.millis(20_000);
    assert!(server.hears(client).is_empty());
    server.millis(10_000);
    assert_eq!(server.hears(client), [json!({"type": "ping"})]);
    server.millis(10_000);
    assert_eq!(server.hears(client), [json!({"type": "ping"})], "at every tick while it is silent");
    server.millis(9_999);
    assert!(server.is_open(client));
    server.millis(1);
    assert_eq!(server.close_of(client), Some((1011, "")));
}

#[test]
fn any_message_is_a_sign_of_life() {
    for sign in [
        json!({"type": "pong"}),
        json!({"type": "ping"}),
        json!({"type": "request", "request": null}),
    ] {
        let mut server = Server::new();
        let client = server.connect("a");
        for _ in 0..10 {
            server.millis(40_000);
            server.says(client, sign.clone());
        }
        assert!(server.is_open(client));
    }
}

#[test]
fn a_ping_is_answered() {
    let mut server = Server::new();
    let client = server.connect("a");
    server.says(client, json!({"type": "ping"}));
    server.says(client, json!({"type": "pong"}));
    assert_eq!(server.hears(client), [json!({"type": "pong"})]);
}

#[test]
fn when_the_whole_process_stood_still_nobody_is_given_up_unasked() {
    let mut server = Server::new();
    let client = server.connect("a");
    server.stands_still(std::time::Duration::from_secs(100));
    assert_eq!(server.hears(client), [json!({"type": "ping"})]);
    server.says(client, json!({"type": "pong"}));
    server.millis(30_000);
    assert!(server.is_open(client));
}

#[test]
fn surprise_20_malformed_json_ends_the_connection_with_1011_and_a_word_why() {
    let mut server = Server::new();
    let (ann, bob) = (server.arrives("ann"), server.arrives("bob"));
    server.says(ann, json!({"type": "chat", "id": 7}));
    assert!(error_text(&server.hears_one(ann)).contains("`id`"));
    assert_eq!(server.close_of(ann).map(|(code, _)| code), Some(1011));
    assert_eq!(server.hears_kinds(bob), ["user/delete"], "the others only see it leave");
}

#[test]
fn protocol_errors_end_the_connection_with_1002_after_a_word() {
    for nonsense in [
        json!({"type": "dance"}),
        json!({"type": "handshake", "version": ["2"], "id": "ann"}),
        json!({"type": "join", "kind": "dance", "group": "lounge"}),
        json!({"type": "join", "kind": "join", "group": "lounge", "username": "x", "password": "secret"}),
        json!({"type": "close", "id": ""}),
        json!({"type": "ice", "id": "x", "candidate": null}),
        json!({"type": "chat", "source": "bob", "value": "x"}),
        json!({"type": "chat", "username": "bob", "value": "x"}),
        json!({"type": "chat", "username": "", "value": "x"}),
    ] {
        let mut server = Server::new();
        let ann = server.arrives("ann");
        server.says(ann, nonsense.clone());
        let heard = server.hears_one(ann);
        let text = error_text(&heard).to_owned();
        assert_eq!(server.close_of(ann), Some((1002, text.as_str())), "{nonsense}");
    }
}

#[test]
fn a_member_may_say_who_it_is() {
    let mut server = Server::new();
    let ann = server.arrives("ann");
    server.says(ann, json!({"type": "chat", "source": "ann", "username": "ann", "value": "x"}));
    assert_eq!(kind(&server.hears_one(ann)), "chat");
    assert!(server.is_open(ann));
}

#[test]
fn a_message_that_is_too_long_in_parts_is_refused_alone() {
    let mut server = Server::new();
    let ann = server.arrives("ann");
    server.says(ann, json!({"type": "offer", "id": "s", "sdp": "x".repeat(100_000)}));
    assert_eq!(server.hears_kinds(ann), ["abort/s", "usermessage/error"]);
    assert!(server.is_open(ann));
}
