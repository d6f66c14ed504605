//! What does transport-wide feedback cost, by itself and in the forwarding core?
//!
//! Sending takes a number for each packet and a note of when it left. Reading takes, for each packet that is
//! reported on, finding that note and what the estimator makes of it; in the core also opening the report,
//! sharing out what the link carries, and what else a receiver says with it.

use std::time::{Duration, Instant};

use galene_benches::{Bench, Lecture, Media};
use galene_congestion::{Estimator, PacketReport, SentPackets, TransportFeedback};
use galene_sfu::EgressKind::Direct;
use galene_testkit::epoch;

fn main() {
    let mut bench = Bench::new("feedback", "What does transport-wide feedback cost?");
    let (round, messages) = (bench.round(), bench.repetitions(10_000));
    bench.case("number", "packet", || {
        let mut link = Link::new();
        move |meter| {
            meter.measure(|| (0..messages).for_each(|_| link.send()));
            meter.count(messages * u64::from(PACKETS));
        }
    });
    bench.case("read", "reported packet", || {
        let mut link = Link::new();
        move |meter| {
            for _ in 0..messages {
                link.send();
                let report = link.report();
                meter.measure(|| link.read(&report));
            }
            meter.count(messages * u64::from(PACKETS));
        }
    });
    for number in bench.numbers(&[100]) {
        bench.case(&format!("core/{number}"), "report", || {
            let mut lecture = Lecture::connect(Media::Camera, Direct, number);
            move |meter| lecture.hear(round, meter)
        });
    }
}

/// A link with room, over which packets go at an even pace.
struct Link {
    now: Instant,
    sent: SentPackets,
    first: u16,
    estimator: Estimator,
    reports: Vec<PacketReport>,
}

/// One message is about so many packets: what 1.5 Mbit/s of pictures and sound make in a tenth of a second.
const PACKETS: u8 = 20;

/// Between two of them.
const GAP: Duration = Duration::from_millis(5);

/// The same in the steps in which arrivals are told (draft-holmer-rmcat-transport-wide-cc-extensions-01 §3.1.5).
const GAP_TICKS: u8 = 20;

/// How long it takes to send what one message is about, in milliseconds.
const MESSAGE_MS: u32 = GAP.as_millis() as u32 * PACKETS as u32;

/// In so many milliseconds a message tells where it begins.
const REFERENCE_MS: u32 = 64;

impl Link {
    fn new() -> Self {
        let mut estimator = Estimator::new();
        estimator.set_wanted(2_000_000);
        let (now, reports) = (epoch(), Vec::new());
        Self { now, sent: SentPackets::new(now), first: 0, estimator, reports }
    }

    /// Sends what one message is about.
    fn send(&mut self) {
        for _ in 0..PACKETS {
            self.now += GAP;
            self.sent.record(self.now, 1_000);
        }
    }

    /// Returns what the receiver says of the packets that were sent last: all arrived as they left.
    fn report(&mut self) -> Vec<u8> {
        let elapsed = (self.now - epoch()).as_millis() as u32 - MESSAGE_MS;
        let (reference, rest) = (elapsed / REFERENCE_MS, elapsed % REFERENCE_MS);
        let [_, high, middle, low] = reference.to_be_bytes();
        let mut report = Vec::from(self.first.to_be_bytes());
        report.extend([0, PACKETS, high, middle, low, 0]);
        // A run of packets that arrived, with a delta of one byte each.
        report.extend((1 << 13 | u16::from(PACKETS)).to_be_bytes());
        report.push(u8::try_from(rest * 4).expect("63 ms at most"));
        report.extend([GAP_TICKS; PACKETS as usize - 1]);
        self.first = self.first.wrapping_add(PACKETS.into());
        report
    }

    fn read(&mut self, report: &[u8]) {
        let feedback = TransportFeedback::parse(report).expect("it was written just now");
        let reports = &mut self.reports;
        self.sent.handle_feedback(&feedback, self.now, |report| reports.push(report));
        assert_eq!(reports.len(), usize::from(PACKETS), "each packet is reported on once");
        self.estimator.handle_feedback(0, reports.drain(..), self.now);
    }
}
