//! Binds the sockets of all shards.
//!
//! Each shard has a port of its own where there are enough of them. Where not, shards share a port: each
//! has a socket of its own on it (`SO_REUSEPORT`), and the kernel spreads the peers over the sockets by
//! their addresses. With that option another program of the same user could join in and take a share of
//! the traffic unnoticed, for instance a second server that was started by mistake. The first socket of
//! a port is therefore bound without it, which fails if anybody else is there, and opened to others
//! afterwards; what another server of this kind tries then fails for the same reason.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::num::NonZeroU16;

use socket2::{Domain, Protocol, SockRef, Socket, Type};

use crate::PortRange;

/// What both kernel buffers are asked to hold: 80 ms of 40,000 packets a second of 1,200 bytes.
const SOCKET_BUFFER: usize = 4 << 20;
/// How many ports are tried when the kernel chooses one and the other family has it in use.
const EPHEMERAL_TRIES: usize = 16;
/// Whether the kernel spreads datagrams over the sockets of a port. Others give all to one of them.
const CAN_SHARE: bool = cfg!(any(target_os = "linux", target_os = "android"));

/// The sockets of one shard: the same port in each address family that the host has.
#[derive(Debug)]
pub(crate) struct SocketPair {
    pub(crate) v4: UdpSocket,
    pub(crate) v6: Option<UdpSocket>,
    pub(crate) port: u16,
}

/// Binds the sockets of so many shards, in the order of their numbers. Shards with the same port share it.
///
/// Where ports cannot be shared there are only as many shards as ports.
pub(crate) fn bind(ports: PortRange, shards: NonZeroU16) -> Result<Vec<SocketPair>, BindError> {
    let shards = usize::from(shards.get());
    let mut pairs = bind_own(ports, shards)?;
    let own = pairs.len();
    if own < shards && !CAN_SHARE {
        tracing::warn!(shards = own, "there are fewer media threads, since ports cannot be shared");
    } else {
        for shard in own..shards {
            let joined = pairs[shard % own].join()?;
            pairs.push(joined);
        }
    }
    check_buffers(&pairs[0].v4);
    Ok(pairs)
}

/// Binds to as many free ports of the range as are needed, but at least one.
fn bind_own(ports: PortRange, shards: usize) -> Result<Vec<SocketPair>, BindError> {
    if ports.is_ephemeral() {
        return (0..shards).map(|_| SocketPair::bind_ephemeral()).collect();
    }
    let (mut pairs, mut last) = (Vec::new(), None);
    for port in ports.iter() {
        match SocketPair::bind(port) {
            Ok(pair) => pairs.push(pair),
            Err(error) if error.is_in_use() => last = Some(error),
            Err(error) => return Err(error),
        }
        if pairs.len() == shards {
            break;
        }
    }
    match last {
        Some(error) if pairs.is_empty() => Err(error),
        Some(_) | None => Ok(pairs),
    }
}

impl SocketPair {
    /// Binds to a port that the kernel chooses.
    pub(crate) fn bind_ephemeral() -> Result<SocketPair, BindError> {
        let mut bound = SocketPair::bind(0);
        for _ in 1..EPHEMERAL_TRIES {
            if !bound.as_ref().is_err_and(BindError::is_in_use) {
                break;
            }
            bound = SocketPair::bind(0);
        }
        bound
    }

    /// Binds to a port that nobody else uses in either family.
    fn bind(port: u16) -> Result<SocketPair, BindError> {
        let v4 = bind_socket(SocketAddr::from((Ipv4Addr::UNSPECIFIED, port)), Sharing::Alone)?;
        let address = SocketAddr::from((Ipv4Addr::UNSPECIFIED, port));
        let port = v4.local_addr().map_err(|source| BindError { address, source })?.port();
        let v6 = SocketAddr::from((Ipv6Addr::UNSPECIFIED, port));
        let v6 = match bind_socket(v6, Sharing::Alone) {
            Ok(socket) => Some(socket),
            Err(error) if error.is_in_use() => return Err(error),
            Err(error) => {
                tracing::info!(error = %error.source, "no IPv6 for media on this host");
                None
            }
        };
        Ok(SocketPair { v4, v6, port })
    }

    /// Binds more sockets to the same port.
    fn join(&self) -> Result<SocketPair, BindError> {
        let v4 = join_socket(&self.v4)?;
        let v6 = self.v6.as_ref().map(join_socket).transpose()?;
        Ok(SocketPair { v4, v6, port: self.port })
    }
}

/// An address that could not be bound to.
#[derive(Debug)]
pub(crate) struct BindError {
    pub(crate) address: SocketAddr,
    pub(crate) source: io::Error,
}

impl BindError {
    pub(crate) fn is_in_use(&self) -> bool {
        self.source.kind() == io::ErrorKind::AddrInUse
    }
}

/// Whether a port may have other sockets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sharing {
    Alone,
    WithOthers,
}

fn join_socket(first: &UdpSocket) -> Result<UdpSocket, BindError> {
    let address = first.local_addr().map_err(|source| BindError {
        address: SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)),
        source,
    })?;
    allow_sharing(&SockRef::from(first)).map_err(|source| BindError { address, source })?;
    bind_socket(address, Sharing::WithOthers)
}

