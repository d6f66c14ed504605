//! Tokens in the administrative interface.

use galene_conformance::Target;
use serde_json::{Value, json};

fn token(more: Value) -> Value {
    let mut token = json!({ "permissions": ["present"], "expires": "2999-01-01T00:00:00Z" });
    token.as_object_mut().expect("an object").extend(more.as_object().expect("one").clone());
    token
}

#[test]
fn a_token_is_created_read_changed_and_deleted() {
    let target = Target::shared();
    target.room("tokens-life");
    let collection = ".groups/tokens-life/.tokens/";
    assert_eq!(target.admin("GET", collection).send().json(), json!([]));
    let created = target.admin("POST", collection).json(&token(json!({ "username": "a" }))).send();
    assert_eq!(created.status, 201);
    let name = created.header("Location").expect("its name");
    assert_eq!(name.len(), 11, "surprise 92: the bare name, {name}");
    let list = target.admin("GET", collection).send();
    assert_eq!(list.json(), json!([name]));
    assert!(list.header("ETag").is_some());

    let path = format!("{collection}{name}");
    let read = target.admin("GET", &path).send();
    assert_eq!(read.status, 200);
    let shown = read.json();
    assert_eq!((&shown["token"], &shown["group"]), (&json!(""), &json!("")), "{shown}");
    assert_eq!(shown["username"], "a");
    let mut changed = shown.clone();
    changed["permissions"] = json!(["message"]);
    let put = |tag: &str| target.admin("PUT", &path).header("If-Match", tag).json(&changed).send();
    assert_eq!(put("\"x\"").status, 412);
    // The tag is that of all tokens, which other tests change at the same time.
    while put(&target.admin("GET", &path).send().header("ETag").expect("a tag")).status == 412 {}
    assert_eq!(target.admin("GET", &path).send().json()["permissions"], json!(["message"]));

    let elsewhere = format!(".groups/tokens-elsewhere/.tokens/{name}");
    target.room("tokens-elsewhere");
    assert_eq!(target.admin("GET", &elsewhere).send().status, 404);
    assert_eq!(target.admin("DELETE", &elsewhere).send().status, 404);
    assert_eq!(target.admin("PUT", &elsewhere).json(&token(json!({}))).send().status, 409);
    assert_eq!(target.admin("DELETE", &path).send().status, 204);
    assert_eq!(target.admin("DELETE", &path).send().status, 404);
}

#[test]
fn surprise_11_a_token_may_be_created_under_a_name_of_ones_own() {
    let target = Target::shared();
    let room = target.room("tokens-named");
    if target.differs(11) {
        return;
    }
    let path = ".groups/tokens-named/.tokens/come-in";
    let put = || {
        target
            .admin("PUT", path)
            .header("If-None-Match", "*")
            .json(&token(json!({ "username": "a" })))
    };
    assert_eq!(put().send().status, 201);
    assert_eq!(put().send().status, 412);
    let joined = room.client("1").join_with(json!({ "group": room.name, "token": "come-in" }));
    assert_eq!(joined["kind"], "join");
}

#[test]
fn tokens_say_nothing_about_where_they_are() {
    let target = Target::shared();
    target.room("tokens-bodies");
    let collection = ".groups/tokens-bodies/.tokens/";
    let post = |body: &Value| target.admin("POST", collection).json(body).send().status;
    assert_eq!(post(&token(json!({ "token": "mine" }))), 400);
    assert_eq!(post(&token(json!({ "group": "tokens-bodies" }))), 400);
    assert_eq!(post(&token(json!({ "token": "", "group": "" }))), 201);
    assert_eq!(target.admin("POST", collection).body("text/plain", "{}").send().status, 415);
    if !target.differs(87) {
        assert_eq!(
            target.admin("POST", collection).body("application/json", "{").send().status,
            400
        );
    }
}

#[test]
fn tokens_of_the_whole_server_are_listed_apart() {
    let target = Target::shared();
    target.room("tokens-apart");
    let global = target
        .admin("POST", ".groups/.tokens/")
        .json(&token(json!({ "includeSubgroups": true })))
        .send();
    let name = global.header("Location").expect("its name");
    let has = |collection: &str| {
        let list = target.admin("GET", collection).send().json();
        list.as_array().expect("an array").contains(&json!(name))
    };
    assert!(has(".groups/.tokens/"));
    assert!(!has(".groups/tokens-apart/.tokens/"));
    assert_eq!(target.admin("DELETE", &format!(".groups/.tokens/{name}")).send().status, 204);
    assert!(!has(".groups/.tokens/"));
}
