//! Who may use the administrative interface, and from where.

use galene_conformance::{ADMIN_PASSWORD, OP_PASSWORD, Target, basic, bearer};
use serde_json::json;

#[test]
fn whoever_does_not_show_credentials_is_asked_for_them() {
    let target = Target::shared();
    target.room("access-none");
    for path in [
        ".stats",
        ".groups/",
        ".groups/access-none",
        ".groups/access-none/.users/",
        ".groups/no-such-group",
        ".groups/.tokens/",
    ] {
        let reply = target.get(&format!("/galene-api/v0/{path}"));
        assert_eq!(reply.status, 401, "{path}");
        let challenge = reply.header("WWW-Authenticate").expect("a challenge");
        assert_eq!(challenge.to_lowercase(), "basic realm=\"/galene-api/\"");
        let wrong = basic("root", "guess");
        let path = format!("/galene-api/v0/{path}");
        let reply = target.request("GET", &path).header("Authorization", &wrong).send();
        assert_eq!(reply.status, 401, "{path}");
    }
    for path in ["/galene-api/v1/.stats", "/galene-api/v0/.other", "/galene-api/v0/"] {
        assert_eq!(target.get(path).status, 404, "{path}");
    }
}

#[test]
fn the_administrator_of_a_group_has_power_over_that_group_alone() {
    let target = Target::shared();
    target.room("access-own");
    target.write_group_file("access-other", "{}");
    let get = |path: &str, user: &str, password: &str| {
        let path = format!("/galene-api/v0/{path}");
        target.request("GET", &path).header("Authorization", &basic(user, password)).send().status
    };
    assert_eq!(get(".groups/access-own", "admin", ADMIN_PASSWORD), 200);
    assert_eq!(get(".groups/access-own/.users/", "admin", ADMIN_PASSWORD), 200);
    assert_eq!(get(".groups/access-other", "admin", ADMIN_PASSWORD), 401);
    assert_eq!(get(".groups/", "admin", ADMIN_PASSWORD), 401);
    assert_eq!(
        get(".groups/access-own", "op", OP_PASSWORD),
        401,
        "an operator is no administrator"
    );
    assert_eq!(get(".groups/access-other", "root", ADMIN_PASSWORD), 200);
}

#[test]
fn surprise_91_a_token_of_the_servers_administrator_creates_groups() {
    let target = Target::shared();
    let token = json!({ "permissions": ["admin"], "includeSubgroups": true, "username": "robot",
        "expires": "2999-01-01T00:00:00Z" });
    let reply = target.admin("POST", ".groups/.tokens/").json(&token).send();
    let name = reply.header("Location").expect("the token's name");
    let ask = |method: &str, path: &str| {
        let path = format!("/galene-api/v0/{path}");
        target.request(method, &path).header("Authorization", &bearer(&name))
    };
    assert_eq!(ask("GET", ".groups/").send().status, 200);
    assert_eq!(ask("GET", ".stats").send().status, 200);
    if target.differs(91) {
        return;
    }
    let reply = ask("PUT", ".groups/access-by-token").json(&json!({})).send();
    assert_eq!(reply.status, 201, "{reply:?}");
}

#[test]
fn surprise_86_other_sites_may_ask_conditionally_and_read_the_tag() {
    let target = Target::shared();
    target.room("access-cors");
    let path = "/galene-api/v0/.groups/access-cors";
    let preflight =
        target.request("OPTIONS", path).header("Origin", "https://admin.example").send();
    assert_eq!(preflight.status, 200);
    let allowed = preflight.header("Access-Control-Allow-Origin");
    assert_eq!(allowed.as_deref(), Some("https://admin.example"));
    for method in ["GET", "HEAD", "PUT", "DELETE", "OPTIONS"] {
        assert!(preflight.lists("Access-Control-Allow-Methods", method), "{preflight:?}");
    }
    for header in ["Authorization", "Content-Type"] {
        assert!(preflight.lists("Access-Control-Allow-Headers", header), "{preflight:?}");
    }
    let other = target.request("OPTIONS", path).header("Origin", "https://pages.example").send();
    assert_eq!(other.header("Access-Control-Allow-Origin"), None);
    assert!(other.lists("Vary", "Origin"));
    if target.differs(86) {
        return;
    }
    for header in ["If-Match", "If-None-Match"] {
        assert!(preflight.lists("Access-Control-Allow-Headers", header), "{preflight:?}");
    }
    let get = target.admin("GET", ".groups/access-cors").header("Origin", "https://admin.example");
    let get = get.send();
    for header in ["ETag", "Location"] {
        assert!(get.lists("Access-Control-Expose-Headers", header), "{get:?}");
    }
}

#[test]
fn wrong_methods_are_told_the_right_ones() {
    let target = Target::shared();
    target.room("access-methods");
    for (path, method) in [
        (".stats", "POST"),
        (".groups/", "DELETE"),
        (".groups/access-methods", "POST"),
        (".groups/access-methods/.users/", "PUT"),
        (".groups/access-methods/.users/op/.password", "GET"),
        (".groups/access-methods/.keys", "GET"),
        (".groups/access-methods/.tokens/", "DELETE"),
    ] {
        let reply = target.admin(method, path).send();
        assert_eq!(reply.status, 405, "{method} {path}");
        assert!(reply.header("Allow").is_some_and(|allow| allow.contains("OPTIONS")), "{reply:?}");
    }
}

#[test]
fn statistics_are_for_the_administrator() {
    let target = Target::shared();
    let reply = target.admin("GET", ".stats").send();
    assert_eq!(reply.status, 200);
    assert_eq!(reply.header("Content-Type").as_deref(), Some("application/json"));
    assert_eq!(reply.header("Cache-Control").as_deref(), Some("no-cache"));
    assert!(reply.json().is_array(), "{reply:?}");
    let head = target.admin("HEAD", ".stats").send();
    assert_eq!((head.status, head.body.as_str()), (200, ""));
}
