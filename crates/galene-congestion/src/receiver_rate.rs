//! What a receiver can take by its own account, where it gives no transport-wide feedback.

use std::time::{Duration, Instant};

use crate::MAX_RATE;
use crate::loss::LossBound;

/// What a receiver is taken to be good for before it says anything.
const UNKNOWN_RATE: u64 = 524_288;

/// Reports older than this do not count.
const FRESH: Duration = Duration::from_secs(30);

/// For so long after a link was too full its estimate is taken literally: every try that fails costs the
/// receiver some of its pictures.
const CAUTION: Duration = Duration::from_secs(8);

/// An estimate that has not risen for so long, although more is sent, does not mean to.
const STAYS: Duration = Duration::from_secs(3);

/// Reports come once a second, so what was told within this time goes together.
const JUST: Duration = Duration::from_millis(1_500);

/// A queue that overflows drops more than this part.
const MUCH_LOSS: f64 = 0.15;

/// An estimate that falls by less than this part of it only wavers.
const FALL: u64 = 33;

/// Receiver reports come about once a second, so what they tell is about round trips long past.
const REPORT_DELAY: Duration = Duration::from_secs(1);

/// What the receiver of one transport can take, from its REMB (draft-alvestrand-rmcat-remb-03) and from
/// the loss in its receiver reports (RFC 3550 §6.4.1).
#[derive(Debug)]
pub struct ReceiverRate {
    remb: Option<(u64, Instant)>,
    /// From what the estimate last rose, and when.
    risen: Option<(u64, Instant)>,
    /// When it was last said that the link is too full.
    full: Option<Instant>,
    loss: LossBound,
    /// What part got lost by the last report.
    last_loss: f64,
    loss_at: Option<Instant>,
}

impl Default for ReceiverRate {
    fn default() -> Self {
        Self {
            remb: None,
            risen: None,
            full: None,
            loss: LossBound::new(),
            last_loss: 0.0,
            loss_at: None,
        }
    }
}

impl ReceiverRate {
    /// Takes in the receiver's own estimate, in bits per second, while `sent` was the rate; 0 takes an earlier
    /// one back. Returns whether it says that the link is too full.
    pub fn handle_remb(&mut self, rate: u64, sent: u64, now: Instant) -> bool {
        let rate = rate.min(MAX_RATE);
        let before = self.remb.replace((rate, now)).map_or(0, |(before, _)| before);
        if rate == 0 {
            self.remb = None;
            return false;
        }
        // Estimates fall to a part of what comes in where a queue grows, and otherwise they rise; one that does
        // neither is a limit.
        let has_fallen = rate < before - before / FALL && rate < sent + sent / 10;
        let (highest, since) = *self.risen.get_or_insert((rate, now));
        if has_fallen || rate > highest + highest / FALL {
            self.risen = Some((rate, now));
        }
        let stays = now.saturating_duration_since(since) >= STAYS && rate <= highest;
        let is_full = has_fallen || (stays && rate < sent / 5 * 4);
        if is_full {
            self.full = Some(now);
        }
        is_full
    }

    /// Takes in which part of what was sent got lost, while `sent` was the rate.
    pub fn handle_loss(&mut self, loss: f64, sent: u64, now: Instant) {
        if self.loss_at.is_some_and(|at| now.saturating_duration_since(at) >= FRESH) {
            self.loss = LossBound::new();
        }
        (self.loss_at, self.last_loss) = (Some(now), loss);
        self.loss.handle_loss(loss, sent as f64, false, REPORT_DELAY, now);
    }

    /// Returns what the receiver may be sent, while `sent` is what it is sent now, both in bits per second.
    ///
    /// A receiver cannot see more of its link than what comes in: browsers estimate at most one and a
    /// half times that, and their estimates rise slowly. One well above what is sent therefore says that there
    /// is room, and not how much; were it taken literally, a publisher that starts low would stay low.
    pub fn allowed(&self, sent: u64, now: Instant) -> u64 {
        let remb = self.reported(sent, now).unwrap_or(UNKNOWN_RATE);
        let fresh = |at: Instant| now.saturating_duration_since(at) < FRESH;
        let bound = self.loss.bound().filter(|_| self.loss_at.is_some_and(fresh));
        bound.map_or(remb, |bound| remb.min(bound as u64))
    }

    /// Returns what follows from the receiver's own estimate alone, if it has given one lately.
    pub fn reported(&self, sent: u64, now: Instant) -> Option<u64> {
        let (remb, _) = self.remb.filter(|(_, at)| now.saturating_duration_since(*at) < FRESH)?;
        if self.is_full(now, CAUTION) {
            return Some(remb);
        }
        Some(if remb > sent + sent / 4 { remb + remb / 2 } else { remb })
    }

    /// Returns what may be sent at least without a change for the worse: what is sent now and a little, unless
    /// the link was too full lately. Estimates rise slowly after more is tried.
    pub fn bearable(&self, sent: u64, now: Instant) -> u64 {
        let allowed = self.allowed(sent, now);
        let is_calm = !self.is_full(now, CAUTION) && self.loss.bound().is_none();
        if is_calm { allowed.max(sent + sent / 8) } else { allowed }
    }

