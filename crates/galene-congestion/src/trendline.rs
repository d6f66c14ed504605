//! Whether a queue grows: a line through the recent delays, held against a threshold that adapts.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// What the delays say about the link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Signal {
    /// A queue empties.
    Underuse,
    Normal,
    /// A queue grows.
    Overuse,
}

/// Through how many groups the line goes (libwebrtc's default).
const WINDOW: usize = 20;

/// How much of the smoothed delay stays with each group.
const SMOOTHING: f64 = 0.9;

/// What turns a slope into something like milliseconds of offset, which is what the draft's threshold is
/// in.
const GAIN: f64 = 4.0;

/// A slope counts in full once it rests on this many groups.
const MAX_GROUPS: f64 = 60.0;

/// The threshold starts here and stays within these bounds (draft §5.4).
const THRESHOLD: f64 = 12.5;
const MIN_THRESHOLD: f64 = 6.0;
const MAX_THRESHOLD: f64 = 600.0;

/// How fast the threshold follows the slope, up and down, per millisecond (draft §5.4).
const RISE: f64 = 0.0087;
const FALL: f64 = 0.039;

/// Slopes further from the threshold than this are no noise to adapt to (draft §5.4).
const MAX_ADAPT_OFFSET: f64 = 15.0;

/// For how long a queue has to grow before it counts (draft §5.4).
const OVERUSE_TIME_MS: f64 = 10.0;

/// The line and the threshold.
#[derive(Debug)]
pub(crate) struct Trendline {
    groups: f64,
    /// Sum of all changes of the delay, in milliseconds, and its smoothed value.
    delay: f64,
    smoothed: f64,
    /// Arrival and smoothed delay, both in milliseconds.
    points: VecDeque<(f64, f64)>,
    slope: f64,
    threshold: f64,
    adapted: Option<Instant>,
    /// For how long and in how many groups the queue has been growing.
    overuse_ms: Option<f64>,
    overuse_groups: u32,
    signal: Signal,
}

impl Trendline {
    pub(crate) fn new() -> Self {
        Self {
            groups: 0.0,
            delay: 0.0,
            smoothed: 0.0,
            points: VecDeque::with_capacity(WINDOW),
            slope: 0.0,
            threshold: THRESHOLD,
            adapted: None,
            overuse_ms: None,
            overuse_groups: 0,
            signal: Signal::Normal,
        }
    }

    /// Takes in that a group arrived at `arrived_ms`, `sent_ms` after the one before it was sent and with
    /// a delay that is longer by `change_ms`.
    pub(crate) fn handle_group(
        &mut self,
        arrived_ms: f64,
        sent_ms: f64,
        change_ms: f64,
        now: Instant,
    ) {
        self.groups += 1.0;
        self.delay += change_ms;
        self.smoothed = SMOOTHING * self.smoothed + (1.0 - SMOOTHING) * self.delay;
        if self.points.len() == WINDOW {
            self.points.pop_front();
        }
        self.points.push_back((arrived_ms, self.smoothed));
        let slope = if self.points.len() == WINDOW { slope(&self.points) } else { None };
        let slope = slope.unwrap_or(self.slope);
        self.detect(slope, sent_ms, now);
        self.slope = slope;
    }

    pub(crate) fn signal(&self) -> Signal {
        self.signal
    }

    fn detect(&mut self, slope: f64, sent_ms: f64, now: Instant) {
        if self.groups < 2.0 {
            return;
        }
        let offset = self.groups.min(MAX_GROUPS) * slope * GAIN;
        if offset > self.threshold {
            // The first group may have grown all the time since the one before, or just begun to.
            let time = self.overuse_ms.map_or(sent_ms / 2.0, |before| before + sent_ms);
            self.overuse_groups += 1;
            self.overuse_ms = Some(time);
            if time > OVERUSE_TIME_MS && self.overuse_groups > 1 && slope >= self.slope {
                self.overuse_ms = Some(0.0);
                self.overuse_groups = 0;
                self.signal = Signal::Overuse;
            }
        } else {
            self.overuse_ms = None;
            self.overuse_groups = 0;
            self.signal = if offset < -self.threshold { Signal::Underuse } else { Signal::Normal };
        }
        self.adapt(offset.abs(), now);
    }

    fn adapt(&mut self, offset: f64, now: Instant) {
        let elapsed = self.adapted.map_or(Duration::ZERO, |at| now.saturating_duration_since(at));
        self.adapted = Some(now);
        if offset > self.threshold + MAX_ADAPT_OFFSET {
            return;
        }
        let speed = if offset < self.threshold { FALL } else { RISE };
        let elapsed = elapsed.min(Duration::from_millis(100)).as_secs_f64() * 1_000.0;
        self.threshold += speed * (offset - self.threshold) * elapsed;
        self.threshold = self.threshold.clamp(MIN_THRESHOLD, MAX_THRESHOLD);
    }
}

/// Returns the slope of the line that fits best (least squares), if the points are not all above each other.
fn slope(points: &VecDeque<(f64, f64)>) -> Option<f64> {
    let count = points.len() as f64;
    let (sum_x, sum_y) = points.iter().fold((0.0, 0.0), |(x, y), p| (x + p.0, y + p.1));
    let (mean_x, mean_y) = (sum_x / count, sum_y / count);
    let (mut above, mut below) = (0.0, 0.0);
    for (x, y) in points {
        above += (x - mean_x) * (y - mean_y);
        below += (x - mean_x) * (x - mean_x);
    }
    (below > 0.0).then(|| above / below)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Feeds groups every 20 ms, the delay of each changed by `change`.
    fn feed(line: &mut Trendline, from: u64, count: u64, change: impl Fn(u64) -> f64) -> Signal {
        let start = galene_testkit::epoch();
        for n in from..from + count {
            let ms = n * 20;
            let now = start + Duration::from_millis(ms);
            line.handle_group(ms as f64, 20.0, change(n), now);
        }
        line.signal()
    }

    #[test]
    fn a_line_has_the_slope_of_its_points() {
        let points: VecDeque<_> =
            (0..20).map(|n| (f64::from(n), 3.0 * f64::from(n) + 1.0)).collect();
        assert!((slope(&points).unwrap() - 3.0).abs() < 1e-9);
        assert_eq!(slope(&VecDeque::from([(1.0, 2.0), (1.0, 3.0)])), None);
    }

    #[test]
    fn a_queue_that_grows_is_seen_and_one_that_empties_too() {
        let mut line = Trendline::new();
        assert_eq!(feed(&mut line, 0, 50, |_| 0.0), Signal::Normal);
        assert_eq!(feed(&mut line, 50, 15, |_| 4.0), Signal::Overuse);
        assert_eq!(feed(&mut line, 65, 20, |_| -3.0), Signal::Underuse);
        assert_eq!(feed(&mut line, 85, 60, |_| 0.0), Signal::Normal);
    }

    #[test]
    fn delays_that_go_up_and_down_are_no_queue() {
        let mut line = Trendline::new();
        for n in 0..500 {
            let signal = feed(&mut line, n, 1, |n| if n % 2 == 0 { 10.0 } else { -10.0 });
            assert_ne!(signal, Signal::Overuse, "group {n}");
        }
    }
}
