//! [`TimestampMap`] against a clock that never wraps.

use std::time::Duration;

use galene_rtp::TimestampMap;
use proptest::prelude::*;

/// What happens to a stream.
#[derive(Debug, Clone)]
enum Step {
    /// A packet of the current source, this many ticks after its latest, or before it.
    Packet(i64),
    /// A packet of another source, which starts at this timestamp.
    Switch { first: u32, elapsed: Duration },
}

fn step() -> impl Strategy<Value = Step> {
    let ticks = prop_oneof![Just(0_i64), Just(3_000), -9_000..9_000_i64, 0..1_i64 << 31];
    let first = prop_oneof![any::<u32>(), 0..10_000_u32, u32::MAX - 10_000..u32::MAX];
    let elapsed = prop_oneof![0..100_u64, 0..u64::from(u32::MAX)].prop_map(Duration::from_millis);
    prop_oneof![
        10 => ticks.prop_map(Step::Packet),
        1 => (first, elapsed).prop_map(|(first, elapsed)| Step::Switch { first, elapsed }),
    ]
}

proptest! {
    #[test]
    fn timestamps_go_on_like_a_clock_that_never_wraps(
        clock_rate_hz in prop_oneof![Just(8_000_u32), Just(48_000), Just(90_000)],
        first in any::<u32>(),
        steps in prop::collection::vec(step(), 1..300),
    ) {
        let mut map = TimestampMap::new(clock_rate_hz);
        // The latest timestamp, on the source's clock and on the subscriber's.
        let mut source = i64::from(first);
        let mut outgoing = i64::from(first);
        prop_assert_eq!(map.map(first), first);
        for step in steps {
            match step {
                Step::Packet(ticks) => {
                    let mapped = map.map((source + ticks) as u32);
                    prop_assert_eq!(mapped, (outgoing + ticks) as u32);
                    source += ticks.max(0);
                    outgoing += ticks.max(0);
                }
                Step::Switch { first, elapsed } => {
                    let ticks = elapsed.as_millis() as i64 * i64::from(clock_rate_hz) / 1_000;
                    source = i64::from(first);
                    outgoing += ticks.clamp(1, (1 << 31) - 1);
                    map.switch(first, elapsed);
                    prop_assert_eq!(map.translate(first), outgoing as u32);
                    prop_assert_eq!(map.map(first), outgoing as u32);
                }
            }
            prop_assert_eq!(map.offset(), (outgoing - source) as u32);
        }
    }
}
