//! Stands in for microphone, camera and encoder: makes the packets of one encoding.

use std::sync::Arc;
use std::time::{Duration, Instant};

use fastrand::Rng;

use crate::camera::Camera;
use crate::codec::{Codec, MediaKind};
use crate::epoch;
use crate::payload::{Frame, Layers};
use crate::scalability::Scalability;
use crate::stamp::Stamp;

/// Makes frames in virtual time, one encoding of one track.
#[derive(Debug)]
pub(crate) struct Source {
    codec: Codec,
    stream: u32,
    encoding: u8,
    rng: Rng,
    /// What decides about the sizes of frames, if they are to be as those of a camera.
    camera: Option<Camera>,
    has_fec: bool,
    bitrate: u64,
    /// Frames are made, unless there is no bandwidth for them or nobody wants them.
    is_active: bool,
    next_at: Instant,
    frame: u32,
    sequence: u64,
    first_timestamp: u32,
    started: Instant,
    picture_id: u16,
    mode: Scalability,
    since_keyframe: u32,
    tl0_pic_idx: u8,
    dependency_frame: u16,
    wants_keyframe: bool,
    last_keyframe: Option<Instant>,
    counts: SourceCounts,
}

/// What a publisher has sent of one encoding.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SourceCounts {
    /// Frames; for audio, packets.
    pub frames: u64,
    /// Keyframes among them.
    pub keyframes: u64,
    /// Packets, without retransmissions.
    pub packets: u64,
    /// The bytes of their payloads.
    pub bytes: u64,
    /// How often a keyframe was requested, by PLI or FIR.
    pub keyframe_requests: u64,
}

/// A frame, cut into packets.
#[derive(Debug)]
pub(crate) struct SourceFrame {
    pub(crate) captured: Instant,
    pub(crate) timestamp: u32,
    /// The sequence number of the first packet.
    pub(crate) sequence: u64,
    pub(crate) payloads: Vec<Arc<[u8]>>,
    /// The dependency descriptor of each, if they have any.
    pub(crate) descriptors: Vec<Option<Vec<u8>>>,
}

/// 30 frames in a second.
const VIDEO_INTERVAL: Duration = Duration::from_nanos(33_333_333);

/// Browsers send 20 ms of sound in a packet.
const AUDIO_INTERVAL: Duration = Duration::from_millis(20);

/// A keyframe has so many times the size of an average frame.
const KEYFRAME_FACTOR: u64 = 6;

/// libwebrtc answers keyframe requests no more often than this.
const MIN_KEYFRAME_INTERVAL: Duration = Duration::from_millis(300);

impl Source {
    /// Returns a source that makes its first frame at `start`.
    pub(crate) fn new(
        codec: Codec,
        stream: u32,
        encoding: u8,
        bitrate: u64,
        start: Instant,
    ) -> Self {
        let mut rng = Rng::with_seed((u64::from(stream) << 8) | u64::from(encoding));
        Self {
            codec,
            stream,
            encoding,
            bitrate,
            camera: None,
            has_fec: false,
            is_active: true,
            next_at: start,
            frame: 0,
            // Below 32,768, as browsers do, so that the first packets do not wrap around.
            sequence: rng.u64(0..0x8000),
            first_timestamp: rng.u32(..),
            started: start,
            picture_id: rng.u16(..0x8000),
            mode: Scalability::L1T1,
            since_keyframe: 0,
            tl0_pic_idx: 0,
            dependency_frame: rng.u16(..),
            wants_keyframe: true,
            last_keyframe: None,
            counts: SourceCounts::default(),
            rng,
        }
    }

    /// Makes frames as large as those of a camera are.
    pub(crate) fn use_camera(&mut self) {
        self.camera = Some(Camera::new(self.rng.u64(..)));
    }

    /// Puts a copy of the packet before into each packet of sound, or does not.
    pub(crate) fn set_fec(&mut self, has_fec: bool) {
        self.has_fec = has_fec;
    }

    /// Starts the sequence numbers and timestamps elsewhere, to see them wrap around.
    pub(crate) fn start_at(&mut self, sequence: u16, timestamp: u32) {
        self.sequence = sequence.into();
        self.first_timestamp = timestamp;
    }

    /// Divides frames into layers.
    pub(crate) fn set_scalability(&mut self, mode: Scalability) {
        self.mode = mode;
    }

