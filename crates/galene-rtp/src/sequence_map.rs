//! Which number a forwarded packet has for one subscriber.

use std::collections::VecDeque;

/// How many intervals are remembered, as Galène does. An interval ends where packets are left out:
/// where every other frame of 30 per second is, 128 of them are 8 s, which is longer than any
/// receiver waits for a retransmission.
const MAX_INTERVALS: usize = 128;

/// The longest run of missing packets that stays visible to the subscriber, as in Galène; after a
/// longer one numbers continue as if the source had changed.
const MAX_JUMP: u64 = 8192;

/// Maps the extended sequence numbers of a source to those under which a subscriber is sent its
/// packets.
///
/// - Packets that are left out on purpose ([`omit`](Self::omit)) leave no gap. Packets that went
///   missing on the way to us do, so that the subscriber can ask for them.
/// - A late or retransmitted packet gets the number that was kept free for it.
/// - When the source changes ([`switch`](Self::switch)), numbers continue where they were.
/// - The numbers are found back for a subscriber's NACK ([`source_of`](Self::source_of)).
///
/// A *label* goes with the numbers: what else the caller needs to know of a packet in order to
/// rewrite it, even when it is late or sent again. That is from which source it comes, and what to
/// add to its timestamp and picture number.
///
/// A packet in order costs O(1), any other O(log n) in at most 128 intervals. Memory is allocated
/// only as the number of intervals grows.
///
/// ```
/// use galene_rtp::{Mapped, SequenceMap};
///
/// let mut map = SequenceMap::new(500, "camera");
/// assert_eq!(map.map(70_000), Some(Mapped { sequence: 500, label: "camera" }));
/// assert!(map.omit(70_001));
/// assert_eq!(map.map(70_002), Some(Mapped { sequence: 501, label: "camera" }));
///
/// map.switch("screen");
/// assert_eq!(map.map(90_123), Some(Mapped { sequence: 502, label: "screen" }));
/// assert_eq!(map.source_of(501), Some(Mapped { sequence: 70_002, label: "camera" }));
/// ```
#[derive(Debug, Clone)]
pub struct SequenceMap<T> {
    /// The interval of the newest packets, which nearly all that follow go on with. It stands here and not
    /// with the others so that it is found without waiting for more memory.
    newest: Option<Interval<T>>,
    /// Those before, in ascending order of `(period, start)` and of `outgoing`.
    older: VecDeque<Interval<T>>,
    /// The source's number after the highest that was mapped or left out; `None` until the first
    /// packet of a period is mapped.
    next_source: Option<u64>,
    next_outgoing: u64,
    /// Counts the times that the source's numbers started anew. Numbers of different periods have
    /// nothing to do with each other.
    period: u64,
    label: T,
    /// The label was changed within a period: the next packet starts an interval.
    is_relabelled: bool,
}

/// A number on the other side of a [`SequenceMap`], with the label in force there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mapped<T> {
    /// The extended sequence number.
    pub sequence: u64,
    /// What the caller attached.
    pub label: T,
}

/// Numbers of a source without a gap in between, and the outgoing number of the first.
#[derive(Debug, Clone, Copy)]
struct Interval<T> {
    period: u64,
    start: u64,
    end: u64,
    outgoing: u64,
    label: T,
}

impl<T: Copy> SequenceMap<T> {
    /// Creates a map that gives the number `first_outgoing` to the first packet.
    pub fn new(first_outgoing: u64, label: T) -> Self {
        Self {
            newest: None,
            older: VecDeque::new(),
            next_source: None,
            next_outgoing: first_outgoing,
            period: 0,
            label,
            is_relabelled: false,
        }
    }

    /// Makes the next packet the first of another source, whose numbers have nothing to do with those
    /// before.
    ///
    /// Packets that lie before that first packet have no place, and neither have late packets of the
    /// old source; [`source_of`](Self::source_of) still finds what was sent of it.
    pub fn switch(&mut self, label: T) {
        self.period += 1;
        self.next_source = None;
        self.label = label;
        self.is_relabelled = false;
    }

    /// Leaves one number unused, so that the subscriber sees a loss: between two sources, the first of
    /// which broke off in the middle of a frame. To be followed by [`switch`](Self::switch).
    pub fn leave_gap(&mut self) {
        self.next_outgoing += 1;
    }

    /// Changes the label of all packets after the newest so far.
    pub fn relabel(&mut self, label: T) {
        self.label = label;
        self.is_relabelled = true;
    }

    /// Returns the number under which to send a packet of the current source, and its label.
    ///
    /// `None` if the packet has no place, as it was left out, lies before the first packet of its
    /// source, or is so old that its place is forgotten.
    pub fn map(&mut self, sequence: u64) -> Option<Mapped<T>> {
        match self.next_source {
            Some(next) if sequence < next => return self.late(sequence),
            Some(next) if sequence - next <= MAX_JUMP => self.reserve(next, sequence + 1),
            Some(_) => {
                self.switch(self.label);
                self.reserve(sequence, sequence + 1);
            }
            None => self.reserve(sequence, sequence + 1),
        }
        Some(Mapped { sequence: self.next_outgoing - 1, label: self.label })
    }

