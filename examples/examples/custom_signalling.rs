//! A front end of your own: the media plane of the server, behind a protocol of four words.
//!
//! Whoever has accounts, rooms and rules already needs no groups, passwords or WebSockets of ours: this
//! program forwards media between strangers who speak JSON over HTTP to it. Everything is a POST:
//!
//! ```text
//! {"publish": {"room": "r", "sdp": OFFER}}  →  {"id": 1, "sdp": ANSWER}
//! {"watch": {"room": "r"}}                  →  {"id": 2}
//! {"next_offer": {"id": 2}}                 →  {"sdp": OFFER}, as soon as there is a new one
//! {"answer": {"id": 2, "sdp": ANSWER}}      →  {}
//! {"leave": {"id": 1}}                      →  {}
//! ```
//!
//! An id is a plain number, and who knows it may use it: a front end that strangers reach hands out ids
//! that cannot be guessed, or asks who is calling. Here the callers are stand-ins for browsers:
//!
//! ```text
//! cargo run --example custom_signalling
//! ```

#![expect(
    clippy::disallowed_methods,
    reason = "this is the shell: it has the sockets and the clock"
)]
#![expect(clippy::print_stdout, reason = "an example shows what happens")]

use std::collections::BTreeMap;
use std::error::Error;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::num::NonZeroU16;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use galene_examples::Exchange;
use galene_net::{MediaConfig, MediaPlane, PortRange};
use galene_sfu::{
    Codec, Command, EncodingChoice, Event, ShardId, TrackId, TrackRequest, TransportId,
};
use galene_testkit::{
    Datagram, Node, PublisherConfig, PublisherPeer, SubscriberConfig, SubscriberPeer, TrackSpec,
};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::mpsc::Sender as Commands;

fn main() -> Result<(), Box<dyn Error>> {
    let front_end = FrontEnd::start()?;
    println!("the front end listens on http://{front_end}");
    for (room, frames) in meet(front_end, 60)? {
        println!("in the room {room}, {frames} frames of the picture were shown");
    }
    Ok(())
}

/// Lets somebody publish in each of two rooms and somebody else watch there, until each watcher has been
/// shown so many frames. Returns how many it was, by room.
fn meet(front_end: SocketAddr, frames: u64) -> Result<Vec<(&'static str, u64)>, Box<dyn Error>> {
    let enough = Arc::new(AtomicBool::new(false));
    let rooms = [("red", 10), ("blue", 20)];
    let publishers = rooms.map(|(room, stream)| {
        let enough = Arc::clone(&enough);
        thread::spawn(move || publish(front_end, room, stream, &enough).map_err(|e| e.to_string()))
    });
    let watchers = rooms.map(|(room, stream)| {
        thread::spawn(move || watch(front_end, room, stream, frames).map_err(|e| e.to_string()))
    });
    let mut shown = Vec::new();
    for ((room, _), watcher) in rooms.into_iter().zip(watchers) {
        shown.push((room, watcher.join().expect("watchers do not panic")?));
    }
    enough.store(true, Ordering::Relaxed);
    for publisher in publishers {
        publisher.join().expect("publishers do not panic")?;
    }
    Ok(shown)
}

// ---- The protocol ----

/// What a caller asks for.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum Request {
    Publish { room: String, sdp: String },
    Watch { room: String },
    NextOffer { id: u64 },
    Answer { id: u64, sdp: String },
    Leave { id: u64 },
}

/// What the front end hears of, from callers and from the media plane.
enum Happening {
    Asked(Request, Caller),
    Media(Event),
}

/// Somebody who waits for the reply to a request.
struct Caller(Exchange);

impl Caller {
    fn accept(self, body: &Value) {
        self.0.reply("200 OK", &["Content-Type: application/json"], &body.to_string());
    }

    fn refuse(self, why: &str) {
        let body = json!({ "error": why });
        self.0.reply("400 Bad Request", &["Content-Type: application/json"], &body.to_string());
    }
}

// ---- The rooms ----

/// Who is in which room. One thread owns it and takes in one thing after the other.
struct FrontEnd {
    media: Commands<Command>,
    peers: BTreeMap<TransportId, Peer>,
    last_id: u64,
}

/// Somebody in a room.
struct Peer {
    room: String,
    role: Role,
    /// Who waits for the answer to an offer, or for the next offer.
    waiting: Option<Caller>,
}

