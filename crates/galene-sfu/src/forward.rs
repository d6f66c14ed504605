//! Decides which packets of a track one subscriber gets, and under which numbers.
//!
//! Whatever the source, the subscriber sees one RTP stream: one SSRC, sequence numbers without gaps of
//! our making, timestamps and VP8 picture numbers that go on (RFC 7667 §3.7).

use std::time::{Duration, Instant};

use galene_rtp::{SequenceMap, TimestampMap, Vp8Numbering};

use crate::Layer;
use crate::descriptors::frame_number;
use crate::ladder::Ladder;
use crate::layer_gate::LayerGate;
use crate::numbers::{Forwarded, Label, Numbers, Source, is_end, shifted};
use crate::packet::{Packet, VIDEO_CAPACITY};
use crate::sent_numbers::SentNumbers;

/// How far behind the newest a packet may be that is looked for: no more are kept, as the publisher
/// numbered them, and whoever asks for all that ever was is not to be searched for in vain.
const MAX_REPAIRED: u64 = VIDEO_CAPACITY as u64;

/// The state of one forwarded track.
#[derive(Debug)]
pub(crate) struct Forward {
    /// What is being forwarded; none until a keyframe of it has come.
    current: Option<Source>,
    /// What was forwarded last of the same track: if it comes back, its timestamps go on.
    last: Option<Source>,
    sequences: SequenceMap<Label>,
    timestamps: TimestampMap,
    pictures: Vp8Numbering,
    sent: SentNumbers,
    /// What of the current source is passed on.
    gate: LayerGate,
    /// The frame number of the newest dependency descriptor that was passed on.
    frame: Option<u16>,
    newest: Option<Newest>,
    waiting: Option<Waiting>,
    catch_up: Option<usize>,
}

/// A keyframe of another encoding has begun while a frame of the current one is not complete yet.
#[derive(Debug, Clone, Copy)]
struct Waiting {
    source: Source,
    since: Instant,
}

/// For how long a frame is waited for whose end may be lost. Encodings of one picture are sent one after
/// the other, within some milliseconds.
const FRAME_PATIENCE: Duration = Duration::from_millis(50);

/// The newest packet that was forwarded.
#[derive(Debug, Clone, Copy)]
struct Newest {
    sequence: u64,
    captured: Instant,
    /// The publisher's timestamp, by which packets of one frame are known.
    timestamp: u32,
    ends_frame: bool,
}

impl Forward {
    /// Starts numbering at `first_sequence`. Its upper half is left free, so that the first packets may
    /// come out of order without wrapping to before the start.
    pub(crate) fn new(first_sequence: u16, clock_rate_hz: u32) -> Self {
        Self {
            current: None,
            last: None,
            sequences: SequenceMap::new(u64::from(first_sequence >> 1), Label::default()),
            timestamps: TimestampMap::new(clock_rate_hz),
            pictures: Vp8Numbering::new(),
            sent: SentNumbers::default(),
            gate: LayerGate::new(),
            frame: None,
            newest: None,
            waiting: None,
            catch_up: None,
        }
    }

    /// Lets go of the source, which may come back: it, or the next one, starts with a keyframe.
    pub(crate) fn detach(&mut self) {
        self.current = None;
        self.waiting = None;
    }

    /// Lets go of the track: sources of the next one have nothing to do with those of this one.
    pub(crate) fn release(&mut self) {
        self.detach();
        self.last = None;
    }

    /// Returns an encoding whose packets from its last keyframe on are due now: the switch to it has
    /// waited for the end of a frame.
    pub(crate) fn take_catch_up(&mut self) -> Option<usize> {
        self.catch_up.take()
    }

    /// Returns which encoding is being forwarded.
    pub(crate) fn current(&self) -> Option<usize> {
        self.current.map(|source| source.encoding)
    }

    /// Returns whether layers of the current source were left out since its last keyframe.
    pub(crate) fn has_left_out(&self) -> bool {
        self.gate.has_left_out()
    }