    /// Leaves a packet of the current source out, if that leaves no gap.
    ///
    /// Returns `false` if there is a place for it already, because a later packet was mapped or left
    /// out before: then it had better be forwarded, or the subscriber sees a loss.
    pub fn omit(&mut self, sequence: u64) -> bool {
        match self.next_source {
            Some(next) if sequence < next => return self.late(sequence).is_none(),
            Some(next) if sequence - next <= MAX_JUMP => {
                if sequence > next {
                    self.reserve(next, sequence);
                }
                self.next_source = Some(sequence + 1);
            }
            Some(_) => self.switch(self.label),
            None => {}
        }
        true
    }

    /// Leaves out a packet of the current source that is newer than all before, and with it those that
    /// are missing in between: none of them will get a number.
    pub fn omit_through(&mut self, sequence: u64) {
        if self.next_source.is_some_and(|next| sequence >= next && sequence - next <= MAX_JUMP) {
            self.next_source = Some(sequence + 1);
        } else {
            self.omit(sequence);
        }
    }

    /// Returns which packet of which source was sent, or would have been, under the number
    /// `outgoing`.
    pub fn source_of(&self, outgoing: u64) -> Option<Mapped<T>> {
        let interval = self.last_interval(|interval| interval.outgoing <= outgoing)?;
        let sequence = interval.start + (outgoing - interval.outgoing);
        (sequence < interval.end).then_some(Mapped { sequence, label: interval.label })
    }

    /// Returns the newest outgoing number so far that has these low 16 bits, as a NACK names it;
    /// `None` if it would lie in the future, or nothing has been sent.
    pub fn extend_outgoing(&self, sequence: u16) -> Option<u64> {
        let newest = self.next_outgoing.checked_sub(1)?;
        let behind = (newest as u16).wrapping_sub(sequence);
        if behind >= 0x8000 || self.newest.is_none() {
            return None;
        }
        newest.checked_sub(u64::from(behind))
    }

    /// Returns the number that the next packet of the source will have, if none goes missing.
    pub fn next_outgoing(&self) -> u64 {
        self.next_outgoing
    }

    /// Returns the label of packets after the newest so far.
    pub fn label(&self) -> T {
        self.label
    }

    /// Gives the next outgoing numbers to the source's numbers from `next` up to before `end`.
    fn reserve(&mut self, next: u64, end: u64) {
        match &mut self.newest {
            Some(last) if (last.period, last.end) == (self.period, next) && !self.is_relabelled => {
                last.end = end;
            }
            newest => {
                let before = newest.replace(Interval {
                    period: self.period,
                    start: next,
                    end,
                    outgoing: self.next_outgoing,
                    label: self.label,
                });
                if self.older.len() == MAX_INTERVALS - 1 {
                    self.older.pop_front();
                }
                self.older.extend(before);
                self.is_relabelled = false;
            }
        }
        self.next_outgoing += end - next;
        self.next_source = Some(end);
    }

    /// Finds the place that was kept for a packet of the current source.
    fn late(&self, sequence: u64) -> Option<Mapped<T>> {
        let place = (self.period, sequence);
        let interval = self.last_interval(|interval| (interval.period, interval.start) <= place)?;
        (interval.period == self.period && sequence < interval.end).then(|| Mapped {
            sequence: interval.outgoing + (sequence - interval.start),
            label: interval.label,
        })
    }

