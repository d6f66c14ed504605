//! Media through real sockets on loopback, from browser stand-ins to browser stand-ins.
#![expect(clippy::disallowed_methods, reason = "real sockets go with real time")]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use galene_net::{MediaConfig, MediaPlane, PortRange};
use galene_sfu::{
    Codec, Command, EncodingChoice, Event, ShardId, TrackId, TrackRequest, TransportId,
};
use galene_testkit::{
    Datagram, Node, PublisherConfig, PublisherPeer, SubscriberConfig, SubscriberPeer, TrackSpec,
    epoch,
};

const PUBLISHER: TransportId = TransportId(1);
const SUBSCRIBER: TransportId = TransportId(2);
/// The numbers that the tracks' packets carry.
const AUDIO: u32 = 10;
const VIDEO: u32 = 11;
/// How long a read waits before timers are looked at.
const TICK: Duration = Duration::from_millis(1);

/// A peer with a socket, perhaps on the other side of the server's NAT.
struct Peer<N> {
    node: N,
    socket: UdpSocket,
    /// What the server calls itself, and where it really is.
    nat: Option<(IpAddr, IpAddr)>,
    /// The addresses that datagrams came from, as the peer sees them.
    heard_from: BTreeMap<SocketAddr, u64>,
}

impl<N: Node> Peer<N> {
    fn new(socket: UdpSocket, nat: Option<(IpAddr, IpAddr)>, node: N) -> Self {
        Self { node, socket, nat, heard_from: BTreeMap::new() }
    }

    fn run(&mut self) {
        while let Some(datagram) = self.node.poll_transmit() {
            let mut to = datagram.destination;
            if let Some((public, real)) = self.nat
                && to.ip() == public
            {
                to.set_ip(real);
            }
            self.socket.send_to(&datagram.contents, to).unwrap();
        }
        let mut buffer = [0; 2048];
        if let Ok((length, mut source)) = self.socket.recv_from(&mut buffer) {
            if let Some((public, real)) = self.nat
                && source.ip() == real
            {
                source.set_ip(public);
            }
            *self.heard_from.entry(source).or_default() += 1;
            let destination = self.socket.local_addr().unwrap();
            let datagram = Datagram { source, destination, contents: buffer[..length].into() };
            self.node.handle_datagram(Instant::now(), &datagram);
        }
        let now = Instant::now();
        if self.node.poll_timeout().is_some_and(|at| at <= now) {
            self.node.handle_timeout(now);
        }
    }
}

fn socket(ip: IpAddr) -> (UdpSocket, SocketAddr) {
    let socket = UdpSocket::bind((ip, 0)).unwrap();
    socket.set_read_timeout(Some(TICK)).unwrap();
    let address = socket.local_addr().unwrap();
    (socket, address)
}

/// Lets one peer publish and another subscribe till enough has arrived.
#[expect(clippy::wildcard_enum_match_arm, reason = "any other event is a failure")]
fn forward(peers: IpAddr, advertise: IpAddr, nat: Option<(IpAddr, IpAddr)>) {
    // The stand-ins count from there.
    let _start = epoch();
    let (sender, events) = mpsc::channel();
    let config = MediaConfig { ports: PortRange::single(0), advertise: vec![advertise] };
    let sink = Arc::new(move |_, event| drop(sender.send(event)));
    let plane = MediaPlane::start(&config, sink).unwrap();
    let commands = plane.commands().remove(0);
    let command = |command| commands.blocking_send(command).unwrap();

    let (publisher_socket, address) = socket(peers);
    let specs =
        PublisherConfig::new(address).track(TrackSpec::audio(AUDIO)).track(TrackSpec::video(VIDEO));
    let mut publisher = Peer::new(publisher_socket, nat, PublisherPeer::new(Instant::now(), specs));
    let (subscriber_socket, address) = socket(peers);
    let mut subscriber = Peer::new(
        subscriber_socket,
        nat,
        SubscriberPeer::new(Instant::now(), SubscriberConfig::new(address)),
    );

    let sdp = publisher.node.offer();
    let candidates = publisher.node.candidates(&sdp);
    command(Command::Offer { transport: PUBLISHER, sdp, codecs: vec![Codec::Vp8, Codec::Opus] });
    for candidate in candidates {
        command(Command::AddCandidate { transport: PUBLISHER, candidate });
    }
    let mut tracks: Vec<TrackId> = Vec::new();
    let rendered = |subscriber: &Peer<SubscriberPeer>, stream| {
        subscriber
            .node
            .track_from(stream)
            .map_or(0, |track| track.checker().report().frames_rendered)
    };
    while rendered(&subscriber, VIDEO) < 30 || rendered(&subscriber, AUDIO) < 30 {
        publisher.run();
        subscriber.run();
        for event in events.try_iter() {
            match event {
                Event::Answer { transport: PUBLISHER, sdp } => {
                    publisher.node.handle_answer(Instant::now(), &sdp).unwrap();
                }
                Event::TrackStarted { track, .. } => {
                    tracks.push(track);
                    tracks.sort();
                    let best = |&track| TrackRequest {
                        track,
                        shard: ShardId(0),
                        encoding: EncodingChoice::Best,
                    };
                    let tracks = tracks.iter().map(best).collect();
                    command(Command::Subscribe {
                        transport: SUBSCRIBER,
                        stream_id: "s".to_owned(),
                        tracks,
                    });
                }
                Event::Offer { transport: SUBSCRIBER, sdp } => {
                    let sdp = subscriber.node.handle_offer(Instant::now(), &sdp).unwrap();
                    let candidates = subscriber.node.candidates(&sdp);
                    command(Command::Answer { transport: SUBSCRIBER, sdp });
                    for candidate in candidates {
                        command(Command::AddCandidate { transport: SUBSCRIBER, candidate });
                    }
                }
                Event::Connected { .. } => {}
                other => panic!("{other:?}"),
            }
        }
    }
    subscriber.node.assert_clean();
    for peer in [&publisher.heard_from, &subscriber.heard_from] {
        let sources: Vec<_> = peer.keys().copied().collect();
        assert_eq!(sources, plane.addresses(), "all comes from the address that was offered");
    }
    drop(commands);
    plane.join().unwrap();
}

#[test]
fn media_is_forwarded_over_ipv4() {
    let loopback = IpAddr::V4(Ipv4Addr::LOCALHOST);
    forward(loopback, loopback, None);
}

#[test]
fn media_is_forwarded_over_ipv6() {
    let loopback = IpAddr::V6(Ipv6Addr::LOCALHOST);
    forward(loopback, loopback, None);
}

#[test]
fn answers_leave_from_the_address_that_was_asked() {
    // All of 127.0.0.0/8 is this host, but only that address is offered.
    let other = IpAddr::from([127, 0, 0, 9]);
    forward(IpAddr::V4(Ipv4Addr::LOCALHOST), other, None);
}

#[test]
fn a_server_behind_a_nat_is_reached_under_its_public_address() {
    let public = IpAddr::from([203, 0, 113, 7]);
    let real = IpAddr::V4(Ipv4Addr::LOCALHOST);
    forward(real, public, Some((public, real)));
}
