//! Streams on their way to those who want them.

use galene_sfu::{
    CloseReason, Codec, Command, EncodingChoice, Event, Priority, ShardId, TrackId, TrackRequest,
};
use serde_json::json;

use crate::harness::{Server, describe, error_text};

#[test]
fn surprise_51_a_stream_is_offered_200_ms_after_its_last_track_started_and_once() {
    let mut server = Server::new();
    let (ann, bob) = (server.arrives("ann"), server.watches("bob"));
    let transport = server.offers(ann, "s");
    server.media(Event::Connected { transport });
    server.millis(10_000);
    assert!(server.hears(bob).is_empty(), "what sends nothing is not shown");
    server.track_starts(transport, 0, Codec::Opus);
    server.millis(150);
    server.track_starts(transport, 1, Codec::Vp8);
    server.millis(199);
    assert!(server.hears(bob).is_empty());
    server.millis(1);
    let offer = server.hears_one(bob);
    let sdp = describe(&[
        request(transport, 0, EncodingChoice::Best),
        request(transport, 1, EncodingChoice::Best),
    ]);
    assert_eq!(
        offer,
        json!({"type": "offer", "id": "s", "label": "camera", "source": "ann", "username": "ann", "sdp": sdp})
    );
    assert!(
        server.hears_kinds(ann).iter().all(|kind| kind != "offer/s"),
        "not to the publisher itself"
    );
}

#[test]
fn a_shared_screen_matters_more_than_a_camera() {
    let mut server = Server::new();
    let (ann, _bob) = (server.arrives("ann"), server.watches("bob"));
    for (label, priority) in
        [("camera", Priority::Normal), ("screenshare", Priority::High), ("video", Priority::Normal)]
    {
        let transport = server.offers_as(ann, json!({"id": label, "label": label}));
        server.forget();
        server.track_starts(transport, 0, Codec::Vp8);
        server.millis(200);
        let requests = server.subscriptions().remove(0).1;
        let priorities: Vec<_> = requests.iter().map(|request| request.priority).collect();
        assert_eq!(priorities, [priority], "{label}");
    }
}

#[test]
fn a_late_track_costs_another_offer() {
    let mut server = Server::new();
    let (ann, bob) = (server.arrives("ann"), server.watches("bob"));
    let transport = server.offers(ann, "s");
    server.track_starts(transport, 0, Codec::Opus);
    server.millis(200);
    server.answers(bob, "s");
    server.forget();
    server.track_starts(transport, 1, Codec::Vp8);
    server.millis(200);
    let subscriptions = server.subscriptions();
    assert_eq!(subscriptions.len(), 1);
    assert_eq!(subscriptions[0].1.len(), 2);
    assert_eq!(server.hears_kinds(bob), ["offer/s"]);
}

#[test]
fn who_never_asks_gets_nothing() {
    let mut server = Server::new();
    let (ann, bob) = (server.arrives("ann"), server.arrives("bob"));
    server.publishes(ann, "s");
    assert!(server.hears(bob).is_empty(), "not even a close");
}

#[test]
fn a_request_takes_effect_at_once_and_the_same_again_does_nothing() {
    let mut server = Server::new();
    let (ann, bob) = (server.arrives("ann"), server.arrives("bob"));
    let camera = server.publishes(ann, "camera");
    server.offers_as(ann, json!({"id": "screen", "label": "screenshare"}));
    let screen = server.offers_as(ann, json!({"id": "screen", "label": "ignored"}));
    server.track_starts(screen, 0, Codec::Vp8);
    server.millis(200);
    server.forget();

    let wish = json!({"camera": ["audio"], "": ["audio", "video"]});
    server.requests(bob, wish.clone());
    let mut subscriptions = server.subscriptions();
    subscriptions.sort_by_key(|(_, tracks)| tracks[0].track);
    assert_eq!(subscriptions[0].1, [request(camera, 0, EncodingChoice::Best)]);
    let of_screen = request(screen, 0, EncodingChoice::Best);
    assert_eq!(subscriptions[1].1, [TrackRequest { priority: Priority::High, ..of_screen }]);
    assert_eq!(server.hears(bob).len(), 2);
    server.requests(bob, wish);
    assert!(server.commands().is_empty());

    let transport = subscriptions[0].0;
    server.requests(bob, json!({"camera": ["video-low", "audio"]}));
    let tracks =
        vec![request(camera, 0, EncodingChoice::Best), request(camera, 1, EncodingChoice::Lowest)];
    let closed = Command::Close { transport: subscriptions[1].0 };
    let commands = server.commands();
    assert!(commands.contains(&closed) && commands.len() == 2, "{commands:?}");
    let subscribe = Command::Subscribe {
        transport,
        client: galene_sfu::ClientId(bob.0.0),
        stream_id: "camera".to_owned(),
        tracks,
    };
    assert!(commands.contains(&subscribe));
    let mut heard = server.hears_kinds(bob);
    heard.sort();
    assert_eq!(heard, ["close/screen", "offer/camera"]);

    server.requests(bob, json!(null));
    assert_eq!(server.hears_kinds(bob), ["close/camera"]);
}

