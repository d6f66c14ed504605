//! Sends sound more than once to whoever loses packets (RFC 2198).
//!
//! Sound is small and must be there in time: before it could be asked for again, it is due to be played. So
//! where packets get lost, each carries the one before it once more, or the two before it. Others are not
//! bothered: the copies are put in at the last moment, for one subscriber.

use std::time::{Duration, Instant};

use galene_congestion::PacketReport;
use galene_rtp::RedBlock;
use str0m::media::Pt;

use crate::packet::{Packet, PacketRing};
use crate::subscription::Outlet;

/// Decides how many packets before each are sent once more to one subscriber.
///
/// More come in with the loss, at once; fewer when it has been low for a while.
#[derive(Debug, Default)]
pub(crate) struct Redundancy {
    /// Which part of the latest packets got lost.
    loss: f64,
    /// What the report that is being read says of so many streams, summed up.
    reported: (f64, i32),
    copies: usize,
    /// Since when there is less loss than what the copies are for.
    calm_since: Option<Instant>,
}

/// Copies of packets, to be sent with another one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Redundant<'a> {
    payload_type: Pt,
    /// The oldest first.
    copies: [Option<RedBlock<'a>>; MAX_COPIES],
}

/// The most copies: at 30 % of loss they leave 3 %. Each takes as much of the link as the sound itself.
const MAX_COPIES: usize = 2;

/// From how much loss on there are so many copies: one leaves a fraction of a percent up to 5 %, and more
/// than anybody likes above 10 %.
const FROM_LOSS: [f64; MAX_COPIES] = [0.01, 0.10];

/// With less than this part of it there is a copy less, after a while.
const CALM: f64 = 0.5;

/// After how long. Loss that comes and goes, as on a busy wireless link, has come again by then.
const CALM_TIME: Duration = Duration::from_secs(10);

/// Each packet counts so much in the loss: two of a hundred are noticed, one is not.
const WEIGHT: f64 = 1.0 / 128.0;

/// A report of loss alone counts like so many packets: two seconds of sound, between two such reports.
const PACKETS_PER_REPORT: i32 = 100;

/// No payload becomes longer than this by copies: what fits into a packet on every link, beside the
/// headers of IP, UDP and RTP, as browsers reckon.
const MAX_BYTES: usize = 1_200;

impl Redundancy {
    /// The subscriber says what became of packets.
    pub(crate) fn handle_feedback(&mut self, reports: &[PacketReport], now: Instant) {
        for report in reports.iter().filter(|report| !report.was_lost) {
            let lost = f64::from(u8::from(report.arrived_us.is_none()));
            self.loss += WEIGHT * (lost - self.loss);
        }
        self.update(now);
    }

    /// The subscriber says which part of a stream got lost since it last said so. It counts at the
    /// [end of the report](Self::handle_report_end).
    pub(crate) fn note_loss(&mut self, loss: f64) {
        let (sum, streams) = &mut self.reported;
        *sum += loss;
        *streams += 1;
    }

    /// All of a report has been read. What it says of several streams counts together: the order in which
    /// it speaks of them is that of numbers that were chosen by chance.
    pub(crate) fn handle_report_end(&mut self, now: Instant) {
        let (sum, streams) = std::mem::take(&mut self.reported);
        if streams > 0 {
            let mean = sum / f64::from(streams);
            let left = (1.0 - WEIGHT).powi(streams.saturating_mul(PACKETS_PER_REPORT));
            self.loss = mean + (self.loss - mean) * left;
            self.update(now);
        }
    }

    /// Returns which part of the latest packets got lost, as long as the link was not too full.
    pub(crate) fn loss(&self) -> f64 {
        self.loss
    }

    fn update(&mut self, now: Instant) {
        let wanted = FROM_LOSS.iter().filter(|from| self.loss >= **from).count();
        if wanted > self.copies {
            self.copies = wanted;
        }
        let is_calm = self.copies > 0 && self.loss < CALM * FROM_LOSS[self.copies - 1];
        if !is_calm {
            self.calm_since = None;
            return;
        }
        let since = *self.calm_since.get_or_insert(now);
        if now.saturating_duration_since(since) >= CALM_TIME {
            self.copies -= 1;
            self.calm_since = None;
        }
    }

    /// Returns the copies that go with a packet, if there are to be any and they are still there.
    pub(crate) fn copies<'a>(
        &self,
        ring: &'a PacketRing,
        packet: &Packet,
        red: Pt,
        outlet: Outlet,
    ) -> Option<Redundant<'a>> {
        let mut copies = [None; MAX_COPIES];
        let mut bytes = 1 + packet.payload.len();
        for distance in 1..=self.copies {
            let sequence = packet.sequence.checked_sub(distance as u64)?;
            let older = ring.find(packet.run, sequence);
            let copy = older.and_then(|older| {
                let age = packet.timestamp.wrapping_sub(older.timestamp);
                RedBlock::copy(*outlet.payload_type, age, &older.payload)
            });
            let copy = copy.filter(|copy| bytes + copy.bytes_as_copy() <= MAX_BYTES);
            bytes += copy.map_or(0, |copy| copy.bytes_as_copy());
            copies[MAX_COPIES - distance] = copy;
        }
        let has_any = copies.iter().any(Option::is_some);
        has_any.then_some(Redundant { payload_type: red, copies })
    }
}

