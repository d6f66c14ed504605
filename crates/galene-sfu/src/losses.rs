//! Follows which packets of a publisher's RTP stream are missing: when to ask for them again (RFC 4585
//! §6.2.1), and when to give them up.
//!
//! Without them nobody can decode what follows, and each subscriber would find out by itself, after
//! having waited for as long as it sees fit. The core knows first, and asks for a keyframe at once.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::round_trip::RoundTrip;

/// A packet may be overtaken by others for so long before it is asked for.
const REORDERING: Duration = Duration::from_millis(10);

/// How long a packet is waited for that can only have been overtaken, since nobody sends it again.
const PATIENCE: Duration = Duration::from_millis(60);

/// How often a packet is asked for. Of packets of which a third gets lost, in both directions, five
/// requests leave one of thirty lost packets missing, ten leave one of a thousand; libwebrtc, too, asks
/// ten times.
const MAX_REQUESTS: u8 = 10;

/// How long a packet is waited for at all. A browser that misses one asks for a keyframe after three
/// seconds without a picture.
const MAX_PATIENCE: Duration = Duration::from_millis(2_500);

/// How many packets may be missing: what is more is not repaired any more, since a keyframe is smaller.
/// It is a second and a half of a good picture of which a third gets lost over a long path.
const MAX_MISSING: usize = 256;

/// The packets that are missing of one RTP stream.
#[derive(Debug)]
pub(crate) struct Losses {
    /// Whether the publisher can send them again.
    is_repairable: bool,
    next: Option<u64>,
    /// By ascending sequence number, and by the time at which they were first missed.
    missing: VecDeque<Missing>,
    /// So much was lost that only a keyframe helps.
    is_hopeless: bool,
}

#[derive(Debug, Clone, Copy)]
struct Missing {
    sequence: u64,
    since: Instant,
    asked: Option<Instant>,
    requests: u8,
}

impl Losses {
    pub(crate) fn new(is_repairable: bool) -> Self {
        Self { is_repairable, next: None, missing: VecDeque::new(), is_hopeless: false }
    }

    /// Forgets everything: another RTP stream follows.
    pub(crate) fn reset(&mut self) {
        *self = Self::new(self.is_repairable);
    }

    /// Misses nothing of what was sent so far: nobody needs it.
    pub(crate) fn forget(&mut self) {
        self.missing.clear();
        self.is_hopeless = false;
    }

    /// Takes in a packet. Those before a keyframe are missed by nobody.
    ///
    /// Returns how long it took to come after it was asked for, if it was asked for once: then it is the
    /// answer to that.
    pub(crate) fn handle_packet(
        &mut self,
        sequence: u64,
        starts_keyframe: bool,
        now: Instant,
    ) -> Option<Duration> {
        let next = *self.next.get_or_insert(sequence);
        let mut took = None;
        if sequence >= next {
            let room = MAX_MISSING - self.missing.len();
            if sequence - next > room as u64 {
                self.missing.clear();
                self.is_hopeless = true;
            } else {
                let since = |sequence| Missing { sequence, since: now, asked: None, requests: 0 };
                self.missing.extend((next..sequence).map(since));
            }
            self.next = Some(sequence + 1);
        } else if let Ok(at) = self.position(sequence) {
            let found = self.missing.remove(at).filter(|missing| missing.requests == 1);
            took = found.and_then(|missing| Some(now.saturating_duration_since(missing.asked?)));
        }
        if starts_keyframe {
            let before = self.missing.partition_point(|missing| missing.sequence < sequence);
            self.missing.drain(..before);
            self.is_hopeless = false;
        }
        took
    }

    /// Returns whether a packet is missing.
    pub(crate) fn is_missing(&self, sequence: u64) -> bool {
        self.position(sequence).is_ok()
    }

    /// Returns whether there is nothing to wait for.
    pub(crate) fn is_empty(&self) -> bool {
        self.missing.is_empty() && !self.is_hopeless
    }

