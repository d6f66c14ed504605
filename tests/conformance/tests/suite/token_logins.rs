//! Joining by a token from the server's file.

use galene_conformance::{Client, Target};
use serde_json::{Value, json};

fn create(target: &Target, collection: &str, token: &Value) -> String {
    let path = format!(".groups/{collection}.tokens/");
    let reply = target.admin("POST", &path).json(token).send();
    assert_eq!(reply.status, 201, "{reply:?}");
    reply.header("Location").expect("the token's name")
}

fn far(token: Value) -> Value {
    let mut all = json!({ "expires": "2999-01-01T00:00:00Z", "permissions": ["message"] });
    let more = token.as_object().expect("an object").clone();
    all.as_object_mut().expect("an object").extend(more);
    all
}

fn join(client: &mut Client, group: &str, token: &str) -> Value {
    client.join_with(json!({ "group": group, "token": token }))
}

#[test]
fn a_token_without_a_name_asks_for_one() {
    let target = Target::shared();
    let room = target.room("login-nameless");
    let token = create(&target, "login-nameless/", &far(json!({})));
    let mut client = room.client("1");
    let joined = join(&mut client, &room.name, &token);
    assert_eq!((&joined["kind"], &joined["error"]), (&json!("fail"), &json!("need-username")));
    let named = |name: &str| json!({ "group": room.name, "token": token, "username": name });
    let joined = client.join_with(named("writer"));
    assert_eq!((&joined["kind"], &joined["error"]), (&json!("fail"), &json!("duplicate-username")));
    let joined = client.join_with(named("eve"));
    assert_eq!((&joined["kind"], &joined["username"]), (&json!("join"), &json!("eve")));
}

#[test]
fn the_name_of_a_token_goes_before_that_of_the_client() {
    let target = Target::shared();
    let room = target.room("login-named");
    let token = create(&target, "login-named/", &far(json!({ "username": "bob" })));
    let mut client = room.client("1");
    let joined = client.join_with(json!({ "group": room.name, "token": token, "username": "x",
        "password": "ignored" }));
    assert_eq!((&joined["kind"], &joined["username"]), (&json!("join"), &json!("bob")));
    let empty = create(&target, "login-named/", &far(json!({ "username": "" })));
    let mut client = room.client("2");
    let joined = join(&mut client, &room.name, &empty);
    assert_eq!((&joined["kind"], &joined["username"]), (&json!("join"), &json!("")));
    let mut client = room.client("3");
    let joined = client.join_with(json!({ "group": room.name, "token": empty, "username": "x" }));
    assert_eq!(joined["username"], "x");
}

#[test]
fn surprise_72_permissions_of_a_token_are_granted_as_they_stand() {
    let target = Target::shared();
    let keys = json!({ "allow-recording": true, "unrestricted-tokens": true });
    let room = target.room_with("login-raw", keys);
    let token = far(json!({ "username": "a", "permissions": ["op", "unheard-of"] }));
    let token = create(&target, "login-raw/", &token);
    let mut client = room.client("1");
    let joined = join(&mut client, &room.name, &token);
    assert_eq!(joined["permissions"], json!(["op", "unheard-of"]));
}

#[test]
fn surprise_70_tokens_are_valid_between_two_moments_and_need_an_end() {
    let target = Target::shared();
    let room = target.room("login-times");
    let mut client = room.client("1");
    for token in [
        json!({ "username": "a", "permissions": [] }),
        json!({ "username": "a", "permissions": [], "expires": "2001-01-01T00:00:00Z" }),
        far(json!({ "username": "a", "not-before": "2998-01-01T00:00:00Z" })),
    ] {
        let name = create(&target, "login-times/", &token);
        assert_eq!(join(&mut client, &room.name, &name)["kind"], "fail", "{token}");
    }
    let token =
        far(json!({ "username": "a", "not-before": "2001-01-01T00:00:00.123456789+02:00" }));
    let name = create(&target, "login-times/", &token);
    assert_eq!(join(&mut client, &room.name, &name)["kind"], "join");
}

#[test]
fn surprise_71_tokens_are_for_a_group_or_for_those_below() {
    let target = Target::shared();
    let room = target.room_with("login-tree", json!({ "auto-subgroups": true }));
    target.room("login-treehouse");
    let named = |more: Value| {
        let mut token = far(json!({ "username": "a" }));
        token.as_object_mut().expect("one").extend(more.as_object().expect("one").clone());
        token
    };
    let own = create(&target, "login-tree/", &named(json!({})));
    let below = create(&target, "login-tree/", &named(json!({ "includeSubgroups": true })));
    let root = create(&target, "", &named(json!({})));
    let global = create(&target, "", &named(json!({ "includeSubgroups": true })));
    for (token, group, kind) in [
        (&own, "login-tree", "join"),
        (&own, "login-tree/sub", "fail"),
        (&below, "login-tree", "join"),
        (&below, "login-tree/sub/deep", "join"),
        (&below, "login-treehouse", "fail"),
        (&root, "login-tree", "fail"),
        (&global, "login-tree", "join"),
        (&global, "login-tree/sub", "join"),
        (&global, "login-treehouse", "join"),
    ] {
        let mut client = target.client("1");
        assert_eq!(join(&mut client, group, token)["kind"], kind, "{group}");
    }
    drop(room);
}

#[test]
fn a_token_that_nobody_knows_is_refused() {
    let target = Target::shared();
    let room = target.room("login-unknown");
    let mut client = room.client("1");
    let unknown = client.join_with(json!({ "group": room.name, "token": "x", "username": "a" }));
    assert_eq!((&unknown["kind"], &unknown["error"]), (&json!("fail"), &Value::Null));
    assert!(unknown["value"].is_string());
}

#[test]
fn an_operators_token_opens_a_locked_group() {
    let target = Target::shared();
    let room = target.room("login-locked");
    let mut op = room.operator();
    op.send(json!({ "type": "groupaction", "kind": "lock" }));
    op.drain();
    let plain = create(&target, "login-locked/", &far(json!({ "username": "a" })));
    let powerful = far(json!({ "username": "b", "permissions": ["op"] }));
    let powerful = create(&target, "login-locked/", &powerful);
    let mut client = room.client("1");
    assert_eq!(join(&mut client, &room.name, &plain)["kind"], "fail");
    assert_eq!(join(&mut client, &room.name, &powerful)["kind"], "join");
}
