//! How much a browser sends: what it is allowed, shared out over its encodings.

use std::time::{Duration, Instant};

/// Keeps what the other side says about the way to it, and what was estimated from that.
#[derive(Debug, Default)]
pub(crate) struct RateController {
    remb: Option<u64>,
    estimate: Option<u64>,
    /// What share of what is sent is sent again.
    resent: f64,
    /// What share was lost by the last report, and when that came.
    loss: Option<(f64, Instant)>,
    /// Until when REMB is followed upwards at once: from the start to some time after the first report.
    start: Start,
}

#[derive(Debug, Default, Clone, Copy)]
enum Start {
    /// The connection is not up yet, or it does not go by REMB.
    #[default]
    None,
    Waiting,
    Until(Instant),
}

/// What an encoding needs and can use, in bits per second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Bounds {
    /// With less it is not sent, unless it is the smallest of its track.
    pub(crate) least: u64,
    /// More makes it no better.
    pub(crate) most: u64,
    /// It is the smallest encoding of its track.
    pub(crate) is_smallest: bool,
    /// It is sent at present.
    pub(crate) is_sent: bool,
}

/// In so much time after the first report of loss, what REMB allows is used at once.
const START_PHASE: Duration = Duration::from_secs(2);

/// A report of loss counts for so long: a little more than the longest time between two.
const LOSS_MEMORY: Duration = Duration::from_secs(6);

/// With less loss than this the rate rises, with more than that it falls.
const LITTLE_LOSS: f64 = 0.02;
const MUCH_LOSS: f64 = 0.1;

/// In a second without loss the rate rises by this share and so many bits a second.
const RISE_PER_SECOND: f64 = 0.08;
const RISE_AT_LEAST: f64 = 1_000.0;

/// At most this share of what pictures may take is left to those that are sent again.
const MOST_REPAIRS: f64 = 0.5;

/// No browser estimates less, in bits per second.
const LEAST: u64 = 5_000;

/// An encoding that was left out comes back only with so many tenths of what it needs at least, so that
/// it does not come and go.
const RETURN_TENTHS: u64 = 12;

impl RateController {
    /// Begins with an estimate, for a sender that estimates by itself.
    pub(crate) fn starting_at(estimate: u64) -> Self {
        Self { estimate: Some(estimate), ..Self::default() }
    }

    /// The connection is up.
    pub(crate) fn begin(&mut self) {
        self.start = Start::Waiting;
    }

    /// The other side reported that this share of the last packets was lost. It is for a sender that knows
    /// nothing else; libwebrtc then goes by loss alone (`SendSideBandwidthEstimation`).
    pub(crate) fn handle_loss(&mut self, now: Instant, loss: f64) {
        self.loss = Some((loss, now));
        if matches!(self.start, Start::Waiting) {
            self.start = Start::Until(now + START_PHASE);
        }
        if let Some(estimate) = self.estimate
            && loss > MUCH_LOSS
        {
            self.set_estimate(estimate as f64 * (1.0 - loss / 2.0));
        }
    }

    /// A second has passed. With little loss by the last report, the rate rises, as often as there are seconds
    /// and not as there are reports.
    pub(crate) fn handle_second(&mut self, now: Instant) {
        let is_fresh = |(loss, at): (f64, Instant)| loss < LITTLE_LOSS && now < at + LOSS_MEMORY;
        if let Some(estimate) = self.estimate
            && self.loss.is_some_and(is_fresh)
        {
            self.set_estimate(estimate as f64 * (1.0 + RISE_PER_SECOND) + RISE_AT_LEAST);
        }
    }

    fn set_estimate(&mut self, rate: f64) {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "positive")]
        let rate = rate as u64;
        self.estimate = Some(rate.min(self.remb.unwrap_or(u64::MAX)).max(LEAST));
    }

    /// Of the last second's bytes, so many were sent for the first time, and so many because the other side
    /// asked for them.
    pub(crate) fn handle_sent(&mut self, [first, again]: [u64; 2]) {
        self.resent = again as f64 / ((first + again) as f64).max(1.0);
    }

    /// Returns how much of what pictures may take is left for new ones (`FecControllerDefault` of
    /// libwebrtc: what is sent again counts, up to a half).
    pub(crate) fn without_repairs(&self, rate: u64) -> u64 {
        if rate == u64::MAX {
            return rate;
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "positive")]
        {
            (rate as f64 * (1.0 - self.resent.min(MOST_REPAIRS))) as u64
        }
    }

    /// The other side allows so many bits a second (REMB).
    pub(crate) fn handle_remb(&mut self, now: Instant, rate: u64) {
        self.remb = Some(rate);
        let is_starting = match self.start {
            Start::None => false,
            Start::Waiting => true,
            Start::Until(until) => now < until,
        };
        let has_lost = self.loss.is_some_and(|(loss, _)| loss > 0.0);
        if let Some(estimate) = self.estimate
            && is_starting
            && !has_lost
        {
            self.estimate = Some(estimate.max(rate));
        }
    }

    /// The way to the other side was estimated, from its feedback about each packet.
    pub(crate) fn handle_estimate(&mut self, rate: u64) {
        self.estimate = Some(rate);
    }

    /// Returns what was last allowed by REMB.
    pub(crate) fn remb(&self) -> Option<u64> {
        self.remb
    }

    /// Returns how many bits a second may be sent in all. As in libwebrtc, the lower of the two counts.
    pub(crate) fn target(&self) -> u64 {
        [self.remb, self.estimate].into_iter().flatten().min().unwrap_or(u64::MAX)
    }
}