enum Role {
    Publisher { tracks: Vec<TrackId> },
    Watcher { offer: Option<String> },
}

/// How many peers there may be at once; each costs some 100 kB.
const MAX_PEERS: usize = 1_000;

impl FrontEnd {
    /// Starts the media plane, the rooms and the HTTP server on free ports of this computer. Returns where
    /// it listens.
    fn start() -> Result<SocketAddr, Box<dyn Error>> {
        let (happen, happenings) = mpsc::channel();
        let events = happen.clone();
        let config = MediaConfig {
            ports: PortRange::single(0),
            advertise: vec![Ipv4Addr::LOCALHOST.into()],
            shards: Some(NonZeroU16::MIN),
            ..MediaConfig::default()
        };
        let sink = Arc::new(move |_shard, event| {
            // When the program ends there is nobody left to listen.
            let _gone = events.send(Happening::Media(event));
        });
        let plane = MediaPlane::start(&config, sink)?;
        let media = plane.commands().remove(0);
        let mut rooms = FrontEnd { media, peers: BTreeMap::new(), last_id: 0 };
        thread::spawn(move || {
            // The media plane lives as long as the rooms do.
            let _plane = plane;
            for happening in happenings {
                match happening {
                    Happening::Asked(request, caller) => rooms.asked(request, caller),
                    Happening::Media(event) => rooms.media(event),
                }
            }
        });
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if let Some((request, caller)) = read_request(stream)
                    && happen.send(Happening::Asked(request, caller)).is_err()
                {
                    return;
                }
            }
        });
        Ok(address)
    }

    fn asked(&mut self, request: Request, caller: Caller) {
        match request {
            Request::Publish { .. } | Request::Watch { .. } if self.peers.len() >= MAX_PEERS => {
                caller.refuse("too many peers");
            }
            Request::Publish { room, sdp } => {
                let role = Role::Publisher { tracks: Vec::new() };
                let transport = self.enter(Peer { room, role, waiting: Some(caller) });
                let codecs = vec![Codec::Vp8, Codec::Opus];
                self.command(Command::Offer { transport, sdp, codecs });
            }
            Request::Watch { room } => {
                let role = Role::Watcher { offer: None };
                let transport = self.enter(Peer { room: room.clone(), role, waiting: None });
                caller.accept(&json!({ "id": transport.0 }));
                self.show(&room);
            }
            Request::NextOffer { id } => match self.peers.get_mut(&TransportId(id)) {
                Some(Peer { role: Role::Watcher { offer }, waiting, .. }) => match offer.take() {
                    Some(sdp) => caller.accept(&json!({ "sdp": sdp })),
                    None => *waiting = Some(caller),
                },
                Some(_) | None => caller.refuse("no such watcher"),
            },
            Request::Answer { id, sdp } => {
                self.command(Command::Answer { transport: TransportId(id), sdp });
                caller.accept(&json!({}));
            }
            Request::Leave { id } => {
                self.command(Command::Close { transport: TransportId(id) });
                self.forget(TransportId(id), "left");
                caller.accept(&json!({}));
            }
        }
    }

    fn media(&mut self, event: Event) {
        match event {
            Event::Answer { transport, sdp } => {
                if let Some(caller) = self.peers.get_mut(&transport).and_then(|p| p.waiting.take())
                {
                    caller.accept(&json!({ "id": transport.0, "sdp": sdp }));
                }
            }
            Event::Offer { transport, sdp } => {
                let Some(Peer { role: Role::Watcher { offer }, waiting, .. }) =
                    self.peers.get_mut(&transport)
                else {
                    return;
                };
                match waiting.take() {
                    Some(caller) => caller.accept(&json!({ "sdp": sdp })),
                    None => *offer = Some(sdp),
                }
            }
            Event::TrackStarted { track, .. } => {
                self.change_tracks(track.transport, |tracks| tracks.push(track));
            }
            Event::Speech { .. } => {}
            Event::TrackEnded { track } => {
                self.change_tracks(track.transport, |tracks| tracks.retain(|t| *t != track));
            }
            Event::NegotiationFailed { transport, reason } => {
                self.command(Command::Close { transport });
                self.forget(transport, &reason);
            }
            // A front end with more patience would wait for an ICE restart.
            Event::Disconnected { transport } => {
                self.command(Command::Close { transport });
                self.forget(transport, "disconnected");
            }
            Event::Closed { transport, .. } => self.forget(transport, "closed"),
            // Descriptions carry all candidates that a computer has from the start.
            Event::Candidate { .. } | Event::Connected { .. } => {}
            // It takes what it is sent, and sends what it has.
            Event::EncodingsAsked { .. } | Event::ServiceChanged { .. } => {}
            Event::Report { .. } => {}
        }
    }

    fn enter(&mut self, peer: Peer) -> TransportId {
        self.last_id += 1;
        let transport = TransportId(self.last_id);
        self.peers.insert(transport, peer);
        transport
    }

    fn forget(&mut self, transport: TransportId, why: &str) {
        let Some(peer) = self.peers.remove(&transport) else { return };
        if let Some(caller) = peer.waiting {
            caller.refuse(why);
        }
        self.show(&peer.room);
    }

    fn change_tracks(&mut self, publisher: TransportId, change: impl FnOnce(&mut Vec<TrackId>)) {
        let Some(Peer { room, role: Role::Publisher { tracks }, .. }) =
            self.peers.get_mut(&publisher)
        else {
            return;
        };
        change(tracks);
        let room = room.clone();
        self.show(&room);
    }

    /// Here is decided who may see whom: everybody in a room sees all that is published there.
    fn show(&self, room: &str) {
        let here = || self.peers.iter().filter(|(_, peer)| peer.room == room);
        let published: Vec<TrackId> = here()
            .filter_map(|(_, peer)| match &peer.role {
                Role::Publisher { tracks } => Some(tracks.as_slice()),
                Role::Watcher { .. } => None,
            })
            .flatten()
            .copied()
            .collect();
        for (&transport, _) in here().filter(|(_, p)| matches!(p.role, Role::Watcher { .. })) {
            let tracks = published
                .iter()
                .map(|&track| TrackRequest::new(track, ShardId(0), EncodingChoice::Best))
                .collect();
            self.command(Command::Subscribe {
                transport,
                client: galene_sfu::ClientId(transport.0),
                stream_id: room.to_owned(),
                tracks,
            });
        }
    }

    fn command(&self, command: Command) {
        // A media plane that is gone forwards nothing more.
        let _gone = self.media.blocking_send(command);
    }
}

