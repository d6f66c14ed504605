//! Going, voluntarily or not, and the end of the server.

use std::sync::Arc;

use galene_conference::Input;
use galene_sfu::Command;
use serde_json::json;

use crate::harness::{Server, kind, name};

#[test]
fn surprise_31_who_leaves_is_told_so_and_the_others_hear_of_its_streams_first() {
    let mut server = Server::new();
    let (ann, bob) = (server.watches("ann"), server.watches("bob"));
    server.publishes(ann, "a");
    server.publishes(bob, "b");
    server.forget();
    server.says(ann, json!({"type": "join", "kind": "leave", "group": "lounge"}));
    assert_eq!(server.hears_kinds(bob), ["close/a", "user/delete"]);
    let left = json!({
        "type": "joined", "kind": "leave", "group": "lounge", "username": "ann",
        "status": {"name": "lounge", "clientCount": 1}, "rtcConfiguration": {}
    });
    assert_eq!(server.hears(ann), [left], "the leaver drops what it received by itself");
    let closed = server.commands().iter().filter(|c| matches!(c, Command::Close { .. })).count();
    assert_eq!(closed, 3, "a's own transport, and one at each side");
}

#[test]
fn surprise_3_who_left_hears_nothing_more_and_may_come_back() {
    let mut server = Server::new();
    let (ann, bob) = (server.arrives("ann"), server.arrives("bob"));
    server.says(ann, json!({"type": "join", "kind": "leave", "group": "lounge"}));
    server.forget();
    server.says(bob, json!({"type": "chat", "value": "x"}));
    server.arrives("carol");
    server.hangs_up(bob);
    assert!(server.hears(ann).is_empty());
    server.tries_to_join(ann, "lounge", "ann", "secret");
    let heard = server.hears(ann);
    assert_eq!(
        heard.iter().map(kind).collect::<Vec<_>>(),
        ["joined/join", "chathistory", "user/add", "user/add"]
    );
    assert_eq!(heard[3]["id"], "carol");
}

#[test]
fn requests_do_not_survive_leaving() {
    let mut server = Server::new();
    let (ann, bob) = (server.watches("ann"), server.arrives("bob"));
    server.publishes(bob, "b");
    server.says(ann, json!({"type": "join", "kind": "leave", "group": "lounge"}));
    server.tries_to_join(ann, "lounge", "ann", "secret");
    server.forget();
    server.publishes(bob, "b2");
    assert!(server.hears(ann).is_empty());
}

#[test]
fn surprise_37_leaving_a_group_that_one_is_not_in_is_an_error_but_no_reason_to_part() {
    let mut server = Server::new();
    let ann = server.arrives("ann");
    server.says(ann, json!({"type": "join", "kind": "leave", "group": "elsewhere"}));
    assert_eq!(server.hears_kinds(ann), ["usermessage/error"]);
    assert!(server.is_open(ann));
    assert_eq!(server.conference.member_count(&name("lounge")), 1);
}

#[test]
fn a_lost_connection_is_the_same_as_leaving() {
    let mut server = Server::new();
    let (ann, bob) = (server.arrives("ann"), server.watches("bob"));
    server.publishes(ann, "a");
    server.forget();
    server.hangs_up(ann);
    server.hangs_up(ann);
    assert_eq!(server.hears_kinds(bob), ["close/a", "user/delete"]);
    assert_eq!(server.conference.session_count(), 1);
}

#[test]
fn surprise_98_at_the_end_of_the_server_everybody_is_told_and_let_go_with_1012() {
    let mut server = Server::new();
    let (ann, bob) = (server.watches("ann"), server.arrives("bob"));
    let outsider = server.connect("outsider");
    server.publishes(bob, "b");
    server.forget();
    let message: Arc<str> = "the server restarts; please come back in a minute".into();
    server.input(Input::Shutdown { message: message.clone() });
    for member in [ann, bob] {
        let kicked = server.hears_one(member);
        assert_eq!(
            (kind(&kicked).as_str(), &kicked["value"]),
            ("usermessage/kicked", &json!(&*message))
        );
        assert_eq!(
            (kicked.get("id"), kicked.get("username")),
            (None, None),
            "nobody in particular wants it"
        );
    }
    for client in [ann, bob, outsider] {
        assert_eq!(server.close_of(client), Some((1012, &*message)));
    }
    let closed = server.commands().iter().filter(|c| matches!(c, Command::Close { .. })).count();
    assert_eq!(closed, 2, "the publisher's transport and the receiver's");
    assert_eq!(server.conference.session_count(), 0);

    let late = server.open();
    assert_eq!(server.close_of(late).map(|(code, _)| code), Some(1012));
}

#[test]
fn the_end_of_a_large_group_costs_a_message_and_not_one_per_pair() {
    let mut server = Server::new();
    for n in 0..100 {
        server.arrives(&format!("user {n}"));
    }
    server.sends = 0;
    server.input(Input::Shutdown { message: "bye".into() });
    assert_eq!(server.sends, 1);
}
