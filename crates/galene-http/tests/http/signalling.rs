//! WebSockets: joining, talking, and what ends a connection.

use galene_http::SiteSettings;
use serde_json::json;
use tokio::net::{TcpSocket, TcpStream};

use futures_util::{SinkExt, StreamExt};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::error::Error;

use crate::support::{Client, Server, Setup};

#[tokio::test]
async fn members_join_and_hear_each_other() {
    let server = Server::start();
    let mut alice = server.client("alice").await;
    alice.join("test", "alice", "").await;
    let joined = alice.wait_for("joined").await;
    assert_eq!(joined["kind"], "join");
    assert_eq!(joined["group"], "test");
    assert_eq!(joined["username"], "alice");
    assert_eq!(joined["permissions"], json!(["present", "message"]));
    assert_eq!(alice.wait_for("user").await["id"], "alice");

    let mut bob = server.member("bob").await;
    assert_eq!(alice.wait_for("user").await["id"], "bob");
    bob.say("hello").await;
    for client in [&mut alice, &mut bob] {
        let chat = client.wait_for("chat").await;
        assert_eq!((&chat["value"], &chat["source"]), (&json!("hello"), &json!("bob")));
    }

    bob.socket.close(None).await.unwrap();
    let gone = alice.wait_for("user").await;
    assert_eq!((&gone["kind"], &gone["id"]), (&json!("delete"), &json!("bob")));
}

#[tokio::test]
async fn a_password_decides_and_a_wrong_one_leaves_the_connection_open() {
    let server = Server::start();
    let mut op = server.client("1").await;
    op.join("test", "op", "wrong").await;
    let refused = op.wait_for("joined").await;
    let text = json!("wrong username or password");
    assert_eq!((&refused["kind"], &refused["value"]), (&json!("fail"), &text));
    op.join("test", "op", "secret").await;
    let joined = op.wait_for("joined").await;
    assert!(joined["permissions"].as_array().unwrap().contains(&json!("op")), "{joined}");
}

#[tokio::test]
async fn joining_what_does_not_exist_or_is_broken_is_explained() {
    let server = Server::start();
    server.groups.define("broken", "{");
    let mut client = server.client("1").await;
    client.join("none", "alice", "").await;
    let refused = client.wait_for("joined").await;
    assert_eq!(refused["kind"], "fail");
    assert!(refused["value"].as_str().unwrap().contains("does not exist"), "{refused}");
    client.join("broken", "alice", "").await;
    let refused = client.wait_for("joined").await;
    assert_eq!(refused["kind"], "fail");
    assert!(refused["value"].as_str().unwrap().contains("misconfigured"), "{refused}");
}

