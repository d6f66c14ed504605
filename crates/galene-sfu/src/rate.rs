//! How much a publisher is asked to send.
//!
//! Without layers the publisher must satisfy its slowest receiver, so it is asked for no more than that
//! one can take, and for little when nobody receives.

use std::time::{Duration, Instant};

/// The least that a publisher is asked for, and what it is asked for while nobody receives: enough to
/// start with, little to waste. In bits per second, as all rates here.
pub(crate) const MIN_RATE: u64 = 204_800;

/// What is left for sound when a publisher sends it beside pictures: what is asked for is for the whole
/// transport, and receivers estimate for pictures alone.
pub(crate) const AUDIO_RATE: u64 = 65_536;

/// What the smallest of several simulcast encodings is counted with.
pub(crate) const LOWEST_ENCODING_RATE: u64 = 102_400;

/// What a receiver is taken to be good for before it says anything.
const UNKNOWN_RATE: u64 = 524_288;

/// The least that loss makes of a receiver's rate.
const MIN_LOSS_LIMIT: f64 = 9_600.0;

/// Reports older than this do not count.
const FRESH: Duration = Duration::from_secs(30);

/// What one receiver can take, from what it reports.
#[derive(Debug, Default)]
pub(crate) struct ReceiverRate {
    remb: Option<(u64, Instant)>,
    loss_limit: Option<(f64, Instant)>,
}

impl ReceiverRate {
    /// Takes in the receiver's own estimate (REMB).
    pub(crate) fn handle_remb(&mut self, rate: u64, now: Instant) {
        self.remb = (rate > 0).then_some((rate.min(MAX_RATE as u64), now));
    }

    /// Takes in how much of what was sent got lost, as a fraction, while `sent` was the rate.
    ///
    /// More than a tenth limits the rate, less than a fiftieth lets the limit rise again.
    pub(crate) fn handle_loss(&mut self, loss: f64, sent: u64, now: Instant) {
        let limit = self.loss_limit.and_then(|l| fresh(l, now));
        if loss > 0.1 {
            let from = limit.unwrap_or(f64::MAX).min(sent as f64);
            self.loss_limit = Some(((from * (1.0 - loss / 2.0)).max(MIN_LOSS_LIMIT), now));
        } else if let Some(limit) = limit {
            let step = if loss < 0.02 { 1.05 } else { 1.0 };
            self.loss_limit = (limit < MAX_RATE).then_some((limit * step, now));
        }
    }

    /// Returns what the receiver may be sent, while `sent` is what it is sent now.
    ///
    /// A receiver cannot see more of its link than what comes in: browsers estimate at most one and a
    /// half times that. An estimate well above what is sent therefore says that there is room, and not
    /// how much; were it taken literally, a publisher that starts low would stay low.
    pub(crate) fn allowed(&self, sent: u64, now: Instant) -> u64 {
        let remb = match self.remb.and_then(|r| fresh(r, now)) {
            Some(remb) if remb > sent + sent / 4 => remb + remb / 2,
            Some(remb) => remb,
            None => UNKNOWN_RATE,
        };
        let limit = self.loss_limit.and_then(|l| fresh(l, now)).unwrap_or(f64::MAX);
        remb.min(limit as u64)
    }
}

/// Above this, loss limits nothing that we forward.
const MAX_RATE: f64 = (1u64 << 30) as f64;

fn fresh<T>((value, at): (T, Instant), now: Instant) -> Option<T> {
    (now.saturating_duration_since(at) < FRESH).then_some(value)
}

/// Returns what to ask of one encoding, given what its receivers may be sent.
pub(crate) fn encoding_rate(allowed: impl Iterator<Item = u64>) -> u64 {
    allowed.map(|rate| rate.max(MIN_RATE)).min().unwrap_or(MIN_RATE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slowest_receiver_counts_and_nobody_is_asked_for_less_than_the_floor() {
        assert_eq!(encoding_rate([900_000, 400_000].into_iter()), 400_000);
        assert_eq!(encoding_rate([900_000, 50_000].into_iter()), MIN_RATE);
        assert_eq!(encoding_rate([].into_iter()), MIN_RATE);
    }

    #[test]
    fn a_receiver_is_believed_as_long_as_it_speaks() {
        let t0 = galene_testkit::epoch();
        let mut rate = ReceiverRate::default();
        assert_eq!(rate.allowed(0, t0), UNKNOWN_RATE);
        rate.handle_remb(2_000_000, t0);
        let sent = 1_900_000;
        assert_eq!(rate.allowed(sent, t0 + Duration::from_secs(29)), 2_000_000);
        assert_eq!(rate.allowed(sent, t0 + FRESH), UNKNOWN_RATE);
    }

    #[test]
    fn an_estimate_well_above_what_is_sent_lets_the_publisher_grow() {
        let t0 = galene_testkit::epoch();
        let mut rate = ReceiverRate::default();
        let mut sent = 120_000;
        for _ in 0..6 {
            // What a browser on a good link reports, and a publisher that uses what it is allowed.
            rate.handle_remb(sent * 3 / 2, t0);
            sent = encoding_rate([rate.allowed(sent, t0)].into_iter());
        }
        assert!(sent > 2_000_000, "{sent}");
        rate.handle_remb(300_000, t0);
        assert_eq!(rate.allowed(sent, t0), 300_000, "a link that is full is believed");
    }

    #[test]
    fn loss_limits_and_its_end_lets_the_rate_rise_again() {
        let t0 = galene_testkit::epoch();
        let mut rate = ReceiverRate::default();
        rate.handle_remb(2_000_000, t0);
        rate.handle_loss(0.01, 1_000_000, t0);
        assert_eq!(rate.allowed(2_000_000, t0), 2_000_000, "a little loss limits nothing");
        rate.handle_loss(0.5, 1_000_000, t0);
        assert_eq!(rate.allowed(2_000_000, t0), 750_000);
        rate.handle_loss(0.05, 1_000_000, t0);
        assert_eq!(rate.allowed(2_000_000, t0), 750_000, "in between nothing moves");
        for _ in 0..30 {
            rate.handle_loss(0.0, 1_000_000, t0);
        }
        assert_eq!(rate.allowed(2_000_000, t0), 2_000_000);
    }
}
