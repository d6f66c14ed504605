//! Pages and files.

use galene_conformance::Target;
use serde_json::json;

#[test]
fn a_group_has_a_page_and_what_is_no_group_has_none() {
    let target = Target::shared();
    let room = target.room("pages-group");
    let page = target.get(&room.path());
    assert_eq!(page.status, 200);
    assert!(page.header("Content-Type").is_some_and(|t| t.starts_with("text/html")));
    for path in ["/group/pages-nowhere/", "/group/", "/group/pages-group/.other", "/group/.hidden/"]
    {
        let reply = target.get(path);
        assert_eq!(reply.status, 404, "{path}");
        assert_eq!(reply.header("Content-Type").as_deref(), Some("text/html; charset=utf-8"));
    }
}

#[test]
fn pages_say_what_they_may_load() {
    let target = Target::shared();
    let room = target.room_with("pages-csp", json!({ "authServer": "https://auth.example/" }));
    let with = target.get(&room.path());
    let policy = with.header("Content-Security-Policy").expect("a policy");
    assert!(policy.contains("https://auth.example/"), "{policy}");
    assert_eq!(with.header("Referrer-Policy").as_deref(), Some("no-referrer"));
    assert_eq!(with.header("X-Content-Type-Options").as_deref(), Some("nosniff"));
    let without = target.get(&target.room("pages-csp-plain").path());
    let policy = without.header("Content-Security-Policy").expect("a policy");
    assert!(!policy.contains("auth.example"), "{policy}");
    let connect = policy.split(';').find_map(|part| part.trim().strip_prefix("connect-src "));
    assert!(connect.is_some_and(|sources| sources.contains("'self'")), "{policy}");
    assert!(target.get("/").header("Content-Security-Policy").is_some());
}

#[test]
fn surprise_83_redirects_to_the_group_keep_the_query() {
    let target = Target::shared();
    target.room("pages-slash");
    let reply = target.get("/group/pages-slash?token=abc&x=%20");
    assert_eq!(reply.status, 308);
    let location = reply.header("Location").expect("somewhere to go");
    if target.differs(83) {
        assert!(location.starts_with("/group/pages-slash/"), "{location}");
    } else {
        assert_eq!(location, "/group/pages-slash/?token=abc&x=%20");
    }
}

#[test]
fn paths_are_cleaned() {
    let target = Target::shared();
    target.room("pages-clean");
    for path in ["//group//pages-clean/", "/group/./pages-clean/", "/group/x/../pages-clean/"] {
        let reply = target.get(path);
        // What Galène is built with decides whether it says 301 or 307.
        let status = reply.status;
        assert!(status == 301 || status == 307 && target.is_other(), "{path}: {status}");
        assert_eq!(reply.header("Location").as_deref(), Some("/group/pages-clean/"), "{path}");
    }
    assert_eq!(target.get("/group").header("Location").as_deref(), Some("/group/"));
}

#[test]
fn a_group_that_leads_elsewhere_has_a_page_that_leads_there() {
    let target = Target::shared();
    let url = "https://elsewhere.example/group/x/";
    let room = target.room_with("pages-redirect", json!({ "redirect": url }));
    let reply = target.get(&room.path());
    assert_eq!((reply.status, reply.header("Location").as_deref()), (308, Some(url)));
}

#[test]
fn a_group_that_cannot_be_used_is_a_fault_of_the_server() {
    let target = Target::shared();
    target.write_group_file("pages-broken", r#"{"dispayName": "x"}"#);
    assert_eq!(target.get("/group/pages-broken/").status, 500);
    assert_eq!(target.get("/group/pages-broken/.status").status, 500);
}

#[test]
fn files_are_kept_and_asked_for_again_by_their_tag() {
    let target = Target::shared();
    let first = target.get("/");
    assert_eq!(first.status, 200);
    let tag = first.header("ETag").expect("a tag");
    assert!(first.header("Cache-Control").is_some());
    let again = target.request("GET", "/").header("If-None-Match", &tag).send();
    assert_eq!((again.status, again.body.as_str()), (304, ""));
    let other = target.request("GET", "/").header("If-None-Match", "\"other\"").send();
    assert_eq!(other.status, 200);
}

#[test]
fn head_is_get_without_a_body() {
    let target = Target::shared();
    let room = target.room("pages-head");
    for path in ["/", &room.path(), &format!("{}.status", room.path()), "/public-groups.json"] {
        let head = target.request("HEAD", path).send();
        assert_eq!((head.status, head.body.as_str()), (200, ""), "{path}");
        assert_eq!(head.header("Content-Type"), target.get(path).header("Content-Type"));
    }
}

#[test]
fn files_that_do_not_exist_are_the_404_page() {
    let target = Target::shared();
    for path in ["/no-such-file", "/..%2f..%2fetc%2fpasswd", "/%2e%2e/%2e%2e/etc/passwd"] {
        let reply = target.get(path);
        // Paths like these two are cleaned, not found, or (Galène) a fault of the server.
        let known = [301, 404].contains(&reply.status)
            || [307, 500].contains(&reply.status) && path.contains('%') && target.is_other();
        assert!(known, "{path}: {reply:?}");
        assert!(!reply.body.contains("root:"), "{path}");
    }
}

#[test]
fn surprise_83_redirects_to_the_canonical_host_keep_the_query() {
    let config = json!({ "canonicalHost": "here.example" });
    let Some(target) = Target::configured(&config) else { return };
    let room = target.room("canonical");
    let path = format!("{}?token=abc", room.path());
    let reply = target.get(&path);
    assert_eq!(reply.status, 301);
    let expected = format!("https://here.example{path}");
    assert_eq!(reply.header("Location"), Some(expected));
    assert_eq!(target.request("GET", &path).host("HERE.example").send().status, 200);
    assert_eq!(target.get("/").status, 301);
    assert_eq!(target.get("/public-groups.json").status, 200);
    target.client("a");
}
