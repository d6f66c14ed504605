//! The UDP socket of one transport.

use std::io::{self, IoSliceMut};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::AsRawFd;
use std::time::{Duration, SystemTime};

use nix::sys::socket::sockopt::{RcvBuf, ReceiveTimestampns, RxqOvfl, UdpGroSegment};
use nix::sys::socket::{
    ControlMessageOwned, MsgFlags, SockaddrStorage, recvmsg, sendto, setsockopt,
};
use tokio::io::Interest;
use tokio::net::UdpSocket;

/// What the kernel holds for a transport while the thread is busy with others: some keyframes. The
/// kernel may allow less.
const RECEIVE_BUFFER: usize = 1 << 20;
/// With receive offload the kernel joins datagrams up to the largest length of an IP packet.
const MAX_RECEIVE: usize = 1 << 16;
/// Room for the three control messages that are asked for.
const CONTROL: usize = 128;

/// A bound socket that receives joined datagrams and knows how many did not fit its buffer.
#[derive(Debug)]
pub(crate) struct MediaSocket {
    io: UdpSocket,
    /// As the kernel counts: since the socket exists, wrapping around.
    overflowed: u32,
}

/// Memory to receive into, one for all transports of a thread.
#[derive(Debug)]
pub(crate) struct ReceiveBuffer {
    data: Vec<u8>,
    control: Vec<u8>,
}

/// What one call received: datagrams of one sender.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Batch<'a> {
    pub(crate) source: SocketAddr,
    /// How long ago the kernel took them in, if it was asked to note that.
    pub(crate) age: Option<Duration>,
    data: &'a [u8],
    stride: usize,
}

impl MediaSocket {
    /// Binds to a free port of every address of the host, in the family of `local`. With `has_times`
    /// the kernel notes when datagrams arrive. Must be called within a runtime.
    pub(crate) fn bind(local: IpAddr, has_times: bool) -> io::Result<Self> {
        let socket = std::net::UdpSocket::bind((any_like(local), 0))?;
        socket.set_nonblocking(true)?;
        setsockopt(&socket, RcvBuf, &RECEIVE_BUFFER)?;
        setsockopt(&socket, UdpGroSegment, &true)?;
        setsockopt(&socket, RxqOvfl, &1)?;
        setsockopt(&socket, ReceiveTimestampns, &has_times)?;
        Ok(Self { io: UdpSocket::from_std(socket)?, overflowed: 0 })
    }

    /// Returns the port.
    pub(crate) fn port(&self) -> io::Result<u16> {
        Ok(self.io.local_addr()?.port())
    }

    /// Waits until there is something to receive.
    pub(crate) async fn readable(&self) -> io::Result<()> {
        self.io.readable().await
    }

    /// Receives some datagrams; `WouldBlock` if there are none.
    pub(crate) fn receive<'a>(&mut self, buffer: &'a mut ReceiveBuffer) -> io::Result<Batch<'a>> {
        let ReceiveBuffer { data, control } = buffer;
        let fd = self.io.as_raw_fd();
        let (len, source, stride, overflowed, arrived) =
            self.io.try_io(Interest::READABLE, || {
                let mut slices = [IoSliceMut::new(data)];
                let flags = MsgFlags::MSG_DONTWAIT;
                let message = recvmsg::<SockaddrStorage>(
                    fd,
                    &mut slices,
                    Some(control.as_mut_slice()),
                    flags,
                )?;
                let (mut stride, mut overflowed, mut arrived) = (message.bytes, None, None);
                for control in message.cmsgs()? {
                    if let ControlMessageOwned::UdpGroSegments(size) = control {
                        stride = usize::try_from(size).unwrap_or(message.bytes);
                    } else if let ControlMessageOwned::RxqOvfl(count) = control {
                        overflowed = Some(count);
                    } else if let ControlMessageOwned::ScmTimestampns(time) = control {
                        arrived = Some(SystemTime::UNIX_EPOCH + Duration::from(time));
                    }
                }
                Ok((message.bytes, message.address.and_then(address), stride, overflowed, arrived))
            })?;
        self.overflowed = overflowed.unwrap_or(self.overflowed);
        let source = source.ok_or(io::ErrorKind::InvalidData)?;
        let age = arrived.map(|at| SystemTime::now().duration_since(at).unwrap_or_default());
        Ok(Batch { source, age, data: &data[..len], stride: stride.max(1) })
    }

    /// Returns how many datagrams the receive buffer had no room for, as known by the last one that it
    /// had room for.
    pub(crate) fn overflowed(&self) -> u32 {
        self.overflowed
    }

    /// Sends a datagram. What cannot be sent is lost, as UDP has it.
    ///
    /// Goes past the runtime, which believes that a socket cannot be written to until it has first waited
    /// for it: the first connectivity check would be lost, and sent again a quarter of a second later.
    pub(crate) fn send(&self, destination: SocketAddr, contents: &[u8]) -> io::Result<()> {
        let destination = SockaddrStorage::from(destination);
        sendto(self.io.as_raw_fd(), contents, &destination, MsgFlags::MSG_DONTWAIT)?;
        Ok(())
    }
}

impl ReceiveBuffer {
    pub(crate) fn new() -> Self {
        Self { data: vec![0; MAX_RECEIVE], control: vec![0; CONTROL] }
    }
}

impl Batch<'_> {
    /// Returns the datagrams, in order.
    pub(crate) fn datagrams(&self) -> impl Iterator<Item = &[u8]> {
        self.data.chunks(self.stride)
    }
}

/// Returns what stands for all addresses of the host in the family of `ip`.
pub(crate) fn any_like(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    }
}

fn address(address: SockaddrStorage) -> Option<SocketAddr> {
    let v4 = address.as_sockaddr_in().map(|a| SocketAddr::V4((*a).into()));
    v4.or_else(|| address.as_sockaddr_in6().map(|a| SocketAddr::V6((*a).into())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn datagrams_arrive_one_by_one_and_in_order() {
        let local = IpAddr::from(Ipv4Addr::LOCALHOST);
        let (mut receiver, sender) = (
            MediaSocket::bind(local, true).expect("a free port"),
            MediaSocket::bind(local, false).expect("a free port"),
        );
        let destination = SocketAddr::new(local, receiver.port().expect("it is bound"));
        for contents in [&b"one"[..], b"two", b"three"] {
            sender.send(destination, contents).expect("room in the buffer");
        }
        let mut buffer = ReceiveBuffer::new();
        let mut seen = Vec::new();
        while seen.len() < 3 {
            receiver.readable().await.expect("an open socket");
            if let Ok(batch) = receiver.receive(&mut buffer) {
                assert!(batch.age.is_some());
                assert_eq!(batch.source.port(), sender.port().expect("it is bound"));
                seen.extend(batch.datagrams().map(<[u8]>::to_vec));
            }
        }
        assert_eq!(seen, [&b"one"[..], b"two", b"three"]);
        assert_eq!(receiver.overflowed(), 0);
    }
}