    /// Returns the missing packet whose sequence number ends in these 16 bits.
    pub(crate) fn find(&self, number: u16) -> Option<u64> {
        let last = self.next?.checked_sub(1)?;
        let sequence = last.checked_sub(u64::from((last as u16).wrapping_sub(number)))?;
        self.is_missing(sequence).then_some(sequence)
    }

    /// Adds what to ask for now to `asked`, in ascending order, and takes note of it. Returns whether a
    /// packet has to be given up, so that only a keyframe helps. Each one is given up once.
    pub(crate) fn poll(
        &mut self,
        now: Instant,
        round_trip: RoundTrip,
        asked: &mut Vec<u64>,
    ) -> bool {
        let is_repairable = self.is_repairable;
        let before = self.missing.len();
        self.missing.retain_mut(|missing| {
            if now < missing.due(is_repairable, round_trip) {
                return true;
            }
            let is_asked_for = missing.may_be_asked_for(is_repairable, now);
            if is_asked_for {
                missing.asked = Some(now);
                missing.requests += 1;
                asked.push(missing.sequence);
            }
            is_asked_for
        });
        std::mem::take(&mut self.is_hopeless) || self.missing.len() < before
    }

    /// Returns when [`poll`](Self::poll) is due.
    pub(crate) fn next_due(&self, round_trip: RoundTrip) -> Option<Instant> {
        let due = self.missing.iter().map(|missing| missing.due(self.is_repairable, round_trip));
        due.min()
    }

    /// Returns when [`poll`](Self::poll) is due at the earliest after a packet at `now` that showed others
    /// to be missing.
    pub(crate) fn first_due(&self, now: Instant) -> Option<Instant> {
        let newest = self.missing.back().filter(|missing| missing.since == now);
        if self.is_hopeless {
            return Some(now);
        }
        newest.map(|_| now + if self.is_repairable { REORDERING } else { PATIENCE })
    }

    fn position(&self, sequence: u64) -> Result<usize, usize> {
        self.missing.binary_search_by_key(&sequence, |missing| missing.sequence)
    }
}

impl Missing {
    /// Returns when something is to be done about it.
    fn due(&self, is_repairable: bool, round_trip: RoundTrip) -> Instant {
        let due = match self.asked {
            _ if !is_repairable => return self.since + PATIENCE,
            None => self.since + REORDERING,
            Some(at) => at + round_trip.to_wait(),
        };
        due.min(self.since + MAX_PATIENCE)
    }

