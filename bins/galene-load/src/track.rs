//! Verifies one RTP stream of a subscriber, packet by packet, in memory that does not grow.

use crate::packets;
use crate::source::Kind;
use crate::stamp::Stamp;
use crate::tally::Tally;
use crate::window::Window;

/// So many frames of video are kept book of: two seconds, after which no retransmission comes.
const FRAMES: usize = 64;
/// A frame that is not whole when so many later ones have begun, half a second, cannot be shown in
/// time: a browser asks for a keyframe.
const PATIENCE: u32 = 15;
const WORDS: usize = packets::MAX_PACKETS / 64;

/// One RTP stream that is received.
#[derive(Debug)]
pub(crate) struct ReceivedTrack {
    kind: Kind,
    highest: Option<Highest>,
    /// The sequence numbers since measuring began.
    measured: Option<Measured>,
    /// By the number of the frame.
    frames: Box<[Book]>,
    /// The recent packets of audio, a bit each, by their numbers.
    heard: u128,
    latest_heard: Option<u32>,
    has_keyframe: bool,
    wants_keyframe: bool,
}

/// A packet as it came out of SRTP.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Packet<'a> {
    /// The extended sequence number.
    pub(crate) sequence: u64,
    pub(crate) timestamp: u32,
    pub(crate) payload: &'a [u8],
}

#[derive(Debug, Clone, Copy)]
struct Highest {
    sequence: u64,
    timestamp: u32,
    frame: (u8, u32),
}

#[derive(Debug, Clone, Copy)]
struct Measured {
    first: u64,
    last: u64,
    received: u64,
}

/// What came of one frame.
#[derive(Debug, Clone, Copy, Default)]
struct Book {
    frame: u32,
    encoding: u8,
    is_measured: bool,
    is_given_up: bool,
    packets: u16,
    received: u16,
    seen: [u64; WORDS],
}

impl ReceivedTrack {
    /// Returns a stream of which nothing came yet.
    pub(crate) fn new(kind: Kind) -> Self {
        let frames = match kind {
            Kind::Audio => Box::default(),
            Kind::Video => vec![Book::default(); FRAMES].into(),
        };
        Self {
            kind,
            highest: None,
            measured: None,
            frames,
            heard: 0,
            latest_heard: None,
            has_keyframe: false,
            wants_keyframe: false,
        }
    }

    /// Returns whether this is sound or pictures.
    pub(crate) fn kind(&self) -> Kind {
        self.kind
    }

    /// Returns whether a browser would ask for a keyframe now. Says so once per reason.
    pub(crate) fn take_keyframe_wish(&mut self) -> bool {
        std::mem::take(&mut self.wants_keyframe)
    }

    /// Returns whether this is video of which no keyframe came yet.
    pub(crate) fn lacks_keyframe(&self) -> bool {
        self.kind == Kind::Video && !self.has_keyframe
    }

    /// Takes in a packet that arrived at `now`, by the clock of the stamps.
    pub(crate) fn handle(
        &mut self,
        now: u64,
        packet: Packet<'_>,
        window: &Window,
        tally: &mut Tally,
    ) {
        let behind = match self.kind {
            Kind::Audio => packets::after_opus_header(packet.payload),
            Kind::Video => packets::after_vp8_headers(packet.payload),
        };
        let Some(stamp) = behind.and_then(Stamp::read) else {
            tally.received.corrupt += 1;
            return;
        };
        let is_measured = window.contains(stamp.sent);
        let is_in_order = self.highest.is_none_or(|highest| packet.sequence > highest.sequence);
        if !self.is_new(&stamp, is_measured, tally) {
            if is_measured {
                tally.received.duplicates += 1;
            }
            return;
        }
        self.has_keyframe |= stamp.is_keyframe;
        let is_timestamp_wrong = self.is_timestamp_wrong(&packet, &stamp, is_in_order);
        self.note_sequence(packet.sequence, is_measured);
        if !is_measured {
            return;
        }
        let received = &mut tally.received;
        match self.kind {
            Kind::Audio => received.audio += 1,
            Kind::Video => received.video += 1,
        }
        received.bytes += packet.payload.len() as u64;
        received.timestamp_errors += u64::from(is_timestamp_wrong);
        let latency = now.saturating_sub(stamp.sent);
        if is_in_order {
            tally.latency.record(latency);
        } else {
            received.out_of_order += 1;
            tally.late_latency.record(latency);
        }
    }

    /// Counts what is left when the stream has ended.
    pub(crate) fn finish(&mut self, tally: &mut Tally) {
        for book in self.frames.iter().filter(|book| book.is_partial()) {
            tally.received.partial_frames += u64::from(book.is_measured);
        }
        if let Some(Measured { first, last, received }) = self.measured.take() {
            tally.received.missing += (last - first + 1).saturating_sub(received);
        }
    }

