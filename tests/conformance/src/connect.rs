//! Connections to the server that is tested.

use std::net::{Ipv4Addr, SocketAddr, TcpStream, ToSocketAddrs};
use std::sync::atomic::{AtomicU16, Ordering};

use socket2::{Domain, Socket, Type};

use crate::client::PATIENCE;

/// Connects to the server at this host and port.
///
/// A server on this host sees each connection come from another address (127/8 belongs to it as a whole,
/// on Linux): whoever is wrong too often from one address is kept out, and tests that run at the same
/// time are no one person.
///
/// # Panics
///
/// Panics if nobody listens there.
pub(crate) fn connect(address: &str) -> TcpStream {
    let mut found = address.to_socket_addrs().expect("a host and a port");
    let server = found.next().expect("a host that is known");
    let stream = if cfg!(target_os = "linux") && server.is_ipv4() && server.ip().is_loopback() {
        from_elsewhere(server)
    } else {
        TcpStream::connect(server).expect("the server listens")
    };
    stream.set_read_timeout(Some(PATIENCE)).expect("a positive time");
    stream
}

fn from_elsewhere(server: SocketAddr) -> TcpStream {
    static CONNECTIONS: AtomicU16 = AtomicU16::new(0);
    let [high, low] = CONNECTIONS.fetch_add(1, Ordering::Relaxed).to_be_bytes();
    let source = SocketAddr::from((Ipv4Addr::new(127, 1, high, low), 0));
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket of TCP");
    socket.bind(&source.into()).expect("an address of this host");
    socket.connect(&server.into()).expect("the server listens");
    socket.into()
}
