//! Users in the administrative interface.

use galene_conformance::{ADMIN_PASSWORD, Target, basic};
use serde_json::{Value, json};

fn file(target: &Target, group: &str) -> Value {
    let text = target.read_group_file(group).expect("it is there");
    serde_json::from_str(&text).expect("JSON")
}

#[test]
fn a_user_is_created_read_changed_and_deleted() {
    let target = Target::shared();
    target.write_group_file("users-life", "{}");
    let path = ".groups/users-life/.users/jane%20doe";
    assert_eq!(target.admin("GET", path).send().status, 404);
    let create = || {
        target
            .admin("PUT", path)
            .header("If-None-Match", "*")
            .json(&json!({ "permissions": "present" }))
    };
    assert_eq!(create().send().status, 201);
    assert_eq!(create().send().status, 412);
    let list = target.admin("GET", ".groups/users-life/.users/").send();
    assert_eq!(list.json(), json!(["jane doe"]));
    assert!(list.header("ETag").is_some());
    let read = target.admin("GET", path).send();
    assert_eq!(read.json(), json!({ "permissions": "present" }));
    let tag = read.header("ETag").expect("a tag");
    let raw = json!({ "permissions": ["message", "unheard-of"] });
    assert_eq!(target.admin("PUT", path).header("If-Match", &tag).json(&raw).send().status, 204);
    assert_eq!(target.admin("PUT", path).header("If-Match", &tag).json(&raw).send().status, 412);
    assert_eq!(target.admin("GET", path).send().json(), raw);
    assert_eq!(target.admin("DELETE", path).send().status, 204);
    assert_eq!(target.admin("DELETE", path).send().status, 404);
    assert_eq!(target.admin("GET", ".groups/users-life/.users").send().status, 404);
}

#[test]
fn passwords_are_set_by_hash_or_by_text_and_removed() {
    let target = Target::shared();
    target.write_group_file("users-password", "{}");
    let user = ".groups/users-password/.users/jane";
    let path = format!("{user}/.password");
    let text = |password: &str| target.admin("POST", &path).body("text/plain", password).send();
    assert_eq!(text("x").status, 404, "there is no such user");
    assert_eq!(target.admin("PUT", user).json(&json!({ "permissions": "op" })).send().status, 201);
    assert_eq!(text("hunter2").status, 204);
    let stored = file(&target, "users-password")["users"]["jane"]["password"].clone();
    assert_eq!(stored["type"], "bcrypt", "never in clear");
    let join = |password: &str| target.client("1").join("users-password", "jane", password);
    assert_eq!(join("hunter2")["kind"], "join");
    assert_eq!(join("hunter3")["kind"], "fail");

    let hash = json!({ "type": "pbkdf2", "hash": "sha-256", "iterations": 4096,
        "key": "fe499504e8f144693fae828e8e371d50e019d0e4c84994fa03f7f445bd8a570a",
        "salt": "bcc1717851030776" });
    assert_eq!(target.admin("PUT", &path).json(&hash).send().status, 204);
    assert_eq!(join("pass")["kind"], "join");
    // Whoever changes the permissions keeps the password.
    assert_eq!(
        target.admin("PUT", user).json(&json!({ "permissions": "present" })).send().status,
        204
    );
    assert_eq!(join("pass")["permissions"], json!(["present", "message"]));
    assert!(!target.admin("GET", user).send().body.contains("fe4995"), "it is not shown");

    assert_eq!(target.admin("DELETE", &path).send().status, 204);
    assert_eq!(join("pass")["kind"], "fail");
    if !target.differs(87) {
        assert_eq!(text(&"x".repeat(73)).status, 400, "bcrypt takes 72 bytes");
    }
}

