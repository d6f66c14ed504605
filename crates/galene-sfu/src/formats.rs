//! The media formats that are negotiated, with the payload types of our offers.

use str0m::RtcConfig;
use str0m::format::{Codec as EngineCodec, CodecSpec, FormatParams};
use str0m::media::{Frequency, Pt};

use crate::Codec;

/// A codec with the parameters that make it a different one to a decoder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Format {
    pub(crate) codec: Codec,
    /// The VP9 profile or H.264 `profile-level-id`; 0 where there is no choice.
    profile: u32,
    payload_type: u8,
    retransmission: Option<u8>,
}

/// The payload types are those that Galène's clients have always been offered.
const FORMATS: [Format; 10] = [
    Format::new(Codec::Vp8, 0, 96, Some(97)),
    Format::new(Codec::Vp9, 0, 98, Some(99)),
    Format::new(Codec::Vp9, 2, 100, Some(101)),
    Format::new(Codec::Av1, 0, 35, Some(36)),
    Format::new(Codec::H264, 0x42_e01f, 108, Some(109)),
    Format::new(Codec::H264, 0x42_001f, 102, Some(103)),
    Format::new(Codec::Opus, 0, 111, None),
    Format::new(Codec::G722, 0, 9, None),
    Format::new(Codec::Pcmu, 0, 0, None),
    Format::new(Codec::Pcma, 0, 8, None),
];

/// Every codec that is forwarded.
pub(crate) const ALL_CODECS: [Codec; 8] = [
    Codec::Vp8,
    Codec::Vp9,
    Codec::Av1,
    Codec::H264,
    Codec::Opus,
    Codec::G722,
    Codec::Pcmu,
    Codec::Pcma,
];

impl Format {
    const fn new(codec: Codec, profile: u32, pt: u8, rtx: Option<u8>) -> Self {
        Self { codec, profile, payload_type: pt, retransmission: rtx }
    }

    /// Returns the format that the engine negotiated as `spec`, if it is one of ours.
    pub(crate) fn of(spec: &CodecSpec) -> Option<Self> {
        let codec = our_codec(spec.codec)?;
        let profile = match codec {
            Codec::Vp9 => spec.format.profile_id.unwrap_or(0),
            // The level is the sender's limit and does not make another format: RFC 6184 §8.2.2.
            Codec::H264 => spec.format.profile_level_id.unwrap_or(0x42_001f) | 0xff,
            Codec::Av1 | Codec::G722 | Codec::Opus | Codec::Pcma | Codec::Pcmu | Codec::Vp8 => 0,
        };
        FORMATS.iter().copied().find(|f| {
            let own = if codec == Codec::H264 { f.profile | 0xff } else { f.profile };
            f.codec == codec && own == profile
        })
    }

    fn parameters(&self) -> FormatParams {
        let mut params = FormatParams::default();
        match self.codec {
            Codec::Vp9 => params.profile_id = Some(self.profile),
            Codec::H264 => {
                params.level_asymmetry_allowed = Some(true);
                params.packetization_mode = Some(1);
                params.profile_level_id = Some(self.profile);
            }
            Codec::Opus => {
                params.min_p_time = Some(10);
                params.use_inband_fec = Some(true);
            }
            Codec::Av1 | Codec::G722 | Codec::Pcma | Codec::Pcmu | Codec::Vp8 => {}
        }
        params
    }
}

/// Which feedback about congestion a transport negotiates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CongestionFeedback {
    /// REMB alone: what the engine sends to a subscriber is limited by what it reports.
    Remb,
    /// Transport-wide feedback beside REMB: whoever sends estimates. A publisher's estimate starts fast,
    /// and our REMB caps it.
    TransportWide,
}

/// Lets `config` negotiate these codecs and nothing else, Opus with redundant audio (RFC 2198) if that
/// can be sent or taken apart.
pub(crate) fn configure(
    mut config: RtcConfig,
    codecs: &[Codec],
    feedback: CongestionFeedback,
    redundancy: bool,
) -> RtcConfig {
    config = config.clear_codecs();
    let target = config.codec_config();
    let named_before = |at: usize| codecs[..at].contains(&codecs[at]);
    let each_once = (0..codecs.len()).filter(|at| !named_before(*at)).map(|at| codecs[at]);
    for format in each_once.flat_map(|c| FORMATS.iter().filter(move |f| f.codec == c)) {
        if format.codec == Codec::Opus && redundancy {
            // With the payload type and the parameters that stand here, and with 63 for redundant audio,
            // which cannot be set by itself.
            target.enable_opus(true, true);
            continue;
        }
        // G.722 samples at 16 kHz while its RTP clock says 8 kHz (RFC 3551 §4.5.2); the engine wants
        // the former.
        let (rate, channels) = match format.codec {
            Codec::G722 => (Frequency::SIXTEEN_KHZ, None),
            Codec::Opus => (Frequency::FORTY_EIGHT_KHZ, Some(2)),
            Codec::Pcma | Codec::Pcmu => (Frequency::EIGHT_KHZ, None),
            Codec::Av1 | Codec::H264 | Codec::Vp8 | Codec::Vp9 => (Frequency::NINETY_KHZ, None),
        };
        target.add_config(
            Pt::new_with_value(format.payload_type),
            format.retransmission.map(Pt::new_with_value),
            engine_codec(format.codec),
            rate,
            channels,
            format.parameters(),
        );
    }
    // The engine answers with whatever stands in its parameters, so this is where feedback is chosen.
    if feedback == CongestionFeedback::Remb {
        let mut params = target.params().to_vec();
        params.iter_mut().for_each(|p| p.set_fb_transport_cc(false));
        *target = str0m::format::CodecConfig::new_from_payload_params(params);
    }
    config
}

fn engine_codec(codec: Codec) -> EngineCodec {
    match codec {
        Codec::Av1 => EngineCodec::Av1,
        Codec::G722 => EngineCodec::G722,
        Codec::H264 => EngineCodec::H264,
        Codec::Opus => EngineCodec::Opus,
        Codec::Pcma => EngineCodec::PCMA,
        Codec::Pcmu => EngineCodec::PCMU,
        Codec::Vp8 => EngineCodec::Vp8,
        Codec::Vp9 => EngineCodec::Vp9,
    }
}

fn our_codec(codec: EngineCodec) -> Option<Codec> {
    ALL_CODECS.into_iter().find(|c| engine_codec(*c) == codec)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opus_is_the_same_with_redundant_audio_and_without() {
        let feedback = CongestionFeedback::TransportWide;
        let [plain, redundant] = [false, true].map(|redundancy| {
            let mut config = configure(RtcConfig::new(), &ALL_CODECS, feedback, redundancy);
            config.codec_config().params().to_vec()
        });
        assert_eq!(plain.len(), redundant.len());
        for (plain, redundant) in plain.iter().zip(&redundant) {
            assert_eq!((plain.pt(), plain.spec()), (redundant.pt(), redundant.spec()));
            let is_opus = plain.spec().codec == EngineCodec::Opus;
            assert_eq!((plain.red(), redundant.red().is_some()), (None, is_opus));
        }
    }
}
