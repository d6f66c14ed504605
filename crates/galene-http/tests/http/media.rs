//! What clients and the media plane say to each other crosses the control task.

use galene_conference::{Command, Event};
use serde_json::json;

use crate::support::Server;

#[tokio::test]
async fn an_offer_reaches_the_media_plane_and_its_answer_the_client() {
    let mut server = Server::start();
    let mut alice = server.member("alice").await;
    alice
        .send(json!({"type": "offer", "id": "camera", "label": "camera", "source": "alice",
            "username": "alice", "sdp": "v=0 and so on"}))
        .await;
    let Some(Command::Offer { transport, sdp, .. }) = server.commands.recv().await else {
        panic!("an offer comes first")
    };
    assert_eq!(sdp, "v=0 and so on");
    let answer = Event::Answer { transport, sdp: "the answer".to_owned() };
    server.events.send((galene_conference::ShardId(0), answer)).unwrap();
    let answer = alice.wait_for("answer").await;
    assert_eq!((&answer["id"], &answer["sdp"]), (&json!("camera"), &json!("the answer")));

    drop(alice);
    while let Some(command) = server.commands.recv().await {
        if command == (Command::Close { transport }) {
            break;
        }
    }
}

#[tokio::test]
async fn without_a_media_plane_the_control_plane_ends() {
    let mut server = Server::start();
    let mut alice = server.member("alice").await;
    server.commands.close();
    alice
        .send(json!({"type": "offer", "id": "camera", "label": "camera", "source": "alice",
            "username": "alice", "sdp": "v=0"}))
        .await;
    server.control.ended().await;
}
