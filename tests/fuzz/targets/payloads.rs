//! RTP payloads of a member, in each codec.
#![no_main]

use galene_rtp::{Codec, Vp8Descriptor, is_keyframe_start};

libfuzzer_sys::fuzz_target!(|payload: &[u8]| {
    for codec in [Codec::Vp8, Codec::Vp9, Codec::Av1, Codec::H264] {
        let _ = is_keyframe_start(codec, payload);
    }
    if let Ok(descriptor) = Vp8Descriptor::parse(payload) {
        let mut copy = payload.to_vec();
        descriptor.write_to(&mut copy);
        assert_eq!(copy, payload, "what is written back is what was read");
    }
});