    /// Notes the contents, and returns whether they were not received before.
    fn is_new(&mut self, stamp: &Stamp, is_measured: bool, tally: &mut Tally) -> bool {
        match self.kind {
            Kind::Audio => self.is_new_audio(stamp.number),
            Kind::Video => self.is_new_video(stamp, is_measured, tally),
        }
    }

    fn is_new_audio(&mut self, number: u32) -> bool {
        let latest = *self.latest_heard.get_or_insert(number.wrapping_sub(1));
        let ahead = number.wrapping_sub(latest).cast_signed();
        if ahead > 0 {
            self.heard = self.heard.checked_shl(ahead.unsigned_abs()).unwrap_or(0) | 1;
            self.latest_heard = Some(number);
            return true;
        }
        let Some(bit) = 1_u128.checked_shl(ahead.unsigned_abs()) else { return true };
        let is_new = self.heard & bit == 0;
        self.heard |= bit;
        is_new
    }

    fn is_new_video(&mut self, stamp: &Stamp, is_measured: bool, tally: &mut Tally) -> bool {
        let index = stamp.frame as usize % FRAMES;
        let book = &mut self.frames[index];
        let is_other = (book.frame, book.encoding) != (stamp.frame, stamp.encoding);
        if is_other || book.packets == 0 {
            let age = book.frame.wrapping_sub(stamp.frame).cast_signed();
            if book.packets != 0 && book.encoding == stamp.encoding && age > 0 {
                // Of a frame whose book was closed long ago: it counts, and nothing is known of it.
                return true;
            }
            if book.is_partial() {
                tally.received.partial_frames += u64::from(book.is_measured);
            }
            *book = Book {
                frame: stamp.frame,
                encoding: stamp.encoding,
                is_measured,
                packets: stamp.packets,
                ..Book::default()
            };
            self.look_back(stamp);
        }
        let book = &mut self.frames[index];
        let (word, bit) = (usize::from(stamp.packet) / 64, 1 << (stamp.packet % 64));
        let Some(word) = book.seen.get_mut(word) else { return true };
        if *word & bit != 0 {
            return false;
        }
        *word |= bit;
        book.received += 1;
        if book.received == book.packets && book.is_measured {
            tally.received.frames += 1;
        }
        true
    }

    /// Wishes for a keyframe if an earlier frame is still not whole.
    fn look_back(&mut self, stamp: &Stamp) {
        let frame = stamp.frame.wrapping_sub(PATIENCE);
        let book = &mut self.frames[frame as usize % FRAMES];
        let is_it = (book.frame, book.encoding) == (frame, stamp.encoding);
        if is_it && book.is_partial() && !book.is_given_up {
            book.is_given_up = true;
            self.wants_keyframe = true;
        }
    }

    fn is_timestamp_wrong(
        &mut self,
        packet: &Packet<'_>,
        stamp: &Stamp,
        is_in_order: bool,
    ) -> bool {
        let Packet { sequence, timestamp, .. } = *packet;
        let frame = (stamp.encoding, stamp.frame);
        let latest = Highest { sequence, timestamp, frame };
        let highest = *self.highest.get_or_insert(latest);
        if is_in_order {
            self.highest = Some(latest);
        }
        let ticks = timestamp.wrapping_sub(highest.timestamp).cast_signed();
        if frame == highest.frame { ticks != 0 } else { is_in_order && ticks <= 0 }
    }

    fn note_sequence(&mut self, sequence: u64, is_measured: bool) {
        let fresh = Measured { first: sequence, last: sequence, received: 0 };
        if is_measured {
            let measured = self.measured.get_or_insert(fresh);
            measured.last = measured.last.max(sequence);
        }
        if let Some(measured) = &mut self.measured
            && (measured.first..=measured.last).contains(&sequence)
        {
            measured.received += 1;
        }
    }
}

