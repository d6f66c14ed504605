//! One UDP socket of a shard, with the kernel's batching on both sides.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use quinn_udp::{BATCH_SIZE, Transmit, UdpSocketState};
use tokio::io::Interest;
use tokio::net::UdpSocket;

use crate::receive::ReceiveBuffer;
use crate::statistics::Traffic;

/// How long a full send buffer is waited for before the packet is given up. A burst drains within
/// that time; a longer wait would hold up what arrives meanwhile.
const MAX_SEND_WAIT: Duration = Duration::from_millis(5);
/// The longest datagrams that leave several in a call: with the headers of UDP and IPv6 they fill a frame of
/// Ethernet. Some kernels report EINVAL for longer ones, which quinn-udp takes for a missing
/// offload and turns it off for all; and publishers choose how long packets are.
const MAX_SEGMENT_BYTES: usize = 1_452;
/// How often packets that had to be given up are reported.
const DROP_REPORT_INTERVAL: Duration = Duration::from_secs(60);

/// A bound socket in the hands of its worker.
#[derive(Debug)]
pub(crate) struct MediaSocket {
    io: UdpSocket,
    state: UdpSocketState,
    offload: bool,
    counts: SendCounts,
    last_report: Option<Instant>,
}

/// What was sent over a socket.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct SendCounts {
    pub(crate) sent: Traffic,
    pub(crate) calls: u64,
    /// Datagrams that left in a call together with others.
    pub(crate) segments: u64,
    pub(crate) dropped: u64,
}

/// What is known after a batch was received.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Received {
    /// The batch was full: there may be more.
    More,
    /// There was no more. What comes now makes the socket readable again.
    All,
    /// Nothing was received.
    Nothing,
}

impl MediaSocket {
    /// Must be called within the worker's runtime. Without `offload` each datagram leaves alone.
    pub(crate) fn new(socket: std::net::UdpSocket, offload: bool) -> io::Result<MediaSocket> {
        let io = UdpSocket::from_std(socket)?;
        let state = UdpSocketState::new((&io).into())?;
        Ok(MediaSocket { io, state, offload, counts: SendCounts::default(), last_report: None })
    }

    /// Is ready when there is something to receive. Only the last task that asked is woken.
    pub(crate) fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.io.poll_recv_ready(cx)
    }

    /// Receives a batch, if there is anything.
    pub(crate) fn receive(&self, buffer: &mut ReceiveBuffer) -> Received {
        let mut filled = 0;
        let result = self.io.try_io(Interest::READABLE, || {
            filled =
                buffer.fill(|slices, metas| self.state.recv((&self.io).into(), slices, metas))?;
            // A batch that is not full has drained the socket. Saying so here saves the system call that
            // would find out: what comes later is another event.
            if filled < BATCH_SIZE { Err(io::ErrorKind::WouldBlock.into()) } else { Ok(()) }
        });
        match (result, filled) {
            // Errors other than "nothing there" come from ICMP messages about earlier packets.
            (_, 0) => Received::Nothing,
            (Ok(()), _) => Received::More,
            (Err(_), _) => Received::All,
        }
    }

    /// How many datagrams of one size may leave in one call.
    pub(crate) fn max_segments(&self) -> usize {
        if self.offload { self.state.max_gso_segments() } else { 1 }
    }

    pub(crate) fn counts(&self) -> SendCounts {
        self.counts
    }

    /// Sends what `contents` holds: one datagram, or several of `segment_size` bytes each (the last
    /// may be shorter). What cannot be sent is lost, as UDP has it.
    pub(crate) async fn send(
        &mut self,
        source: Option<IpAddr>,
        destination: SocketAddr,
        contents: &[u8],
        segment_size: Option<usize>,
    ) {
        let segment_size = segment_size.filter(|&size| size > 0 && size < contents.len());
        let mut transmit =
            Transmit { destination, ecn: None, contents, segment_size, src_ip: source };
        let size = match segment_size {
            Some(size) if size > MAX_SEGMENT_BYTES => size,
            _ => match self.send_one(&transmit).await {
                Sent::Done => return,
                Sent::WithoutOffload(size) => size,
            },
        };
        transmit.segment_size = None;
        for segment in contents.chunks(size) {
            transmit.contents = segment;
            // With no segments there is nothing left to take apart.
            let (Sent::Done | Sent::WithoutOffload(_)) = self.send_one(&transmit).await;
        }
    }

    async fn send_one(&mut self, transmit: &Transmit<'_>) -> Sent {
        loop {
            let result = self
                .io
                .try_io(Interest::WRITABLE, || self.state.try_send((&self.io).into(), transmit));
            match result {
                Ok(()) => {
                    self.count(transmit);
                    return Sent::Done;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    let room = tokio::time::timeout(MAX_SEND_WAIT, self.io.writable()).await;
                    if !matches!(room, Ok(Ok(()))) {
                        self.report_drop(segments(transmit));
                        return Sent::Done;
                    }
                }
                Err(error) => {
                    // After EIO or EINVAL quinn-udp stops segmenting: the interface cannot.
                    if let (Some(size), 1) = (transmit.segment_size, self.state.max_gso_segments())
                    {
                        return Sent::WithoutOffload(size);
                    }
                    // An unreachable network, a packet over the interface's MTU: ICE and
                    // retransmission deal with that, and peers can cause it at will.
                    tracing::trace!(%error, "a datagram could not be sent");
                    return Sent::Done;
                }
            }
        }
    }

    fn count(&mut self, transmit: &Transmit<'_>) {
        let segments = segments(transmit);
        self.counts.sent.add(segments, transmit.contents.len());
        self.counts.calls += 1;
        if segments > 1 {
            self.counts.segments += segments as u64;
        }
    }

    fn report_drop(&mut self, segments: usize) {
        self.counts.dropped += segments as u64;
        let now = Instant::now();
        if self.last_report.is_none_or(|last| now.duration_since(last) >= DROP_REPORT_INTERVAL) {
            self.last_report = Some(now);
            tracing::warn!(
                dropped = self.counts.dropped,
                "the network does not take packets as fast as they leave"
            );
        }
    }
}