    /// Returns whether a keyframe is needed to pass on those of the layers `target` that there are.
    pub(crate) fn lacks(&mut self, target: Layer, ladder: &Ladder, now: Instant) -> bool {
        self.gate.lacks(target, ladder, now)
    }

    /// Returns whether something was forwarded that was captured with this packet or after it. What was
    /// forwarded in part cannot begin once more: its timestamp was used.
    pub(crate) fn has_passed(&self, packet: &Packet) -> bool {
        self.newest.is_some_and(|newest| packet.captured <= newest.captured)
    }

    /// Finds the packet that was sent under this number, as a NACK names it.
    pub(crate) fn find(&self, number: u16) -> Option<Forwarded> {
        let outgoing = self.sequences.extend_outgoing(number)?;
        if outgoing + MAX_REPAIRED < self.sequences.next_outgoing() {
            return None;
        }
        let found = self.sequences.source_of(outgoing)?;
        let Source { encoding, run } = found.label.source;
        Some(Forwarded { encoding, run, sequence: found.sequence, outgoing, label: found.label })
    }

    /// Decides about a packet of an encoding of the track, while `target` is wanted. No two packets ever
    /// get the same number, whatever a publisher sends.
    pub(crate) fn accept(
        &mut self,
        encoding: usize,
        target: Layer,
        packet: &Packet,
    ) -> Option<Numbers> {
        let source = Source { encoding, run: packet.run };
        self.update_waiting(source, target.encoding, packet);
        if self.current != Some(source) {
            if encoding == target.encoding && packet.starts_keyframe == Some(true) {
                if self.must_wait(source) {
                    self.waiting = Some(Waiting { source, since: packet.arrived });
                    return None;
                }
                self.switch(source, target, packet);
            } else {
                // The run that was being forwarded has ended; this one starts with a keyframe.
                if self.current() == Some(encoding) {
                    self.detach();
                }
                return None;
            }
        }
        let is_late = self.gate.has_seen(packet);
        if !is_late && !self.passes(target, packet) {
            return None;
        }
        // A late packet has its place, unless it is of a picture of which all else was left out.
        let mapped = self.sequences.map(packet.sequence)?;
        if is_late && !mapped.label.has_layers_of(packet) {
            // It is left out, but nobody knew that when the next one came: the place stays vacant.
            let is_unused = self.sent.insert(mapped.sequence);
            return is_unused.then(|| Numbers::late(packet, mapped.sequence, mapped.label));
        }
        let ends_frame = packet.ends_frame || is_end(packet, mapped.label.spatial);
        if !self.sent.insert(mapped.sequence) {
            return None;
        }
        if let Some(descriptor) = packet.vp8 {
            self.pictures.sent(&descriptor.shifted(mapped.label.pictures));
        }
        if let Some(number) = packet.descriptor.as_deref().and_then(frame_number) {
            let number = number.wrapping_add(mapped.label.frames);
            let is_newer = |newest: u16| number.wrapping_sub(newest) < 0x8000;
            if self.frame.is_none_or(is_newer) {
                self.frame = Some(number);
            }
        }
        if self.newest.is_none_or(|n| n.sequence < mapped.sequence) {
            self.newest = Some(Newest {
                sequence: mapped.sequence,
                captured: packet.captured,
                timestamp: packet.timestamp,
                ends_frame,
            });
            if ends_frame {
                self.end_waiting();
            }
        }
        Some(Numbers {
            sequence: mapped.sequence,
            timestamp: self.timestamps.map(packet.timestamp),
            marker: is_end(packet, mapped.label.spatial),
            vp8: shifted(packet, mapped.label.pictures),
            frames: mapped.label.frames,
            is_vacant: false,
        })
    }

    /// Returns whether a switch would break off a frame of another encoding of the same track.
    fn must_wait(&self, source: Source) -> bool {
        let other = self.current.is_some_and(|current| current.encoding != source.encoding);
        let waited = self.waiting.is_some_and(|waiting| waiting.source == source);
        other && !waited && self.newest.is_some_and(|newest| !newest.ends_frame)
    }

