//! Looks at every packet of an RTP stream that a subscriber received, and at what is missing.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use crate::codec::{Codec, MediaKind};
use crate::fault::{Fault, FaultKind};
use crate::freeze::FreezeDetector;
use crate::payload::Vp8;
use crate::report::{Report, Switch};
use crate::stamp::Stamp;

/// Checks one RTP stream, and plays the part of a receiver's jitter buffer and decoder.
///
/// Packets may come in any order; they are looked at in the order of their sequence numbers. A gap is
/// waited for as long as a receiver would, and then given up.
///
/// A publisher's stamps are trusted, so the stream must come from a
/// [`PublisherPeer`](crate::PublisherPeer).
#[derive(Debug)]
pub struct EgressChecker {
    codec: Codec,
    give_up_after: Duration,
    may_miss_start: bool,
    /// What arrived and has to wait for something before it.
    waiting: BTreeMap<u64, Arrival>,
    /// The sequence number to be looked at next.
    next: Option<u64>,
    /// The first sequence number that was expected at all.
    start: u64,
    /// Since when something after a missing `next` has been waiting.
    gap_since: Option<Instant>,
    given_up: BTreeSet<u64>,
    last: Option<Looked>,
    /// The next packet of the frame that is being put together, if nothing of it is missing.
    assembling: Option<Stamp>,
    segment: Option<Segment>,
    /// Everything that the next frame builds upon was rendered.
    is_decodable: bool,
    freezes: FreezeDetector,
    report: Report,
    faults: Vec<Fault>,
}

/// A packet as a subscriber receives it, decrypted and unwrapped from RTX.
#[derive(Debug, Clone, Copy)]
pub struct ReceivedPacket<'a> {
    /// The sequence number, extended beyond 16 bits.
    pub sequence: u64,
    /// The RTP timestamp.
    pub timestamp: u32,
    /// Whether the marker is set.
    pub marker: bool,
    /// The payload.
    pub payload: &'a [u8],
}

/// What is kept of a packet that arrived.
#[derive(Debug, Clone, Copy)]
struct Arrival {
    stamp: Stamp,
    timestamp: u32,
    marker: bool,
    vp8: Option<Vp8>,
}

/// The packet that was looked at last.
#[derive(Debug, Clone, Copy)]
struct Looked {
    stamp: Stamp,
    timestamp: u32,
    picture_id: Option<u16>,
}

/// A run of frames of one source, to tell how many of them are missing.
#[derive(Debug, Clone, Copy)]
struct Segment {
    first: u32,
    last: u32,
    complete: u32,
    skipped: u32,
}

/// As long as libwebrtc waits for retransmissions of a packet before it asks for a keyframe, roughly:
/// several round trips.
const VIDEO_GIVE_UP: Duration = Duration::from_millis(500);

/// Audio is played without waiting for long.
const AUDIO_GIVE_UP: Duration = Duration::from_millis(200);

/// No more packets than this are ever lost in a row in our tests: three seconds of a large stream. A
/// longer gap is a forwarder's mistake.
const MAX_GAP: u64 = 3_000;

/// So many given-up sequence numbers are remembered, to tell late packets from repeated ones.
const MAX_GIVEN_UP: usize = 4_096;

/// More faults say nothing new.
const MAX_FAULTS: usize = 100;

impl EgressChecker {
    /// Returns a checker for a stream of this codec.
    pub fn new(codec: Codec) -> Self {
        let give_up_after = match codec.kind() {
            MediaKind::Audio => AUDIO_GIVE_UP,
            MediaKind::Video => VIDEO_GIVE_UP,
        };
        Self {
            codec,
            give_up_after,
            may_miss_start: false,
            waiting: BTreeMap::new(),
            next: None,
            start: 0,
            gap_since: None,
            given_up: BTreeSet::new(),
            last: None,
            assembling: None,
            segment: None,
            is_decodable: codec.kind() == MediaKind::Audio,
            freezes: FreezeDetector::default(),
            report: Report::default(),
            faults: Vec::new(),
        }
    }

