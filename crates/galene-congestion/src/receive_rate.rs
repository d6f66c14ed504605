//! How much arrives over one transport.

use std::time::{Duration, Instant};

/// Over how much time it is counted: some fifteen frames.
const WINDOW_US: i64 = 500_000;

const BUCKETS: usize = 25;
const BUCKET_US: i64 = WINDOW_US / BUCKETS as i64;

/// After so long without feedback nothing is known.
const FRESH: Duration = Duration::from_secs(1);

/// Counts by the receiver's clock, so that a queue before the receiver shows.
#[derive(Debug)]
pub(crate) struct ReceiveRate {
    buckets: [u32; BUCKETS],
    /// The newest bucket, by its number since the receiver's time zero.
    newest: Option<i64>,
    /// How many buckets have passed since the start, up to all.
    filled: usize,
    updated: Option<Instant>,
}

impl ReceiveRate {
    pub(crate) fn new() -> Self {
        Self { buckets: [0; BUCKETS], newest: None, filled: 0, updated: None }
    }

    pub(crate) fn handle_arrival(&mut self, arrived_us: i64, bytes: u16, now: Instant) {
        self.updated = Some(now);
        let bucket = arrived_us.div_euclid(BUCKET_US);
        let newest = *self.newest.get_or_insert(bucket - 1);
        let behind = newest.saturating_sub(bucket);
        if behind >= BUCKETS as i64 {
            return;
        }
        if bucket > newest {
            for passed in newest + 1..=bucket.min(newest.saturating_add(BUCKETS as i64)) {
                self.buckets[place(passed)] = 0;
            }
            if bucket - newest > BUCKETS as i64 {
                self.buckets = [0; BUCKETS];
            }
            self.filled = BUCKETS.min(self.filled + (bucket - newest).min(BUCKETS as i64) as usize);
            self.newest = Some(bucket);
        }
        self.buckets[place(bucket)] += u32::from(bytes);
    }

    /// Returns the rate in bits per second, once enough time has passed to tell.
    pub(crate) fn rate(&self, now: Instant) -> Option<f64> {
        let fresh = self.updated.is_some_and(|at| now.saturating_duration_since(at) < FRESH);
        if !fresh || self.filled < BUCKETS / 3 {
            return None;
        }
        let bytes: u32 = self.buckets.iter().sum();
        let seconds = self.filled as f64 * BUCKET_US as f64 / 1e6;
        Some(f64::from(bytes) * 8.0 / seconds)
    }
}

fn place(bucket: i64) -> usize {
    bucket.rem_euclid(BUCKETS as i64) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_steady_stream_has_its_rate_and_silence_none() {
        let now = galene_testkit::epoch();
        let mut rate = ReceiveRate::new();
        assert_eq!(rate.rate(now), None);
        for n in 0..200 {
            rate.handle_arrival(n * 10_000, 1_250, now);
        }
        assert_eq!(rate.rate(now), Some(1_000_000.0));
        assert_eq!(rate.rate(now + FRESH), None);
    }

    #[test]
    fn what_is_older_than_the_window_is_forgotten_and_late_packets_count() {
        let now = galene_testkit::epoch();
        let mut rate = ReceiveRate::new();
        for n in 0..100 {
            rate.handle_arrival(n * 10_000, 1_250, now);
        }
        rate.handle_arrival(900_000, 1_250, now);
        assert_eq!(rate.rate(now), Some(1_020_000.0));
        rate.handle_arrival(-90_000_000, 1_250, now);
        assert_eq!(rate.rate(now), Some(1_020_000.0), "too late to count");
        rate.handle_arrival(90_000_000, 1_250, now);
        assert_eq!(rate.rate(now), Some(20_000.0), "alone in its window");
    }
}
