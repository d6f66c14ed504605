//! Who may do what: every message with every set of permissions, against a table that was written from
//! the description of the protocol and not from the code.

use std::sync::Arc;

use galene_conference::{Conference, Config};
use galene_group::{Action, ActionRequest, Authorizer, GaleneRules};
use galene_protocol::Permission;
use serde_json::{Value, json};

use crate::harness::{Server, kind};

/// What a message takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Needs {
    /// Membership.
    Nothing,
    /// All of these permissions.
    All(&'static [&'static str]),
    /// Nobody may.
    Never,
}

use Needs::{All, Never, Nothing};

/// The raw permissions that mean something in a meeting, and together those that do not.
const PERMISSIONS: [&[&str]; 7] = [
    &["op"],
    &["present"],
    &["message"],
    &["caption"],
    &["token"],
    &["record"],
    &["admin", "system", "made-up"],
];

/// Every message that a member can send about its group, and what it takes.
fn table() -> Vec<(Value, Needs)> {
    let group =
        |kind: &str, value: Value| json!({"type": "groupaction", "kind": kind, "value": value});
    let user = |kind: &str, dest: &str, value: Value| json!({"type": "useraction", "kind": kind, "dest": dest, "value": value});
    let expires = "2040-01-01T00:00:00Z";
    let mut table = vec![
        (json!({"type": "ping"}), Nothing),
        (json!({"type": "pong"}), Nothing),
        (json!({"type": "request", "request": {"": ["audio"]}}), Nothing),
        (json!({"type": "requestStream", "id": "s", "request": []}), Nothing),
        (json!({"type": "answer", "id": "s", "sdp": "x"}), Nothing),
        (json!({"type": "ice", "id": "s", "candidate": {"candidate": ""}}), Nothing),
        (json!({"type": "renegotiate", "id": "s"}), Nothing),
        (json!({"type": "close", "id": "s"}), Nothing),
        (json!({"type": "abort", "id": "s"}), Nothing),
        (json!({"type": "offer", "id": "s", "sdp": "x"}), All(&["present"])),
        (json!({"type": "offer", "id": "s", "sdp": "x", "replace": "r"}), All(&["present"])),
        (json!({"type": "chat", "value": "x"}), All(&["message"])),
        (json!({"type": "chat", "kind": "me", "value": "x"}), All(&["message"])),
        (json!({"type": "chat", "value": "x", "dest": "target"}), All(&["message"])),
        (json!({"type": "chat", "kind": "caption", "value": "x"}), All(&["caption"])),
        (json!({"type": "chat", "kind": "caption", "dest": "target"}), All(&["caption"])),
        (json!({"type": "usermessage", "kind": "caption", "value": "x"}), All(&["message"])),
        (group("clearchat", Value::Null), All(&["op"])),
        (group("clearchat", json!({"userId": "target"})), All(&["op"])),
        (group("clearchat", json!({"userId": "target", "id": "m"})), All(&["op"])),
        (group("lock", json!("later")), All(&["op"])),
        (group("unlock", Value::Null), All(&["op"])),
        (group("subgroups", Value::Null), All(&["op"])),
        (group("setdata", json!({"a": 1})), All(&["op"])),
        (group("unrecord", Value::Null), All(&["record"])),
        (group("maketoken", json!({"group": "g", "expires": expires})), All(&["token"])),
        (group("edittoken", json!({"token": "t", "expires": expires})), All(&["op", "token"])),
        (group("listtokens", Value::Null), All(&["op", "token"])),
        (group("made-up", Value::Null), Never),
        (user("setdata", "actor", json!({"a": 1})), Nothing),
        (user("setdata", "target", json!({"a": 1})), Never),
        (user("made-up", "target", Value::Null), Never),
    ];
    for kind in ["mute", "warning", "error", "clearchat", "filetransfer", "kicked"] {
        for message in [
            json!({"type": "usermessage", "kind": kind, "value": "x"}),
            json!({"type": "usermessage", "kind": kind, "value": "x", "dest": "target"}),
        ] {
            table.push((message, All(&["message"])));
        }
    }
    for kind in ["op", "unop", "present", "unpresent", "shutup", "unshutup", "identify", "kick"] {
        table.push((user(kind, "target", Value::Null), All(&["op"])));
    }
    table
}

