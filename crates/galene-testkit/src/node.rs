//! What can be attached to the virtual network.

use std::any::Any;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

/// A UDP datagram on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Datagram {
    /// The address that it was sent from.
    pub source: SocketAddr,
    /// The address that it is for.
    pub destination: SocketAddr,
    /// What it carries.
    pub contents: Arc<[u8]>,
}

/// Something sans-IO that sends and receives datagrams: a browser stand-in, or the code under test
/// behind a thin adapter.
///
/// After each `handle_*`, [`poll_transmit`](Self::poll_transmit) is called until it returns `None`,
/// then [`poll_timeout`](Self::poll_timeout).
pub trait Node: Any {
    /// Takes in a datagram.
    fn handle_datagram(&mut self, now: Instant, datagram: &Datagram);

    /// Tells that the instant of [`poll_timeout`](Self::poll_timeout) has come, or that somebody
    /// outside of the network changed the node.
    fn handle_timeout(&mut self, now: Instant);

    /// Returns the next datagram to send.
    fn poll_transmit(&mut self) -> Option<Datagram>;

    /// Returns when [`handle_timeout`](Self::handle_timeout) is to be called next, if ever.
    fn poll_timeout(&mut self) -> Option<Instant>;
}
