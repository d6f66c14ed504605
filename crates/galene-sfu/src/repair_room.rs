//! How much may be sent again towards a link that was too full.
//!
//! What a full link drops is asked for again. Sent at once, it would be dropped again with much else, so it
//! gets the room that is left beside what is new.

use std::time::{Duration, Instant};

/// So much of the link can be used for repairs in any case: one part in so many.
const LEAST_PART: u64 = 8;

/// What was not used for so long is not saved up.
const MOST: Duration = Duration::from_millis(250);

/// What is left, in bits.
#[derive(Debug, Default)]
pub(crate) struct RepairRoom {
    bits: u64,
    filled: Option<Instant>,
}

impl RepairRoom {
    /// Lets time pass in which the link carried `rate`, of which `sent` was used, both in bits per second;
    /// returns how many bytes there is room for.
    pub(crate) fn fill(&mut self, rate: u64, sent: u64, now: Instant) -> usize {
        let elapsed = self.filled.map_or(MOST, |at| now.saturating_duration_since(at));
        self.filled = Some(now);
        let free = rate.saturating_sub(sent).max(rate / LEAST_PART);
        let most = bits(free, MOST);
        self.bits = (self.bits + bits(free, elapsed.min(MOST))).min(most);
        (self.bits / 8) as usize
    }

    /// Takes note of what is sent again, in bytes.
    pub(crate) fn take(&mut self, bytes: usize) {
        self.bits = self.bits.saturating_sub(bytes as u64 * 8);
    }
}

fn bits(rate: u64, time: Duration) -> u64 {
    rate * time.as_millis() as u64 / 1_000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repairs_get_what_is_left_and_a_little_in_any_case() {
        let at = |ms| galene_testkit::epoch() + Duration::from_millis(ms);
        let mut room = RepairRoom::default();
        assert_eq!(room.fill(800_000, 480_000, at(0)), 10_000);
        room.take(10_000);
        assert_eq!(room.fill(800_000, 480_000, at(0)), 0);
        assert_eq!(room.fill(800_000, 480_000, at(100)), 4_000);
        assert_eq!(room.fill(800_000, 480_000, at(9_000)), 10_000, "not more than that");
        room.take(50_000);
        assert_eq!(room.fill(800_000, 900_000, at(9_100)), 1_250, "though the link is full");
    }
}
