//! How often one receiver can have a keyframe made for it.
//!
//! A keyframe goes to all who watch and takes several times the room of any other frame. Whoever asks for one
//! again and again, on purpose or because its link loses nearly everything, must not make the picture worse
//! for everybody else.

use std::time::{Duration, Instant};

/// So many requests of a receiver are passed on at once, for each track that it gets. What a link loses is
/// mostly repaired, and browsers ask only after three seconds without a picture.
const MAX_AT_ONCE: u32 = 3;

/// And then one in this time, which makes three in ten seconds. Three and then none for ten seconds would be
/// as many, but whoever cannot have anything repaired would look at a still picture for that long.
const INTERVAL: Duration = Duration::from_millis(3_333);

/// How many requests of one receiver are passed on.
#[derive(Debug, Default)]
pub(crate) struct KeyframeAllowance {
    /// When all that was taken will have been given back.
    full_at: Option<Instant>,
}

impl KeyframeAllowance {
    /// Returns whether a request can be passed on now, and takes note that it is.
    pub(crate) fn take(&mut self, now: Instant) -> bool {
        let full_at = self.full_at.map_or(now, |at| at.max(now));
        let is_allowed = full_at.saturating_duration_since(now) <= INTERVAL * (MAX_AT_ONCE - 1);
        if is_allowed {
            self.full_at = Some(full_at + INTERVAL);
        }
        is_allowed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_pass_at_once_and_then_three_in_ten_seconds() {
        let mut allowance = KeyframeAllowance::default();
        let mut ask = |tenths: u32| {
            allowance.take(galene_testkit::epoch() + Duration::from_millis(100) * tenths)
        };
        let passed: Vec<_> = (0..150).filter(|tenths| ask(*tenths)).collect();
        assert_eq!(passed, [0, 1, 2, 34, 67, 100, 134]);
        let passed: Vec<_> = (400..450).filter(|tenths| ask(*tenths)).collect();
        assert_eq!(passed, [400, 401, 402, 434], "whoever was content for a while");
    }
}
