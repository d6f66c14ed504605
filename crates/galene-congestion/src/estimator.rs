//! One receiver's link, over all the transports that share it.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::aimd::Aimd;
use crate::delay::DelayDetector;
use crate::loss::LossBound;
use crate::probe::{Probe, Prober};
use crate::receive_rate::ReceiveRate;
use crate::trendline::Signal;
use crate::{MAX_RATE, MIN_RATE, PacketReport};

/// What a link is taken to carry before anything is known: sound and a picture of moderate size. Probes
/// find out within some round trips.
const START_RATE: f64 = 600_000.0;

/// A round trip as long as nothing is known.
const UNKNOWN_ROUND_TRIP: Duration = Duration::from_millis(200);

/// A transport without feedback for so long is silent, and what it said last does not count.
const FRESH: Duration = Duration::from_secs(1);

/// For how long after the rate was lowered loss is put down to the same cause.
const SAME_CAUSE: Duration = Duration::from_secs(1);

/// Estimates what one receiver's link carries.
///
/// Tell it by [`handle_feedback`](Self::handle_feedback) what became of packets, and by
/// [`set_wanted`](Self::set_wanted) how much one would like to send. Then ask for
/// [`estimate`](Self::estimate) and, as long as it returns one, for [`poll_probe`](Self::poll_probe).
/// Ask again at [`poll_timeout`](Self::poll_timeout) at the latest.
#[derive(Debug)]
pub struct Estimator {
    /// By the numbers that the embedder gives them; removed by
    /// [`remove_transport`](Self::remove_transport).
    transports: BTreeMap<u64, Transport>,
    aimd: Aimd,
    loss: LossBound,
    prober: Prober,
    round_trip: Option<Duration>,
    wanted: f64,
}

/// What is known from the feedback of one transport.
#[derive(Debug)]
struct Transport {
    delay: DelayDetector,
    arriving: ReceiveRate,
    heard: Instant,
}

impl Default for Estimator {
    fn default() -> Self {
        Self::new()
    }
}

impl Estimator {
    /// Starts with nothing known about the link.
    pub fn new() -> Self {
        Self {
            transports: BTreeMap::new(),
            aimd: Aimd::new(START_RATE),
            loss: LossBound::new(),
            prober: Prober::new(),
            round_trip: None,
            wanted: 0.0,
        }
    }

    /// Says how much one would like to send, in bits per second. Only if that is more than the estimate,
    /// there are probes.
    pub fn set_wanted(&mut self, rate: u64) {
        self.wanted = rate.min(MAX_RATE) as f64;
    }

    /// Forgets a transport that has closed.
    pub fn remove_transport(&mut self, transport: u64) {
        self.transports.remove(&transport);
    }

    /// Takes in what one feedback message says of packets over one transport, in the order in which they
    /// were sent.
    pub fn handle_feedback(
        &mut self,
        transport: u64,
        reports: impl Iterator<Item = PacketReport>,
        now: Instant,
    ) {
        let known = self.transports.entry(transport).or_insert_with(|| Transport {
            delay: DelayDetector::new(),
            arriving: ReceiveRate::new(),
            heard: now,
        });
        known.heard = now;
        let mut newest = None;
        for report in reports {
            self.prober.handle_packet(&report);
            match report.arrived_us {
                Some(_) if report.was_lost => self.loss.handle_late(),
                Some(_) => self.loss.handle_packet(report.bytes, true),
                None => self.loss.handle_packet(report.bytes, false),
            }
            if let Some(arrived_us) = report.arrived_us {
                known.delay.handle_arrival(report.sent, arrived_us, now);
                known.arriving.handle_arrival(arrived_us, report.bytes, now);
                newest = newest.max(Some(report.sent));
            }
        }
        if let Some(newest) = newest {
            self.learn_round_trip(now.saturating_duration_since(newest));
        }
        self.update(now);
    }

    /// Returns a probe to be sent now, over whichever transport can carry it.
    pub fn poll_probe(&mut self, now: Instant) -> Option<Probe> {
        let round_trip = self.round_trip();
        self.take_probe_result(round_trip, now);
        if self.transports.is_empty() || self.signal(now) != Signal::Normal {
            return None;
        }
        self.prober.poll(self.current(), self.wanted, now)
    }

    /// Returns when [`poll_probe`](Self::poll_probe) is to be asked although no feedback has come.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let is_wanting = self.wanted > self.current() && !self.transports.is_empty();
        is_wanting.then(|| self.prober.next(self.round_trip())).flatten()
    }

    /// Returns whether transport-wide feedback has come in the last second.
    pub fn is_fed(&self, now: Instant) -> bool {
        self.transports.values().any(|t| t.is_fresh(now))
    }

    /// Returns what the link carries, in bits per second.
    pub fn estimate(&self) -> u64 {
        (self.current() as u64).clamp(MIN_RATE, MAX_RATE)
    }

    /// Returns when the link was last found to be too full.
    pub fn last_overuse(&self) -> Option<Instant> {
        self.aimd.decreased()
    }

    /// Returns how long a packet and the feedback about it take, smoothed. It is a little more than the
    /// round trip, since feedback waits to be sent.
    pub fn round_trip(&self) -> Duration {
        self.round_trip.unwrap_or(UNKNOWN_ROUND_TRIP)
    }

    fn update(&mut self, now: Instant) {
        let round_trip = self.round_trip();
        let arriving: Vec<_> =
            self.transports.values().filter_map(|t| t.arriving.rate(now)).collect();
        let arriving = (!arriving.is_empty()).then(|| arriving.iter().sum());
        let before = self.aimd.rate();
        self.aimd.update(self.signal(now), arriving, round_trip, now);
        if self.aimd.rate() < before {
            self.prober.handle_decrease(now);
        }
        let decreased = self.aimd.decreased();
        let is_congested =
            decreased.is_some_and(|at| now.saturating_duration_since(at) < SAME_CAUSE);
        self.loss.update(is_congested, round_trip, now);
        self.take_probe_result(round_trip, now);
    }

    fn take_probe_result(&mut self, round_trip: Duration, now: Instant) {
        if let Some(shown) = self.prober.result(round_trip, now) {
            self.aimd.raise_to(shown);
            self.loss.raise_to(shown);
        }
    }

    fn signal(&self, now: Instant) -> Signal {
        let fresh = self.transports.values().filter(|t| t.is_fresh(now));
        let signals = || fresh.clone().map(|t| t.delay.signal());
        let worst = signals().max().unwrap_or(Signal::Normal);
        // While any queue empties, nothing is added.
        if worst == Signal::Overuse { worst } else { signals().min().unwrap_or(worst) }
    }

    fn current(&self) -> f64 {
        self.loss.bound().map_or(self.aimd.rate(), |bound| bound.min(self.aimd.rate()))
    }

    fn learn_round_trip(&mut self, sample: Duration) {
        self.round_trip = Some(self.round_trip.map_or(sample, |known| (known * 7 + sample) / 8));
    }
}

impl Transport {
    fn is_fresh(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.heard) < FRESH
    }
}
