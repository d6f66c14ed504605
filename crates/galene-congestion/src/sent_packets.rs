//! What was sent over one transport, so that feedback about it can be understood.

use std::time::Instant;

use crate::TransportFeedback;
use crate::feedback::unwrap_reference;

/// How many packets are kept. At 10 Mbit/s of 1,200 bytes they last for a second, which is longer than any
/// round trip on which a call works; what is reported on later is passed over.
pub const MAX_OUTSTANDING: usize = 1_024;

/// How many packets are kept at first. The room doubles as long as packets would be forgotten that were sent
/// less than [`KEPT_US`] ago: most transports carry far less than the most that is provided for.
const FIRST_OUTSTANDING: usize = 64;

/// For how long packets are kept if there is room, in microseconds.
const KEPT_US: u32 = 1_000_000;

/// How often each packet may be reported on, on average. Receivers report on a packet once, and again on
/// those near one that came late.
const REPORTS_PER_PACKET: u32 = 4;

/// The most reports that can be saved up.
const MAX_CREDIT: u32 = REPORTS_PER_PACKET * MAX_OUTSTANDING as u32;

/// Numbers the packets of one transport and remembers them till feedback tells of them.
///
/// Taking note of a packet costs one write of eight bytes.
#[derive(Debug)]
pub struct SentPackets {
    /// Of a power of two.
    ring: Vec<Sent>,
    /// When that was sent which the next packet takes the place of. It was looked up with the packet before:
    /// nobody waits for the memory then, and the place itself is at hand when it is written to.
    replaced_at: u32,
    /// The first packet that the ring has, unless it was overwritten since.
    first: u64,
    /// The number of the next packet; its lower 16 bits go out.
    next: u64,
    epoch: Instant,
    probe: u8,
    reference: Option<i64>,
    /// All packets before this number were reported on, or are passed over.
    reported: u64,
    /// How many more reports are read: what a peer says is bounded by what it was sent.
    credit: u32,
}

#[derive(Debug, Clone, Copy, Default)]
struct Sent {
    /// Microseconds since the epoch, modulo 2^32: an hour, of which a second counts.
    at: u32,
    bytes: u16,
    probe: u8,
    state: State,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[repr(u8)]
enum State {
    #[default]
    Outstanding,
    Lost,
    Arrived,
}

/// What became of one packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PacketReport {
    /// How long before the feedback came it was sent, in microseconds: less than an hour and 12 minutes, and
    /// with any packet that counts, seconds.
    pub age_us: u32,
    /// When it arrived, in microseconds of the receiver's clock, whose zero means nothing; `None` if it
    /// has not (yet).
    pub arrived_us: Option<i64>,
    /// How long its datagram was.
    pub bytes: u16,
    /// The number of the probe that it belongs to; 0 if it belongs to none.
    pub probe: u8,
    /// It was reported lost before.
    pub was_lost: bool,
}

impl SentPackets {
    /// Starts with the number zero; `epoch` is some time before the first packet.
    pub fn new(epoch: Instant) -> Self {
        Self {
            ring: vec![Sent::default(); FIRST_OUTSTANDING],
            replaced_at: 0,
            first: 0,
            next: 0,
            epoch,
            probe: 0,
            reference: None,
            reported: 0,
            credit: 0,
        }
    }

    /// Takes note of a packet that is sent at `now`, and returns its transport-wide number.
    pub fn record(&mut self, now: Instant, bytes: usize) -> u16 {
        let number = self.next;
        let at = self.micros(now) as u32;
        if self.ring.len() < MAX_OUTSTANDING
            && self.is_full()
            && at.wrapping_sub(self.replaced_at) < KEPT_US
        {
            self.grow();
        }
        *self.sent_mut(number) =
            Sent { at, bytes: bytes as u16, probe: self.probe, state: State::Outstanding };
        self.next += 1;
        self.replaced_at = self.sent(self.next).at;
        self.credit = MAX_CREDIT.min(self.credit + REPORTS_PER_PACKET);
        number as u16
    }

    /// Counts the packets that follow as parts of this probe; 0 ends it.
    pub fn set_probe(&mut self, number: u8) {
        self.probe = number;
    }

