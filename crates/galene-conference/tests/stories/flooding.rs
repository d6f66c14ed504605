//! Clients that say too much.

use serde_json::{Value, json};

use crate::harness::{Client, Server, error_text, kind};

fn says_often(server: &mut Server, client: Client, times: usize, message: &Value) {
    for _ in 0..times {
        server.says(client, message.clone());
    }
}

#[test]
fn thirty_messages_at_once_pass_and_more_are_refused_with_a_word() {
    let mut server = Server::new();
    let (ann, bob) = (server.arrives("ann"), server.arrives("bob"));
    says_often(&mut server, ann, 60, &json!({"type": "chat", "value": "x"}));
    let heard = server.hears_kinds(ann);
    assert_eq!(heard.iter().filter(|kind| *kind == "chat").count(), 30);
    assert_eq!(
        heard.iter().filter(|kind| *kind == "usermessage/error").count(),
        1,
        "once per bout"
    );
    assert_eq!(server.hears(bob).len(), 30);
    server.millis(1000);
    says_often(&mut server, ann, 20, &json!({"type": "chat", "value": "x"}));
    assert_eq!(server.hears(bob).len(), 10);
    assert!(server.is_open(ann));
}

#[test]
fn others_are_not_held_to_what_one_used_up() {
    let mut server = Server::new();
    let (ann, bob) = (server.arrives("ann"), server.arrives("bob"));
    says_often(&mut server, ann, 60, &json!({"type": "chat", "value": "x"}));
    server.forget();
    server.says(bob, json!({"type": "chat", "value": "y"}));
    assert_eq!(server.hears_kinds(bob), ["chat"]);
    server.says(ann, json!({"type": "useraction", "kind": "setdata", "dest": "ann", "value": {"raisehand": true}}));
    assert_eq!(server.hears_kinds(bob), ["user/change"], "other kinds have their own");
}

#[test]
fn nobody_swamps_the_others_by_small_changes_of_large_data() {
    let mut server = Server::new();
    let (ann, bob) = (server.arrives("ann"), server.arrives("bob"));
    let set = |value: Value| json!({"type": "useraction", "kind": "setdata", "dest": "ann", "value": value});
    server.says(ann, set(json!({"large": "x".repeat(60_000)})));
    for n in 0..40 {
        server.says(ann, set(json!({"n": n})));
    }
    // Half a megabyte at once, and no more, though each change is a few bytes.
    let bytes = |heard: &[Value]| heard.iter().map(|heard| heard.to_string().len()).sum::<usize>();
    let heard = server.hears(bob);
    assert!(heard.len() > 5 && bytes(&heard) <= 520 << 10, "{}", bytes(&heard));
    assert!(error_text(server.hears(ann).last().unwrap()).contains("too many"));
    // Four seconds are worth one more.
    server.millis(4_000);
    server.says(ann, set(json!({"n": null})));
    server.says(ann, set(json!({"n": 1})));
    assert_eq!(server.hears_kinds(bob), ["user/change"]);
    assert!(server.is_open(ann));
    // What is said weighs the same; others have an allowance of their own.
    server.says(ann, json!({"type": "usermessage", "kind": "x", "value": "x".repeat(60_000)}));
    assert!(server.hears(bob).is_empty());
    server.says(bob, json!({"type": "usermessage", "kind": "x", "value": "x".repeat(60_000)}));
    assert_eq!(server.hears_kinds(bob), ["usermessage/x"]);
}

#[test]
fn ten_times_too_much_is_cut_off() {
    for (message, times) in [
        (json!({"type": "chat", "value": "x"}), 301),
        (json!({"type": "usermessage", "kind": "x"}), 301),
        (json!({"type": "groupaction", "kind": "lock"}), 501),
        (json!({"type": "offer", "id": "s", "sdp": "x"}), 1001),
        (json!({"type": "request", "request": {"": ["audio"]}}), 1001),
        (json!({"type": "ping"}), 25_001),
        (json!({"type": "join", "kind": "leave", "group": "x"}), 101),
    ] {
        let mut server = Server::new();
        let (ann, bob) = (server.arrives("ann"), server.arrives("bob"));
        says_often(&mut server, ann, times - 2, &message);
        assert!(server.is_open(ann), "{message}");
        says_often(&mut server, ann, 2, &message);
        assert_eq!(server.close_of(ann).map(|(code, _)| code), Some(1008), "{message}");
        assert_eq!(kind(server.hears(bob).last().unwrap()), "user/delete");
    }
}

#[test]
fn guessing_passwords_is_held_to_one_a_second() {
    let mut server = Server::new();
    let ann = server.connect("ann");
    let mut refused = 0;
    for _ in 0..20 {
        server.tries_to_join(ann, "lounge", "olga", "guess");
        server.millis(200);
        let heard = server.hears_one(ann);
        assert_eq!(kind(&heard), "joined/fail");
        refused += usize::from(heard["value"].as_str().unwrap().contains("too many"));
    }
    assert!((6..=10).contains(&refused), "{refused} of twenty in four seconds");
    // By then, none of its guesses counts any more.
    for _ in 0..4 {
        server.millis(15_000);
        server.says(ann, json!({"type": "pong"}));
    }
    server.forget();
    server.tries_to_join(ann, "lounge", "ann", "secret");
    assert_eq!(kind(&server.hears(ann)[0]), "joined/join");
}

#[test]
fn every_refused_offer_is_aborted() {
    let mut server = Server::new();
    let ann = server.arrives("ann");
    says_often(&mut server, ann, 100, &json!({"type": "offer", "id": "s", "sdp": "x"}));
    server.forget();
    says_often(&mut server, ann, 2, &json!({"type": "offer", "id": "s", "sdp": "x"}));
    assert_eq!(server.hears_kinds(ann), ["abort/s", "usermessage/error", "abort/s"]);
}

#[test]
fn unreadable_messages_count_too() {
    let mut server = Server::new();
    let ann = server.arrives("ann");
    let unreadable = json!({"type": "groupaction", "kind": "setdata", "value": 7});
    says_often(&mut server, ann, 2499, &unreadable);
    server.forget();
    says_often(&mut server, ann, 10, &unreadable);
    assert!(error_text(&server.hears_one(ann)).contains("too many"));
}

#[test]
fn a_newcomer_to_a_large_group_may_answer_all_that_it_is_offered() {
    let mut server = Server::new();
    for n in 0..20 {
        let publisher = server.arrives(&format!("publisher {n}"));
        for stream in 0..10 {
            server.publishes(publisher, &format!("{n} {stream}"));
        }
    }
    let bob = server.watches("bob");
    for offer in server.hears(bob) {
        let stream = offer["id"].as_str().unwrap().to_owned();
        server.answers(bob, &stream);
        for n in 0..10 {
            let candidate = json!({"candidate": format!("candidate:{n}")});
            server.says(bob, json!({"type": "ice", "id": stream, "candidate": candidate}));
        }
    }
    assert!(server.hears(bob).is_empty(), "nothing was refused");
    // All 200 streams, each with an answer and ten candidates.
    assert_eq!(server.commands().len(), 200 + 200 * 11);
}
