//! [`SequenceMap`] against a model that keeps every packet in a table.

use std::collections::HashMap;

use galene_rtp::{Mapped, SequenceMap};
use proptest::prelude::*;

/// The bounds of [`SequenceMap`].
const MAX_INTERVALS: u64 = 128;
const MAX_JUMP: u64 = 8192;

/// What happens to a stream. Packets are named by their distance from the highest so far.
#[derive(Debug, Clone)]
enum Step {
    Forward { skipped: u64 },
    Omit { skipped: u64 },
    Late { behind: u64 },
    OmitLate { behind: u64 },
    Relabel,
    Switch { first: u64 },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => skipped().prop_map(|skipped| Step::Forward { skipped }),
        6 => skipped().prop_map(|skipped| Step::Omit { skipped }),
        4 => (0..400_u64).prop_map(|behind| Step::Late { behind }),
        1 => (0..400_u64).prop_map(|behind| Step::OmitLate { behind }),
        1 => Just(Step::Relabel),
        1 => first().prop_map(|first| Step::Switch { first }),
    ]
}

/// How many packets went missing before this one.
fn skipped() -> impl Strategy<Value = u64> {
    prop_oneof![
        60 => Just(0),
        12 => 1..20_u64,
        1 => MAX_JUMP - 2..MAX_JUMP + 3,
        1 => 0..200_000_u64,
    ]
}

/// The first number of a source: anywhere, and preferably just before an edge.
fn first() -> impl Strategy<Value = u64> {
    prop_oneof![
        0..40_u64,
        65_500..65_540_u64,
        131_050..131_080_u64,
        edge_32(),
        any::<u32>().prop_map(u64::from)
    ]
}

fn edge_32() -> impl Strategy<Value = u64> {
    (1_u64 << 32) - 40..(1 << 32) + 40
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn the_map_agrees_with_a_table_of_all_packets(
        first_outgoing in prop_oneof![0..70_000_u64, edge_32()],
        first in first(),
        steps in prop::collection::vec(step(), 1..500),
    ) {
        let mut map = SequenceMap::new(first_outgoing, 0_u32);
        let mut table = Table::new(first_outgoing);
        let mut highest = first;
        for step in steps {
            match step {
                Step::Forward { skipped } => {
                    highest += 1 + skipped;
                    prop_assert_eq!(map.map(highest), table.map(highest));
                }
                Step::Omit { skipped } => {
                    highest += 1 + skipped;
                    prop_assert_eq!(map.omit(highest), table.omit(highest));
                }
                Step::Late { behind } => {
                    let late = highest.saturating_sub(behind);
                    prop_assert_eq!(map.map(late), table.map(late));
                }
                Step::OmitLate { behind } => {
                    let late = highest.saturating_sub(behind);
                    prop_assert_eq!(map.omit(late), table.omit(late));
                }
                Step::Relabel => {
                    table.label += 1;
                    table.starts_interval = true;
                    map.relabel(table.label);
                }
                Step::Switch { first } => {
                    table.label += 1;
                    table.begin_period();
                    map.switch(table.label);
                    highest = first;
                }
            }
            prop_assert_eq!(map.next_outgoing(), table.next_outgoing);
            prop_assert_eq!(map.label(), table.label);
        }
        for outgoing in first_outgoing.saturating_sub(2)..table.next_outgoing + 2 {
            prop_assert_eq!(map.source_of(outgoing), table.source_of(outgoing), "{}", outgoing);
        }
    }

    #[test]
    fn what_is_sent_in_order_is_numbered_without_a_gap(
        first in first(),
        kept in prop::collection::vec(any::<bool>(), 1..2_000),
    ) {
        let mut map = SequenceMap::new(65_000, ());
        let mut expected = 65_000;
        for (number, is_kept) in (first..).zip(kept) {
            if is_kept {
                prop_assert_eq!(map.map(number).map(|m| m.sequence), Some(expected));
                prop_assert_eq!(map.source_of(expected).map(|m| m.sequence), Some(number));
                expected += 1;
            } else {
                prop_assert!(map.omit(number));
            }
        }
    }

    #[test]
    fn a_nack_of_a_recent_packet_finds_its_number(
        first_outgoing in prop_oneof![0..70_000_u64, edge_32()],
        sent in 1..100_000_u64,
        behind in prop_oneof![0..40_000_u64, 32_760..32_776_u64],
    ) {
        let mut map = SequenceMap::new(first_outgoing, ());
        map.map(0);
        for number in (0..sent).step_by(5_000).chain([sent - 1]) {
            map.map(number);
        }
        let newest = first_outgoing + sent - 1;
        if let Some(named) = newest.checked_sub(behind) {
            let expected = (behind < 32_768).then_some(named);
            prop_assert_eq!(map.extend_outgoing(named as u16), expected);
        }
    }
}

/// The same rules, with a table of all packets instead of intervals.
struct Table {
    /// From period and source's number.
    places: HashMap<(u64, u64), Place>,
    /// From the outgoing number.
    sources: HashMap<u64, (u64, Place)>,
    next_source: Option<u64>,
    next_outgoing: u64,
    period: u64,
    label: u32,
    /// Counted only to know what the map may have forgotten.
    intervals: u64,
    starts_interval: bool,
}

#[derive(Clone, Copy)]
struct Place {
    outgoing: u64,
    label: u32,
    interval: u64,
}

impl Table {
    fn new(first_outgoing: u64) -> Self {
        Self {
            places: HashMap::new(),
            sources: HashMap::new(),
            next_source: None,
            next_outgoing: first_outgoing,
            period: 0,
            label: 0,
            intervals: 0,
            starts_interval: true,
        }
    }

    fn begin_period(&mut self) {
        self.period += 1;
        self.next_source = None;
        self.starts_interval = true;
    }

    fn map(&mut self, sequence: u64) -> Option<Mapped<u32>> {
        match self.next_source {
            Some(next) if sequence >= next && sequence - next <= MAX_JUMP => {
                (next..=sequence).for_each(|s| self.place(s));
            }
            Some(next) if sequence >= next => {
                self.begin_period();
                self.place(sequence);
            }
            Some(_) => {}
            None => self.place(sequence),
        }
        let place = self.places.get(&(self.period, sequence))?;
        self.remembers(place).then_some(Mapped { sequence: place.outgoing, label: place.label })
    }

    fn omit(&mut self, sequence: u64) -> bool {
        match self.next_source {
            Some(next) if sequence >= next && sequence - next <= MAX_JUMP => {
                (next..sequence).for_each(|s| self.place(s));
                self.next_source = Some(sequence + 1);
                self.starts_interval = true;
            }
            Some(next) if sequence >= next => self.begin_period(),
            Some(_) => {
                let place = self.places.get(&(self.period, sequence));
                return !place.is_some_and(|p| self.remembers(p));
            }
            None => {}
        }
        true
    }

    fn source_of(&self, outgoing: u64) -> Option<Mapped<u32>> {
        let (sequence, place) = self.sources.get(&outgoing)?;
        self.remembers(place).then_some(Mapped { sequence: *sequence, label: place.label })
    }

    fn place(&mut self, sequence: u64) {
        self.intervals += u64::from(std::mem::take(&mut self.starts_interval));
        let place =
            Place { outgoing: self.next_outgoing, label: self.label, interval: self.intervals };
        self.places.insert((self.period, sequence), place);
        self.sources.insert(place.outgoing, (sequence, place));
        self.next_outgoing += 1;
        self.next_source = Some(sequence + 1);
    }

    fn remembers(&self, place: &Place) -> bool {
        place.interval + MAX_INTERVALS > self.intervals
    }
}
