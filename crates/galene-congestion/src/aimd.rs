//! The rate that follows from the delays: additive or multiplicative increase, multiplicative decrease
//! (draft-ietf-rmcat-gcc-02 §5.5).

use std::time::{Duration, Instant};

use crate::trendline::Signal;
use crate::{MAX_RATE, MIN_RATE};

/// Which part of what arrives is sent after overuse.
const DECREASE: f64 = 0.85;

/// By how much the rate grows in a second, far from the capacity that is known.
const INCREASE: f64 = 1.08;

/// How far above what arrives the rate may grow: what is not sent cannot be measured.
const MAX_OVER_ARRIVING: f64 = 1.5;

/// The least additive increase, in bits per second per second.
const MIN_STEP: f64 = 4_000.0;

/// A packet as large as they get, in bits.
const PACKET_BITS: f64 = 1_200.0 * 8.0;

/// Which part of what is delivered is sent while a queue stands, so that it empties.
const DRAIN: f64 = 0.75;

/// If the queue grows for so long, what arrives on average is what the link carries, whatever its bursts
/// look like: some radio links deliver several packets at once.
const LASTING: Duration = Duration::from_millis(500);

/// How much comes through, in bits per second, as far as it is known.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Arriving {
    /// In the last half second.
    pub(crate) arriving: Option<f64>,
    /// Lately while the link was busy.
    pub(crate) delivered: Option<f64>,
    /// A queue stands in front of the link, be it that it grows or not.
    pub(crate) is_queued: bool,
}

/// The rate and what is known of the link's capacity.
#[derive(Debug)]
pub(crate) struct Aimd {
    rate: f64,
    /// What arrived when the link was last too full.
    capacity: Option<Capacity>,
    is_holding: bool,
    updated: Option<Instant>,
    decreased: Option<Instant>,
    /// Since when the queue has been growing.
    full_since: Option<Instant>,
}

/// Mean and spread of what arrived at times of overuse.
#[derive(Debug, Clone, Copy)]
struct Capacity {
    /// In kbit/s, as is the variance relative to it.
    mean: f64,
    variance: f64,
}

impl Aimd {
    pub(crate) fn new(rate: f64) -> Self {
        Self {
            rate,
            capacity: None,
            is_holding: true,
            updated: None,
            decreased: None,
            full_since: None,
        }
    }

    pub(crate) fn rate(&self) -> f64 {
        self.rate
    }

    /// Returns when the rate was last lowered.
    pub(crate) fn decreased(&self) -> Option<Instant> {
        self.decreased
    }

    /// Takes in a probe's result.
    pub(crate) fn raise_to(&mut self, rate: f64) {
        if rate > self.rate {
            self.set(rate);
            self.capacity = self.capacity.filter(|c| rate <= c.upper());
        }
    }

    /// Takes in what the delays say.
    pub(crate) fn update(
        &mut self,
        signal: Signal,
        arriving: Arriving,
        round_trip: Duration,
        now: Instant,
    ) {
        let elapsed = self.updated.map_or(Duration::ZERO, |at| now.saturating_duration_since(at));
        self.updated = Some(now);
        let Arriving { arriving, delivered, is_queued } = arriving;
        if signal != Signal::Overuse {
            self.full_since = None;
        }
        match signal {
            Signal::Overuse => {
                let since = *self.full_since.get_or_insert(now);
                let lasts = now.saturating_duration_since(since) >= LASTING;
                if let Some(carried) = if lasts { arriving } else { delivered }
                    && self.may_decrease(carried, round_trip, now)
                {
                    self.decrease(DECREASE, carried, now);
                }
                self.is_holding = true;
            }
            Signal::Underuse => self.is_holding = true,
            // It does not grow, but neither would it ever empty.
            Signal::Normal if is_queued => {
                if let Some(delivered) = delivered {
                    self.decrease(DRAIN, delivered, now);
                }
                self.is_holding = true;
            }
            // The first time after a queue, nothing is added yet.
            Signal::Normal if self.is_holding => self.is_holding = false,
            Signal::Normal => self.increase(arriving, round_trip, elapsed),
        }
    }

    fn may_decrease(&self, arriving: f64, round_trip: Duration, now: Instant) -> bool {
        let pause = round_trip.clamp(Duration::from_millis(10), Duration::from_millis(200));
        let recently = self.decreased.is_some_and(|at| now.saturating_duration_since(at) < pause);
        !recently || arriving < self.rate / 2.0
    }

    /// Lowers the rate to what the link can be filled with, if it is above that. Below it, the queue is the
    /// work of a burst and empties by itself.
    fn decrease(&mut self, part: f64, carried: f64, now: Instant) {
        self.capacity = self.capacity.filter(|c| carried >= c.lower());
        Capacity::learn(&mut self.capacity, carried);
        let rate = part * carried;
        if rate < self.rate {
            self.set(rate);
            self.decreased = Some(now);
        }
    }

