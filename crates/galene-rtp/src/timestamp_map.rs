//! Which timestamp a forwarded packet has for one subscriber.

use std::time::Duration;

/// A timestamp less than this ahead is later; RTP timestamps wrap at 2^32 (RFC 3550 §5.1).
const HALF: u32 = 1 << 31;

/// Maps the RTP timestamps of changing sources to those that a subscriber is sent, which go on as if
/// there were one source.
///
/// - Of the first source, timestamps stay as they are.
/// - Within a source, the same offset is added to all of them, so the source's own spacing and order
///   remain, and its sender reports can be mapped in the same way.
/// - Where the source changes, the first timestamp of the new one becomes a later one than any before:
///   later by the time that has passed, and by one tick at least, so that frames of two sources never
///   share a timestamp. It is later by less than 2^31 ticks however long it took, so that a receiver
///   sees it as later.
///
/// An older timestamp of the new source than its first would come to lie among those of the old one;
/// packets that have one are not to be sent ([`SequenceMap`](crate::SequenceMap) has no place for
/// them).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimestampMap {
    clock_rate_hz: u32,
    offset: u32,
    latest: Option<u32>,
}

impl TimestampMap {
    /// Creates a map for sources that all have this clock rate.
    pub fn new(clock_rate_hz: u32) -> Self {
        Self { clock_rate_hz, offset: 0, latest: None }
    }

    /// Takes up another source, of which the first packet to be sent has the timestamp `first`.
    ///
    /// `elapsed` is the time from the latest packet that was sent of the old source to this one, by
    /// when they were captured if sender reports tell, else by when they arrived. If nothing has been
    /// sent yet, timestamps stay as they are.
    pub fn switch(&mut self, first: u32, elapsed: Duration) {
        self.offset = match self.latest {
            Some(latest) => {
                let ticks = elapsed.as_nanos() * u128::from(self.clock_rate_hz) / 1_000_000_000;
                let step = ticks.clamp(1, u128::from(HALF - 1)) as u32;
                latest.wrapping_add(step).wrapping_sub(first)
            }
            None => 0,
        };
    }

    /// Returns whether a packet of the current source with this timestamp would be sent under a later one
    /// than any before: then a source that was interrupted can go on as if nothing had happened.
    pub fn is_later(&self, timestamp: u32) -> bool {
        let outgoing = self.translate(timestamp);
        self.latest.is_none_or(|latest| (1..HALF).contains(&outgoing.wrapping_sub(latest)))
    }

    /// Returns the timestamp under which to send a packet of the current source, and remembers the
    /// latest.
    pub fn map(&mut self, timestamp: u32) -> u32 {
        let outgoing = self.translate(timestamp);
        if self.latest.is_none_or(|latest| outgoing.wrapping_sub(latest) < HALF) {
            self.latest = Some(outgoing);
        }
        outgoing
    }

    /// Returns what a timestamp of the current source is for the subscriber, without taking it for a
    /// packet that is sent: for a sender report.
    pub fn translate(&self, timestamp: u32) -> u32 {
        timestamp.wrapping_add(self.offset)
    }

    /// Returns what is added, modulo 2^32, to timestamps of the current source: a part of a label in a
    /// [`SequenceMap`](crate::SequenceMap), with which packets can be sent again after the source has
    /// changed.
    pub fn offset(&self) -> u32 {
        self.offset
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_source_keeps_its_timestamps() {
        let mut map = TimestampMap::new(90_000);
        map.switch(4_000_000_000, Duration::from_secs(5));
        assert_eq!(map.map(4_000_000_000), 4_000_000_000);
        assert_eq!(map.map(10), 10, "across the wrap");
    }

    #[test]
    fn another_source_goes_on_after_the_time_that_passed() {
        let mut map = TimestampMap::new(90_000);
        map.map(u32::MAX - 999);
        map.switch(77, Duration::from_millis(20));
        assert_eq!(map.map(77), 800);
        assert_eq!(map.map(77 + 3_000), 3_800);
        assert_eq!(map.translate(76), 799);
        assert_eq!(map.offset(), 723);
    }

    #[test]
    fn a_source_can_go_on_as_long_as_its_timestamps_are_later() {
        let mut map = TimestampMap::new(90_000);
        assert!(map.is_later(u32::MAX), "nothing was sent");
        map.map(500);
        map.switch(77, Duration::from_millis(20));
        map.map(77);
        assert!(map.is_later(78) && map.is_later(76 + HALF));
        assert!(!map.is_later(77) && !map.is_later(76));
        assert!(!map.is_later(77 + HALF), "after so long, later cannot be told from earlier");
    }

    #[test]
    fn a_late_packet_does_not_set_the_clock_back() {
        let mut map = TimestampMap::new(8_000);
        map.map(1_000);
        map.map(840);
        map.switch(0, Duration::from_millis(20));
        assert_eq!(map.map(0), 1_160);
    }

    #[test]
    fn another_source_is_at_least_a_tick_and_less_than_half_the_circle_later() {
        let mut map = TimestampMap::new(90_000);
        map.map(500);
        map.switch(9, Duration::ZERO);
        assert_eq!(map.map(9), 501);
        map.switch(9, Duration::MAX);
        assert_eq!(map.map(9), 501 + (HALF - 1));
    }
}
