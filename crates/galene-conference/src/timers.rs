//! What is due, and when.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

/// A set of deadlines with at most one per key, so that it is no larger than what it is about.
#[derive(Debug)]
pub(crate) struct Timers<K> {
    by_time: BTreeSet<(Instant, K)>,
    by_key: BTreeMap<K, Instant>,
}

impl<K: Copy + Ord> Timers<K> {
    pub(crate) fn new() -> Self {
        Self { by_time: BTreeSet::new(), by_key: BTreeMap::new() }
    }

    /// Sets the deadline of `key`, in place of an earlier one.
    pub(crate) fn arm(&mut self, key: K, at: Instant) {
        if let Some(earlier) = self.by_key.insert(key, at) {
            self.by_time.remove(&(earlier, key));
        }
        self.by_time.insert((at, key));
    }

    /// Forgets the deadline of `key`.
    pub(crate) fn cancel(&mut self, key: K) {
        if let Some(at) = self.by_key.remove(&key) {
            self.by_time.remove(&(at, key));
        }
    }

    /// Takes out the earliest key whose deadline has been reached.
    pub(crate) fn pop_due(&mut self, now: Instant) -> Option<K> {
        let (at, key) = *self.by_time.first()?;
        if at > now {
            return None;
        }
        self.cancel(key);
        Some(key)
    }

    /// Returns the earliest deadline.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.by_time.first().map(|(at, _)| *at)
    }

    /// Returns whether `key` has a deadline.
    pub(crate) fn is_armed(&self, key: K) -> bool {
        self.by_key.contains_key(&key)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[expect(clippy::disallowed_methods, reason = "an arbitrary origin of time")]
    fn t0() -> Instant {
        Instant::now()
    }

    #[test]
    fn deadlines_come_in_order_of_time_and_only_when_reached() {
        let t0 = t0();
        let at = |seconds| t0 + Duration::from_secs(seconds);
        let mut timers = Timers::new();
        timers.arm("late", at(9));
        timers.arm("early", at(3));
        assert_eq!(timers.next(), Some(at(3)));
        assert_eq!(timers.pop_due(at(2)), None);
        assert_eq!(timers.pop_due(at(9)), Some("early"));
        assert_eq!(timers.pop_due(at(9)), Some("late"));
        assert_eq!(timers.next(), None);
    }

    #[test]
    fn arming_again_replaces_the_deadline() {
        let t0 = t0();
        let at = |seconds| t0 + Duration::from_secs(seconds);
        let mut timers = Timers::new();
        timers.arm("a", at(3));
        timers.arm("a", at(5));
        assert!(timers.is_armed("a"));
        assert_eq!(timers.pop_due(at(4)), None);
        assert_eq!(timers.pop_due(at(5)), Some("a"));
        assert_eq!(timers.pop_due(at(5)), None);
    }

    #[test]
    fn a_cancelled_deadline_never_comes() {
        let t0 = t0();
        let mut timers = Timers::new();
        timers.arm("a", t0);
        timers.cancel("a");
        assert_eq!(timers.pop_due(t0), None);
        assert_eq!(timers.next(), None);
    }
}
