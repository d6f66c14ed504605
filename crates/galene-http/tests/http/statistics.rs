//! The media plane is asked what streams are like, and its answer told as Galène does.

use std::time::Duration;

use galene_conference::{
    Codec, Command, Event, LayerLimit, LayerNumbers, ReceivedEncoding, ReceptionReport, SentTrack,
    ShardId, TrackId, Tracks, TransportId, TransportStatistics,
};
use serde_json::json;

use crate::office::{Office, ROOT};
use crate::support::Client;

#[tokio::test]
async fn streams_are_told_with_what_the_media_plane_says_of_them() {
    let mut office = Office::new();
    let (mut commands, events) = office.media.take().unwrap();
    let mut ann = publish(&office).await;
    let Some(Command::Offer { transport: up, .. }) = commands.recv().await else {
        panic!("an offer comes first")
    };
    let track = TrackId { transport: up, section: 1 };
    let say = |event| events.send((ShardId(0), event)).unwrap();
    say(Event::Answer { transport: up, sdp: "an answer".to_owned() });
    say(Event::TrackStarted { track, codec: Codec::Vp8 });
    let mut bob = office.join("g", "bob", "").await;
    bob.send(json!({"type": "request", "request": {"": ["video"]}})).await;
    let down = loop {
        if let Some(Command::Subscribe { transport, .. }) = commands.recv().await {
            break transport;
        }
    };
    let media_plane = async {
        let Some(Command::Report { ticket, transports }) = commands.recv().await else {
            panic!("somebody asks")
        };
        assert_eq!(transports, [up, down]);
        say(Event::Report { ticket: ticket + 1, statistics: Vec::new() });
        say(Event::Report {
            ticket,
            statistics: vec![publisher(up, track), subscriber(down, track)],
        });
    };
    let (stats, ()) = tokio::join!(office.get("/.stats", ROOT), media_plane);
    let up = json!({
        "bitrate": 900_000, "maxBitrate": 1_000_000, "loss": 0.25, "jitter": 1.5, "codec": "vp8",
        "rid": "h", "active": true, "packets": 30, "lost": 10, "keyframes": 2, "keyframeRequests": 1,
    });
    let down = json!({
        "bitrate": 800_000, "loss": 0.5, "jitter": 2.0, "rtt": 30.0,
        "sid": 1, "maxSid": 2, "tid": 0, "maxTid": 3,
        "codec": "vp8", "paused": false, "limit": "bandwidth", "retransmissions": 4, "nacked": 5,
        "keyframeRequests": 6, "freezes": 1,
    });
    let up = json!({"id": "camera", "maxBitrate": 2_000_000, "connected": true, "tracks": [up]});
    let down = json!({"id": "camera", "connected": false, "tracks": [down]});
    let clients = [json!({"id": "ann", "up": [up]}), json!({"id": "bob", "down": [down]})];
    assert_eq!(stats.json(), json!([{"name": "g", "clients": clients}]));
    ann.send(json!({"type": "ping"})).await;
    ann.wait_for("pong").await;
}

#[tokio::test]
async fn a_media_plane_that_takes_no_more_questions_makes_nobody_wait() {
    let mut office = Office::new();
    let (mut commands, _events) = office.media.take().unwrap();
    let _ann = publish(&office).await;
    commands.recv().await.unwrap();
    let mut questions = tokio::task::JoinSet::new();
    let office = std::sync::Arc::new(office);
    for _ in 0..17 {
        let office = std::sync::Arc::clone(&office);
        questions.spawn(async move { office.get("/.stats", ROOT).await.status });
    }
    // One is too many and refused, while the others wait for their answers.
    assert_eq!(questions.join_next().await.unwrap().unwrap(), 503);
}

/// Joins as `ann` and publishes a camera.
async fn publish(office: &Office) -> Client {
    let mut ann = office.join("g", "ann", "a secret").await;
    assert_eq!(ann.wait_for("joined").await["kind"], "join");
    let offer = json!({"type": "offer", "id": "camera", "label": "camera", "sdp": "v=0"});
    ann.send(offer).await;
    ann
}

fn publisher(transport: TransportId, track: TrackId) -> TransportStatistics {
    let encoding = ReceivedEncoding {
        track,
        codec: Codec::Vp8,
        rid: Some("h".to_owned()),
        is_asked_for: true,
        bitrate: 900_000,
        max_bitrate: 1_000_000,
        loss: 0.25,
        jitter: Duration::from_micros(1_500),
        packets: 30,
        lost: 10,
        keyframes: 2,
        keyframe_requests: 1,
    };
    let tracks = Tracks::Received(vec![encoding]);
    TransportStatistics { transport, is_connected: true, available: Some(2_000_000), tracks }
}

fn subscriber(transport: TransportId, track: TrackId) -> TransportStatistics {
    let report = ReceptionReport {
        loss: 0.5,
        jitter: Duration::from_millis(2),
        round_trip: Some(Duration::from_millis(30)),
    };
    let track = SentTrack {
        track,
        codec: Codec::Vp8,
        bitrate: 800_000,
        max_bitrate: 0,
        report: Some(report),
        sent: Some(LayerNumbers { spatial: 1, temporal: 0 }),
        best: LayerNumbers { spatial: 2, temporal: 3 },
        limit: LayerLimit::Bandwidth,
        retransmissions: 4,
        nacked: 5,
        keyframe_requests: 6,
        freezes: 1,
    };
    let tracks = Tracks::Sent(vec![track]);
    TransportStatistics { transport, is_connected: false, available: None, tracks }
}
