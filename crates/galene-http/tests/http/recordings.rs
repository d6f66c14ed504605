//! Recordings: listed, fetched and deleted by those who may record.

use std::fs;
use std::time::{Duration, SystemTime};

use data_encoding::BASE64;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::office::{Office, RECORDING, ROOT};
use crate::support::{Reply, Server, Setup};

const GROUP: &str = r#"{
    "allow-recording": true,
    "users": {
        "op": {"password": "secret", "permissions": "op"},
        "ann": {"password": "ann's", "permissions": "present"}
    }
}"#;

struct Fixture {
    directory: TempDir,
    server: Server,
}

impl Fixture {
    /// A server with one recording of the group `g` and one of `g/sub`.
    fn new() -> Fixture {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path().join("recordings");
        fs::create_dir_all(root.join("g/sub")).unwrap();
        fs::write(root.join("g/a b.webm"), "0123456789").unwrap();
        fs::write(root.join("g/sub/below.webm"), "x").unwrap();
        fs::write(directory.path().join("secret"), "secret").unwrap();
        let server = Server::with(Setup { recordings: Some(root), ..Setup::default() });
        server.groups.define("g", GROUP);
        Fixture { directory, server }
    }

    async fn ask(
        &self,
        method: &str,
        path: &str,
        user: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Reply {
        let basic = format!("Basic {}", BASE64.encode(user.as_bytes()));
        let mut all = vec![("Authorization", basic.as_str())];
        all.extend(headers);
        self.server.send(method, path, &all, body).await
    }

    async fn get(&self, path: &str) -> Reply {
        self.ask("GET", path, "op:secret", &[], "").await
    }
}

#[tokio::test]
async fn recordings_are_listed_for_those_who_may_record() {
    let fixture = Fixture::new();
    let list = fixture.get("/recordings/g/").await;
    assert_eq!(list.status, 200);
    assert_eq!(list.header("content-type"), "text/html; charset=utf-8");
    assert_eq!(list.header("cache-control"), "no-cache");
    assert!(list.text().contains("href=\"./a%20b.webm\""), "{}", list.text());
    assert!(!list.text().contains("below"), "{}", list.text());

    for user in ["op:wrong", "ann:ann's", "nobody:secret", ":"] {
        let refused = fixture.ask("GET", "/recordings/g/", user, &[], "").await;
        assert_eq!(refused.status, 401, "{user}");
        assert!(refused.header("www-authenticate").starts_with("Basic realm=\"recordings/g\""));
    }
    assert_eq!(fixture.server.get("/recordings/g/").await.status, 401);
    assert_eq!(fixture.get("/recordings/none/").await.status, 404);
}

#[tokio::test]
async fn surprise_14_files_cannot_be_probed_without_a_password() {
    let fixture = Fixture::new();
    for path in ["/recordings/g/a%20b.webm", "/recordings/g/none.webm", "/recordings/g/sub"] {
        assert_eq!(fixture.server.get(path).await.status, 401, "{path}");
    }
    assert_eq!(fixture.get("/recordings/g/a%20b.webm").await.status, 200);
    assert_eq!(fixture.get("/recordings/g/none.webm").await.status, 404);
}

#[tokio::test]
async fn surprise_14_forms_of_other_sites_delete_nothing() {
    let fixture = Fixture::new();
    let film = fixture.directory.path().join("recordings/g/a b.webm");
    let delete = async |headers: &[(&str, &str)]| {
        let form = ("Content-Type", "application/x-www-form-urlencoded");
        let all: Vec<_> = [form].iter().chain(headers).copied().collect();
        let body = "q=delete&filename=a+b.webm";
        fixture.ask("POST", "/recordings/g/", "op:secret", &all, body).await
    };
    for headers in [
        [("Origin", "https://evil.example")],
        [("Origin", "null")],
        [("Sec-Fetch-Site", "cross-site")],
    ] {
        assert_eq!(delete(&headers).await.status, 403, "{headers:?}");
        assert!(film.exists());
    }
    let deleted = delete(&[("Origin", "http://example.org")]).await;
    assert_eq!((deleted.status, deleted.header("location")), (303, "/recordings/g/"));
    assert!(!film.exists());
    assert_eq!(delete(&[]).await.status, 404);
}

#[tokio::test]
async fn a_form_that_makes_no_sense_is_refused() {
    let fixture = Fixture::new();
    let post = async |body: &str| {
        let form = [("Content-Type", "application/x-www-form-urlencoded")];
        fixture.ask("POST", "/recordings/g/", "op:secret", &form, body).await.status
    };
    for body in ["", "q=rename&filename=x", "q=delete", "q=delete&filename=..%2F..%2Fsecret"] {
        assert_eq!(post(body).await, 400, "{body}");
    }
    assert_eq!(post(&"x".repeat(10_000)).await, 413);
    let json = [("Content-Type", "application/json")];
    let reply = fixture.ask("POST", "/recordings/g/", "op:secret", &json, "{}").await;
    assert_eq!(reply.status, 400);
    let put = fixture.ask("PUT", "/recordings/g/", "op:secret", &[], "").await;
    assert_eq!((put.status, put.header("allow")), (405, "GET, HEAD, POST"));
    assert!(fixture.directory.path().join("secret").exists());
}

#[tokio::test]
async fn parts_of_a_recording_can_be_fetched() {
    let fixture = Fixture::new();
    let path = "/recordings/g/a%20b.webm";
    let whole = fixture.get(path).await;
    assert_eq!((whole.status, whole.text()), (200, "0123456789"));
    assert_eq!(whole.header("content-type"), "video/webm");
    assert_eq!(whole.header("accept-ranges"), "bytes");
    assert_eq!(whole.header("content-length"), "10");
    let etag = whole.header("etag");

    let range =
        async |headers: &[(&str, &str)]| fixture.ask("GET", path, "op:secret", headers, "").await;
    let part = range(&[("Range", "bytes=2-4"), ("If-Range", etag)]).await;
    assert_eq!((part.status, part.text()), (206, "234"));
    assert_eq!(part.header("content-range"), "bytes 2-4/10");
    let beyond = range(&[("Range", "bytes=10-")]).await;
    assert_eq!((beyond.status, beyond.header("content-range")), (416, "bytes */10"));
    let known = range(&[("If-None-Match", etag)]).await;
    assert_eq!((known.status, known.body.len()), (304, 0));
    assert_eq!(range(&[("If-Match", "\"other\"")]).await.status, 412);
    let head = fixture.ask("HEAD", path, "op:secret", &[], "").await;
    assert_eq!((head.status, head.header("content-length"), head.body.len()), (200, "10", 0));
}

#[tokio::test]
async fn a_recording_that_may_be_growing_is_not_kept() {
    let fixture = Fixture::new();
    let path = "/recordings/g/a%20b.webm";
    assert_eq!(fixture.get(path).await.header("cache-control"), "no-cache");
    let file = fs::File::options()
        .append(true)
        .open(fixture.directory.path().join("recordings/g/a b.webm"))
        .unwrap();
    file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000)).unwrap();
    let old = fixture.get(path).await;
    assert_eq!(old.header("cache-control"), "max-age=1800");
    assert_eq!(old.header("last-modified"), "Sun, 09 Sep 2001 01:46:40 GMT");
}