    /// Reads what `feedback` says of packets that are still remembered, in the order in which they were
    /// sent. Each arrival is told once, and each loss.
    pub fn handle_feedback(
        &mut self,
        feedback: &TransportFeedback<'_>,
        now: Instant,
        mut tell: impl FnMut(PacketReport),
    ) {
        let reference = unwrap_reference(feedback.reference(), self.reference);
        self.reference = Some(reference);
        let newest = self.next.wrapping_sub(1);
        let ahead = feedback.first().wrapping_sub(newest as u16).cast_signed();
        let Some(first) = newest.checked_add_signed(i64::from(ahead)) else {
            return;
        };
        let oldest = self.oldest();
        let now = self.micros(now) as u32;
        for (number, arrival) in (first..self.next).zip(feedback.arrivals()) {
            let Some(credit) = self.credit.checked_sub(1) else {
                return;
            };
            self.credit = credit;
            if number < oldest {
                continue;
            }
            let sent = self.sent_mut(number);
            let was_lost = sent.state == State::Lost;
            let state = if arrival.is_some() { State::Arrived } else { State::Lost };
            if sent.state == state || sent.state == State::Arrived {
                continue;
            }
            sent.state = state;
            let Sent { at, bytes, probe, .. } = *sent;
            self.reported = self.reported.max(number + 1);
            tell(PacketReport {
                age_us: now.wrapping_sub(at),
                arrived_us: arrival.map(|ticks| (reference + ticks) * 250),
                bytes,
                probe,
                was_lost,
            });
        }
    }

    /// Returns how many bytes were sent after the newest packet that was reported on: what is on its way,
    /// waits in a queue or has just arrived. It goes through those packets.
    pub fn in_flight(&self) -> usize {
        let numbers = self.reported.max(self.oldest())..self.next;
        numbers.map(|number| usize::from(self.sent(number).bytes)).sum()
    }

    /// Returns whether the next packet takes the place of another.
    fn is_full(&self) -> bool {
        self.next - self.oldest() == self.ring.len() as u64
    }

    /// Returns the first packet that is still remembered.
    fn oldest(&self) -> u64 {
        self.first.max(self.next.saturating_sub(self.ring.len() as u64))
    }

    fn sent(&self, number: u64) -> &Sent {
        &self.ring[number as usize & (self.ring.len() - 1)]
    }

    fn sent_mut(&mut self, number: u64) -> &mut Sent {
        let at = number as usize & (self.ring.len() - 1);
        &mut self.ring[at]
    }

    fn grow(&mut self) {
        let oldest = self.oldest();
        let mut ring = vec![Sent::default(); self.ring.len() * 2];
        let mask = ring.len() - 1;
        for number in oldest..self.next {
            ring[number as usize & mask] = *self.sent(number);
        }
        (self.ring, self.first) = (ring, oldest);
    }