    /// Stops waiting for the end of a frame if it does not come, or if something else is wanted.
    fn update_waiting(&mut self, source: Source, target: usize, packet: &Packet) {
        let Some(waiting) = self.waiting else {
            return;
        };
        if waiting.source.encoding != target {
            self.waiting = None;
            return;
        }
        let next_frame = self.current == Some(source)
            && self
                .newest
                .is_some_and(|n| packet.timestamp.wrapping_sub(n.timestamp).cast_signed() > 0);
        let elapsed = packet.arrived.saturating_duration_since(waiting.since);
        if next_frame || elapsed > FRAME_PATIENCE {
            self.current = None;
            self.end_waiting();
        }
    }

    fn end_waiting(&mut self) {
        if let Some(waiting) = self.waiting {
            self.catch_up = Some(waiting.source.encoding);
        }
    }

    /// Decides whether a packet that is newer than all before is of the layers that are passed on. It is
    /// as good as numbered if it is not.
    fn passes(&mut self, target: Layer, packet: &Packet) -> bool {
        let verdict = self.gate.handle_packet(target, packet);
        if verdict.has_changed {
            self.relabel();
        }
        if verdict.passes {
            if verdict.fills_gap {
                self.sequences.omit_through(packet.sequence - 1);
            }
            return true;
        }
        if verdict.fills_gap {
            self.sequences.omit_through(packet.sequence);
        } else {
            self.sequences.omit(packet.sequence);
        }
        // All packets of a VP8 frame are of one layer.
        if packet.vp8.is_some() && verdict.is_new_picture {
            self.pictures.omit_frame();
            self.relabel();
        }
        false
    }

    fn relabel(&mut self) {
        let (pictures, (spatial, temporal)) = (self.pictures.shift(), self.gate.ceiling());
        self.sequences.relabel(Label { pictures, spatial, temporal, ..self.sequences.label() });
    }