    /// Makes the first frame at `now`, if none was made yet.
    pub(crate) fn begin(&mut self, now: Instant) {
        if self.frame == 0 {
            self.started = now;
            self.next_at = now;
        }
    }

    /// Makes a keyframe of the next frame, or of the next that is late enough after the last.
    pub(crate) fn request_keyframe(&mut self) {
        self.counts.keyframe_requests += 1;
        self.wants_keyframe = true;
    }

    /// Sets how many bits a second to make.
    pub(crate) fn set_bitrate(&mut self, bitrate: u64) {
        self.bitrate = bitrate;
    }

    /// Starts or stops making frames. The first frame after a pause is a keyframe.
    pub(crate) fn set_active(&mut self, is_active: bool) {
        if is_active && !self.is_active {
            self.wants_keyframe = true;
            self.last_keyframe = None;
        }
        self.is_active = is_active;
    }

    pub(crate) fn counts(&self) -> SourceCounts {
        self.counts
    }

    /// Returns when the next frame is due.
    pub(crate) fn poll_timeout(&self) -> Instant {
        self.next_at
    }

    /// Makes no frame of what is due at `now`.
    pub(crate) fn leave_out(&mut self, now: Instant) {
        while self.next_at <= now {
            self.next_at += self.interval();
        }
    }

    /// Returns the frame that is due at `now`, if one is.
    pub(crate) fn poll(&mut self, now: Instant) -> Option<SourceFrame> {
        while self.next_at <= now {
            let captured = self.next_at;
            let interval = self.interval();
            self.next_at += interval;
            if !self.is_active {
                continue;
            }
            // What was due while nobody asked is late; an encoder does not catch up.
            if self.next_at > now {
                return self.capture(captured);
            }
        }
        None
    }

    /// Returns `None` if the encoder leaves the frame out.
    fn capture(&mut self, captured: Instant) -> Option<SourceFrame> {
        let is_keyframe = self.codec.kind() == MediaKind::Video && self.is_keyframe_due(captured);
        let size = self.frame_size(is_keyframe)?;
        if is_keyframe {
            self.wants_keyframe = false;
            self.last_keyframe = Some(captured);
            self.since_keyframe = 0;
        }
        let position = self.mode.position(self.since_keyframe);
        self.since_keyframe += 1;
        self.tl0_pic_idx = self.tl0_pic_idx.wrapping_add(u8::from(position.temporal == 0));
        let stamp = Stamp {
            stream: self.stream,
            encoding: self.encoding,
            frame: self.frame,
            packet: 0,
            packets: 0,
            is_keyframe,
            has_fec: self.has_fec,
            spatial: 0,
            temporal: position.temporal,
            is_top: true,
            can_begin: true,
            reference: position.reference,
            timestamp: self.timestamp(captured),
            captured: captured - epoch(),
        };
        let (codec, picture_id) = (self.codec, self.picture_id);
        let (mode, tl0_pic_idx) = (self.mode, self.tl0_pic_idx);
        // AV1 comes with dependency descriptors always.
        let has_layers = mode != Scalability::L1T1 || codec == Codec::Av1;
        let first_frame = self.dependency_frame;
        self.dependency_frame = first_frame.wrapping_add(mode.spatial.into());
        let layers = has_layers.then_some(Layers { mode, position, tl0_pic_idx, first_frame });
        let frame = Frame { codec, stamp, size, picture_id, layers };
        let packets = frame.packets().into_iter().map(|p| (Arc::from(p.payload), p.descriptor));
        let (payloads, descriptors): (Vec<Arc<[u8]>>, Vec<_>) = packets.unzip();

        let sequence = self.sequence;
        self.sequence += payloads.len() as u64;
        self.frame += 1;
        self.picture_id = self.picture_id.wrapping_add(1);
        self.counts.frames += 1;
        self.counts.keyframes += u64::from(is_keyframe);
        self.counts.packets += payloads.len() as u64;
        self.counts.bytes += payloads.iter().map(|payload| payload.len() as u64).sum::<u64>();
        Some(SourceFrame { captured, timestamp: stamp.timestamp, sequence, payloads, descriptors })
    }

    fn is_keyframe_due(&self, now: Instant) -> bool {
        let is_late_enough =
            self.last_keyframe.is_none_or(|last| now >= last + MIN_KEYFRAME_INTERVAL);
        self.wants_keyframe && is_late_enough
    }

