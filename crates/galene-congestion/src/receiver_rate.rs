//! What a receiver can take by its own account, where it gives no transport-wide feedback.

use std::time::{Duration, Instant};

use crate::MAX_RATE;
use crate::loss::LossBound;

/// What a receiver is taken to be good for before it says anything.
const UNKNOWN_RATE: u64 = 524_288;

/// Reports older than this do not count.
const FRESH: Duration = Duration::from_secs(30);

/// Receiver reports come about once a second, so what they tell is about round trips long past.
const REPORT_DELAY: Duration = Duration::from_secs(1);

/// What the receiver of one transport can take, from its REMB (draft-alvestrand-rmcat-remb-03) and from
/// the loss in its receiver reports (RFC 3550 §6.4.1).
#[derive(Debug)]
pub struct ReceiverRate {
    remb: Option<(u64, Instant)>,
    loss: LossBound,
    loss_at: Option<Instant>,
}

impl Default for ReceiverRate {
    fn default() -> Self {
        Self { remb: None, loss: LossBound::new(), loss_at: None }
    }
}

impl ReceiverRate {
    /// Takes in the receiver's own estimate, in bits per second; 0 takes an earlier one back.
    pub fn handle_remb(&mut self, rate: u64, now: Instant) {
        self.remb = (rate > 0).then_some((rate.min(MAX_RATE), now));
    }

    /// Takes in which part of what was sent got lost, while `sent` was the rate.
    pub fn handle_loss(&mut self, loss: f64, sent: u64, now: Instant) {
        if self.loss_at.is_some_and(|at| now.saturating_duration_since(at) >= FRESH) {
            self.loss = LossBound::new();
        }
        self.loss_at = Some(now);
        self.loss.handle_loss(loss, sent as f64, false, REPORT_DELAY, now);
    }

    /// Returns what the receiver may be sent, while `sent` is what it is sent now, both in bits per second.
    ///
    /// A receiver cannot see more of its link than what comes in: browsers estimate at most one and a
    /// half times that. An estimate well above what is sent therefore says that there is room, and not
    /// how much; were it taken literally, a publisher that starts low would stay low.
    pub fn allowed(&self, sent: u64, now: Instant) -> u64 {
        let remb = self.reported(sent, now).unwrap_or(UNKNOWN_RATE);
        let fresh = |at: Instant| now.saturating_duration_since(at) < FRESH;
        let bound = self.loss.bound().filter(|_| self.loss_at.is_some_and(fresh));
        bound.map_or(remb, |bound| remb.min(bound as u64))
    }

    /// Returns what follows from the receiver's own estimate alone, if it has given one lately.
    pub fn reported(&self, sent: u64, now: Instant) -> Option<u64> {
        let fresh = |at: Instant| now.saturating_duration_since(at) < FRESH;
        let (remb, _) = self.remb.filter(|(_, at)| fresh(*at))?;
        Some(if remb > sent + sent / 4 { remb + remb / 2 } else { remb })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
        for _ in 0..7 {
            // What a browser on a good link reports, and a publisher that uses what it is allowed.
            rate.handle_remb(sent * 3 / 2, t0);
            sent = rate.allowed(sent, t0);
        }
        assert!(sent > 2_000_000, "{sent}");
        rate.handle_remb(300_000, t0);
        assert_eq!(rate.allowed(sent, t0), 300_000, "a link that is full is believed");
    }

    #[test]
    fn loss_limits_for_a_test_and_longer_only_if_that_helps() {
        let at = |seconds| galene_testkit::epoch() + Duration::from_secs(seconds);
        let mut rate = ReceiverRate::default();
        rate.handle_remb(2_000_000, at(0));
        rate.handle_loss(0.01, 1_000_000, at(0));
        assert_eq!(rate.allowed(2_000_000, at(0)), 2_000_000, "a little loss limits nothing");
        rate.handle_loss(0.5, 1_000_000, at(1));
        assert_eq!(rate.allowed(2_000_000, at(1)), 500_000);
        rate.handle_loss(0.0, 500_000, at(4));
        assert_eq!(rate.allowed(2_000_000, at(4)), 500_000, "the loss has gone: it was our doing");
        rate.handle_loss(0.5, 500_000, at(5));
        assert_eq!(rate.allowed(2_000_000, at(5)), 250_000);
        rate.handle_loss(0.5, 250_000, at(8));
        assert_eq!(rate.allowed(2_000_000, at(8)), 2_000_000, "the loss stays whatever is sent");
    }
}
