//! One clock for all that is stamped.

use std::time::Instant;

/// Tells the time in nanoseconds since the program began, on all threads the same.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock {
    start: Instant,
}

impl Clock {
    /// Returns a clock that starts now.
    pub(crate) fn start() -> Self {
        Self { start: Instant::now() }
    }

    /// Returns the time.
    pub(crate) fn nanos(self) -> u64 {
        self.at(Instant::now())
    }

    /// Returns the time at an instant.
    pub(crate) fn at(self, instant: Instant) -> u64 {
        let since = instant.saturating_duration_since(self.start);
        u64::try_from(since.as_nanos()).expect("a program runs for less than 500 years")
    }
}
