//! Who becomes a member, and what everybody hears of it.

use galene_conference::Config;
use galene_protocol::{IceServer, RtcConfiguration};
use serde_json::{Value, json};

use crate::harness::{Server, kind, name};

#[test]
fn surprise_18_a_newcomer_hears_that_it_joined_then_the_history_then_itself_then_the_others() {
    let mut server = Server::new();
    let olga = server.arrives("olga");
    server.says(olga, json!({"type": "chat", "value": "hello"}));
    server.forget();

    let ann = server.connect("ann");
    server.says(
        ann,
        json!({"type": "join", "kind": "join", "group": "lounge", "username": "ann", "password": "secret",
               "data": {"mood": "fine"}}),
    );
    let heard = server.hears(ann);
    let kinds: Vec<String> = heard.iter().map(kind).collect();
    assert_eq!(kinds, ["joined/join", "chathistory", "user/add", "user/add"]);
    assert_eq!(
        heard[0],
        json!({
            "type": "joined", "kind": "join", "group": "lounge", "username": "ann",
            "permissions": ["present", "message"],
            "status": {"name": "lounge", "clientCount": 2},
            "rtcConfiguration": {}
        })
    );
    assert_eq!((&heard[1]["value"], &heard[1]["source"]), (&json!("hello"), &json!("olga")));
    assert_eq!(heard[1].get("privileged"), None);
    assert_eq!(
        heard[2],
        json!({"type": "user", "kind": "add", "id": "ann", "username": "ann",
               "permissions": ["present", "message"], "data": {"mood": "fine"}})
    );
    assert_eq!(heard[3]["id"], "olga");
    assert_eq!(server.hears(olga), [heard[2].clone()]);
}

#[test]
fn surprise_27_every_joined_carries_the_rtc_configuration() {
    let servers =
        vec![IceServer { urls: vec!["turn:turn.example".to_owned()], ..IceServer::default() }];
    let rtc_configuration =
        RtcConfiguration { ice_servers: servers, ..RtcConfiguration::default() };
    let mut server = Server::with_config(Config { rtc_configuration, ..Config::default() });
    let olga = server.connect("olga");
    server.tries_to_join(olga, "lounge", "olga", "op");
    server.says(olga, json!({"type": "groupaction", "kind": "lock"}));
    server.says(olga, json!({"type": "join", "kind": "leave", "group": "lounge"}));
    let heard = server.hears(olga);
    let joined: Vec<&Value> = heard.iter().filter(|message| message["type"] == "joined").collect();
    assert_eq!(
        joined.iter().map(|m| kind(m)).collect::<Vec<_>>(),
        ["joined/join", "joined/change", "joined/leave"]
    );
    for message in joined {
        assert_eq!(
            message["rtcConfiguration"]["iceServers"][0]["urls"],
            json!(["turn:turn.example"])
        );
    }
}

#[test]
fn surprise_19_what_is_said_during_a_join_is_heard_once_and_not_before_joined() {
    let mut server = Server::new();
    let olga = server.arrives("olga");
    let ann = server.connect("ann");
    server.slow_shell = true;
    server.tries_to_join(ann, "lounge", "ann", "secret");
    server.says(olga, json!({"type": "chat", "value": "one"}));
    server.answer_load();
    server.says(olga, json!({"type": "chat", "value": "two"}));
    assert!(server.hears(ann).is_empty(), "nothing before `joined`");
    server.answer_authorise();
    server.says(olga, json!({"type": "chat", "value": "three"}));
    let heard = server.hears(ann);
    let said: Vec<&Value> = heard.iter().filter_map(|message| message.get("value")).collect();
    assert_eq!(said, ["one", "two", "three"]);
    assert_eq!(kind(&heard[0]), "joined/join");
    assert_eq!(heard[3]["id"], "ann");
    assert_eq!(kind(&heard[5]), "chat");
}