#[tokio::test]
async fn a_malformed_message_ends_the_connection_of_its_sender_alone() {
    let server = Server::start();
    let mut alice = server.member("alice").await;
    let mut bob = server.member("bob").await;
    for (rubbish, code) in [("{", 1011), (r#"{"type": 7}"#, 1011), (r#"{"type": "dance"}"#, 1002)] {
        let mut mallory = server.member("mallory").await;
        mallory.socket.send(Message::text(rubbish)).await.unwrap();
        let frame = mallory.close_frame().await.expect("a close frame");
        assert_eq!(u16::from(frame.code), code, "{rubbish}");
    }
    bob.say("still here").await;
    assert_eq!(alice.wait_for("chat").await["value"], "still here");
}

#[tokio::test]
async fn a_message_that_is_too_big_ends_the_connection_of_its_sender_alone() {
    let server = Server::start();
    let mut alice = server.member("alice").await;
    let mallory = server.member("mallory").await;
    let (mut sink, mut stream) = mallory.socket.split();
    let sending = tokio::spawn(async move {
        // The server need not read all of it.
        let _refused: Result<(), Error> = sink.send(Message::text("x".repeat((1 << 20) + 1))).await;
        sink
    });
    let close = loop {
        let frame = stream.next().await.expect("a close frame");
        if let Message::Close(frame) = frame.expect("sound") {
            break frame.expect("a code");
        }
    };
    assert_eq!(u16::from(close.code), 1009);
    drop(sending);
    loop {
        let user = alice.wait_for("user").await;
        if (&user["kind"], &user["id"]) == (&json!("delete"), &json!("mallory")) {
            break;
        }
    }
}

#[tokio::test]
async fn a_client_that_stops_reading_is_cut_off_while_the_others_go_on() {
    let server = Server::start();
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let mut slow = Client::connect(socket.connect(server.address).await.unwrap(), "slow").await;
    slow.join("test", "slow", "").await;
    slow.wait_for("joined").await;

    let mut bob = server.member("bob").await;
    // Together far more than a queue and the kernel's buffers hold, and nobody speaks so often that the
    // rate of messages is exceeded.
    for speaker in 0..16 {
        let mut speaker = server.member(&format!("speaker {speaker}")).await;
        for round in 0..30 {
            let value = json!({"round": round, "filling": "x".repeat(60_000)});
            speaker
                .send(json!({
                    "type": "usermessage", "kind": "test", "source": speaker.id,
                    "username": speaker.id, "dest": "slow", "value": value
                }))
                .await;
            speaker.send(json!({"type": "ping"})).await;
            speaker.wait_for("pong").await;
        }
    }
    loop {
        let user = bob.wait_for("user").await;
        if (&user["kind"], &user["id"]) == (&json!("delete"), &json!("slow")) {
            break;
        }
    }
    let mut alice = server.member("alice").await;
    bob.say("peace").await;
    assert_eq!(alice.wait_for("chat").await["value"], "peace");
    assert_eq!(slow.close_frame().await, None, "it is cut off without another word");
}

#[tokio::test]
async fn pages_of_other_origins_may_not_connect() {
    let settings = SiteSettings {
        allow_origin: vec!["https://b.example".to_owned()],
        ..SiteSettings::default()
    };
    let server = Server::with(Setup { settings, ..Setup::default() });
    for (origin, allowed) in [
        (Some("http://example.org"), true),
        (Some("https://b.example"), true),
        (Some("https://evil.example"), false),
        (None, true),
    ] {
        let stream = TcpStream::connect(server.address).await.unwrap();
        let mut request = "ws://example.org/ws".into_client_request().unwrap();
        if let Some(origin) = origin {
            request.headers_mut().insert("Origin", origin.parse().unwrap());
        }
        match tokio_tungstenite::client_async(request, stream).await {
            Ok(_) => assert!(allowed, "{origin:?}"),
            Err(Error::Http(response)) => {
                assert!(!allowed, "{origin:?}");
                assert_eq!(response.status(), 403);
                assert_eq!(response.headers()["sec-websocket-version"], "13");
            }
            Err(error) => panic!("{error}"),
        }
    }
}

#[tokio::test]
async fn what_is_no_websocket_is_told_so() {
    let server = Server::start();
    assert_eq!(server.get("/ws").await.status, 400);
    let post = server.request("POST", "/ws", &[("Content-Length", "0")]).await;
    assert_eq!((post.status, post.header("allow")), (405, "GET"));
}

#[tokio::test]
async fn a_group_that_changes_is_passed_on_to_its_members() {
    use galene_http::GroupStore;
    let server = Server::start();
    let mut alice = server.member("alice").await;
    assert_eq!(server.control.handle().groups().await.len(), 1);
    server.groups.define("test", r#"{"displayName": "New"}"#);
    let lookup = server.groups.lookup(&galene_protocol::GroupName::parse("test").unwrap()).unwrap();
    server.control.handle().group_changed(lookup).await;
    let changed = alice.wait_for("joined").await;
    assert_eq!(
        (&changed["kind"], &changed["status"]["displayName"]),
        (&json!("change"), &json!("New"))
    );
}
