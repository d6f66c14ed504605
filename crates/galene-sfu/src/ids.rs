//! Names of transports and tracks, chosen by whoever drives the core.

use std::fmt;

/// One ICE and DTLS association, that is, one `RTCPeerConnection` of a browser.
///
/// The number is chosen by whoever gives the commands and must never be used twice, on any shard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TransportId(pub u64);

/// Whoever is at the other end of one or more transports and has one link for all of them.
///
/// The number is chosen by whoever gives the commands. It only serves to tell what belongs together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ClientId(pub u64);

/// One forwarding core of several that serve the same conferences, each with transports of its own.
///
/// A media plane of one core need not care: the number is then 0.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ShardId(pub u16);

/// One audio or video source that a publisher sends over a transport.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TrackId {
    /// The publisher's transport.
    pub transport: TransportId,
    /// The place of its media section in the publisher's SDP, counted from 0.
    pub section: u16,
}

impl fmt::Display for ShardId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "shard {}", self.0)
    }
}

impl fmt::Display for TransportId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "transport {}", self.0)
    }
}

impl fmt::Display for TrackId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "track {} of {}", self.section, self.transport)
    }
}