    /// Makes `packet` the first of another source.
    fn switch(&mut self, source: Source, target: Layer, packet: &Packet) {
        self.waiting = None;
        self.gate.switch(target);
        // A frame that was broken off is to be seen as lost, not as one that is complete.
        if self.newest.is_some_and(|newest| !newest.ends_frame) {
            self.sequences.leave_gap();
        }
        if let Some(descriptor) = &packet.vp8 {
            self.pictures.switch(descriptor);
        }
        // The publisher's own clock is exact; when something was captured is known to a millisecond.
        let goes_on = self.last == Some(source) && self.timestamps.is_later(packet.timestamp);
        if let Some(newest) = self.newest.filter(|_| !goes_on) {
            let elapsed = packet.captured.saturating_duration_since(newest.captured);
            self.timestamps.switch(packet.timestamp, elapsed);
        }
        let first = packet.descriptor.as_deref().and_then(frame_number);
        let next = self.frame.map(|newest| newest.wrapping_add(1));
        self.sequences.switch(Label {
            source,
            frames: next.zip(first).map_or(0, |(next, first)| next.wrapping_sub(first)),
            timestamp_offset: self.timestamps.offset(),
            pictures: self.pictures.shift(),
            spatial: target.spatial,
            temporal: target.temporal,
        });
        (self.current, self.last) = (Some(source), Some(source));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use galene_rtp::{PictureId, Vp8Descriptor};

    use crate::scaling::Scaling;

    fn packet(sequence: u64, timestamp: u32, picture: u16, keyframe: bool, ms: u64) -> Packet {
        let at = galene_testkit::epoch() + Duration::from_millis(ms);
        Packet {
            sequence,
            timestamp,
            marker: true,
            ends_frame: true,
            captured: at,
            arrived: at,
            starts_keyframe: Some(keyframe),
            vp8: Some(descriptor(picture, picture as u8)),
            ..Packet::for_tests()
        }
    }

    fn descriptor(picture: u16, tl0: u8) -> Vp8Descriptor {
        let [high, low] = picture.to_be_bytes();
        let bytes = [0x90, 0xc0, 0x80 | high, low, tl0, 0];
        Vp8Descriptor::parse(&bytes).expect("a descriptor with a long PictureID and TL0PICIDX")
    }

    #[test]
    fn a_newcomer_gets_nothing_before_a_keyframe() {
        let mut forward = Forward::new(200, 90_000);
        assert_eq!(forward.accept(0, Layer::whole(0), &packet(70_000, 0, 0, false, 0)), None);
        let first = forward.accept(0, Layer::whole(0), &packet(70_001, 3_000, 1, true, 33));
        assert_eq!(first.map(|n| (n.sequence, n.timestamp)), Some((100, 3_000)));
        let late = forward.accept(0, Layer::whole(0), &packet(70_000, 0, 0, false, 40));
        assert_eq!(late, None, "what lies before the keyframe is of no use");
    }

    #[test]
    fn a_switch_waits_for_a_keyframe_and_all_numbers_go_on() {
        let mut forward = Forward::new(0, 90_000);
        forward.accept(0, Layer::whole(0), &packet(10, 1_000, 500, true, 0));
        forward.accept(0, Layer::whole(0), &packet(11, 4_000, 501, false, 33));

        assert!(forward.accept(1, Layer::whole(1), &packet(900, 77, 9, false, 50)).is_none());
        let still = forward.accept(0, Layer::whole(1), &packet(12, 7_000, 502, false, 66));
        assert_eq!(still.map(|n| n.sequence), Some(2));

        let switched = forward.accept(1, Layer::whole(1), &packet(901, 3_077, 10, true, 100));
        let numbers = switched.expect("the keyframe is where the switch happens");
        assert_eq!(numbers.sequence, 3);
        assert_eq!(numbers.timestamp, 7_000 + 34 * 90);
        assert_eq!(numbers.vp8, Some(descriptor(503, 503u16 as u8)));
        assert_eq!(forward.accept(0, Layer::whole(1), &packet(13, 10_000, 503, false, 101)), None);
        let next = forward.accept(1, Layer::whole(1), &packet(902, 6_077, 11, false, 133));
        assert_eq!(next.map(|n| n.sequence), Some(4));
    }

    #[test]
    fn a_switch_lets_the_frame_that_is_being_sent_end() {
        let mut forward = Forward::new(0, 90_000);
        forward.accept(0, Layer::whole(0), &packet(10, 1_000, 500, true, 0));
        let open = Packet { ends_frame: false, marker: false, ..packet(11, 4_000, 501, false, 33) };
        forward.accept(0, Layer::whole(1), &open);
        let keyframe = packet(900, 77, 9, true, 34);
        assert_eq!(forward.accept(1, Layer::whole(1), &keyframe), None);
        assert_eq!(forward.take_catch_up(), None);

        let end = forward.accept(0, Layer::whole(1), &packet(12, 4_000, 501, false, 35));
        assert_eq!(end.map(|n| n.sequence), Some(2));
        assert_eq!(forward.take_catch_up(), Some(1));
        assert_eq!(forward.accept(1, Layer::whole(1), &keyframe).map(|n| n.sequence), Some(3));
    }

    #[test]
    fn a_frame_whose_end_is_lost_is_not_waited_for_and_seen_as_lost() {
        let mut forward = Forward::new(0, 90_000);
        let open = Packet { ends_frame: false, marker: false, ..packet(10, 1_000, 500, true, 0) };
        forward.accept(0, Layer::whole(0), &open);
        let keyframe = packet(900, 77, 9, true, 34);
        assert_eq!(forward.accept(1, Layer::whole(1), &keyframe), None);
        assert_eq!(forward.accept(0, Layer::whole(1), &packet(12, 4_000, 501, false, 35)), None);
        assert_eq!(forward.take_catch_up(), Some(1));
        let numbers = forward.accept(1, Layer::whole(1), &keyframe);
        assert_eq!(numbers.map(|n| n.sequence), Some(2), "number 1 stays empty");
    }

    #[test]
    fn another_track_in_the_same_section_goes_on_too() {
        let mut forward = Forward::new(0, 90_000);
        forward.accept(0, Layer::whole(0), &packet(10, 1_000, 500, true, 0));
        forward.release();
        assert_eq!(forward.accept(0, Layer::whole(0), &packet(5, 9, 1, false, 10)), None);
        let numbers =
            forward.accept(0, Layer::whole(0), &packet(6, 99, 2, true, 1_000)).expect("a keyframe");
        assert_eq!((numbers.sequence, numbers.timestamp), (1, 91_000));
    }

    #[test]
    fn a_picture_that_pauses_and_comes_back_keeps_its_own_clock() {
        let mut forward = Forward::new(0, 90_000);
        forward.accept(0, Layer::whole(0), &packet(10, 1_000, 500, true, 0));
        forward.detach();
        // Reports have moved the time of capture by a millisecond meanwhile.
        let back = packet(70, 181_000, 560, true, 2_001);
        let numbers = forward.accept(0, Layer::whole(0), &back).expect("a keyframe");
        assert_eq!((numbers.sequence, numbers.timestamp), (1, 181_000));

        // Another encoding of it is placed by the time of capture, and so is this one after it.
        forward.accept(1, Layer::whole(1), &packet(5, 77, 9, true, 3_001));
        forward.detach();
        let back = packet(130, 361_000, 620, true, 4_002);
        let numbers = forward.accept(0, Layer::whole(0), &back).expect("a keyframe");
        assert_eq!((numbers.sequence, numbers.timestamp), (3, 181_000 + 2_001 * 90));
    }

    #[test]
    fn a_keyframe_that_was_forwarded_in_part_does_not_begin_once_more() {
        let mut forward = Forward::new(0, 90_000);
        let keyframe = packet(10, 1_000, 500, true, 10);
        assert!(!forward.has_passed(&keyframe));
        forward.accept(0, Layer::whole(0), &keyframe);
        forward.detach();
        assert!(forward.has_passed(&keyframe) && forward.has_passed(&packet(9, 0, 499, true, 0)));
        assert!(!forward.has_passed(&packet(20, 4_000, 501, true, 43)));
    }

    #[test]
    fn a_picture_whose_timestamps_went_back_meanwhile_goes_on_later() {
        let mut forward = Forward::new(0, 90_000);
        forward.accept(0, Layer::whole(0), &packet(10, 500_000, 500, true, 0));
        forward.detach();
        let back = packet(70, 1_000, 560, true, 2_000);
        let numbers = forward.accept(0, Layer::whole(0), &back).expect("a keyframe");
        assert_eq!((numbers.sequence, numbers.timestamp), (1, 680_000));
    }

    /// Two temporal layers, in turn.
    fn layered(index: u64, keyframe: bool) -> Packet {
        let picture = index as u16;
        let temporal = (index % 2) as u8;
        let [high, low] = picture.to_be_bytes();
        let bytes = [0x90, 0xe0, 0x80 | high, low, (index / 2) as u8, temporal << 6];
        let vp8 = Vp8Descriptor::parse(&bytes).expect("a full descriptor");
        let plain = packet(1_000 + index, index as u32 * 3_000, picture, keyframe, index * 33);
        let scaling = Scaling::of(galene_rtp::Codec::Vp8, &bytes, Some(&vp8));
        Packet { vp8: Some(vp8), scaling, ..plain }
    }

    const BASE: Layer = Layer::base(0);

    fn ids(forward: &mut Forward, target: Layer, packets: &[Packet]) -> Vec<(u64, Option<u16>)> {
        let numbers = packets.iter().filter_map(|p| {
            let numbers = forward.accept(0, target, p)?;
            let vp8 = numbers.vp8.or(p.vp8)?;
            Some((numbers.sequence, vp8.picture_id().map(PictureId::value)))
        });
        numbers.collect()
    }

    #[test]
    fn frames_of_a_layer_that_is_left_out_leave_no_gap_in_any_number() {
        let mut forward = Forward::new(0, 90_000);
        let packets: Vec<_> = (0..8).map(|at| layered(at, at == 0)).collect();
        let passed = ids(&mut forward, BASE, &packets);
        assert_eq!(passed, [(0, Some(0)), (1, Some(1)), (2, Some(2)), (3, Some(3))]);
        assert!(forward.has_left_out());
        let late = forward.accept(0, BASE, &packets[3]);
        assert_eq!(late, None, "what was left out stays so");
        let found = forward.find(2).expect("it was sent");
        assert_eq!(found.sequence, 1_004);
        let again = found.numbers(&packets[4]);
        assert_eq!(again.vp8.and_then(|d| d.picture_id()).map(PictureId::value), Some(2));
    }

    #[test]
    fn packets_that_are_missing_in_a_frame_that_is_left_out_are_not_missed() {
        let mut forward = Forward::new(0, 90_000);
        let split = |at: u64, parts: u64, part: u64, bytes: &[u8]| {
            let plain = layered(at, at == 0);
            let mut descriptor = plain.vp8.expect("VP8").as_bytes().to_vec();
            descriptor[0] = bytes[0];
            let vp8 = Vp8Descriptor::parse(&descriptor).ok();
            let ends_frame = part + 1 == parts;
            let sequence = 1_000 + at * parts + part;
            let scaling = Scaling::of(galene_rtp::Codec::Vp8, &descriptor, vp8.as_ref());
            Packet { sequence, ends_frame, marker: ends_frame, vp8, scaling, ..plain }
        };
        let first = |at| split(at, 3, 0, &[0x90]);
        let later = |at, part| split(at, 3, part, &[0x80]);
        let frame = |at| [first(at), later(at, 1), later(at, 2)];
        assert_eq!(ids(&mut forward, BASE, &frame(0)).len(), 3);
        // Of frame 1 the middle is lost, of frame 3 the beginning, of frame 5 the end.
        let [_, middle, end] = frame(3);
        let [start, ..] = frame(5);
        let lossy = [first(1), later(1, 2), first(2), later(2, 1), later(2, 2), middle, end];
        let mut all = ids(&mut forward, BASE, &lossy);
        all.extend(ids(&mut forward, BASE, &[&frame(4)[..], &[start], &frame(6)].concat()));
        let sequences: Vec<_> = all.iter().map(|(sequence, _)| *sequence).collect();
        assert_eq!(sequences, (3..12).collect::<Vec<_>>());
        assert_eq!(forward.accept(0, BASE, &later(1, 1)), None);
        assert_eq!(forward.accept(0, BASE, &later(5, 1)), None);
        // Of frame 2 the end is lost, with the beginning of frame 3, which is left out: two packets that
        // nobody can tell apart before they come.
        let mut forward = Forward::new(0, 90_000);
        assert_eq!(ids(&mut forward, BASE, &frame(0)).len(), 3);
        let [start, middle, end] = frame(2);
        assert_eq!(ids(&mut forward, BASE, &[start, middle, later(3, 2)]).len(), 2);
        assert_eq!(ids(&mut forward, BASE, &frame(4)).len(), 3);
        let vacant = forward.accept(0, BASE, &first(3)).expect("late, and its number was kept");
        assert!(vacant.is_vacant && !vacant.marker && vacant.vp8.is_none(), "{vacant:?}");
        assert_eq!(forward.accept(0, BASE, &first(3)), None, "twice");
        let late = forward.accept(0, BASE, &end).expect("late, and passed on");
        assert_eq!((late.sequence + 1, late.is_vacant), (vacant.sequence, false));
        let after = forward.find(late.sequence as u16 + 1).expect("a place");
        assert_eq!(after.numbers(&first(3)), vacant, "as it is sent again");
    }
}
