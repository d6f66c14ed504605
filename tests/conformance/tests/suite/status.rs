//! What everybody may know about groups.

use galene_conformance::Target;
use serde_json::{Value, json};

#[test]
fn surprise_45_the_status_of_a_private_group_says_nothing_of_its_members() {
    let target = Target::shared();
    let keys = json!({ "displayName": "Shown", "description": "Of", "authServer": "https://a.example/",
        "authPortal": "https://p.example/" });
    let room = target.room_with("status-private", keys);
    let mut op = room.operator();
    op.send(json!({ "type": "groupaction", "kind": "lock" }));
    op.drain();
    let reply = target.get(&format!("{}.status", room.path()));
    assert_eq!(reply.status, 200);
    assert_eq!(reply.header("Content-Type").as_deref(), Some("application/json"));
    assert_eq!(reply.header("Cache-Control").as_deref(), Some("no-cache"));
    let expected = json!({
        "name": "status-private",
        "location": target.url("/group/status-private/"),
        "endpoint": format!("ws://{}/ws", target.host()),
        "displayName": "Shown", "description": "Of",
        "authServer": "https://a.example/", "authPortal": "https://p.example/",
    });
    assert_eq!(reply.json(), expected);
}

#[test]
fn the_status_of_a_public_group_says_how_many_are_there() {
    let target = Target::shared();
    let room = target.room_with("status-public", json!({ "public": true }));
    let path = format!("{}.status", room.path());
    assert_eq!(target.get(&path).json()["clientCount"], 0);
    let mut op = room.operator();
    op.send(json!({ "type": "groupaction", "kind": "lock" }));
    op.drain();
    let status = target.get(&path).json();
    assert_eq!((&status["clientCount"], &status["locked"]), (&json!(1), &json!(true)));
}

#[test]
fn surprise_84_the_old_name_of_the_status_leads_to_the_new_one() {
    let target = Target::shared();
    target.room("status-old");
    for method in ["GET", "HEAD"] {
        let reply = target.request(method, "/group/status-old/.status.json").send();
        assert_eq!(reply.status, 308);
        assert_eq!(reply.header("Location").as_deref(), Some("/group/status-old/.status"));
    }
    assert_eq!(target.get("/group/status-nowhere/.status").status, 404);
}

#[test]
fn groups_have_names_with_spaces_and_slashes() {
    let target = Target::shared();
    target.room("status odd/ünïcode");
    let path = "/group/status%20odd/%C3%BCn%C3%AFcode/";
    assert_eq!(target.get(path).status, 200);
    let status = target.get(&format!("{path}.status")).json();
    assert_eq!(status["name"], "status odd/ünïcode");
    assert_eq!(status["location"], target.url(path));
}

#[test]
fn a_group_that_leads_elsewhere_says_so_and_little_else() {
    let target = Target::shared();
    let url = "https://elsewhere.example/group/x/";
    let room =
        target.room_with("status-redirect", json!({ "redirect": url, "displayName": "Shown" }));
    let status = target.get(&format!("{}.status", room.path())).json();
    let expected = json!({ "name": "status-redirect", "redirect": url, "displayName": "Shown" });
    assert_eq!(status, expected);
}

#[test]
fn public_groups_are_listed_by_name() {
    let target = Target::shared();
    for name in ["status-list-b", "status-list-a"] {
        let room = target.room_with(name, json!({ "public": true, "description": "Listed" }));
        // Some servers notice a group when somebody asks for it.
        target.get(&room.path());
    }
    target.room("status-list-c");
    let reply = target.get("/public-groups.json");
    assert_eq!(reply.header("Content-Type").as_deref(), Some("application/json"));
    assert_eq!(reply.header("Cache-Control").as_deref(), Some("no-cache"));
    let list = reply.json();
    let list = list.as_array().expect("an array");
    let names: Vec<&str> = list.iter().filter_map(|group| group["name"].as_str()).collect();
    assert!(names.is_sorted(), "{names:?}");
    let ours: Vec<&&str> = names.iter().filter(|name| name.starts_with("status-list")).collect();
    assert_eq!(ours, [&"status-list-a", &"status-list-b"]);
    let a = list.iter().find(|group| group["name"] == "status-list-a").expect("it is listed");
    assert_eq!(a["location"], target.url("/group/status-list-a/"));
    assert_eq!((&a["description"], &a["clientCount"]), (&json!("Listed"), &json!(0)));
}

#[test]
fn surprise_78_a_new_public_group_is_listed_without_anybody_asking_for_it() {
    /// How often the list is fetched till then: for much longer than the server takes to look by itself.
    const TRIES: usize = 100_000;
    let target = Target::shared();
    if target.differs(78) {
        return;
    }
    target.room_with("status-found", json!({ "public": true }));
    let is_listed = |_| target.get("/public-groups.json").body.contains("\"status-found\"");
    assert!((0..TRIES).any(is_listed));
}

#[test]
fn surprise_94_listed_groups_that_lead_elsewhere_have_a_location() {
    let target = Target::shared();
    let url = "https://elsewhere.example/group/x/";
    let room =
        target.room_with("status-listed-redirect", json!({ "redirect": url, "public": true }));
    target.get(&room.path());
    if target.differs(94) {
        return;
    }
    let list = target.get("/public-groups.json").json();
    let listed = list.as_array().expect("an array").iter().find(|group| group["name"] == room.name);
    let listed = listed.expect("it is listed");
    assert_eq!(listed["location"], target.url(&room.path()));
    assert_eq!(listed["redirect"], url);
}

#[test]
fn surprise_85_pages_of_listed_origins_may_read_the_status() {
    let target = Target::shared();
    let room = target.room("status-cors");
    if target.differs(85) {
        return;
    }
    for path in [format!("{}.status", room.path()), "/public-groups.json".to_owned()] {
        let listed = target.request("GET", &path).header("Origin", "https://pages.example").send();
        let allowed = listed.header("Access-Control-Allow-Origin");
        assert_eq!(allowed.as_deref(), Some("https://pages.example"));
        assert!(listed.lists("Vary", "Origin"), "{listed:?}");
        let other = target.request("GET", &path).header("Origin", "https://evil.example").send();
        assert_eq!((other.status, other.header("Access-Control-Allow-Origin")), (200, None));
    }
}

#[test]
fn urls_follow_the_proxy() {
    for (proxy, location, endpoint) in [
        ("/base", "http://HOST/base/group/p/", "ws://HOST/base/ws"),
        ("https:", "https://HOST/group/p/", "wss://HOST/ws"),
        ("https://b.example/x", "https://b.example/x/group/p/", "wss://b.example/x/ws"),
    ] {
        let Some(target) = Target::configured(&json!({ "proxyURL": proxy })) else { return };
        target.room("p");
        let status = target.get("/group/p/.status").json();
        let expect = |text: &str| Value::from(text.replace("HOST", target.host()));
        assert_eq!(status["location"], expect(location), "{proxy}");
        assert_eq!(status["endpoint"], expect(endpoint), "{proxy}");
    }
}
