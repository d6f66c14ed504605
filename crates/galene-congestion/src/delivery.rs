//! How fast a link delivers while packets wait in front of it: what it can carry.
//!
//! A forwarder sends whole frames at once, so packets wait for each other before the narrowest link even if
//! it is far from full, and come out of it one behind the other. The gaps between those that have waited are
//! the time that the link took for them. What arrives on average tells that only while there is always
//! something waiting: after a burst it would take the pause before for slowness.

use std::collections::VecDeque;
use std::time::Instant;

use crate::least::Least;

/// A packet that took so much longer than the quickest has waited; less is noise, and the grain of the
/// feedback is a quarter of a millisecond.
const MIN_WAIT_US: i64 = 2_000;

/// Rounding of two arrivals.
const GRAIN_US: i64 = 500;

/// So much time of a busy link is looked at: some frames.
const WINDOW_US: i64 = 120_000;

/// Packets that were sent within this time were sent together: the gaps between them are the link's.
const TOGETHER_US: i64 = 5_000;

/// Where packets that were sent together come out so many times faster than packets on average, the link has
/// nothing to do in between: no queue stands in front of it.
const IDLE: f64 = 1.5;

/// Packets that arrived longer before the newest are too old to tell.
const MAX_AGE_US: i64 = 400_000;

/// The fewest packets that tell anything.
const MIN_PACKETS: usize = 4;

/// More than these arrive within the window only where the link is not what limits.
const MAX_PACKETS: usize = 64;

/// Watches the packets of one transport.
#[derive(Debug)]
pub(crate) struct Delivery {
    /// The shortest way, in microseconds; the clocks at its ends differ by anything.
    least: Least<i64>,
    newest_us: Option<i64>,
    /// When the packet before was sent.
    sent_us: i64,
    /// Those that had waited, and for how long the link was busy with them.
    waited: VecDeque<Waited>,
}

#[derive(Debug, Clone, Copy)]
struct Waited {
    arrived_us: i64,
    took_us: i64,
    bytes: u16,
    /// It was sent together with the one before.
    is_together: bool,
}

impl Delivery {
    pub(crate) fn new() -> Self {
        Self { least: Least::new(), newest_us: None, sent_us: 0, waited: VecDeque::new() }
    }

    /// Says what time it is for the arrivals that follow.
    pub(crate) fn start_feedback(&mut self, now: Instant) {
        self.least.advance(now);
    }

    /// Takes in an arrival; both times are in microseconds of different clocks. They come in the order in
    /// which the packets were sent.
    pub(crate) fn handle_arrival(&mut self, sent_us: i64, arrived_us: i64, bytes: u16) {
        let way = arrived_us - sent_us;
        self.least.note(way);
        let Some(before) = self.newest_us.replace(arrived_us) else {
            return;
        };
        let took_us = arrived_us - before;
        let waited = way - self.least.get().unwrap_or(way);
        let is_together = sent_us - self.sent_us <= TOGETHER_US;
        if took_us < 0 {
            // It was overtaken, which does not happen in a queue.
            self.newest_us = Some(before);
            return;
        }
        self.sent_us = sent_us;
        // If the gap is longer than the wait, the link had nothing to do in between.
        if waited < MIN_WAIT_US || took_us > waited + GRAIN_US {
            return;
        }
        if self.waited.len() == MAX_PACKETS {
            self.waited.pop_front();
        }
        self.waited.push_back(Waited { arrived_us, took_us, bytes, is_together });
    }

    /// Takes the path for longer than it was: what comes next is its length.
    pub(crate) fn forget_least_way(&mut self) {
        self.least.forget();
    }

    /// Returns the shortest way of the last seconds, in microseconds of clocks that differ by anything.
    pub(crate) fn least_way(&self) -> Option<i64> {
        self.least.get()
    }

    /// Returns how fast the link delivers, in bits per second, if packets have waited for it lately.
    pub(crate) fn rate(&self) -> Option<f64> {
        self.recent().0.rate()
    }

    /// Returns whether the link has something to carry all the time, as far as can be told.
    ///
    /// Where the path has just become longer, all packets seem to have waited. Those that were sent together
    /// tell the difference: they still arrive together.
    pub(crate) fn is_busy(&self) -> bool {
        let (all, together) = self.recent();
        let rates = all.rate().zip(together.rate());
        rates.is_none_or(|(all, together)| together < all * IDLE)
    }

