//! Follows what arrives of one encoding from another shard.
//!
//! The publisher's shard numbers the packets of an encoding without gaps, so a gap here means that some
//! were dropped between the shards, and not that the publisher's network lost them.

use std::collections::BTreeSet;

/// How many packets are asked for again. Where more were dropped, the shard is overloaded and only a
/// keyframe helps.
pub(crate) const MAX_MISSING: usize = 128;

/// Where an encoding stands.
#[derive(Debug, Default)]
pub(crate) struct Cursor {
    next: u64,
    /// The encoding was not wanted for a while: what is not sent meanwhile is not missing.
    is_resuming: bool,
    missing: BTreeSet<u64>,
}

/// What to do about a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Arrived {
    /// It has come before.
    Twice,
    /// It is the next one, or one that was missing.
    Due,
    /// As many before it, from this one on, have not come.
    After { first: u64, count: u64 },
    /// More before it have not come than can be asked for.
    Far,
}

impl Cursor {
    /// The encoding is wanted from now on.
    pub(crate) fn resume(&mut self) {
        self.is_resuming = true;
        self.missing.clear();
    }

    /// Takes note of a packet by its place.
    pub(crate) fn handle_packet(&mut self, index: u64) -> Arrived {
        if index < self.next {
            return if self.missing.remove(&index) { Arrived::Due } else { Arrived::Twice };
        }
        let first = if std::mem::take(&mut self.is_resuming) { index } else { self.next };
        self.next = index + 1;
        let count = index - first;
        if count == 0 {
            return Arrived::Due;
        }
        if usize::try_from(count).is_ok_and(|count| self.missing.len() + count <= MAX_MISSING) {
            self.missing.extend(first..index);
            return Arrived::After { first, count };
        }
        self.missing.clear();
        Arrived::Far
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_dropped_on_the_way_is_noticed_once_and_welcome_later() {
        let mut cursor = Cursor::default();
        cursor.resume();
        assert_eq!(cursor.handle_packet(40), Arrived::Due, "where it starts nothing is missing");
        assert_eq!(cursor.handle_packet(41), Arrived::Due);
        assert_eq!(cursor.handle_packet(44), Arrived::After { first: 42, count: 2 });
        assert_eq!(cursor.handle_packet(43), Arrived::Due);
        assert_eq!(cursor.handle_packet(43), Arrived::Twice);
        assert_eq!(cursor.handle_packet(44), Arrived::Twice);
        assert_eq!(cursor.handle_packet(45), Arrived::Due);
    }

    #[test]
    fn what_was_not_wanted_is_not_missing() {
        let mut cursor = Cursor::default();
        cursor.resume();
        cursor.handle_packet(5);
        cursor.resume();
        assert_eq!(cursor.handle_packet(4), Arrived::Twice, "a replay from the last keyframe on");
        assert_eq!(cursor.handle_packet(900), Arrived::Due);
        assert_eq!(cursor.handle_packet(902), Arrived::After { first: 901, count: 1 });
    }

    #[test]
    fn a_gap_of_any_size_takes_bounded_memory() {
        let mut cursor = Cursor::default();
        cursor.handle_packet(0);
        assert_eq!(cursor.handle_packet(1 << 40), Arrived::Far);
        for step in 1..1_000 {
            cursor.handle_packet((1 << 40) + 2 * step);
            assert!(cursor.missing.len() <= MAX_MISSING);
        }
    }
}
