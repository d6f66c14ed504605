//! One UDP socket of a shard, with the kernel's batching on both sides.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::{Duration, Instant};

use quinn_udp::{Transmit, UdpSocketState};
use socket2::{Domain, Protocol, SockRef, Socket, Type};
use tokio::io::Interest;
use tokio::net::UdpSocket;

use crate::PortRange;
use crate::receive::ReceiveBuffer;

/// What both kernel buffers are asked to hold: 80 ms of 40,000 packets a second of 1,200 bytes.
const SOCKET_BUFFER: usize = 4 << 20;
/// How long a full send buffer is waited for before the packet is given up. A burst drains within
/// that time; a longer wait would hold up what arrives meanwhile.
const MAX_SEND_WAIT: Duration = Duration::from_millis(5);
/// How often packets that had to be given up are reported.
const DROP_REPORT_INTERVAL: Duration = Duration::from_secs(60);
/// How many ports are tried when the kernel chooses one and the other family has it in use.
const EPHEMERAL_TRIES: usize = 16;

/// The sockets of one shard: the same port in each address family that the host has.
#[derive(Debug)]
pub(crate) struct SocketPair {
    pub(crate) v4: std::net::UdpSocket,
    pub(crate) v6: Option<std::net::UdpSocket>,
    pub(crate) port: u16,
}

impl SocketPair {
    /// Binds to the first port of the range that is free in both families.
    pub(crate) fn bind(ports: PortRange) -> Result<SocketPair, BindError> {
        let mut last = None;
        for port in ports.iter() {
            let tries = if port == 0 { EPHEMERAL_TRIES } else { 1 };
            for _ in 0..tries {
                match SocketPair::bind_port(port) {
                    Err(error) if error.source.kind() == io::ErrorKind::AddrInUse => {
                        last = Some(error);
                    }
                    bound => return bound,
                }
            }
        }
        Err(last.expect("a range has at least one port"))
    }

    fn bind_port(port: u16) -> Result<SocketPair, BindError> {
        let v4 = bind(SocketAddr::from((Ipv4Addr::UNSPECIFIED, port)))?;
        let port = match v4.local_addr() {
            Ok(address) => address.port(),
            Err(source) => {
                return Err(BindError { address: SocketAddr::from(([0; 4], port)), source });
            }
        };
        let v6 = match bind(SocketAddr::from((Ipv6Addr::UNSPECIFIED, port))) {
            Ok(socket) => Some(socket),
            Err(error) if error.source.kind() == io::ErrorKind::AddrInUse => return Err(error),
            Err(error) => {
                tracing::info!(error = %error.source, "no IPv6 for media on this host");
                None
            }
        };
        check_buffers(&v4);
        Ok(SocketPair { v4, v6, port })
    }
}

/// An address that could not be bound to.
#[derive(Debug)]
pub(crate) struct BindError {
    pub(crate) address: SocketAddr,
    pub(crate) source: io::Error,
}

fn bind(address: SocketAddr) -> Result<std::net::UdpSocket, BindError> {
    let bound = || {
        let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
        if address.is_ipv6() {
            socket.set_only_v6(true)?;
        }
        socket.set_nonblocking(true)?;
        socket.set_recv_buffer_size(SOCKET_BUFFER)?;
        socket.set_send_buffer_size(SOCKET_BUFFER)?;
        socket.bind(&address.into())?;
        Ok(socket.into())
    };
    bound().map_err(|source| BindError { address, source })
}

/// Says so if the kernel allows only smaller buffers than were asked for.
fn check_buffers(socket: &std::net::UdpSocket) {
    let socket = SockRef::from(socket);
    let (Ok(receive), Ok(send)) = (socket.recv_buffer_size(), socket.send_buffer_size()) else {
        return;
    };
    // Linux reports twice what was asked for, its own bookkeeping included: socket(7), SO_RCVBUF.
    let factor = if cfg!(target_os = "linux") { 2 } else { 1 };
    let (receive, send) = (receive / factor, send / factor);
    if receive < SOCKET_BUFFER || send < SOCKET_BUFFER {
        tracing::info!(
            wanted = SOCKET_BUFFER,
            receive,
            send,
            "small UDP buffers: bursts may be lost under load; see net.core.rmem_max and net.core.wmem_max"
        );
    }
}

