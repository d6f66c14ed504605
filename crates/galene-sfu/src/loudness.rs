//! How loud a track is, by what its publisher says of each packet (RFC 6464).
//!
//! The levels are the publisher's own words: good for showing who speaks, and for nothing that must be
//! true.

use std::time::{Duration, Instant};

/// Smooths the levels of one track, and decides whether somebody speaks in it.
///
/// Speech is loud for longer than a click and has pauses. So what counts is an average that rises within a
/// fifth of a second and falls within half of one, and whoever has begun to speak is given some time of
/// silence.
#[derive(Debug)]
pub(crate) struct Loudness {
    /// In dBov.
    average: f32,
    /// Since when it is quiet, while somebody speaks.
    quiet_since: Option<Instant>,
    /// What was told last, if that was that somebody speaks: the level and when.
    told: Option<(i8, Instant)>,
}

/// What counts as silence: a quiet room is not much louder, and how much quieter it can get says nothing.
const SILENCE: f32 = -70.0;

/// From here on somebody speaks; browsers bring speech to about -30.
const BEGINS_AT: f32 = -45.0;

/// Below this it is quiet again.
const ENDS_AT: f32 = -52.0;

/// And stays so for this long until the speech has ended.
const PAUSE: Duration = Duration::from_millis(600);

/// How much of the way to each packet's level the average goes, up and down. There are 50 packets in a
/// second.
const RISE: f32 = 0.125;
const FALL: f32 = 0.04;

/// What changes by less than this need not be told at once, and what does, not more often than this.
const STEP: u8 = 3;
const INTERVAL: Duration = Duration::from_millis(300);

/// That somebody still speaks is told this often.
const REMINDER: Duration = Duration::from_secs(1);

/// What there is to tell: the level at which somebody speaks, in dBov, or that nobody does any more.
pub(crate) type News = Option<i8>;

impl Default for Loudness {
    fn default() -> Self {
        Self { average: SILENCE, quiet_since: None, told: None }
    }
}

impl Loudness {
    /// Takes in the level of a packet, in dBov; returns what has changed, if that is to be told.
    pub(crate) fn handle_packet(&mut self, level: i8, now: Instant) -> Option<News> {
        let level = f32::from(level).clamp(SILENCE, 0.0);
        let weight = if level > self.average { RISE } else { FALL };
        self.average += weight * (level - self.average);
        let rounded = self.average as i8;
        let Some((told, at)) = self.told else {
            if self.average < BEGINS_AT {
                return None;
            }
            self.told = Some((rounded, now));
            return Some(Some(rounded));
        };
        if self.average >= ENDS_AT {
            self.quiet_since = None;
        } else if now.saturating_duration_since(*self.quiet_since.get_or_insert(now)) >= PAUSE {
            self.quiet_since = None;
            self.told = None;
            return Some(None);
        }
        let elapsed = now.saturating_duration_since(at);
        let wait = if told.abs_diff(rounded) >= STEP { INTERVAL } else { REMINDER };
        if elapsed < wait {
            return None;
        }
        self.told = Some((rounded, now));
        Some(Some(rounded))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Microphone {
        loudness: Loudness,
        now: Instant,
    }

    impl Microphone {
        fn new() -> Self {
            Self { loudness: Loudness::default(), now: galene_testkit::epoch() }
        }

        /// Sends so many packets and returns what there is to tell.
        fn send(&mut self, packets: u32, level: impl Fn(u32) -> i8) -> Vec<News> {
            let mut news = Vec::new();
            for i in 0..packets {
                self.now += Duration::from_millis(20);
                news.extend(self.loudness.handle_packet(level(i), self.now));
            }
            news
        }
    }

    #[test]
    fn speech_is_heard_soon_and_ends_after_a_pause() {
        let mut microphone = Microphone::new();
        assert_eq!(microphone.send(50, |_| -60), []);
        let begin = microphone.send(15, |_| -30);
        assert!(matches!(begin[..], [Some(-45..=-30)]), "{begin:?}");
        assert_eq!(microphone.send(5, |_| -127), [], "a breath");
        let going_on = microphone.send(100, |_| -30);
        assert!(going_on.iter().all(Option::is_some), "{going_on:?}");
        let end = microphone.send(75, |_| -127);
        assert_eq!(end.last(), Some(&None));
        assert_eq!(microphone.send(500, |_| -127), []);
    }

    #[test]
    fn clicks_and_a_noisy_room_are_no_speech() {
        let mut microphone = Microphone::new();
        assert_eq!(microphone.send(1_000, |i| if i % 50 < 3 { -5 } else { -100 }), []);
        assert_eq!(microphone.send(1_000, |_| -50), []);
    }

    #[test]
    fn steady_speech_is_told_once_a_second_and_changes_three_times() {
        let mut microphone = Microphone::new();
        microphone.send(100, |_| -30);
        assert_eq!(microphone.send(250, |_| -30), [Some(-30); 5]);
        let varying = microphone.send(250, |i| if i % 40 < 20 { -10 } else { -50 });
        assert!((8..=17).contains(&varying.len()), "{} in five seconds", varying.len());
    }

    #[test]
    fn whatever_is_claimed_stays_within_bounds() {
        let mut microphone = Microphone::new();
        for level in [i8::MIN, i8::MAX, 0, -127] {
            for news in microphone.send(200, |_| level).into_iter().flatten() {
                assert!((-127..=0).contains(&news), "{level}: {news}");
            }
        }
    }
}