#[test]
fn surprise_6_a_stream_that_does_not_exist_any_more_can_be_requested_without_harm() {
    let mut server = Server::new();
    let (ann, bob) = (server.arrives("ann"), server.watches("bob"));
    server.publishes(ann, "s");
    server.says(ann, json!({"type": "close", "id": "s"}));
    server.forget();
    server.says(bob, json!({"type": "requestStream", "id": "s", "request": ["audio"]}));
    assert!(server.is_open(bob) && server.hears(bob).is_empty());
}

#[test]
fn one_stream_can_be_requested_differently_and_back() {
    let mut server = Server::new();
    let (ann, bob) = (server.arrives("ann"), server.watches("bob"));
    let transport = server.publishes(ann, "s");
    server.forget();
    let wants = |server: &mut Server, request| {
        server.says(bob, json!({"type": "requestStream", "id": "s", "request": request}));
        server.subscriptions().into_iter().map(|(_, tracks)| describe(&tracks)).collect::<Vec<_>>()
    };
    let t = transport.0;
    assert_eq!(wants(&mut server, json!(["audio"])), [format!("{t}:0:Best")]);
    server.requests(bob, json!({"": ["video"]}));
    assert!(
        server.subscriptions().is_empty(),
        "the wish for the stream goes before that for its label"
    );
    assert_eq!(wants(&mut server, json!(null)), [format!("{t}:1:Best")]);
    server.forget();
    assert!(wants(&mut server, json!([])).is_empty());
    assert_eq!(server.hears_kinds(bob), ["close/s"]);
    server.requests(bob, json!({"": ["video"]}));
    assert_eq!(server.hears_kinds(bob), ["offer/s"], "the wish for the stream went with it");
}

#[test]
fn an_answer_reaches_the_media_plane() {
    let mut server = Server::new();
    let (ann, bob) = (server.arrives("ann"), server.watches("bob"));
    server.publishes(ann, "s");
    let down = server.subscriptions()[0].0;
    server.says(bob, json!({"type": "answer", "id": "s", "sdp": "v=0"}));
    assert_eq!(server.commands(), [Command::Answer { transport: down, sdp: "v=0".to_owned() }]);
    server.says(bob, json!({"type": "answer", "id": "s", "sdp": "again"}));
    assert!(server.commands().is_empty(), "one answer per offer");
    server.forget();
    server.says(bob, json!({"type": "answer", "id": "unknown", "sdp": "v=0"}));
    assert_eq!(server.hears(bob), [json!({"type": "close", "id": "unknown"})]);
}

#[test]
fn an_answer_that_cannot_be_used_ends_that_stream_for_that_receiver_alone() {
    let mut server = Server::new();
    let (ann, bob, carol) = (server.arrives("ann"), server.watches("bob"), server.watches("carol"));
    server.publishes(ann, "s");
    let down = server.subscriptions()[0].0;
    server.forget();
    server.media(Event::NegotiationFailed { transport: down, reason: "no sdp".to_owned() });
    let heard = server.hears(bob);
    assert_eq!(heard[0], json!({"type": "close", "id": "s"}));
    assert_eq!(error_text(&heard[1]), "no sdp");
    assert!(server.is_open(bob));
    assert!(server.hears(ann).is_empty() && server.hears(carol).is_empty());
}

#[test]
fn surprise_110_a_receiver_that_does_not_answer_loses_the_stream_after_30_s() {
    let mut server = Server::new();
    let (ann, bob) = (server.arrives("ann"), server.watches("bob"));
    let carol = server.watches("carol");
    server.publishes(ann, "s");
    server.answers(carol, "s");
    for _ in 0..2 {
        server.forget();
        server.millis(14_999);
        for client in [ann, bob, carol] {
            server.says(client, json!({"type": "pong"}));
        }
    }
    assert!(server.hears(bob).is_empty());
    server.millis(2);
    assert_eq!(server.hears_kinds(bob), ["close/s"]);
    assert!(server.hears(carol).is_empty());
}

#[test]
fn surprise_50_an_aborted_stream_is_confirmed_closed_and_comes_back_at_the_next_push() {
    let mut server = Server::new();
    let (ann, bob) = (server.arrives("ann"), server.watches("bob"));
    let transport = server.publishes(ann, "s");
    server.forget();
    server.says(bob, json!({"type": "abort", "id": "s"}));
    assert_eq!(server.hears(bob), [json!({"type": "close", "id": "s"})]);
    server.says(bob, json!({"type": "abort", "id": "s"}));
    assert_eq!(server.hears(bob), [json!({"type": "close", "id": "s"})]);
    server.track_starts(transport, 2, Codec::Vp8);
    server.millis(200);
    assert_eq!(server.hears_kinds(bob), ["offer/s"]);
}

