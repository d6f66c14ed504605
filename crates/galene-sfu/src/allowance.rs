//! How often one receiver can have something done for it.

use std::time::{Duration, Instant};

/// So much at once, and then one more in each interval.
#[derive(Debug)]
pub(crate) struct Rate {
    at_once: u32,
    interval: Duration,
}

/// How many keyframes a receiver can have made for it, for each track that it gets. A keyframe goes to all who
/// watch and takes several times the room of any other frame: whoever asks for one again and again, on purpose
/// or because its link loses nearly everything, must not make the picture worse for everybody else.
///
/// What a link loses is mostly repaired, and browsers ask only after three seconds without a picture. Three
/// and then none for ten seconds would be as many, but whoever cannot have anything repaired would look at a
/// still picture for that long.
pub(crate) const KEYFRAMES: Rate = Rate { at_once: 3, interval: Duration::from_millis(3_333) };

/// How many packets a receiver can say that it misses, for each track that it gets. Each is looked for, whether it
/// can be sent again or not. Ten times as many as 4 Mbit/s have, of which half may get lost: browsers ask for
/// each up to ten times.
pub(crate) const NACKS: Rate = Rate { at_once: 4_000, interval: Duration::from_micros(250) };

/// What is left of a rate.
#[derive(Debug, Default)]
pub(crate) struct Allowance {
    /// When all that was taken will have been given back.
    full_at: Option<Instant>,
}

impl Allowance {
    /// Returns whether there is some left now, and takes it.
    pub(crate) fn take(&mut self, rate: &Rate, now: Instant) -> bool {
        let full_at = self.full_at.map_or(now, |at| at.max(now));
        let is_left = full_at.saturating_duration_since(now) <= rate.interval * (rate.at_once - 1);
        if is_left {
            self.full_at = Some(full_at + rate.interval);
        }
        is_left
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_keyframes_pass_at_once_and_then_three_in_ten_seconds() {
        let mut allowance = Allowance::default();
        let mut ask = |tenths: u32| {
            let now = galene_testkit::epoch() + Duration::from_millis(100) * tenths;
            allowance.take(&KEYFRAMES, now)
        };
        let passed: Vec<_> = (0..150).filter(|tenths| ask(*tenths)).collect();
        assert_eq!(passed, [0, 1, 2, 34, 67, 100, 134]);
        let passed: Vec<_> = (400..450).filter(|tenths| ask(*tenths)).collect();
        assert_eq!(passed, [400, 401, 402, 434], "whoever was content for a while");
    }

    #[test]
    fn a_flood_of_nacks_is_looked_into_at_a_bounded_rate() {
        let mut allowance = Allowance::default();
        let mut passed = |second: u64| {
            let now = galene_testkit::epoch() + Duration::from_secs(second);
            (0..100_000).filter(|_| allowance.take(&NACKS, now)).count()
        };
        assert_eq!([passed(0), passed(1), passed(60)], [4_000; 3]);
    }
}