    /// Waits this long for a missing packet. By default, 500 ms for video and 200 ms for audio.
    #[must_use]
    pub fn give_up_after(mut self, give_up_after: Duration) -> Self {
        self.give_up_after = give_up_after;
        self
    }

    /// Accepts that the stream begins with something else than a keyframe, because the network may
    /// have lost that.
    #[must_use]
    pub fn may_miss_start(mut self) -> Self {
        self.may_miss_start = true;
        self
    }

    /// Takes in a packet that arrived.
    pub fn handle_packet(&mut self, now: Instant, packet: ReceivedPacket<'_>) {
        let stamp = match Stamp::read(packet.payload) {
            Ok(stamp) => stamp,
            Err(error) => return self.fault(packet.sequence, FaultKind::Payload(error)),
        };
        let sequence = packet.sequence;
        // A forwarder starts with the beginning of a frame; if that is not what came first, the
        // beginning is late or lost.
        let next = *self.next.get_or_insert_with(|| {
            self.start = sequence.saturating_sub(u64::from(stamp.packet));
            self.start
        });
        if sequence < self.start || self.given_up.remove(&sequence) {
            self.report.packets_late += 1;
            return;
        }
        if sequence < next || self.waiting.contains_key(&sequence) {
            return self.fault(sequence, FaultKind::SequenceRepeated);
        }
        if sequence > next + MAX_GAP {
            self.fault(sequence, FaultKind::SequenceJumped { expected: next });
        }
        self.report.packets += 1;
        self.report.bytes += packet.payload.len() as u64;
        self.report.streams.insert(stamp.stream);
        let vp8 = (self.codec == Codec::Vp8).then(|| Vp8::read(packet.payload)).flatten();
        let ReceivedPacket { timestamp, marker, .. } = packet;
        self.waiting.insert(sequence, Arrival { stamp, timestamp, marker, vp8 });
        self.handle_timeout(now);
    }

