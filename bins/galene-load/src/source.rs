//! Stands in for camera, microphone and encoders: makes the frames of one encoding in time.

use std::sync::Arc;
use std::time::{Duration, Instant};

use fastrand::Rng;

use crate::packets;
use crate::stamp::Stamp;

/// Browsers send 20 ms of sound in a packet.
const AUDIO_INTERVAL: Duration = Duration::from_millis(20);
/// Opus at 36 kbit/s, varying by a quarter: about 90 bytes.
const AUDIO_BYTES: std::ops::RangeInclusive<usize> = 68..=112;
/// A keyframe has so many times the size of an average frame.
const KEYFRAME_FACTOR: i64 = 5;
/// libwebrtc answers keyframe requests no more often than this.
const MIN_KEYFRAME_INTERVAL: Duration = Duration::from_millis(300);
/// A frame that is this late counts as late. Two encoders on a busy laptop do no better.
pub(crate) const LATE: Duration = Duration::from_millis(20);

/// Whether something is sound or pictures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Audio,
    Video,
}

/// What a [`Source`] makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// Opus in packets of 20 ms.
    Opus,
    /// VP8 at this rate.
    Vp8 {
        /// How many bits a second, on average.
        bitrate: u64,
        /// How many frames a second.
        fps: u32,
    },
}

/// Makes the frames of one encoding of one track.
#[derive(Debug)]
pub(crate) struct Source {
    format: Format,
    track: u32,
    encoding: u8,
    rng: Rng,
    first: Instant,
    next_at: Instant,
    first_timestamp: u32,
    sequence: u64,
    frame: u32,
    number: u32,
    picture_id: u16,
    wants_keyframe: bool,
    last_keyframe: Option<Instant>,
    /// By how many bytes the frames so far exceed the rate.
    excess: i64,
}

/// A frame that is to be sent now.
#[derive(Debug)]
pub(crate) struct Frame {
    pub(crate) timestamp: u32,
    /// The extended sequence number of the first packet.
    pub(crate) sequence: u64,
    pub(crate) payloads: Vec<Arc<[u8]>>,
    /// How long after its time the frame is made.
    pub(crate) late: Duration,
}

impl Source {
    /// Returns a source whose first frame is due within one frame's time from `now`, sooner or later
    /// by chance, so that publishers do not send in step.
    pub(crate) fn new(
        format: Format,
        track: u32,
        encoding: u8,
        mut rng: Rng,
        now: Instant,
    ) -> Self {
        let first = now + interval(format).mul_f64(rng.f64());
        Self {
            format,
            track,
            encoding,
            first,
            next_at: first,
            first_timestamp: rng.u32(..),
            // Below 32,768, as browsers do, so that the first packets do not wrap around.
            sequence: rng.u64(0..0x8000),
            frame: 0,
            number: 0,
            picture_id: rng.u16(..0x8000),
            wants_keyframe: true,
            last_keyframe: None,
            excess: 0,
            rng,
        }
    }

    /// Makes the next frame a keyframe, or the next that is late enough after the last keyframe.
    pub(crate) fn request_keyframe(&mut self) {
        self.wants_keyframe = true;
    }

    /// Returns whether this is sound or pictures.
    pub(crate) fn kind(&self) -> Kind {
        match self.format {
            Format::Opus => Kind::Audio,
            Format::Vp8 { .. } => Kind::Video,
        }
    }

    /// Returns when the next frame is due.
    pub(crate) fn next_at(&self) -> Instant {
        self.next_at
    }

    /// Lets the frames that are due pass without making them.
    pub(crate) fn skip(&mut self, now: Instant) {
        while self.next_at <= now {
            self.next_at += interval(self.format);
        }
        self.wants_keyframe = true;
    }

    /// Makes the frame that is due at `now`, if one is; `sent` is `now` on the clock of the stamps.
    ///
    /// Frames that are overdue by more than a frame's time follow at once, one by one.
    pub(crate) fn poll(&mut self, now: Instant, sent: u64) -> Option<Frame> {
        if self.next_at > now {
            return None;
        }
        let due = self.next_at;
        self.next_at += interval(self.format);
        let is_keyframe = self.is_keyframe_due(due);
        if is_keyframe {
            self.wants_keyframe = false;
            self.last_keyframe = Some(due);
        }
        let stamp = Stamp {
            track: self.track,
            encoding: self.encoding,
            is_keyframe,
            packet: 0,
            packets: 1,
            frame: self.frame,
            number: self.number,
            sent,
        };
        let payloads = match self.format {
            Format::Opus => vec![packets::audio(&stamp, self.rng.usize(AUDIO_BYTES))],
            Format::Vp8 { bitrate, fps } => {
                let size = self.video_size(bitrate, fps, is_keyframe);
                packets::video(&stamp, self.picture_id, size)
            }
        };
        let sequence = self.sequence;
        let count = u32::try_from(payloads.len()).expect("a frame has few packets");
        self.sequence += u64::from(count);
        self.number = self.number.wrapping_add(count);
        self.frame = self.frame.wrapping_add(1);
        self.picture_id = self.picture_id.wrapping_add(1);
        Some(Frame { timestamp: self.timestamp(due), sequence, payloads, late: now - due })
    }

