//! One stream takes the place of another.

use galene_sfu::{Codec, Command, Event, TrackId, TransportId};
use serde_json::json;

use crate::harness::{Client, Server};

fn replaces(server: &mut Server, client: Client, new: &str, old: &str) -> TransportId {
    server.offers_as(client, json!({"id": new, "label": "camera", "replace": old}))
}

#[test]
fn surprise_106_receivers_keep_the_old_stream_until_the_new_one_has_something_to_show() {
    let mut server = Server::new();
    let (ann, bob) = (server.arrives("ann"), server.watches("bob"));
    let old = server.publishes(ann, "a");
    let down = server.subscriptions()[0].0;
    server.answers(bob, "a");
    server.forget();

    let new = server.offers_as(ann, json!({"id": "b", "label": "camera", "replace": "a"}));
    let commands = server.commands();
    assert!(commands.contains(&Command::Close { transport: old }));
    assert!(!commands.contains(&Command::Close { transport: down }));
    server.millis(1000);
    assert!(server.hears(bob).is_empty(), "connecting takes longer than 200 ms");
    server.track_starts(new, 0, Codec::Vp8);
    server.millis(200);
    let offer = server.hears_one(bob);
    assert_eq!(
        (&offer["type"], &offer["id"], &offer["replace"]),
        (&json!("offer"), &json!("b"), &json!("a"))
    );
    assert!(server.commands().contains(&Command::Close { transport: down }));
    server.millis(10_000);
    server.answers(bob, "a");
    assert_eq!(server.hears_kinds(bob), ["close/a"], "the old one is gone for good");
}

#[test]
fn a_replacement_that_shows_nothing_for_5_s_costs_the_receivers_the_old_stream() {
    let mut server = Server::new();
    let (ann, bob) = (server.arrives("ann"), server.watches("bob"));
    server.publishes(ann, "a");
    server.forget();
    let new = replaces(&mut server, ann, "b", "a");
    server.millis(4999);
    assert!(server.hears(bob).is_empty());
    server.millis(1);
    assert_eq!(server.hears_kinds(bob), ["close/a"]);
    server.track_starts(new, 0, Codec::Vp8);
    server.millis(200);
    let offer = server.hears_one(bob);
    assert_eq!((&offer["id"], offer.get("replace")), (&json!("b"), None));
}

#[test]
fn surprise_107_a_replacement_that_is_replaced_before_it_was_shown_hands_its_predecessor_down() {
    let mut server = Server::new();
    let (ann, bob) = (server.arrives("ann"), server.watches("bob"));
    server.publishes(ann, "a");
    server.forget();
    replaces(&mut server, ann, "b", "a");
    server.millis(100);
    let last = replaces(&mut server, ann, "c", "b");
    server.track_starts(last, 0, Codec::Vp8);
    server.millis(200);
    let offer = server.hears_one(bob);
    assert_eq!((&offer["id"], &offer["replace"]), (&json!("c"), &json!("a")));
}

#[test]
fn a_receiver_that_has_not_heard_of_the_replacement_yet_is_offered_the_next_one_in_its_place() {
    let mut server = Server::new();
    let (ann, bob) = (server.arrives("ann"), server.watches("bob"));
    server.publishes(ann, "a");
    server.forget();
    server.slow_media = true;
    let middle = replaces(&mut server, ann, "b", "a");
    server.track_starts(middle, 0, Codec::Vp8);
    server.millis(200);
    let unheard = server.subscriptions()[0].0;
    let last = replaces(&mut server, ann, "c", "b");
    server.media(Event::Offer { transport: unheard, sdp: "late".to_owned() });
    assert!(server.hears(bob).is_empty());
    server.track_starts(last, 0, Codec::Vp8);
    server.slow_media = false;
    server.millis(200);
    let offer = server.hears_one(bob);
    assert_eq!((&offer["id"], &offer["replace"]), (&json!("c"), &json!("a")));
}

#[test]
fn surprise_108_closing_a_replacement_before_it_was_shown_closes_what_it_was_to_replace() {
    let mut server = Server::new();
    let (ann, bob) = (server.arrives("ann"), server.watches("bob"));
    server.publishes(ann, "a");
    server.forget();
    replaces(&mut server, ann, "b", "a");
    server.says(ann, json!({"type": "close", "id": "b"}));
    assert_eq!(server.hears_kinds(bob), ["close/a"]);
}

#[test]
fn a_replacement_that_is_refused_still_costs_the_old_stream() {
    let mut server = Server::new();
    let (ann, bob, carol) = (server.arrives("ann"), server.watches("bob"), server.arrives("carol"));
    server.publishes(ann, "a");
    server.publishes(carol, "c");
    server.forget();
    server.says(ann, json!({"type": "offer", "id": "c", "sdp": "x", "replace": "a"}));
    assert_eq!(server.hears_kinds(ann), ["abort/c", "usermessage/error"]);
    assert_eq!(server.hears_kinds(bob), ["close/a"]);
}

