//! What a shard has done, for whoever watches the server.

use galene_sfu::Counters;

/// What one shard has done since it started. Updated once a second while it is busy, and at least every ten
/// seconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ShardStatistics {
    /// What its forwarding core counted.
    pub core: Counters,
    /// How many transports there are.
    pub transports: usize,
    /// How often its thread found something to do. What is taken in at once counts once.
    pub rounds: u64,
    /// How often it rested before it looked for more, since nothing of that would be urgent.
    pub rests: u64,
    /// What arrived on its sockets.
    pub received: Traffic,
    /// What left from its sockets.
    pub sent: Traffic,
    /// System calls that sent something.
    pub send_calls: u64,
    /// Datagrams that left in a call together with others.
    pub segments_sent: u64,
    /// Datagrams that were dropped because a send buffer stayed full.
    pub dropped_at_send: u64,
    /// Datagrams that the kernel dropped because a receive buffer was full, where it says so; looked at
    /// every ten seconds.
    pub dropped_at_receive: u64,
    /// Batches of mail for other shards.
    pub relay_batches: u64,
    /// Packets that were not relayed or steered because too much waited for the other shard.
    pub relay_dropped: u64,
    /// Datagrams that came to this shard's sockets and were handed to others that share the port.
    pub steered: u64,
    /// Datagrams of strangers that were not handed on, because there were too many.
    pub strangers_dropped: u64,
}

/// An amount of datagrams.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Traffic {
    /// How many.
    pub datagrams: u64,
    /// Their payloads together.
    pub bytes: u64,
}

impl Traffic {
    pub(crate) fn add(&mut self, datagrams: usize, bytes: usize) {
        self.datagrams += datagrams as u64;
        self.bytes += bytes as u64;
    }
}

impl std::ops::AddAssign for Traffic {
    fn add_assign(&mut self, more: Traffic) {
        self.datagrams += more.datagrams;
        self.bytes += more.bytes;
    }
}
