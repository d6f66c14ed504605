//! Streams on their way to the server.

use std::time::Duration;

use galene_conference::MediaCommand;
use galene_sfu::{CloseReason, Codec, Command, Event, ShardId};
use serde_json::json;

use crate::harness::{Client, Server, error_text};

#[test]
fn an_offer_goes_to_the_media_plane_and_its_answer_back() {
    let mut server = Server::new();
    server.slow_media = true;
    let ann = server.arrives("ann");
    server.says(ann, json!({"type": "offer", "id": "s", "label": "camera", "sdp": "v=0 offer"}));
    let commands = server.commands();
    let [Command::Offer { transport, sdp, codecs }] = commands.as_slice() else {
        panic!("{commands:?}")
    };
    assert_eq!(sdp, "v=0 offer");
    assert_eq!(codecs, &[Codec::Vp8, Codec::Opus]);
    assert!(server.hears(ann).is_empty());
    server.media(Event::Answer { transport: *transport, sdp: "v=0 answer".to_owned() });
    assert_eq!(server.hears(ann), [json!({"type": "answer", "id": "s", "sdp": "v=0 answer"})]);
}

#[test]
fn the_groups_codecs_apply_and_unknown_ones_are_passed_over() {
    let mut server = Server::new();
    let file = r#"{"codecs": ["AV1", "smellovision", "opus"], "wildcard-user": {"password": "secret", "permissions": "present"}}"#;
    server.write("g", file);
    let ann = server.arrives_in("g", "ann");
    server.offers(ann, "s");
    let commands = server.commands();
    let Command::Offer { codecs, .. } = &commands[0] else { panic!("{commands:?}") };
    assert_eq!(codecs, &[Codec::Av1, Codec::Opus]);
}

#[test]
fn a_second_offer_for_a_stream_changes_the_same_transport() {
    let mut server = Server::new();
    let ann = server.arrives("ann");
    assert_eq!(server.offers(ann, "s"), server.offers(ann, "s"));
    assert_eq!(server.hears_kinds(ann), ["answer/s", "answer/s"]);
}

#[test]
fn an_offer_that_cannot_be_used_aborts_the_stream_and_harms_nobody_else() {
    let mut server = Server::new();
    let (ann, bob) = (server.arrives("ann"), server.watches("bob"));
    server.slow_media = true;
    let transport = server.offers(ann, "s");
    server.media(Event::NegotiationFailed { transport, reason: "no sdp".to_owned() });
    let heard = server.hears(ann);
    assert_eq!(heard[0], json!({"type": "abort", "id": "s"}));
    assert_eq!(error_text(&heard[1]), "no sdp");
    assert!(server.hears(bob).is_empty());
    assert_ne!(server.offers(ann, "s"), transport, "the id is free again");
}

#[test]
fn a_change_that_cannot_be_used_leaves_the_stream_to_its_publisher() {
    let mut server = Server::new();
    let (ann, bob) = (server.arrives("ann"), server.watches("bob"));
    let transport = server.publishes(ann, "s");
    server.forget();
    server.media(Event::NegotiationFailed { transport, reason: "no sdp".to_owned() });
    assert_eq!(server.hears_kinds(ann), ["abort/s", "usermessage/error"]);
    assert!(server.hears(bob).is_empty());
    server.says(ann, json!({"type": "close", "id": "s"}));
    assert_eq!(server.hears_kinds(bob), ["close/s"]);
}

#[test]
fn surprise_4_an_id_that_another_member_publishes_under_is_refused() {
    let mut server = Server::new();
    let (ann, bob, carol) = (server.watches("ann"), server.watches("bob"), server.watches("carol"));
    server.publishes(ann, "s");
    server.forget();
    server.says(bob, json!({"type": "offer", "id": "s", "sdp": "x"}));
    assert_eq!(server.hears_kinds(bob), ["abort/s", "usermessage/error"]);
    assert!(server.hears(ann).is_empty() && server.hears(carol).is_empty());
    assert!(server.is_open(ann) && server.is_open(bob));
    server.says(ann, json!({"type": "close", "id": "s"}));
    server.publishes(bob, "s");
}

#[test]
fn surprise_109_more_than_sixteen_streams_are_refused_one_by_one() {
    let mut server = Server::new();
    let ann = server.arrives("ann");
    for n in 0..16 {
        server.offers(ann, &n.to_string());
    }
    server.forget();
    server.says(ann, json!({"type": "offer", "id": "16", "sdp": "x"}));
    let heard = server.hears(ann);
    assert_eq!(heard[0], json!({"type": "abort", "id": "16"}));
    assert!(error_text(&heard[1]).contains("too many streams"));
    server.offers_as(ann, json!({"id": "16", "replace": "0"}));
    assert_eq!(server.hears_kinds(ann), ["answer/16"], "replacing does not add");
}

#[test]
fn surprise_47_candidates_reach_the_media_plane_and_the_end_of_candidates_does_not() {
    let mut server = Server::new();
    let ann = server.arrives("ann");
    let transport = server.offers(ann, "s");
    server.forget();
    for (id, candidate) in [("s", "candidate:1"), ("s", ""), ("unknown", "candidate:2")] {
        server.says(
            ann,
            json!({"type": "ice", "id": id, "candidate": {"candidate": candidate, "sdpMid": "0"}}),
        );
    }
    let candidate = "candidate:1".to_owned();
    assert_eq!(server.commands(), [Command::AddCandidate { transport, candidate }]);
    assert!(server.hears(ann).is_empty() && server.is_open(ann));
}

