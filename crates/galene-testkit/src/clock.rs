//! The start of virtual time.

use std::sync::OnceLock;
use std::time::Instant;

/// Returns the instant at which every simulation starts.
///
/// It is the same for the whole process; tests add durations to it and never look at a clock. An
/// `Instant` cannot be made from nothing, so the very first call reads the clock, and that reading
/// has no influence on anything: only differences matter.
pub fn epoch() -> Instant {
    static EPOCH: OnceLock<Instant> = OnceLock::new();
    #[expect(clippy::disallowed_methods, reason = "an Instant can only come from the clock")]
    *EPOCH.get_or_init(Instant::now)
}

#[cfg(test)]
mod tests {
    use super::epoch;

    #[test]
    fn the_epoch_stays_where_it_is() {
        assert_eq!(epoch(), epoch());
    }
}
