//! The bound that follows from loss, and whether loss is our doing.
//!
//! A link that is too full loses packets; so does a radio link that is not. In the first case sending less
//! helps and in the second it helps nobody. So much loss lowers the bound to what arrives, and then it is
//! looked whether the loss has gone.

use std::time::{Duration, Instant};

/// Loss above this leads to an experiment, loss below the other lets the bound rise (draft §6).
const MUCH: f64 = 0.10;
const LITTLE: f64 = 0.02;

/// By how much the bound rises in a second.
const INCREASE: f64 = 1.08;

/// A fraction of fewer packets than this, or within less time, is noise.
const MIN_PACKETS: u32 = 20;
const MIN_TIME: Duration = Duration::from_millis(300);

/// If nearly nothing arrives the link is interrupted, which says nothing about its rate.
const INTERRUPTED: f64 = 0.95;

/// For how long a link is taken for one that loses packets by nature.
const BELIEF: Duration = Duration::from_secs(20);

/// How long the packets that were sent before the experiment still take, beside the round trip.
const SETTLE: Duration = Duration::from_millis(300);

/// Loss beyond which too much is sent, even if nothing that we do changes it.
const HOPELESS: f64 = 0.35;

/// The bound and the state of the experiment.
#[derive(Debug)]
pub(crate) struct LossBound {
    bound: Option<f64>,
    window: Window,
    phase: Phase,
    updated: Option<Instant>,
}

#[derive(Debug, Default)]
struct Window {
    lost: u32,
    arrived: u32,
    bytes: u64,
    since: Option<Instant>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Phase {
    /// What arrives is as it should be, or loss has shown what the link carries.
    Trusting,
    /// The bound was lowered because of this loss while this rate was sent.
    Testing { loss: f64, sent: f64, since: Instant },
    /// The link loses this much whatever is sent.
    Lossy { loss: f64, until: Instant },
}

impl LossBound {
    pub(crate) fn new() -> Self {
        Self { bound: None, window: Window::default(), phase: Phase::Trusting, updated: None }
    }

    /// Returns the bound, if there is one.
    pub(crate) fn bound(&self) -> Option<f64> {
        self.bound
    }

    /// Takes in what became of one packet.
    pub(crate) fn handle_packet(&mut self, bytes: u16, arrived: bool) {
        self.window.bytes += u64::from(bytes);
        if arrived { self.window.arrived += 1 } else { self.window.lost += 1 }
    }

    /// Takes in that a packet that was counted as lost was only late.
    pub(crate) fn handle_late(&mut self) {
        if self.window.lost > 0 {
            self.window.lost -= 1;
            self.window.arrived += 1;
        }
    }

    /// Looks at what has come together. `is_congested` says that delays have shown just now that too
    /// much is sent, and that something is done about it.
    pub(crate) fn update(&mut self, is_congested: bool, round_trip: Duration, now: Instant) {
        let since = *self.window.since.get_or_insert(now);
        let elapsed = now.saturating_duration_since(since);
        if elapsed < MIN_TIME || self.window.arrived + self.window.lost < MIN_PACKETS {
            return;
        }
        let window = std::mem::take(&mut self.window);
        self.window.since = Some(now);
        let total = f64::from(window.arrived + window.lost);
        let loss = f64::from(window.lost) / total;
        let sent = window.bytes as f64 * 8.0 / elapsed.as_secs_f64();
        self.handle_loss(loss, sent, is_congested, round_trip, now);
    }

