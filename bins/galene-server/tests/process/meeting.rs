//! Meetings with media, on several shards.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Instant;

use galene_testkit::{
    Datagram, Node, PublisherConfig, PublisherPeer, SubscriberConfig, SubscriberPeer, TrackSpec,
    epoch,
};
use serde_json::{Value, json};
use tokio::net::UdpSocket;
use tokio::task::JoinSet;

use crate::client::Client;
use crate::process::{Place, Server};

/// The numbers that the packets of the publisher's tracks carry.
const AUDIO: u32 = 10;
const VIDEO: u32 = 11;
/// So many receive what one publishes: more than go to the publisher's shard before others take some.
const SUBSCRIBERS: u32 = 12;

/// One peer of a member, with its socket.
struct Peer<N> {
    node: N,
    socket: UdpSocket,
    address: SocketAddr,
    heard_from: BTreeSet<SocketAddr>,
}

impl<N: Node> Peer<N> {
    async fn new(node: impl FnOnce(SocketAddr) -> N) -> Peer<N> {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        Peer { node: node(address), socket, address, heard_from: BTreeSet::new() }
    }

    /// Goes on until the member hears something from the server, if it does before so much has happened
    /// on the network.
    async fn run(&mut self, member: &mut Client, steps: usize) -> Option<Value> {
        let mut buffer = [0; 2048];
        for _ in 0..steps {
            while let Some(datagram) = self.node.poll_transmit() {
                self.socket.send_to(&datagram.contents, datagram.destination).await.unwrap();
            }
            let timeout = async {
                match self.node.poll_timeout() {
                    Some(at) => tokio::time::sleep_until(at.into()).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                message = member.next() => return Some(message),
                received = self.socket.recv_from(&mut buffer) => {
                    let (length, source) = received.unwrap();
                    self.heard_from.insert(source);
                    let contents = buffer[..length].into();
                    let datagram = Datagram { source, destination: self.address, contents };
                    self.node.handle_datagram(Instant::now(), &datagram);
                }
                () = timeout => self.node.handle_timeout(Instant::now()),
            }
        }
        None
    }
}

/// Publishes for as long as it is let.
async fn publish(mut member: Client) {
    let mut peer = Peer::new(|address| {
        let config = PublisherConfig::new(address);
        let config = config.track(TrackSpec::audio(AUDIO)).track(TrackSpec::video(VIDEO));
        PublisherPeer::new(Instant::now(), config)
    })
    .await;
    let sdp = peer.node.offer();
    let candidates = peer.node.candidates(&sdp);
    member
        .send(json!({"type": "offer", "id": "camera", "label": "camera", "source": "publisher",
            "username": "publisher", "sdp": sdp}))
        .await;
    send_candidates(&mut member, "camera", candidates).await;
    loop {
        match peer.run(&mut member, usize::MAX).await {
            Some(message) if message["type"] == "answer" => {
                peer.node.handle_answer(Instant::now(), message["sdp"].as_str().unwrap()).unwrap();
            }
            Some(_) | None => {}
        }
    }
}

/// Receives till enough was shown, and returns where it came from.
async fn subscribe(mut member: Client) -> BTreeSet<SocketAddr> {
    let mut peer =
        Peer::new(|address| SubscriberPeer::new(Instant::now(), SubscriberConfig::new(address)))
            .await;
    member.send(json!({"type": "request", "request": {"": ["audio", "video"]}})).await;
    let shown = |peer: &Peer<SubscriberPeer>, stream| {
        let track = peer.node.track_from(stream);
        track.map_or(0, |track| track.checker().report().frames_rendered)
    };
    while shown(&peer, AUDIO) < 30 || shown(&peer, VIDEO) < 30 {
        let message = peer.run(&mut member, 100).await;
        if let Some(message) = message.filter(|message| message["type"] == "offer") {
            let sdp = message["sdp"].as_str().unwrap();
            let id = message["id"].as_str().unwrap();
            let sdp = peer.node.handle_offer(Instant::now(), sdp).unwrap();
            let candidates = peer.node.candidates(&sdp);
            member.send(json!({"type": "answer", "id": id, "sdp": sdp})).await;
            send_candidates(&mut member, id, candidates).await;
        }
    }
    peer.node.assert_clean();
    peer.heard_from
}

async fn send_candidates(member: &mut Client, id: &str, candidates: Vec<String>) {
    for candidate in candidates {
        let candidate = json!({"candidate": candidate, "sdpMid": "", "sdpMLineIndex": 0});
        member.send(json!({"type": "ice", "id": id, "candidate": candidate})).await;
    }
}

/// One publishes and many receive. Returns the addresses that media came from.
async fn meet(server: &Server, place: &Place) -> BTreeSet<SocketAddr> {
    // The stand-ins count from there.
    let _start = epoch();
    let mut publisher = Client::connect(server, place, "publisher").await;
    assert_eq!(publisher.join("meeting", "publisher", "").await["kind"], "join");
    let mut publishing = JoinSet::new();
    publishing.spawn(publish(publisher));
    let mut receiving = JoinSet::new();
    for number in 0..SUBSCRIBERS {
        let mut member = Client::connect(server, place, &format!("subscriber {number}")).await;
        assert_eq!(member.join("meeting", "subscriber", "").await["kind"], "join");
        receiving.spawn(subscribe(member));
    }
    let mut sources = BTreeSet::new();
    while let Some(heard_from) = receiving.join_next().await {
        sources.extend(heard_from.unwrap());
    }
    sources
}

#[tokio::test]
async fn a_meeting_is_spread_over_two_shards_with_a_port_each() {
    let place = Place::new();
    let server = place.start(&["-shards", "2"]);
    assert_eq!(meet(&server, &place).await.len(), 2);
}

#[tokio::test]
async fn a_meeting_is_held_on_two_shards_behind_one_port() {
    let place = Place::new();
    let free = std::net::UdpSocket::bind("0.0.0.0:0").unwrap();
    let port = free.local_addr().unwrap().port();
    drop(free);
    let server = place.start(&["-shards", "2", "-udp-range", &port.to_string()]);
    let expected = SocketAddr::from(([127, 0, 0, 1], port));
    assert_eq!(meet(&server, &place).await, BTreeSet::from([expected]));
}
