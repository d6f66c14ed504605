//! Groups in the administrative interface.

use galene_conformance::{ADMIN_PASSWORD, Target, basic};
use serde_json::{Value, json};

#[test]
fn a_group_is_created_read_changed_and_deleted() {
    let target = Target::shared();
    let path = ".groups/api-life";
    assert_eq!(target.admin("GET", path).send().status, 404);
    let create = || {
        target
            .admin("PUT", path)
            .header("If-None-Match", "*")
            .json(&json!({ "description": "one" }))
    };
    assert_eq!(create().send().status, 201);
    assert_eq!(create().send().status, 412, "it exists");
    assert!(target.read_group_file("api-life").is_some());
    assert_eq!(target.get("/group/api-life/").status, 200);

    let read = target.admin("GET", path).send();
    assert_eq!((read.status, read.json()), (200, json!({ "description": "one" })));
    let tag = read.header("ETag").expect("a tag");
    let list = target.admin("GET", ".groups/").send().json();
    assert!(list.as_array().expect("an array").contains(&json!("api-life")));

    let changed = json!({ "displayName": "two" });
    let stale = target.admin("PUT", path).header("If-Match", "\"stale\"").json(&changed).send();
    assert_eq!(stale.status, 412);
    let update = target.admin("PUT", path).header("If-Match", &tag).json(&changed).send();
    assert_eq!((update.status, update.body.as_str()), (204, ""));
    let read = target.admin("GET", path).send();
    assert_eq!(read.json(), changed, "all of it was replaced");
    assert_ne!(read.header("ETag").as_deref(), Some(tag.as_str()));

    let tag = read.header("ETag").expect("a tag");
    let same = target.admin("GET", path).header("If-None-Match", &tag).send();
    assert_eq!((same.status, same.body.as_str()), (304, ""));
    assert_eq!(target.admin("DELETE", path).header("If-Match", "\"x\"").send().status, 412);
    assert_eq!(target.admin("DELETE", path).send().status, 204);
    assert_eq!(target.admin("DELETE", path).send().status, 404);
    assert_eq!(target.read_group_file("api-life"), None);
    assert_eq!(target.get("/group/api-life/").status, 404);
}

#[test]
fn secrets_are_neither_shown_nor_lost() {
    let target = Target::shared();
    let keys = json!([{ "kty": "oct", "alg": "HS256", "k": "YWJjZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXoxMjM0NTY" }]);
    target.room_with("api-secrets", json!({ "authKeys": keys, "public": true }));
    let path = ".groups/api-secrets";
    let shown = target.admin("GET", path).send().json();
    assert_eq!(shown, json!({ "public": true }));
    let put = target.admin("PUT", path).json(&json!({ "max-clients": 3 })).send();
    assert_eq!(put.status, 204);
    let text = target.read_group_file("api-secrets").expect("it is there");
    let file: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(file["max-clients"], 3);
    assert_eq!(file["public"], Value::Null);
    assert!(file["users"]["op"].is_object() && file["wildcard-user"].is_object(), "{file}");
    assert_eq!(file["authKeys"], keys);
}

#[test]
fn subgroups_have_files_in_directories() {
    let target = Target::shared();
    let path = ".groups/api-deep/er/est";
    assert_eq!(
        target.admin("PUT", path).json(&json!({ "auto-subgroups": true })).send().status,
        201
    );
    assert!(target.read_group_file("api-deep/er/est").is_some());
    assert_eq!(target.admin("GET", path).send().status, 200);
    assert_eq!(target.admin("GET", &format!("{path}/automatic")).send().status, 404);
}

