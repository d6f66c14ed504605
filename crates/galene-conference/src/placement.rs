//! Decides which shard of the media plane carries a stream.
//!
//! For now a stream's publisher and all its subscribers share one shard: the one with the fewest
//! transports when the stream was published.

use std::collections::BTreeMap;

use galene_sfu::TransportId;

use crate::ShardId;

/// Knows how many transports each shard carries, and gives out their numbers.
#[derive(Debug)]
pub(crate) struct Placement {
    loads: BTreeMap<ShardId, u32>,
    last_transport: u64,
}

impl Placement {
    /// Starts with `shards` empty shards, or one if that is zero.
    pub(crate) fn new(shards: u16) -> Self {
        let loads = (0..shards.max(1)).map(|shard| (ShardId(shard), 0)).collect();
        Self { loads, last_transport: 0 }
    }

    /// Places a new stream: returns the least loaded shard and a fresh transport there.
    pub(crate) fn publisher(&mut self) -> (ShardId, TransportId) {
        let least = self.loads.iter().min_by_key(|(_, load)| **load);
        let shard = least.map_or(ShardId(0), |(shard, _)| *shard);
        (shard, self.subscriber(shard))
    }

    /// Returns a fresh transport on the shard where a stream is.
    pub(crate) fn subscriber(&mut self, shard: ShardId) -> TransportId {
        *self.loads.entry(shard).or_insert(0) += 1;
        self.last_transport += 1;
        TransportId(self.last_transport)
    }

    /// Notes that a transport of this shard is gone.
    pub(crate) fn release(&mut self, shard: ShardId) {
        if let Some(load) = self.loads.get_mut(&shard) {
            *load = load.saturating_sub(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_goes_to_the_least_loaded_shard_and_its_subscribers_follow() {
        let mut placement = Placement::new(2);
        let (first, _) = placement.publisher();
        placement.subscriber(first);
        let (second, _) = placement.publisher();
        assert_ne!(first, second);
        let (third, _) = placement.publisher();
        assert_eq!(third, second, "the first shard still carries two transports");
    }

    #[test]
    fn a_closed_transport_makes_room() {
        let mut placement = Placement::new(2);
        let (first, _) = placement.publisher();
        let (second, _) = placement.publisher();
        placement.release(second);
        placement.subscriber(first);
        assert_eq!(placement.publisher().0, second);
    }

    #[test]
    fn no_transport_number_is_used_twice() {
        let mut placement = Placement::new(3);
        let mut last = TransportId(0);
        for _ in 0..10 {
            let (shard, transport) = placement.publisher();
            assert!(transport > last);
            placement.release(shard);
            last = transport;
        }
    }
}