/// A bound socket in the hands of its worker.
#[derive(Debug)]
pub(crate) struct MediaSocket {
    io: UdpSocket,
    state: UdpSocketState,
    dropped: u64,
    last_report: Option<Instant>,
}

impl MediaSocket {
    /// Must be called within the worker's runtime.
    pub(crate) fn new(socket: std::net::UdpSocket) -> io::Result<MediaSocket> {
        let io = UdpSocket::from_std(socket)?;
        let state = UdpSocketState::new((&io).into())?;
        Ok(MediaSocket { io, state, dropped: 0, last_report: None })
    }

    /// Waits till there is something to receive.
    pub(crate) async fn readable(&self) -> io::Result<()> {
        self.io.readable().await
    }

    /// Receives a batch; `WouldBlock` if there is nothing.
    pub(crate) fn receive(&self, buffer: &mut ReceiveBuffer) -> io::Result<()> {
        buffer.fill(|slices, metas| {
            self.io.try_io(Interest::READABLE, || self.state.recv((&self.io).into(), slices, metas))
        })
    }

    /// How many datagrams of one size may leave in one call.
    pub(crate) fn max_segments(&self) -> usize {
        self.state.max_gso_segments()
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
        match self.send_one(&transmit).await {
            Sent::Done => {}
            Sent::WithoutOffload(size) => {
                transmit.segment_size = None;
                for segment in contents.chunks(size) {
                    transmit.contents = segment;
                    // With no segments there is nothing left to take apart.
                    let (Sent::Done | Sent::WithoutOffload(_)) = self.send_one(&transmit).await;
                }
            }
        }
    }

    async fn send_one(&mut self, transmit: &Transmit<'_>) -> Sent {
        loop {
            let result = self
                .io
                .try_io(Interest::WRITABLE, || self.state.try_send((&self.io).into(), transmit));
            match result {
                Ok(()) => return Sent::Done,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    let room = tokio::time::timeout(MAX_SEND_WAIT, self.io.writable()).await;
                    if !matches!(room, Ok(Ok(()))) {
                        self.report_drop();
                        return Sent::Done;
                    }
                }
                Err(error) => {
                    // After EIO or EINVAL quinn-udp stops segmenting: the interface cannot.
                    if let (Some(size), 1) = (transmit.segment_size, self.max_segments()) {
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

    fn report_drop(&mut self) {
        self.dropped += 1;
        let now = Instant::now();
        if self.last_report.is_none_or(|last| now.duration_since(last) >= DROP_REPORT_INTERVAL) {
            self.last_report = Some(now);
            tracing::warn!(
                dropped = self.dropped,
                "the network does not take packets as fast as they leave"
            );
        }
    }
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

    const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

    fn open() -> (MediaSocket, SocketAddr) {
        let pair = SocketPair::bind(PortRange::single(0)).expect("a free port");
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, pair.port));
        (MediaSocket::new(pair.v4).expect("within a runtime"), address)
    }

    async fn receive_some(socket: &MediaSocket, count: usize) -> Vec<(IpAddr, Vec<u8>)> {
        let mut buffer = ReceiveBuffer::new();
        let mut seen = Vec::new();
        while seen.len() < count {
            socket.readable().await.expect("the socket is open");
            if socket.receive(&mut buffer).is_ok() {
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
        receiver.readable().await.expect("the socket is open");
        receiver.receive(&mut buffer).expect("it is readable");
        let sources: Vec<_> = buffer.datagrams().map(|d| d.source).collect();
        assert_eq!(sources, [SocketAddr::new(source, from.port())]);
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

    #[test]
    fn a_port_in_use_is_passed_over_in_a_range_and_reported_alone() {
        let first = SocketPair::bind(PortRange::single(0)).expect("a free port");
        let error = SocketPair::bind(PortRange::single(first.port)).expect_err("it is taken");
        assert_eq!(error.address, SocketAddr::from((Ipv4Addr::UNSPECIFIED, first.port)));
        assert_eq!(error.source.kind(), io::ErrorKind::AddrInUse);

        let range = format!("{}-{}", first.port, first.port.saturating_add(20));
        let second = SocketPair::bind(range.parse().expect("a range")).expect("another is free");
        assert!(second.port > first.port);
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