    /// Takes in that this part of what was sent at this rate got lost.
    pub(crate) fn handle_loss(
        &mut self,
        loss: f64,
        sent: f64,
        is_congested: bool,
        round_trip: Duration,
        now: Instant,
    ) {
        let elapsed = self.updated.map_or(Duration::ZERO, |at| now.saturating_duration_since(at));
        self.updated = Some(now);
        if loss > INTERRUPTED {
            return;
        }
        match self.phase {
            Phase::Trusting if loss > MUCH && !is_congested => self.test(loss, sent, now),
            Phase::Trusting => {
                if loss < LITTLE {
                    self.rise(sent, elapsed);
                }
            }
            Phase::Testing { since, .. }
                if now.saturating_duration_since(since) < round_trip + SETTLE + MIN_TIME => {}
            Phase::Testing { loss: before, sent: sent_before, .. } => {
                let has_helped = loss < before / 2.0;
                let was_tried = sent < 0.9 * sent_before;
                if has_helped || (!was_tried && loss > HOPELESS) {
                    self.phase = Phase::Trusting;
                } else {
                    self.bound = None;
                    self.phase = Phase::Lossy { loss: loss.max(before), until: now + BELIEF };
                }
            }
            Phase::Lossy { loss: usual, .. } if loss > usual + MUCH && !is_congested => {
                self.test(loss, sent, now);
            }
            Phase::Lossy { until, .. } if now >= until => self.phase = Phase::Trusting,
            Phase::Lossy { .. } => {}
        }
    }

    /// Lets a probe that went through say more than loss did.
    pub(crate) fn raise_to(&mut self, rate: f64) {
        self.bound = self.bound.map(|bound| bound.max(rate));
    }

    fn test(&mut self, loss: f64, sent: f64, now: Instant) {
        let arriving = sent * (1.0 - loss);
        self.bound = Some(self.bound.map_or(arriving, |bound| bound.min(arriving)));
        self.phase = Phase::Testing { loss, sent, since: now };
    }

    fn rise(&mut self, sent: f64, elapsed: Duration) {
        if let Some(bound) = self.bound {
            let grown = bound * INCREASE.powf(elapsed.as_secs_f64().min(1.0));
            // A bound far above what is sent limits nothing.
            self.bound = (grown < 3.0 * sent).then_some(grown);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RTT: Duration = Duration::from_millis(50);

    /// Sends what the bound allows, up to 1 Mbit/s, for some seconds, and returns the bound of each
    /// report.
    fn run(
        bound: &mut LossBound,
        from_ms: u64,
        seconds: u64,
        loss: impl Fn(f64) -> f64,
    ) -> Vec<Option<f64>> {
        let start = galene_testkit::epoch();
        let mut bounds = Vec::new();
        for n in 0..seconds * 2 {
            let now = start + Duration::from_millis(from_ms + n * 500);
            let sent = bound.bound().unwrap_or(f64::MAX).min(1_000_000.0);
            bound.handle_loss(loss(sent), sent, false, RTT, now);
            bounds.push(bound.bound());
        }
        bounds
    }

    #[test]
    fn a_little_loss_changes_nothing() {
        let mut bound = LossBound::new();
        assert!(run(&mut bound, 0, 60, |_| 0.05).iter().all(Option::is_none));
    }

    #[test]
    fn a_link_that_is_too_full_is_found_and_kept_to() {
        let mut bound = LossBound::new();
        let policer = |sent: f64| (1.0 - 400_000.0 / sent).max(0.0);
        let bounds = run(&mut bound, 0, 20, policer);
        let last = bounds.last().copied().flatten().expect("the link limits");
        assert!((380_000.0..460_000.0).contains(&last), "{last}");
        run(&mut bound, 20_000, 30, |_| 0.0);
        assert_eq!(bound.bound(), None, "and it is forgotten once it is gone");
    }

    #[test]
    fn a_link_that_loses_by_nature_is_used_in_full_after_a_short_test() {
        let mut bound = LossBound::new();
        let bounds = run(&mut bound, 0, 60, |_| 0.2);
        let tested = bounds.iter().filter(|b| b.is_some()).count();
        assert!((1..15).contains(&tested), "{tested} of 120 reports");
    }

    #[test]
    fn an_interrupted_link_says_nothing_about_its_rate() {
        let mut bound = LossBound::new();
        assert!(run(&mut bound, 0, 5, |_| 1.0).iter().all(Option::is_none));
    }

    #[test]
    fn what_was_late_is_not_lost() {
        let start = galene_testkit::epoch();
        let mut bound = LossBound::new();
        bound.update(false, RTT, start);
        for n in 0..100 {
            bound.handle_packet(1_000, n % 5 > 0);
        }
        (0..20).for_each(|_| bound.handle_late());
        bound.update(false, RTT, start + Duration::from_secs(1));
        assert_eq!(bound.bound(), None);
    }
}
