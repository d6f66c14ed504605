//! What comes from the network never makes a parser panic or read too far.

use galene_rtp::{
    Av1Obu, Av1Payload, Codec, H264Payload, Vp8Descriptor, Vp9Descriptor, is_keyframe_start,
};
use proptest::prelude::*;

const VIDEO: [Codec; 4] = [Codec::Av1, Codec::H264, Codec::Vp8, Codec::Vp9];

/// The first packets of keyframes, each with everything that may come before the deciding byte.
const KEYFRAMES: [(Codec, &[u8]); 9] = [
    // A sequence header with size and extension, padding, a frame header, a tile group.
    (Codec::Av1, &[0x38, 5, 0x0e, 0x00, 2, 0x00, 0x00, 3, 0x78, 0, 0, 0x18, 0x10, 0x22]),
    // The same kinds, each with a length.
    (Codec::Av1, &[0x08, 3, 0x08, 0x00, 0x00, 0x82, 0x00, 0x30, 0x10]),
    // SPS; then STAP-A, STAP-B, MTAP16 and FU-A with it.
    (Codec::H264, &[0x67, 0x42, 0xe0, 0x1f]),
    (Codec::H264, &[0x78, 0, 2, 0x09, 0xf0, 0, 3, 0x67, 0x42, 0xe0, 0, 2, 0x68, 0xce]),
    (Codec::H264, &[0x7b, 0, 7, 0, 2, 1, 0, 0, 0, 0x09, 0xf0, 0, 2, 2, 0, 0, 0, 0x67, 0x42]),
    (Codec::H264, &[0x7c, 0x87, 0x42, 0xe0]),
    (Codec::Vp8, &[0xb0, 0xf0, 0x92, 0x34, 0x56, 0xb5, 0x50, 0x9d, 0x01, 0x2a]),
    (Codec::Vp9, &[0xa8, 0x81, 0x02, 0x01, 0x07, 0x82, 0x49, 0x83]),
    // With a scalability structure of two layers, sizes and a group of two pictures.
    (Codec::Vp9, &[0x0a, 0x38, 1, 64, 0, 180, 2, 128, 1, 104, 2, 0x04, 1, 0x28, 1, 2, 0x82, 0x49]),
];

#[test]
fn the_first_packet_of_each_keyframe_is_recognised() {
    for (codec, packet) in KEYFRAMES {
        assert_eq!(is_keyframe_start(codec, packet), Some(true), "{codec} {packet:x?}");
    }
}

#[test]
fn a_packet_cut_short_anywhere_is_read_without_a_panic() {
    for (_, packet) in KEYFRAMES {
        (0..packet.len()).for_each(|len| read_everything(&packet[..len]));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn arbitrary_bytes_are_read_without_a_panic(
        payload in prop::collection::vec(any::<u8>(), 0..80),
    ) {
        read_everything(&payload);
    }

    #[test]
    fn damaged_keyframes_are_read_without_a_panic(
        keyframe in prop::sample::select(&KEYFRAMES[..]),
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
    ) {
        let mut packet = keyframe.1.to_vec();
        *at.get_mut(&mut packet) = byte;
        read_everything(&packet);
    }
}

/// Parses the payload as each codec, and checks that no part lies outside of it.
fn read_everything(payload: &[u8]) {
    for codec in VIDEO {
        let _ = is_keyframe_start(codec, payload);
    }
    if let Ok(descriptor) = Vp8Descriptor::parse(payload) {
        assert_eq!(descriptor.as_bytes(), &payload[..descriptor.len()]);
        assert!(descriptor.tid().is_none_or(|tid| tid < 4));
        assert!(descriptor.picture_id().is_none_or(|id| id.value() < 0x8000));
    }
    if let Ok(descriptor) = Vp9Descriptor::parse(payload) {
        assert!(descriptor.len() <= payload.len());
        assert!(descriptor.references.as_slice().len() <= 3);
        if let Some(structure) = descriptor.structure {
            let sizes = structure.sizes().len();
            assert!(sizes == 0 || sizes == usize::from(structure.spatial_layers()));
        }
    }
    if let Ok(av1) = Av1Payload::parse(payload) {
        let mut read = 1;
        for element in av1.elements() {
            let Ok(element) = element else { break };
            read += element.len();
            if let Ok(obu) = Av1Obu::parse(element) {
                assert!(obu.body.len() < element.len());
            }
        }
        assert!(read <= payload.len());
    }
    if let Ok(Some(H264Payload::Aggregate(units))) = H264Payload::parse(payload) {
        let units: usize = units.map_while(Result::ok).map(<[u8]>::len).sum();
        assert!(units < payload.len());
    }
}
