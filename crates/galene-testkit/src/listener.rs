//! Stands in for the ears: jitter buffer and concealment of a browser that receives sound.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::epoch;
use crate::playout::PlayoutDelay;
use crate::stamp::Stamp;

/// Plays sound, a packet each 20 ms, and counts what is missing when its time comes.
///
/// A packet that is lost can be replaced by the copy that the next one carries (Opus in-band FEC), if that
/// one is there in time. Anything else is concealed.
#[derive(Debug)]
pub struct Listener {
    /// What has arrived and was not played yet, by frame.
    waiting: BTreeMap<u32, Waiting>,
    /// The next to be played: frame and time of capture.
    next: Option<(u32, Instant)>,
    delay: PlayoutDelay,
    played: Vec<Played>,
}

#[derive(Debug, Clone, Copy)]
struct Waiting {
    how: Playing,
    /// Whether it carries a copy of the one before.
    has_fec: bool,
}

/// Twenty milliseconds of sound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Played {
    /// When they were played.
    pub at: Instant,
    /// How.
    pub how: Playing,
}

/// Where sound came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Playing {
    /// The packet was there.
    AsSent,
    /// The copy in the next packet was there.
    Copy,
    /// A later packet carried it once more, and was there (RFC 2198).
    Redundant,
    /// Nothing was there.
    Concealed,
}

const INTERVAL: Duration = Duration::from_millis(20);

impl Listener {
    pub(crate) fn new() -> Self {
        Self {
            waiting: BTreeMap::new(),
            next: None,
            delay: PlayoutDelay::for_sound(),
            played: Vec::new(),
        }
    }

    /// Takes in a packet, which may come out of order.
    pub(crate) fn handle_packet(&mut self, now: Instant, stamp: &Stamp) {
        let captured = epoch() + stamp.captured;
        self.play(now);
        let (next, _) = *self.next.get_or_insert((stamp.frame, captured));
        self.delay.handle_arrival(now, captured);
        if stamp.frame >= next {
            let waiting = Waiting { how: Playing::AsSent, has_fec: stamp.has_fec };
            self.waiting.insert(stamp.frame, waiting);
        }
    }

    /// Takes in a packet that came with a later one: it is as good as if it had come by itself, unless it
    /// should have been played by now.
    pub(crate) fn handle_copy(&mut self, now: Instant, stamp: &Stamp) {
        self.play(now);
        if self.next.is_some_and(|(next, _)| stamp.frame >= next) {
            let waiting = Waiting { how: Playing::Redundant, has_fec: stamp.has_fec };
            self.waiting.entry(stamp.frame).or_insert(waiting);
        }
    }

    /// Plays what is due.
    pub(crate) fn play(&mut self, now: Instant) {
        while let Some((frame, captured)) = self.next {
            let at = self.delay.play_at(captured);
            if at > now {
                return;
            }
            let how = match (self.waiting.remove(&frame), self.waiting.get(&(frame + 1))) {
                (Some(waiting), _) => waiting.how,
                (None, Some(Waiting { has_fec: true, .. })) => Playing::Copy,
                (None, _) => Playing::Concealed,
            };
            self.played.push(Played { at, how });
            self.next = Some((frame + 1, captured + INTERVAL));
        }
    }

    /// Returns what was played, in order.
    pub fn played(&self) -> &[Played] {
        &self.played
    }

    /// Returns the share of what was played between two instants that was made up.
    pub fn concealed(&self, from: Instant, until: Instant) -> f64 {
        let within = self.played.iter().filter(|played| (from..until).contains(&played.at));
        let (all, concealed) = within.fold((0u32, 0u32), |(all, concealed), played| {
            (all + 1, concealed + u32::from(played.how == Playing::Concealed))
        });
        if all == 0 { 1.0 } else { f64::from(concealed) / f64::from(all) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_arrives_is_played_and_what_does_not_is_concealed() {
        let mut listener = Listener::new();
        run(&mut listener, 0..500, false, |frame| frame % 10 == 5);
        let concealed = listener.concealed(epoch(), epoch() + Duration::from_secs(9));
        assert!((0.09..0.11).contains(&concealed), "{concealed}");
    }

    #[test]
    fn a_copy_in_the_next_packet_replaces_one_that_is_lost_but_not_two() {
        let mut listener = Listener::new();
        run(&mut listener, 0..500, true, |frame| frame % 10 == 5);
        assert_eq!(listener.concealed(epoch(), epoch() + Duration::from_secs(9)), 0.0);
        let mut listener = Listener::new();
        run(&mut listener, 0..500, true, |frame| frame % 10 == 5 || frame % 10 == 6);
        let concealed = listener.concealed(epoch(), epoch() + Duration::from_secs(9));
        assert!((0.09..0.11).contains(&concealed), "{concealed}");
    }

    #[test]
    fn what_comes_again_with_a_later_packet_is_played_if_it_is_not_too_late() {
        // Sound that comes evenly is delayed by 40 ms.
        for (later_by, expected) in [(1, 0.0), (2, 0.1)] {
            let mut listener = Listener::new();
            for frame in 0..500 {
                let now = epoch() + frame * INTERVAL + Duration::from_millis(30);
                if frame % 10 != 5 {
                    listener.handle_packet(now, &stamp(frame, false));
                }
                if frame % 10 == (5 + later_by) % 10 && frame > later_by {
                    listener.handle_copy(now, &stamp(frame - later_by, false));
                }
            }
            let concealed = listener.concealed(epoch(), epoch() + Duration::from_secs(9));
            assert!((concealed - expected).abs() < 0.015, "{later_by}: {concealed}");
        }
    }

    fn run(
        listener: &mut Listener,
        frames: std::ops::Range<u32>,
        has_fec: bool,
        is_lost: impl Fn(u32) -> bool,
    ) {
        for frame in frames.filter(|frame| !is_lost(*frame)) {
            let arrived = epoch() + frame * INTERVAL + Duration::from_millis(30);
            listener.handle_packet(arrived, &stamp(frame, has_fec));
        }
    }

    fn stamp(frame: u32, has_fec: bool) -> Stamp {
        Stamp {
            stream: 1,
            encoding: 0,
            frame,
            packet: 0,
            packets: 1,
            is_keyframe: false,
            has_fec,
            spatial: 0,
            temporal: 0,
            is_top: true,
            can_begin: true,
            reference: 0,
            timestamp: frame * 960,
            captured: frame * INTERVAL,
        }
    }
}
