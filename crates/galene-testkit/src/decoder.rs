//! Stands in for jitter buffer, decoder and screen of a browser that receives pictures.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use crate::epoch;
use crate::freeze::FreezeDetector;
use crate::playout::PlayoutDelay;
use crate::stamp::Stamp;

/// Puts frames together, decodes those of which nothing is missing, shows them in time, and asks for a
/// keyframe where libwebrtc would.
#[derive(Debug)]
pub struct Decoder {
    /// Frames not yet decoded, by the sequence number of their first packet.
    frames: BTreeMap<u64, Assembly>,
    /// The sequence number after the last decoded frame.
    next: Option<u64>,
    delay: PlayoutDelay,
    /// Numbers from the next one on that stand for nothing.
    vacant: BTreeSet<u64>,
    shown: Vec<Shown>,
    /// Since when nothing could be decoded.
    starved_since: Option<Instant>,
    /// When the last packet came, and the last of a keyframe.
    last_packet: Option<Instant>,
    last_keyframe_packet: Option<Instant>,
    /// Only a keyframe helps.
    needs_keyframe: bool,
    requested: Option<Instant>,
    requests: Vec<Instant>,
}

/// A frame that was shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shown {
    /// When it appeared.
    pub at: Instant,
    /// When it was captured.
    pub captured: Instant,
    /// Of which encoding of the track it is, 0 being the largest.
    pub encoding: u8,
    /// Whether it is a keyframe.
    pub is_keyframe: bool,
}

#[derive(Debug)]
struct Assembly {
    captured: Duration,
    encoding: u8,
    is_keyframe: bool,
    packets: u16,
    received: BTreeSet<u16>,
}

/// While only a keyframe helps, libwebrtc asks for one after this time, and again after it.
const MAX_WAIT_FOR_KEYFRAME: Duration = Duration::from_millis(200);

/// While packets may still be sent again, it waits so long for a frame that can be decoded.
const MAX_WAIT_FOR_FRAME: Duration = Duration::from_secs(3);

/// A stream of which nothing came for so long is not active: no keyframe is asked for.
const INACTIVE: Duration = Duration::from_secs(5);

/// Its buffer has room for so many frames; where more wait, all are given up.
const MAX_FRAMES: usize = 800;

impl Decoder {
    pub(crate) fn new() -> Self {
        Self {
            frames: BTreeMap::new(),
            next: None,
            vacant: BTreeSet::new(),
            delay: PlayoutDelay::for_pictures(),
            shown: Vec::new(),
            starved_since: None,
            last_packet: None,
            last_keyframe_packet: None,
            needs_keyframe: true,
            requested: None,
            requests: Vec::new(),
        }
    }

    /// Takes in a packet, which may come out of order.
    pub(crate) fn handle_packet(&mut self, now: Instant, sequence: u64, stamp: &Stamp) {
        self.starved_since.get_or_insert(now);
        self.last_packet = Some(now);
        if stamp.is_keyframe {
            self.last_keyframe_packet = Some(now);
        }
        let first = sequence.saturating_sub(u64::from(stamp.packet));
        if self.next.is_some_and(|next| first < next) {
            return;
        }
        let frame = self.frames.entry(first).or_insert_with(|| Assembly {
            captured: stamp.captured,
            encoding: stamp.encoding,
            is_keyframe: stamp.is_keyframe,
            packets: stamp.packets,
            received: BTreeSet::new(),
        });
        frame.received.insert(stamp.packet);
        self.decode_all(now);
        if self.frames.len() > MAX_FRAMES {
            self.frames.clear();
            self.needs_keyframe = true;
        }
    }

    /// Takes in a packet that has a number and nothing else, which stands for nothing.
    pub(crate) fn handle_vacant(&mut self, now: Instant, sequence: u64) {
        if self.next.is_some_and(|next| next <= sequence) && self.vacant.len() < MAX_FRAMES {
            self.vacant.insert(sequence);
            self.pass_vacant();
            self.decode_all(now);
        }
    }

