//! [`ExtendedSequence`] against numbers that never wrapped.

use galene_rtp::ExtendedSequence;
use proptest::prelude::*;

proptest! {
    #[test]
    fn extended_numbers_follow_those_that_never_wrapped(
        first in any::<u16>(),
        steps in prop::collection::vec(
            prop_oneof![10 => Just(1_i64), 5 => -20..20_i64, 1 => -8_192..32_768_i64, 1 => Just(-8_192)],
            1..2_000,
        ),
    ) {
        let mut sequence = ExtendedSequence::new();
        let mut highest = 0x1_0000 + i64::from(first);
        prop_assert_eq!(sequence.extend(first), Some(highest as u64));
        for step in steps {
            let number = highest + step;
            prop_assert_eq!(sequence.extend(number as u16), Some(number as u64));
            highest = highest.max(number);
            prop_assert_eq!(sequence.highest(), Some(highest as u64));
        }
    }

    #[test]
    fn whatever_arrives_the_low_bits_are_those_on_the_wire_and_the_highest_only_rises(
        arrivals in prop::collection::vec(any::<u16>(), 1..500),
    ) {
        let mut sequence = ExtendedSequence::new();
        let mut highest = 0;
        for arrival in arrivals {
            if let Some(extended) = sequence.extend(arrival) {
                prop_assert_eq!(extended as u16, arrival);
                prop_assert!(extended + 8_192 >= highest);
                highest = highest.max(extended);
            }
            prop_assert_eq!(sequence.highest(), Some(highest));
        }
    }

    #[test]
    fn a_source_that_starts_anew_is_followed_from_its_second_packet(
        first in any::<u16>(),
        behind in 8_193..32_769_u16,
    ) {
        let mut sequence = ExtendedSequence::new();
        let before = sequence.extend(first).unwrap();
        let again = first.wrapping_sub(behind);
        prop_assert_eq!(sequence.extend(again), None);
        let after = sequence.extend(again.wrapping_add(1)).unwrap();
        prop_assert_eq!(after, before + 0x1_0001 - u64::from(behind));
        prop_assert_eq!(sequence.extend(again.wrapping_add(2)), Some(after + 1));
    }
}

#[test]
fn numbers_go_on_past_32_bits() {
    let mut sequence = ExtendedSequence::new();
    let mut number = 0x1_0000_u64;
    assert_eq!(sequence.extend(0), Some(number));
    while number < (1 << 32) + 10 {
        let step = if number + 32_767 < 1 << 32 { 32_767 } else { 1 };
        number += step;
        assert_eq!(sequence.extend(number as u16), Some(number));
    }
    assert_eq!(sequence.extend((number - 20) as u16), Some(number - 20), "back across the edge");
}