/// How many datagrams a transmit holds.
fn segments(transmit: &Transmit<'_>) -> usize {
    transmit.segment_size.map_or(1, |size| transmit.contents.len().div_ceil(size))
}

/// What became of a transmit.
enum Sent {
    /// It left, or it is lost.
    Done,
    /// The interface does not take segments of this size in one call: send them one by one.
    WithoutOffload(usize),
}

/// Whether packets may be sent there at all. Peers choose these addresses, and for some of them the
/// kernel reports EINVAL, which quinn-udp takes for a missing offload and turns it off for all.
pub(crate) fn is_usable(destination: SocketAddr) -> bool {
    let ip_is_usable = match destination.ip() {
        IpAddr::V4(ip) => !ip.is_unspecified() && !ip.is_multicast() && !ip.is_broadcast(),
        IpAddr::V6(ip) => !ip.is_unspecified() && !ip.is_multicast() && !ip.is_unicast_link_local(),
    };
    ip_is_usable && destination.port() != 0
}

#[cfg(test)]
mod tests {
    use super::*;

    use std::future::poll_fn;
    use std::net::Ipv4Addr;

    use crate::ports::SocketPair;

    const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

    fn open() -> (MediaSocket, SocketAddr) {
        open_with(true)
    }

    fn open_with(offload: bool) -> (MediaSocket, SocketAddr) {
        let pair = SocketPair::bind_ephemeral().expect("a free port");
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, pair.port));
        (MediaSocket::new(pair.v4, offload).expect("within a runtime"), address)
    }

    async fn readable(socket: &MediaSocket) {
        poll_fn(|cx| socket.poll_readable(cx)).await.expect("the socket is open");
    }

    async fn receive_some(socket: &MediaSocket, count: usize) -> Vec<(IpAddr, Vec<u8>)> {
        let mut buffer = ReceiveBuffer::new();
        let mut seen = Vec::new();
        while seen.len() < count {
            readable(socket).await;
            if socket.receive(&mut buffer) != Received::Nothing {
                for datagram in buffer.datagrams() {
                    let destination = datagram.destination.expect("the kernel says where to");
                    seen.push((destination, datagram.contents.to_vec()));
                }
            }
        }
        seen
    }

    #[tokio::test]
    async fn segments_arrive_as_datagrams_and_name_the_address_they_came_to() {
        let (mut sender, _) = open();
        let (receiver, address) = open();
        let destination = SocketAddr::from(([127, 0, 0, 2], address.port()));
        sender.send(Some(LOOPBACK), destination, b"aaabbbc", Some(3)).await;
        sender.send(Some(LOOPBACK), destination, b"single", None).await;

        let seen = receive_some(&receiver, 4).await;
        let to = destination.ip();
        let expected = [&b"aaa"[..], b"bbb", b"c", b"single"].map(|c| (to, c.to_vec()));
        assert_eq!(seen, expected);
    }

    #[tokio::test]
    async fn the_source_address_is_the_one_asked_for() {
        let (mut sender, from) = open();
        let (receiver, address) = open();
        let source = IpAddr::from([127, 0, 0, 3]);
        sender.send(Some(source), address, b"x", None).await;

        let mut buffer = ReceiveBuffer::new();
        readable(&receiver).await;
        assert_eq!(receiver.receive(&mut buffer), Received::All);
        let sources: Vec<_> = buffer.datagrams().map(|d| d.source).collect();
        assert_eq!(sources, [SocketAddr::new(source, from.port())]);
    }

    #[tokio::test]
    async fn what_fills_a_frame_of_ethernet_leaves_alone() {
        let (mut sender, _) = open();
        let (receiver, address) = open();
        let contents = [vec![1; 1_453], vec![2; 1_453], vec![3; 7]];
        sender.send(Some(LOOPBACK), address, &contents.concat(), Some(1_453)).await;
        let seen = receive_some(&receiver, 3).await;
        assert!(seen.iter().map(|(_, c)| c).eq(&contents));
        let counts = sender.counts();
        assert_eq!((counts.calls, counts.segments), (3, 0));
    }

    #[tokio::test]
    async fn what_cannot_be_sent_is_lost_and_the_next_leaves() {
        let (mut sender, _) = open();
        let (receiver, address) = open();
        // More than a UDP datagram can hold.
        sender.send(Some(LOOPBACK), address, &vec![0; 70_000], None).await;
        sender.send(Some(LOOPBACK), address, b"next", None).await;
        assert_eq!(receive_some(&receiver, 1).await, [(LOOPBACK, b"next".to_vec())]);
    }

    #[tokio::test]
    async fn a_socket_that_was_drained_becomes_readable_by_the_next_datagram() {
        let (mut sender, _) = open();
        let (receiver, address) = open();
        for round in 0..3 * BATCH_SIZE {
            let contents = vec![b'x'; round + 1];
            for segment in contents.chunks(1) {
                sender.send(Some(LOOPBACK), address, segment, None).await;
            }
            let expected: Vec<_> = contents.chunks(1).map(|c| (LOOPBACK, c.to_vec())).collect();
            assert_eq!(receive_some(&receiver, contents.len()).await, expected);
        }
    }

    #[tokio::test]
    async fn calls_and_segments_are_counted() {
        let (mut sender, _) = open();
        let (_receiver, address) = open();
        sender.send(Some(LOOPBACK), address, b"aaabbbc", Some(3)).await;
        sender.send(Some(LOOPBACK), address, b"single", None).await;
        let counts = sender.counts();
        assert_eq!(counts.sent, Traffic { datagrams: 4, bytes: 13 });
        assert!(matches!((counts.calls, counts.segments), (2, 3) | (4, 0)), "{counts:?}");
        assert_eq!(counts.dropped, 0);
    }

    #[tokio::test]
    async fn without_offload_there_is_one_datagram_in_a_call() {
        assert_eq!(open_with(false).0.max_segments(), 1);
    }

    #[test]
    fn addresses_that_the_kernel_refuses_are_never_sent_to() {
        for text in ["0.0.0.0:9", "224.0.0.1:9", "255.255.255.255:9", "127.0.0.1:0", "[fe80::1]:9"]
        {
            assert!(!is_usable(text.parse().expect("an address")), "{text}");
        }
        assert!(is_usable("127.0.0.1:9".parse().expect("an address")));
        assert!(is_usable("[2001:db8::1]:9".parse().expect("an address")));
    }
}