#[test]
fn wrong_credentials_are_refused_after_200_ms_and_say_nothing_about_which_part_was_wrong() {
    let mut texts = Vec::new();
    for (user, password) in [("olga", "wrong"), ("nobody", "wrong"), ("a/../b", "secret")] {
        let mut server = Server::new();
        let ann = server.connect("ann");
        server.tries_to_join(ann, "lounge", user, password);
        server.millis(199);
        assert!(server.hears(ann).is_empty());
        server.millis(1);
        let heard = server.hears_one(ann);
        assert_eq!(kind(&heard), "joined/fail");
        assert_eq!(heard["group"], "lounge");
        assert_eq!((heard.get("error"), heard.get("permissions")), (None, None));
        texts.push(heard["value"].clone());
        server.tries_to_join(ann, "lounge", "ann", "secret");
        assert_eq!(kind(&server.hears(ann)[0]), "joined/join", "it may try again");
    }
    assert_eq!(texts[0], "wrong username or password");
    assert_eq!(texts[1], texts[0]);
    assert!(texts[2].as_str().unwrap().starts_with("a username"), "that is no secret: {texts:?}");
}

#[test]
fn the_delay_of_a_refusal_is_for_that_client_alone() {
    let mut server = Server::new();
    let (ann, bob) = (server.connect("ann"), server.connect("bob"));
    server.tries_to_join(ann, "lounge", "ann", "wrong");
    server.tries_to_join(bob, "lounge", "bob", "secret");
    assert_eq!(kind(&server.hears(bob)[0]), "joined/join");
    server.says(bob, json!({"type": "chat", "value": "x"}));
    assert_eq!(kind(&server.hears(bob)[0]), "chat");
    assert!(server.hears(ann).is_empty());
}

#[test]
fn what_a_client_sends_while_it_joins_is_taken_in_order_afterwards() {
    let mut server = Server::new();
    let ann = server.connect("ann");
    server.slow_shell = true;
    server.tries_to_join(ann, "lounge", "ann", "wrong");
    server.says(ann, json!({"type": "ping"}));
    server.tries_to_join(ann, "lounge", "ann", "secret");
    server.says(ann, json!({"type": "chat", "value": "first"}));
    server.says(ann, json!({"type": "chat", "value": "second"}));
    server.answer_load();
    server.answer_authorise();
    assert!(server.hears(ann).is_empty());
    server.millis(200);
    assert_eq!(server.hears_kinds(ann), ["joined/fail", "pong"]);
    server.answer_load();
    server.answer_authorise();
    let heard = server.hears(ann);
    assert_eq!(
        heard.iter().map(kind).collect::<Vec<_>>(),
        ["joined/join", "user/add", "chat", "chat"]
    );
    assert_eq!((&heard[2]["value"], &heard[3]["value"]), (&json!("first"), &json!("second")));
}

#[test]
fn a_client_that_sends_too_much_while_it_joins_is_cut_off() {
    let mut server = Server::new();
    let ann = server.connect("ann");
    server.slow_shell = true;
    server.tries_to_join(ann, "lounge", "ann", "secret");
    for _ in 0..64 {
        server.says(ann, json!({"type": "ping"}));
    }
    assert!(server.is_open(ann));
    server.says(ann, json!({"type": "ping"}));
    assert_eq!(server.close_of(ann).map(|(code, _)| code), Some(1008));
    server.answer_load();
    assert!(server.conference.groups().next().is_none(), "the answer comes to nothing");
}

#[test]
fn answers_for_a_client_that_is_gone_come_to_nothing() {
    let mut server = Server::new();
    let ann = server.connect("ann");
    server.slow_shell = true;
    server.tries_to_join(ann, "lounge", "ann", "secret");
    server.answer_load();
    server.hangs_up(ann);
    server.answer_authorise();
    assert_eq!(server.conference.member_count(&name("lounge")), 0);
    assert_eq!(server.conference.session_count(), 0);
}

