//! From the arrivals over one transport to how the delay changes between groups of packets.

use std::time::Instant;

use crate::trendline::{Signal, Trendline};

/// Packets that were sent within this time are a group (libwebrtc's burst time).
const GROUP_TIME_US: i64 = 5_000;

/// A change of the delay beyond this is a clock that was set or a network that was left.
const MAX_CHANGE_MS: f64 = 3_000.0;

/// Watches the delay of one transport's packets.
#[derive(Debug)]
pub(crate) struct DelayDetector {
    current: Option<Group>,
    previous: Option<Group>,
    line: Trendline,
    /// Where the receiver's clock starts, to keep numbers small.
    start_us: i64,
}

/// Packets that left together.
#[derive(Debug, Clone, Copy)]
struct Group {
    sent_us: i64,
    /// When the first of them arrived.
    arrived_us: i64,
}

impl DelayDetector {
    pub(crate) fn new() -> Self {
        Self { current: None, previous: None, line: Trendline::new(), start_us: 0 }
    }

    /// Takes in an arrival; both times are in microseconds of different clocks. They come in the order in
    /// which the packets were sent.
    pub(crate) fn handle_arrival(&mut self, sent_us: i64, arrived_us: i64, now: Instant) {
        let Some(group) = &mut self.current else {
            self.current = Some(Group { sent_us, arrived_us });
            self.start_us = arrived_us;
            return;
        };
        if sent_us < group.sent_us {
            // It was late; its group is over.
            return;
        }
        if sent_us - group.sent_us <= GROUP_TIME_US {
            group.arrived_us = group.arrived_us.min(arrived_us);
            return;
        }
        let complete = *group;
        *group = Group { sent_us, arrived_us };
        let Some(previous) = self.previous.replace(complete) else {
            return;
        };
        let sent_ms = millis(complete.sent_us - previous.sent_us);
        let change = millis(complete.arrived_us - previous.arrived_us) - sent_ms;
        if change.abs() > MAX_CHANGE_MS {
            self.line = Trendline::new();
            return;
        }
        self.line.handle_group(millis(complete.arrived_us - self.start_us), sent_ms, change, now);
    }

    pub(crate) fn signal(&self) -> Signal {
        self.line.signal()
    }
}

fn millis(micros: i64) -> f64 {
    micros as f64 / 1_000.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    /// Frames of ten packets every 33 ms over a link that takes 3 ms for each.
    fn frames(detector: &mut DelayDetector, from: u64, count: u64, queue_us: impl Fn(u64) -> i64) {
        let start = galene_testkit::epoch();
        for frame in from..from + count {
            let sent_us = frame as i64 * 33_000;
            let now = start + Duration::from_millis(frame * 33 + 150);
            for packet in 0..10 {
                let arrived_us = sent_us + 50_000 + packet * 3_000 + queue_us(frame);
                detector.handle_arrival(sent_us, arrived_us, now);
            }
        }
    }

    #[test]
    fn how_long_a_frame_takes_is_no_queue_but_what_it_leaves_is() {
        let mut detector = DelayDetector::new();
        frames(&mut detector, 0, 100, |_| 0);
        assert_eq!(detector.signal(), Signal::Normal);
        frames(&mut detector, 100, 20, |frame| (frame as i64 - 100) * 5_000);
        assert_eq!(detector.signal(), Signal::Overuse);
    }

    #[test]
    fn a_clock_that_jumps_starts_anew() {
        let mut detector = DelayDetector::new();
        frames(&mut detector, 0, 100, |_| 0);
        frames(&mut detector, 100, 100, |_| 3_600_000_000);
        assert_eq!(detector.signal(), Signal::Normal);
    }
}