impl Redundant<'_> {
    /// Returns the payload type of the whole.
    pub(crate) fn payload_type(&self) -> Pt {
        self.payload_type
    }

    /// Appends the payload of a packet with its copies.
    pub(crate) fn write(&self, own: Pt, payload: &[u8], out: &mut Vec<u8>) {
        let own = RedBlock { payload_type: *own, age: 0, payload };
        own.write_with(self.copies.into_iter().flatten(), out);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use galene_rtp::{MediaKind, RedPayload};

    use super::*;

    fn at(ms: u64) -> Instant {
        galene_testkit::epoch() + Duration::from_millis(ms)
    }

    /// Reports on so many packets, of which each `nth` is lost, 100 in a second.
    fn report(redundancy: &mut Redundancy, from_ms: u64, packets: u64, nth: u64) -> u64 {
        for i in 0..packets {
            let arrived_us = (nth == 0 || i % nth != 0).then_some(0);
            let report =
                PacketReport { age_us: 0, arrived_us, bytes: 100, probe: 0, was_lost: false };
            redundancy.handle_feedback(&[report], at(from_ms + i * 10));
        }
        from_ms + packets * 10
    }

    #[test]
    fn copies_come_with_the_loss_and_go_long_after_it() {
        let mut redundancy = Redundancy::default();
        let now = report(&mut redundancy, 0, 1_000, 0);
        assert_eq!(redundancy.copies, 0);
        let now = report(&mut redundancy, now, 1, 1);
        assert_eq!(redundancy.copies, 0, "a single packet is no reason");
        let now = report(&mut redundancy, now, 500, 20);
        assert_eq!(redundancy.copies, 1);
        let now = report(&mut redundancy, now, 1_000, 5);
        assert_eq!(redundancy.copies, 2);
        // It takes a while till the loss counts as low, and ten seconds more for each copy.
        let now = report(&mut redundancy, now, 1_000, 0);
        assert_eq!(redundancy.copies, 2);
        let now = report(&mut redundancy, now, 1_000, 0);
        assert_eq!(redundancy.copies, 1);
        report(&mut redundancy, now, 1_500, 0);
        assert_eq!(redundancy.copies, 0);
    }

    #[test]
    fn loss_that_comes_again_keeps_the_copies() {
        let mut redundancy = Redundancy::default();
        report(&mut redundancy, 0, 12_000, 90);
        assert_eq!(redundancy.copies, 1);
    }

    #[test]
    fn reports_of_loss_alone_do_as_well() {
        let mut redundancy = Redundancy::default();
        let mut report = |loss, ms| {
            redundancy.note_loss(loss);
            redundancy.handle_report_end(at(ms));
            redundancy.copies
        };
        assert_eq!(report(0.05, 0), 1);
        assert_eq!(report(0.30, 2_000), 2);
        let calm = (1..20).map(|second| report(0.0, 2_000 + second * 2_000));
        assert_eq!(calm.last(), Some(0));
    }

    #[test]
    fn it_does_not_matter_of_which_stream_a_report_speaks_first() {
        let after = |losses: &[f64]| {
            let mut redundancy = Redundancy::default();
            losses.iter().for_each(|loss| redundancy.note_loss(*loss));
            redundancy.handle_report_end(at(0));
            (redundancy.loss(), redundancy.copies)
        };
        assert_eq!(after(&[0.0, 0.25]), after(&[0.25, 0.0]));
        assert_eq!(after(&[0.0, 0.25]), after(&[0.125, 0.125]));
        assert_eq!(after(&[]), (0.0, 0));
    }

    fn ring(lengths: &[usize], ticks: u32) -> PacketRing {
        let mut ring = PacketRing::new(MediaKind::Audio);
        for (at, len) in lengths.iter().enumerate() {
            ring.push(Packet {
                sequence: 100 + at as u64,
                timestamp: (at as u32).wrapping_mul(ticks).wrapping_sub(5),
                payload: Arc::from(vec![at as u8; *len]),
                ..Packet::for_tests()
            });
        }
        ring
    }

    fn written(ring: &PacketRing, sequence: u64, copies: usize) -> Option<Vec<(u16, usize)>> {
        let packet = ring.find(0, sequence).expect("it is in the ring");
        let redundancy = Redundancy { copies, ..Redundancy::default() };
        let outlet = Outlet { payload_type: 109.into(), has_rtx: false, red: Some(63.into()) };
        let redundant = redundancy.copies(ring, packet, 63.into(), outlet)?;
        assert_eq!(*redundant.payload_type(), 63);
        let mut out = Vec::new();
        redundant.write(109.into(), &packet.payload, &mut out);
        let read = RedPayload::parse(&out).expect("redundant audio");
        assert_eq!((read.primary().payload_type, read.primary().payload), (109, &*packet.payload));
        Some(read.copies().iter().map(|copy| (copy.age, copy.payload.len())).collect())
    }

    #[test]
    fn a_packet_carries_those_before_it_that_are_there_and_fit() {
        let plain = ring(&[10, 20, 30, 40], 960);
        assert_eq!(written(&plain, 103, 0), None);
        assert_eq!(written(&plain, 103, 1), Some(vec![(960, 30)]));
        assert_eq!(written(&plain, 103, 2), Some(vec![(1_920, 20), (960, 30)]));
        assert_eq!(written(&plain, 100, 2), None, "there is none before it");
        assert_eq!(written(&plain, 101, 2), Some(vec![(960, 10)]));
        let large = ring(&[400, 500, 600], 960);
        assert_eq!(written(&large, 102, 2), Some(vec![(960, 500)]), "1,500 bytes do not fit");
        let slow = ring(&[10, 10, 10], 9_000);
        assert_eq!(written(&slow, 102, 2), Some(vec![(9_000, 10)]), "18,000 ticks cannot be told");
    }
}