    fn pass_vacant(&mut self) {
        if let Some(next) = &mut self.next {
            while self.vacant.remove(next) {
                *next += 1;
            }
            self.vacant = self.vacant.split_off(next);
        }
    }

    fn decode_all(&mut self, now: Instant) {
        while let Some(first) = self.decodable() {
            self.decode(now, first);
        }
    }

    /// Only a keyframe helps from here.
    pub(crate) fn need_keyframe(&mut self) {
        self.needs_keyframe = true;
    }

    /// Returns the number of the first packet that is still needed.
    pub(crate) fn next_sequence(&self) -> Option<u64> {
        self.next
    }

    /// Returns whether to ask for a keyframe now, and takes note of it.
    pub(crate) fn poll_keyframe_request(&mut self, now: Instant) -> bool {
        if self.next_request(now).is_none_or(|at| at > now) {
            return false;
        }
        self.needs_keyframe = true;
        self.requested = Some(now);
        self.requests.push(now);
        true
    }

    /// Returns when to ask [`poll_keyframe_request`](Self::poll_keyframe_request) next.
    pub(crate) fn next_request(&self, now: Instant) -> Option<Instant> {
        let is_active = self.last_packet.is_some_and(|at| now < at + INACTIVE);
        let wait = if self.needs_keyframe { MAX_WAIT_FOR_KEYFRAME } else { MAX_WAIT_FOR_FRAME };
        let last = self.requested.filter(|_| self.needs_keyframe).max(self.starved_since)?;
        // One that is on its way is waited for.
        let arriving = self.last_keyframe_packet.map(|at| at + MAX_WAIT_FOR_KEYFRAME);
        is_active.then(|| (last + wait).max(arriving.unwrap_or(last)))
    }

    /// Returns the frames that were shown, in order.
    pub fn shown(&self) -> &[Shown] {
        &self.shown
    }

    /// Returns when a keyframe was asked for.
    pub fn keyframe_requests(&self) -> &[Instant] {
        &self.requests
    }

    /// Returns how often and how long the picture stood still between two instants, by libwebrtc's rule:
    /// the gap between two frames is at least three times the average of the last thirty, and at
    /// least 150 ms longer than that. A picture that stands still at the end counts.
    pub fn freezes(&self, from: Instant, until: Instant) -> (u32, Duration) {
        let mut detector = FreezeDetector::default();
        let mut before = (0, Duration::ZERO);
        let times = self.shown.iter().map(|frame| frame.at).take_while(|at| *at < until);
        for at in times {
            detector.handle_frame(at);
            if at < from {
                before = (detector.count(), detector.total());
            }
        }
        detector.handle_frame(until);
        let (count, total) = (detector.count() - before.0, detector.total() - before.1);
        (count, total.min(until - from))
    }

    /// Returns the first packet of a frame that can be decoded: the next one, or a keyframe.
    fn decodable(&self) -> Option<u64> {
        let is_whole = |frame: &&Assembly| frame.received.len() == usize::from(frame.packets);
        let next = self.next.filter(|next| self.frames.get(next).as_ref().is_some_and(is_whole));
        let keyframe = || {
            let mut whole = self.frames.iter().filter(|(_, frame)| is_whole(frame));
            whole.find(|(_, frame)| frame.is_keyframe).map(|(&first, _)| first)
        };
        next.or_else(keyframe)
    }

