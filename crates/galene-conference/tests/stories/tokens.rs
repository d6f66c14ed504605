//! Invitations: logging in with tokens, and making, changing and listing them.

use galene_conference::Site;
use serde_json::{Value, json};

use crate::harness::{Client, LOUNGE, Server, kind};

/// When the stories begin, in milliseconds since 1970.
const DAY: i64 = 24 * 3600 * 1000;

fn acts(server: &mut Server, client: Client, action: &str, value: Value) -> Value {
    server.says(client, json!({"type": "groupaction", "kind": action, "value": value}));
    let heard = server.hears_one(client);
    assert_eq!(heard["privileged"], true);
    heard
}

/// What a good template says, with what a story changes.
fn template(changes: Value) -> Value {
    let mut template = json!({"group": "lounge", "permissions": ["present"], "expires": DAY});
    let members = template.as_object_mut().unwrap();
    members.extend(changes.as_object().unwrap().clone());
    members.retain(|_, value| !value.is_null());
    template
}

fn comes_with(server: &mut Server, id: &str, more: Value) -> (Client, Value) {
    let client = server.connect(id);
    let mut join = json!({"type": "join", "kind": "join", "group": "lounge"});
    join.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    server.says(client, join);
    server.millis(200);
    let heard = server.hears(client).remove(0);
    (client, heard)
}

#[test]
fn an_invitation_is_made_used_listed_and_revoked() {
    let mut server = Server::new();
    let olga = server.arrives("olga");
    let made = acts(&mut server, olga, "maketoken", template(json!({})));
    assert_eq!(kind(&made), "usermessage/token");
    let token = &made["value"];
    assert_eq!(token["token"].as_str().map(str::len), Some(11));
    assert_eq!(token["issuedBy"], "olga");
    assert_eq!(token["issuedAt"], "2023-11-14T22:13:20Z");
    assert_eq!(token["expires"], "2023-11-15T22:13:20Z");

    let secret = token["token"].clone();
    let (bob, heard) = comes_with(
        &mut server,
        "bob",
        json!({"username": "bob", "token": secret, "password": "x"}),
    );
    assert_eq!((kind(&heard), &heard["username"]), ("joined/join".to_owned(), &json!("bob")));
    assert_eq!(heard["permissions"], json!(["present"]));
    server.hears(olga);

    let list = acts(&mut server, olga, "listtokens", Value::Null);
    assert_eq!((kind(&list).as_str(), &list["value"]), ("usermessage/tokenlist", &json!([token])));

    let revoked = acts(&mut server, olga, "edittoken", json!({"token": secret, "expires": -1000}));
    assert_eq!(revoked["value"]["expires"], "2023-11-14T22:13:19.2Z");
    assert!(server.is_open(bob), "whoever is in stays");
    let (_, heard) =
        comes_with(&mut server, "carol", json!({"username": "carol", "token": secret}));
    let text = json!("this invitation is not valid, or not any more: ask for a new one");
    assert_eq!((kind(&heard), &heard["value"]), ("joined/fail".to_owned(), &text));
}

#[test]
fn a_token_without_a_name_asks_for_one_that_is_free() {
    let mut server = Server::new();
    server.tokens.put(json!({"token": "t", "group": "lounge", "expires": "2030-01-01T00:00:00Z"}));
    let (client, heard) = comes_with(&mut server, "bob", json!({"token": "t"}));
    assert_eq!(
        (kind(&heard), &heard["error"]),
        ("joined/fail".to_owned(), &json!("need-username"))
    );
    for (username, error) in [("olga", json!("duplicate-username")), ("bob", Value::Null)] {
        let join = json!({"type": "join", "kind": "join", "group": "lounge", "token": "t",
            "username": username});
        server.says(client, join);
        assert_eq!(server.hears(client)[0]["error"], error);
    }
}

