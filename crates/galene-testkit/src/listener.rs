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
    /// What has arrived and was not played yet, by frame: whether it carries a copy of the one before.
    waiting: BTreeMap<u32, bool>,
    /// The next to be played: frame and time of capture.
    next: Option<(u32, Instant)>,
    delay: PlayoutDelay,
    played: Vec<Played>,
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
            self.waiting.insert(stamp.frame, stamp.has_fec);
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
                (Some(_), _) => Playing::AsSent,
                (None, Some(true)) => Playing::Copy,
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

    fn run(
        listener: &mut Listener,
        frames: std::ops::Range<u32>,
        has_fec: bool,
        is_lost: impl Fn(u32) -> bool,
    ) {
        for frame in frames.filter(|frame| !is_lost(*frame)) {
            let captured = frame * INTERVAL;
            let stamp = Stamp {
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
                captured,
            };
            listener.handle_packet(epoch() + captured + Duration::from_millis(30), &stamp);
        }
    }
}
