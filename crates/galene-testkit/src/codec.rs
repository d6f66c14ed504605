//! The codecs that the browser stand-in speaks.

use std::fmt;

use str0m::format::{CodecConfig, FormatParams};
use str0m::media::Frequency;

/// What a track carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum MediaKind {
    /// Sound.
    Audio,
    /// Pictures.
    Video,
}

/// A codec that the browser stand-in offers and accepts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Codec {
    /// AV1.
    Av1,
    /// G.722.
    G722,
    /// H.264, constrained baseline, packetization mode 1.
    H264,
    /// Opus.
    Opus,
    /// G.711 A-law.
    Pcma,
    /// G.711 µ-law.
    Pcmu,
    /// VP8.
    Vp8,
    /// VP9, profile 0.
    Vp9,
}

impl Codec {
    /// All codecs, in a browser's order of preference.
    pub const ALL: [Self; 8] = [
        Self::Opus,
        Self::G722,
        Self::Pcmu,
        Self::Pcma,
        Self::Vp8,
        Self::Vp9,
        Self::H264,
        Self::Av1,
    ];

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
            // RFC 3551 §4.5.2: G.722 samples at 16 kHz and counts at 8 kHz.
            Self::G722 | Self::Pcma | Self::Pcmu => 8_000,
            Self::Opus => 48_000,
            Self::Av1 | Self::H264 | Self::Vp8 | Self::Vp9 => 90_000,
        }
    }

    /// Returns the codec that an engine's payload type stands for, if it is one of ours.
    pub(crate) fn from_engine(codec: str0m::format::Codec) -> Option<Self> {
        Self::ALL.into_iter().find(|c| c.engine() == codec)
    }

    fn engine(self) -> str0m::format::Codec {
        match self {
            Self::Av1 => str0m::format::Codec::Av1,
            Self::G722 => str0m::format::Codec::G722,
            Self::H264 => str0m::format::Codec::H264,
            Self::Opus => str0m::format::Codec::Opus,
            Self::Pcma => str0m::format::Codec::PCMA,
            Self::Pcmu => str0m::format::Codec::PCMU,
            Self::Vp8 => str0m::format::Codec::Vp8,
            Self::Vp9 => str0m::format::Codec::Vp9,
        }
    }

    /// Adds the codec to those that an engine offers and accepts, with Firefox's payload types: they
    /// differ from Chrome's and from Galène's, so a forwarder that mixes up the payload types of two
    /// sessions is found out. Only Opus with redundant audio, which Firefox lacks, has those of Chromium.
    pub(crate) fn configure(self, config: &mut CodecConfig, rtx: bool, red: bool) {
        let mut video = |pt: u8, rtx_pt: u8, format| {
            let resend = rtx.then(|| rtx_pt.into());
            config.add_config(
                pt.into(),
                resend,
                self.engine(),
                Frequency::NINETY_KHZ,
                None,
                format,
            );
        };
        match self {
            Self::Av1 => video(99, 100, FormatParams::default()),
            Self::H264 => {
                let resend = rtx.then(|| 127.into());
                config.add_h264(126.into(), resend, true, 0x42_e0_1f);
            }
            Self::Vp8 => video(120, 124, FormatParams::default()),
            Self::Vp9 => {
                video(121, 125, FormatParams { profile_id: Some(0), ..FormatParams::default() });
            }
            Self::G722 => config.enable_g722(true, false),
            Self::Pcma => config.enable_pcma(true, false),
            Self::Pcmu => config.enable_pcmu(true, false),
            Self::Opus if red => config.enable_opus(true, true),
            Self::Opus => {
                let format = FormatParams {
                    min_p_time: Some(10),
                    use_inband_fec: Some(true),
                    ..FormatParams::default()
                };
                let rate = Frequency::FORTY_EIGHT_KHZ;
                config.add_config(109.into(), None, self.engine(), rate, Some(2), format);
            }
        }
    }
}

impl fmt::Display for Codec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Av1 => "AV1",
            Self::G722 => "G.722",
            Self::H264 => "H.264",
            Self::Opus => "Opus",
            Self::Pcma => "PCMA",
            Self::Pcmu => "PCMU",
            Self::Vp8 => "VP8",
            Self::Vp9 => "VP9",
        })
    }
}
