//! When a publisher captured what it sends, on our clock.
//!
//! Audio and video of one publisher have unrelated RTP timestamps; sender reports tie both to the
//! publisher's wall clock (RFC 3550 §6.4.1). What subscribers need for lip-sync is that both are tied to
//! *one* clock in the same way. Which clock does not matter, so one offset between the publisher's wall
//! clock and ours serves all tracks of a transport. A publisher whose clock is wrong by hours is as well
//! served as any other.
//!
//! The offset is that of the report that travelled fastest. Nothing is ever said to be captured after it
//! arrived: our own reports would then say nothing about the stream (the engine sends a timestamp of 0).

use std::time::{Duration, Instant, SystemTime};

/// The clock of one publisher.
#[derive(Debug, Default)]
pub(crate) struct PublisherClock {
    /// A reading of the publisher's clock, and when that was on ours.
    anchor: Option<(SystemTime, Instant)>,
}

/// The last sender report of one RTP stream.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Report {
    pub(crate) wall: SystemTime,
    pub(crate) timestamp: u32,
}

/// A publisher's wall clock that jumps by more than this between reports was set anew.
const MAX_JUMP: Duration = Duration::from_secs(2);

/// By how much a report that took longer than expected moves the offset. With a report per second it
/// follows a clock that is slow by a thousandth, which no real one is.
const CREEP: Duration = Duration::from_millis(1);

/// How much earlier than it seems everything is taken to be captured, all tracks alike: a packet may
/// travel faster than any report did.
const SLACK: Duration = Duration::from_millis(100);

/// What is said to be captured this long before it arrived was not: the report speaks of other
/// timestamps than those of the packets.
const MAX_AGE: Duration = Duration::from_secs(10);

impl PublisherClock {
    /// Takes in a sender report that arrived at `now`.
    pub(crate) fn handle_report(&mut self, report: Report, now: Instant) {
        let at = self.local(report.wall).filter(|at| *at <= now).map_or(now, |expected| {
            let lag = now.saturating_duration_since(expected);
            if lag > MAX_JUMP { now } else { expected + lag.min(CREEP) }
        });
        self.anchor = Some((report.wall, at));
    }

    /// Returns when the sample with this RTP timestamp was captured, on our clock; before the first
    /// report of its stream, the time of arrival stands in.
    pub(crate) fn captured(
        &self,
        report: Option<Report>,
        timestamp: u32,
        clock_rate_hz: u32,
        arrived: Instant,
    ) -> Instant {
        let reported = report.and_then(|report| {
            let ticks = timestamp.wrapping_sub(report.timestamp).cast_signed();
            let span =
                Duration::from_secs_f64(f64::from(ticks.unsigned_abs()) / f64::from(clock_rate_hz));
            let at = self.local(report.wall)?;
            if ticks < 0 { at.checked_sub(span) } else { at.checked_add(span) }
        });
        let is_likely =
            |at: &Instant| at.max(&arrived).saturating_duration_since(*at.min(&arrived)) <= MAX_AGE;
        let at = reported.filter(is_likely).unwrap_or(arrived);
        at.checked_sub(SLACK).map_or(arrived, |at| at.min(arrived))
    }

    fn local(&self, wall: SystemTime) -> Option<Instant> {
        let (origin, at) = self.anchor?;
        match wall.duration_since(origin) {
            Ok(later) => at.checked_add(later),
            Err(earlier) => at.checked_sub(earlier.duration()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3_600);
    const MS: Duration = Duration::from_millis(1);

    fn wall(elapsed: Duration) -> SystemTime {
        SystemTime::UNIX_EPOCH + 500_000 * HOUR + elapsed
    }

    #[test]
    fn surprise_59_sound_and_picture_stay_together_however_wrong_the_publishers_clock_is() {
        let t0 = galene_testkit::epoch() + HOUR;
        for wall in [SystemTime::UNIX_EPOCH + HOUR, SystemTime::UNIX_EPOCH + 500_000 * HOUR] {
            let mut clock = PublisherClock::default();
            let audio = Report { wall, timestamp: 1_000 };
            clock.handle_report(audio, t0);
            // The report for video is 300 ms younger and was 40 ms longer on its way.
            let video = Report { wall: wall + MS * 300, timestamp: u32::MAX };
            clock.handle_report(video, t0 + MS * 340);

            let arrived = t0 + MS * 1_050;
            let heard = clock.captured(Some(audio), 1_000 + 48_000, 48_000, arrived);
            let seen = clock.captured(Some(video), 63_000 - 1, 90_000, arrived);
            assert_eq!(heard, seen);
            assert_eq!(heard, t0 + MS * 1_000 + CREEP - SLACK);
        }
    }

    #[test]
    fn before_the_first_report_the_time_of_arrival_stands_in() {
        let t0 = galene_testkit::epoch() + HOUR;
        assert_eq!(PublisherClock::default().captured(None, 7, 90_000, t0), t0 - SLACK);
    }

    #[test]
    fn a_publisher_that_sets_its_clock_is_followed() {
        let t0 = galene_testkit::epoch() + HOUR;
        let mut clock = PublisherClock::default();
        clock.handle_report(Report { wall: wall(HOUR), timestamp: 0 }, t0);
        for set_to in [2 * HOUR, HOUR / 2] {
            let report = Report { wall: wall(set_to), timestamp: 90_000 };
            let now = t0 + Duration::from_secs(1);
            clock.handle_report(report, now);
            assert_eq!(clock.captured(Some(report), 90_000, 90_000, now), now - SLACK);
        }
    }

    #[test]
    fn nothing_is_captured_after_it_arrived_though_clocks_drift_and_reports_are_late() {
        let t0 = galene_testkit::epoch() + HOUR;
        // By how many microseconds the publisher's clock gains or loses in a second.
        for drift in [-200, 0, 200] {
            let mut clock = PublisherClock::default();
            for second in 0..3_600u32 {
                let sent = t0 + second * MS * 1_000;
                let drifted = (i64::from(second) * (1_000_000 + drift)).unsigned_abs();
                let report = Report {
                    wall: wall(Duration::from_micros(drifted)),
                    timestamp: 90_000 * second,
                };
                // The very first report takes longest.
                clock.handle_report(report, sent + MS * 200 / (second + 1) + MS * 20);
                let arrived = sent + MS * 20;
                let captured = clock.captured(Some(report), report.timestamp, 90_000, arrived);
                assert!(captured <= arrived, "{second}");
                assert!(arrived - captured < MS * 250, "{second}: {:?}", arrived - captured);
            }
        }
    }

    #[test]
    fn a_report_that_speaks_of_other_timestamps_is_not_believed() {
        let t0 = galene_testkit::epoch() + HOUR;
        let mut clock = PublisherClock::default();
        let report = Report { wall: wall(HOUR), timestamp: 0 };
        clock.handle_report(report, t0);
        for timestamp in
            [20 * 90_000, u32::MAX / 2, u32::MAX / 2 + 2, 0u32.wrapping_sub(20 * 90_000)]
        {
            assert_eq!(clock.captured(Some(report), timestamp, 90_000, t0), t0 - SLACK);
        }
    }
}
