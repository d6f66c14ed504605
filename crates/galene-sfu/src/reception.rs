//! How an RTP stream of a publisher arrives, as a receiver report would say it (RFC 3550 §6.4.1).

use std::time::{Duration, Instant};

/// Loss is counted over so long at least. Over less, single packets would make a percentage.
const INTERVAL: Duration = Duration::from_secs(1);

/// Counts what arrives of one encoding, and what does not.
#[derive(Debug, Default)]
pub(crate) struct ReceptionMeter {
    /// The RTP stream that is counted; another one begins anew but for the sums.
    run: u32,
    next: Option<u64>,
    packets: u64,
    /// What the numbers say that there was before the last packets, streams of the past included.
    expected: u64,
    /// Both at the beginning of the interval, and when that was.
    began: Option<(Instant, u64, u64)>,
    /// Of the last whole interval.
    loss: f64,
    /// The arrival and timestamp of the packet before, and what follows from them: in ticks.
    before: Option<(Instant, u32)>,
    jitter: f64,
}

impl ReceptionMeter {
    /// Counts a packet that did not come before.
    pub(crate) fn count(
        &mut self,
        (run, sequence): (u32, u64),
        timestamp: u32,
        clock_rate_hz: u32,
        now: Instant,
    ) {
        if self.next.is_none() || self.run != run {
            (self.run, self.next, self.before) = (run, Some(sequence), None);
        }
        let next = self.next.unwrap_or(sequence);
        if sequence >= next {
            self.expected += sequence - next + 1;
            self.next = Some(sequence + 1);
            self.compare(timestamp, clock_rate_hz, now);
        }
        self.packets += 1;
        let (began, packets, expected) = *self.began.get_or_insert((now, 0, 0));
        if now.saturating_duration_since(began) >= INTERVAL {
            self.loss = fraction(self.packets - packets, self.expected - expected);
            self.began = Some((now, self.packets, self.expected));
        }
    }

    /// Follows the jitter (RFC 3550 §A.8). Packets of one picture have one timestamp and leave one after
    /// the other, so only the first of each counts.
    fn compare(&mut self, timestamp: u32, clock_rate_hz: u32, now: Instant) {
        let Some((arrived, before)) = self.before else {
            self.before = Some((now, timestamp));
            return;
        };
        if timestamp == before {
            return;
        }
        let elapsed = now.saturating_duration_since(arrived).as_secs_f64();
        let meant = f64::from(timestamp.wrapping_sub(before) as i32);
        let difference = (elapsed * f64::from(clock_rate_hz) - meant).abs();
        // A pause, or a clock that was set, is no jitter.
        if difference < f64::from(clock_rate_hz) {
            self.jitter += (difference - self.jitter) / 16.0;
        }
        self.before = Some((now, timestamp));
    }

    /// Returns how many packets came.
    pub(crate) fn packets(&self) -> u64 {
        self.packets
    }

    /// Returns how many did not come, though they may still.
    pub(crate) fn lost(&self) -> u64 {
        // More can have come than were expected: some that were sent before the first one.
        self.expected.saturating_sub(self.packets)
    }

    /// Returns which part did not come, from 0 to 1, in the interval before this one.
    pub(crate) fn loss(&self) -> f64 {
        self.loss
    }

    /// Returns the jitter.
    pub(crate) fn jitter(&self, clock_rate_hz: u32) -> Duration {
        Duration::from_secs_f64(self.jitter / f64::from(clock_rate_hz.max(1)))
    }
}

/// Returns which part of what was expected did not come. What was repaired late counts where it came, so
/// there may be more than expected, and then nothing was lost.
fn fraction(packets: u64, expected: u64) -> f64 {
    if expected == 0 { 0.0 } else { expected.saturating_sub(packets) as f64 / expected as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLOCK: u32 = 90_000;

    #[test]
    fn loss_is_that_of_the_last_second_and_never_less_than_none() {
        let t0 = galene_testkit::epoch();
        let mut meter = ReceptionMeter::default();
        let lose_every_tenth = (0..300u64).filter(|number| number % 10 != 5);
        lose_every_tenth.for_each(|number| count(&mut meter, t0, number, number * 10));
        assert!((0.09..0.11).contains(&meter.loss()), "{}", meter.loss());
        assert_eq!((meter.packets(), meter.lost()), (270, 30));
        // All of them are sent again after all, at once.
        (0..300).filter(|number| number % 10 == 5).for_each(|n| count(&mut meter, t0, n, 3_000));
        (300..420).for_each(|number| count(&mut meter, t0, number, number * 10));
        assert_eq!((meter.loss(), meter.lost()), (0.0, 0));
    }

    #[test]
    fn packets_from_before_the_first_one_are_no_negative_loss() {
        let t0 = galene_testkit::epoch();
        let mut meter = ReceptionMeter::default();
        for (number, ms) in [(10, 0), (8, 1), (9, 2), (11, 1_200), (12, 1_300)] {
            count(&mut meter, t0, number, ms);
        }
        assert_eq!((meter.packets(), meter.lost()), (5, 0));
        assert_eq!(meter.loss(), 0.0);
    }

    #[test]
    fn another_stream_takes_up_where_the_first_one_ended() {
        let t0 = galene_testkit::epoch();
        let mut meter = ReceptionMeter::default();
        (0..10).for_each(|number| count(&mut meter, t0, number, number * 10));
        for number in 0..10 {
            let at = t0 + Duration::from_millis(200 + number * 10);
            meter.count((1, 40_000 + number), 7, CLOCK, at);
        }
        assert_eq!((meter.packets(), meter.lost()), (20, 0));
    }

    #[test]
    fn jitter_is_how_far_packets_are_from_their_place() {
        let t0 = galene_testkit::epoch();
        let mut steady = ReceptionMeter::default();
        (0..200).for_each(|number| count(&mut steady, t0, number, number * 20));
        assert!(steady.jitter(CLOCK) < Duration::from_micros(1));
        let mut shaky = ReceptionMeter::default();
        for number in 0..200u64 {
            let at = t0 + Duration::from_millis(number * 20 + if number % 2 == 0 { 6 } else { 0 });
            shaky.count((0, number), (number * 20 * 90) as u32, CLOCK, at);
        }
        let jitter = shaky.jitter(CLOCK).as_secs_f64();
        assert!((0.005..0.007).contains(&jitter), "{jitter}");
    }

    /// A packet arrives when it was sent, of a stream with twenty milliseconds between packets.
    fn count(meter: &mut ReceptionMeter, t0: Instant, number: u64, ms: u64) {
        meter.count((0, number), (number * 20 * 90) as u32, CLOCK, t0 + Duration::from_millis(ms));
    }
}
