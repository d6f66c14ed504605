//! When transports are to be woken: one wheel for all of a shard.
//!
//! A wheel rounds times up to its ticks. In return, setting and taking back a timer costs the same
//! however many there are, and what is due at about the same time is done in one go.

use std::time::{Duration, Instant};

use crate::demux::Slot;

/// As exact as anything that a transport waits for needs to be: retransmissions of handshakes and
/// connectivity checks come after 50 ms at the soonest, reports after a second.
const TICK: Duration = Duration::from_millis(4);

/// One turn takes four seconds: connectivity checks and reports, which are every three seconds at least,
/// are then due within the turn in which they are set.
const SLOTS: usize = 1_024;

const WORDS: usize = SLOTS / 64;

/// One timer for each of many transports.
#[derive(Debug)]
pub(crate) struct TimerWheel {
    start: Instant,
    /// The first tick that has not been looked at.
    tick: u64,
    /// A timer stands in the slot that is its tick modulo `SLOTS`, whichever turn it is for.
    slots: Vec<Vec<Timer>>,
    /// Bit `n % 64` of word `n / 64` is set if slot `n` holds timers.
    occupied: [u64; WORDS],
    /// What went off and was not taken out yet; the next one stands last.
    due: Vec<Timer>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Timer {
    tick: u64,
    whom: Slot,
}

impl TimerWheel {
    pub(crate) fn new(start: Instant) -> Self {
        let slots = vec![Vec::new(); SLOTS];
        Self { start, tick: 0, slots, occupied: [0; WORDS], due: Vec::new() }
    }

    /// Returns when a timer that is set for this time will go off: at the next tick.
    pub(crate) fn round(&self, at: Instant) -> Instant {
        self.time_of(self.tick_of(at))
    }

    /// Sets a timer for a time that came from [`round`](Self::round).
    pub(crate) fn set(&mut self, at: Instant, whom: Slot) {
        let tick = self.tick_of(at);
        let slot = slot_of(tick);
        self.slots[slot].push(Timer { tick, whom });
        self.occupied[slot / 64] |= 1 << (slot % 64);
    }

    /// Takes back a timer that was set for this time.
    pub(crate) fn cancel(&mut self, at: Instant, whom: Slot) {
        let timer = Timer { tick: self.exact_tick_of(at), whom };
        if timer.tick < self.tick {
            self.due.retain(|due| *due != timer);
            return;
        }
        let slot = slot_of(timer.tick);
        let timers = &mut self.slots[slot];
        if let Some(at) = timers.iter().position(|other| *other == timer) {
            timers.swap_remove(at);
        }
        if timers.is_empty() {
            self.occupied[slot / 64] &= !(1 << (slot % 64));
        }
    }

    /// Returns when to look for timers that went off. Where all timers are set for a later turn of the
    /// wheel, that is sooner than the first of them.
    pub(crate) fn next(&self) -> Option<Instant> {
        if let Some(timer) = self.due.last() {
            return Some(self.time_of(timer.tick));
        }
        self.next_occupied().map(|tick| self.time_of(tick))
    }

    /// Takes out a timer that went off: by order of ticks, and of transports within one.
    pub(crate) fn pop(&mut self, now: Instant) -> Option<Slot> {
        if self.due.is_empty() {
            self.turn(now);
        }
        self.due.pop().map(|timer| timer.whom)
    }

    #[cfg(test)]
    pub(crate) fn is_empty(&self) -> bool {
        self.due.is_empty() && self.occupied == [0; WORDS]
    }

    /// Finds what has gone off by `now`. However long nobody looked, each slot is looked at once.
    fn turn(&mut self, now: Instant) {
        let elapsed = now.saturating_duration_since(self.start);
        let end = ticks(elapsed) + 1;
        while let Some(tick) = self.next_occupied().filter(|tick| *tick < end) {
            let slot = slot_of(tick);
            let timers = &mut self.slots[slot];
            self.due.extend(timers.iter().filter(|timer| timer.tick < end));
            timers.retain(|timer| timer.tick >= end);
            if timers.is_empty() {
                self.occupied[slot / 64] &= !(1 << (slot % 64));
            }
            self.tick = tick + 1;
        }
        self.tick = self.tick.max(end);
        self.due.sort_unstable_by(|one, other| other.cmp(one));
    }

    /// Returns the next tick, from now on, of which the slot holds timers.
    fn next_occupied(&self) -> Option<u64> {
        let first = slot_of(self.tick);
        let (word, bit) = (first / 64, first % 64);
        // The rest of the first word, all others, and what is before in the first.
        let words = (0..=WORDS).map(|ahead| {
            let at = (word + ahead) % WORDS;
            let mask = match ahead {
                0 => u64::MAX << bit,
                WORDS => !(u64::MAX << bit),
                _ => u64::MAX,
            };
            (at, self.occupied[at] & mask)
        });
        let (at, found) = words.into_iter().find(|(_, found)| *found != 0)?;
        let slot = at * 64 + found.trailing_zeros() as usize;
        Some(self.tick + ((slot + SLOTS - first) % SLOTS) as u64)
    }