    /// Tells that time has passed.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.look_at_contiguous(now, false);
        while self.poll_timeout().is_some_and(|deadline| deadline <= now) {
            self.give_up(now);
        }
    }

    /// Returns when the present gap will be given up.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.gap_since.map(|since| since + self.give_up_after)
    }

    /// Returns whether nothing can be shown until a keyframe comes, and none is coming.
    pub fn wants_keyframe(&self) -> bool {
        let mut coming = self.assembling.into_iter().chain(self.waiting.values().map(|a| a.stamp));
        !self.is_decodable && self.next.is_some() && !coming.any(|stamp| stamp.is_keyframe)
    }

    /// Returns what was counted so far. A frame that may still be completed is not counted.
    pub fn report(&self) -> Report {
        let mut report = self.report.clone();
        report.freezes = self.freezes.count();
        report.freeze_time = self.freezes.total();
        self.segment.inspect(|segment| segment.add_to(&mut report));
        let unfinished = u64::from(self.assembling.is_some());
        report.frames_lost = report.frames_lost.saturating_sub(unfinished);
        report
    }

    /// Returns whether anything came from the publisher's track of this number.
    pub fn has_seen(&self, stream: u32) -> bool {
        self.report.streams.contains(&stream)
    }

    /// Returns timestamp and time of capture of the packet that was looked at last.
    pub(crate) fn latest(&self) -> Option<(u32, Duration)> {
        self.last.map(|last| (last.timestamp, last.stamp.captured))
    }

    /// Returns what was found wrong, up to a hundred faults.
    pub fn faults(&self) -> &[Fault] {
        &self.faults
    }

    /// # Panics
    ///
    /// Panics if anything was wrong, and says what.
    #[track_caller]
    pub fn assert_clean(&self) {
        let faults: Vec<_> = self.faults.iter().map(|fault| format!("\n  {fault}")).collect();
        let (codec, report) = (self.codec, self.report());
        assert!(faults.is_empty(), "{codec} stream with {report}:{}", faults.concat());
    }

    /// Looks at all packets that nothing is missing before.
    fn look_at_contiguous(&mut self, now: Instant, mut after_gap: bool) {
        let Some(mut next) = self.next else { return };
        while let Some(arrival) = self.waiting.remove(&next) {
            self.look_at(now, next, &arrival, after_gap);
            next += 1;
            after_gap = false;
        }
        if self.next != Some(next) {
            self.next = Some(next);
            self.gap_since = None;
        }
        if self.waiting.is_empty() {
            self.gap_since = None;
        } else {
            self.gap_since.get_or_insert(now);
        }
    }

    /// Waits no longer for what is missing before the first packet that waits.
    fn give_up(&mut self, now: Instant) {
        let Some((next, (&first, _))) = self.next.zip(self.waiting.first_key_value()) else {
            return;
        };
        self.report.packets_lost += first - next;
        self.given_up.extend(first.saturating_sub(MAX_GAP).max(next)..first);
        while self.given_up.len() > MAX_GIVEN_UP {
            self.given_up.pop_first();
        }
        if self.codec.kind() == MediaKind::Video {
            self.assembling = None;
            self.is_decodable = false;
        }
        self.next = Some(first);
        self.gap_since = None;
        self.look_at_contiguous(now, true);
    }

    /// Looks at a packet in its turn. `after_gap` tells that something before it was given up.
    fn look_at(&mut self, now: Instant, sequence: u64, arrival: &Arrival, after_gap: bool) {
        let &Arrival { stamp, timestamp, marker, vp8 } = arrival;
        let is_video = self.codec.kind() == MediaKind::Video;
        let begins_keyframe = stamp.is_keyframe && stamp.packet == 0;
        let mut picture_id = None;

        if is_video && marker != stamp.is_last() {
            self.fault(sequence, FaultKind::Marker);
        }
        if self.codec == Codec::Vp8 {
            picture_id = vp8.and_then(|vp8| vp8.picture_id).map(|(id, _)| id);
            let fits = vp8.is_some_and(|vp8| {
                (vp8.starts_frame, vp8.is_keyframe) == (stamp.packet == 0, begins_keyframe)
            });
            if !fits || picture_id.is_none() {
                self.fault(sequence, FaultKind::Vp8Descriptor(stamp));
            }
        }
        match self.last {
            None => {
                if is_video && !begins_keyframe && !after_gap && !self.may_miss_start {
                    self.fault(sequence, FaultKind::StartsWithoutKeyframe(stamp));
                }
            }
            Some(last) => {
                self.compare_timestamps(now, sequence, &last, arrival);
                self.compare_sources(sequence, &last.stamp, &stamp, after_gap);
                if let Some((before, after)) = last.picture_id.zip(picture_id) {
                    self.compare_picture_ids(
                        sequence,
                        &last.stamp,
                        &stamp,
                        (before, after),
                        after_gap,
                    );
                }
            }
        }
        self.count(now, &stamp, after_gap);
        self.last = Some(Looked { stamp, timestamp, picture_id });
    }

    fn compare_timestamps(
        &mut self,
        now: Instant,
        sequence: u64,
        last: &Looked,
        arrival: &Arrival,
    ) {
        let stamp = arrival.stamp;
        let step = arrival.timestamp.wrapping_sub(last.timestamp);
        if step > u32::MAX / 2 {
            let ticks = step.wrapping_neg();
            return self.fault(sequence, FaultKind::TimestampWentBack { ticks });
        }
        if stamp.has_source_of(&last.stamp) {
            let expected = stamp.timestamp.wrapping_sub(last.stamp.timestamp);
            if (stamp.frame == last.stamp.frame) != (step == 0) {
                self.fault(sequence, FaultKind::TimestampNotPerFrame);
            } else if step != expected {
                let kind = FaultKind::TimestampDistorted { expected, actual: step };
                self.fault(sequence, kind);
            }
        } else {
            if step == 0 {
                self.fault(sequence, FaultKind::TimestampNotPerFrame);
            }
            let ticks = f64::from(step) / f64::from(self.codec.clock_rate_hz());
            let captured = stamp.captured.as_secs_f64() - last.stamp.captured.as_secs_f64();
            let timestamp_error = Duration::from_secs_f64((ticks - captured).abs());
            let (from, to) = (last.stamp, stamp);
            self.report.switches.push(Switch { at: now, from, to, timestamp_error });
        }
    }

    /// Checks that a packet comes where its publisher meant it to come.
    fn compare_sources(&mut self, sequence: u64, last: &Stamp, stamp: &Stamp, after_gap: bool) {
        let (before, after) = (*last, *stamp);
        let is_video = self.codec.kind() == MediaKind::Video;
        if !stamp.has_source_of(last) {
            if is_video && !after_gap && !(stamp.is_keyframe && stamp.packet == 0) {
                self.fault(sequence, FaultKind::StartsWithoutKeyframe(after));
            }
            if !after_gap && !last.is_last() {
                self.fault(sequence, FaultKind::InvisibleLoss { before, after });
            }
        } else if (stamp.frame, stamp.packet) <= (last.frame, last.packet) {
            self.fault(sequence, FaultKind::SourceWentBack { before, after });
        } else if !after_gap {
            let follows = if last.is_last() {
                let is_next = stamp.frame == last.frame + 1;
                // A forwarder may leave frames out, but must go on with a keyframe.
                stamp.packet == 0 && (is_next || (is_video && stamp.is_keyframe))
            } else {
                (stamp.frame, stamp.packet) == (last.frame, last.packet + 1)
            };
            if !follows {
                self.fault(sequence, FaultKind::InvisibleLoss { before, after });
            }
        }
    }

    /// RFC 7741 §4.2: the PictureID stays within a frame and grows by one from frame to frame.
    fn compare_picture_ids(
        &mut self,
        sequence: u64,
        last: &Stamp,
        stamp: &Stamp,
        (before, after): (u16, u16),
        after_gap: bool,
    ) {
        let step = after.wrapping_sub(before) & 0x7fff;
        let is_same_source = stamp.has_source_of(last);
        let fits = if is_same_source && stamp.frame == last.frame {
            step == 0
        } else if !after_gap {
            step == 1
        } else if is_same_source {
            step >= 1 && u32::from(step) <= stamp.frame.wrapping_sub(last.frame)
        } else {
            (1..0x4000).contains(&step)
        };
        if !fits {
            self.fault(sequence, FaultKind::PictureId { before, after });
        }
    }

    /// Counts a packet towards its frame and its source.
    fn count(&mut self, now: Instant, stamp: &Stamp, after_gap: bool) {
        let is_same_source = self.last.is_some_and(|last| last.stamp.has_source_of(stamp));
        match &mut self.segment {
            Some(segment) if is_same_source => {
                if !after_gap && stamp.is_keyframe && stamp.frame > segment.last + 1 {
                    segment.skipped += stamp.frame - segment.last - 1;
                }
                segment.last = segment.last.max(stamp.frame);
            }
            segment => {
                let frame = stamp.frame;
                let new = Segment { first: frame, last: frame, complete: 0, skipped: 0 };
                let old = segment.replace(new);
                old.inspect(|old| old.add_to(&mut self.report));
            }
        }

        let expected = self.assembling.take().map(|before| (before.frame, before.packet + 1));
        let is_whole = stamp.packet == 0 || expected == Some((stamp.frame, stamp.packet));
        if !is_whole {
            return;
        }
        if !stamp.is_last() {
            self.assembling = Some(*stamp);
            return;
        }
        if let Some(segment) = &mut self.segment {
            segment.complete += 1;
        }
        self.is_decodable |= stamp.is_keyframe;
        if self.is_decodable {
            self.render(now, stamp);
        }
    }

    fn render(&mut self, now: Instant, stamp: &Stamp) {
        self.report.frames_rendered += 1;
        self.report.keyframes += u64::from(stamp.is_keyframe);
        self.report.first_rendered.get_or_insert(now);
        self.report.last_rendered = Some(now);
        let captured = crate::epoch() + stamp.captured;
        self.report.latencies.push(now.saturating_duration_since(captured));
        if self.codec.kind() == MediaKind::Video {
            self.freezes.handle_frame(now);
        }
    }

    fn fault(&mut self, sequence: u64, kind: FaultKind) {
        if self.faults.len() < MAX_FAULTS {
            self.faults.push(Fault { sequence, kind });
        }
    }
}