    fn increase(&mut self, arriving: Option<f64>, round_trip: Duration, elapsed: Duration) {
        if let Some(arriving) = arriving {
            self.capacity = self.capacity.filter(|c| arriving <= c.upper());
        }
        let seconds = elapsed.as_secs_f64().min(1.0);
        let grown = if self.capacity.is_some() {
            self.rate + self.step(round_trip) * seconds
        } else {
            self.rate + (self.rate * (INCREASE.powf(seconds) - 1.0)).max(1_000.0 * seconds)
        };
        let limit = arriving.map_or(f64::MAX, |a| a * MAX_OVER_ARRIVING + 10_000.0);
        if grown < limit {
            self.set(grown);
        }
    }

    /// Returns how much is added in a second near the capacity: a packet per response time.
    fn step(&self, round_trip: Duration) -> f64 {
        let frame = self.rate / 30.0;
        let packet = frame / (frame / PACKET_BITS).ceil().max(1.0);
        let response = round_trip.as_secs_f64() + 0.1;
        (packet / response).max(MIN_STEP)
    }

    fn set(&mut self, rate: f64) {
        self.rate = rate.clamp(MIN_RATE as f64, MAX_RATE as f64);
    }
}

impl Capacity {
    fn learn(known: &mut Option<Self>, arriving: f64) {
        let sample = arriving / 1_000.0;
        let Some(known) = known else {
            *known = Some(Self { mean: sample, variance: 0.4 });
            return;
        };
        const WEIGHT: f64 = 0.05;
        known.mean = (1.0 - WEIGHT) * known.mean + WEIGHT * sample;
        let error = (known.mean - sample).powi(2) / known.mean.max(1.0);
        known.variance = ((1.0 - WEIGHT) * known.variance + WEIGHT * error).clamp(0.4, 2.5);
    }

    fn deviation(self) -> f64 {
        (self.variance * self.mean).sqrt()
    }

    /// Above this the link has become another one.
    fn upper(self) -> f64 {
        (self.mean + 3.0 * self.deviation()) * 1_000.0
    }

    fn lower(self) -> f64 {
        (self.mean - 3.0 * self.deviation()) * 1_000.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RTT: Duration = Duration::from_millis(50);

    fn run(aimd: &mut Aimd, signal: Signal, arriving: f64, from_ms: u64, updates: u64) {
        let start = galene_testkit::epoch();
        for n in 0..updates {
            let now = start + Duration::from_millis(from_ms + n * 100);
            let (arriving, is_queued) = (Some(arriving), false);
            let arriving = Arriving { arriving, delivered: arriving, is_queued };
            aimd.update(signal, arriving, RTT, now);
        }
    }

    #[test]
    fn overuse_leaves_85_percent_of_what_arrives() {
        let mut aimd = Aimd::new(1_000_000.0);
        run(&mut aimd, Signal::Overuse, 600_000.0, 0, 1);
        assert_eq!(aimd.rate(), 510_000.0);
        run(&mut aimd, Signal::Overuse, 600_000.0, 10, 1);
        assert_eq!(aimd.rate(), 510_000.0, "not again within a round trip");
    }

    #[test]
    fn the_rate_grows_by_8_percent_a_second_and_slowly_near_the_capacity() {
        let mut aimd = Aimd::new(1_000_000.0);
        run(&mut aimd, Signal::Normal, 1_000_000.0, 0, 12);
        assert!((1_070_000.0..1_090_000.0).contains(&aimd.rate()), "{}", aimd.rate());
        run(&mut aimd, Signal::Overuse, 1_000_000.0, 2_000, 1);
        run(&mut aimd, Signal::Normal, 850_000.0, 2_100, 12);
        assert!((890_000.0..920_000.0).contains(&aimd.rate()), "{}", aimd.rate());
    }

    #[test]
    fn a_burst_on_a_wide_link_lowers_nothing_unless_its_queue_stays() {
        let mut aimd = Aimd::new(1_000_000.0);
        let at = |ms| galene_testkit::epoch() + Duration::from_millis(ms);
        let (arriving, delivered) = (Some(600_000.0), Some(3_000_000.0));
        let burst = Arriving { arriving, delivered, is_queued: false };
        aimd.update(Signal::Overuse, burst, RTT, at(0));
        assert_eq!((aimd.rate(), aimd.decreased()), (1_000_000.0, None));
        aimd.update(Signal::Overuse, burst, RTT, at(600));
        assert_eq!(aimd.rate(), 510_000.0);
    }

    #[test]
    fn a_queue_that_stands_is_emptied() {
        let mut aimd = Aimd::new(400_000.0);
        let at = |ms| galene_testkit::epoch() + Duration::from_millis(ms);
        let carried = Some(400_000.0);
        let full = Arriving { arriving: carried, delivered: carried, is_queued: true };
        (0..10).for_each(|n| aimd.update(Signal::Normal, full, RTT, at(n * 100)));
        assert_eq!(aimd.rate(), 300_000.0);
    }

    #[test]
    fn the_rate_does_not_run_away_from_what_is_sent() {
        let mut aimd = Aimd::new(1_000_000.0);
        run(&mut aimd, Signal::Normal, 500_000.0, 0, 1_000);
        assert_eq!(aimd.rate(), 1_000_000.0);
        run(&mut aimd, Signal::Normal, 900_000.0, 100_000, 1_000);
        assert!((1_300_000.0..1_360_000.0).contains(&aimd.rate()));
    }
}
