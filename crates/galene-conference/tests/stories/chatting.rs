//! What members say to each other.

use serde_json::{Value, json};

use crate::harness::{Client, Server, error_text, kind};

fn chat(server: &mut Server, client: Client, mut message: Value) {
    message["type"] = "chat".into();
    server.says(client, message);
}

#[test]
fn surprise_13_what_is_said_to_all_reaches_all_and_says_who_said_it() {
    let mut server = Server::new();
    let (ann, bob) = (server.arrives("ann"), server.arrives("bob"));
    chat(&mut server, ann, json!({"value": "hello", "kind": "me"}));
    let heard = server.hears_one(ann);
    let id = heard["id"].as_str().unwrap();
    assert_eq!(id.len(), 11);
    assert_eq!(
        heard,
        json!({"type": "chat", "id": id, "source": "ann", "username": "ann", "kind": "me",
               "time": "2023-11-14T22:13:20Z", "value": "hello"})
    );
    assert_eq!(server.hears_one(bob), heard);
}

#[test]
fn nobody_can_speak_as_an_operator_but_operators() {
    let mut server = Server::new();
    let (ann, olga) = (server.arrives("ann"), server.arrives("olga"));
    let claim = json!({"value": "x", "privileged": true, "time": "1999-01-01T00:00:00Z"});
    chat(&mut server, ann, claim.clone());
    let heard = server.hears_one(olga);
    assert_eq!((heard.get("privileged"), &heard["time"]), (None, &json!("2023-11-14T22:13:20Z")));
    server.forget();
    chat(&mut server, olga, claim);
    assert_eq!(server.hears_one(ann)["privileged"], true);
}

#[test]
fn a_sender_may_want_no_echo() {
    let mut server = Server::new();
    let (ann, bob) = (server.arrives("ann"), server.arrives("bob"));
    chat(&mut server, ann, json!({"value": "x", "noecho": true}));
    assert!(server.hears(ann).is_empty());
    assert_eq!(server.hears_one(bob)["noecho"], true);
}

#[test]
fn surprise_35_a_private_message_is_for_one_and_not_remembered() {
    let mut server = Server::new();
    let (ann, bob, carol) = (server.arrives("ann"), server.arrives("bob"), server.arrives("carol"));
    chat(&mut server, ann, json!({"value": "psst", "dest": "bob"}));
    let heard = server.hears_one(bob);
    assert_eq!((&heard["dest"], heard.get("id")), (&json!("bob"), None));
    assert!(server.hears(ann).is_empty() && server.hears(carol).is_empty());
    chat(&mut server, ann, json!({"value": "note to self", "dest": "ann"}));
    assert_eq!(kind(&server.hears_one(ann)), "chat");
    chat(&mut server, ann, json!({"value": "psst", "dest": "nobody"}));
    assert_eq!(error_text(&server.hears_one(ann)), "no such user");
    assert!(history(&mut server).is_empty());
}

#[test]
fn surprise_13_a_clients_own_id_is_kept_unless_it_was_used_before() {
    let mut server = Server::new();
    let (ann, bob) = (server.arrives("ann"), server.arrives("bob"));
    chat(&mut server, ann, json!({"value": "x", "id": "mine"}));
    assert_eq!(server.hears_one(bob)["id"], "mine");
    chat(&mut server, bob, json!({"value": "x", "id": "mine"}));
    server.hears(ann);
    assert_eq!(server.hears_one(bob)["id"], "mine", "ids are unique per sender only");
    chat(&mut server, ann, json!({"value": "x", "id": "mine"}));
    let id = server.hears_one(bob)["id"].clone();
    assert_ne!(id, "mine");
}

#[test]
fn any_value_passes_untouched() {
    let mut server = Server::new();
    let ann = server.arrives("ann");
    for value in [json!({"a": [1, null, "x"]}), json!(""), json!(0), json!(false)] {
        chat(&mut server, ann, json!({"value": value}));
        assert_eq!(server.hears_one(ann)["value"], value);
    }
}

#[test]
fn surprise_32_who_was_shut_up_cannot_send_messages_of_any_kind() {
    let mut server = Server::new();
    let (olga, ann) = (server.arrives("olga"), server.arrives("ann"));
    server.says(olga, json!({"type": "useraction", "kind": "shutup", "dest": "ann"}));
    server.forget();
    for message in [
        json!({"type": "chat", "value": "x"}),
        json!({"type": "chat", "value": "x", "dest": "olga"}),
        json!({"type": "usermessage", "kind": "filetransfer", "dest": "olga", "value": {}}),
        json!({"type": "chat", "kind": "caption", "value": "x"}),
    ] {
        server.says(ann, message);
        let said = server.hears_one(ann);
        let said = error_text(&said);
        assert!(said.starts_with("not authorised: this takes the permission "), "{said}");
    }
    assert!(server.hears(olga).is_empty());
}

