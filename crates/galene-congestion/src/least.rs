//! The least of what was measured lately.

use std::time::{Duration, Instant};

/// A value that was not seen for one to two of these is forgotten: a path that has become longer is taken
/// for what it is, and a queue that stands this long is taken for a path.
const MEMORY: Duration = Duration::from_secs(10);

/// Remembers the least value of the last ten to twenty seconds.
#[derive(Debug)]
pub(crate) struct Least<T> {
    current: Option<T>,
    previous: Option<T>,
    since: Option<Instant>,
}

impl<T: Copy + Ord> Least<T> {
    pub(crate) fn new() -> Self {
        Self { current: None, previous: None, since: None }
    }

    /// Takes in a value that was measured now.
    pub(crate) fn handle(&mut self, value: T, now: Instant) {
        self.advance(now);
        self.note(value);
    }

    /// Lets time pass.
    pub(crate) fn advance(&mut self, now: Instant) {
        let since = *self.since.get_or_insert(now);
        if now.saturating_duration_since(since) >= MEMORY {
            self.since = Some(now);
            self.previous = self.current.take();
        }
    }

    /// Takes in a value that was measured when time was last let pass.
    pub(crate) fn note(&mut self, value: T) {
        self.current = Some(self.current.map_or(value, |least| least.min(value)));
    }

    /// Forgets what was measured so far.
    pub(crate) fn forget(&mut self) {
        *self = Self::new();
    }

    pub(crate) fn get(&self) -> Option<T> {
        self.current.into_iter().chain(self.previous).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_is_remembered_for_a_while_and_then_forgotten() {
        let at = |seconds| galene_testkit::epoch() + Duration::from_secs(seconds);
        let mut least = Least::new();
        assert_eq!(least.get(), None);
        least.handle(7, at(0));
        least.handle(9, at(5));
        assert_eq!(least.get(), Some(7));
        least.handle(9, at(11));
        assert_eq!(least.get(), Some(7), "of the ten seconds before");
        least.handle(9, at(22));
        assert_eq!(least.get(), Some(9));
    }
}
