//! When the pictures of an encoding begin, and whether it has fallen behind the other encodings of its track.
//!
//! All encodings of a track show the same pictures. A browser that has no room for the largest one stops it from
//! one picture to the next and goes on with the others, and whoever watches it must not look at a still picture
//! until it has been silent for long enough to be gone in any case.

use std::time::{Duration, Instant};

use crate::media::MAX_ENCODINGS;

/// While an encoding begins no picture, others begin at least so many before it has fallen behind: an encoder
/// leaves out some frames of one encoding and not of another.
const PICTURES: u64 = 8;

/// And at least so long.
const SILENCE: Duration = Duration::from_millis(300);

/// And so many times as long as usual: an encoding may have fewer pictures in a second than another.
const TIMES_USUAL: u32 = 4;

/// A gap between two pictures counts so much in what is usual: one part in so many.
const WEIGHT: u32 = 8;

/// Counts the pictures of an encoding as they begin. What is sent again is of a picture that has begun.
#[derive(Debug, Default)]
pub(crate) struct Pulse {
    newest: Option<u32>,
    pictures: u64,
}

impl Pulse {
    /// Takes in the timestamp of a packet.
    pub(crate) fn handle_packet(&mut self, timestamp: u32) {
        let is_later = |newest: u32| timestamp.wrapping_sub(newest).cast_signed() > 0;
        if self.newest.is_none_or(is_later) {
            self.newest = Some(timestamp);
            self.pictures += 1;
        }
    }

    /// Another RTP stream follows, with timestamps of its own.
    pub(crate) fn restart(&mut self) {
        self.newest = None;
    }

    /// Returns how many pictures have begun.
    pub(crate) fn pictures(&self) -> u64 {
        self.pictures
    }
}

/// Compares one encoding with the others.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    /// When its latest picture was seen.
    at: Option<Instant>,
    /// How many pictures each had begun by then.
    pictures: [u64; MAX_ENCODINGS],
    /// How long it takes from one to the next.
    usual: Duration,
}

impl Pace {
    /// Takes in how many pictures each encoding has begun, of which `own` is this one. Returns whether it has
    /// fallen behind.
    pub(crate) fn update(
        &mut self,
        own: usize,
        pictures: &[u64; MAX_ENCODINGS],
        now: Instant,
    ) -> bool {
        let elapsed = self.at.map(|at| now.saturating_duration_since(at));
        if self.pictures[own] != pictures[own] || elapsed.is_none() {
            let gap = elapsed.unwrap_or_default().min(SILENCE * TIMES_USUAL);
            self.usual = (self.usual * (WEIGHT - 1) + gap) / WEIGHT;
            (self.at, self.pictures) = (Some(now), *pictures);
            return false;
        }
        let since = pictures.iter().zip(&self.pictures).map(|(now, then)| now - then);
        let most = since.max().unwrap_or(0);
        let is_silent = elapsed.is_some_and(|for_| for_ >= SILENCE.max(self.usual * TIMES_USUAL));
        is_silent && most >= PICTURES
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Instant {
        galene_testkit::epoch() + Duration::from_millis(ms)
    }

    /// Lets two encodings begin a picture every so many milliseconds, the first one only until `stop`; returns
    /// when that has fallen behind.
    fn behind_at(intervals: [u64; 2], stop: u64) -> Option<u64> {
        let (mut pace, mut pictures) = (Pace::default(), [0; MAX_ENCODINGS]);
        let mut behind = (0..5_000).filter(|ms| {
            pictures[0] += u64::from(ms % intervals[0] == 0 && *ms < stop);
            pictures[1] += u64::from(ms % intervals[1] == 0);
            pace.update(0, &pictures, at(*ms))
        });
        behind.next()
    }

    #[test]
    fn an_encoding_that_stops_while_others_go_on_is_noticed_soon() {
        let behind = behind_at([33, 33], 2_000).expect("it has stopped");
        assert!((2_280..2_320).contains(&behind), "{behind}");
    }

    #[test]
    fn one_with_fewer_pictures_is_not_behind_and_takes_longer_to_be_noticed() {
        assert_eq!(behind_at([500, 33], 9_999), None);
        assert_eq!(behind_at([133, 33], 9_999), None);
        let behind = behind_at([133, 33], 3_000).expect("it has stopped");
        assert!((3_350..3_600).contains(&behind), "{behind}");
    }

    #[test]
    fn where_all_stop_none_is_behind() {
        let mut pace = Pace::default();
        assert!(!pace.update(0, &[7; MAX_ENCODINGS], at(0)));
        assert!(!pace.update(0, &[7; MAX_ENCODINGS], at(3_000)));
    }

    #[test]
    fn what_is_sent_again_begins_no_picture() {
        let mut pulse = Pulse::default();
        for timestamp in [u32::MAX - 2, u32::MAX - 2, 3_000, u32::MAX - 2, 3_000] {
            pulse.handle_packet(timestamp);
        }
        assert_eq!(pulse.pictures(), 2);
        pulse.restart();
        pulse.handle_packet(7);
        assert_eq!(pulse.pictures(), 3);
    }
}