#[test]
fn surprise_33_captions_need_their_own_permission_and_are_not_remembered() {
    let mut server = Server::new();
    server.write(
        "talk",
        r#"{"users": {"cap": {"password": "secret", "permissions": "caption"}},
            "wildcard-user": {"password": "secret", "permissions": "message"}}"#,
    );
    let (cap, ann) = (server.arrives_in("talk", "cap"), server.arrives_in("talk", "ann"));
    chat(&mut server, cap, json!({"kind": "caption", "value": "as he says"}));
    assert_eq!(server.hears_one(ann)["kind"], "caption");
    server.forget();
    chat(&mut server, cap, json!({"value": "plain"}));
    let said = "not authorised: this takes the permission \"message\"";
    assert_eq!(error_text(&server.hears_one(cap)), said);
    chat(&mut server, ann, json!({"kind": "caption", "value": "x"}));
    let said = "not authorised: this takes the permission \"caption\"";
    assert_eq!(error_text(&server.hears_one(ann)), said);
    let late = server.connect("late");
    server.tries_to_join(late, "talk", "late", "secret");
    assert_eq!(server.hears_kinds(late), ["joined/join", "user/add", "user/add", "user/add"]);
}

#[test]
fn user_messages_are_relayed_whatever_their_kind() {
    let mut server = Server::new();
    let (ann, olga) = (server.arrives("ann"), server.arrives("olga"));
    let transfer = json!({"type": "usermessage", "kind": "filetransfer", "dest": "olga",
                          "value": {"type": "invite", "id": "7"}});
    server.says(ann, transfer);
    let heard = server.hears_one(olga);
    assert_eq!((&heard["source"], &heard["username"]), (&json!("ann"), &json!("ann")));
    assert_eq!(heard["value"], json!({"type": "invite", "id": "7"}));
    assert_eq!((heard.get("id"), heard.get("privileged")), (None, None));

    server.says(olga, json!({"type": "usermessage", "kind": "mute", "noecho": true}));
    let heard = server.hears_one(ann);
    assert_eq!((kind(&heard).as_str(), &heard["privileged"]), ("usermessage/mute", &json!(true)));
    assert!(server.hears(olga).is_empty());
    assert!(history(&mut server).is_empty());
}

#[test]
fn surprise_109_long_messages_are_refused_and_the_sender_stays() {
    let mut server = Server::new();
    let (ann, bob) = (server.arrives("ann"), server.arrives("bob"));
    chat(&mut server, ann, json!({"value": "x".repeat(8 * 1024 - 2)}));
    assert_eq!(kind(&server.hears_one(ann)), "chat");
    server.forget();
    chat(&mut server, ann, json!({"value": "x".repeat(8 * 1024)}));
    assert!(error_text(&server.hears_one(ann)).contains("too long"));
    server.says(ann, json!({"type": "usermessage", "kind": "x", "value": "x".repeat(64 * 1024)}));
    assert!(error_text(&server.hears_one(ann)).contains("too long"));
    assert!(server.hears(bob).is_empty());
}

#[test]
fn a_newcomer_is_sent_at_most_256_kib_of_history() {
    let mut server = Server::new();
    let ann = server.arrives("ann");
    for _ in 0..50 {
        server.millis(100);
        chat(&mut server, ann, json!({"value": "x".repeat(8000)}));
    }
    let bytes: usize = history(&mut server).iter().map(|entry| entry.to_string().len()).sum();
    assert!((200 * 1024..=256 * 1024).contains(&bytes), "{bytes}");
}

#[test]
fn history_older_than_the_group_allows_is_not_replayed() {
    let mut server = Server::new();
    let file = r#"{"max-history-age": 60, "wildcard-user": {"password": "secret", "permissions": "message"}}"#;
    server.write("lounge", file);
    let ann = server.arrives("ann");
    chat(&mut server, ann, json!({"value": "old"}));
    for _ in 0..3 {
        server.millis(20_500);
        server.says(ann, json!({"type": "ping"}));
    }
    chat(&mut server, ann, json!({"value": "new"}));
    let said: Vec<Value> =
        history(&mut server).iter().map(|entry| entry["value"].clone()).collect();
    assert_eq!(said, ["new"]);
}

#[test]
fn operators_clear_the_chat_for_those_present_and_those_to_come() {
    let mut server = Server::new();
    let (olga, ann) = (server.arrives("olga"), server.arrives("ann"));
    for id in ["1", "2", "3"] {
        chat(&mut server, ann, json!({"value": id, "id": id}));
    }
    server.forget();
    let clear = |value: Value| json!({"type": "groupaction", "kind": "clearchat", "value": value});
    server.says(ann, clear(json!(null)));
    let said = "not authorised: this takes the permission \"op\"";
    assert_eq!(error_text(&server.hears_one(ann)), said);

    server.says(olga, clear(json!({"id": "2", "userId": "ann"})));
    let heard = server.hears_one(ann);
    assert_eq!(
        heard,
        json!({"type": "usermessage", "kind": "clearchat", "privileged": true,
               "value": {"id": "2", "userId": "ann"}})
    );
    assert_eq!(server.hears_one(olga), heard);
    assert_eq!(history(&mut server).len(), 2);

    server.forget();
    server.says(olga, clear(json!({"id": "1"})));
    assert_eq!(server.hears_kinds(olga), ["usermessage/error"], "an id alone names no message");
    server.says(olga, clear(json!(null)));
    assert_eq!(server.hears_one(ann).get("value"), None);
    assert!(history(&mut server).is_empty());
}

/// Returns what somebody who joins the lounge now is told of what was said.
fn history(server: &mut Server) -> Vec<Value> {
    let late = server.connect("late");
    server.tries_to_join(late, "lounge", "late", "secret");
    let heard = server.hears(late);
    server.hangs_up(late);
    server.forget();
    heard.into_iter().filter(|message| message["type"] == "chathistory").collect()
}