    /// Returns the last interval that lies before something, as all before it do.
    fn last_interval(&self, lies_before: impl Fn(&Interval<T>) -> bool) -> Option<&Interval<T>> {
        self.newest.as_ref().filter(|newest| lies_before(newest)).or_else(|| {
            let after = self.older.partition_point(lies_before);
            self.older.get(after.checked_sub(1)?)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_packets_leave_a_gap_and_have_their_place_when_they_come() {
        let mut map = SequenceMap::new(1_000, ());
        assert_eq!(mapped(&mut map, 70_000), Some(1_000));
        assert_eq!(mapped(&mut map, 70_003), Some(1_003));
        assert_eq!(mapped(&mut map, 70_001), Some(1_001));
        assert_eq!(mapped(&mut map, 70_003), Some(1_003), "sent again");
        assert_eq!(mapped(&mut map, 69_999), None, "before the first");
    }

    #[test]
    fn packets_left_out_leave_no_gap() {
        let mut map = SequenceMap::new(0, ());
        assert_eq!(mapped(&mut map, 100), Some(0));
        assert!(map.omit(101));
        assert!(map.omit(102));
        assert_eq!(mapped(&mut map, 103), Some(1));
        assert_eq!(mapped(&mut map, 100), Some(0));
        assert_eq!(mapped(&mut map, 102), None);
        assert!(map.omit(102), "left out already");
        assert!(!map.omit(103), "its place is taken");
    }

    #[test]
    fn a_packet_is_left_out_even_after_missing_ones() {
        let mut map = SequenceMap::new(0, ());
        assert_eq!(mapped(&mut map, 100), Some(0));
        assert!(map.omit(103));
        assert!(!map.omit(102), "it may have been wanted, so there is a place for it");
        assert_eq!(mapped(&mut map, 106), Some(5));
        assert_eq!(mapped(&mut map, 102), Some(2));
        assert_eq!(mapped(&mut map, 103), None);
        assert_eq!(mapped(&mut map, 104), Some(3));
    }

    #[test]
    fn what_is_missing_among_packets_left_out_is_left_out_with_them() {
        let mut map = SequenceMap::new(0, ());
        assert_eq!(mapped(&mut map, 100), Some(0));
        assert!(map.omit(101));
        map.omit_through(104);
        assert_eq!(mapped(&mut map, 105), Some(1));
        assert_eq!(mapped(&mut map, 103), None, "it came late and is not missed");
        map.omit_through(102);
        assert_eq!(mapped(&mut map, 106), Some(2));
    }

    #[test]
    fn another_source_continues_the_numbers() {
        let mut map = SequenceMap::new(65_535, 'a');
        map.map(5_000);
        map.switch('b');
        assert!(map.omit(9), "nothing was mapped of the new source yet");
        assert_eq!(map.map(10), Some(Mapped { sequence: 65_536, label: 'b' }));
        assert_eq!(map.map(9), None);
        assert_eq!(map.source_of(65_535), Some(Mapped { sequence: 5_000, label: 'a' }));
        assert_eq!(map.source_of(65_536), Some(Mapped { sequence: 10, label: 'b' }));
    }

    #[test]
    fn a_gap_between_two_sources_stays_empty() {
        let mut map = SequenceMap::new(0, 'a');
        map.map(5);
        map.leave_gap();
        map.switch('b');
        assert_eq!(map.map(90), Some(Mapped { sequence: 2, label: 'b' }));
        assert_eq!(map.source_of(0).map(|m| m.sequence), Some(5));
        assert_eq!(map.source_of(1), None);
        assert_eq!(map.source_of(2).map(|m| m.sequence), Some(90));
    }

    #[test]
    fn a_label_counts_from_the_next_new_packet() {
        let mut map = SequenceMap::new(0, 0);
        map.map(10);
        map.omit(11);
        map.relabel(1);
        assert_eq!(map.map(12), Some(Mapped { sequence: 1, label: 1 }));
        map.relabel(2);
        assert_eq!(map.map(13), Some(Mapped { sequence: 2, label: 2 }));
        assert_eq!(map.map(12), Some(Mapped { sequence: 1, label: 1 }));
        assert_eq!(map.map(10), Some(Mapped { sequence: 0, label: 0 }));
    }

    #[test]
    fn a_jump_beyond_the_limit_is_closed() {
        let mut map = SequenceMap::new(0, ());
        assert_eq!(mapped(&mut map, 0), Some(0));
        assert_eq!(mapped(&mut map, 1 + MAX_JUMP), Some(1 + MAX_JUMP), "just within");
        assert_eq!(mapped(&mut map, 3 + 2 * MAX_JUMP), Some(2 + MAX_JUMP), "just beyond");
        assert_eq!(mapped(&mut map, 2 + 2 * MAX_JUMP), None);
        assert!(map.omit(5 + 3 * MAX_JUMP));
        assert_eq!(mapped(&mut map, 6 + 3 * MAX_JUMP), Some(3 + MAX_JUMP));
    }

    #[test]
    fn the_oldest_of_more_than_128_intervals_is_forgotten() {
        let mut map = SequenceMap::new(0, ());
        for n in 0..129 {
            map.map(2 * n);
            map.omit(2 * n + 1);
        }
        assert_eq!(mapped(&mut map, 0), None);
        assert_eq!(map.source_of(0), None);
        assert_eq!(mapped(&mut map, 2), Some(1));
        assert_eq!(map.source_of(1).map(|m| m.sequence), Some(2));
        assert_eq!(1 + map.older.len(), MAX_INTERVALS);
    }

    #[test]
    fn a_nack_names_one_of_the_last_32768_numbers() {
        let mut map = SequenceMap::new(65_000, ());
        assert_eq!(map.extend_outgoing(64_999), None, "nothing sent yet");
        map.map(0);
        map.map(5_000);
        assert_eq!(map.extend_outgoing(4_464), Some(70_000));
        assert_eq!(map.extend_outgoing(65_000), Some(65_000));
        assert_eq!(map.extend_outgoing(4_465), None, "in the future");
        assert_eq!(map.source_of(70_001), None);
        assert_eq!(map.source_of(64_999), None);
    }

    fn mapped<T: Copy>(map: &mut SequenceMap<T>, sequence: u64) -> Option<u64> {
        map.map(sequence).map(|m| m.sequence)
    }
}