    fn is_keyframe_due(&self, now: Instant) -> bool {
        let is_late_enough =
            self.last_keyframe.is_none_or(|last| now >= last + MIN_KEYFRAME_INTERVAL);
        self.kind() == Kind::Video && self.wants_keyframe && is_late_enough
    }

    /// Frames vary by half around the average, and are smaller while a keyframe is made up for.
    fn video_size(&mut self, bitrate: u64, fps: u32, is_keyframe: bool) -> usize {
        let average = i64::try_from(bitrate / 8 / u64::from(fps)).expect("a rate below 2^63");
        let size = if is_keyframe {
            average * KEYFRAME_FACTOR
        } else {
            let size = self.rng.i64(average / 2..=average * 3 / 2);
            (size - self.excess.clamp(-size / 3, size / 3)).max(1)
        };
        // What was not used is not saved up for long.
        self.excess = (self.excess + size - average).max(-average);
        usize::try_from(size).expect("frames have a size above 0")
    }

    #[expect(clippy::cast_possible_truncation, reason = "RTP timestamps wrap around")]
    fn timestamp(&self, due: Instant) -> u32 {
        let clock_rate_hz = match self.format {
            Format::Opus => 48_000,
            Format::Vp8 { .. } => 90_000,
        };
        let ticks = (due - self.first).as_nanos() * clock_rate_hz / 1_000_000_000;
        self.first_timestamp.wrapping_add(ticks as u32)
    }
}

fn interval(format: Format) -> Duration {
    match format {
        Format::Opus => AUDIO_INTERVAL,
        Format::Vp8 { fps, .. } => Duration::from_secs(1) / fps,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const VIDEO: Format = Format::Vp8 { bitrate: 1_500_000, fps: 30 };

    fn stamp_of(frame: &Frame) -> Stamp {
        let behind = packets::after_vp8_headers(&frame.payloads[0]).expect("VP8");
        Stamp::read(behind).expect("a stamp")
    }

    fn run(source: &mut Source, seconds: u64) -> Vec<Frame> {
        // A frame's time is not a whole number of nanoseconds.
        let end = source.next_at() + Duration::from_secs(seconds) - Duration::from_millis(1);
        let mut frames = Vec::new();
        while source.next_at() < end {
            let at = source.next_at();
            frames.extend(source.poll(at, 1));
        }
        frames
    }

    fn source(format: Format) -> Source {
        Source::new(format, 3, 0, Rng::with_seed(7), Instant::now())
    }

    #[test]
    fn video_keeps_its_rate_and_begins_with_a_keyframe() {
        let frames = run(&mut source(VIDEO), 20);
        assert_eq!(frames.len(), 600);
        let keyframes = frames.iter().filter(|frame| stamp_of(frame).is_keyframe).count();
        assert_eq!((keyframes, stamp_of(&frames[0]).is_keyframe), (1, true));
        let bytes: usize = frames.iter().flat_map(|f| &f.payloads).map(|p| p.len()).sum();
        assert!((bytes * 8 / 20).abs_diff(1_500_000) < 75_000, "{bytes} bytes in 20 s");
    }

    #[test]
    fn sequence_numbers_and_timestamps_run_on() {
        for (format, step) in [(VIDEO, 3_000), (Format::Opus, 960)] {
            for pair in run(&mut source(format), 3).windows(2) {
                assert_eq!(pair[1].sequence, pair[0].sequence + pair[0].payloads.len() as u64);
                let ticks = pair[1].timestamp.wrapping_sub(pair[0].timestamp);
                assert!(ticks.abs_diff(step) <= 1, "{ticks}");
            }
        }
    }

    #[test]
    fn keyframes_come_when_requested_but_not_too_often() {
        let mut source = source(VIDEO);
        let mut keyframes = 0;
        for _ in 0..90 {
            source.request_keyframe();
            let at = source.next_at();
            let frame = source.poll(at, 0).expect("it is due");
            keyframes += u32::from(stamp_of(&frame).is_keyframe);
        }
        assert!((9..=10).contains(&keyframes), "{keyframes} keyframes in 3 s");
    }

    #[test]
    fn what_is_overdue_follows_and_says_how_late_it_is() {
        let mut source = source(Format::Opus);
        let now = source.next_at() + Duration::from_millis(50);
        let late: Vec<_> = std::iter::from_fn(|| source.poll(now, 0)).map(|f| f.late).collect();
        assert_eq!(late, [50, 30, 10].map(Duration::from_millis));
        source.skip(now + Duration::from_secs(1));
        assert!(source.next_at() > now + Duration::from_secs(1));
    }
}