    fn decode(&mut self, now: Instant, first: u64) {
        let Some(frame) = self.frames.remove(&first) else { return };
        let next = first + u64::from(frame.packets);
        self.next = Some(next);
        self.frames = self.frames.split_off(&next);
        self.pass_vacant();
        self.starved_since = Some(now);
        self.needs_keyframe = false;
        self.requested = None;
        let captured = epoch() + frame.captured;
        let due = self.delay.handle_arrival(now, captured);
        let at = self.shown.last().map_or(now, |last| last.at).max(due).max(now);
        let Assembly { encoding, is_keyframe, .. } = frame;
        self.shown.push(Shown { at, captured, encoding, is_keyframe });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_shown_at_an_even_pace_and_late_ones_at_once() {
        let mut decoder = Decoder::new();
        for frame in 0..90 {
            let late = if frame % 30 == 20 { 60 } else { 0 };
            send(&mut decoder, frame, at(u64::from(frame) * 33 + late));
        }
        assert_eq!(decoder.shown().len(), 90);
        assert_eq!(decoder.freezes(at(0), at(2_980)), (0, Duration::ZERO));
        assert!(decoder.keyframe_requests().is_empty());
    }

    #[test]
    fn nothing_is_shown_behind_a_gap_until_it_is_closed() {
        let mut decoder = Decoder::new();
        for frame in (0..40).filter(|frame| *frame != 30) {
            send(&mut decoder, frame, at(u64::from(frame) * 33));
        }
        assert_eq!(decoder.shown().len(), 30);
        send(&mut decoder, 30, at(1_330));
        assert_eq!(decoder.shown().len(), 40);
        let (count, total) = decoder.freezes(at(0), at(1_400));
        assert_eq!(count, 1);
        assert!(total > Duration::from_millis(300), "{total:?}");
    }

    #[test]
    fn what_is_not_repaired_for_three_seconds_is_asked_for_by_keyframe() {
        let mut decoder = Decoder::new();
        let mut asked = Vec::new();
        for frame in (0..150).filter(|frame| *frame != 20) {
            let now = at(u64::from(frame) * 33);
            send(&mut decoder, frame, now);
            if decoder.poll_keyframe_request(now) {
                asked.push(frame);
            }
        }
        // The last decoded frame is number 19; then comes each sixth or seventh frame.
        assert!((109..=112).contains(&asked[0]), "{asked:?}");
        assert!((asked[1] - asked[0]) * 33 >= 200 && asked.len() >= 5, "{asked:?}");
    }

    #[test]
    fn without_a_keyframe_at_the_start_one_is_asked_for() {
        let mut decoder = Decoder::new();
        for frame in 1..20 {
            send(&mut decoder, frame, at(u64::from(frame) * 33));
        }
        assert_eq!(decoder.next_request(at(100)), Some(at(233)));
        assert!(!decoder.poll_keyframe_request(at(232)) && decoder.poll_keyframe_request(at(233)));
        assert_eq!(decoder.next_request(at(234)), Some(at(433)));
        assert_eq!(decoder.next_request(at(6_000)), None, "nothing comes any more");
    }

    #[test]
    fn a_picture_that_stands_still_at_the_end_is_frozen() {
        let mut decoder = Decoder::new();
        (0..60).for_each(|frame| send(&mut decoder, frame, at(u64::from(frame) * 33)));
        let (count, total) = decoder.freezes(at(0), at(5_000));
        assert_eq!(count, 1);
        assert!(total > Duration::from_secs(3), "{total:?}");
    }

    fn at(ms: u64) -> Instant {
        epoch() + Duration::from_millis(ms)
    }

    /// Sends a frame of three packets; frame 0 is a keyframe.
    fn send(decoder: &mut Decoder, frame: u32, now: Instant) {
        for packet in [2, 0, 1] {
            let stamp = Stamp {
                stream: 1,
                encoding: 0,
                frame,
                packet,
                packets: 3,
                is_keyframe: frame == 0,
                has_fec: false,
                spatial: 0,
                temporal: 0,
                is_top: true,
                can_begin: packet == 0,
                reference: u8::from(frame != 0),
                timestamp: frame * 2_970,
                captured: Duration::from_millis(u64::from(frame) * 33),
            };
            decoder.handle_packet(now, u64::from(frame) * 3 + u64::from(packet), &stamp);
        }
    }
}
