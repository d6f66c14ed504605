//! One receiver's link, over all the transports that share it.

use std::time::{Duration, Instant};

use crate::aimd::{Aimd, Arriving};
use crate::delay::DelayDetector;
use crate::delivery::Delivery;
use crate::floor::Floor;
use crate::least::Least;
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

/// If even the quickest packets take so much longer than the path does, in microseconds, a queue stands in front
/// of the link. Chance alone delays all packets of a tenth of a second less.
const STANDING_US: i64 = 150_000;

/// A queue that still stands after so long, though less was sent than what it empties at, is none: the path has
/// become longer. A quarter of the rate is left to empty it, which in this time is enough for a queue of more
/// than a second.
const MAX_STANDING: Duration = Duration::from_secs(5);

/// One that nothing waits in is seen to be none after this time: packets that leave together arrive together
/// though all come later than before.
const IDLE_STANDING: Duration = Duration::from_millis(400);

/// For how long after the rate was lowered loss is put down to the same cause.
const SAME_CAUSE: Duration = Duration::from_secs(1);

/// Estimates what one receiver's link carries.
///
/// Tell it by [`handle_feedback`](Self::handle_feedback) what became of packets, and by
/// [`set_wanted`](Self::set_wanted) how much one would like to send. Then ask for
/// [`estimate`](Self::estimate) and, as long as it returns one, for [`poll_probe`](Self::poll_probe). It needs no
/// timer: where no feedback comes, nothing is to be learned.
#[derive(Debug)]
pub struct Estimator {
    /// With the numbers that the embedder gives them; removed by
    /// [`remove_transport`](Self::remove_transport). A client has one or a few.
    transports: Vec<(u64, Transport)>,
    aimd: Aimd,
    loss: LossBound,
    prober: Prober,
    round_trip: Option<Duration>,
    least_round_trip: Least<Duration>,
    wanted: f64,
}

