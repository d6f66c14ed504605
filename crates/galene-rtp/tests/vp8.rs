//! Picture numbers of a stream from which frames are left out and whose source changes.

use galene_rtp::{Vp8Descriptor, Vp8Numbering, Vp8Shift};
use proptest::prelude::*;

/// What happens next to a stream of two temporal layers.
#[derive(Debug, Clone)]
enum Step {
    BaseFrame,
    UpperFrame { is_left_out: bool },
    Switch { picture_id: u16, tl0_pic_idx: u8 },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        5 => Just(Step::BaseFrame),
        5 => any::<bool>().prop_map(|is_left_out| Step::UpperFrame { is_left_out }),
        1 => any::<(u16, u8)>().prop_map(|(picture_id, tl0_pic_idx)| Step::Switch {
            picture_id,
            tl0_pic_idx,
        }),
    ]
}

proptest! {
    #[test]
    fn picture_numbers_have_no_gap(
        mut picture_id in any::<u16>(),
        mut tl0_pic_idx in any::<u8>(),
        steps in prop::collection::vec(step(), 1..300),
    ) {
        let mut numbering = Vp8Numbering::new();
        let mut expected_id = picture_id;
        let mut expected_tl0 = tl0_pic_idx;
        numbering.sent(&descriptor(picture_id, tl0_pic_idx));
        for step in steps {
            match step {
                Step::BaseFrame | Step::UpperFrame { .. } => picture_id = picture_id.wrapping_add(1),
                Step::Switch { picture_id: id, tl0_pic_idx: tl0 } => {
                    (picture_id, tl0_pic_idx) = (id, tl0);
                    numbering.switch(&descriptor(id, tl0));
                }
            }
            match step {
                Step::BaseFrame => {
                    tl0_pic_idx = tl0_pic_idx.wrapping_add(1);
                    expected_tl0 = expected_tl0.wrapping_add(1);
                }
                Step::UpperFrame { is_left_out: true } => {
                    numbering.omit_frame();
                    continue;
                }
                Step::UpperFrame { is_left_out: false } => {}
                Step::Switch { .. } => expected_tl0 = expected_tl0.wrapping_add(1),
            }
            expected_id = expected_id.wrapping_add(1);
            let outgoing = descriptor(picture_id, tl0_pic_idx).shifted(numbering.shift());
            prop_assert_eq!(outgoing, descriptor(expected_id, expected_tl0));
            numbering.sent(&outgoing);
        }
    }

    #[test]
    fn shifting_forth_and_back_changes_nothing(
        payload in prop::collection::vec(any::<u8>(), 0..10),
        picture_id in any::<u16>(),
        tl0_pic_idx in any::<u8>(),
    ) {
        let Ok(descriptor) = Vp8Descriptor::parse(&payload) else { return Ok(()) };
        let forth = Vp8Shift { picture_id, tl0_pic_idx };
        let back = Vp8Shift {
            picture_id: picture_id.wrapping_neg(),
            tl0_pic_idx: tl0_pic_idx.wrapping_neg(),
        };
        let shifted = descriptor.shifted(forth);
        prop_assert_eq!(shifted.len(), descriptor.len());
        prop_assert_eq!(shifted.shifted(back), descriptor);

        // What stands in a packet afterwards is a descriptor with the same layers and flags.
        let mut packet = payload.clone();
        shifted.write_to(&mut packet);
        let read = Vp8Descriptor::parse(&packet).unwrap();
        prop_assert_eq!(read, shifted);
        prop_assert_eq!(
            (read.starts_frame(), read.tid(), read.is_layer_sync(), read.key_idx()),
            (descriptor.starts_frame(), descriptor.tid(), descriptor.is_layer_sync(), descriptor.key_idx())
        );
        prop_assert_eq!(&packet[read.len()..], &payload[read.len()..]);
    }
}

/// A descriptor with a PictureID of 15 bits, from the low bits of `picture_id`, and TL0PICIDX.
fn descriptor(picture_id: u16, tl0_pic_idx: u8) -> Vp8Descriptor {
    let [high, low] = picture_id.to_be_bytes();
    Vp8Descriptor::parse(&[0x90, 0xc0, high | 0x80, low, tl0_pic_idx])
        .expect("all five bytes are there")
}
