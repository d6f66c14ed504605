//! What a forwarding core has to be told.

use std::net::SocketAddr;

use crate::ShardId;

/// The settings of an [`Sfu`](crate::Sfu).
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct SfuConfig {
    /// The addresses under which peers can reach this core, each a host candidate of every transport.
    /// They are what [`Sfu::handle_datagram`](crate::Sfu::handle_datagram) is told as destination.
    pub local_addresses: Vec<SocketAddr>,
    /// Seeds what only has to differ, such as the first sequence number of a stream. Keys and
    /// credentials come from the operating system whatever it is.
    pub seed: u64,
    /// Which of the shards that serve the same conferences this core is.
    pub shard: ShardId,
    /// What sends to subscribers.
    pub egress: EgressKind,
}

/// What seals and sends RTP to subscribers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum EgressKind {
    #[default]
    /// Our own, for peers that agree to AES-GCM (RFC 7714), as all browsers do; the engine for others.
    Direct,
    /// The engine's RTP stack, for all.
    Reference,
}

impl SfuConfig {
    /// Returns settings for a core that is reached under these addresses.
    pub fn new(local_addresses: Vec<SocketAddr>, seed: u64) -> Self {
        Self { local_addresses, seed, shard: ShardId::default(), egress: EgressKind::default() }
    }
}