#[test]
fn surprise_1_a_client_whose_credentials_were_right_but_who_was_refused_may_do_nothing() {
    let mut server = Server::new();
    server.write(
        "full",
        r#"{"max-clients": 1, "wildcard-user": {"password": "secret", "permissions": "present"}}"#,
    );
    let bob = server.arrives_in("full", "bob");
    let ann = server.connect("ann");
    server.tries_to_join(ann, "full", "ann", "secret");
    assert_eq!(kind(&server.hears_one(ann)), "joined/fail");
    for (attempt, reply) in [
        (json!({"type": "offer", "id": "s", "sdp": "x"}), vec!["abort/s", "usermessage/error"]),
        (json!({"type": "chat", "value": "x"}), vec!["usermessage/error"]),
        (json!({"type": "usermessage", "kind": "mute", "value": "x"}), vec!["usermessage/error"]),
        (json!({"type": "request", "request": {"": ["audio"]}}), vec!["usermessage/error"]),
        (json!({"type": "groupaction", "kind": "lock"}), vec!["usermessage/error"]),
        (
            json!({"type": "groupaction", "kind": "maketoken", "value": {}}),
            vec!["usermessage/error"],
        ),
        (json!({"type": "useraction", "kind": "kick", "dest": "bob"}), vec!["usermessage/error"]),
        (json!({"type": "join", "kind": "leave", "group": "full"}), vec!["usermessage/error"]),
        (json!({"type": "requestStream", "id": "s", "request": ["audio"]}), vec![]),
        (json!({"type": "close", "id": "s"}), vec![]),
        (json!({"type": "renegotiate", "id": "s"}), vec![]),
        (json!({"type": "ice", "id": "s", "candidate": {"candidate": "x"}}), vec![]),
        (json!({"type": "answer", "id": "s", "sdp": "x"}), vec!["close/s"]),
        (json!({"type": "abort", "id": "s"}), vec!["close/s"]),
    ] {
        server.says(ann, attempt.clone());
        assert_eq!(server.hears_kinds(ann), reply, "{attempt}");
        assert!(server.is_open(ann), "{attempt}");
    }
    assert!(server.commands().is_empty());
    assert!(server.hears(bob).is_empty());
}

#[test]
fn surprise_2_a_group_that_is_elsewhere_gets_no_ghost_member() {
    let mut server = Server::new();
    server.write("moved", r#"{"redirect": "https://other.example/", "wildcard-user": {"password": {"type": "wildcard"}}}"#);
    let ann = server.connect("ann");
    server.tries_to_join(ann, "moved", "ann", "");
    let redirect = json!({
        "type": "joined", "kind": "redirect", "group": "moved", "username": "ann",
        "value": "https://other.example/"
    });
    assert_eq!(server.hears(ann), [redirect]);
    assert_eq!(server.conference.member_count(&name("moved")), 0);
    server.tries_to_join(ann, "lounge", "ann", "secret");
    assert_eq!(kind(&server.hears(ann)[0]), "joined/join");
}

#[test]
fn each_reason_at_the_gate_has_its_own_words_and_operators_pass_them_all() {
    let users = r#""users": {"olga": {"password": "op", "permissions": "op"}},
        "wildcard-user": {"password": "secret", "permissions": "present"}"#;
    let mut texts = Vec::new();
    for rule in [
        r#""autolock": true"#,
        r#""not-before": "2030-01-01T00:00:00Z""#,
        r#""expires": "2020-01-01T00:00:00Z""#,
        r#""autokick": true"#,
    ] {
        let mut server = Server::new();
        server.write("g", &format!("{{{rule}, {users}}}"));
        let ann = server.connect("ann");
        server.tries_to_join(ann, "g", "ann", "secret");
        let heard = server.hears_one(ann);
        assert_eq!(kind(&heard), "joined/fail");
        texts.push(heard["value"].to_string());
        assert!(
            server.conference.groups().next().is_none(),
            "who is refused brings no group into memory"
        );
        server.arrives_in("g", "olga");
    }
    texts.sort();
    texts.dedup();
    assert_eq!(texts.len(), 4, "{texts:?}");
}

#[test]
fn the_first_reason_in_order_is_given() {
    let mut server = Server::new();
    let rules = r#"{"autolock": true, "expires": "2020-01-01T00:00:00Z", "autokick": true, "max-clients": 1,
        "users": {"olga": {"password": "op", "permissions": "op"}},
        "wildcard-user": {"password": "secret"}}"#;
    server.write("g", rules);
    let olga = server.arrives_in("g", "olga");
    let reason = |server: &mut Server| {
        let ann = server.connect("ann");
        server.tries_to_join(ann, "g", "ann", "secret");
        server.hears_one(ann)["value"].as_str().unwrap().to_owned()
    };
    assert!(reason(&mut server).contains("locked"));
    server.says(olga, json!({"type": "groupaction", "kind": "unlock"}));
    assert!(reason(&mut server).contains("closed"));
    server.write("g", &rules.replace("2020", "2040"));
    assert!(reason(&mut server).contains("too many"));
}