#[test]
fn surprise_87_what_cannot_be_understood_is_the_fault_of_who_sent_it() {
    let target = Target::shared();
    target.room("api-codes");
    let path = ".groups/api-codes";
    let put = |kind: &str, body: &str| target.admin("PUT", path).body(kind, body).send();
    let wrong_type = put("text/plain", "{}");
    assert_eq!(wrong_type.status, 415);
    assert_eq!(wrong_type.header("Accept").as_deref(), Some("application/json"));
    assert_eq!(put("application/json; charset=utf-8", r#"{"public": true}"#).status, 204);
    assert_eq!(put("application/json", &format!("\"{}\"", "x".repeat(1 << 20))).status, 413);
    if target.differs(87) {
        return;
    }
    for body in [
        "{",
        "",
        "[]",
        r#"{"public": "yes"}"#,
        r#"{"users": {}}"#,
        r#"{"users": {"a": {}}}"#,
        r#"{"wildcard-user": {}}"#,
        r#"{"authKeys": [{}]}"#,
    ] {
        let reply = put("application/json", body);
        assert_eq!(reply.status, 400, "{body}: {reply:?}");
        assert!(!reply.body.is_empty(), "{body}: it says why");
    }
}

#[test]
fn surprise_10_obsolete_keys_make_no_users() {
    let target = Target::shared();
    target.room("api-obsolete");
    let body = json!({ "op": [{ "username": "mallory", "password": "x" }], "public": true });
    let reply = target.admin("PUT", ".groups/api-obsolete").json(&body).send();
    if target.differs(10) {
        return;
    }
    assert!([204, 400].contains(&reply.status), "{reply:?}");
    let joined = target.client("1").join("api-obsolete", "mallory", "x");
    assert_eq!(joined["permissions"], json!(["present", "message"]), "a guest like any other");
}

#[test]
fn surprise_09_nothing_is_written_or_deleted_unless_that_is_allowed() {
    let config =
        json!({ "users": { "root": { "password": ADMIN_PASSWORD, "permissions": "admin" } } });
    let Some(target) = Target::configured(&config) else { return };
    target.room("api-readonly");
    let before = target.read_group_file("api-readonly");
    for (method, path) in [
        ("PUT", ".groups/api-readonly"),
        ("PUT", ".groups/api-readonly-new"),
        ("DELETE", ".groups/api-readonly"),
        ("PUT", ".groups/api-readonly/.users/new"),
        ("DELETE", ".groups/api-readonly/.users/op"),
        ("PUT", ".groups/api-readonly/.users/op/.password"),
        ("DELETE", ".groups/api-readonly/.users/op/.password"),
        ("DELETE", ".groups/api-readonly/.keys"),
    ] {
        let body = if path.ends_with(".password") { json!("x") } else { json!({}) };
        let reply = target.admin(method, path).json(&body).send();
        assert_eq!(reply.status, 403, "{method} {path}: {reply:?}");
    }
    assert_eq!(target.read_group_file("api-readonly"), before);
    assert_eq!(target.read_group_file("api-readonly-new"), None);
    assert_eq!(target.admin("GET", ".groups/api-readonly").send().status, 200);
    let joined = target.client("1").join("api-readonly", "op", galene_conformance::OP_PASSWORD);
    assert_eq!(joined["status"]["canChangePassword"], Value::Null);
}

#[test]
fn keys_are_replaced_and_deleted() {
    let target = Target::shared();
    target.room("api-keys");
    let path = ".groups/api-keys/.keys";
    let set = json!({ "keys": [{ "kty": "oct", "alg": "HS256", "k": "YWJjZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXoxMjM0NTY" }] });
    let put =
        |kind: &str, body: &Value| target.admin("PUT", path).body(kind, &body.to_string()).send();
    assert_eq!(put("application/json", &set).status, 415);
    assert_eq!(put("application/jwk-set+json", &set).status, 204);
    let file = target.read_group_file("api-keys").expect("it is there");
    assert!(file.contains("YWJjZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXoxMjM0NTY"));
    assert_eq!(target.admin("DELETE", path).send().status, 204);
    let file = target.read_group_file("api-keys").expect("it is there");
    assert!(!file.contains("authKeys"), "{file}");
    if target.differs(87) {
        return;
    }
    let short = json!({ "keys": [{ "kty": "oct", "alg": "HS256", "k": "YWJj" }] });
    assert_eq!(put("application/jwk-set+json", &short).status, 400);
}

#[test]
fn whoever_is_in_the_group_is_told_of_a_change() {
    let target = Target::shared();
    let room = target.room("api-told");
    let mut alice = room.member("alice");
    let put = target.admin("PUT", ".groups/api-told").json(&json!({ "displayName": "New" })).send();
    assert_eq!(put.status, 204);
    target.get(&room.path());
    let change = alice.expect("joined");
    assert_eq!(change["status"]["displayName"], "New");
}

#[test]
fn names_that_are_none_are_not_found() {
    let target = Target::shared();
    for path in [".groups/a%5Cb", ".groups/api-nowhere/.users/", ".groups/api-nowhere/.tokens/"] {
        assert_eq!(target.admin("GET", path).send().status, 404, "{path}");
    }
    let wrong = target.request("GET", "/galene-api/v0/.groups/a/.nonsense");
    let reply = wrong.header("Authorization", &basic("root", ADMIN_PASSWORD)).send();
    assert_eq!(reply.status, 404);
}
