//! One stream takes the place of another.
//!
//! The publisher closes the old stream when it offers the new one, but it takes a while until the new
//! one has something to show. Until then receivers keep the old one, whose last picture stands still;
//! then the new one is offered to them as its replacement. A new stream may itself be replaced before
//! it was shown, so predecessors are handed down.

use galene_protocol::StreamId;
use galene_sfu::TransportId;

use super::speakers::Voice;
use super::{Farewell, Up};
use crate::conference::Timer;
use crate::limits::REPLACEMENT_TIMEOUT;
use crate::{Conference, Now};

impl Conference {
    /// Closes the transport of `predecessor`, and hands its receivers to `successor`. They are not told.
    pub(super) fn take_over(&mut self, successor: TransportId, predecessor: TransportId, now: Now) {
        let Some(old) = self.ups.remove(&predecessor) else { return };
        self.forget_up(predecessor, &old);
        let Up { stream, mut replaces, downs, voice, .. } = old;
        // Receivers who do not know of the old stream yet need not hear of it any more. What it was to
        // replace at their side now waits for the successor.
        let (known, unknown): (Vec<_>, Vec<_>) = downs
            .into_iter()
            .partition(|down| self.downs.get(down).is_some_and(|down| down.announced));
        for transport in unknown {
            if let Some(down) = self.downs.get_mut(&transport) {
                replaces.append(&mut down.replaces);
            }
            self.close_down(transport, Farewell::Silent);
        }
        replaces.push(stream);
        let Some(up) = self.ups.get_mut(&successor) else { return };
        for transport in known {
            if let Some(down) = self.downs.get_mut(&transport) {
                down.up = successor;
                up.downs.insert(transport);
            }
        }
        // It is the same person's.
        up.voice = match (up.voice, voice) {
            (Voice::Unheard, Voice::Speaking { .. }) => Voice::Silent { since: now.instant },
            (Voice::Unheard, before) => before,
            (heard @ (Voice::Speaking { .. } | Voice::Silent { .. }), _) => heard,
        };
        up.replaces.append(&mut replaces);
        up.replaces.sort();
        up.replaces.dedup();
        if up.pushed {
            // It has something to show already.
            self.timers.arm(Timer::Push(successor), now.instant);
        } else if !self.timers.is_armed(Timer::Replacement(successor)) {
            self.timers.arm(Timer::Replacement(successor), now.instant + REPLACEMENT_TIMEOUT);
        }
    }

    /// The new stream shows nothing for too long: receivers let go of the old ones.
    pub(crate) fn replacement_overdue(&mut self, transport: TransportId) {
        let Some(up) = self.ups.get_mut(&transport) else { return };
        let given_up: Vec<StreamId> = std::mem::take(&mut up.replaces);
        let downs: Vec<TransportId> = up.downs.iter().copied().collect();
        for down in downs {
            if self.downs.get(&down).is_some_and(|down| given_up.contains(&down.stream)) {
                self.close_down(down, Farewell::Told);
            }
        }
    }

    /// Returns whether a received stream only waits for its successor.
    pub(super) fn is_held(&self, down: TransportId) -> bool {
        let Some(down) = self.downs.get(&down) else { return false };
        self.ups.get(&down.up).is_some_and(|up| up.stream != down.stream)
    }
}
