//! How much a browser lets be on its way before it leaves out frames.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Follows how much was sent that nobody has told about yet.
///
/// libwebrtc leaves out frames while more is on its way than its target rate sends in the shortest round trip
/// and 350 ms (`WebRTC-CongestionWindow`, by default): what a link of which the rate has just fallen still has
/// in its queue is to be gone before anything is added.
#[derive(Debug, Default)]
pub(crate) struct CongestionWindow {
    /// What was sent when, the oldest first.
    sent: VecDeque<(Instant, usize)>,
    /// How long the latest packet and its feedback took, and the quickest.
    round_trip: Option<Duration>,
    least: Option<Duration>,
}

/// What may be on its way beyond the round trip, as time.
const QUEUE: Duration = Duration::from_millis(350);

/// No round trip is believed to be longer.
const LONGEST: Duration = Duration::from_secs(3);

impl CongestionWindow {
    /// So many bytes were sent.
    pub(crate) fn handle_sent(&mut self, now: Instant, bytes: usize) {
        if bytes > 0 {
            self.sent.push_back((now, bytes));
        }
        while self.sent.front().is_some_and(|(at, _)| now > *at + LONGEST) {
            self.sent.pop_front();
        }
    }

    /// So long it took until there was feedback about a packet.
    pub(crate) fn handle_round_trip(&mut self, round_trip: Duration) {
        self.round_trip = Some(round_trip.min(LONGEST));
        self.least = Some(self.least.map_or(round_trip, |least| least.min(round_trip)));
    }

    /// Returns whether more is on its way than there is to be at this rate, in bits per second. Without feedback
    /// nothing is known of that.
    pub(crate) fn is_full(&self, now: Instant, target: u64) -> bool {
        let Some((round_trip, least)) = self.round_trip.zip(self.least) else {
            return false;
        };
        let recent = self.sent.iter().rev().take_while(|(at, _)| now < *at + round_trip);
        let bits = recent.map(|(_, bytes)| *bytes).sum::<usize>() as f64 * 8.0;
        bits > target as f64 * (least + QUEUE).as_secs_f64()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::epoch;

    #[test]
    fn it_is_full_while_a_queue_of_more_than_350_ms_stands_in_front_of_the_link() {
        let ms = Duration::from_millis;
        let mut window = CongestionWindow::default();
        (0..100).for_each(|i| window.handle_sent(epoch() + ms(10 * i), 1_250));
        let now = epoch() + ms(1_000);
        assert!(!window.is_full(now, 300_000), "nothing is known yet");
        window.handle_round_trip(ms(50));
        assert!(!window.is_full(now, 1_000_000) && !window.is_full(now, 300_000));
        window.handle_round_trip(ms(300));
        assert!(!window.is_full(now, 1_000_000), "it may have room for more");
        assert!(window.is_full(now, 300_000), "the link carries less than it did");
        window.handle_round_trip(ms(100));
        assert!(!window.is_full(now, 300_000), "the queue is gone");
    }
}
