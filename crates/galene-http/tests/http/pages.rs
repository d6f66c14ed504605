//! Pages, files and what is told about groups.

use std::fs;

use galene_http::SiteSettings;
use serde_json::json;

use crate::support::{Server, Setup};

#[tokio::test]
async fn the_embedded_client_is_served_with_headers_that_keep_it_safe() {
    let server = Server::start();
    for path in ["/", "/group/test/", "/admin/", "/stats.html", "/change-password.html"] {
        let page = server.get(path).await;
        assert_eq!(page.status, 200, "{path}");
        assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
        assert_eq!(page.header("cache-control"), "no-cache");
        assert_eq!(page.header("x-content-type-options"), "nosniff");
        assert_eq!(page.header("referrer-policy"), "no-referrer");
        assert!(page.header("content-security-policy").contains("object-src 'none'"));
        assert!(!page.header("content-security-policy").contains("unsafe"));
        assert!(page.header("permissions-policy").contains("camera=(self)"));
    }
}

#[tokio::test]
async fn the_page_of_administrators_has_a_short_address() {
    let moved = Server::start().get("/admin?token=x").await;
    assert_eq!((moved.status, moved.header("location")), (308, "/admin/?token=x"));
}

#[tokio::test]
async fn what_has_not_changed_is_not_sent_again() {
    let server = Server::start();
    let page = server.get("/group/test/").await;
    let style = page.text().split('"').find(|url| url.ends_with(".css")).unwrap().to_owned();
    let asset = server.get(&style).await;
    assert_eq!(asset.status, 200);
    assert!(asset.header("cache-control").contains("immutable"));

    for (path, etag) in [("/group/test/", page.header("etag")), (&style, asset.header("etag"))] {
        let again = server.request("GET", path, &[("If-None-Match", etag)]).await;
        assert_eq!(again.status, 304, "{path}");
        assert!(again.body.is_empty());
        assert_eq!(again.header("etag"), etag);
        let changed = server.request("GET", path, &[("If-None-Match", "\"other\"")]).await;
        assert_eq!(changed.status, 200, "{path}");
    }
}

#[tokio::test]
async fn head_is_get_without_the_body() {
    let server = Server::start();
    for path in ["/", "/group/test/.status", "/public-groups.json"] {
        let get = server.get(path).await;
        let head = server.request("HEAD", path, &[]).await;
        assert_eq!(head.status, 200);
        assert!(head.body.is_empty());
        assert_eq!(head.header("content-length"), get.body.len().to_string());
        assert_eq!(head.header("content-type"), get.header("content-type"));
    }
    assert_eq!(server.request("HEAD", "/group/none/.status.json", &[]).await.status, 308);
    assert_eq!(server.request("HEAD", "/group/none/.status", &[]).await.status, 404);
}

#[tokio::test]
async fn other_methods_are_refused() {
    let server = Server::start();
    for path in ["/", "/group/test/", "/public-groups.json"] {
        let reply = server.request("POST", path, &[("Content-Length", "0")]).await;
        assert_eq!(reply.status, 405);
        assert_eq!(reply.header("allow"), "GET, HEAD");
    }
}

#[tokio::test]
async fn surprise_83_redirects_keep_the_query() {
    let server = Server::start();
    for (path, status, location) in [
        ("/group/test?token=abc", 308, "/group/test/?token=abc"),
        ("/group/test/.status.json", 308, "/group/test/.status"),
        ("//evil.example/?x", 301, "/evil.example/?x"),
        ("/group/./test/", 301, "/group/test/"),
    ] {
        let reply = server.get(path).await;
        assert_eq!((reply.status, reply.header("location")), (status, location), "{path}");
    }
}

#[tokio::test]
async fn what_does_not_exist_is_a_page_that_says_so() {
    let server = Server::start();
    for path in ["/nothing", "/group/none/", "/group/test/.other", "/assets/x", "/%2e%2e/x", "/%"] {
        let reply = server.get(path).await;
        if reply.status == 301 {
            continue;
        }
        assert_eq!(reply.status, 404, "{path}");
        assert_eq!(reply.header("content-type"), "text/html; charset=utf-8");
        assert_eq!(reply.header("etag"), "");
    }
}

