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
    /// Numbers that arrived without anything under them, and have to wait as well.
    vacant: BTreeSet<u64>,
    /// Nothing but such numbers came since the packet that was looked at last.
    is_after_vacant: bool,
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
    /// The latest complete frames of the source, each with its highest spatial layer.
    complete: BTreeMap<u32, u8>,
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
    at: Instant,
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
    marker: bool,
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

/// Frames refer to one of the latest few.
const MAX_COMPLETE: usize = 64;

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
            vacant: BTreeSet::new(),
            is_after_vacant: false,
            next: None,
            start: 0,
            gap_since: None,
            given_up: BTreeSet::new(),
            last: None,
            assembling: None,
            segment: None,
            is_decodable: codec.kind() == MediaKind::Audio,
            complete: BTreeMap::new(),
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
        if packet.payload.is_empty() && self.codec.kind() == MediaKind::Video {
            return self.handle_vacant(now, packet.sequence);
        }
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
        self.waiting.insert(sequence, Arrival { at: now, stamp, timestamp, marker, vp8 });
        self.handle_timeout(now);
    }

    /// Takes in a packet with a number and nothing under it: a forwarder sends such where it turned out too
    /// late that it leaves something out.
    fn handle_vacant(&mut self, now: Instant, sequence: u64) {
        let Some(next) = self.next.filter(|_| sequence >= self.start) else { return };
        if self.given_up.remove(&sequence) {
            self.report.packets_late += 1;
        } else if sequence < next || self.waiting.contains_key(&sequence) {
            self.fault(sequence, FaultKind::SequenceRepeated);
        } else if self.vacant.insert(sequence) {
            self.report.packets_vacant += 1;
            self.handle_timeout(now);
        }
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
        loop {
            if let Some(arrival) = self.waiting.remove(&next) {
                self.look_at(now, next, &arrival, after_gap);
                (after_gap, self.is_after_vacant) = (false, false);
            } else if self.vacant.remove(&next) {
                self.is_after_vacant = true;
            } else {
                break;
            }
            next += 1;
        }
        if self.next != Some(next) {
            self.next = Some(next);
            self.gap_since = None;
        }
        if self.waiting.is_empty() {
            self.gap_since = None;
        } else {
            // It is missed since what comes after it arrived.
            let since = self.waiting.first_key_value().map_or(now, |(_, arrival)| arrival.at);
            self.gap_since.get_or_insert(since);
        }
    }

    /// Waits no longer for what is missing before the first packet that waits.
    fn give_up(&mut self, now: Instant) {
        let Some((next, (&first, _))) = self.next.zip(self.waiting.first_key_value()) else {
            return;
        };
        let waiting = self.vacant.split_off(&first);
        let vacant = std::mem::replace(&mut self.vacant, waiting);
        self.report.packets_lost += first - next - vacant.len() as u64;
        let missing = first.saturating_sub(MAX_GAP).max(next)..first;
        self.given_up.extend(missing.filter(|number| !vacant.contains(number)));
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
        let &Arrival { stamp, timestamp, marker, vp8, .. } = arrival;
        let is_video = self.codec.kind() == MediaKind::Video;
        let begins_keyframe = stamp.is_keyframe && stamp.packet == 0;
        let mut picture_id = None;

        if is_video && (marker && !stamp.is_last() || !marker && stamp.is_last() && stamp.is_top) {
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
                self.compare_sources(sequence, &last, &stamp, after_gap);
                if let Some((before, after)) = last.picture_id.zip(picture_id) {
                    self.compare_picture_ids(
                        sequence,
                        &last.stamp,
                        &stamp,
                        (before, after),
                        // What was left out there may have been a picture.
                        after_gap || self.is_after_vacant,
                    );
                }
            }
        }
        self.count(now, sequence, arrival, after_gap);
        self.report.encoding = Some(stamp.encoding);
        self.last = Some(Looked { stamp, timestamp, marker, picture_id });
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
    fn compare_sources(&mut self, sequence: u64, last: &Looked, stamp: &Stamp, after_gap: bool) {
        // Pictures end with the marker; a forwarder may set it where it leaves out higher spatial layers.
        let has_ended = last.marker || (last.stamp.is_last() && last.stamp.is_top);
        let last = &last.stamp;
        let (before, after) = (*last, *stamp);
        let is_video = self.codec.kind() == MediaKind::Video;
        if !stamp.has_source_of(last) {
            if is_video && !after_gap && !(stamp.is_keyframe && stamp.packet == 0) {
                self.fault(sequence, FaultKind::StartsWithoutKeyframe(after));
            }
            if !after_gap && !has_ended {
                self.fault(sequence, FaultKind::InvisibleLoss { before, after });
            }
        } else if (stamp.frame, stamp.packet) <= (last.frame, last.packet) {
            self.fault(sequence, FaultKind::SourceWentBack { before, after });
        } else if !after_gap {
            let follows = if has_ended {
                let is_next = stamp.frame == last.frame + 1;
                // A forwarder may leave frames out, but must go on with one that can be decoded.
                stamp.can_begin && (is_next || (is_video && self.is_built_on(stamp)))
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

    /// Returns whether the frame is a keyframe, or the one that it refers to has been received.
    fn is_built_on(&self, stamp: &Stamp) -> bool {
        let frame = stamp.frame.checked_sub(stamp.reference.into());
        stamp.is_keyframe || frame.is_some_and(|frame| self.complete.contains_key(&frame))
    }

    /// Takes note of a frame that is complete, with so many spatial layers, and checks that it can be
    /// decoded.
    fn complete(&mut self, sequence: u64, stamp: &Stamp) {
        let referred = stamp.frame.checked_sub(stamp.reference.into());
        let spatial = referred.and_then(|frame| self.complete.get(&frame));
        let is_built = stamp.is_keyframe || spatial.is_some_and(|top| *top >= stamp.spatial);
        // What comes without a keyframe after another source is a fault of its own.
        if self.is_decodable && !is_built && !self.complete.is_empty() {
            self.fault(sequence, FaultKind::Undecodable(*stamp));
        }
        self.complete.insert(stamp.frame, stamp.spatial);
        if self.complete.len() > MAX_COMPLETE {
            self.complete.pop_first();
        }
    }

    /// Counts a packet towards its frame and its source.
    fn count(&mut self, now: Instant, sequence: u64, arrival: &Arrival, after_gap: bool) {
        let Arrival { stamp, marker, .. } = arrival;
        let is_same_source = self.last.is_some_and(|last| last.stamp.has_source_of(stamp));
        match &mut self.segment {
            Some(segment) if is_same_source => {
                if !after_gap && stamp.frame > segment.last + 1 {
                    segment.skipped += stamp.frame - segment.last - 1;
                }
                segment.last = segment.last.max(stamp.frame);
            }
            segment => {
                let frame = stamp.frame;
                let new = Segment { first: frame, last: frame, complete: 0, skipped: 0 };
                let old = segment.replace(new);
                self.complete.clear();
                old.inspect(|old| old.add_to(&mut self.report));
            }
        }

        let expected = self.assembling.take().map(|before| (before.frame, before.packet + 1));
        let is_whole = stamp.can_begin || expected == Some((stamp.frame, stamp.packet));
        if !is_whole {
            return;
        }
        let is_video = self.codec.kind() == MediaKind::Video;
        if !stamp.is_last() || (is_video && !marker && !stamp.is_top) {
            self.assembling = Some(*stamp);
            return;
        }
        if is_video {
            self.complete(sequence, stamp);
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
mod tests;