    fn may_be_asked_for(&self, is_repairable: bool, now: Instant) -> bool {
        is_repairable && self.requests < MAX_REQUESTS && now < self.since + MAX_PATIENCE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Instant {
        galene_testkit::epoch() + Duration::from_millis(ms)
    }

    fn round_trip(ms: u64) -> RoundTrip {
        let mut round_trip = RoundTrip::default();
        round_trip.handle_sample(Duration::from_millis(ms));
        round_trip
    }

    /// Lets time pass up to `until`, looking whenever something is due. Returns when what was asked for,
    /// in milliseconds, and when something was given up.
    fn run(
        losses: &mut Losses,
        until: u64,
        round_trip: RoundTrip,
    ) -> (Vec<(u64, u64)>, Option<u64>) {
        let (mut asked, mut given_up) = (Vec::new(), None);
        while let Some(due) = losses.next_due(round_trip).filter(|due| *due <= at(until)) {
            let mut now = Vec::new();
            let ms = due.duration_since(at(0)).as_millis() as u64;
            if losses.poll(due, round_trip, &mut now) {
                given_up.get_or_insert(ms);
            }
            asked.extend(now.into_iter().map(|sequence| (ms, sequence)));
        }
        (asked, given_up)
    }

    #[test]
    fn a_packet_that_was_only_overtaken_is_not_asked_for() {
        let mut losses = Losses::new(true);
        losses.handle_packet(10, true, at(0));
        losses.handle_packet(12, false, at(30));
        assert_eq!(losses.first_due(at(30)), Some(at(40)));
        losses.handle_packet(11, false, at(39));
        assert_eq!(run(&mut losses, 9_999, round_trip(50)), (vec![], None));
    }

    #[test]
    fn a_missing_packet_is_asked_for_once_in_a_round_trip_until_it_comes() {
        let mut losses = Losses::new(true);
        losses.handle_packet(10, true, at(0));
        losses.handle_packet(13, false, at(30));
        let wait = round_trip(80).to_wait().as_millis() as u64;
        assert!(wait >= 80);
        let (asked, given_up) = run(&mut losses, 40 + wait, round_trip(80));
        assert_eq!(asked, [(40, 11), (40, 12), (40 + wait, 11), (40 + wait, 12)]);
        assert_eq!(given_up, None);
        assert_eq!(losses.handle_packet(11, false, at(200)), None, "it may answer either");
        assert_eq!(losses.find(12), Some(12));
        losses.handle_packet(12, false, at(201));
        assert!(losses.is_empty());
    }

    #[test]
    fn the_answer_to_the_only_request_tells_how_long_the_way_is() {
        let mut losses = Losses::new(true);
        losses.handle_packet(10, true, at(0));
        losses.handle_packet(12, false, at(30));
        run(&mut losses, 40, RoundTrip::default());
        let took = losses.handle_packet(11, false, at(110));
        assert_eq!(took, Some(Duration::from_millis(70)));
    }

    #[test]
    fn it_is_given_up_after_ten_requests_on_a_short_path_and_later_on_a_long_one() {
        for (ms, requests, about) in [(50, 10, 600), (500, 5, 2_530)] {
            let mut losses = Losses::new(true);
            losses.handle_packet(10, true, at(0));
            losses.handle_packet(12, false, at(30));
            let (asked, given_up) = run(&mut losses, 9_999, round_trip(ms));
            assert_eq!(asked.len(), requests, "{asked:?}");
            let given_up = given_up.expect("it never comes");
            assert!((about - 100..about + 100).contains(&given_up), "{given_up}");
            assert!(losses.is_empty());
        }
    }

    #[test]
    fn one_that_nobody_sends_again_is_given_up_soon_and_once() {
        let mut losses = Losses::new(false);
        losses.handle_packet(10, true, at(0));
        losses.handle_packet(12, false, at(30));
        assert_eq!(run(&mut losses, 89, round_trip(50)), (vec![], None));
        assert_eq!(run(&mut losses, 9_999, round_trip(50)), (vec![], Some(90)));
    }

    #[test]
    fn nobody_misses_what_lies_before_a_keyframe() {
        let mut losses = Losses::new(true);
        losses.handle_packet(10, true, at(0));
        losses.handle_packet(12, false, at(10));
        losses.handle_packet(14, true, at(15));
        assert_eq!(run(&mut losses, 9_999, round_trip(50)), (vec![], None));
    }

    #[test]
    fn a_jump_of_any_size_takes_bounded_memory_and_is_given_up_at_once() {
        let mut losses = Losses::new(true);
        losses.handle_packet(0, true, at(0));
        losses.handle_packet(200, false, at(1));
        losses.handle_packet(1 << 40, false, at(2));
        assert_eq!(losses.first_due(at(2)), Some(at(2)));
        let mut asked = Vec::new();
        assert!(losses.poll(at(2), round_trip(50), &mut asked));
        assert!(asked.is_empty() && losses.is_empty());
        losses.handle_packet((1 << 40) + 2, false, at(3));
        assert_eq!(losses.find(1), Some((1 << 40) + 1), "it goes on from there");
    }

    #[test]
    fn a_number_is_that_of_the_missing_packet_whatever_its_wraps() {
        let mut losses = Losses::new(true);
        losses.handle_packet(65_530, true, at(0));
        losses.handle_packet(65_540, false, at(1));
        assert_eq!(losses.find(65_535), Some(65_535));
        assert_eq!(losses.find(1), Some(65_537));
        assert_eq!(losses.find(4), None, "it is there");
        assert_eq!(losses.find(5), None, "it is yet to come");
    }
}
