//! What operators do.

use galene_conference::Input;
use galene_protocol::ClientId;
use serde_json::{Value, json};

use crate::harness::{Client, Server, error_text, kind, name};

fn acts(server: &mut Server, client: Client, kind: &str, dest: &str, value: Value) {
    server.says(client, json!({"type": "useraction", "kind": kind, "dest": dest, "value": value}));
}

#[test]
fn surprise_40_a_lock_keeps_everybody_out_but_operators_and_only_they_read_its_message() {
    let mut server = Server::new();
    let (olga, ann) = (server.arrives("olga"), server.arrives("ann"));
    server.says(olga, json!({"type": "groupaction", "kind": "lock", "value": "back at noon"}));
    for member in [olga, ann] {
        let heard = server.hears_one(member);
        assert_eq!(
            (kind(&heard).as_str(), &heard["status"]["locked"]),
            ("joined/change", &json!(true))
        );
        assert!(!heard.to_string().contains("noon"));
    }
    let bob = server.connect("bob");
    server.tries_to_join(bob, "lounge", "bob", "secret");
    assert_eq!(server.hears_one(bob)["value"], "back at noon");
    server.says(olga, json!({"type": "groupaction", "kind": "unlock"}));
    assert_eq!(server.hears_one(ann)["status"].get("locked"), None);
    server.tries_to_join(bob, "lounge", "bob", "secret");
    assert_eq!(kind(&server.hears(bob)[0]), "joined/join");
}

#[test]
fn changed_permissions_are_told_to_the_member_first_and_then_to_all() {
    let mut server = Server::new();
    let (olga, ann) = (server.arrives("olga"), server.arrives("ann"));
    acts(&mut server, olga, "op", "ann", json!(null));
    let heard = server.hears(ann);
    assert_eq!(heard.iter().map(kind).collect::<Vec<_>>(), ["joined/change", "user/change"]);
    let permissions = json!(["present", "message", "op", "record"]);
    assert_eq!((&heard[0]["permissions"], &heard[1]["permissions"]), (&permissions, &permissions));
    assert_eq!(server.hears(olga), [heard[1].clone()]);
    acts(&mut server, ann, "unop", "olga", json!(null));
    assert_eq!(
        server.hears(olga)[0]["permissions"],
        json!(["present", "message", "caption", "token"])
    );
}

#[test]
fn surprise_28_every_change_of_a_membership_brings_the_data_of_the_group() {
    let mut server = Server::new();
    let (olga, ann) = (server.arrives("olga"), server.arrives("ann"));
    server.says(olga, json!({"type": "groupaction", "kind": "setdata", "value": {"topic": "x"}}));
    server.forget();
    acts(&mut server, olga, "op", "ann", json!(null));
    let change = server.hears(ann).swap_remove(0);
    assert_eq!(
        (kind(&change).as_str(), &change["data"]),
        ("joined/change", &json!({"topic": "x"}))
    );
    server.forget();
    server.says(olga, json!({"type": "groupaction", "kind": "lock"}));
    assert_eq!(server.hears_one(ann)["data"], json!({"topic": "x"}));
}

#[test]
fn surprise_29_an_operator_made_where_nothing_is_recorded_may_not_record() {
    let mut server = Server::new();
    server.write(
        "quiet",
        r#"{"users": {"olga": {"password": "op", "permissions": "op"}},
                              "wildcard-user": {"password": "secret"}}"#,
    );
    let (olga, ann) = (server.arrives_in("quiet", "olga"), server.arrives_in("quiet", "ann"));
    acts(&mut server, olga, "op", "ann", json!(null));
    assert_eq!(server.hears(ann)[0]["permissions"], json!(["op"]));
}

#[test]
fn surprise_30_who_may_no_longer_publish_loses_its_streams_between_the_two_news() {
    let mut server = Server::new();
    let (olga, ann, bob) = (server.arrives("olga"), server.arrives("ann"), server.watches("bob"));
    server.publishes(ann, "a");
    server.offers(ann, "b");
    server.forget();
    acts(&mut server, olga, "unpresent", "ann", json!(null));
    assert_eq!(
        server.hears_kinds(ann),
        ["joined/change", "abort/a", "abort/b", "usermessage/error", "user/change"]
    );
    assert_eq!(server.hears_kinds(bob), ["close/a", "user/change"]);
    server.says(ann, json!({"type": "offer", "id": "c", "sdp": "x"}));
    assert_eq!(server.hears_kinds(ann), ["abort/c", "usermessage/error"]);
    acts(&mut server, olga, "present", "ann", json!(null));
    server.offers(ann, "a");
}

