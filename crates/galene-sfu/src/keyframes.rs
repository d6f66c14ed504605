//! Turns subscribers' wishes for a keyframe into feedback to the publisher.
//!
//! A subscriber that joins, switches encoding or loses what cannot be repaired needs a keyframe. Passing
//! on each wish would keep the publisher's encoder producing nothing else, so wishes are merged: an
//! encoding gets at most one PLI per interval (RFC 4585 §6.3.1), repeated until a keyframe comes.

use std::time::{Duration, Instant};

/// How long a PLI has to take effect before it is repeated. A keyframe takes a round trip and the
/// sending of some tens of packets.
pub(crate) const MIN_PLI_INTERVAL: Duration = Duration::from_millis(500);

/// The wish for a keyframe of one encoding.
#[derive(Debug, Default)]
pub(crate) struct KeyframeRequests {
    wanted: bool,
    last_pli: Option<Instant>,
    /// How many keyframes began to arrive.
    arrived: u64,
    /// How many PLIs were sent.
    sent: u64,
}

impl KeyframeRequests {
    /// Somebody needs a keyframe.
    pub(crate) fn request(&mut self) {
        self.wanted = true;
    }

    /// Returns whether somebody needs a keyframe and none has come yet.
    pub(crate) fn is_wanted(&self) -> bool {
        self.wanted
    }

    /// A keyframe begins to arrive: all wishes are met.
    pub(crate) fn handle_keyframe(&mut self) {
        self.wanted = false;
        self.arrived += 1;
    }

    /// Returns whether to send a PLI now, and takes note of it.
    pub(crate) fn poll(&mut self, now: Instant) -> bool {
        let due = self.due().is_some_and(|at| at.is_none_or(|at| at <= now));
        if due {
            self.last_pli = Some(now);
            self.sent += 1;
        }
        due
    }

    /// Returns how many keyframes began to arrive so far.
    pub(crate) fn arrived(&self) -> u64 {
        self.arrived
    }

    /// Returns how often one was asked for so far.
    pub(crate) fn sent(&self) -> u64 {
        self.sent
    }

    /// Returns the time of the next PLI, if one is wanted; `Some(None)` means at once.
    pub(crate) fn due(&self) -> Option<Option<Instant>> {
        self.wanted.then(|| self.last_pli.map(|at| at + MIN_PLI_INTERVAL))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_of_wishes_costs_one_pli_per_interval_until_the_keyframe_comes() {
        let t0 = galene_testkit::epoch();
        let at = |ms| t0 + Duration::from_millis(ms);
        let mut requests = KeyframeRequests::default();
        assert!(!requests.poll(at(0)), "nobody asked");

        requests.request();
        assert!(requests.poll(at(0)));
        requests.request();
        assert!(!requests.poll(at(499)));
        assert!(requests.poll(at(500)), "none came, so it is asked for again");
        requests.handle_keyframe();
        assert_eq!(requests.due(), None);

        requests.request();
        assert!(!requests.poll(at(900)), "still within the interval");
        assert!(requests.poll(at(1_000)));
    }
}