impl Book {
    fn is_partial(&self) -> bool {
        self.received < self.packets
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;
    use std::time::Instant;

    use fastrand::Rng;

    use super::*;
    use crate::source::{Format, Source};

    #[test]
    fn a_whole_stream_is_clean() {
        for kind in [Kind::Video, Kind::Audio] {
            let tally = run(kind, |packets| packets);
            let received = tally.received;
            assert_eq!(received.packets(), sent(kind).len() as u64);
            assert_eq!(tally.latency.count(), received.packets());
            let expected = if kind == Kind::Video { 90 } else { 0 };
            assert_eq!((received.frames, received.partial_frames), (expected, 0));
            assert_eq!((received.missing, received.duplicates, received.out_of_order), (0, 0, 0));
            assert_eq!((received.corrupt, received.timestamp_errors), (0, 0));
        }
    }

    #[test]
    fn a_lost_packet_is_missing_and_breaks_its_frame() {
        let tally = run(Kind::Video, |mut packets| {
            packets.remove(100);
            packets
        });
        assert_eq!((tally.received.missing, tally.received.partial_frames), (1, 1));
        assert_eq!(tally.received.frames, 89);
        let tally = run(Kind::Audio, |mut packets| {
            packets.remove(100);
            packets
        });
        assert_eq!(tally.received.missing, 1);
    }

    #[test]
    fn a_packet_that_comes_later_repairs_its_frame() {
        for kind in [Kind::Video, Kind::Audio] {
            let tally = run(kind, |mut packets| {
                let late = packets.remove(50);
                packets.insert(60, late);
                packets
            });
            assert_eq!((tally.received.missing, tally.received.out_of_order), (0, 1));
            assert_eq!((tally.received.partial_frames, tally.late_latency.count()), (0, 1));
            assert_eq!((tally.received.duplicates, tally.received.timestamp_errors), (0, 0));
        }
    }

    #[test]
    fn contents_that_come_twice_are_duplicates_whatever_their_number() {
        for kind in [Kind::Video, Kind::Audio] {
            let tally = run(kind, |mut packets| {
                let (sequence, timestamp, payload) = packets[50].clone();
                for (later, _, _) in &mut packets[51..] {
                    *later += 1;
                }
                packets.insert(51, (sequence + 1, timestamp, payload));
                packets
            });
            assert_eq!(tally.received.duplicates, 1);
        }
    }

    #[test]
    fn changed_contents_and_timestamps_are_noticed() {
        for kind in [Kind::Video, Kind::Audio] {
            let tally = run(kind, |mut packets| {
                let last = packets[20].2.len() - 1;
                packets[20].2[last] ^= 1;
                packets[30].1 = packets[30].1.wrapping_sub(1_000_000);
                packets
            });
            assert_eq!(tally.received.corrupt, 1);
            assert!(tally.received.timestamp_errors >= 1);
        }
    }

    #[test]
    fn a_frame_that_stays_broken_is_a_reason_for_one_keyframe_request() {
        let mut packets = sent(Kind::Video);
        packets.remove(40);
        let (window, mut tally) = (open(), Tally::default());
        let mut track = ReceivedTrack::new(Kind::Video);
        assert!(track.lacks_keyframe());
        let mut wishes = 0;
        for packet in &packets {
            track.handle(100, borrowed(packet), &window, &mut tally);
            wishes += u32::from(track.take_keyframe_wish());
        }
        assert_eq!((wishes, track.lacks_keyframe()), (1, false));
    }

    #[test]
    fn nothing_counts_before_the_window_opens() {
        let (window, mut tally) = (Window::new(), Tally::default());
        let mut track = ReceivedTrack::new(Kind::Video);
        for packet in &sent(Kind::Video) {
            track.handle(100, borrowed(packet), &window, &mut tally);
        }
        track.finish(&mut tally);
        assert_eq!(tally.received, crate::tally::Received::default());
    }

    type Owned = (u64, u32, Vec<u8>);

    fn sent(kind: Kind) -> Vec<Owned> {
        let format = match kind {
            Kind::Audio => Format::Opus,
            Kind::Video => Format::Vp8 { bitrate: 1_500_000, fps: 30 },
        };
        let mut source = Source::new(format, 1, 0, Rng::with_seed(1), Instant::now());
        // A frame's time is not a whole number of nanoseconds.
        let end = source.next_at() + Duration::from_millis(2_999);
        let mut packets = Vec::new();
        while source.next_at() < end {
            let at = source.next_at();
            let frame = source.poll(at, 50).expect("it is due");
            let numbered = (frame.sequence..).zip(&frame.payloads);
            packets.extend(numbered.map(|(s, p)| (s, frame.timestamp, p.to_vec())));
        }
        packets
    }

    fn run(kind: Kind, change: impl FnOnce(Vec<Owned>) -> Vec<Owned>) -> Tally {
        let (window, mut tally) = (open(), Tally::default());
        let mut track = ReceivedTrack::new(kind);
        for packet in &change(sent(kind)) {
            track.handle(100, borrowed(packet), &window, &mut tally);
        }
        track.finish(&mut tally);
        tally
    }

    fn open() -> Window {
        let window = Window::new();
        window.open(10);
        window
    }

    fn borrowed((sequence, timestamp, payload): &Owned) -> Packet<'_> {
        Packet { sequence: *sequence, timestamp: *timestamp, payload }
    }
}
