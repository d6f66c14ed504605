//! Decides when a receiver gets less, and when to try it with more again.

use std::time::{Duration, Instant};

/// For how long everything has to have gone well before more is tried.
const FIRST_WAIT: Duration = Duration::from_secs(2);

/// The same after many tries have failed: a picture that changes twice a minute is bearable.
const MAX_WAIT: Duration = Duration::from_secs(16);

/// A try has failed if less is possible within this time.
const TRIAL: Duration = Duration::from_secs(5);

/// For how long what is sent may be a little more than what the link was found to carry: rates of layers
/// vary, and so do estimates. Where the link is found too full, that is not waited for.
const SHORTAGE: Duration = Duration::from_secs(2);

/// How long to wait, which grows with every try that failed.
#[derive(Debug)]
pub(crate) struct Patience {
    wait: Duration,
    changed: Option<Instant>,
    raised: Option<Instant>,
    short: Option<Instant>,
}

impl Default for Patience {
    fn default() -> Self {
        Self { wait: FIRST_WAIT, changed: None, raised: None, short: None }
    }
}

impl Patience {
    /// Everything fits.
    pub(crate) fn handle_enough(&mut self) {
        self.short = None;
    }

    /// Returns whether to send less, given that `needed` bits per second do not fit into `budget`; `is_full`
    /// says that the link was found too full just now.
    pub(crate) fn must_lower(
        &mut self,
        needed: u64,
        budget: u64,
        is_full: bool,
        now: Instant,
    ) -> bool {
        let short = *self.short.get_or_insert(now);
        let is_much = budget < needed / 2 || (is_full && budget < needed / 10 * 9);
        is_much || now.saturating_duration_since(short) >= SHORTAGE
    }

    /// Returns whether it is time to try more.
    pub(crate) fn may_raise(&self, now: Instant) -> bool {
        self.changed.is_none_or(|at| now.saturating_duration_since(at) >= self.wait)
    }

    /// More is being tried.
    pub(crate) fn handle_raise(&mut self, now: Instant) {
        let lasted = self.raised.is_none_or(|at| now.saturating_duration_since(at) >= TRIAL);
        if lasted && self.raised.is_some() {
            self.wait = (self.wait / 2).max(FIRST_WAIT);
        }
        (self.changed, self.raised) = (Some(now), Some(now));
    }

    /// Less is possible than before.
    pub(crate) fn handle_decrease(&mut self, now: Instant) {
        if self.raised.is_some_and(|at| now.saturating_duration_since(at) < TRIAL) {
            self.wait = (self.wait * 2).min(MAX_WAIT);
        }
        (self.changed, self.raised) = (Some(now), None);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn each_try_that_fails_makes_the_next_wait_longer() {
        let mut now = galene_testkit::epoch();
        let mut patience = Patience::default();
        patience.handle_decrease(now);
        let mut waits = Vec::new();
        for _ in 0..5 {
            let start = now;
            while !patience.may_raise(now) {
                now += SECOND;
            }
            waits.push((now - start).as_secs());
            patience.handle_raise(now);
            now += SECOND;
            patience.handle_decrease(now);
        }
        assert_eq!(waits, [2, 4, 8, 16, 16]);
    }

    #[test]
    fn a_small_shortage_is_sat_out_unless_the_link_is_full() {
        let now = galene_testkit::epoch();
        let mut patience = Patience::default();
        assert!(patience.must_lower(1_000_000, 300_000, false, now));
        assert!(patience.must_lower(1_000_000, 850_000, true, now));
        patience.handle_enough();
        assert!(!patience.must_lower(1_000_000, 850_000, false, now));
        assert!(!patience.must_lower(1_000_000, 950_000, true, now + SECOND));
        patience.handle_enough();
        assert!(!patience.must_lower(1_000_000, 850_000, false, now + SECOND * 2));
        assert!(patience.must_lower(1_000_000, 850_000, false, now + SECOND * 4), "it lasts");
    }

    #[test]
    fn tries_that_last_are_followed_by_others_soon() {
        let mut now = galene_testkit::epoch();
        let mut patience = Patience::default();
        for _ in 0..3 {
            patience.handle_raise(now);
            patience.handle_decrease(now + SECOND);
            now += SECOND * 20;
        }
        for _ in 0..4 {
            patience.handle_raise(now);
            now += SECOND * 20;
        }
        patience.handle_raise(now);
        assert!(patience.may_raise(now + FIRST_WAIT));
    }
}