#[test]
fn a_token_for_operators_passes_the_lock() {
    let mut server = Server::new();
    let olga = server.arrives("olga");
    server.says(olga, json!({"type": "groupaction", "kind": "lock"}));
    let expires = "2030-01-01T00:00:00Z";
    let token = |name: &str, permission: &str| {
        json!({"token": name, "group": "", "includeSubgroups": true, "username": "x",
            "permissions": [permission], "expires": expires})
    };
    server.tokens.put(token("op", "op"));
    server.tokens.put(token("present", "present"));
    assert_eq!(kind(&comes_with(&mut server, "a", json!({"token": "op"})).1), "joined/join");
    assert_eq!(kind(&comes_with(&mut server, "b", json!({"token": "present"})).1), "joined/fail");
}

#[test]
fn only_who_may_make_tokens_does_and_nobody_grants_more_than_they_have() {
    let mut server = Server::new();
    let file = json!({"users": {
        "olga": {"password": "op", "permissions": "op"},
        "maker": {"password": "secret", "permissions": ["token", "present", "fly"]},
        "plain": {"password": "secret", "permissions": "present"}
    }});
    server.write("lounge", &file.to_string());
    let (olga, maker) = (server.arrives("olga"), server.arrives("maker"));
    let plain = server.arrives("plain");
    let outsider = server.connect("outsider");
    for (client, action, value, error) in [
        (plain, "maketoken", template(json!({})), "not-authorised"),
        (plain, "maketoken", json!("rubbish"), "not-authorised"),
        (plain, "listtokens", Value::Null, "not-authorised"),
        (plain, "edittoken", json!({"token": "t"}), "not-authorised"),
        (maker, "listtokens", Value::Null, "not-authorised"),
        (maker, "edittoken", json!({"token": "t", "expires": 1}), "not-authorised"),
        (maker, "edittoken", json!([]), "not-authorised"),
        (maker, "maketoken", template(json!({"permissions": ["op"]})), "not-authorised"),
        (
            maker,
            "maketoken",
            template(json!({"permissions": ["present", "message"]})),
            "not-authorised",
        ),
        (maker, "maketoken", template(json!({"username": "n".repeat(257)})), "error"),
        (maker, "maketoken", template(json!({"username": "a\u{1b}[2J"})), "error"),
        (maker, "maketoken", template(json!({"token": "mine"})), "error"),
        (maker, "maketoken", template(json!({"group": null})), "error"),
        (maker, "maketoken", template(json!({"group": "other"})), "error"),
        (maker, "maketoken", template(json!({"group": "lounge/below"})), "error"),
        (maker, "maketoken", template(json!({"expires": null})), "error"),
        (maker, "maketoken", template(json!({"username": "olga"})), "error"),
        (maker, "maketoken", template(json!({"permissions": "present"})), "error"),
        (maker, "maketoken", json!(null), "error"),
        (olga, "edittoken", json!({"expires": 1}), "error"),
        (olga, "edittoken", json!({"token": "t", "group": "lounge"}), "error"),
        (olga, "edittoken", json!({"token": "t", "username": "x"}), "error"),
        (olga, "edittoken", json!({"token": "t", "permissions": []}), "error"),
        (olga, "edittoken", json!({"token": "unknown", "expires": 1}), "error"),
        (olga, "edittoken", json!("t"), "error"),
    ] {
        let heard = acts(&mut server, client, action, value.clone());
        let reply =
            if action == "listtokens" { "usermessage/tokenlist" } else { "usermessage/token" };
        assert_eq!(
            (kind(&heard).as_str(), heard["error"].as_str()),
            (reply, Some(error)),
            "{value}"
        );
        assert!(heard["value"].is_string());
    }
    assert_eq!(server.tokens.count(), 0);
    for action in ["maketoken", "edittoken", "listtokens"] {
        let heard = acts(&mut server, outsider, action, template(json!({})));
        assert_eq!(kind(&heard), "usermessage/error");
    }
    for (client, changes) in [
        (maker, json!({"permissions": ["fly"], "username": "bird", "includeSubgroups": true})),
        (maker, json!({"permissions": null, "expires": "2020-01-01T00:00:00+01:00"})),
        (olga, json!({"permissions": ["op"], "not-before": "2030-01-01T00:00:00Z"})),
        (olga, json!({"expires": 1e300, "not-before": -1e300})),
    ] {
        let heard = acts(&mut server, client, "maketoken", template(changes));
        assert_eq!(heard["error"], Value::Null, "{heard}");
        assert_eq!(heard["value"]["includeSubgroups"], Value::Null, "{heard}");
    }
}