    fn micros(&self, now: Instant) -> u64 {
        let elapsed = now.saturating_duration_since(self.epoch);
        elapsed.as_secs() * 1_000_000 + u64::from(elapsed.subsec_micros())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    /// Reports `count` packets from `first` on as arrived 1 ms apart.
    fn arrived(first: u16, count: u16) -> Vec<u8> {
        let mut bytes = Vec::new();
        bytes.extend(first.to_be_bytes());
        bytes.extend(count.to_be_bytes());
        bytes.extend([0, 0, 9, 0]);
        bytes.extend((0x2000 | count).to_be_bytes());
        bytes.extend(std::iter::repeat_n(4, usize::from(count)));
        bytes
    }

    fn lost(first: u16, count: u16) -> Vec<u8> {
        let mut bytes = Vec::new();
        bytes.extend(first.to_be_bytes());
        bytes.extend(count.to_be_bytes());
        bytes.extend([0, 0, 9, 0]);
        bytes.extend(count.to_be_bytes());
        bytes
    }

    fn told(packets: &mut SentPackets, bytes: &[u8], now: Instant) -> Vec<PacketReport> {
        let feedback = TransportFeedback::parse(bytes).expect("a message that is whole");
        let mut reports = Vec::new();
        packets.handle_feedback(&feedback, now, |report| reports.push(report));
        reports
    }

    fn start() -> (SentPackets, Instant) {
        let start = galene_testkit::epoch();
        (SentPackets::new(start), start)
    }

    #[test]
    fn a_packet_is_told_of_once_with_its_time_and_length() {
        let (mut packets, start) = start();
        let at = |ms| start + Duration::from_millis(ms);
        assert_eq!(packets.record(at(1), 100), 0);
        packets.set_probe(3);
        assert_eq!(packets.record(at(2), 200), 1);
        let reports = told(&mut packets, &arrived(0, 2), at(50));
        assert_eq!(
            reports[1],
            PacketReport {
                age_us: 48_000,
                arrived_us: Some(9 * 64_000 + 2_000),
                bytes: 200,
                probe: 3,
                was_lost: false,
            }
        );
        assert_eq!(reports[0].age_us, 49_000);
        assert_eq!(told(&mut packets, &arrived(0, 2), at(60)), []);
    }

    #[test]
    fn a_packet_is_as_old_as_it_is_when_the_clock_starts_anew() {
        let (mut packets, start) = start();
        let wrap = start + Duration::from_micros(1 << 32);
        packets.record(wrap - Duration::from_millis(1), 100);
        let reports = told(&mut packets, &arrived(0, 1), wrap + Duration::from_millis(2));
        assert_eq!(reports[0].age_us, 3_000);
    }

    #[test]
    fn what_was_sent_after_the_newest_that_was_reported_on_is_in_flight() {
        let (mut packets, now) = start();
        assert_eq!(packets.in_flight(), 0);
        for _ in 0..5 {
            packets.record(now, 100);
        }
        assert_eq!(packets.in_flight(), 500);
        told(&mut packets, &arrived(1, 2), now);
        assert_eq!(packets.in_flight(), 200);
        for _ in 0..2_000 {
            packets.record(now, 100);
        }
        assert_eq!(packets.in_flight(), 100 * MAX_OUTSTANDING, "as far as is remembered");
    }

    #[test]
    fn a_packet_that_comes_late_was_lost_before() {
        let (mut packets, now) = start();
        packets.record(now, 100);
        assert_eq!(told(&mut packets, &lost(0, 1), now)[0].arrived_us, None);
        assert_eq!(told(&mut packets, &lost(0, 1), now), [], "it is lost once");
        assert!(told(&mut packets, &arrived(0, 1), now)[0].was_lost);
        assert_eq!(told(&mut packets, &lost(0, 1), now), [], "what arrived stays");
    }

    #[test]
    fn what_was_not_sent_or_is_forgotten_is_passed_over() {
        let (mut packets, now) = start();
        assert_eq!(told(&mut packets, &arrived(0, 5), now), []);
        for _ in 0..2_000 {
            packets.record(now, 100);
        }
        assert_eq!(told(&mut packets, &lost(0, 100), now), []);
        assert_eq!(told(&mut packets, &arrived(1_990, 100), now).len(), 10);
    }

    #[test]
    fn as_much_is_remembered_as_is_sent_within_a_second() {
        let (mut packets, start) = start();
        let at = |ms| start + Duration::from_millis(ms);
        for number in 0..300 {
            packets.record(at(number * 20), 100);
        }
        assert_eq!(packets.ring.len(), 64, "sound alone");
        for number in 0..300 {
            packets.record(at(6_000 + number * 4), 100);
        }
        assert_eq!(packets.ring.len(), 256, "250 packets in a second");
        let reports = told(&mut packets, &arrived(340, 260), at(7_300));
        assert_eq!(reports.len(), 256);
        let age_ms = 7_300 - (6_000 + 44 * 4);
        assert_eq!(reports[0].age_us, age_ms * 1_000, "what was there before the last growth too");
    }

    #[test]
    fn numbers_go_on_after_65535() {
        let (mut packets, now) = start();
        for _ in 0..65_540 {
            packets.record(now, 100);
        }
        assert_eq!(told(&mut packets, &arrived(65_534, 6), now).len(), 6);
    }

    #[test]
    fn a_flood_of_reports_is_read_only_as_far_as_packets_were_sent() {
        let (mut packets, now) = start();
        for _ in 0..100 {
            packets.record(now, 100);
        }
        for _ in 0..3 {
            told(&mut packets, &lost(0, 100), now);
        }
        assert_eq!(packets.credit, 100);
        for _ in 0..50 {
            told(&mut packets, &lost(0, 8_000), now);
        }
        assert_eq!(packets.credit, 0);
        packets.record(now, 100);
        assert_eq!(
            told(&mut packets, &arrived(100, 1), now).len(),
            1,
            "what follows is read again"
        );
    }
}