#[test]
fn more_than_fifty_candidates_per_description_are_not_passed_on() {
    let mut server = Server::new();
    let ann = server.arrives("ann");
    let trickle = |server: &mut Server| {
        server.forget();
        for n in 0..60 {
            let candidate = json!({"candidate": format!("candidate:{n}")});
            server.says(ann, json!({"type": "ice", "id": "s", "candidate": candidate}));
        }
        server.commands().len()
    };
    server.offers(ann, "s");
    assert_eq!(trickle(&mut server), 50);
    server.offers(ann, "s");
    assert_eq!(trickle(&mut server), 50);
}

#[test]
fn surprise_46_the_servers_candidates_reach_the_publisher() {
    let mut server = Server::new();
    let ann = server.arrives("ann");
    let transport = server.offers(ann, "s");
    server.forget();
    server.media(Event::Candidate { transport, candidate: "candidate:9".to_owned() });
    let heard = server.hears_one(ann);
    assert_eq!(
        (&heard["id"], &heard["candidate"]["candidate"]),
        (&json!("s"), &json!("candidate:9"))
    );
    assert_eq!(heard["candidate"]["sdpMLineIndex"], 0);
}

#[test]
fn a_publisher_whose_ice_failed_is_asked_to_offer_again() {
    let mut server = Server::new();
    let ann = server.arrives("ann");
    let transport = server.offers(ann, "s");
    server.forget();
    server.media(Event::Disconnected { transport });
    assert_eq!(server.hears(ann), [json!({"type": "renegotiate", "id": "s"})]);
}

#[test]
fn a_stream_that_the_server_lost_is_aborted_and_closed() {
    let mut server = Server::new();
    let (ann, bob) = (server.arrives("ann"), server.watches("bob"));
    let transport = server.publishes(ann, "s");
    server.forget();
    server.media(Event::Closed { transport, reason: CloseReason::Fault });
    assert_eq!(server.hears_kinds(bob), ["close/s"]);
    assert_eq!(server.hears_kinds(ann), ["abort/s", "usermessage/error"]);
}

#[test]
fn a_publisher_who_hangs_up_has_a_moment_to_say_what_becomes_of_the_stream() {
    let mut server = Server::new();
    let (ann, bob) = (server.arrives("ann"), server.watches("bob"));
    let transport = server.publishes(ann, "s");
    server.forget();
    server.media(Event::Closed { transport, reason: CloseReason::Peer });
    assert!(server.hears(bob).is_empty());
    server.advance(Duration::from_secs(3));
    assert_eq!(server.hears_kinds(bob), ["close/s"]);
    assert!(server.hears(ann).is_empty(), "it knows");

    // Who offers the same stream again begins anew.
    let transport = server.publishes(ann, "s");
    server.media(Event::Closed { transport, reason: CloseReason::Peer });
    assert_ne!(server.publishes(ann, "s"), transport);
}

#[test]
fn a_hang_up_that_is_heard_of_after_the_next_offer_ends_nothing() {
    let mut server = Server::new();
    let (ann, bob) = (server.arrives("ann"), server.watches("bob"));
    let transport = server.publishes(ann, "s");
    server.forget();
    assert_eq!(server.offers(ann, "s"), transport, "as far as is known here it is still there");
    server.media(Event::Closed { transport, reason: CloseReason::Peer });
    server.media(Event::Answer { transport, sdp: "answer".to_owned() });
    server.forget();
    server.advance(Duration::from_secs(10));
    assert!(server.hears(bob).is_empty(), "it goes on");
}

#[test]
fn a_small_group_stays_together_and_another_one_goes_elsewhere() {
    let config = galene_conference::Config { shards: 2, ..galene_conference::Config::default() };
    let mut server = Server::with_config(config);
    let (ann, bob) = (server.arrives("ann"), server.watches("bob"));
    for stream in ["a", "b", "c", "d"] {
        server.publishes(ann, stream);
        assert!(server.shard_commands().iter().all(|command| command.shard.0 == 0), "{stream}");
    }
    assert_eq!(server.hears(bob).len(), 4);
    server.write("elsewhere", crate::harness::LOUNGE);
    let carol = server.arrives_in("elsewhere", "carol");
    assert_eq!(shard_of_offer(&mut server, carol, "e"), 1);
}

#[test]
fn the_receivers_of_a_lecture_spread_over_all_shards_and_name_the_publishers() {
    let config = galene_conference::Config { shards: 3, ..galene_conference::Config::default() };
    let mut server = Server::with_config(config);
    let ann = server.arrives("ann");
    for number in 0..90 {
        server.watches(&format!("listener {number}"));
    }
    server.publishes(ann, "s");
    let mut receivers = [0; 3];
    for MediaCommand { shard, command } in server.shard_commands() {
        if let Command::Subscribe { tracks, .. } = command {
            receivers[usize::from(shard.0)] += 1;
            assert!(tracks.iter().all(|track| track.shard == ShardId(0)));
        }
    }
    assert_eq!(receivers.iter().sum::<i32>(), 90);
    assert!(receivers.iter().all(|count| (25..=37).contains(count)), "{receivers:?}");
}

/// Offers a stream and returns the shard that it came to.
fn shard_of_offer(server: &mut Server, client: Client, stream: &str) -> u16 {
    server.offers(client, stream);
    server.shard_commands()[0].shard.0
}