fn bind_socket(address: SocketAddr, sharing: Sharing) -> Result<UdpSocket, BindError> {
    let bound = || {
        let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
        if address.is_ipv6() {
            socket.set_only_v6(true)?;
        }
        socket.set_nonblocking(true)?;
        enlarge_buffers(&socket)?;
        if sharing == Sharing::WithOthers {
            allow_sharing(&SockRef::from(&socket))?;
        }
        socket.bind(&address.into())?;
        Ok(socket.into())
    };
    bound().map_err(|source| BindError { address, source })
}

#[cfg(unix)]
fn allow_sharing(socket: &SockRef<'_>) -> io::Result<()> {
    socket.set_reuse_port(true)
}

#[cfg(not(unix))]
fn allow_sharing(_socket: &SockRef<'_>) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

fn enlarge_buffers(socket: &Socket) -> io::Result<()> {
    socket.set_send_buffer_size(SOCKET_BUFFER)?;
    // Whoever administers the network may go beyond net.core.rmem_max: socket(7), SO_RCVBUFFORCE.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    if rustix::net::sockopt::set_socket_recv_buffer_size_force(socket, SOCKET_BUFFER).is_ok() {
        return Ok(());
    }
    socket.set_recv_buffer_size(SOCKET_BUFFER)
}

/// Says so if the kernel allows only smaller buffers than were asked for.
fn check_buffers(socket: &UdpSocket) {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn some(shards: u16) -> NonZeroU16 {
        NonZeroU16::new(shards).expect("not zero")
    }

    fn ports(pairs: &[SocketPair]) -> Vec<u16> {
        pairs.iter().map(|pair| pair.port).collect()
    }

    /// A range of some free ports.
    fn range(length: u16) -> PortRange {
        loop {
            let first = SocketPair::bind_ephemeral().expect("a free port").port;
            let last = first.saturating_add(length - 1);
            let range = format!("{first}-{last}").parse().expect("a range");
            if bind_own(range, usize::from(length)).is_ok_and(|p| p.len() == usize::from(length)) {
                return range;
            }
        }
    }

    #[test]
    fn each_shard_has_a_port_of_its_own_if_there_are_enough() {
        let mut bound = ports(&bind(PortRange::single(0), some(3)).expect("free ports"));
        bound.sort_unstable();
        bound.dedup();
        assert_eq!(bound.len(), 3);

        let range = range(3);
        let bound = bind(range, some(3)).expect("they are free");
        assert_eq!(ports(&bound), range.iter().collect::<Vec<_>>());
        let fewer = bind(range, some(2));
        assert!(fewer.is_err_and(|error| error.is_in_use()), "all are taken");
    }

    #[test]
    fn where_ports_are_few_shards_share_them() {
        let range = range(2);
        let own: Vec<u16> = range.iter().collect();
        let expected = [own[0], own[1], own[0], own[1], own[0]];
        assert_eq!(ports(&bind(range, some(5)).expect("they are free")), expected);
    }

    #[test]
    fn a_port_in_use_is_passed_over_in_a_range() {
        let range = range(3);
        let first = bind(range, some(1)).expect("they are free");
        let rest = bind(range, some(4)).expect("two are free");
        let others: Vec<u16> = range.iter().skip(1).collect();
        assert_eq!(ports(&rest), [others[0], others[1], others[0], others[1]]);
        drop(first);
    }

    #[test]
    fn a_port_in_use_alone_is_reported_even_if_its_user_shares_it() {
        for shards in [1, 3] {
            let port = SocketPair::bind_ephemeral().expect("a free port").port;
            let first = bind(PortRange::single(port), some(shards)).expect("it is free");
            for other in [1, 3] {
                let error =
                    bind(PortRange::single(port), some(other)).expect_err("the port is taken");
                assert_eq!(error.address, SocketAddr::from((Ipv4Addr::UNSPECIFIED, port)));
                assert!(error.is_in_use(), "{error:?}");
            }
            drop(first);
            assert!(bind(PortRange::single(port), some(shards)).is_ok(), "it is free again");
        }
    }

    #[test]
    fn a_port_that_another_program_would_share_counts_as_in_use() {
        let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP)).expect("a socket");
        allow_sharing(&SockRef::from(&socket)).expect("the kernel can");
        let any = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
        socket.bind(&any.into()).expect("a free port");
        let port = UdpSocket::from(socket.try_clone().expect("a descriptor")).local_addr();
        let port = port.expect("it is bound").port();
        let error = bind(PortRange::single(port), some(2)).expect_err("the port is taken");
        assert!(error.is_in_use(), "{error:?}");
    }

    #[test]
    fn peers_are_spread_over_the_sockets_of_a_shared_port() {
        let port = SocketPair::bind_ephemeral().expect("a free port").port;
        let pairs = bind(PortRange::single(port), some(2)).expect("it is free");
        let mut heard = [0, 0];
        while heard.contains(&0) {
            let peer = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
            peer.send_to(b"x", (Ipv4Addr::LOCALHOST, port)).expect("loopback takes it");
            // Loopback delivers before it returns.
            let before = heard;
            for (pair, count) in pairs.iter().zip(&mut heard) {
                *count += usize::from(pair.v4.recv_from(&mut [0; 8]).is_ok());
            }
            assert_ne!(heard, before, "the datagram arrived somewhere");
        }
    }
}