#[test]
fn surprise_26_a_kicked_member_is_told_by_whom_and_why() {
    let mut server = Server::new();
    let (olga, ann, bob) = (server.arrives("olga"), server.arrives("ann"), server.arrives("bob"));
    acts(&mut server, olga, "kick", "ann", json!("spam"));
    let heard = server.hears_one(ann);
    assert_eq!(kind(&heard), "usermessage/kicked");
    assert_eq!(
        (&heard["id"], &heard["username"], &heard["value"]),
        (&json!("olga"), &json!("olga"), &json!("spam"))
    );
    assert_eq!(server.close_of(ann), Some((1000, "you have been kicked out by olga: spam")));
    assert_eq!(server.hears_kinds(bob), ["user/delete"]);
    assert_eq!(server.hears_kinds(olga), ["user/delete"]);
}

#[test]
fn surprise_38_a_long_kick_message_is_told_whole_and_its_close_reason_is_cut() {
    let mut server = Server::new();
    let (olga, ann) = (server.arrives("olga"), server.arrives("ann"));
    let message = "é".repeat(200);
    acts(&mut server, olga, "kick", "ann", json!(message));
    assert_eq!(server.hears_one(ann)["value"], json!(message));
    let (code, reason) = server.close_of(ann).unwrap();
    assert_eq!(code, 1000);
    assert!((120..=123).contains(&reason.len()), "{reason}");
}

#[test]
fn operators_may_act_on_themselves_and_on_each_other() {
    let mut server = Server::new();
    let (olga, ann) = (server.arrives("olga"), server.arrives("ann"));
    acts(&mut server, olga, "op", "ann", json!(null));
    acts(&mut server, ann, "kick", "olga", json!(null));
    assert!(!server.is_open(olga));
    acts(&mut server, ann, "unop", "ann", json!(null));
    acts(&mut server, ann, "kick", "ann", json!(null));
    assert!(server.is_open(ann), "an operator no more");
}

#[test]
fn identifying_somebody_is_told_to_both() {
    let mut server = Server::new();
    let (olga, ann) = (server.arrives("olga"), server.arrives("ann"));
    acts(&mut server, olga, "identify", "ann", json!(null));
    let info = json!({"type": "usermessage", "kind": "userinfo", "privileged": true,
                      "value": {"id": "ann", "username": "ann", "address": "192.0.2.2:4000"}});
    assert_eq!(server.hears_one(olga), info);
    let heard = server.hears_one(ann);
    assert_eq!(kind(&heard), "usermessage/warning");
    assert!(heard["value"].as_str().unwrap().contains("olga"));
}

#[test]
fn data_is_merged_and_told_to_all() {
    let mut server = Server::new();
    let (olga, ann) = (server.arrives("olga"), server.arrives("ann"));
    acts(&mut server, ann, "setdata", "ann", json!({"raisehand": true}));
    assert_eq!(server.hears_one(olga)["data"], json!({"raisehand": true}));
    assert_eq!(kind(&server.hears_one(ann)), "user/change");
    acts(&mut server, ann, "setdata", "ann", json!({"raisehand": null}));
    assert_eq!(server.hears_one(olga).get("data"), None);
    server.forget();

    acts(&mut server, olga, "setdata", "ann", json!({"x": 1}));
    assert_eq!(error_text(&server.hears_one(olga)), "not authorised");
    acts(&mut server, ann, "setdata", "ann", json!(7));
    assert_eq!(server.hears_kinds(ann), ["usermessage/error"]);
    acts(&mut server, ann, "setdata", "ann", json!({"x": "x".repeat(70_000)}));
    assert!(error_text(&server.hears_one(ann)).contains("64 KiB"));

    server.says(olga, json!({"type": "groupaction", "kind": "setdata", "value": {"topic": "tea"}}));
    assert_eq!(server.hears_one(ann)["data"], json!({"topic": "tea"}));
    assert_eq!(server.hears_one(olga)["data"], json!({"topic": "tea"}));
    server.says(olga, json!({"type": "groupaction", "kind": "lock"}));
    assert_eq!(
        server.hears_one(ann)["data"],
        json!({"topic": "tea"}),
        "every change carries the data"
    );
    acts(&mut server, olga, "op", "ann", json!(null));
    assert_eq!(server.hears(ann)[0]["data"], json!({"topic": "tea"}));
}

#[test]
fn surprise_37_unknown_actions_are_errors_but_no_reason_to_part() {
    let mut server = Server::new();
    let olga = server.arrives("olga");
    for message in [
        json!({"type": "groupaction", "kind": "dance"}),
        json!({"type": "useraction", "kind": "dance", "dest": "olga"}),
        json!({"type": "useraction", "kind": "kick"}),
        json!({"type": "useraction", "kind": "kick", "dest": "nobody"}),
        json!({"type": "groupaction", "kind": "record"}),
    ] {
        server.says(olga, message.clone());
        assert_eq!(server.hears_kinds(olga), ["usermessage/error"], "{message}");
        assert!(server.is_open(olga), "{message}");
    }
}

