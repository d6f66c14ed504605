//! How a WebSocket is opened.

use galene_conformance::{Client, Target};
use serde_json::json;

const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";

fn upgrade(target: &Target) -> galene_conformance::Request {
    target
        .request("GET", "/ws")
        .header("Upgrade", "websocket")
        .header("Connection", "Upgrade")
        .header("Sec-WebSocket-Version", "13")
        .header("Sec-WebSocket-Key", KEY)
}

#[test]
fn a_plain_request_is_refused() {
    let target = Target::shared();
    let reply = target.get("/ws");
    assert_eq!(reply.status, 400);
    assert_eq!(reply.header("Sec-WebSocket-Version").as_deref(), Some("13"));
    let posted = target.request("POST", "/ws").send().status;
    assert!([400, 405].contains(&posted), "it is wrong in two ways: {posted}");
}

#[test]
fn pages_of_other_origins_are_refused() {
    let target = Target::shared();
    for origin in ["https://evil.example", "null", "https://pages.example.evil"] {
        let reply = upgrade(&target).header("Origin", origin).send();
        assert_eq!(reply.status, 403, "{origin}");
        assert_eq!(reply.header("Sec-WebSocket-Version").as_deref(), Some("13"));
    }
}

#[test]
fn our_own_pages_and_those_of_listed_origins_may_connect() {
    let target = Target::shared();
    let own = format!("https://{}", target.host());
    for origin in [own.as_str(), "https://pages.example", "HTTPS://PAGES.example"] {
        let mut client = Client::connect(target.host(), &[("Origin", origin)]);
        client.shake_hands("a");
    }
}

#[test]
fn sub_protocols_and_extensions_are_passed_over() {
    let target = Target::shared();
    let offer = [("Sec-WebSocket-Extensions", "permessage-deflate")];
    let mut client = Client::connect(target.host(), &offer);
    client.shake_hands("a");
    client.send(json!({ "type": "ping" }));
    client.expect("pong");
}

#[test]
fn other_versions_of_websocket_are_refused() {
    let target = Target::shared();
    let reply = target
        .request("GET", "/ws")
        .header("Upgrade", "websocket")
        .header("Connection", "Upgrade")
        .header("Sec-WebSocket-Version", "8")
        .header("Sec-WebSocket-Key", KEY)
        .send();
    assert_eq!(reply.status, 400);
}