impl Segment {
    fn add_to(&self, report: &mut Report) {
        let sent = u64::from(self.last - self.first) + 1;
        let (complete, skipped) = (u64::from(self.complete), u64::from(self.skipped));
        report.frames_complete += complete;
        report.frames_skipped += skipped;
        report.frames_lost += sent.saturating_sub(complete + skipped);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::epoch;
    use crate::source::Source;
    use crate::stamp::StampError;

    #[test]
    fn a_stream_that_is_as_it_should_be_has_no_faults() {
        for codec in Codec::ALL {
            let mut checker = EgressChecker::new(codec);
            feed(&mut checker, packets(codec, 3));
            checker.assert_clean();
            let report = checker.report();
            assert!(report.frames_complete > 80, "{report}");
            assert_eq!(report.frames_complete, report.frames_rendered);
            assert_eq!((report.frames_lost, report.packets_lost, report.freezes), (0, 0, 0));
        }
    }

    #[test]
    fn a_repeated_packet_is_a_fault() {
        let mut sent = packets(Codec::Vp8, 2);
        sent.insert(21, sent[20].clone());
        assert_eq!(faults(sent), [FaultKind::SequenceRepeated]);
    }

    #[test]
    fn a_missing_packet_is_visible_and_costs_its_frame_and_the_decoder() {
        let mut sent = packets(Codec::Vp8, 3);
        let lost = sent.remove(60);
        let lost = Stamp::read(&lost.payload).expect("freshly stamped");
        let mut checker = EgressChecker::new(Codec::Vp8);
        feed(&mut checker, sent);
        checker.assert_clean();
        let report = checker.report();
        assert_eq!((report.packets_lost, report.frames_lost), (1, 1), "{report}");
        // Frame 30 is a keyframe.
        let shown = u64::from(lost.frame) + report.frames_complete + 1 - 30;
        assert_eq!((report.frames_rendered, report.keyframes, report.freezes), (shown, 2, 1));
    }

    #[test]
    fn a_missing_packet_without_a_gap_is_a_fault() {
        let mut sent = packets(Codec::Opus, 2);
        let lost = sent.remove(20);
        close_gap(&mut sent, lost.sequence);
        assert!(matches!(faults_of(Codec::Opus, sent)[..], [FaultKind::InvisibleLoss { .. }]));

        let mut sent = packets(Codec::H264, 2);
        let at = sent.iter().position(|p| !p.marker).expect("frames of several packets");
        let lost = sent.remove(at + 1);
        close_gap(&mut sent, lost.sequence);
        assert!(matches!(faults_of(Codec::H264, sent)[..], [FaultKind::InvisibleLoss { .. }, ..]));
    }

    #[test]
    fn frames_may_be_left_out_before_a_keyframe_only() {
        let with_cut = |until: fn(&Stamp) -> bool| {
            let mut sent = packets(Codec::H264, 3);
            let stamps = |p: &Sent| Stamp::read(&p.payload).expect("freshly stamped");
            let begin = sent.iter().position(|p| stamps(p).frame == 10).expect("ten frames");
            let end = sent.iter().position(|p| until(&stamps(p))).expect("such a frame");
            let cut: Vec<_> = sent.drain(begin..end).collect();
            cut.into_iter().rev().for_each(|p| close_gap(&mut sent, p.sequence));
            sent
        };
        // The source makes a keyframe of frame 30.
        let skipping = with_cut(|stamp| stamp.frame == 30);
        let mut checker = EgressChecker::new(Codec::H264);
        feed(&mut checker, skipping);
        checker.assert_clean();
        assert_eq!((checker.report().frames_skipped, checker.report().frames_lost), (20, 0));
        let skipping = with_cut(|stamp| stamp.frame == 25);
        assert!(matches!(faults_of(Codec::H264, skipping)[..], [FaultKind::InvisibleLoss { .. }]));
    }

    #[test]
    fn a_timestamp_that_goes_back_is_a_fault() {
        let mut sent = packets(Codec::Opus, 2);
        sent[30].timestamp -= 2_000;
        assert_eq!(faults_of(Codec::Opus, sent)[0], FaultKind::TimestampWentBack { ticks: 1_040 });
    }

    #[test]
    fn a_timestamp_must_belong_to_its_frame_and_advance_as_the_publishers_does() {
        let mut sent = packets(Codec::Vp8, 2);
        sent[1].timestamp += 90;
        assert_eq!(faults(sent)[0], FaultKind::TimestampNotPerFrame);
        let mut sent = packets(Codec::Opus, 2);
        sent[30..].iter_mut().for_each(|p| p.timestamp += 960);
        let kind = FaultKind::TimestampDistorted { expected: 960, actual: 1_920 };
        assert_eq!(faults_of(Codec::Opus, sent), [kind]);
    }

    #[test]
    fn a_stream_must_begin_with_a_keyframe() {
        let mut sent = packets(Codec::Vp8, 2);
        let second = sent.iter().position(|p| p.marker).expect("frames end") + 1;
        sent.drain(..second);
        assert!(matches!(faults(sent.clone())[..], [FaultKind::StartsWithoutKeyframe(_)]));
        let mut checker = EgressChecker::new(Codec::Vp8).may_miss_start();
        feed(&mut checker, sent);
        checker.assert_clean();
    }

    #[test]
    fn marker_picture_id_and_payload_are_looked_at() {
        let mut sent = packets(Codec::Vp8, 2);
        let last = sent.iter().position(|p| p.marker).expect("frames end");
        sent[last].marker = false;
        assert_eq!(faults(sent.clone()), [FaultKind::Marker]);

        sent[last].marker = true;
        let (before, after) = (sent[last].payload[3], sent[last + 1].payload[3]);
        sent[last + 1].payload[3] = before;
        let kinds = faults(sent.clone());
        assert!(matches!(kinds[0], FaultKind::PictureId { before, after } if before == after));

        sent[last + 1].payload[3] = after;
        sent[last + 1].payload[60] ^= 1;
        assert!(matches!(faults(sent)[..], [FaultKind::Payload(StampError::Altered(_))]));
    }

    #[test]
    fn overtaken_packets_are_waited_for_and_later_ones_count_as_late() {
        let mut sent = packets(Codec::Vp8, 2);
        let (early, late) = (sent[10].at, sent[40].at);
        sent[10].at = early + Duration::from_millis(400);
        sent[40].at = late + Duration::from_millis(900);
        sent.sort_by_key(|p| p.at);
        let mut checker = EgressChecker::new(Codec::Vp8);
        feed(&mut checker, sent);
        checker.assert_clean();
        let report = checker.report();
        assert_eq!((report.packets_lost, report.packets_late, report.frames_lost), (1, 1, 1));
    }

    #[test]
    fn a_keyframe_is_wanted_while_none_is_coming() {
        let mut sent = packets(Codec::Vp8, 1);
        sent.retain(|p| Stamp::read(&p.payload).expect("freshly stamped").frame < 20);
        let rest = sent.split_off(2);
        let mut checker = EgressChecker::new(Codec::Vp8);
        assert!(!checker.wants_keyframe());
        feed(&mut checker, sent);
        assert!(!checker.wants_keyframe(), "the first keyframe is coming");
        feed(&mut checker, rest[1..].to_vec());
        assert!(checker.wants_keyframe(), "the first keyframe was lost");
    }

    #[test]
    fn a_jump_of_the_sequence_numbers_is_a_fault() {
        let mut sent = packets(Codec::Opus, 2);
        sent[50..].iter_mut().for_each(|p| p.sequence += 10_000);
        let expected = sent[49].sequence + 1;
        assert_eq!(faults_of(Codec::Opus, sent)[0], FaultKind::SequenceJumped { expected });
    }

    #[test]
    fn a_switch_of_sources_is_noted_and_must_happen_at_a_keyframe() {
        let switched = |from: usize| {
            let mut sent = packets(Codec::H264, 1);
            while !sent.last().expect("not all").marker {
                sent.pop();
            }
            let last = sent.last().expect("not all").clone();
            let mut source = Source::new(Codec::H264, 2, 1, 100_000, last.at);
            let mut other = sent_by(&mut source, last.at + Duration::from_secs(1), 1_000);
            other.drain(..from);
            let (at, timestamp) = (other[0].at, other[0].timestamp);
            for (packet, sequence) in other.iter_mut().zip(last.sequence + 1..) {
                packet.sequence = sequence;
                let step = packet.timestamp.wrapping_sub(timestamp);
                let pause = u32::try_from((at - last.at).as_millis() * 90).expect("short");
                packet.timestamp = last.timestamp.wrapping_add(step + pause + 900);
            }
            [sent, other].concat()
        };
        let mut checker = EgressChecker::new(Codec::H264);
        feed(&mut checker, switched(0));
        checker.assert_clean();
        let report = checker.report();
        let [switch] = report.switches[..] else { panic!("{:?}", report.switches) };
        assert_eq!((switch.from.stream, switch.to.stream, switch.to.encoding), (1, 2, 1));
        assert!(switch.timestamp_error.abs_diff(Duration::from_millis(10)) < MS, "{switch:?}");
        let kinds = faults_of(Codec::H264, switched(3));
        assert!(matches!(kinds[..], [FaultKind::StartsWithoutKeyframe(_)]), "{kinds:?}");
    }

    const MS: Duration = Duration::from_millis(1);

    #[derive(Clone)]
    struct Sent {
        at: Instant,
        sequence: u64,
        timestamp: u32,
        marker: bool,
        payload: Vec<u8>,
    }

    /// Returns what a source sends in so many seconds, with another keyframe at frame 30.
    fn packets(codec: Codec, seconds: u64) -> Vec<Sent> {
        let mut source = Source::new(codec, 1, 0, 1_000_000, epoch());
        source.start_at(1_000, 5_000);
        sent_by(&mut source, epoch() + Duration::from_secs(seconds), 30)
    }

    fn sent_by(source: &mut Source, until: Instant, keyframe_at: u64) -> Vec<Sent> {
        let mut sent = Vec::new();
        while source.poll_timeout() <= until {
            if source.counts().frames == keyframe_at {
                source.request_keyframe();
            }
            let Some(frame) = source.poll(source.poll_timeout()) else { continue };
            let last = frame.payloads.len() - 1;
            sent.extend(frame.payloads.iter().enumerate().map(|(i, payload)| Sent {
                at: frame.captured,
                sequence: frame.sequence + i as u64,
                timestamp: frame.timestamp,
                marker: i == last && payload.len() > 200,
                payload: payload.to_vec(),
            }));
        }
        sent
    }

    /// Renumbers the packets after one that was taken out.
    fn close_gap(sent: &mut [Sent], lost: u64) {
        sent.iter_mut().filter(|p| p.sequence > lost).for_each(|p| p.sequence -= 1);
    }

    fn feed(checker: &mut EgressChecker, sent: Vec<Sent>) {
        for Sent { at, sequence, timestamp, marker, payload } in sent {
            while let Some(deadline) = checker.poll_timeout().filter(|&deadline| deadline < at) {
                checker.handle_timeout(deadline);
            }
            let payload = &payload;
            checker.handle_packet(at, ReceivedPacket { sequence, timestamp, marker, payload });
        }
        while let Some(deadline) = checker.poll_timeout() {
            checker.handle_timeout(deadline);
        }
    }

    fn faults(sent: Vec<Sent>) -> Vec<FaultKind> {
        faults_of(Codec::Vp8, sent)
    }

    fn faults_of(codec: Codec, sent: Vec<Sent>) -> Vec<FaultKind> {
        let mut checker = EgressChecker::new(codec);
        feed(&mut checker, sent);
        checker.faults().iter().map(|fault| fault.kind).collect()
    }
}
