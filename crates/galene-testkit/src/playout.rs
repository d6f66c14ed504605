//! When to play what was captured at some time, so that most of it has arrived by then.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Follows how unevenly things arrive, and delays playing by that much.
#[derive(Debug)]
pub(crate) struct PlayoutDelay {
    /// The least time from capture to arrival in each of the last seconds.
    least: VecDeque<(Instant, Duration)>,
    /// What is waited for beyond the least, in seconds.
    margin: f64,
    least_margin: f64,
    /// What is added to the margin, in seconds.
    reserve: f64,
}

/// How long the least time from capture to arrival is remembered.
const MEMORY: Duration = Duration::from_secs(10);

/// It is noted once in so much time.
const SLICE: Duration = Duration::from_secs(1);

/// Nothing is delayed by more than this, whatever arrives late, in seconds: a long round trip and more.
const MAX_MARGIN: f64 = 1.0;

/// So many of all arrivals are to be in time.
const IN_TIME: f64 = 0.97;

/// How quickly the margin follows, in seconds per arrival.
const STEP: f64 = 0.006;

impl PlayoutDelay {
    /// Returns the delay of pictures: ten milliseconds to decode and show them, at least.
    pub(crate) fn for_pictures() -> Self {
        Self::new(0.010, 0.0)
    }

    /// Returns the delay of sound: NetEq keeps a packet in any case, and what it has decoded besides.
    pub(crate) fn for_sound() -> Self {
        Self::new(0.020, 0.020)
    }

    fn new(least_margin: f64, reserve: f64) -> Self {
        Self { least: VecDeque::new(), margin: least_margin, least_margin, reserve }
    }

    /// Something that was captured at `captured` is there; returns when to play it.
    pub(crate) fn handle_arrival(&mut self, now: Instant, captured: Instant) -> Instant {
        let took = now.saturating_duration_since(captured);
        match self.least.back_mut() {
            Some((since, least)) if now < *since + SLICE => *least = took.min(*least),
            _ => self.least.push_back((now, took)),
        }
        while self.least.front().is_some_and(|(since, _)| now > *since + MEMORY) {
            self.least.pop_front();
        }
        // Up for each that is late and down for each that is not: where the two balance, as many as wanted
        // are in time.
        let late = took.saturating_sub(self.base()).as_secs_f64();
        let step = if late > self.margin { STEP * IN_TIME } else { -STEP * (1.0 - IN_TIME) };
        self.margin = (self.margin + step).clamp(self.least_margin, MAX_MARGIN);
        self.play_at(captured)
    }

    /// Returns when to play what was captured at `captured`.
    pub(crate) fn play_at(&self, captured: Instant) -> Instant {
        captured + self.base() + Duration::from_secs_f64(self.margin + self.reserve)
    }

    fn base(&self) -> Duration {
        self.least.iter().map(|(_, least)| *least).min().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::epoch;

    #[test]
    fn what_comes_evenly_is_hardly_delayed() {
        let mut delay = PlayoutDelay::for_pictures();
        for ms in (0..5_000).step_by(33) {
            let captured = epoch() + Duration::from_millis(ms);
            let arrived = captured + Duration::from_millis(40);
            let due = delay.handle_arrival(arrived, captured);
            assert_eq!(due, arrived + Duration::from_millis(10));
        }
    }

    #[test]
    fn what_comes_unevenly_is_delayed_by_as_much() {
        let mut delay = PlayoutDelay::for_sound();
        let mut rng = fastrand::Rng::with_seed(1);
        let mut late = 0;
        for i in 0..1_000 {
            let captured = epoch() + Duration::from_millis(20 * i);
            let arrived = captured + Duration::from_millis(20 + rng.u64(0..100));
            late += u32::from(arrived > delay.play_at(captured) && i > 100);
            delay.handle_arrival(arrived, captured);
        }
        assert!(late < 60, "{late} of 900 come too late");
        assert!(delay.margin < 0.12, "{}", delay.margin);
    }
}