#[test]
fn surprise_7_an_operator_cannot_touch_the_tokens_of_another_group() {
    let mut server = Server::new();
    server.write("other", LOUNGE);
    server.write("lounge/below", LOUNGE);
    let foreign = json!({"token": "t", "group": "lounge", "expires": "2030-01-01T00:00:00Z"});
    server.tokens.put(foreign.clone());
    for group in ["other", "lounge/below"] {
        let olga = server.arrives_in(group, "olga");
        let known = acts(&mut server, olga, "edittoken", json!({"token": "t", "expires": -1}));
        let unknown = acts(&mut server, olga, "edittoken", json!({"token": "u", "expires": -1}));
        assert_eq!(known, unknown, "nor learn that it exists");
        let list = acts(&mut server, olga, "listtokens", Value::Null);
        assert_eq!(list["value"], json!([]));
    }
    let olga = server.arrives("olga");
    let list = acts(&mut server, olga, "listtokens", Value::Null);
    assert_eq!(list["value"][0]["expires"], foreign["expires"]);
}

#[test]
fn an_answer_about_tokens_that_comes_too_late_harms_nobody() {
    let mut server = Server::new();
    let olga = server.arrives("olga");
    server.slow_shell = true;
    server.says(
        olga,
        json!({"type": "groupaction", "kind": "maketoken", "value": template(json!({}))}),
    );
    server.says(olga, json!({"type": "chat", "value": "meanwhile"}));
    assert_eq!(server.hears_kinds(olga), ["chat"]);
    server.hangs_up(olga);
    server.answer_tokens();
    assert!(server.nobody_hears_anything());
    assert_eq!(server.tokens.count(), 1);
}

#[test]
fn where_tokens_come_from_is_told_with_the_status() {
    let mut server = Server::new();
    let with =
        r#""authServer": "https://auth.example/", "authPortal": "https://portal.example/", "#;
    server.write("lounge", &LOUNGE.replacen('{', &format!("{{{with}"), 1));
    let lookup = server.look_up("lounge").unwrap();
    let status = serde_json::to_value(server.conference.group_status(&lookup)).unwrap();
    let (_, joined) =
        comes_with(&mut server, "ann", json!({"username": "ann", "password": "secret"}));
    for status in [&status, &joined["status"]] {
        assert_eq!(status["authServer"], "https://auth.example/");
        assert_eq!(status["authPortal"], "https://portal.example/");
    }
}

#[test]
fn a_signed_token_is_for_the_canonical_host_if_there_is_one() {
    // Signed with thirty-two zero bytes for https://galene.example/group/lounge/, till 2096.
    const TOKEN: &str = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJib2IiLCJhdWQiOiJodHRwczovL2dhbGVuZS5leGFtcGxlL2dyb3VwL2xvdW5nZS8iLCJwZXJtaXNzaW9ucyI6WyJwcmVzZW50Il0sImlhdCI6MTYwMDAwMDAwMCwiZXhwIjo0MDAwMDAwMDAwfQ.6bCqg3mZOYsxWbGXA9PhH4AaSnpjxBRnk0z39ficVYY";
    let key =
        format!(r#""authKeys": [{{"kty": "oct", "alg": "HS256", "k": "{}"}}], "#, "A".repeat(43));
    let mut server = Server::new();
    server.write("lounge", &LOUNGE.replacen('{', &format!("{{{key}"), 1));
    for (host, outcome) in [
        (None, "joined/join"),
        (Some("galene.example"), "joined/join"),
        (Some("other.example"), "joined/fail"),
    ] {
        server
            .conference
            .set_site(Site { canonical_host: host.map(Into::into), ..Site::default() });
        let (client, heard) = comes_with(&mut server, "bob", json!({"token": TOKEN}));
        assert_eq!(kind(&heard), outcome, "{host:?}");
        server.hangs_up(client);
    }
}