/// Lets an actor send a message; returns what it was told if that was refused.
fn refusal(server: &mut Server, permissions: &[&str], message: &Value) -> Option<String> {
    let file = json!({
        "users": {"actor": {"password": "secret", "permissions": permissions}},
        "wildcard-user": {"password": "secret"}
    });
    server.write("g", &file.to_string());
    server.tokens.put(json!({"token": "t", "group": "g", "expires": "2030-01-01T00:00:00Z"}));
    let target = server.arrives_in("g", "target");
    let actor = server.arrives_in("g", "actor");
    server.hears(target);
    server.says(actor, message.clone());
    assert!(server.is_open(actor), "{message}");
    let heard = server.hears(actor);
    // What the actor says to everybody comes back, and may look like an error; but its sender is known.
    let is_refusal = |heard: &Value| {
        heard["source"].is_null()
            && (kind(heard) == "usermessage/error" || heard["error"] == "not-authorised")
    };
    let refused = heard.iter().find(|heard| is_refusal(heard));
    if refused.is_some() {
        let others = server.hears(target);
        assert!(others.is_empty(), "{message} was refused, and yet others hear {others:?}");
        assert!(server.commands().is_empty(), "{message} was refused, and yet has an effect");
    }
    refused.and_then(|refused| refused["value"].as_str()).map(str::to_owned)
}

#[test]
fn every_message_takes_exactly_the_permissions_in_the_table() {
    for (message, needs) in table() {
        for held in 0..1_usize << PERMISSIONS.len() {
            let chosen = (0..PERMISSIONS.len()).filter(|n| held >> n & 1 == 1);
            let permissions: Vec<&str> = chosen.flat_map(|n| PERMISSIONS[n]).copied().collect();
            let allowed = match needs {
                Nothing => true,
                All(needed) => needed.iter().all(|permission| permissions.contains(permission)),
                Never => false,
            };
            let refused = refusal(&mut Server::new(), &permissions, &message);
            assert_eq!(refused.is_some(), !allowed, "{message} with {permissions:?}");
            // Whoever lacks a permission is told of one that it lacks.
            if let (All(needed), Some(said)) = (needs, refused) {
                let named = said.strip_prefix("not authorised: this takes the permission ");
                let named = named.unwrap_or_else(|| panic!("{message}: {said}")).trim_matches('"');
                assert!(needed.contains(&named) && !permissions.contains(&named), "{said}");
            }
        }
    }
}

#[test]
fn who_is_not_a_member_may_do_nothing_to_a_group() {
    for (message, _) in table() {
        let mut server = Server::new();
        server.write("g", r#"{"users": {}, "wildcard-user": {"password": "secret"}}"#);
        let target = server.arrives_in("g", "target");
        let outsider = server.connect("outsider");
        server.says(outsider, message.clone());
        assert!(server.is_open(outsider), "{message}");
        assert!(server.hears(target).is_empty(), "{message}");
        let heard = server.hears_kinds(outsider);
        let harmless = ["usermessage/error", "abort/s", "pong", "close/s"];
        assert!(heard.iter().all(|kind| harmless.contains(&kind.as_str())), "{message}: {heard:?}");
        assert!(server.commands().is_empty(), "{message}");
    }
}

/// Rules of somebody else's: a bouncer may kick, but not operators; all the rest is as ever.
#[derive(Debug)]
struct Bouncers;

impl Authorizer for Bouncers {
    fn allows(&self, request: &ActionRequest<'_>) -> bool {
        let bouncer = Permission::Other("bouncer".into());
        let is_operator =
            |target: &galene_protocol::UserState| target.permissions.contains(&Permission::Op);
        if request.action == Action::Kick && request.member.permissions.contains(&bouncer) {
            request.group.as_str() == "g" && !request.target.is_some_and(is_operator)
        } else {
            GaleneRules.allows(request)
        }
    }
}

#[test]
fn an_embedder_can_bring_other_rules() {
    let mut server = Server::new();
    server.conference = Conference::new(Config::default(), 1).with_authorizer(Arc::new(Bouncers));
    let file = r#"{"users": {
        "bob": {"password": "secret", "permissions": ["bouncer"]},
        "olga": {"password": "op", "permissions": "op"}
    }, "wildcard-user": {"password": "secret"}}"#;
    server.write("g", file);
    let (bob, olga) = (server.arrives_in("g", "bob"), server.arrives_in("g", "olga"));
    let ann = server.arrives_in("g", "ann");
    for (dest, kind, refused) in
        [("olga", "kick", true), ("ann", "op", true), ("ann", "kick", false)]
    {
        server.hears(bob);
        server.says(bob, json!({"type": "useraction", "kind": kind, "dest": dest}));
        let errors = server.hears_kinds(bob).contains(&"usermessage/error".to_owned());
        assert_eq!(errors, refused, "{kind} {dest}");
    }
    assert!(server.is_open(olga) && !server.is_open(ann));
}
