//! Who speaks.

use galene_sfu::{Event, TrackId, TransportId};
use serde_json::{Value, json};

use crate::harness::{Client, Server};

fn says(server: &mut Server, transport: TransportId, level: Option<i8>) {
    server.media(Event::Speech { track: TrackId { transport, section: 0 }, level });
}

/// Lets somebody come who understands who speaks.
fn listens(server: &mut Server, group: &str, username: &str) -> Client {
    let client = server.open();
    let features = json!(["speakers"]);
    server.says(
        client,
        json!({"type": "handshake", "version": ["2"], "id": username, "features": features}),
    );
    let answer = server.hears_one(client);
    assert_eq!(answer["features"], features);
    server.tries_to_join(client, group, username, "secret");
    client
}

/// Returns the lists of speakers that a client heard of, each as streams and levels.
fn lists(server: &mut Server, client: Client) -> Vec<Vec<(String, i64)>> {
    let heard = server.hears(client).into_iter().filter(|m| m["type"] == "speakers");
    let entry = |speaker: &Value| {
        let level = speaker["level"].as_i64().expect("a level");
        (speaker["id"].as_str().expect("a stream").to_owned(), level)
    };
    let list = |m: Value| m["speakers"].as_array().expect("a list").iter().map(entry).collect();
    heard.map(list).collect()
}

fn named(speakers: &[(&str, i64)]) -> Vec<(String, i64)> {
    speakers.iter().map(|(id, level)| ((*id).to_owned(), *level)).collect()
}

#[test]
fn who_speaks_is_told_to_those_who_understand_it_the_loudest_first() {
    let mut server = Server::new();
    let (ann, bob) = (server.arrives("ann"), server.arrives("bob"));
    let listener = listens(&mut server, "lounge", "lisa");
    let (a, b) = (server.publishes(ann, "a"), server.publishes(bob, "b"));
    server.forget();
    says(&mut server, a, Some(-40));
    let heard = server.hears(listener);
    let expected =
        json!({"type": "speakers", "speakers": [{"id": "a", "source": "ann", "level": -40}]});
    assert_eq!(heard, [expected], "the first is told at once");
    says(&mut server, b, Some(-20));
    assert_eq!(lists(&mut server, listener), Vec::<Vec<_>>::new(), "and the next after a while");
    server.millis(300);
    assert_eq!(lists(&mut server, listener), [named(&[("b", -20), ("a", -40)])]);
    says(&mut server, a, None);
    says(&mut server, b, None);
    server.millis(300);
    assert_eq!(lists(&mut server, listener), [named(&[])], "nobody speaks any more");
    server.millis(5_000);
    assert_eq!(lists(&mut server, listener), Vec::<Vec<_>>::new());
    for plain in [ann, bob] {
        assert!(server.hears(plain).iter().all(|m| m["type"] != "speakers"));
    }
}

#[test]
fn a_level_that_hardly_changes_is_not_told_again() {
    let mut server = Server::new();
    let ann = server.arrives("ann");
    let listener = listens(&mut server, "lounge", "lisa");
    let a = server.publishes(ann, "a");
    for (level, told) in [(-30, true), (-27, false), (-33, false), (-36, true)] {
        says(&mut server, a, Some(level));
        server.millis(1_000);
        let expected = if told { vec![named(&[("a", i64::from(level))])] } else { vec![] };
        assert_eq!(lists(&mut server, listener), expected, "{level}");
    }
}

#[test]
fn a_speaker_who_is_not_heard_of_or_leaves_speaks_no_more() {
    let mut server = Server::new();
    let (ann, bob) = (server.arrives("ann"), server.arrives("bob"));
    let listener = listens(&mut server, "lounge", "lisa");
    let (a, b) = (server.publishes(ann, "a"), server.publishes(bob, "b"));
    says(&mut server, a, Some(-30));
    says(&mut server, b, Some(-30));
    server.millis(1_000);
    assert_eq!(lists(&mut server, listener).last().map(Vec::len), Some(2));
    server.says(bob, json!({"type": "close", "id": "b"}));
    server.millis(300);
    assert_eq!(lists(&mut server, listener), [named(&[("a", -30)])]);
    server.millis(2_500);
    assert_eq!(lists(&mut server, listener), [named(&[])], "the media plane has fallen silent");
}

#[test]
fn newcomers_learn_who_speaks_and_other_groups_nothing() {
    let mut server = Server::new();
    let file = r#"{"wildcard-user": {"password": "secret", "permissions": "present"}}"#;
    server.write("elsewhere", file);
    let ann = server.arrives("ann");
    let a = server.publishes(ann, "a");
    says(&mut server, a, Some(-30));
    server.millis(100);
    let newcomer = listens(&mut server, "lounge", "nora");
    let stranger = listens(&mut server, "elsewhere", "sam");
    assert_eq!(lists(&mut server, newcomer), [named(&[("a", -30)])]);
    says(&mut server, a, Some(-10));
    server.millis(1_000);
    assert_eq!(lists(&mut server, newcomer), [named(&[("a", -10)])]);
    assert_eq!(lists(&mut server, stranger), Vec::<Vec<_>>::new());
}

#[test]
fn only_the_sound_that_others_hear_counts() {
    let mut server = Server::new();
    let ann = server.arrives("ann");
    let listener = listens(&mut server, "lounge", "lisa");
    let a = server.publishes(ann, "a");
    server.media(Event::Speech { track: TrackId { transport: a, section: 1 }, level: Some(-3) });
    server.media(Event::Speech {
        track: TrackId { transport: TransportId(999), section: 0 },
        level: Some(-3),
    });
    server.millis(1_000);
    assert_eq!(lists(&mut server, listener), Vec::<Vec<_>>::new());
}
