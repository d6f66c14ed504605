//! What a shard has to do with other shards.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::exports::Awaited;
use crate::imports::Imports;
use crate::relay::{Body, RelayMessage, RelayedPacket};
use crate::{ShardId, TrackId};

/// How often shards tell each other which encodings are sent and what receivers can take. An encoding
/// counts as switched off after three of these.
const INTERVAL: Duration = Duration::from_millis(500);

#[derive(Debug, Default)]
pub(crate) struct Exchange {
    pub(crate) imports: Imports,
    pub(crate) awaited: Awaited,
    outbox: VecDeque<(ShardId, RelayMessage)>,
    tick: Option<Instant>,
}

impl Exchange {
    /// Says something to another shard.
    pub(crate) fn say(&mut self, to: ShardId, track: TrackId, body: Body) {
        self.outbox.push_back((to, RelayMessage { track, body }));
    }

    /// Hands packets of a track to another shard, and returns how many those are.
    pub(crate) fn relay(
        &mut self,
        to: ShardId,
        track: TrackId,
        packets: Vec<RelayedPacket>,
    ) -> u64 {
        let count = packets.len() as u64;
        if count > 0 {
            self.say(to, track, Body::Packets(packets));
        }
        count
    }

    /// Returns what is to be said next.
    pub(crate) fn poll(&mut self) -> Option<(ShardId, RelayMessage)> {
        self.outbox.pop_front()
    }

    pub(crate) fn start_ticking(&mut self, now: Instant) {
        self.tick.get_or_insert(now + INTERVAL);
    }

    /// Returns when the next tick is due, if other shards have to be told anything.
    pub(crate) fn next_tick(&self) -> Option<Instant> {
        self.tick
    }

    /// Returns whether a tick is due, and takes it off.
    pub(crate) fn take_tick(&mut self, now: Instant) -> bool {
        self.tick.take_if(|at| *at <= now).is_some()
    }
}
