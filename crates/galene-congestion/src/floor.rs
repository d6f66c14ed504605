//! Whether even the quickest packets take longer than before, as behind a queue that grows.
//!
//! Where each packet is late by chance, as over radio, a line through the delays rises and falls by chance too.
//! But some packets are quick nevertheless, all the time; behind a queue none is.

/// The quickest packet of so much time is looked at.
const WINDOW_US: i64 = 100_000;

/// So many windows are remembered: five seconds.
const WINDOWS: usize = 50;

/// The latest ones are what is in question: half a second, so that a queue that grows slowly shows too.
const RECENT: usize = 5;

/// After so many windows without a packet, half a second, what was before tells nothing any more.
const SILENCE: i64 = 5;

/// Longer by this is longer, by less is noise.
const MARGIN_US: i64 = 8_000;

/// The shortest ways of the last seconds, in microseconds; clocks differ by anything.
#[derive(Debug)]
pub(crate) struct Floor {
    /// The number of the window since the receiver's time zero, and the shortest way in it.
    open: Option<(i64, i64)>,
    closed: [i64; WINDOWS],
    count: usize,
    /// The number of the window that was closed last.
    newest: i64,
}

impl Floor {
    pub(crate) fn new() -> Self {
        Self { open: None, closed: [0; WINDOWS], count: 0, newest: 0 }
    }

    /// Takes in an arrival and how long the way took.
    pub(crate) fn handle_arrival(&mut self, arrived_us: i64, way_us: i64) {
        let window = arrived_us.div_euclid(WINDOW_US);
        match &mut self.open {
            Some((open, shortest)) if *open == window => *shortest = way_us.min(*shortest),
            // It was late, and its window is over.
            Some((open, _)) if *open > window => {}
            Some((open, shortest)) => {
                self.closed[self.count % WINDOWS] = *shortest;
                self.count += 1;
                self.newest = *open;
                (*open, *shortest) = (window, way_us);
            }
            None => self.open = Some((window, way_us)),
        }
    }

    /// Returns how long the quickest packet of the last window took, unless there was a silence since.
    pub(crate) fn last(&self) -> Option<i64> {
        let last = self.count.checked_sub(1)?;
        let (open, _) = self.open?;
        (open - self.newest <= SILENCE).then(|| self.closed[last % WINDOWS])
    }

    /// Returns whether the quickest packets of the last window took longer than those of any window of the
    /// seconds before; also if there is nothing to compare with.
    pub(crate) fn has_risen(&self) -> bool {
        if self.count == 0 {
            return true;
        }
        let Some(last) = self.last() else {
            return false;
        };
        let oldest = self.count.saturating_sub(WINDOWS);
        let before =
            (oldest..self.count.saturating_sub(RECENT)).map(|at| self.closed[at % WINDOWS]);
        before.max().is_none_or(|most| last > most + MARGIN_US)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_that_are_late_by_chance_raise_nothing_and_a_queue_does() {
        let mut random = fastrand::Rng::with_seed(1);
        let mut floor = Floor::new();
        let mut risen = 0;
        for n in 0..2_000 {
            floor.handle_arrival(n * 10_000, random.i64(0..100_000));
            risen += u32::from(n > 200 && floor.has_risen());
        }
        assert!(risen < 100, "{risen} of 1,800");
        for n in 0..50 {
            floor.handle_arrival(20_000_000 + n * 10_000, 100_000 + n * 3_000);
        }
        assert!(floor.has_risen());
    }

    #[test]
    fn a_queue_that_stands_for_long_is_a_way_like_any_other() {
        let mut floor = Floor::new();
        assert!(floor.has_risen(), "nothing is known");
        (0..700).for_each(|n| floor.handle_arrival(n * 10_000, 5_000));
        assert!(!floor.has_risen());
        (700..750).for_each(|n| floor.handle_arrival(n * 10_000, 60_000));
        assert!(floor.has_risen());
        (750..1_400).for_each(|n| floor.handle_arrival(n * 10_000, 60_000));
        assert!(!floor.has_risen());
        assert_eq!(floor.last(), Some(60_000));
        floor.handle_arrival(20_000_000, 5_000);
        assert_eq!(floor.last(), None, "what was before a silence");
        assert!(!floor.has_risen());
    }
}