#[tokio::test]
async fn other_spellings_lead_to_the_right_one_and_nowhere_else() {
    let fixture = Fixture::new();
    for (path, location) in [
        ("/recordings", "/recordings/"),
        ("/recordings/g", "/recordings/g/"),
        ("/recordings/g/sub", "/recordings/g/sub/"),
    ] {
        let reply = fixture.get(path).await;
        assert_eq!((reply.status, reply.header("location")), (308, location), "{path}");
    }
    for path in ["/recordings/", "/recordings/.g/", "/recordings/g/.hidden"] {
        assert_eq!(fixture.get(path).await.status, 400, "{path}");
    }
    for path in ["/recordings/g/..%2F..%2Fsecret", "/recordings/%2e%2e/secret"] {
        assert_eq!(fixture.get(path).await.status, 301, "{path}");
    }
}

#[tokio::test]
async fn surprise_105_names_with_odd_characters_can_be_followed() {
    let fixture = Fixture::new();
    let name = "2026-11-23 ann?#%<b>.webm";
    fs::write(fixture.directory.path().join("recordings/g").join(name), "odd").unwrap();
    let list = fixture.get("/recordings/g/").await;
    let link = list.text().split("href=\"./").find(|rest| rest.contains("ann")).unwrap();
    let link = link.split('"').next().unwrap();
    let film = fixture.get(&format!("/recordings/g/{link}")).await;
    assert_eq!((film.status, film.text()), (200, "odd"));
}

