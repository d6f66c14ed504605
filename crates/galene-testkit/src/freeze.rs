//! Counts freezes as libwebrtc does.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Notices that a picture stood still.
#[derive(Debug, Clone, Default)]
pub(crate) struct FreezeDetector {
    last: Option<Instant>,
    gaps: VecDeque<Duration>,
    count: u32,
    total: Duration,
}

/// The average is taken over so many gaps between frames.
const WINDOW: usize = 30;

/// With fewer gaps there is no average yet.
const MIN_GAPS: usize = 5;

impl FreezeDetector {
    /// Tells that a frame was shown.
    pub(crate) fn handle_frame(&mut self, now: Instant) {
        let Some(last) = self.last.replace(now) else { return };
        let gap = now.saturating_duration_since(last);
        if let Some(average) = self.average()
            && gap >= (3 * average).max(average + Duration::from_millis(150))
        {
            self.count += 1;
            self.total += gap;
        }
        self.gaps.push_back(gap);
        if self.gaps.len() > WINDOW {
            self.gaps.pop_front();
        }
    }

    pub(crate) fn count(&self) -> u32 {
        self.count
    }

    pub(crate) fn total(&self) -> Duration {
        self.total
    }

    fn average(&self) -> Option<Duration> {
        let count = u32::try_from(self.gaps.len()).expect("at most WINDOW");
        (self.gaps.len() >= MIN_GAPS).then(|| self.gaps.iter().sum::<Duration>() / count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::epoch;

    #[test]
    fn a_freeze_is_a_gap_out_of_the_ordinary() {
        let mut freezes = FreezeDetector::default();
        let frame_times = (0..20).map(|i| 33 * i).chain((0..20).map(|i| 900 + 33 * i));
        for at in frame_times {
            freezes.handle_frame(epoch() + Duration::from_millis(at));
        }
        assert_eq!(freezes.count(), 1);
        assert_eq!(freezes.total(), Duration::from_millis(900 - 19 * 33));
    }

    #[test]
    fn a_gap_of_less_than_the_average_and_150_ms_is_none() {
        let mut freezes = FreezeDetector::default();
        for at in (0..20).map(|i| 33 * i).chain([19 * 33 + 180]) {
            freezes.handle_frame(epoch() + Duration::from_millis(at));
        }
        assert_eq!(freezes.count(), 0);
    }

    #[test]
    fn few_frames_make_no_freeze() {
        let mut freezes = FreezeDetector::default();
        for at in [0, 33, 66, 99, 5_000] {
            freezes.handle_frame(epoch() + Duration::from_millis(at));
        }
        assert_eq!(freezes.count(), 0);
    }
}
