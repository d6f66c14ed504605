//! Notices packets of a publisher that are not coming any more.
//!
//! Without them nobody can decode what follows, and each subscriber would find out by itself, after
//! having waited for as long as it sees fit. The core knows first, and asks for a keyframe at once.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// How long a packet may be late if the publisher can send it again. The engine asks five times, the
/// first time after 33 ms and then once per round trip.
const PATIENCE_WITH_RTX: Duration = Duration::from_millis(500);

/// How long it may be late if it can only have been overtaken.
const PATIENCE: Duration = Duration::from_millis(60);

/// How many missing packets are watched; where more are missing, the first ones will be overdue anyway.
const MAX_MISSING: usize = 128;

/// The packets that are missing of one RTP stream.
#[derive(Debug)]
pub(crate) struct Gaps {
    patience: Duration,
    next: Option<u64>,
    /// By ascending sequence number, each with when it was first missed.
    missing: VecDeque<(u64, Instant)>,
}

impl Gaps {
    pub(crate) fn new(has_rtx: bool) -> Self {
        let patience = if has_rtx { PATIENCE_WITH_RTX } else { PATIENCE };
        Self { patience, next: None, missing: VecDeque::new() }
    }

    /// Forgets everything: another RTP stream follows.
    pub(crate) fn reset(&mut self) {
        self.next = None;
        self.missing.clear();
    }

    /// Takes in a packet, and returns whether another one has to be given up, so that only a keyframe
    /// helps. Each missing packet is given up once; those before a keyframe are missed by nobody.
    pub(crate) fn handle_packet(
        &mut self,
        sequence: u64,
        starts_keyframe: bool,
        now: Instant,
    ) -> bool {
        let next = *self.next.get_or_insert(sequence);
        if sequence >= next {
            let room = MAX_MISSING - self.missing.len();
            self.missing.extend((next..sequence).take(room).map(|missing| (missing, now)));
            self.next = Some(sequence + 1);
        } else if let Ok(at) = self.missing.binary_search_by_key(&sequence, |(missing, _)| *missing)
        {
            self.missing.remove(at);
        }
        if starts_keyframe {
            let before = self.missing.partition_point(|(missing, _)| *missing < sequence);
            self.missing.drain(..before);
        }
        let overdue =
            |(_, since): &(u64, Instant)| now.saturating_duration_since(*since) > self.patience;
        let given_up = self.missing.iter().take_while(|missing| overdue(missing)).count();
        self.missing.drain(..given_up);
        given_up > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Instant {
        galene_testkit::epoch() + Duration::from_millis(ms)
    }

    #[test]
    fn a_packet_that_was_only_overtaken_is_not_missed() {
        let mut gaps = Gaps::new(false);
        assert!(!gaps.handle_packet(10, true, at(0)));
        assert!(!gaps.handle_packet(12, false, at(30)));
        assert!(!gaps.handle_packet(11, false, at(40)));
        assert!(!gaps.handle_packet(13, false, at(1_000)));
    }

    #[test]
    fn a_packet_that_does_not_come_is_given_up_once() {
        let mut gaps = Gaps::new(false);
        gaps.handle_packet(10, true, at(0));
        assert!(!gaps.handle_packet(12, false, at(30)));
        assert!(!gaps.handle_packet(13, false, at(90)));
        assert!(gaps.handle_packet(14, false, at(91)));
        assert!(!gaps.handle_packet(15, false, at(200)));
    }

    #[test]
    fn one_that_can_be_sent_again_is_waited_for_longer() {
        let mut gaps = Gaps::new(true);
        gaps.handle_packet(10, true, at(0));
        gaps.handle_packet(12, false, at(30));
        assert!(!gaps.handle_packet(13, false, at(530)));
        assert!(gaps.handle_packet(14, false, at(531)));
    }

    #[test]
    fn nobody_misses_what_lies_before_a_keyframe() {
        let mut gaps = Gaps::new(false);
        gaps.handle_packet(10, true, at(0));
        gaps.handle_packet(12, false, at(10));
        gaps.handle_packet(14, true, at(40));
        assert!(!gaps.handle_packet(15, false, at(500)));
    }

    #[test]
    fn a_jump_of_any_size_takes_bounded_memory() {
        let mut gaps = Gaps::new(true);
        gaps.handle_packet(0, true, at(0));
        gaps.handle_packet(1 << 40, false, at(1));
        assert_eq!(gaps.missing.len(), MAX_MISSING);
        assert!(gaps.handle_packet((1 << 40) + 9, false, at(600)));
    }
}
