//! How much a browser that receives believes its link can carry, for REMB.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::engine::START_BITRATE;

/// Estimates a link from when packets left and when they came (as draft-alvestrand-rmcat-remb does).
///
/// While packets take longer and longer, a queue grows: the estimate falls below what comes in. Otherwise
/// it rises slowly, to at most one and a half times what comes in, since nobody can see more of the link.
#[derive(Debug)]
pub(crate) struct ReceiveEstimator {
    /// The last second: when, how many bytes, and how long they took, relative to any origin.
    recent: VecDeque<(Instant, usize, f64)>,
    /// The least that packets took in each second, and which second.
    base: VecDeque<(Instant, f64)>,
    /// Compares the sender's clock with ours.
    origin: Option<(Instant, Instant)>,
    estimate: f64,
    /// How much longer than the least packets took when last looked at, in seconds.
    queued: f64,
    looked: Option<Instant>,
    /// What came in when the link was last full.
    capacity: Option<f64>,
}

/// The time at which a packet was sent wraps around after so many seconds (abs-send-time).
const SEND_TIME_WRAP: f64 = 64.0;

/// Where browsers begin.
const START: f64 = START_BITRATE as f64;

const WINDOW: Duration = Duration::from_secs(1);
const LOOK_INTERVAL: Duration = Duration::from_millis(100);

/// The least is looked for in packets of so much time, since single ones are late for many reasons.
const QUEUE_WINDOW: Duration = Duration::from_millis(200);

/// The least that packets took at all is remembered for this long.
const BASE_MEMORY: Duration = Duration::from_secs(20);

/// If even the quickest of the recent packets took so much longer, in seconds, there is a queue.
const QUEUE: f64 = 0.03;

/// The estimate falls to this share of what comes in.
const FALL: f64 = 0.85;

/// It rises by this share in a second, and more slowly close to where the link was full.
const RISE: f64 = 0.08;
const CAREFUL_RISE: f64 = 0.03;

/// It is never above so many times what comes in, plus a little.
const MOST: f64 = 1.5;
const LITTLE: f64 = 10_000.0;

impl ReceiveEstimator {
    pub(crate) fn new() -> Self {
        Self {
            recent: VecDeque::new(),
            base: VecDeque::new(),
            origin: None,
            estimate: START,
            queued: 0.0,
            looked: None,
            capacity: None,
        }
    }

    /// Takes in a packet of so many bytes that was sent at `sent`, by any clock that runs as fast as ours.
    /// Returns whether the estimate fell so much that it should be reported at once.
    pub(crate) fn handle_packet(&mut self, now: Instant, sent: Instant, bytes: usize) -> bool {
        let &mut (sent_origin, origin) = self.origin.get_or_insert((sent, now));
        let took =
            (difference(now, origin) - difference(sent, sent_origin)).rem_euclid(SEND_TIME_WRAP);
        let took = if took > SEND_TIME_WRAP / 2.0 { took - SEND_TIME_WRAP } else { took };
        self.recent.push_back((now, bytes, took));
        while self.recent.front().is_some_and(|(at, ..)| now > *at + WINDOW) {
            self.recent.pop_front();
        }
        match self.base.back_mut() {
            Some((since, base)) if now < *since + WINDOW => *base = base.min(took),
            _ => self.base.push_back((now, took)),
        }
        while self.base.front().is_some_and(|(at, _)| now > *at + BASE_MEMORY) {
            self.base.pop_front();
        }
        if self.looked.is_some_and(|at| now < at + LOOK_INTERVAL) {
            return false;
        }
        let before = self.estimate;
        let elapsed = self.looked.map_or(0.0, |at| difference(now, at));
        self.looked = Some(now);
        self.look(now, elapsed);
        self.estimate < before * 0.97
    }

    /// Returns the estimate in bits per second.
    pub(crate) fn estimate(&self) -> u64 {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "positive")]
        {
            self.estimate as u64
        }
    }

    fn look(&mut self, now: Instant, elapsed: f64) {
        let Some(&(first, ..)) = self.recent.front() else { return };
        let base = self.base.iter().map(|(_, took)| *took).fold(f64::MAX, f64::min);
        let latest = self.recent.iter().filter(|(at, ..)| now < *at + QUEUE_WINDOW);
        let queued = latest.map(|(.., took)| took - base).fold(f64::MAX, f64::min);
        let grows = queued > self.queued - 0.005;
        self.queued = queued;
        let span = difference(now, first).max(0.2);
        let bits = self.recent.iter().map(|(_, bytes, _)| *bytes as f64 * 8.0).sum::<f64>();
        let incoming = bits / span;
        if queued > QUEUE {
            if grows {
                self.capacity = Some(incoming);
                self.estimate = self.estimate.min(FALL * incoming);
            }
            return;
        }
        let is_close = self.capacity.is_some_and(|c| self.estimate > 0.8 * c && incoming < 1.1 * c);
        let rise = if is_close { CAREFUL_RISE } else { RISE };
        let risen = self.estimate * (1.0 + rise * elapsed.min(1.0));
        let most = MOST * incoming + LITTLE;
        // In the beginning it goes to where it is seen that it can be.
        let start = if self.capacity.is_none() { incoming } else { 0.0 };
        self.estimate = risen.min(most).max(start).max(self.estimate.min(most.max(START)));
    }
}

fn difference(later: Instant, earlier: Instant) -> f64 {
    match later.checked_duration_since(earlier) {
        Some(difference) => difference.as_secs_f64(),
        None => -earlier.duration_since(later).as_secs_f64(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::epoch;

    #[test]
    fn on_a_free_link_the_estimate_stays_ahead_of_what_comes_in() {
        let mut estimator = ReceiveEstimator::new();
        run(&mut estimator, 0, 10, 1_000_000, None);
        let estimate = estimator.estimate();
        assert!((1_100_000..1_600_000).contains(&estimate), "{estimate}");
    }

    #[test]
    fn a_queue_brings_it_below_what_comes_through_and_its_end_up_again() {
        let mut estimator = ReceiveEstimator::new();
        run(&mut estimator, 0, 10, 1_000_000, None);
        run(&mut estimator, 10, 2, 1_000_000, Some(300_000));
        let estimate = estimator.estimate();
        assert!((150_000..400_000).contains(&estimate), "{estimate}");
        run(&mut estimator, 30, 30, 300_000, None);
        assert!(estimator.estimate() > 400_000, "{}", estimator.estimate());
    }

    /// Sends for some seconds at a rate, through a link of a rate.
    fn run(
        estimator: &mut ReceiveEstimator,
        from: u64,
        seconds: u64,
        rate: u64,
        link: Option<u64>,
    ) {
        let start = epoch() + Duration::from_secs(from);
        let packets = rate * seconds / 8 / 1_000;
        let mut free = start;
        for i in 0..packets {
            let sent = start + Duration::from_secs_f64(i as f64 * 8_000.0 / rate as f64);
            let takes =
                link.map_or(Duration::ZERO, |l| Duration::from_secs_f64(8_000.0 / l as f64));
            free = free.max(sent) + takes;
            estimator.handle_packet(free + Duration::from_millis(30), sent, 1_000);
        }
    }
}
