//! Knows when nothing on a shard is urgent, so that its thread may rest between datagrams.
//!
//! Waking a thread that sleeps costs several times what most single datagrams cost, and much of what arrives
//! minds no delay. A thousand silent transports exchange about a thousand connectivity checks and reports
//! a second, and of three hundred receivers each says ten times a second when packets arrived. What is
//! urgent is media, the making of connections, and what the control plane or another shard wants.

use std::time::{Duration, Instant};

/// How long a calm shard rests after it has done what there was. Twice this is the most that it adds to
/// the round trip of a check; media that begins again waits for it once.
const REST: Duration = Duration::from_millis(20);

/// For how long nothing urgent must have happened. A connection is made in this time, with a check or
/// two repeated (RFC 8445 §14.3: after half a second, then after one).
const CALM_AFTER: Duration = Duration::from_secs(4);

/// How long a shard rests after reports alone, so that more of them can gather. It is the most by which a
/// packet that arrives meanwhile is late, a fifth of what forwarding may take.
const GATHER: Duration = Duration::from_millis(1);

/// How soon reports must come after reports, for a rest to gather any: there are five hundred a second
/// or more.
const FREQUENT: Duration = Duration::from_millis(2);

/// When something urgent happened last, and what came since the last rest.
#[derive(Debug)]
pub(crate) struct Calm {
    urgent: Instant,
    packets: u64,
    round: Round,
    /// When reports came alone.
    reported: Option<Instant>,
}

/// What a round of the shard brought, by the most urgent of it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Round {
    #[default]
    Nothing,
    Reports,
    Other,
}

impl Calm {
    pub(crate) fn new(now: Instant) -> Self {
        Self { urgent: now, packets: 0, round: Round::Nothing, reported: None }
    }

    /// Takes note of something that others wait for: a command, or packets of another shard.
    pub(crate) fn disturb(&mut self, now: Instant) {
        self.urgent = now;
        self.round = Round::Other;
    }

    /// Takes note of a datagram.
    pub(crate) fn handle_datagram(&mut self, contents: &[u8]) {
        self.round =
            self.round.max(if is_report(contents) { Round::Reports } else { Round::Other });
    }

    /// Returns how long the thread may rest after a round that ended at `now`, given how many packets
    /// publishers have sent up to then.
    pub(crate) fn rest(&mut self, packets: u64, now: Instant) -> Option<Duration> {
        if packets != self.packets {
            self.packets = packets;
            self.disturb(now);
        }
        let round = std::mem::take(&mut self.round);
        if now.saturating_duration_since(self.urgent) >= CALM_AFTER {
            return Some(REST);
        }
        if round != Round::Reports {
            return None;
        }
        let before = self.reported.replace(now);
        let is_frequent = before.is_some_and(|at| now.saturating_duration_since(at) < FREQUENT);
        is_frequent.then_some(GATHER)
    }
}

/// Returns whether a datagram is RTCP (RFC 5761 §4).
fn is_report(contents: &[u8]) -> bool {
    matches!(contents, [128..=191, 192..=223, ..])
}

#[cfg(test)]
mod tests {
    use super::*;

    const REPORT: [u8; 4] = [0x8f, 205, 0, 5];
    const CHECK: [u8; 4] = [0, 1, 0, 0];

    #[test]
    fn a_shard_rests_only_when_nothing_urgent_has_happened_for_a_while() {
        let t0 = galene_testkit::epoch();
        let mut calm = Calm::new(t0);
        assert_eq!(calm.rest(0, t0), None, "whoever started the shard has plans for it");
        assert_eq!(calm.rest(0, t0 + CALM_AFTER), Some(REST));

        let media = t0 + Duration::from_secs(60);
        assert_eq!(calm.rest(7, media), None, "somebody sends");
        assert_eq!(calm.rest(7, media + CALM_AFTER / 2), None);
        assert_eq!(calm.rest(7, media + CALM_AFTER), Some(REST));

        let command = media + Duration::from_secs(60);
        calm.disturb(command);
        assert_eq!(calm.rest(7, command), None, "a connection is about to be made");
        calm.handle_datagram(&CHECK);
        assert_eq!(
            calm.rest(7, command + CALM_AFTER),
            Some(REST),
            "of one that has long been made"
        );
    }

    #[test]
    fn reports_that_come_fast_gather_and_what_is_urgent_does_not() {
        let t0 = galene_testkit::epoch();
        let at = |ms| t0 + Duration::from_millis(ms);
        let mut calm = Calm::new(t0);
        let mut rest_after = |datagrams: &[&[u8]], packets, now| {
            datagrams.iter().for_each(|contents| calm.handle_datagram(contents));
            calm.rest(packets, now)
        };
        assert_eq!(rest_after(&[&REPORT], 0, at(10)), None, "it may be the only one for long");
        assert_eq!(rest_after(&[&REPORT, &REPORT], 0, at(11)), Some(GATHER));
        assert_eq!(rest_after(&[&REPORT, &CHECK], 0, at(12)), None, "somebody connects");
        assert_eq!(rest_after(&[&REPORT], 1, at(12)), None, "there is media, and perhaps more");
        assert_eq!(rest_after(&[], 1, at(12)), None, "it is full time, and who knows for what");
        assert_eq!(rest_after(&[&REPORT], 1, at(12)), Some(GATHER));
        assert_eq!(rest_after(&[&REPORT], 1, at(40)), None, "there are few");
    }
}
