//! Decides which packets of a track one subscriber gets, and under which numbers.
//!
//! Whatever the source, the subscriber sees one RTP stream: one SSRC, sequence numbers without gaps of
//! our making, timestamps and VP8 picture numbers that go on (RFC 7667 §3.7).

use std::time::{Duration, Instant};

use galene_rtp::{SequenceMap, TimestampMap, Vp8Descriptor, Vp8Numbering, Vp8Shift};

use crate::Layer;
use crate::packet::Packet;
use crate::sent_numbers::SentNumbers;

/// The state of one forwarded track.
#[derive(Debug)]
pub(crate) struct Forward {
    /// What is being forwarded; none until a keyframe of it has come.
    current: Option<Source>,
    sequences: SequenceMap<Label>,
    timestamps: TimestampMap,
    pictures: Vp8Numbering,
    sent: SentNumbers,
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

/// An encoding, as long as it comes under one SSRC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Source {
    encoding: usize,
    run: u32,
}

/// How packets of one source are rewritten, so that each can be found and rewritten again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Label {
    source: Source,
    timestamp_offset: u32,
    pictures: Vp8Shift,
}

/// A packet that was forwarded, as the publisher numbered it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Forwarded {
    pub(crate) encoding: usize,
    pub(crate) run: u32,
    pub(crate) sequence: u64,
    outgoing: u64,
    label: Label,
}

impl Forwarded {
    /// Returns the numbers under which the packet was sent.
    pub(crate) fn numbers(&self, packet: &Packet) -> Numbers {
        Numbers {
            sequence: self.outgoing,
            timestamp: packet.timestamp.wrapping_add(self.label.timestamp_offset),
            vp8: shifted(packet, self.label.pictures),
        }
    }
}

fn shifted(packet: &Packet, shift: Vp8Shift) -> Option<Vp8Descriptor> {
    packet.vp8.filter(|_| shift != Vp8Shift::default()).map(|d| d.shifted(shift))
}

/// The newest packet that was forwarded.
#[derive(Debug, Clone, Copy)]
struct Newest {
    sequence: u64,
    captured: Instant,
    /// The publisher's timestamp, by which packets of one frame are known.
    timestamp: u32,
    ends_frame: bool,
}

/// What stands in a forwarded packet in place of the publisher's numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Numbers {
    pub(crate) sequence: u64,
    pub(crate) timestamp: u32,
    /// The VP8 payload descriptor with numbers that go on, if they are not the publisher's own.
    pub(crate) vp8: Option<Vp8Descriptor>,
}

impl Forward {
    /// Starts numbering at `first_sequence`. Its upper half is left free, so that the first packets may
    /// come out of order without wrapping to before the start.
    pub(crate) fn new(first_sequence: u16, clock_rate_hz: u32) -> Self {
        Self {
            current: None,
            sequences: SequenceMap::new(u64::from(first_sequence >> 1), Label::default()),
            timestamps: TimestampMap::new(clock_rate_hz),
            pictures: Vp8Numbering::new(),
            sent: SentNumbers::default(),
            newest: None,
            waiting: None,
            catch_up: None,
        }
    }

    /// Lets go of the source: the next one starts with a keyframe.
    pub(crate) fn detach(&mut self) {
        self.current = None;
        self.waiting = None;
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

    /// Returns whether something was forwarded that was captured after this packet.
    pub(crate) fn has_passed(&self, packet: &Packet) -> bool {
        self.newest.is_some_and(|newest| packet.captured < newest.captured)
    }

    /// Finds the packet that was sent under this number, as a NACK names it.
    pub(crate) fn find(&self, number: u16) -> Option<Forwarded> {
        let outgoing = self.sequences.extend_outgoing(number)?;
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
                self.switch(source, packet);
            } else {
                // The run that was being forwarded has ended; this one starts with a keyframe.
                if self.current() == Some(encoding) {
                    self.detach();
                }
                return None;
            }
        }
        let mapped = self.sequences.map(packet.sequence)?;
        if !self.sent.insert(mapped.sequence) {
            return None;
        }
        if let Some(descriptor) = packet.vp8 {
            self.pictures.sent(&descriptor.shifted(mapped.label.pictures));
        }
        if self.newest.is_none_or(|n| n.sequence < mapped.sequence) {
            self.newest = Some(Newest {
                sequence: mapped.sequence,
                captured: packet.captured,
                timestamp: packet.timestamp,
                ends_frame: packet.ends_frame,
            });
            if packet.ends_frame {
                self.end_waiting();
            }
        }
        Some(Numbers {
            sequence: mapped.sequence,
            timestamp: self.timestamps.map(packet.timestamp),
            vp8: shifted(packet, mapped.label.pictures),
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

    /// Makes `packet` the first of another source.
    fn switch(&mut self, source: Source, packet: &Packet) {
        self.waiting = None;
        // A frame that was broken off is to be seen as lost, not as one that is complete.
        if self.newest.is_some_and(|newest| !newest.ends_frame) {
            self.sequences.leave_gap();
        }
        if let Some(descriptor) = &packet.vp8 {
            self.pictures.switch(descriptor);
        }
        if let Some(newest) = self.newest {
            let elapsed = packet.captured.saturating_duration_since(newest.captured);
            self.timestamps.switch(packet.timestamp, elapsed);
        }
        self.sequences.switch(Label {
            source,
            timestamp_offset: self.timestamps.offset(),
            pictures: self.pictures.shift(),
        });
        self.current = Some(source);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    fn packet(sequence: u64, timestamp: u32, picture: u16, keyframe: bool, ms: u64) -> Packet {
        let at = galene_testkit::epoch() + Duration::from_millis(ms);
        Packet {
            run: 0,
            sequence,
            timestamp,
            marker: true,
            ends_frame: true,
            payload: Arc::from([]),
            captured: at,
            arrived: at,
            starts_keyframe: Some(keyframe),
            vp8: Some(descriptor(picture, picture as u8)),
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
        let open = Packet { ends_frame: false, ..packet(11, 4_000, 501, false, 33) };
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
        let open = Packet { ends_frame: false, ..packet(10, 1_000, 500, true, 0) };
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
        forward.detach();
        assert_eq!(forward.accept(0, Layer::whole(0), &packet(5, 9, 1, false, 10)), None);
        let numbers =
            forward.accept(0, Layer::whole(0), &packet(6, 99, 2, true, 1_000)).expect("a keyframe");
        assert_eq!((numbers.sequence, numbers.timestamp), (1, 91_000));
    }
}
