//! How far one client has come, and when.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use crate::histogram::Histogram;
use crate::tally::Tally;

/// What the transports of one client share: each step is noted when the first of them takes it.
#[derive(Debug)]
pub(crate) struct Attendance {
    begun: Instant,
    is_offered: AtomicBool,
    is_connected: AtomicBool,
    has_media: AtomicBool,
    first_media: Notify,
}

impl Attendance {
    /// Returns the attendance of a client that begins to connect at `now`.
    pub(crate) fn begin(now: Instant) -> Self {
        Self {
            begun: now,
            is_offered: AtomicBool::new(false),
            is_connected: AtomicBool::new(false),
            has_media: AtomicBool::new(false),
            first_media: Notify::new(),
        }
    }

    /// The client has become a member of its group.
    pub(crate) fn note_joined(&self, now: Instant, tally: &mut Tally) {
        record(&mut tally.joined, now.saturating_duration_since(self.begun));
    }

    /// The client has been offered a stream.
    pub(crate) fn note_offered(&self, now: Instant, tally: &mut Tally) {
        if !self.is_offered.swap(true, Relaxed) {
            record(&mut tally.offered, now.saturating_duration_since(self.begun));
        }
    }

    /// A transport of the client is connected.
    pub(crate) fn note_connected(&self, now: Instant, tally: &mut Tally) {
        if !self.is_connected.swap(true, Relaxed) {
            record(&mut tally.connected, now.saturating_duration_since(self.begun));
        }
    }

    /// The client has received a packet of media.
    pub(crate) fn note_media(&self, now: Instant, tally: &mut Tally) {
        if !self.has_media.swap(true, Relaxed) {
            record(&mut tally.join, now.saturating_duration_since(self.begun));
            self.first_media.notify_one();
        }
    }

    /// Waits until the client has received media.
    pub(crate) async fn first_media(&self) {
        self.first_media.notified().await;
    }
}

fn record(histogram: &mut Histogram, took: Duration) {
    histogram.record(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_step_is_noted_once() {
        let begun = Instant::now();
        let (attendance, mut tally) = (Attendance::begin(begun), Tally::default());
        for ms in [5, 10] {
            let now = begun + Duration::from_millis(ms);
            attendance.note_offered(now, &mut tally);
            attendance.note_connected(now, &mut tally);
            attendance.note_media(now, &mut tally);
        }
        attendance.note_joined(begun, &mut tally);
        for histogram in [&tally.offered, &tally.connected, &tally.join] {
            assert_eq!((histogram.count(), histogram.max()), (1, 5_000_000));
        }
        assert_eq!((tally.joined.count(), tally.joined.max()), (1, 0));
    }
}
