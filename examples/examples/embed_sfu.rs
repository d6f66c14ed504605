//! A forwarding core in a program of your own: the core, one UDP socket, and the standard library.
//!
//! Whoever embeds the core moves its datagrams and carries its SDP. Here both peers are stand-ins for a
//! browser in the same process, each behind a UDP socket of its own, so that there is something to
//! forward; in your program the SDP would go over HTTP or a WebSocket of your making.
//!
//! ```text
//! cargo run --example embed_sfu
//! ```

#![expect(clippy::print_stdout, reason = "an example shows what happens")]
#![expect(
    clippy::disallowed_methods,
    reason = "this is the shell: it has the sockets and the clock"
)]

use std::error::Error;
use std::io::ErrorKind;
use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use galene_sfu::{
    Codec, Command, EncodingChoice, Event, Sfu, SfuConfig, ShardId, TrackRequest, TransportId,
};
use galene_testkit::{
    Datagram, Node, PublisherConfig, PublisherPeer, SubscriberConfig, SubscriberPeer, TrackSpec,
};

const PUBLISHER: TransportId = TransportId(1);
const SUBSCRIBER: TransportId = TransportId(2);

fn main() -> Result<(), Box<dyn Error>> {
    let mut now = Instant::now();
    let core = Socket::bind()?;
    let mut sfu = Sfu::new(SfuConfig::new(vec![core.address], seed()), now);

    let publisher_socket = Socket::bind()?;
    let config = PublisherConfig::new(publisher_socket.address)
        .track(TrackSpec::audio(1))
        .track(TrackSpec::video(2).bitrate(1_000_000));
    let mut publisher = PublisherPeer::new(now, config);
    let subscriber_socket = Socket::bind()?;
    let config = SubscriberConfig::new(subscriber_socket.address);
    let mut subscriber = SubscriberPeer::new(now, config);

    // The publisher offers. That is all it takes: the rest follows from events.
    let (sdp, codecs) = (publisher.offer(), vec![Codec::Vp8, Codec::Opus]);
    sfu.handle_command(Command::Offer { transport: PUBLISHER, sdp, codecs }, now);

    let (start, mut next_report, mut tracks) = (now, now, Vec::new());
    while now - start < Duration::from_secs(5) {
        // 1. Take in whatever has arrived. Packets that came together are forwarded together.
        core.receive(|d| {
            sfu.handle_datagram(now, d.source, d.destination, &d.contents);
        })?;
        sfu.handle_timeout(now);

        // 2. React to events: here is where a program decides who may hear whom.
        while let Some(event) = sfu.poll_event() {
            match event {
                Event::Answer { sdp, .. } => publisher.handle_answer(now, &sdp)?,
                Event::TrackStarted { track, codec } => {
                    println!("{track} started: {codec}");
                    tracks.push(TrackRequest::new(track, ShardId(0), EncodingChoice::Best));
                    tracks.sort_by_key(|request| request.track.section);
                    let (stream_id, tracks) = ("example".to_owned(), tracks.clone());
                    let transport = SUBSCRIBER;
                    sfu.handle_command(
                        Command::Subscribe {
                            transport,
                            client: galene_sfu::ClientId(transport.0),
                            stream_id,
                            tracks,
                        },
                        now,
                    );
                }
                Event::Offer { transport, sdp } => {
                    let sdp = subscriber.handle_offer(now, &sdp)?;
                    sfu.handle_command(Command::Answer { transport, sdp }, now);
                }
                Event::Connected { transport } => println!("{transport} connected"),
                Event::NegotiationFailed { transport, reason } => {
                    return Err(format!("{transport}: {reason}").into());
                }
                Event::Candidate { .. }
                | Event::Disconnected { .. }
                | Event::Closed { .. }
                | Event::Speech { .. }
                | Event::TrackEnded { .. }
                | Event::EncodingsAsked { .. }
                | Event::Report { .. }
                | Event::ServiceChanged { .. } => println!("{event:?}"),
            }
        }

        // 3. Send what there is to send.
        while let Some(transmit) = sfu.poll_transmit(1) {
            core.send(transmit.destination, transmit.contents)?;
        }

        if now >= next_report {
            let counters = sfu.counters();
            println!("{} packets published, {} forwarded", counters.published, counters.forwarded);
            next_report = now + Duration::from_secs(1);
        }

        // The browsers do the same on their side.
        publisher_socket.run(&mut publisher, now)?;
        subscriber_socket.run(&mut subscriber, now)?;

        // 4. Wait for a datagram or the next deadline. A real program waits on its one socket until
        // `poll_timeout`; this one has the stand-ins to serve as well.
        let deadlines = [sfu.poll_timeout(), publisher.poll_timeout(), subscriber.poll_timeout()];
        let deadline = deadlines.into_iter().flatten().min();
        core.wait(deadline.map_or(Duration::MAX, |at| at.saturating_duration_since(now)))?;
        now = Instant::now();
    }

    for track in subscriber.tracks() {
        println!("the subscriber received {}", track.checker().report());
    }
    sfu.handle_command(Command::Close { transport: PUBLISHER }, now);
    sfu.handle_command(Command::Close { transport: SUBSCRIBER }, now);
    println!("{} transports left", sfu.transport_count());
    Ok(())
}

fn seed() -> u64 {
    // Only numbers that have to differ depend on it; keys come from the operating system.
    u64::from(std::process::id())
}

/// A UDP socket on the loopback interface.
struct Socket {
    socket: UdpSocket,
    address: SocketAddr,
}

/// No longer than this is waited for one socket while the others may have something.
const MAX_WAIT: Duration = Duration::from_millis(2);

impl Socket {
    fn bind() -> Result<Self, std::io::Error> {
        let socket = UdpSocket::bind("127.0.0.1:0")?;
        let address = socket.local_addr()?;
        Ok(Self { socket, address })
    }

    fn send(&self, destination: SocketAddr, contents: &[u8]) -> Result<(), std::io::Error> {
        self.socket.send_to(contents, destination).map(drop)
    }

    fn wait(&self, time: Duration) -> Result<(), std::io::Error> {
        self.socket.set_nonblocking(false)?;
        self.socket.set_read_timeout(Some(time.clamp(Duration::from_micros(100), MAX_WAIT)))?;
        match self.socket.peek_from(&mut [0]) {
            Err(e) if !matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => Err(e),
            _ => Ok(()),
        }
    }

    fn receive(&self, mut handle: impl FnMut(Datagram)) -> Result<(), std::io::Error> {
        self.socket.set_nonblocking(true)?;
        let mut buffer = [0; 2048];
        loop {
            match self.socket.recv_from(&mut buffer) {
                Ok((length, source)) => {
                    let contents = buffer[..length].into();
                    handle(Datagram { source, destination: self.address, contents });
                }
                Err(e) if e.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(e) => return Err(e),
            }
        }
    }

    fn run(&self, node: &mut impl Node, now: Instant) -> Result<(), std::io::Error> {
        self.receive(|datagram| node.handle_datagram(now, &datagram))?;
        if node.poll_timeout().is_some_and(|at| at <= now) {
            node.handle_timeout(now);
        }
        while let Some(datagram) = node.poll_transmit() {
            self.send(datagram.destination, &datagram.contents)?;
        }
        Ok(())
    }
}
