//! What a stand-in publishes.

use crate::codec::MediaKind;
use crate::rate_controller::Bounds;
use crate::scalability::Scalability;

/// A track to publish.
#[derive(Debug, Clone)]
pub struct TrackSpec {
    pub(crate) kind: MediaKind,
    pub(crate) stream: u32,
    pub(crate) bitrate: u64,
    pub(crate) encodings: usize,
    pub(crate) is_camera: bool,
    pub(crate) scalability: Scalability,
    pub(crate) start: Option<(u16, u32)>,
}

/// What sound takes, in bits per second; the bit rate of REMB includes it.
pub(crate) const AUDIO_BITRATE: u64 = 40_000;

/// Each simulcast encoding has so many times the bit rate of the next smaller one.
const SMALLER_BY: u64 = 4;

/// The rates of three encodings of a camera, the largest first, in thousandths of the largest: at most,
/// and at least.
const THREE_ENCODINGS: [(u64, u64); 3] = [(1_000, 400), (300, 100), (100, 20)];

/// The rate of a camera of 1280 by 720 at 30 frames in a second.
const CAMERA_BITRATE: u64 = 1_500_000;

impl TrackSpec {
    /// Returns a microphone, whose packets say that they come from `stream`.
    pub fn audio(stream: u32) -> Self {
        Self { kind: MediaKind::Audio, bitrate: AUDIO_BITRATE, ..Self::video(stream) }
    }

    /// Returns a camera at 500 kbit/s, whose packets say that they come from `stream`.
    pub fn video(stream: u32) -> Self {
        let (kind, scalability) = (MediaKind::Video, Scalability::L1T1);
        Self {
            kind,
            stream,
            bitrate: 500_000,
            encodings: 1,
            is_camera: false,
            scalability,
            start: None,
        }
    }

    /// Returns a camera of 1280 by 720 at up to 1.5 Mbit/s, whose frames vary in size as a camera's do.
    pub fn camera(stream: u32) -> Self {
        Self { bitrate: CAMERA_BITRATE, is_camera: true, ..Self::video(stream) }
    }

    /// Sets how many bits a second to send, if REMB allows that much.
    #[must_use]
    pub fn bitrate(mut self, bitrate: u64) -> Self {
        self.bitrate = bitrate;
        self
    }

    /// Sends two encodings: `h` at the full bit rate, `l` at a quarter.
    #[must_use]
    pub fn simulcast(self) -> Self {
        self.encodings(2)
    }

    /// Sends so many encodings, at most three: each at a quarter of the bit rate of the one before, and
    /// three of a camera at 3/10 and 1/10 of the largest.
    #[must_use]
    pub fn encodings(mut self, count: usize) -> Self {
        self.encodings = count;
        self
    }

    /// Divides frames into layers, which VP8 has of time and VP9 and AV1 of size too.
    #[must_use]
    pub fn scalability(mut self, mode: Scalability) -> Self {
        self.scalability = mode;
        self
    }

    /// Starts with this sequence number and timestamp instead of random ones.
    #[must_use]
    pub fn starting_at(mut self, sequence: u16, timestamp: u32) -> Self {
        self.start = Some((sequence, timestamp));
        self
    }

    /// Returns what an encoding needs and can use, 0 being the largest.
    pub(crate) fn bounds(&self, encoding: u8, is_smallest: bool) -> Bounds {
        let (most, least) = if self.is_camera && self.encodings == 3 {
            let (most, least) = THREE_ENCODINGS[usize::from(encoding)];
            (self.bitrate * most / 1_000, self.bitrate * least / 1_000)
        } else {
            let most = self.bitrate / SMALLER_BY.pow(encoding.into());
            (most, most / 2)
        };
        Bounds { least, most, is_smallest, is_sent: true }
    }

    /// Returns the names of the simulcast encodings, the largest first: of two as Galène's page chooses them.
    /// A track that is sent once has none.
    pub(crate) fn rids(&self) -> &'static [&'static str] {
        match self.encodings {
            0 | 1 => &[],
            2 => &["h", "l"],
            _ => &["h", "m", "l"],
        }
    }
}
