//! Knows when nothing on a shard is urgent, so that its thread may rest between datagrams.
//!
//! A thousand silent transports exchange about a thousand connectivity checks and reports a second. Each
//! would wake the thread, and waking costs several times what a check costs. None of them minds some
//! milliseconds, unless a connection is being made or media flows.

use std::time::{Duration, Instant};

/// How long a calm shard rests after it has done what there was. Twice this is the most that it adds to
/// the round trip of a check; media that begins again waits for it once.
pub(crate) const REST: Duration = Duration::from_millis(10);

/// For how long nothing urgent must have happened. A connection is made in this time, with a check or
/// two repeated (RFC 8445 §14.3: after half a second, then after one).
const CALM_AFTER: Duration = Duration::from_secs(4);

/// When something urgent happened last.
#[derive(Debug)]
pub(crate) struct Calm {
    urgent: Instant,
    packets: u64,
}

impl Calm {
    pub(crate) fn new(now: Instant) -> Self {
        Self { urgent: now, packets: 0 }
    }

    /// Takes note of something that others wait for: a command, or packets of another shard.
    pub(crate) fn disturb(&mut self, now: Instant) {
        self.urgent = now;
    }

    /// Returns whether the thread may rest, given how many packets publishers have sent up to now.
    pub(crate) fn may_rest(&mut self, packets: u64, now: Instant) -> bool {
        if packets != self.packets {
            self.packets = packets;
            self.disturb(now);
        }
        now.saturating_duration_since(self.urgent) >= CALM_AFTER
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shard_rests_only_when_nothing_urgent_has_happened_for_a_while() {
        let t0 = galene_testkit::epoch();
        let mut calm = Calm::new(t0);
        assert!(!calm.may_rest(0, t0), "whoever started the shard has plans for it");
        assert!(calm.may_rest(0, t0 + CALM_AFTER));

        let media = t0 + Duration::from_secs(60);
        assert!(!calm.may_rest(7, media), "somebody sends");
        assert!(!calm.may_rest(7, media + CALM_AFTER / 2));
        assert!(calm.may_rest(7, media + CALM_AFTER));

        let command = media + Duration::from_secs(60);
        calm.disturb(command);
        assert!(!calm.may_rest(7, command), "a connection is about to be made");
        assert!(calm.may_rest(7, command + CALM_AFTER));
    }
}