    fn interval(&self) -> Duration {
        match self.codec.kind() {
            MediaKind::Audio => AUDIO_INTERVAL,
            MediaKind::Video => VIDEO_INTERVAL,
        }
    }

    #[expect(clippy::cast_possible_truncation, reason = "RTP timestamps wrap around")]
    fn timestamp(&self, captured: Instant) -> u32 {
        let ticks = (captured - self.started).as_nanos() * u128::from(self.codec.clock_rate_hz());
        self.first_timestamp.wrapping_add((ticks / 1_000_000_000) as u32)
    }

    /// Without a camera, frames vary by half around the average.
    fn frame_size(&mut self, is_keyframe: bool) -> Option<usize> {
        let interval = self.interval();
        if let Some(camera) = &mut self.camera {
            return camera.frame_size(self.bitrate, interval.as_secs_f64(), is_keyframe);
        }
        let interval = interval.as_micros() as u64;
        let average = self.bitrate * interval / 8_000_000;
        let size = match (self.codec, is_keyframe) {
            (Codec::G722 | Codec::Pcma | Codec::Pcmu, _) => 160,
            (_, true) => average * KEYFRAME_FACTOR,
            (_, false) => self.rng.u64(average / 2..=average * 3 / 2),
        };
        Some(usize::try_from(size).expect("a frame fits into memory"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn video_comes_at_its_rate_and_begins_with_a_keyframe() {
        let mut source = Source::new(Codec::Vp8, 1, 0, 1_000_000, epoch());
        let frames = run(&mut source, 10);
        assert_eq!(frames.len(), 301);
        let stamps: Vec<_> = frames.iter().map(stamp_of).collect();
        assert!(stamps[0].is_keyframe && stamps[1..].iter().all(|stamp| !stamp.is_keyframe));
        let bits = source.counts().bytes * 8;
        assert!((9_000_000..12_000_000).contains(&bits), "{bits} bits in 10 s");
        let step = frames[300].timestamp.wrapping_sub(frames[0].timestamp);
        assert!(step.abs_diff(900_000) <= 1, "{step} ticks in 10 s");
    }

    #[test]
    fn sequence_numbers_run_on_from_frame_to_frame() {
        let mut source = Source::new(Codec::H264, 1, 0, 1_000_000, epoch());
        let frames = run(&mut source, 3);
        for pair in frames.windows(2) {
            assert_eq!(pair[1].sequence, pair[0].sequence + pair[0].payloads.len() as u64);
        }
    }

    #[test]
    fn keyframes_come_when_requested_but_not_too_often() {
        let mut source = Source::new(Codec::Vp8, 1, 0, 500_000, epoch());
        let mut keyframes = 0;
        for ms in 0..3_000 {
            source.request_keyframe();
            let frame = source.poll(epoch() + Duration::from_millis(ms));
            keyframes += u32::from(frame.is_some_and(|frame| stamp_of(&frame).is_keyframe));
        }
        assert!((8..=10).contains(&keyframes), "{keyframes} keyframes in 3 s");
    }

    #[test]
    fn a_pause_ends_with_a_keyframe() {
        let mut source = Source::new(Codec::Vp8, 1, 0, 500_000, epoch());
        run(&mut source, 1);
        source.set_active(false);
        assert!(run(&mut source, 2).is_empty());
        source.set_active(true);
        assert!(stamp_of(&run(&mut source, 3)[0]).is_keyframe);
    }

    #[test]
    fn audio_is_a_packet_each_20_ms() {
        for codec in [Codec::Opus, Codec::G722, Codec::Pcma, Codec::Pcmu] {
            let mut source = Source::new(codec, 1, 0, 40_000, epoch());
            let frames = run(&mut source, 1);
            assert_eq!(frames.len(), 51);
            assert!(frames.iter().all(|frame| frame.payloads.len() == 1));
            let step = frames[1].timestamp.wrapping_sub(frames[0].timestamp);
            assert_eq!(step, codec.clock_rate_hz() / 50);
        }
    }

    /// Runs a source until so many seconds after the epoch.
    fn run(source: &mut Source, seconds: u64) -> Vec<SourceFrame> {
        let until = epoch() + Duration::from_secs(seconds);
        let mut frames = Vec::new();
        while source.poll_timeout() <= until {
            frames.extend(source.poll(source.poll_timeout()));
        }
        frames
    }

    fn stamp_of(frame: &SourceFrame) -> Stamp {
        Stamp::read(&frame.payloads[0]).expect("freshly stamped")
    }
}