#[test]
fn replacing_what_one_does_not_publish_is_publishing() {
    let mut server = Server::new();
    let (ann, bob) = (server.arrives("ann"), server.arrives("bob"));
    let carol = server.watches("carol");
    server.publishes(bob, "b");
    server.forget();
    let new = replaces(&mut server, ann, "a", "b");
    server.track_starts(new, 0, Codec::Vp8);
    server.millis(200);
    let offer = server.hears_one(carol);
    assert_eq!((&offer["id"], offer.get("replace")), (&json!("a"), None));
}

#[test]
fn surprise_49_the_wish_for_one_stream_goes_over_to_its_successor() {
    let mut server = Server::new();
    let (ann, bob) = (server.arrives("ann"), server.watches("bob"));
    server.publishes(ann, "a");
    server.says(bob, json!({"type": "requestStream", "id": "a", "request": ["audio"]}));
    for (new, old) in [("b", "a"), ("c", "b")] {
        let transport = replaces(&mut server, ann, new, old);
        server.forget();
        server.track_starts(transport, 0, Codec::Opus);
        server.track_starts(transport, 1, Codec::Vp8);
        server.millis(200);
        assert_eq!(server.subscriptions()[0].1.len(), 1, "only audio");
    }
}

#[test]
fn a_receiver_that_wants_nothing_any_more_need_not_wait_for_the_replacement() {
    let mut server = Server::new();
    let (ann, bob) = (server.arrives("ann"), server.watches("bob"));
    server.publishes(ann, "a");
    server.forget();
    replaces(&mut server, ann, "b", "a");
    server.requests(bob, json!({}));
    assert_eq!(server.hears_kinds(bob), ["close/a"]);
}

#[test]
fn a_replaced_id_can_be_used_again() {
    let mut server = Server::new();
    let (ann, bob) = (server.arrives("ann"), server.watches("bob"));
    server.publishes(ann, "a");
    replaces(&mut server, ann, "b", "a");
    server.forget();
    server.publishes(ann, "a");
    let heard = server.hears(bob);
    assert_eq!(heard.iter().map(crate::harness::kind).collect::<Vec<_>>(), ["close/a", "offer/a"]);
}

#[test]
fn nobody_is_left_with_a_dead_stream_when_the_publisher_goes_in_the_middle() {
    let mut server = Server::new();
    let (ann, bob) = (server.arrives("ann"), server.watches("bob"));
    server.publishes(ann, "a");
    replaces(&mut server, ann, "b", "a");
    server.forget();
    server.hangs_up(ann);
    assert_eq!(server.hears_kinds(bob), ["close/a", "user/delete"]);
}

#[test]
fn a_replacement_that_falls_silent_before_it_was_shown_costs_nothing_yet() {
    let mut server = Server::new();
    let (ann, bob) = (server.arrives("ann"), server.watches("bob"));
    server.publishes(ann, "a");
    server.forget();
    let new = replaces(&mut server, ann, "b", "a");
    server.track_starts(new, 0, Codec::Vp8);
    server.media(Event::TrackEnded { track: TrackId { transport: new, section: 0 } });
    server.millis(1000);
    assert!(server.hears(bob).is_empty());
    server.track_starts(new, 1, Codec::Vp8);
    server.millis(200);
    assert_eq!(server.hears_one(bob)["replace"], "a");
}

#[test]
fn a_stream_that_waits_for_its_successor_is_not_negotiated_any_more() {
    let mut server = Server::new();
    let (ann, bob) = (server.arrives("ann"), server.watches("bob"));
    server.publishes(ann, "a");
    let down = server.subscriptions()[0].0;
    server.answers(bob, "a");
    replaces(&mut server, ann, "b", "a");
    server.forget();
    server.media(Event::Offer { transport: down, sdp: "without tracks".to_owned() });
    server.media(Event::Disconnected { transport: down });
    server.says(bob, json!({"type": "renegotiate", "id": "a"}));
    assert!(server.hears(bob).is_empty() && server.commands().is_empty());
}

#[test]
fn when_the_successor_cannot_be_offered_the_receiver_is_rid_of_both() {
    let mut server = Server::new();
    let (ann, bob) = (server.arrives("ann"), server.watches("bob"));
    server.publishes(ann, "a");
    server.forget();
    server.slow_media = true;
    let new = replaces(&mut server, ann, "b", "a");
    server.track_starts(new, 0, Codec::Vp8);
    server.millis(200);
    let transport = server.subscriptions()[0].0;
    server.media(Event::NegotiationFailed { transport, reason: "no".to_owned() });
    assert_eq!(server.hears_kinds(bob), ["close/a", "usermessage/error"]);
}
