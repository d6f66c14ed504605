//! Decides which packets of a track one subscriber gets, and under which numbers.
//!
//! Whatever the source, the subscriber sees one RTP stream: one SSRC, sequence numbers without gaps of
//! our making, timestamps and VP8 picture numbers that go on (RFC 7667 §3.7).

use std::time::Instant;

use galene_rtp::{SequenceMap, TimestampMap, Vp8Descriptor, Vp8Numbering, Vp8Shift};

use crate::packet::Packet;
use crate::sent_numbers::SentNumbers;

/// The state of one forwarded track.
#[derive(Debug)]
pub(crate) struct Forward {
    /// What is being forwarded; none until a keyframe of it has come.
    current: Option<Source>,
    sequences: SequenceMap<Vp8Shift>,
    timestamps: TimestampMap,
    pictures: Vp8Numbering,
    sent: SentNumbers,
    newest: Option<Newest>,
}

/// An encoding, as long as it comes under one SSRC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Source {
    encoding: usize,
    run: u32,
}

/// The newest packet that was forwarded.
#[derive(Debug, Clone, Copy)]
struct Newest {
    sequence: u64,
    captured: Instant,
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
            sequences: SequenceMap::new(u64::from(first_sequence >> 1), Vp8Shift::default()),
            timestamps: TimestampMap::new(clock_rate_hz),
            pictures: Vp8Numbering::new(),
            sent: SentNumbers::default(),
            newest: None,
        }
    }

    /// Lets go of the source: the next one starts with a keyframe.
    pub(crate) fn detach(&mut self) {
        self.current = None;
    }

    /// Returns which encoding is being forwarded.
    pub(crate) fn current(&self) -> Option<usize> {
        self.current.map(|source| source.encoding)
    }

    /// Decides about a packet of the track, while the encoding `target` is wanted. No two packets ever
    /// get the same number, whatever a publisher sends.
    pub(crate) fn accept(
        &mut self,
        encoding: usize,
        target: usize,
        packet: &Packet,
    ) -> Option<Numbers> {
        let source = Source { encoding, run: packet.run };
        if self.current != Some(source) {
            if encoding == target && packet.starts_keyframe == Some(true) {
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
        let vp8 = packet.vp8.map(|descriptor| descriptor.shifted(mapped.label));
        if let Some(descriptor) = &vp8 {
            self.pictures.sent(descriptor);
        }
        if self.newest.is_none_or(|n| n.sequence < mapped.sequence) {
            self.newest = Some(Newest { sequence: mapped.sequence, captured: packet.captured });
        }
        Some(Numbers {
            sequence: mapped.sequence,
            timestamp: self.timestamps.map(packet.timestamp),
            vp8: vp8.filter(|_| mapped.label != Vp8Shift::default()),
        })
    }

    /// Makes `packet` the first of another source.
    fn switch(&mut self, source: Source, packet: &Packet) {
        if let Some(descriptor) = &packet.vp8 {
            self.pictures.switch(descriptor);
        }
        self.sequences.switch(self.pictures.shift());
        if let Some(newest) = self.newest {
            let elapsed = packet.captured.saturating_duration_since(newest.captured);
            self.timestamps.switch(packet.timestamp, elapsed);
        }
        self.current = Some(source);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;

    fn packet(sequence: u64, timestamp: u32, picture: u16, keyframe: bool, ms: u64) -> Packet {
        let at = galene_testkit::epoch() + Duration::from_millis(ms);
        Packet {
            run: 0,
            sequence,
            timestamp,
            marker: true,
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
        assert_eq!(forward.accept(0, 0, &packet(70_000, 0, 0, false, 0)), None);
        let first = forward.accept(0, 0, &packet(70_001, 3_000, 1, true, 33));
        assert_eq!(first.map(|n| (n.sequence, n.timestamp)), Some((100, 3_000)));
        let late = forward.accept(0, 0, &packet(70_000, 0, 0, false, 40));
        assert_eq!(late, None, "what lies before the keyframe is of no use");
    }

    #[test]
    fn a_switch_waits_for_a_keyframe_and_all_numbers_go_on() {
        let mut forward = Forward::new(0, 90_000);
        forward.accept(0, 0, &packet(10, 1_000, 500, true, 0));
        forward.accept(0, 0, &packet(11, 4_000, 501, false, 33));

        assert!(forward.accept(1, 1, &packet(900, 77, 9, false, 50)).is_none());
        let still = forward.accept(0, 1, &packet(12, 7_000, 502, false, 66));
        assert_eq!(still.map(|n| n.sequence), Some(2));

        let switched = forward.accept(1, 1, &packet(901, 3_077, 10, true, 100));
        let numbers = switched.expect("the keyframe is where the switch happens");
        assert_eq!(numbers.sequence, 3);
        assert_eq!(numbers.timestamp, 7_000 + 34 * 90);
        assert_eq!(numbers.vp8, Some(descriptor(503, 503u16 as u8)));
        assert_eq!(forward.accept(0, 1, &packet(13, 10_000, 503, false, 101)), None);
        let next = forward.accept(1, 1, &packet(902, 6_077, 11, false, 133));
        assert_eq!(next.map(|n| n.sequence), Some(4));
    }

    #[test]
    fn another_track_in_the_same_section_goes_on_too() {
        let mut forward = Forward::new(0, 90_000);
        forward.accept(0, 0, &packet(10, 1_000, 500, true, 0));
        forward.detach();
        assert_eq!(forward.accept(0, 0, &packet(5, 9, 1, false, 10)), None);
        let numbers = forward.accept(0, 0, &packet(6, 99, 2, true, 1_000)).expect("a keyframe");
        assert_eq!((numbers.sequence, numbers.timestamp), (1, 91_000));
    }
}