    /// Sums up the latest packets that have waited, and those of them that were sent together with the one
    /// before.
    fn recent(&self) -> (Sum, Sum) {
        let (mut all, mut together) = (Sum::default(), Sum::default());
        let Some(newest) = self.newest_us else {
            return (all, together);
        };
        for packet in self.waited.iter().rev() {
            let is_enough = all.count >= MIN_PACKETS && all.took_us >= WINDOW_US;
            if is_enough || newest - packet.arrived_us > MAX_AGE_US {
                break;
            }
            all.add(packet);
            if packet.is_together {
                together.add(packet);
            }
        }
        (all, together)
    }
}

/// What some packets took together.
#[derive(Debug, Clone, Copy, Default)]
struct Sum {
    count: usize,
    took_us: i64,
    bytes: u64,
}

impl Sum {
    fn add(&mut self, packet: &Waited) {
        self.count += 1;
        self.took_us += packet.took_us;
        self.bytes += u64::from(packet.bytes);
    }

    /// Returns their bits per second, unless they are too few to tell.
    fn rate(&self) -> Option<f64> {
        let seconds = self.took_us.max(GRAIN_US) as f64 / 1e6;
        (self.count >= MIN_PACKETS).then(|| self.bytes as f64 * 8.0 / seconds)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn bursts_tell_what_a_link_carries_although_little_is_sent() {
        // Frames of ten packets of 1,000 bytes every 100 ms, 0.8 Mbit/s, over a link of 4 Mbit/s.
        let rate = run(|frame, packet| frame * 100_000 + packet * 2_000).expect("they wait");
        assert!((3_900_000.0..4_100_000.0).contains(&rate), "{rate}");
    }

    #[test]
    fn a_link_that_has_become_narrow_is_seen_at_once() {
        let rate = run(|frame, packet| match frame {
            0..99 => frame * 100_000 + packet * 2_000,
            _ => 9_900_000 + packet * 40_000,
        });
        assert!((195_000.0..205_000.0).contains(&rate.expect("they wait")), "{rate:?}");
    }

    #[test]
    fn where_nothing_waits_nothing_is_told() {
        assert_eq!(run(|frame, _| frame * 100_000), None);
    }

    #[test]
    fn on_a_path_that_has_become_longer_packets_wait_for_nothing() {
        // Each frame's packets arrive together, 200 ms later than those of the first frames.
        let longer = |frame: i64, packet: i64| {
            frame * 33_000 + packet * 200 + if frame < 50 { 0 } else { 200_000 }
        };
        let delivery = run_at(33_000, longer);
        assert!(delivery.rate().is_some(), "they seem to wait");
        assert!(!delivery.is_busy());
        // Behind a queue of 200 ms, all packets come at the pace of the link.
        let queued = |frame: i64, packet: i64| frame * 33_000 + packet * 3_300 + 200_000;
        let idle = |frame: i64, packet: i64| frame * 33_000 + packet * 200;
        let queue =
            |frame, packet| if frame < 50 { idle(frame, packet) } else { queued(frame, packet) };
        let delivery = run_at(33_000, queue);
        assert!(delivery.is_busy());
        let rate = delivery.rate().expect("they wait");
        assert!((2_300_000.0..2_600_000.0).contains(&rate), "{rate}");
    }

    /// Sends 100 frames of ten packets every 100 ms, and lets each arrive when it is said.
    fn run(arrived_us: impl Fn(i64, i64) -> i64) -> Option<f64> {
        run_at(100_000, arrived_us).rate()
    }

    /// Sends them every so many microseconds.
    fn run_at(interval_us: i64, arrived_us: impl Fn(i64, i64) -> i64) -> Delivery {
        let mut delivery = Delivery::new();
        for frame in 0..100 {
            for packet in 0..10 {
                let sent_us = frame * interval_us;
                let now = galene_testkit::epoch() + Duration::from_micros(sent_us as u64);
                delivery.start_feedback(now);
                delivery.handle_arrival(sent_us, arrived_us(frame, packet), 1_000);
            }
        }
        delivery
    }
}