/// Shares out a bit rate as libwebrtc does: from the smallest encoding to the largest, each as much as it
/// can use. Returns for each what it gets, or `None` if it is not worth sending. The encodings come in
/// ascending order.
pub(crate) fn share(mut left: u64, encodings: &[Bounds]) -> Vec<Option<u64>> {
    let grant = |encoding: &Bounds| {
        let granted = encoding.most.min(left);
        let tenths = if encoding.is_sent { 10 } else { RETURN_TENTHS };
        let is_worth_it = granted >= encoding.least * tenths / 10;
        (encoding.is_smallest || is_worth_it).then(|| {
            left -= granted;
            granted
        })
    };
    encodings.iter().map(grant).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lower_limit_counts() {
        let mut rate = RateController::default();
        assert_eq!(rate.target(), u64::MAX);
        rate.handle_remb(crate::epoch(), 500_000);
        assert_eq!(rate.target(), 500_000);
        rate.handle_estimate(300_000);
        assert_eq!(rate.target(), 300_000);
        rate.handle_estimate(900_000);
        assert_eq!(rate.target(), 500_000);
    }

    #[test]
    fn what_is_sent_again_is_taken_from_what_is_new_up_to_a_half() {
        let mut rate = RateController::default();
        assert_eq!(rate.without_repairs(400_000), 400_000);
        rate.handle_sent([30_000, 10_000]);
        assert_eq!(rate.without_repairs(400_000), 300_000);
        assert_eq!(rate.without_repairs(u64::MAX), u64::MAX);
        rate.handle_sent([10_000, 90_000]);
        assert_eq!(rate.without_repairs(400_000), 200_000);
    }

    #[test]
    fn without_an_estimator_loss_and_remb_decide() {
        let at = |s| crate::epoch() + Duration::from_secs(s);
        let mut rate = RateController::starting_at(300_000);
        rate.begin();
        rate.handle_remb(at(0), 400_000);
        assert_eq!(rate.target(), 400_000, "at the start it jumps to what is allowed");
        rate.handle_loss(at(1), 0.0);
        rate.handle_remb(at(2), 500_000);
        assert_eq!(rate.target(), 500_000);
        rate.handle_remb(at(3), 2_000_000);
        assert_eq!(rate.target(), 500_000, "later it climbs");
        rate.handle_second(at(3));
        assert_eq!(rate.target(), 541_000);
        rate.handle_loss(at(4), 0.05);
        rate.handle_second(at(4));
        assert_eq!(rate.target(), 541_000);
        rate.handle_loss(at(5), 0.2);
        rate.handle_second(at(5));
        assert_eq!(rate.target(), 486_900);
        rate.handle_loss(at(6), 0.0);
        (6..20).for_each(|s| rate.handle_second(at(s)));
        let stopped = rate.target();
        assert!((750_000..850_000).contains(&stopped), "{stopped}: no report, no rise");
        (20..60).for_each(|s| {
            rate.handle_loss(at(s), 0.0);
            rate.handle_second(at(s));
        });
        assert_eq!(rate.target(), 2_000_000);
    }

    #[test]
    fn small_encodings_come_first_and_the_largest_gets_what_is_left() {
        let three = three([true, true, true]);
        assert_eq!(share(u64::MAX, &three), [Some(150_000), Some(450_000), Some(1_500_000)]);
        assert_eq!(share(1_300_000, &three), [Some(150_000), Some(450_000), Some(700_000)]);
        assert_eq!(share(1_000_000, &three), [Some(150_000), Some(450_000), None]);
        assert_eq!(share(200_000, &three), [Some(150_000), None, None]);
        assert_eq!(share(20_000, &three), [Some(20_000), None, None]);
    }

    #[test]
    fn an_encoding_that_was_off_comes_back_with_something_to_spare() {
        let left = 1_250_000;
        assert_eq!(share(left, &three([true, true, true]))[2], Some(650_000));
        assert_eq!(share(left, &three([true, true, false]))[2], None);
        assert_eq!(share(1_320_000, &three([true, true, false]))[2], Some(720_000));
    }

    fn three(is_sent: [bool; 3]) -> [Bounds; 3] {
        let bounds = |i: usize, least, most| Bounds {
            least,
            most,
            is_smallest: i == 0,
            is_sent: is_sent[i],
        };
        [bounds(0, 30_000, 150_000), bounds(1, 150_000, 450_000), bounds(2, 600_000, 1_500_000)]
    }
}
