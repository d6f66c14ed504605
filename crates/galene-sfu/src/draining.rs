//! Whether the queue in front of a receiver's link has to empty before it gets any more pictures.
//!
//! When a link narrows suddenly, everything that was sent before that was noticed waits in front of it, or
//! is dropped there. Whatever is added waits behind it, and most of it is lost too, the keyframe of a smaller
//! encoding first of all. A pause till the queue is gone costs no more than that wait, and what follows
//! arrives whole.

use std::time::{Duration, Instant};

use crate::ClientId;
use crate::sfu::Sfu;

/// A queue that takes so long to empty is worth a pause. A keyframe alone takes a quarter to half of a second
/// at the rate of the link.
const BEGIN: Duration = Duration::from_millis(600);

/// The pause is over when so little is left that the next keyframe can follow.
const END: Duration = Duration::from_millis(100);

/// No pause is longer than this. How long a queue is follows from what is known of the link, and while nothing
/// but sound is sent little can be learned: over a long path an estimate that has fallen far would take what is
/// simply on its way for a queue, for ever. Queues of more than three seconds are rare.
const LONGEST: Duration = Duration::from_secs(3);

/// So long after a pause there is no other. The keyframe that follows a pause needs more room than the estimate
/// has just after it; if that were taken for the next queue, nothing would ever be seen again.
const APART: Duration = Duration::from_secs(5);

/// How often the queue is looked at while nobody says anything.
const LOOK: Duration = Duration::from_millis(500);

/// The state of the queue of one receiver.
#[derive(Debug, Default)]
pub(crate) struct Draining {
    /// Since when the queue has to empty, if it does.
    since: Option<Instant>,
    /// When the last pause was over.
    ended: Option<Instant>,
    /// When the queue is looked at next, whoever says anything.
    look_at: Option<Instant>,
}

/// What changes for the receiver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Drained {
    /// There is no such queue.
    No,
    /// It has to empty, from now on or still.
    Empties,
    /// It has just become empty, or was waited for long enough.
    IsEmpty,
}

impl Draining {
    /// Takes in how long the queue takes to empty, and whether the link was found too full just now: a long
    /// path without a queue has as much on its way.
    pub(crate) fn update(&mut self, queued: Duration, is_full: bool, now: Instant) -> Drained {
        let Some(since) = self.since else {
            let is_apart = self.ended.is_none_or(|at| now.saturating_duration_since(at) >= APART);
            self.since = (is_full && queued > BEGIN && is_apart).then_some(now);
            return if self.is_on() { Drained::Empties } else { Drained::No };
        };
        if queued > END && now.saturating_duration_since(since) < LONGEST {
            return Drained::Empties;
        }
        (self.since, self.ended) = (None, Some(now));
        Drained::IsEmpty
    }

    /// Returns whether the queue has to empty.
    pub(crate) fn is_on(&self) -> bool {
        self.since.is_some()
    }

    /// Returns when to look at the queue again although nobody has said anything, if nobody has been told yet.
    fn next_look(&mut self, now: Instant) -> Option<Instant> {
        let is_known = self.look_at.is_some_and(|at| at > now);
        if !self.is_on() || is_known {
            return None;
        }
        self.look_at = Some(now + LOOK);
        self.look_at
    }
}

impl Sfu {
    /// A client's pictures may pause now. Sees to it that they go on even if nobody says anything any more: a
    /// client that receives nothing but pictures has nothing to report on meanwhile.
    pub(crate) fn note_pause(&mut self, id: ClientId) {
        let client = self.clients.get_mut(&id);
        let look = client.and_then(|client| client.draining.next_look(self.now));
        self.pauses.extend(look.map(|at| (at, id)));
    }

    /// Returns when to look at a queue.
    pub(crate) fn next_pause_look(&self) -> Option<Instant> {
        self.pauses.first().map(|(at, _)| *at)
    }

    /// Ends pauses that are over.
    pub(crate) fn look_at_pauses(&mut self) {
        while let Some(due) = self.pauses.first().copied().filter(|(at, _)| *at <= self.now) {
            self.pauses.remove(&due);
            if self.clients.get(&due.1).is_some_and(|client| client.draining.is_on()) {
                self.share_out(due.1, false);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_queue_empties_before_anything_follows() {
        let ms = Duration::from_millis;
        let at = |offset| galene_testkit::epoch() + ms(offset);
        let mut draining = Draining::default();
        assert_eq!(draining.update(ms(700), false, at(0)), Drained::No, "the path is long");
        assert_eq!(draining.update(ms(300), true, at(100)), Drained::No, "it is short");
        assert_eq!(draining.update(ms(700), true, at(200)), Drained::Empties);
        assert_eq!(draining.update(ms(300), false, at(600)), Drained::Empties);
        assert_eq!(draining.update(ms(90), false, at(800)), Drained::IsEmpty);
        assert_eq!(draining.update(ms(90), false, at(900)), Drained::No);
    }

    #[test]
    fn a_queue_that_seems_not_to_empty_is_waited_for_only_so_long() {
        let at = |ms| galene_testkit::epoch() + Duration::from_millis(ms);
        let queued = Duration::from_millis(700);
        let mut draining = Draining::default();
        assert_eq!(draining.update(queued, true, at(0)), Drained::Empties);
        assert_eq!(draining.update(queued, false, at(2_900)), Drained::Empties);
        assert_eq!(draining.update(queued, false, at(3_000)), Drained::IsEmpty);
        assert_eq!(draining.update(queued, false, at(3_100)), Drained::No);
        assert!(!draining.is_on());
    }

    #[test]
    fn what_follows_a_pause_has_time_to_arrive() {
        let at = |ms| galene_testkit::epoch() + Duration::from_millis(ms);
        let queued = Duration::from_millis(700);
        let mut draining = Draining::default();
        assert_eq!(draining.update(queued, true, at(0)), Drained::Empties);
        assert_eq!(draining.update(Duration::ZERO, true, at(1_000)), Drained::IsEmpty);
        assert_eq!(draining.update(queued, true, at(1_200)), Drained::No, "that is its keyframe");
        assert_eq!(draining.update(queued, true, at(5_900)), Drained::No);
        assert_eq!(draining.update(queued, true, at(6_000)), Drained::Empties);
    }
}