#[tokio::test]
async fn a_group_that_is_misconfigured_says_so_and_no_more() {
    let server = Server::start();
    server.groups.define("broken", r#"{"pasword": "hunter2"}"#);
    let status = server.get("/group/broken/.status").await;
    assert_eq!(status.status, 500);
    assert_eq!(status.text(), "this group is misconfigured; the administrator has been told");
    // The page finds that out by itself, and says it in a form that is meant for people.
    let page = server.get("/group/broken/").await;
    assert_eq!(page.status, 500);
    assert!(page.text().contains("<html") && !page.text().contains("hunter2"));
    assert_eq!((page.header("etag"), page.header("cache-control")), ("", "no-store"));
    // A browser that has kept the page of a group in order still gets to see it.
    let etag = server.get("/group/test/").await.header("etag").to_owned();
    let known = [("If-None-Match", etag.as_str())];
    let page = server.request("GET", "/group/broken/", &known).await;
    assert_eq!(page.status, 500);
    assert!(page.text().contains("<html"));
}

#[tokio::test]
async fn the_status_tells_strangers_how_full_a_group_is_only_if_it_is_public() {
    let server = Server::start();
    server.groups.define("open", r#"{"public": true, "displayName": "Open"}"#);
    let _member = server.member("alice").await;
    let status = server.get("/group/test/.status").await;
    assert_eq!(status.header("content-type"), "application/json");
    assert_eq!(status.header("cache-control"), "no-cache");
    let expected = json!({
        "name": "test", "location": "http://example.org/group/test/", "endpoint": "ws://example.org/ws"
    });
    assert_eq!(status.json(), expected);
    let open = server.get("/group/open/.status").await.json();
    assert_eq!(open["clientCount"], 0);
    assert_eq!(open["displayName"], "Open");
}

#[tokio::test]
async fn surprise_94_public_groups_are_listed_in_order_and_those_elsewhere_too() {
    let server = Server::start();
    assert_eq!(server.get("/public-groups.json").await.json(), json!([]));
    server.groups.define("b c", r#"{"public": true}"#);
    server.groups.define("a", r#"{"public": true, "redirect": "https://other.example/group/a/"}"#);
    let list = server.get("/public-groups.json").await.json();
    assert_eq!(list[0]["location"], "http://example.org/group/a/");
    assert_eq!(list[0]["redirect"], "https://other.example/group/a/");
    assert_eq!(list[1]["location"], "http://example.org/group/b%20c/");
    assert_eq!(list[1]["clientCount"], 0);
    assert_eq!(list.as_array().unwrap().len(), 2);

    let page = server.get("/group/a/").await;
    assert_eq!((page.status, page.header("location")), (308, "https://other.example/group/a/"));
    let status = server.get("/group/a/.status").await.json();
    assert!(status.get("location").is_none());
}

#[tokio::test]
async fn surprise_83_requests_for_other_hosts_are_sent_to_the_canonical_one() {
    let settings = SiteSettings {
        canonical_host: Some("meet.example".to_owned()),
        proxy: Some("https://meet.example/base".parse().unwrap()),
        ..SiteSettings::default()
    };
    let server = Server::with(Setup { settings, ..Setup::default() });
    let reply = server.get("/group/test/?token=abc").await;
    assert_eq!(reply.status, 301);
    assert_eq!(reply.header("location"), "https://meet.example/group/test/?token=abc");
    let reply = server.request("GET", "/group/test/.status", &[("Host", "MEET.example")]).await;
    assert_eq!(reply.json()["location"], "https://meet.example/base/group/test/");
    assert_eq!(reply.json()["endpoint"], "wss://meet.example/base/ws");
    assert_eq!(server.get("/public-groups.json").await.status, 200);
}

#[tokio::test]
async fn surprise_85_pages_of_listed_origins_may_read_the_status() {
    let settings = SiteSettings {
        allow_origin: vec!["https://b.example".to_owned()],
        ..SiteSettings::default()
    };
    let server = Server::with(Setup { settings, ..Setup::default() });
    let from = async |origin: &str| {
        server.request("GET", "/group/test/.status", &[("Origin", origin)]).await
    };
    assert_eq!(
        from("https://b.example").await.header("access-control-allow-origin"),
        "https://b.example"
    );
    let other = from("https://c.example").await;
    assert_eq!((other.status, other.header("access-control-allow-origin")), (200, ""));
    assert_eq!(other.header("vary"), "Origin");
}

#[tokio::test]
async fn surprise_84_the_status_has_a_second_name_that_leads_to_the_first() {
    let server = Server::start();
    for method in ["GET", "HEAD"] {
        let moved = server.request(method, "/group/test/.status.json", &[]).await;
        assert_eq!((moved.status, moved.header("location")), (308, "/group/test/.status"));
        assert_eq!(server.request(method, moved.header("location"), &[]).await.status, 200);
    }
}

#[tokio::test]
async fn surprise_45_what_is_private_is_hidden_from_strangers() {
    let server = Server::start();
    let _member = server.member("alice").await;
    let status = server.get("/group/test/.status").await.json();
    assert!(status.get("clientCount").is_none() && status.get("locked").is_none(), "{status}");
}

#[tokio::test]
async fn surprise_81_names_with_dot_segments_are_no_groups() {
    let server = Server::start();
    for path in ["/group/.hidden/", "/group/a/.b/", "/group/a/.b/.status"] {
        assert_eq!(server.get(path).await.status, 404, "{path}");
    }
    let mut client = server.client("x").await;
    client.join(".hidden", "x", "").await;
    assert_ne!(client.next().await["kind"], "join");
}

#[tokio::test]
async fn surprise_115_the_location_of_a_group_with_an_odd_name_is_escaped() {
    let server = Server::start();
    server.groups.define("ä b", "{}");
    let status = server.get("/group/%C3%A4%20b/.status").await.json();
    assert_eq!(status["location"], "http://example.org/group/%C3%A4%20b/");
}

#[tokio::test]
async fn a_group_s_page_may_talk_to_its_authorisation_server() {
    let server = Server::start();
    server.groups.define("auth", r#"{"authServer": "https://auth.example/"}"#);
    let page = server.get("/group/auth/").await;
    let policy = page.header("content-security-policy");
    assert!(policy.contains("connect-src https://auth.example/ "), "{policy}");
    let other = server.get("/group/test/").await;
    assert!(!other.header("content-security-policy").contains("auth.example"));
}

#[tokio::test]
async fn surprise_95_a_directory_takes_the_place_of_the_embedded_client() {
    let directory = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(directory.path().join(name), text).unwrap();
    write("index.html", "<title>ours</title>");
    write("galene.html", "<title>group</title>");
    write("404.html", "<title>nothing</title>");
    fs::create_dir(directory.path().join("third-party")).unwrap();
    write("third-party/x.js", "1");
    let setup = Setup { directory: Some(directory.path().to_owned()), ..Setup::default() };
    let server = Server::with(setup);

    assert_eq!(server.get("/").await.text(), "<title>ours</title>");
    let group = server.get("/group/test/").await;
    assert_eq!(group.text(), "<title>group</title>");
    assert!(group.header("content-security-policy").contains("connect-src ws: wss: 'self'"));
    assert_eq!(group.header("cache-control"), "max-age=1800");
    let missing = server.get("/missing").await;
    assert_eq!((missing.status, missing.text()), (404, "<title>nothing</title>"));
    assert_eq!(server.get("/third-party?x").await.header("location"), "/third-party/?x");
    assert_eq!(server.get("/third-party/").await.status, 403);

    let script = server.get("/third-party/x.js").await;
    assert_eq!(script.header("content-type"), "text/javascript; charset=utf-8");
    // Surprise 95: what others have made changes seldom.
    assert_eq!(script.header("cache-control"), "max-age=86400");
    let part = server.request("GET", "/galene.html", &[("Range", "bytes=0-6")]).await;
    assert_eq!((part.status, part.text()), (206, "<title>"));
    let etag = script.header("etag");
    let again = server.request("GET", "/third-party/x.js", &[("If-None-Match", etag)]).await;
    assert_eq!((again.status, again.header("etag")), (304, etag));
    write("third-party/x.js", "22");
    let changed = server.request("GET", "/third-party/x.js", &[("If-None-Match", etag)]).await;
    assert_eq!((changed.status, changed.text()), (200, "22"));
}
