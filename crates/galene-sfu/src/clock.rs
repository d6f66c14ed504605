//! When a publisher captured what it sends, on our clock.
//!
//! Audio and video of one publisher have unrelated RTP timestamps; sender reports tie both to the
//! publisher's wall clock (RFC 3550 §6.4.1). What subscribers need for lip-sync is that both are tied to
//! *one* clock in the same way. Which clock does not matter, so one offset between the publisher's wall
//! clock and ours, taken from the first report, serves all tracks of a transport. A publisher whose clock
//! is wrong by hours is as well served as any other.

use std::time::{Duration, Instant, SystemTime};

/// The clock of one publisher.
#[derive(Debug, Default)]
pub(crate) struct PublisherClock {
    offset: Option<(SystemTime, Instant)>,
}

/// The last sender report of one RTP stream.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Report {
    pub(crate) wall: SystemTime,
    pub(crate) timestamp: u32,
}

/// A publisher's wall clock that jumps by more than this between reports was set anew.
const MAX_JUMP: Duration = Duration::from_secs(2);

impl PublisherClock {
    /// Takes in a sender report that arrived at `now`.
    pub(crate) fn handle_report(&mut self, report: Report, now: Instant) {
        let expected = self.local(report.wall);
        let jumped =
            expected.is_none_or(|at| at.max(now).saturating_duration_since(at.min(now)) > MAX_JUMP);
        if jumped {
            self.offset = Some((report.wall, now));
        }
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
        report
            .and_then(|report| {
                let ticks = timestamp.wrapping_sub(report.timestamp).cast_signed();
                let span = Duration::from_secs_f64(
                    f64::from(ticks.unsigned_abs()) / f64::from(clock_rate_hz),
                );
                let at = self.local(report.wall)?;
                if ticks < 0 { at.checked_sub(span) } else { at.checked_add(span) }
            })
            .unwrap_or(arrived)
    }

    fn local(&self, wall: SystemTime) -> Option<Instant> {
        let (origin, at) = self.offset?;
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

    #[test]
    fn audio_and_video_keep_their_mutual_timing_however_wrong_the_publishers_clock_is() {
        let t0 = galene_testkit::epoch() + HOUR;
        let ms = Duration::from_millis;
        for wall in [SystemTime::UNIX_EPOCH + HOUR, SystemTime::UNIX_EPOCH + 500_000 * HOUR] {
            let mut clock = PublisherClock::default();
            let audio = Report { wall, timestamp: 1_000 };
            clock.handle_report(audio, t0);
            // The report for video is 300 ms younger and was 40 ms longer on its way.
            let video = Report { wall: wall + ms(300), timestamp: u32::MAX };
            clock.handle_report(video, t0 + ms(340));

            let heard = clock.captured(Some(audio), 1_000 + 48_000, 48_000, t0);
            let seen = clock.captured(Some(video), 63_000 - 1, 90_000, t0);
            assert_eq!(heard, t0 + ms(1_000));
            assert_eq!(seen, t0 + ms(1_000));
        }
    }

    #[test]
    fn before_the_first_report_the_time_of_arrival_stands_in() {
        let t0 = galene_testkit::epoch();
        assert_eq!(PublisherClock::default().captured(None, 7, 90_000, t0), t0);
    }

    #[test]
    fn a_publisher_that_sets_its_clock_is_followed() {
        let t0 = galene_testkit::epoch() + HOUR;
        let mut clock = PublisherClock::default();
        clock.handle_report(Report { wall: SystemTime::UNIX_EPOCH, timestamp: 0 }, t0);
        let report = Report { wall: SystemTime::UNIX_EPOCH + HOUR, timestamp: 90_000 };
        clock.handle_report(report, t0 + Duration::from_secs(1));
        let captured = clock.captured(Some(report), 90_000, 90_000, t0);
        assert_eq!(captured, t0 + Duration::from_secs(1));
    }
}