#[test]
fn a_stream_whose_ice_failed_is_offered_anew() {
    let mut server = Server::new();
    let (ann, bob) = (server.arrives("ann"), server.watches("bob"));
    server.publishes(ann, "s");
    let down = server.subscriptions()[0].0;
    server.answers(bob, "s");
    server.forget();
    server.media(Event::Disconnected { transport: down });
    assert_eq!(server.commands(), [Command::RestartIce { transport: down }]);
    assert_eq!(server.hears_one(bob)["sdp"], "fresh");
    server.answers(bob, "s");
    server.forget();
    server.says(bob, json!({"type": "renegotiate", "id": "s"}));
    assert_eq!(server.hears_one(bob)["sdp"], "fresh");
    server.says(bob, json!({"type": "renegotiate", "id": "unknown"}));
    assert!(server.is_open(bob) && server.hears(bob).is_empty());
}

#[test]
fn surprise_05_a_transport_that_ended_is_told_to_its_receiver_alone() {
    let mut server = Server::new();
    let (ann, bob) = (server.arrives("ann"), server.watches("bob"));
    server.publishes(ann, "s");
    let down = server.subscriptions()[0].0;
    server.forget();
    server.media(Event::Closed { transport: down, reason: CloseReason::Fault });
    assert_eq!(server.hears_kinds(bob), ["close/s"]);
    assert!(server.hears(ann).is_empty());
}

#[test]
fn surprise_46_candidates_for_a_receiver_follow_its_offer() {
    let mut server = Server::new();
    let (ann, bob) = (server.arrives("ann"), server.watches("bob"));
    server.publishes(ann, "s");
    let down = server.subscriptions()[0].0;
    server.media(Event::Candidate { transport: down, candidate: "candidate:1".to_owned() });
    assert_eq!(server.hears_kinds(bob), ["offer/s", "ice/s"]);
    server.says(bob, json!({"type": "ice", "id": "s", "candidate": {"candidate": "candidate:2"}}));
    let candidate = "candidate:2".to_owned();
    assert_eq!(server.commands(), [Command::AddCandidate { transport: down, candidate }]);
}

#[test]
fn surprise_48_only_those_who_received_a_stream_hear_of_its_end() {
    let mut server = Server::new();
    let (ann, bob, carol) = (server.arrives("ann"), server.watches("bob"), server.arrives("carol"));
    server.publishes(ann, "s");
    server.forget();
    server.says(ann, json!({"type": "close", "id": "s"}));
    server.says(ann, json!({"type": "close", "id": "s"}));
    assert_eq!(server.hears_kinds(bob), ["close/s"]);
    assert!(server.hears(carol).is_empty() && server.hears(ann).is_empty());
}

#[test]
fn a_stream_that_lost_the_wanted_track_is_closed_and_comes_back_with_it() {
    let mut server = Server::new();
    let (ann, bob) = (server.arrives("ann"), server.arrives("bob"));
    server.requests(bob, json!({"": ["video"]}));
    let transport = server.publishes(ann, "s");
    server.forget();
    server.media(Event::TrackEnded { track: TrackId { transport, section: 1 } });
    server.millis(200);
    assert_eq!(server.hears_kinds(bob), ["close/s"]);
    server.track_starts(transport, 1, Codec::Vp8);
    server.millis(200);
    assert_eq!(server.hears_kinds(bob), ["offer/s"]);
}

#[test]
fn what_the_media_plane_says_about_closed_transports_is_ignored() {
    let mut server = Server::new();
    let (ann, bob) = (server.arrives("ann"), server.watches("bob"));
    server.slow_media = true;
    let up = server.offers(ann, "s");
    server.track_starts(up, 0, Codec::Opus);
    server.millis(200);
    let down = server.subscriptions()[0].0;
    server.says(ann, json!({"type": "close", "id": "s"}));
    assert!(server.hears(bob).is_empty(), "it never heard of the stream");
    server.forget();
    for transport in [up, down] {
        server.media(Event::Offer { transport, sdp: "x".to_owned() });
        server.media(Event::Answer { transport, sdp: "x".to_owned() });
        server.media(Event::Candidate { transport, candidate: "x".to_owned() });
        server.media(Event::Disconnected { transport });
        server.media(Event::NegotiationFailed { transport, reason: "x".to_owned() });
        server.media(Event::Closed { transport, reason: CloseReason::Fault });
        server.track_starts(transport, 0, Codec::Opus);
    }
    server.millis(1000);
    assert!(server.nobody_hears_anything() && server.commands().is_empty());
}

#[test]
fn a_newcomer_is_offered_what_there_is_after_it_heard_of_the_publishers() {
    let mut server = Server::new();
    let ann = server.arrives("ann");
    server.publishes(ann, "s");
    let bob = server.connect("bob");
    server.tries_to_join(bob, "lounge", "bob", "secret");
    server.requests(bob, json!({"": ["audio", "video"]}));
    assert_eq!(server.hears_kinds(bob), ["joined/join", "user/add", "user/add", "offer/s"]);
}

fn request(
    transport: galene_sfu::TransportId,
    section: u16,
    encoding: EncodingChoice,
) -> TrackRequest {
    TrackRequest::new(TrackId { transport, section }, ShardId(0), encoding)
}