    /// Returns the tick at or after this time, as far as it lies ahead.
    fn tick_of(&self, at: Instant) -> u64 {
        let elapsed = at.saturating_duration_since(self.start);
        let whole = ticks(elapsed);
        let tick = whole + u64::from(self.time_of(whole) < at);
        tick.max(self.tick)
    }

    fn exact_tick_of(&self, at: Instant) -> u64 {
        ticks(at.saturating_duration_since(self.start))
    }

    fn time_of(&self, tick: u64) -> Instant {
        self.start + Duration::from_nanos(TICK.as_nanos() as u64 * tick)
    }
}

fn ticks(elapsed: Duration) -> u64 {
    (elapsed.as_nanos() / TICK.as_nanos()) as u64
}

fn slot_of(tick: u64) -> usize {
    tick as usize % SLOTS
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use proptest::prelude::*;

    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn a_timer_goes_off_once_and_not_before_its_time() {
        let start = galene_testkit::epoch();
        let mut wheel = TimerWheel::new(start);
        let at = wheel.round(start + MS * 9);
        assert_eq!(at, start + MS * 12);
        wheel.set(at, 7);
        assert_eq!(wheel.next(), Some(at));
        assert_eq!(wheel.pop(start + MS * 11), None);
        assert_eq!(wheel.pop(at), Some(7));
        assert_eq!((wheel.pop(at), wheel.next()), (None, None));
    }

    #[test]
    fn a_timer_for_now_or_before_goes_off_at_the_next_tick() {
        let start = galene_testkit::epoch();
        let mut wheel = TimerWheel::new(start);
        assert_eq!(wheel.pop(start + MS * 100), None);
        let at = wheel.round(start);
        assert_eq!(at, start + MS * 104);
        wheel.set(at, 1);
        assert_eq!(wheel.pop(start + MS * 100), None);
        assert_eq!(wheel.pop(at), Some(1));
    }

    #[test]
    fn a_timer_for_a_later_turn_waits_for_it() {
        let start = galene_testkit::epoch();
        let mut wheel = TimerWheel::new(start);
        let turn = TICK * SLOTS as u32;
        let (soon, late) = (wheel.round(start + TICK * 5), wheel.round(start + TICK * 5 + turn));
        wheel.set(late, 2);
        assert_eq!(wheel.next(), Some(soon), "somebody looks for it a turn early");
        assert_eq!(wheel.pop(soon), None);
        assert_eq!(wheel.next(), Some(late));
        assert_eq!(wheel.pop(late + turn * 3), Some(2));
    }

    #[derive(Debug, Clone)]
    enum Step {
        /// Set for so many milliseconds ahead, earlier than before or not.
        Arm(Slot, u64),
        Cancel(Slot),
        Sleep(u64),
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            4 => (0..8usize, 0..6_000u64).prop_map(|(whom, ms)| Step::Arm(whom, ms)),
            1 => (0..8usize).prop_map(Step::Cancel),
            2 => (0..100u64).prop_map(Step::Sleep),
            1 => (0..20_000u64).prop_map(Step::Sleep),
        ];
        proptest::collection::vec(step, 1..200)
    }

    proptest! {
        #[test]
        fn it_does_what_a_sorted_set_does(steps in steps()) {
            let mut now = galene_testkit::epoch();
            let mut wheel = TimerWheel::new(now);
            let mut sorted = BTreeSet::new();
            let mut armed = BTreeMap::new();
            for step in steps {
                match step {
                    Step::Arm(whom, _) | Step::Cancel(whom) => {
                        if let Some(at) = armed.remove(&whom) {
                            wheel.cancel(at, whom);
                            sorted.remove(&(at, whom));
                        }
                        if let Step::Arm(_, ms) = step {
                            let at = wheel.round(now + MS * ms as u32);
                            prop_assert!(at >= now + MS * ms as u32);
                            wheel.set(at, whom);
                            armed.insert(whom, at);
                            sorted.insert((at, whom));
                        }
                    }
                    Step::Sleep(ms) => {
                        now += MS * ms as u32;
                        while let Some(whom) = wheel.pop(now) {
                            let first = sorted.pop_first();
                            prop_assert_eq!(first, armed.remove(&whom).map(|at| (at, whom)));
                            prop_assert!(first.is_some_and(|(at, _)| at <= now));
                        }
                    }
                }
                let first = sorted.first().map(|(at, _)| *at);
                prop_assert!(first.is_none_or(|at| at > now || matches!(step, Step::Arm(..))));
                prop_assert_eq!(wheel.next().is_some(), first.is_some());
                prop_assert!(wheel.next() <= first);
                prop_assert_eq!(wheel.is_empty(), sorted.is_empty());
            }
        }
    }
}
