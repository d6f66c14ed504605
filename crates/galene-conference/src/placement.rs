//! Decides which shard of the media plane carries a transport.
//!
//! What belongs together stays together: the streams of a group on one shard, and receivers with the
//! publisher, so that nothing has to be relayed. That ends where a shard has more to do than others: a
//! lecture then uses all of them.

use std::collections::BTreeMap;

use galene_sfu::TransportId;

use crate::ShardId;

/// How many transports more than the least loaded shard one may have and still take what belongs there. A
/// meeting of three fits; with hundreds of receivers all shards do the same within a few per cent.
const MAX_IMBALANCE: u32 = 8;

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

    /// Places a new transport: near others, on the first of these shards that has not much more to do than
    /// the least loaded one. Returns the shard and a fresh number.
    pub(crate) fn place(
        &mut self,
        near: impl IntoIterator<Item = ShardId>,
    ) -> (ShardId, TransportId) {
        let least = self.loads.iter().min_by_key(|(_, load)| **load);
        let (least, least_load) = least.map_or((ShardId(0), 0), |(shard, load)| (*shard, *load));
        let fits = |shard: &ShardId| {
            self.loads.get(shard).is_some_and(|load| *load <= least_load + MAX_IMBALANCE)
        };
        let shard = near.into_iter().find(fits).unwrap_or(least);
        *self.loads.entry(shard).or_insert(0) += 1;
        self.last_transport += 1;
        (shard, TransportId(self.last_transport))
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
    fn what_belongs_together_stays_together_until_others_have_much_less_to_do() {
        let mut placement = Placement::new(2);
        let (first, _) = placement.place(None);
        let stays = (0..100).take_while(|_| placement.place(Some(first)).0 == first).count();
        assert_eq!(stays, MAX_IMBALANCE as usize);
        // From now on they take turns.
        let near = (0..20).filter(|_| placement.place(Some(first)).0 == first).count();
        assert_eq!(near, 10);
    }

    #[test]
    fn what_belongs_nowhere_goes_where_least_is_done() {
        let mut placement = Placement::new(2);
        let (first, _) = placement.place(None);
        placement.place(Some(first));
        let (second, _) = placement.place(None);
        assert_ne!(first, second);
        let (third, _) = placement.place(None);
        assert_eq!(third, second, "the first shard still carries two transports");
    }

    #[test]
    fn a_closed_transport_makes_room() {
        let mut placement = Placement::new(2);
        let (first, _) = placement.place(None);
        let (second, _) = placement.place(None);
        placement.release(second);
        placement.place(Some(first));
        assert_eq!(placement.place(None).0, second);
    }

    #[test]
    fn no_transport_number_is_used_twice() {
        let mut placement = Placement::new(3);
        let mut last = TransportId(0);
        for _ in 0..10 {
            let (shard, transport) = placement.place(None);
            assert!(transport > last);
            placement.release(shard);
            last = transport;
        }
    }
}