/// The path of the group's recordings in the administrative interface.
const LIST: &str = "/.groups/g/.recordings/";

#[tokio::test]
async fn administrators_see_and_delete_what_was_recorded_in_a_group() {
    let office = Office::new();
    let odd = "2026-11-23 ann?#%<b>.webm";
    office.write_recording("g", odd, "0123456789");
    office.write_recording("g/sub", "below.webm", "x");
    let film = fs::File::options().append(true).open(office.recording("g", odd)).unwrap();
    film.set_modified(SystemTime::UNIX_EPOCH + Duration::from_millis(1_000_000_000_500)).unwrap();

    let list = office.get(LIST, ROOT).await;
    assert_eq!((list.status, list.header("content-type")), (200, "application/json"));
    assert_eq!(list.header("cache-control"), "no-cache");
    let list = list.json();
    let names: Vec<&Value> = list.as_array().unwrap().iter().map(|film| &film["name"]).collect();
    assert_eq!(names, [odd, RECORDING]);
    let etag = "\"10-1000000000500000000\"";
    let modified = "2001-09-09T01:46:40Z";
    assert_eq!(list[0], json!({"name": odd, "size": 10, "modified": modified, "etag": etag}));

    let path = format!("{LIST}2026-11-23%20ann%3F%23%25%3Cb%3E.webm");
    let delete = async |tag| office.ask("DELETE", &path, ROOT, &[("If-Match", tag)], "").await;
    assert_eq!(delete("\"9-1000000000500000000\"").await.status, 412);
    assert!(office.recording("g", odd).exists());
    assert_eq!(delete(etag).await.status, 204);
    assert!(!office.recording("g", odd).exists());
    assert_eq!(delete(etag).await.status, 404);
    assert_eq!(office.delete(&format!("{LIST}{RECORDING}")).await.status, 204);
    assert_eq!(office.get(LIST, ROOT).await.json(), json!([]));
    assert!(office.recording("g/sub", "below.webm").exists());
}

#[tokio::test]
async fn recordings_of_a_group_are_administered_by_those_who_administer_it() {
    let office = Office::new();
    office.write_group("other", &json!({}));
    let path = format!("{LIST}{RECORDING}");
    for who in ["", "ann:a secret", "op:po", "boss:wrong"] {
        for (method, path) in [("GET", LIST), ("DELETE", path.as_str())] {
            let refused = office.ask(method, path, who, &[], "").await;
            assert_eq!(refused.status, 401, "{method} {who}");
        }
    }
    assert!(office.recording("g", RECORDING).exists());
    assert_eq!(office.get("/.groups/other/.recordings/", "boss:b secret").await.status, 401);
    assert_eq!(office.get("/.groups/other/.recordings/", ROOT).await.json(), json!([]));
    assert_eq!(office.get("/.groups/none/.recordings/", ROOT).await.status, 404);
    assert_eq!(office.get(LIST, "boss:b secret").await.status, 200);
    // Recordings are no part of a group's definition.
    office.configure(|settings| settings.writable_groups = false);
    assert_eq!(office.ask("DELETE", &path, "boss:b secret", &[], "").await.status, 204);
}

#[tokio::test]
async fn nothing_but_recordings_can_be_deleted() {
    let office = Office::new();
    let secret = office.directory.path().join("secret");
    fs::write(&secret, "secret").unwrap();
    office.write_recording("g/sub", "below.webm", "x");
    for (name, status) in [
        ("sub", 404),
        (".hidden", 404),
        ("sub%2Fbelow.webm", 404),
        ("a%5Cb", 404),
        // Another spelling of a path outside.
        ("..%2F..%2Fsecret", 405),
    ] {
        assert_eq!(office.delete(&format!("{LIST}{name}")).await.status, status, "{name}");
    }
    assert!(secret.exists() && office.recording("g/sub", "below.webm").exists());
}