#[test]
fn the_nameless_user_and_anybody_have_places_of_their_own() {
    let target = Target::shared();
    target.write_group_file("users-special", "{}");
    for (path, key) in [(".empty-user", "/users/"), (".wildcard-user", "/wildcard-user")] {
        let path = format!(".groups/users-special/{path}");
        assert_eq!(target.admin("GET", &path).send().status, 404);
        let body = json!({ "permissions": "message" });
        assert_eq!(target.admin("PUT", &path).json(&body).send().status, 201);
        assert_eq!(target.admin("GET", &path).send().json(), body);
        let password = json!({ "type": "wildcard" });
        assert_eq!(
            target.admin("PUT", &format!("{path}/.password")).json(&password).send().status,
            204
        );
        let stored = file(&target, "users-special");
        let stored = stored.pointer(key).unwrap_or_else(|| panic!("{stored}"));
        assert_eq!(stored["password"], password);
    }
    assert_eq!(target.client("1").join("users-special", "", "x")["kind"], "join");
    assert_eq!(target.client("2").join("users-special", "anybody", "x")["kind"], "join");
    let list = target.admin("GET", ".groups/users-special/.users/").send();
    assert_eq!(list.json(), json!([""]));
    for path in [".empty-user", ".wildcard-user"] {
        let path = format!(".groups/users-special/{path}");
        assert_eq!(target.admin("DELETE", &path).send().status, 204);
    }
}

#[test]
fn bodies_that_make_no_sense_are_refused() {
    let target = Target::shared();
    target.room("users-codes");
    let path = ".groups/users-codes/.users/new";
    let put = |body: &Value| target.admin("PUT", path).json(body).send().status;
    assert_eq!(put(&json!({ "permissions": "no-such-role" })), 400);
    assert_eq!(target.admin("PUT", path).body("text/plain", "{}").send().status, 415);
    if target.differs(87) {
        return;
    }
    assert_eq!(put(&json!({ "permissions": "op", "password": "x" })), 400);
    assert_eq!(put(&json!({ "permissions": 1 })), 400);
    assert_eq!(put(&json!([])), 400);
}

#[test]
fn users_change_their_own_password() {
    let target = Target::shared();
    let users = json!({ "users": {
        "jane": { "password": "old", "permissions": "present" },
        "joe": { "password": "old", "permissions": "present" },
        "open": { "password": { "type": "wildcard" }, "permissions": "present" },
    } });
    target.write_group_file("users-own", &users.to_string());
    let change = |user: &str, as_user: &str, password: &str| {
        target
            .request("POST", &format!("/galene-api/v0/.groups/users-own/.users/{user}/.password"))
            .header("Authorization", &basic(as_user, password))
            .body("text/plain", "new")
            .send()
            .status
    };
    assert_eq!(change("jane", "jane", "wrong"), 401);
    assert_eq!(change("jane", "jane", "old"), 204);
    assert_eq!(target.client("1").join("users-own", "jane", "new")["kind"], "join");
}

#[test]
fn surprise_08_nobody_sets_the_password_of_another() {
    let target = Target::shared();
    let users = json!({ "users": {
        "joe": { "password": "same", "permissions": "op" },
        "open": { "password": { "type": "wildcard" }, "permissions": "present" },
    } });
    target.write_group_file("users-others", &users.to_string());
    if target.differs(8) {
        return;
    }
    for (user, credentials) in [
        ("joe", Some(basic("mallory", "same"))),
        ("joe", Some(basic("", "same"))),
        ("open", Some(basic("open", "anything"))),
        ("open", None),
        ("joe", None),
    ] {
        let path = format!("/galene-api/v0/.groups/users-others/.users/{user}/.password");
        let mut request = target.request("POST", &path);
        if let Some(credentials) = &credentials {
            request = request.header("Authorization", credentials);
        }
        let status = request.body("text/plain", "stolen").send().status;
        assert_eq!(status, 401, "{user} by {credentials:?}");
    }
    let path = "/galene-api/v0/.groups/users-others/.users/open/.password";
    let reply =
        target.request("POST", path).header("Authorization", &basic("root", ADMIN_PASSWORD));
    assert_eq!(reply.body("text/plain", "given").send().status, 204);
}
