//! Groups that show only the cameras of those who spoke last.

use std::collections::BTreeMap;

use galene_sfu::{Codec, Command, EncodingChoice, Event, TrackId, TransportId};
use serde_json::json;

use crate::harness::{Client, Server};

const FILE: &str =
    r#"{"max-cameras": 1, "wildcard-user": {"password": "secret", "permissions": "present"}}"#;

/// What each transport was last asked to send of pictures.
#[derive(Default)]
struct Shown(BTreeMap<TransportId, (TransportId, EncodingChoice)>);

impl Shown {
    /// Returns which of these cameras are shown to how many receivers.
    fn count(&mut self, server: &mut Server, cameras: &[TransportId]) -> Vec<usize> {
        for command in server.commands() {
            if let Command::Subscribe { transport, tracks, .. } = command {
                let pictures = tracks.iter().find(|request| request.track.section == 1);
                let pictures = pictures.map(|request| (request.track.transport, request.encoding));
                self.0.extend(pictures.map(|pictures| (transport, pictures)));
            }
        }
        let is_shown = |camera: &TransportId| {
            let of_it = self.0.values().filter(|(up, _)| up == camera);
            of_it.filter(|(_, encoding)| *encoding != EncodingChoice::Nothing).count()
        };
        cameras.iter().map(is_shown).collect()
    }
}

fn says(server: &mut Server, transport: TransportId, level: Option<i8>) {
    server.media(Event::Speech { track: TrackId { transport, section: 0 }, level });
}

/// Lets three members come with cameras, who want to see everything.
fn three(server: &mut Server, shown: &mut Shown) -> ([Client; 3], [TransportId; 3]) {
    let clients = ["ann", "bob", "carl"].map(|name| server.arrives_in("hall", name));
    for client in clients {
        server.requests(client, json!({"": ["audio", "video"]}));
    }
    let cameras = [(0, "a"), (1, "b"), (2, "c")].map(|(at, stream)| {
        let transport = server.offers(clients[at], stream);
        server.track_starts(transport, 0, Codec::Opus);
        server.track_starts(transport, 1, Codec::Vp8);
        server.millis(200);
        shown.count(server, &[]);
        transport
    });
    (clients, cameras)
}

#[test]
fn everybody_sees_the_camera_of_the_one_who_spoke_last_and_that_one_another() {
    let (mut server, mut shown) = (Server::new(), Shown::default());
    server.write("hall", FILE);
    let (clients, cameras) = three(&mut server, &mut shown);
    assert_eq!(shown.count(&mut server, &cameras), [2, 1, 0], "who came first is shown first");
    says(&mut server, cameras[2], Some(-20));
    assert_eq!(shown.count(&mut server, &cameras), [1, 0, 2]);
    server.millis(100);
    says(&mut server, cameras[1], Some(-20));
    assert_eq!(shown.count(&mut server, &cameras), [0, 1, 2], "who goes on is not displaced");
    says(&mut server, cameras[2], None);
    assert_eq!(shown.count(&mut server, &cameras), [0, 2, 1]);
    says(&mut server, cameras[1], None);
    server.millis(10_000);
    assert_eq!(shown.count(&mut server, &cameras), [0, 2, 1], "it stays as long as nobody speaks");
    // Somebody goes, and the next comes to the front.
    server.says(clients[1], json!({"type": "close", "id": "b"}));
    shown.0.retain(|_, (up, _)| *up != cameras[1]);
    assert_eq!(shown.count(&mut server, &cameras), [1, 0, 2]);
}

#[test]
fn a_camera_that_is_replaced_keeps_its_place() {
    let (mut server, mut shown) = (Server::new(), Shown::default());
    server.write("hall", FILE);
    let (clients, mut cameras) = three(&mut server, &mut shown);
    says(&mut server, cameras[1], Some(-20));
    says(&mut server, cameras[1], None);
    assert_eq!(shown.count(&mut server, &cameras), [1, 2, 0]);
    shown.0.retain(|_, (up, _)| *up != cameras[1]);
    cameras[1] =
        server.offers_as(clients[1], json!({"id": "b2", "label": "camera", "replace": "b"}));
    server.track_starts(cameras[1], 0, Codec::Opus);
    server.track_starts(cameras[1], 1, Codec::Vp8);
    server.millis(200);
    assert_eq!(shown.count(&mut server, &cameras), [1, 2, 0]);
}

#[test]
fn screens_and_sound_are_always_sent() {
    let (mut server, mut shown) = (Server::new(), Shown::default());
    server.write("hall", FILE);
    let (clients, _) = three(&mut server, &mut shown);
    let screen = server.offers_as(clients[2], json!({"id": "s", "label": "screenshare"}));
    server.track_starts(screen, 1, Codec::Vp8);
    server.millis(200);
    assert_eq!(shown.count(&mut server, &[screen]), [2]);
    let last = server.offers(clients[2], "d");
    server.track_starts(last, 0, Codec::Opus);
    server.track_starts(last, 1, Codec::Vp8);
    server.millis(200);
    let subscriptions = server.subscriptions();
    assert_eq!(subscriptions.len(), 2);
    for (_, tracks) in subscriptions {
        let encodings: Vec<_> = tracks.iter().map(|request| request.encoding).collect();
        assert_eq!(encodings, [EncodingChoice::Best, EncodingChoice::Nothing]);
    }
}

#[test]
fn the_limit_can_come_and_go_while_a_group_is_in_use() {
    let (mut server, mut shown) = (Server::new(), Shown::default());
    let open = FILE.replace("\"max-cameras\": 1, ", "");
    server.write("hall", &open);
    let (_, cameras) = three(&mut server, &mut shown);
    says(&mut server, cameras[1], Some(-20));
    assert_eq!(shown.count(&mut server, &cameras), [2, 2, 2]);
    server.write("hall", FILE);
    server.notice_change("hall");
    assert_eq!(shown.count(&mut server, &cameras), [1, 2, 0]);
    server.write("hall", &open);
    server.notice_change("hall");
    assert_eq!(shown.count(&mut server, &cameras), [2, 2, 2]);
}
