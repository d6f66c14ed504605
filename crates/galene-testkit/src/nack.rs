//! Asks for lost packets again, as libwebrtc does.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// The packets that are missing of one RTP stream of pictures.
#[derive(Debug, Default)]
pub(crate) struct NackRequester {
    newest: Option<u64>,
    missing: BTreeMap<u64, Missing>,
}

#[derive(Debug, Default)]
struct Missing {
    asked: Option<Instant>,
    tries: u8,
}

/// Without reports of its own to answer, a browser does not learn the round trip, and assumes this.
const ROUND_TRIP: Duration = Duration::from_millis(100);

/// Each packet is asked for so many times.
const MAX_TRIES: u8 = 10;

/// So many are asked for at a time; if more are missing, only a keyframe helps.
const MAX_MISSING: usize = 1_000;

impl NackRequester {
    /// Takes in a packet. Returns `false` if so much is missing that it was given up.
    pub(crate) fn handle_packet(&mut self, sequence: u64) -> bool {
        let newest = *self.newest.get_or_insert(sequence);
        if sequence <= newest {
            self.missing.remove(&sequence);
            return true;
        }
        self.newest = Some(sequence);
        let added = sequence - newest - 1;
        if self.missing.len() as u64 + added > MAX_MISSING as u64 {
            self.missing.clear();
            return false;
        }
        self.missing.extend((newest + 1..sequence).map(|lost| (lost, Missing::default())));
        true
    }

    /// What comes before `sequence` is not needed any more.
    pub(crate) fn forget_before(&mut self, sequence: u64) {
        if self.missing.first_key_value().is_some_and(|(first, _)| *first < sequence) {
            self.missing = self.missing.split_off(&sequence);
        }
    }

    /// Returns what to ask for now, in order, and takes note of it.
    pub(crate) fn poll(&mut self, now: Instant) -> Vec<u64> {
        let mut wanted = Vec::new();
        self.missing.retain(|&sequence, missing| {
            if missing.asked.is_some_and(|asked| now < asked + ROUND_TRIP) {
                return true;
            }
            if missing.tries == MAX_TRIES {
                return false;
            }
            missing.asked = Some(now);
            missing.tries += 1;
            wanted.push(sequence);
            true
        });
        wanted
    }

    /// Returns when to ask again.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.missing.values().filter_map(|missing| missing.asked).min().map(|at| at + ROUND_TRIP)
    }
}

/// Returns a NACK for these packets, in ascending order (RFC 4585 §6.2.1).
#[expect(
    clippy::cast_possible_truncation,
    reason = "sequence numbers are sent without their wraps"
)]
pub(crate) fn write_nack(ssrc: u32, sequences: &[u64]) -> Vec<u8> {
    /// Whose report it is: nobody has this SSRC.
    const SENDER: u32 = 1;
    let mut entries: Vec<(u64, u16)> = Vec::new();
    for &sequence in sequences {
        match entries.last_mut() {
            Some((first, mask)) if sequence - *first <= 16 => {
                *mask |= 1 << (sequence - *first - 1);
            }
            _ => entries.push((sequence, 0)),
        }
    }
    let words = u16::try_from(2 + entries.len()).expect("at most MAX_MISSING entries");
    let mut nack = vec![0x81, 205];
    nack.extend(words.to_be_bytes());
    nack.extend(SENDER.to_be_bytes());
    nack.extend(ssrc.to_be_bytes());
    for (first, mask) in entries {
        nack.extend((first as u16).to_be_bytes());
        nack.extend(mask.to_be_bytes());
    }
    nack
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::epoch;

    #[test]
    fn what_is_missing_is_asked_for_at_once_and_then_each_round_trip() {
        let mut nack = NackRequester::default();
        assert!(nack.handle_packet(10) && nack.handle_packet(13));
        assert_eq!(nack.poll(epoch()), [11, 12]);
        assert_eq!(nack.poll_timeout(), Some(epoch() + ROUND_TRIP));
        assert!(nack.handle_packet(12));
        assert_eq!(nack.poll(epoch() + Duration::from_millis(99)), [0; 0]);
        for round in 1..10 {
            assert_eq!(nack.poll(epoch() + round * ROUND_TRIP), [11]);
        }
        assert_eq!(nack.poll(epoch() + 10 * ROUND_TRIP), [0; 0]);
        assert_eq!(nack.poll_timeout(), None);
    }

    #[test]
    fn what_is_not_needed_is_not_asked_for() {
        let mut nack = NackRequester::default();
        assert!(nack.handle_packet(10) && nack.handle_packet(20));
        nack.forget_before(18);
        assert_eq!(nack.poll(epoch()), [18, 19]);
    }

    #[test]
    fn too_much_is_not_asked_for_at_all() {
        let mut nack = NackRequester::default();
        assert!(nack.handle_packet(0));
        assert!(!nack.handle_packet(2_000));
        assert_eq!(nack.poll(epoch()), [0; 0]);
    }

    #[test]
    fn packets_that_are_close_share_an_entry() {
        let nack = write_nack(0x0102_0304, &[65_535, 65_536, 65_551, 65_600]);
        let expected = [
            [0x81, 205, 0, 4],
            [0, 0, 0, 1],
            [1, 2, 3, 4],
            [0xff, 0xff, 0x80, 0x01],
            [0, 64, 0, 0],
        ];
        assert_eq!(nack, expected.concat());
    }
}