/// What is known from the feedback of one transport.
#[derive(Debug)]
struct Transport {
    delay: DelayDetector,
    delivery: Delivery,
    floor: Floor,
    arriving: ReceiveRate,
    /// Since when a queue seems to stand.
    queued_since: Option<Instant>,
    /// Since when it does though nothing waits in it.
    idle_since: Option<Instant>,
    /// Where the clock of what was sent starts, to keep numbers small.
    start: Instant,
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
            transports: Vec::new(),
            aimd: Aimd::new(START_RATE),
            loss: LossBound::new(),
            prober: Prober::new(),
            round_trip: None,
            least_round_trip: Least::new(),
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
        self.transports.retain(|(id, _)| *id != transport);
    }

    /// Takes in what one feedback message says of packets over one transport, in the order in which they
    /// were sent.
    pub fn handle_feedback(
        &mut self,
        transport: u64,
        reports: impl Iterator<Item = PacketReport>,
        now: Instant,
    ) {
        let at = self.transports.iter().position(|(id, _)| *id == transport);
        let at = at.unwrap_or_else(|| {
            // Each takes a kilobyte, and most clients have one.
            self.transports.reserve_exact(1);
            self.transports.push((transport, Transport::new(now)));
            self.transports.len() - 1
        });
        let known = &mut self.transports[at].1;
        known.heard = now;
        let mut least_age = None;
        let now_us = now.saturating_duration_since(known.start).as_micros() as i64;
        known.delivery.start_feedback(now);
        for report in reports {
            self.prober.handle_packet(&report, now);
            match report.arrived_us {
                Some(_) if report.was_lost => self.loss.handle_late(),
                Some(_) => self.loss.handle_packet(report.bytes, true),
                None => self.loss.handle_packet(report.bytes, false),
            }
            if let Some(arrived_us) = report.arrived_us {
                let sent_us = now_us - i64::from(report.age_us);
                known.delay.handle_arrival(sent_us, arrived_us, now);
                known.arriving.handle_arrival(arrived_us, report.bytes, now);
                known.delivery.handle_arrival(sent_us, arrived_us, report.bytes);
                known.floor.handle_arrival(arrived_us, arrived_us - sent_us);
                least_age = Some(least_age.unwrap_or(u32::MAX).min(report.age_us));
            }
        }
        if let Some(age_us) = least_age {
            self.learn_round_trip(Duration::from_micros(age_us.into()), now);
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

    /// Returns whether transport-wide feedback has come in the last second.
    pub fn is_fed(&self, now: Instant) -> bool {
        self.transports.iter().any(|(_, t)| t.is_fresh(now))
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

    /// Returns the least round trip of the last seconds: without a queue on the way.
    pub fn least_round_trip(&self) -> Duration {
        self.least_round_trip.get().unwrap_or(UNKNOWN_ROUND_TRIP)
    }

    fn update(&mut self, now: Instant) {
        self.notice_longer_path(now);
        let round_trip = self.round_trip();
        let arriving = sum(self.transports.iter().map(|(_, t)| t.arriving.rate(now)));
        let delivered = sum(self.transports.iter().map(|(_, t)| t.delivered(now)));
        let before = self.aimd.rate();
        let is_queued = self.transports.iter().any(|(_, t)| t.is_fresh(now) && t.is_queued());
        let arriving = Arriving { arriving, delivered, is_queued };
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

    /// Takes a queue that does not empty for a part of the path.
    fn notice_longer_path(&mut self, now: Instant) {
        for (_, transport) in &mut self.transports {
            let stands = transport.is_fresh(now) && transport.seems_queued();
            let is_idle = stands && !transport.delivery.is_busy();
            let lasts = |since: &mut Option<Instant>, is_on: bool, limit| {
                *since = since.or(Some(now)).filter(|_| is_on);
                since.is_some_and(|at| now.saturating_duration_since(at) >= limit)
            };
            let is_idle_for_long = lasts(&mut transport.idle_since, is_idle, IDLE_STANDING);
            if lasts(&mut transport.queued_since, stands, MAX_STANDING) || is_idle_for_long {
                (transport.queued_since, transport.idle_since) = (None, None);
                transport.delivery.forget_least_way();
                self.least_round_trip.forget();
            }
        }
    }

    fn take_probe_result(&mut self, round_trip: Duration, now: Instant) {
        if let Some(shown) = self.prober.result(round_trip, now) {
            self.aimd.raise_to(shown);
            self.loss.raise_to(shown);
        }
    }

    fn signal(&self, now: Instant) -> Signal {
        let fresh = self.transports.iter().map(|(_, t)| t).filter(|t| t.is_fresh(now));
        let signals = || fresh.clone().map(Transport::signal);
        let worst = signals().max().unwrap_or(Signal::Normal);
        // While any queue empties, nothing is added.
        if worst == Signal::Overuse { worst } else { signals().min().unwrap_or(worst) }
    }

    fn current(&self) -> f64 {
        self.loss.bound().map_or(self.aimd.rate(), |bound| bound.min(self.aimd.rate()))
    }

    fn learn_round_trip(&mut self, sample: Duration, now: Instant) {
        self.least_round_trip.handle(sample, now);
        self.round_trip = Some(self.round_trip.map_or(sample, |known| (known * 7 + sample) / 8));
    }
}

impl Transport {
    fn new(now: Instant) -> Self {
        Self {
            delay: DelayDetector::new(),
            delivery: Delivery::new(),
            floor: Floor::new(),
            arriving: ReceiveRate::new(),
            queued_since: None,
            idle_since: None,
            start: now,
            heard: now,
        }
    }

    fn is_fresh(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.heard) < FRESH
    }

    fn signal(&self) -> Signal {
        let signal = self.delay.signal();
        let is_chance = signal == Signal::Overuse && !self.floor.has_risen();
        if is_chance { Signal::Normal } else { signal }
    }

    /// Returns whether a queue stands in front of the link, though it may not grow.
    fn is_queued(&self) -> bool {
        self.seems_queued() && self.delivery.is_busy()
    }

    /// Returns whether even the quickest packets take much longer than they once did.
    fn seems_queued(&self) -> bool {
        let (shortest, least) = (self.floor.last(), self.delivery.least_way());
        shortest.zip(least).is_some_and(|(shortest, least)| shortest - least > STANDING_US)
            && self.delivery.rate().is_some()
    }

    /// Returns how fast the link delivers this transport's packets while it is busy, or else what arrives.
    fn delivered(&self, now: Instant) -> Option<f64> {
        let arriving = self.arriving.rate(now)?;
        Some(self.delivery.rate().unwrap_or(arriving))
    }
}

/// Returns the sum of what is known, if anything is.
fn sum(rates: impl Iterator<Item = Option<f64>>) -> Option<f64> {
    rates.flatten().reduce(|sum, rate| sum + rate)
}