#[test]
fn groups_below_are_listed_for_operators() {
    let mut server = Server::new();
    server
        .write("lounge", &crate::harness::LOUNGE.replacen('{', r#"{"auto-subgroups": true, "#, 1));
    let olga = server.arrives("olga");
    server.arrives_in("lounge/a", "ann");
    server.arrives_in("lounge/a", "bob");
    let carol = server.arrives_in("lounge/b", "carol");
    server.arrives_in("lounge/b/c", "dave");
    server.hangs_up(carol);
    server.forget();
    server.says(olga, json!({"type": "groupaction", "kind": "subgroups"}));
    let heard = server.hears_one(olga);
    assert_eq!((kind(&heard).as_str(), &heard["username"]), ("chat", &json!("Server")));
    assert_eq!((&heard["dest"], heard.get("source")), (&json!("olga"), None));
    assert_eq!(heard["value"], "lounge/a (2 clients)\nlounge/b/c (1 client)\n");
}

#[test]
fn surprise_111_a_group_that_locks_itself_does_so_when_its_last_operator_goes_or_is_one_no_more() {
    let file = crate::harness::LOUNGE.replacen('{', r#"{"autolock": true, "#, 1);
    let mut server = Server::new();
    server.write("lounge", &file);
    let olga = server.arrives("olga");
    let locked = |server: &Server| server.conference.groups().next().unwrap().is_locked();
    assert!(locked(&server), "it starts locked, and an operator's coming does not change that");
    server.says(olga, json!({"type": "groupaction", "kind": "unlock"}));
    let ann = server.arrives("ann");
    acts(&mut server, olga, "unop", "olga", json!(null));
    assert!(locked(&server));
    assert_eq!(server.hears_kinds(ann), ["joined/change", "user/change"]);
}

#[test]
fn a_group_that_needs_an_operator_lets_everybody_go_without_one() {
    let file = crate::harness::LOUNGE.replacen('{', r#"{"autokick": true, "#, 1);
    for gone in [true, false] {
        let mut server = Server::new();
        server.write("lounge", &file);
        let (olga, ann) = (server.arrives("olga"), server.arrives("ann"));
        if gone {
            server.hangs_up(olga);
        } else {
            acts(&mut server, olga, "unop", "olga", json!(null));
            assert!(!server.is_open(olga));
        }
        let heard = server.hears(ann);
        assert_eq!(kind(heard.last().unwrap()), "usermessage/kicked");
        assert_eq!(server.close_of(ann).map(|(code, _)| code), Some(1000));
        assert_eq!(server.conference.member_count(&name("lounge")), 0);
    }
}

#[test]
fn surprise_39_recording_that_is_not_possible_is_said_and_no_reason_to_part() {
    let mut server = Server::new();
    let (olga, ann) = (server.arrives("olga"), server.arrives("ann"));
    server.says(olga, json!({"type": "groupaction", "kind": "record"}));
    assert_eq!(error_text(&server.hears_one(olga)), "this server does not record");
    server.says(olga, json!({"type": "groupaction", "kind": "unrecord"}));
    assert!(server.hears(olga).is_empty(), "nothing is being recorded");
    for kind in ["record", "unrecord"] {
        server.says(ann, json!({"type": "groupaction", "kind": kind}));
        let said = "not authorised: this takes the permission \"record\"";
        assert_eq!(error_text(&server.hears_one(ann)), said);
    }
    assert!(server.is_open(olga) && server.is_open(ann));
}

#[test]
fn an_administrator_lets_a_member_go() {
    let mut server = Server::new();
    let (ann, bob) = (server.arrives("ann"), server.arrives("bob"));
    server.forget();
    let kick = |client: &str, group: &str| Input::Kick {
        group: name(group),
        client: ClientId::try_from(client).unwrap(),
        message: Some("time is up".to_owned()),
    };
    server.input(kick("ann", "elsewhere"));
    server.input(kick("carol", "lounge"));
    assert!(server.nobody_hears_anything(), "there are no such members");
    server.input(kick("ann", "lounge"));
    let heard = server.hears(ann);
    assert_eq!(heard[0]["kind"], "kicked");
    assert_eq!(heard[0]["value"], "time is up");
    assert!(heard[0].get("source").is_none(), "it comes from the server");
    assert!(server.close_of(ann).is_some());
    assert_eq!(server.hears_kinds(bob), ["user/delete"]);
}
