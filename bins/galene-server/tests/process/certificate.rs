//! A certificate that changes while the server runs.

use std::fs;

use crate::client::{Client, connect};
use crate::process::Place;

fn make() -> (String, String) {
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    (made.cert.pem(), made.signing_key.serialize_pem())
}

#[tokio::test]
async fn a_new_certificate_is_picked_up_and_open_connections_stay() {
    let place = Place::new();
    let server = place.start(&[]);
    let old = place.path("old.pem");
    fs::copy(place.path("data/cert.pem"), &old).unwrap();
    let mut member = Client::connect(&server, &place, "1").await;
    assert_eq!(member.join("meeting", "somebody", "").await["kind"], "join");

    let (certificate, key) = make();
    fs::write(place.path("data/key.pem"), key).unwrap();
    fs::write(place.path("data/cert.pem"), certificate).unwrap();
    // The files are looked at once a second, at a handshake.
    while connect(&server, &place.path("data/cert.pem")).await.is_err() {}
    server.log.wait_for("the TLS certificate was read again");
    assert!(connect(&server, &old).await.is_err());
    member.send(serde_json::json!({"type": "ping"})).await;
    member.wait_for("pong").await;

    let good = place.path("good.pem");
    fs::copy(place.path("data/cert.pem"), &good).unwrap();
    fs::write(place.path("data/cert.pem"), make().0).unwrap();
    // Now the key is another's.
    let mut refused = 0;
    while refused == 0 {
        connect(&server, &good).await.expect("the old certificate stays");
        refused = server.log.try_count("the old one stays");
    }
    connect(&server, &good).await.expect("the old certificate stays");
}
