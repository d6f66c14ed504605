//! Follows what arrives of one encoding from another shard.
//!
//! The publisher's shard numbers the packets of an encoding without gaps, so a gap here means that some
//! were dropped between the shards, and not that the publisher's network lost them.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// How many packets are asked for again. Where more were dropped, the shard is overloaded and only a
/// keyframe helps.
pub(crate) const MAX_MISSING: usize = 128;

/// How long an answer is waited for before packets are asked for again: it takes microseconds within a
/// machine and some milliseconds between machines.
const RETRY_INTERVAL: Duration = Duration::from_millis(20);

/// How often they are asked for again.
const MAX_RETRIES: u32 = 10;

/// Where an encoding stands.
#[derive(Debug, Default)]
pub(crate) struct Cursor {
    next: u64,
    /// The encoding was not wanted for a while: what is not sent meanwhile is not missing.
    is_resuming: bool,
    missing: BTreeSet<u64>,
    asked: Option<Instant>,
    retries: u32,
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
    pub(crate) fn handle_packet(&mut self, index: u64, now: Instant) -> Arrived {
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
            (self.asked, self.retries) = (Some(now), 0);
            return Arrived::After { first, count };
        }
        self.missing.clear();
        Arrived::Far
    }

    /// Returns what has to be asked for once more, as the first place and a number of places.
    pub(crate) fn retry(&mut self, now: Instant) -> Option<(u64, u64)> {
        let (first, last) = (*self.missing.first()?, *self.missing.last()?);
        if self.asked.is_some_and(|at| now < at + RETRY_INTERVAL) {
            return None;
        }
        (self.asked, self.retries) = (Some(now), self.retries + 1);
        if self.retries > MAX_RETRIES {
            self.missing.clear();
            return None;
        }
        Some((first, (last - first + 1).min(MAX_MISSING as u64)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Instant {
        galene_testkit::epoch() + Duration::from_millis(ms)
    }

    #[test]
    fn what_was_dropped_on_the_way_is_noticed_once_and_welcome_later() {
        let mut cursor = Cursor::default();
        cursor.resume();
        assert_eq!(
            cursor.handle_packet(40, at(0)),
            Arrived::Due,
            "where it starts nothing is missing"
        );
        assert_eq!(cursor.handle_packet(41, at(0)), Arrived::Due);
        assert_eq!(cursor.handle_packet(44, at(0)), Arrived::After { first: 42, count: 2 });
        assert_eq!(cursor.handle_packet(43, at(0)), Arrived::Due);
        assert_eq!(cursor.handle_packet(43, at(0)), Arrived::Twice);
        assert_eq!(cursor.handle_packet(44, at(0)), Arrived::Twice);
        assert_eq!(cursor.handle_packet(45, at(0)), Arrived::Due);
    }

    #[test]
    fn what_was_not_wanted_is_not_missing() {
        let mut cursor = Cursor::default();
        cursor.resume();
        cursor.handle_packet(5, at(0));
        cursor.resume();
        assert_eq!(
            cursor.handle_packet(4, at(0)),
            Arrived::Twice,
            "a replay from the last keyframe on"
        );
        assert_eq!(cursor.handle_packet(900, at(0)), Arrived::Due);
        assert_eq!(cursor.handle_packet(902, at(0)), Arrived::After { first: 901, count: 1 });
    }

    #[test]
    fn a_gap_of_any_size_takes_bounded_memory() {
        let mut cursor = Cursor::default();
        cursor.handle_packet(0, at(0));
        assert_eq!(cursor.handle_packet(1 << 40, at(0)), Arrived::Far);
        for step in 1..1_000 {
            cursor.handle_packet((1 << 40) + 2 * step, at(0));
            assert!(cursor.missing.len() <= MAX_MISSING);
        }
    }

    #[test]
    fn what_does_not_come_is_asked_for_again_for_a_while() {
        let mut cursor = Cursor::default();
        cursor.handle_packet(0, at(0));
        cursor.handle_packet(3, at(0));
        assert_eq!(cursor.retry(at(19)), None);
        assert_eq!(cursor.retry(at(20)), Some((1, 2)));
        assert_eq!(cursor.retry(at(21)), None);
        assert_eq!(cursor.handle_packet(1, at(22)), Arrived::Due);
        assert_eq!(cursor.retry(at(40)), Some((2, 1)));
        let retries = (3..100).filter(|n| cursor.retry(at(n * 20)).is_some()).count();
        assert_eq!(retries, MAX_RETRIES as usize - 2);
        assert_eq!(cursor.handle_packet(2, at(9_000)), Arrived::Twice, "given up");
    }
}
