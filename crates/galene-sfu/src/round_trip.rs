//! How long it takes until a peer's answer is there.

use std::time::Duration;

/// The time there and back, smoothed.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct RoundTrip {
    smoothed: Option<Duration>,
}

/// What is assumed as long as nothing is known, as libwebrtc does.
const ASSUMED: Duration = Duration::from_millis(100);

/// An answer may take so much longer than the last ones did: what a timer and a queue add.
const MARGIN: Duration = Duration::from_millis(5);

/// Nothing that was just answered is answered again within this time.
const MIN_HOLD: Duration = Duration::from_millis(20);

/// Nothing is believed to take longer than this: the peer was suspended, and the path is as it was.
const MAX: Duration = Duration::from_secs(2);

impl RoundTrip {
    /// An answer came after so long.
    pub(crate) fn handle_sample(&mut self, sample: Duration) {
        let sample = sample.min(MAX);
        self.smoothed = Some(self.smoothed.map_or(sample, |before| (before * 3 + sample) / 4));
    }

    /// Returns the time itself.
    pub(crate) fn get(self) -> Duration {
        self.smoothed.unwrap_or(ASSUMED)
    }

    /// Returns for how long another request for the same thing cannot be about the latest answer. Less
    /// than a round trip, which is not always as long; and no less than clocks and timers differ by.
    pub(crate) fn to_hold(self) -> Duration {
        self.smoothed.map_or(MIN_HOLD, |round_trip| (round_trip * 3 / 4).max(MIN_HOLD))
    }

    /// Returns after how long an answer that is not there yet is lost.
    pub(crate) fn to_wait(self) -> Duration {
        let round_trip = self.get();
        round_trip + round_trip / 8 + MARGIN
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_follows_what_was_measured_and_no_single_answer_counts_for_much() {
        let ms = Duration::from_millis;
        let mut round_trip = RoundTrip::default();
        assert!(round_trip.to_wait() >= ASSUMED);
        round_trip.handle_sample(ms(40));
        assert_eq!(round_trip.to_wait(), ms(50));
        round_trip.handle_sample(Duration::from_secs(60));
        assert!(round_trip.to_wait() < ms(700));
        (0..20).for_each(|_| round_trip.handle_sample(ms(40)));
        assert!(round_trip.to_wait() < ms(55), "{:?}", round_trip.to_wait());
    }
}