/// Reads one request. Whoever makes no sense is told so.
fn read_request(stream: TcpStream) -> Option<(Request, Caller)> {
    let exchange = Exchange::read(stream).ok()?;
    match serde_json::from_slice(&exchange.body) {
        Ok(request) => Some((request, Caller(exchange))),
        Err(error) => {
            Caller(exchange).refuse(&error.to_string());
            None
        }
    }
}

// ---- The callers: in your program, browsers ----

/// Asks the front end for something and waits for its reply.
fn ask(front_end: SocketAddr, request: &Value) -> Result<Value, Box<dyn Error + Send + Sync>> {
    let mut stream = TcpStream::connect(front_end)?;
    let body = request.to_string();
    let length = body.len();
    write!(stream, "POST / HTTP/1.1\r\nHost: here\r\nContent-Length: {length}\r\n\r\n{body}")?;
    let mut reply = String::new();
    stream.read_to_string(&mut reply)?;
    let (head, body) = reply.split_once("\r\n\r\n").ok_or("no reply")?;
    if head.starts_with("HTTP/1.1 200") {
        Ok(serde_json::from_str(body)?)
    } else {
        Err(body.into())
    }
}

fn text(reply: &Value, member: &str) -> Result<String, Box<dyn Error + Send + Sync>> {
    Ok(reply[member].as_str().ok_or("an incomplete reply")?.to_owned())
}

/// Publishes sound and a picture, until it is enough.
fn publish(
    front_end: SocketAddr,
    room: &str,
    stream: u32,
    enough: &AtomicBool,
) -> Result<(), Box<dyn Error + Send + Sync>> {
    let socket = Socket::bind()?;
    let tracks = (TrackSpec::audio(stream), TrackSpec::video(stream + 1).bitrate(300_000));
    let config = PublisherConfig::new(socket.address).track(tracks.0).track(tracks.1);
    let mut peer = PublisherPeer::new(Instant::now(), config);
    let reply = ask(front_end, &json!({ "publish": { "room": room, "sdp": peer.offer() } }))?;
    peer.handle_answer(Instant::now(), &text(&reply, "sdp")?)?;
    while !enough.load(Ordering::Relaxed) {
        socket.run(&mut peer)?;
    }
    ask(front_end, &json!({ "leave": { "id": reply["id"] } }))?;
    Ok(())
}