#[test]
fn other_failures_say_what_is_wrong() {
    let mut server = Server::new();
    server.write("broken", "{\"users\": {\"a\": {\"passwort\": \"hidden\"}}}");
    server.write("odd", r#"{"users": {"ann": {"password": {"type": "rot13", "key": "x"}}}}"#);
    let ann = server.connect("ann");
    for (group, text) in [
        ("nowhere", "does not exist"),
        ("../etc", "not a group's name"),
        ("", "not a group's name"),
        ("broken", "this group is misconfigured; the administrator has been told"),
        ("odd", "misconfigured"),
    ] {
        server.tries_to_join(ann, group, "ann", "x");
        let heard = server.hears_one(ann);
        assert_eq!(kind(&heard), "joined/fail");
        let value = heard["value"].as_str().unwrap();
        assert!(value.contains(text), "{group}: {value}");
        assert!(!value.contains("passwort"), "details are not for strangers");
    }
    server.says(ann, json!({"type": "join", "kind": "join", "group": "lounge"}));
    assert!(server.hears_one(ann)["value"].as_str().unwrap().contains("neither"));
}

#[test]
fn ids_must_be_given_and_be_unique_in_the_group() {
    let mut server = Server::new();
    server.write("other", r#"{"wildcard-user": {"password": "secret"}}"#);
    server.arrives("ann");
    let twin = server.connect("ann");
    server.tries_to_join(twin, "lounge", "twin", "secret");
    assert!(server.hears_one(twin)["value"].as_str().unwrap().contains("same id"));
    server.tries_to_join(twin, "other", "twin", "secret");
    assert_eq!(kind(&server.hears(twin)[0]), "joined/join");

    let nobody = server.open();
    server.says(nobody, json!({"type": "handshake", "version": ["2"]}));
    server.hears(nobody);
    server.tries_to_join(nobody, "lounge", "nobody", "secret");
    assert!(server.hears_one(nobody)["value"].as_str().unwrap().contains("without an id"));
}

#[test]
fn surprise_112_members_may_share_a_name() {
    let mut server = Server::new();
    server.arrives("ann");
    let second = server.connect("another id");
    server.tries_to_join(second, "lounge", "ann", "secret");
    assert_eq!(kind(&server.hears(second)[0]), "joined/join");
}

#[test]
fn initial_data_that_is_too_large_is_refused() {
    let mut server = Server::new();
    let ann = server.connect("ann");
    server.says(
        ann,
        json!({"type": "join", "kind": "join", "group": "lounge", "username": "ann", "password": "secret",
               "data": {"x": "x".repeat(70_000)}}),
    );
    assert_eq!(server.hears_kinds(ann), ["joined/fail"]);
}

#[test]
fn an_arrival_in_a_large_group_costs_one_broadcast() {
    let mut server = Server::new();
    for n in 0..300 {
        server.arrives(&format!("user {n}"));
    }
    server.sends = 0;
    let last = server.connect("last");
    server.tries_to_join(last, "lounge", "last", "secret");
    // Handshake, `joined`, 301 introductions, and one message that all others share.
    assert_eq!(server.sends, 1 + 1 + 301 + 1);
    server.sends = 0;
    server.says(last, json!({"type": "chat", "value": "x"}));
    assert_eq!(server.sends, 1);
}
