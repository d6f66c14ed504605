//! Group files that change while the server runs.

use crate::client::Client;
use crate::process::Place;

const OPEN: &str = r#"{"displayName": "One", "users": {"op": {"password": "x", "permissions": "op"}},
    "wildcard-user": {"password": {"type": "wildcard"}, "permissions": "present"}}"#;

#[tokio::test]
async fn a_broken_file_is_reported_and_the_last_good_definition_stays() {
    let place = Place::new();
    place.write("groups/a.json", OPEN);
    let server = place.start(&[]);
    let mut member = Client::connect(&server, &place, "1").await;
    assert_eq!(member.join("a", "op", "x").await["kind"], "join");

    place.write("groups/a.json", "{\n  \"dispayName\": \"Two\"\n}");
    let line = server.log.wait_for("groups/a.json:2:");
    assert!(line.contains("dispayName"), "{line}");
    let warning = member.wait_for("usermessage").await;
    assert_eq!(warning["kind"], "warning", "operators are told: {warning}");
    let mut other = Client::connect(&server, &place, "2").await;
    let joined = other.join("a", "somebody", "").await;
    assert_eq!(
        (&joined["kind"], &joined["status"]["displayName"]),
        (&"join".into(), &"One".into())
    );

    place.write("groups/a.json", &OPEN.replace("One", "Three"));
    loop {
        let changed = member.wait_for("joined").await;
        assert_eq!(changed["kind"], "change");
        if changed["status"]["displayName"] == "Three" {
            break;
        }
    }
}

#[tokio::test]
async fn a_file_that_was_never_good_is_reported_at_start_and_to_those_who_want_to_join() {
    let place = Place::new();
    place.write("groups/a.json", "{");
    place.write("groups/b.json", OPEN);
    let server = place.start(&[]);
    server.log.wait_for("groups/a.json:1:");
    let mut client = Client::connect(&server, &place, "1").await;
    let refused = client.join("a", "somebody", "").await;
    assert_eq!(refused["kind"], "fail");
    let text = refused["value"].as_str().unwrap();
    assert!(text.contains("misconfigured"), "{text}");
    assert_eq!(client.join("b", "somebody", "").await["kind"], "join");
}