/// Watches until so many frames of a picture have been shown, and as much sound was heard.
fn watch(
    front_end: SocketAddr,
    room: &str,
    stream: u32,
    frames: u64,
) -> Result<u64, Box<dyn Error + Send + Sync>> {
    let socket = Socket::bind()?;
    let mut peer =
        SubscriberPeer::new(Instant::now(), SubscriberConfig::new(socket.address).may_miss_start());
    let id = ask(front_end, &json!({ "watch": { "room": room } }))?["id"].clone();
    let (send, offers) = mpsc::channel();
    let next_offer = json!({ "next_offer": { "id": id } });
    thread::spawn(move || {
        while let Ok(reply) = ask(front_end, &next_offer) {
            if send.send(reply).is_err() {
                return;
            }
        }
    });
    let shown = |peer: &SubscriberPeer, stream| {
        peer.track_from(stream).map_or(0, |track| track.checker().report().frames_rendered)
    };
    while shown(&peer, stream) < frames || shown(&peer, stream + 1) < frames {
        if let Ok(offer) = offers.try_recv() {
            let sdp = peer.handle_offer(Instant::now(), &text(&offer, "sdp")?)?;
            ask(front_end, &json!({ "answer": { "id": id, "sdp": sdp } }))?;
        }
        socket.run(&mut peer)?;
    }
    peer.assert_clean();
    let streams = peer.tracks().flat_map(|track| track.checker().report().streams);
    if let Some(strange) = streams.into_iter().find(|s| *s != stream && *s != stream + 1) {
        return Err(format!("{room} was shown the stream {strange} of another room").into());
    }
    ask(front_end, &json!({ "leave": { "id": id } }))?;
    Ok(shown(&peer, stream + 1))
}

/// A UDP socket of a stand-in.
struct Socket {
    socket: UdpSocket,
    address: SocketAddr,
}

/// How long a stand-in waits for a datagram before it looks at its timers again.
const TICK: Duration = Duration::from_millis(2);

impl Socket {
    fn bind() -> io::Result<Socket> {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        socket.set_read_timeout(Some(TICK))?;
        let address = socket.local_addr()?;
        Ok(Socket { socket, address })
    }

    /// Hands over what has arrived, and sends what there is to send.
    fn run(&self, peer: &mut impl Node) -> io::Result<()> {
        let mut buffer = [0; 2048];
        match self.socket.recv_from(&mut buffer) {
            Ok((length, source)) => {
                let contents = buffer[..length].into();
                let datagram = Datagram { source, destination: self.address, contents };
                peer.handle_datagram(Instant::now(), &datagram);
            }
            Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            Err(e) => return Err(e),
        }
        let now = Instant::now();
        if peer.poll_timeout().is_some_and(|at| at <= now) {
            peer.handle_timeout(now);
        }
        while let Some(datagram) = peer.poll_transmit() {
            self.socket.send_to(&datagram.contents, datagram.destination)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn watchers_are_shown_what_is_published_in_their_room() {
        let front_end = FrontEnd::start().expect("free ports");
        let shown = meet(front_end, 20).expect("everybody is served");
        assert_eq!(shown.len(), 2);
        assert!(shown.iter().all(|(_, frames)| *frames >= 20), "{shown:?}");
    }

    #[test]
    fn who_makes_no_sense_is_told_so() {
        let front_end = FrontEnd::start().expect("free ports");
        let refused = |request: Value| {
            let error = ask(front_end, &request).expect_err("it makes no sense").to_string();
            serde_json::from_str::<Value>(&error).expect("JSON")["error"].to_string()
        };
        assert!(refused(json!({ "dance": {} })).contains("dance"));
        assert!(refused(json!({ "next_offer": { "id": 7 } })).contains("no such watcher"));
        let publish = json!({ "publish": { "room": "r", "sdp": "nonsense" } });
        assert!(!refused(publish).is_empty());
    }
}
