//! When a client is written to.

use std::time::Duration;

use tokio::time::Instant;

/// How many writes may follow one upon the other: more than a client causes that joins, negotiates its
/// streams and talks. None of them waits.
const BURST: u32 = 16;

/// How long messages gather between writes beyond that. When a thousand people join in a second, each
/// hears of a thousand others: without gathering, that is a system call for each of a million messages.
pub(crate) const GATHER: Duration = Duration::from_millis(20);

/// Spaces out the writes to one client.
#[derive(Debug)]
pub(crate) struct Pace {
    /// When the last write would have been due if all were spaced evenly.
    even: Instant,
}

impl Pace {
    pub(crate) fn new(now: Instant) -> Self {
        Self { even: now }
    }

    /// Returns when something may be written that is ready now, and counts that write.
    pub(crate) fn due(&mut self, now: Instant) -> Instant {
        self.even = self.even.max(now) + GATHER;
        self.even.checked_sub(BURST * GATHER).map_or(now, |due| due.max(now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_leaves_at_once_and_what_follows_gathers() {
        let start = Instant::now() + Duration::from_secs(60);
        let mut pace = Pace::new(start);
        for _ in 0..BURST {
            assert_eq!(pace.due(start), start);
        }
        assert_eq!(pace.due(start), start + GATHER);
        assert_eq!(pace.due(start + GATHER), start + 2 * GATHER);
        // Not so long ago that all is forgotten, but long enough for one.
        assert_eq!(pace.due(start + 4 * GATHER), start + 4 * GATHER);
    }

    #[test]
    fn after_silence_there_is_a_burst_again() {
        let start = Instant::now() + Duration::from_secs(60);
        let mut pace = Pace::new(start);
        for _ in 0..2 * BURST {
            pace.due(start);
        }
        let later = start + 2 * BURST * GATHER;
        for _ in 0..BURST {
            assert_eq!(pace.due(later), later);
        }
    }
}
