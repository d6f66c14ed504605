//! A browser stand-in with a socket.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::time::Instant;

use galene_testkit::{Datagram, Node};

/// A peer with a socket, perhaps on the other side of the server's NAT.
pub(crate) struct Peer<N> {
    pub(crate) node: N,
    /// The address that the peer believes to have.
    address: SocketAddr,
    socket: UdpSocket,
    /// What the server calls itself, and where it really is.
    nat: Option<(IpAddr, IpAddr)>,
    /// The addresses that datagrams came from, as the peer sees them.
    pub(crate) heard_from: BTreeMap<SocketAddr, u64>,
    /// Datagrams received since the peer's address last changed.
    pub(crate) heard: u64,
}

impl<N: Node> Peer<N> {
    pub(crate) fn new(
        ip: IpAddr,
        nat: Option<(IpAddr, IpAddr)>,
        node: impl FnOnce(SocketAddr) -> N,
    ) -> Self {
        Self::on(socket(ip), nat, node)
    }

    fn on(
        socket: UdpSocket,
        nat: Option<(IpAddr, IpAddr)>,
        node: impl FnOnce(SocketAddr) -> N,
    ) -> Self {
        let address = socket.local_addr().unwrap();
        Self { node: node(address), address, socket, nat, heard_from: BTreeMap::new(), heard: 0 }
    }

    /// Leaves its socket to another peer.
    pub(crate) fn replace(self, node: impl FnOnce(SocketAddr) -> N) -> Self {
        Self::on(self.socket, self.nat, node)
    }

    /// Lets what the peer sends come from another port, as a NAT does that has forgotten it. What is
    /// sent to the old one is lost.
    pub(crate) fn change_port(&mut self) {
        self.socket = socket(self.address.ip());
        self.heard = 0;
    }

    /// Goes on from another port, and returns the new address.
    pub(crate) fn change_address(&mut self) -> SocketAddr {
        self.change_port();
        self.address = self.socket.local_addr().unwrap();
        self.address
    }

    /// Receives and sends all there is. Returns whether there was anything to receive.
    pub(crate) fn run(&mut self) -> bool {
        let before = self.heard;
        let mut buffer = [0; 2048];
        while let Ok((length, mut source)) = self.socket.recv_from(&mut buffer) {
            if let Some((public, real)) = self.nat
                && source.ip() == real
            {
                source.set_ip(public);
            }
            self.heard += 1;
            *self.heard_from.entry(source).or_default() += 1;
            let contents = buffer[..length].into();
            let datagram = Datagram { source, destination: self.address, contents };
            self.node.handle_datagram(Instant::now(), &datagram);
        }
        let now = Instant::now();
        if self.node.poll_timeout().is_some_and(|at| at <= now) {
            self.node.handle_timeout(now);
        }
        while let Some(datagram) = self.node.poll_transmit() {
            let mut to = datagram.destination;
            if let Some((public, real)) = self.nat
                && to.ip() == public
            {
                to.set_ip(real);
            }
            self.socket.send_to(&datagram.contents, to).unwrap();
        }
        self.heard > before
    }
}

fn socket(ip: IpAddr) -> UdpSocket {
    let socket = UdpSocket::bind((ip, 0)).unwrap();
    socket.set_nonblocking(true).unwrap();
    socket
}
