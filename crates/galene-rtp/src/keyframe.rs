//! Tells where keyframes start.

use crate::{Codec, av1, h264, vp8, vp9};

/// Returns whether an RTP packet with this payload is the first of a keyframe.
///
/// `None` means that the packet does not tell: the codec has no keyframes, the payload is malformed,
/// or what would tell is in another packet.
pub fn is_keyframe_start(codec: Codec, payload: &[u8]) -> Option<bool> {
    match codec {
        Codec::Av1 => av1::starts_keyframe(payload).ok().flatten(),
        Codec::H264 => h264::starts_keyframe(payload).ok().flatten(),
        Codec::Vp8 => vp8::starts_keyframe(payload).ok(),
        Codec::Vp9 => vp9::starts_keyframe(payload).ok(),
        Codec::G722 | Codec::Opus | Codec::Pcma | Codec::Pcmu => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_video_codec_is_asked_in_its_own_way() {
        assert_eq!(is_keyframe_start(Codec::Vp8, &[0x10, 0x50]), Some(true));
        assert_eq!(is_keyframe_start(Codec::Vp9, &[0x08, 0x82]), Some(true));
        assert_eq!(is_keyframe_start(Codec::H264, &[0x67, 0x42]), Some(true));
        let av1 = [0x28, 0x02, 0x08, 0x00, 0x30, 0x10];
        assert_eq!(is_keyframe_start(Codec::Av1, &av1), Some(true));
    }

    #[test]
    fn an_empty_payload_and_sound_tell_nothing() {
        for codec in [Codec::Av1, Codec::H264, Codec::Vp8, Codec::Vp9] {
            assert_eq!(is_keyframe_start(codec, &[]), None, "{codec}");
        }
        for codec in [Codec::G722, Codec::Opus, Codec::Pcma, Codec::Pcmu] {
            assert_eq!(is_keyframe_start(codec, &[0x10, 0x50]), None, "{codec}");
        }
    }
}
