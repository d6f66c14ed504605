//! The codecs that are forwarded, by the names that group files use.

use std::fmt;

/// What a track carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum MediaKind {
    /// Sound.
    Audio,
    /// Pictures.
    Video,
}

/// A codec that is forwarded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Codec {
    /// AV1 (AV1 RTP payload format).
    Av1,
    /// G.722 (RFC 3551 §4.5.2; its RTP clock is 8,000 Hz by historical error).
    G722,
    /// H.264 (RFC 6184), packetization mode 1.
    H264,
    /// Opus (RFC 7587).
    Opus,
    /// G.711 A-law (RFC 3551 §4.5.14).
    Pcma,
    /// G.711 µ-law (RFC 3551 §4.5.14).
    Pcmu,
    /// VP8 (RFC 7741).
    Vp8,
    /// VP9 (RFC 9628), profiles 0 and 2.
    Vp9,
}

impl Codec {
    /// Returns the codec of this name in a group file's `codecs` list, whatever its case.
    pub fn from_name(name: &str) -> Option<Self> {
        Some(match name.to_ascii_lowercase().as_str() {
            "av1" => Self::Av1,
            "g722" => Self::G722,
            "h264" => Self::H264,
            "opus" => Self::Opus,
            "pcma" => Self::Pcma,
            "pcmu" => Self::Pcmu,
            "vp8" => Self::Vp8,
            "vp9" => Self::Vp9,
            _ => return None,
        })
    }

    /// Returns the name that group files use.
    pub fn name(self) -> &'static str {
        match self {
            Self::Av1 => "av1",
            Self::G722 => "g722",
            Self::H264 => "h264",
            Self::Opus => "opus",
            Self::Pcma => "pcma",
            Self::Pcmu => "pcmu",
            Self::Vp8 => "vp8",
            Self::Vp9 => "vp9",
        }
    }

    /// Returns whether the codec carries sound or pictures.
    pub fn kind(self) -> MediaKind {
        match self {
            Self::G722 | Self::Opus | Self::Pcma | Self::Pcmu => MediaKind::Audio,
            Self::Av1 | Self::H264 | Self::Vp8 | Self::Vp9 => MediaKind::Video,
        }
    }

    /// Returns the rate of the RTP clock, in hertz.
    pub fn clock_rate_hz(self) -> u32 {
        match self {
            Self::G722 | Self::Pcma | Self::Pcmu => 8_000,
            Self::Opus => 48_000,
            Self::Av1 | Self::H264 | Self::Vp8 | Self::Vp9 => 90_000,
        }
    }
}

impl fmt::Display for Codec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