    /// Returns whether the receiver has given an estimate lately.
    pub fn is_told(&self, now: Instant) -> bool {
        self.remb.is_some_and(|(_, at)| now.saturating_duration_since(at) < FRESH)
    }

    /// Returns whether the link was too full within this time.
    pub fn is_full(&self, now: Instant, within: Duration) -> bool {
        self.full.is_some_and(|at| now.saturating_duration_since(at) < within)
    }

    /// Returns whether the link is too full and loses much.
    pub fn is_flooded(&self, now: Instant) -> bool {
        let is_recent = |at: Instant| now.saturating_duration_since(at) < JUST;
        let has_lost = self.last_loss > MUCH_LOSS && self.loss_at.is_some_and(is_recent);
        has_lost && self.is_full(now, JUST)
    }

    /// Returns whether the link was ever too full, or is by its loss.
    pub fn was_full(&self) -> bool {
        self.full.is_some() || self.loss.bound().is_some()
    }

    /// Returns whether the link may carry more than what was estimated: it was not too full for a while.
    pub fn may_have_more(&self, now: Instant) -> bool {
        self.is_told(now) && !self.is_full(now, CAUTION) && self.loss.bound().is_none()
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
        let sent = 1_700_000;
        rate.handle_remb(2_000_000, sent, t0);
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
            rate.handle_remb(sent * 3 / 2, sent, t0);
            sent = rate.allowed(sent, t0);
        }
        assert!(sent > 2_000_000, "{sent}");
        assert!(rate.handle_remb(300_000, sent, t0), "a link that is full");
        assert_eq!(rate.allowed(sent, t0), 300_000, "is believed");
    }

    #[test]
    fn a_link_that_was_full_is_believed_for_a_while_and_then_tried_with_more() {
        let at = |seconds| galene_testkit::epoch() + Duration::from_secs(seconds);
        let mut rate = ReceiverRate::default();
        rate.handle_remb(900_000, 600_000, at(0));
        assert!(!rate.was_full() && rate.may_have_more(at(0)));
        assert!(rate.handle_remb(260_000, 600_000, at(1)));
        assert_eq!(rate.allowed(600_000, at(1)), 260_000);
        rate.handle_remb(280_000, 200_000, at(5));
        assert!(rate.was_full() && !rate.may_have_more(at(5)));
        assert_eq!(rate.allowed(200_000, at(5)), 280_000);
        assert!(rate.may_have_more(at(10)));
        // What is tried is held until the estimate falls, for it only rises slowly.
        rate.handle_remb(300_000, 500_000, at(11));
        assert!(rate.bearable(500_000, at(11)) > 500_000);
        assert!(rate.handle_remb(255_000, 500_000, at(12)));
        assert_eq!(rate.bearable(500_000, at(12)), 255_000);
    }

    #[test]
    fn an_estimate_that_stays_below_what_is_sent_is_meant() {
        let at = |seconds| galene_testkit::epoch() + Duration::from_secs(seconds);
        let mut rate = ReceiverRate::default();
        for second in 0..3 {
            assert!(!rate.handle_remb(600_000, 1_500_000, at(second)));
        }
        assert!(rate.handle_remb(600_000, 1_500_000, at(3)));
        assert_eq!(rate.bearable(1_500_000, at(3)), 600_000);
        let mut rising = ReceiverRate::default();
        for second in 0..6 {
            let estimate = 300_000 + second * 30_000;
            assert!(!rising.handle_remb(estimate, 600_000, at(second)));
        }
    }

    #[test]
    fn a_link_is_flooded_when_estimate_and_loss_say_so() {
        let at = |ms| galene_testkit::epoch() + Duration::from_millis(ms);
        let mut rate = ReceiverRate::default();
        rate.handle_remb(2_000_000, 1_500_000, at(0));
        rate.handle_loss(0.4, 1_500_000, at(100));
        assert!(!rate.is_flooded(at(100)), "it may lose by nature");
        rate.handle_remb(600_000, 1_500_000, at(200));
        assert!(rate.is_flooded(at(200)));
        rate.handle_loss(0.0, 600_000, at(1_100));
        assert!(!rate.is_flooded(at(1_100)));
    }

    #[test]
    fn loss_limits_for_a_test_and_longer_only_if_that_helps() {
        let at = |seconds| galene_testkit::epoch() + Duration::from_secs(seconds);
        let mut rate = ReceiverRate::default();
        rate.handle_remb(2_000_000, 1_700_000, at(0));
        rate.handle_loss(0.01, 1_000_000, at(0));
        assert_eq!(rate.allowed(1_700_000, at(0)), 2_000_000, "a little loss limits nothing");
        rate.handle_loss(0.5, 1_000_000, at(1));
        assert_eq!(rate.allowed(1_700_000, at(1)), 500_000);
        rate.handle_loss(0.0, 500_000, at(4));
        assert_eq!(rate.allowed(1_700_000, at(4)), 500_000, "the loss has gone: it was our doing");
        rate.handle_loss(0.5, 500_000, at(5));
        assert_eq!(rate.allowed(1_700_000, at(5)), 250_000);
        rate.handle_loss(0.5, 250_000, at(8));
        assert_eq!(rate.allowed(1_700_000, at(8)), 2_000_000, "the loss stays whatever is sent");
    }
}
