//! Whether the queue in front of a receiver's link has to empty before it gets any more pictures.
//!
//! When a link narrows suddenly, everything that was sent before that was noticed waits in front of it, or
//! is dropped there. Whatever is added waits behind it, and most of it is lost too, the keyframe of a smaller
//! encoding first of all. A pause till the queue is gone costs no more than that wait, and what follows
//! arrives whole.

use std::time::Duration;

/// A queue that takes so long to empty is worth a pause. A keyframe alone takes a quarter to half of a second
/// at the rate of the link.
const BEGIN: Duration = Duration::from_millis(600);

/// The pause is over when so little is left that the next keyframe can follow.
const END: Duration = Duration::from_millis(100);

/// The state of the queue of one receiver.
#[derive(Debug, Default)]
pub(crate) struct Draining {
    is_on: bool,
}

/// What changes for the receiver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Drained {
    /// There is no such queue.
    No,
    /// It has to empty, from now on or still.
    Empties,
    /// It has just become empty.
    IsEmpty,
}

impl Draining {
    /// Takes in how long the queue takes to empty, and whether the link was found too full just now: a long
    /// path without a queue has as much on its way.
    pub(crate) fn update(&mut self, queued: Duration, is_full: bool) -> Drained {
        let was_on = self.is_on;
        self.is_on = if was_on { queued > END } else { is_full && queued > BEGIN };
        match (was_on, self.is_on) {
            (_, true) => Drained::Empties,
            (true, false) => Drained::IsEmpty,
            (false, false) => Drained::No,
        }
    }

    /// Returns whether the queue has to empty.
    pub(crate) fn is_on(&self) -> bool {
        self.is_on
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_queue_empties_before_anything_follows() {
        let ms = Duration::from_millis;
        let mut draining = Draining::default();
        assert_eq!(draining.update(ms(700), false), Drained::No, "the path is long");
        assert_eq!(draining.update(ms(300), true), Drained::No, "it is short");
        assert_eq!(draining.update(ms(700), true), Drained::Empties);
        assert_eq!(draining.update(ms(300), false), Drained::Empties);
        assert_eq!(draining.update(ms(90), false), Drained::IsEmpty);
        assert_eq!(draining.update(ms(90), false), Drained::No);
    }
}
