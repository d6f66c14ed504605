//! Short trains of packets at a higher rate than the estimate, to find out whether the link carries more.

use std::time::{Duration, Instant};

use crate::PacketReport;

/// A train of packets to be sent at once: how they are spread when they arrive shows the link's rate.
///
/// Padding serves as well as anything (RFC 3550 §5.1), and so do packets sent again (RFC 4588), but there
/// should be five or more. Mark them by [`SentPackets::set_probe`](crate::SentPackets::set_probe).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Probe {
    /// The number to mark its packets with; never 0.
    pub number: u8,
    /// The rate in question, in bits per second. More than this it cannot show.
    pub rate: u64,
    /// How many bytes to send.
    pub bytes: usize,
}

/// How long a probe takes at its rate (libwebrtc's default is 15 ms). It is a queue for so long, which is
/// less than a frame makes.
const PROBE_TIME: Duration = Duration::from_millis(20);

/// The least that tells anything: packets of a few hundred bytes.
const MIN_PROBE_BYTES: usize = 2_000;

/// How far above the estimate a probe goes: as long as nothing is known about the link, and later
/// (libwebrtc starts with three and goes on with two).
const FIRST_FACTOR: f64 = 3.0;
const FACTOR: f64 = 2.0;

/// A probe goes a little above what is wanted, so that what is wanted is proved to fit.
const MARGIN: f64 = 1.1;

/// How long after one that failed the next one follows; doubled by each that fails.
const MIN_PAUSE: Duration = Duration::from_secs(1);
const MAX_PAUSE: Duration = Duration::from_secs(8);

/// How long after the rate was lowered: the queue has to empty first.
const PAUSE_AFTER_DECREASE: Duration = Duration::from_secs(3);

/// A probe of which less is reported in time has failed.
const MIN_PACKETS: u32 = 5;
const MIN_ARRIVED: f64 = 0.8;

/// How long the feedback about a probe may take, beside the round trip.
const PATIENCE: Duration = Duration::from_millis(300);

/// If less comes through than this part of a probe, the link is full, and this part of what came
/// through is what it can be filled with (libwebrtc does the same).
const COMPLETE: f64 = 0.9;
const FILL: f64 = 0.95;

/// Decides when to probe and what a probe has shown.
#[derive(Debug)]
pub(crate) struct Prober {
    cluster: Option<Cluster>,
    last_number: u8,
    pause: Duration,
    not_before: Option<Instant>,
    /// No probe has failed yet.
    is_starting: bool,
}

/// A probe under way.
#[derive(Debug)]
struct Cluster {
    number: u8,
    rate: f64,
    sent: Instant,
    first_arrival_us: i64,
    last_arrival_us: i64,
    first_bytes: u16,
    bytes: u64,
    arrived: u32,
    lost: u32,
    is_passed: bool,
}

impl Prober {
    pub(crate) fn new() -> Self {
        Self {
            cluster: None,
            last_number: 0,
            pause: MIN_PAUSE,
            not_before: None,
            is_starting: true,
        }
    }

    /// Returns the next probe, if there is room for one between the estimate and what is wanted.
    pub(crate) fn poll(&mut self, estimate: f64, wanted: f64, now: Instant) -> Option<Probe> {
        if self.cluster.is_some()
            || wanted <= estimate
            || self.not_before.is_some_and(|at| now < at)
        {
            return None;
        }
        let factor = if self.is_starting { FIRST_FACTOR } else { FACTOR };
        let rate = (wanted * MARGIN).min(estimate * factor);
        self.last_number = self.last_number.checked_add(1).unwrap_or(1);
        self.cluster = Some(Cluster {
            number: self.last_number,
            rate,
            sent: now,
            first_arrival_us: 0,
            last_arrival_us: 0,
            first_bytes: 0,
            bytes: 0,
            arrived: 0,
            lost: 0,
            is_passed: false,
        });
        let bytes = (rate / 8.0 * PROBE_TIME.as_secs_f64()) as usize;
        Some(Probe {
            number: self.last_number,
            rate: rate as u64,
            bytes: bytes.max(MIN_PROBE_BYTES),
        })
    }

    /// The rate was lowered, so the link is full.
    pub(crate) fn handle_decrease(&mut self, now: Instant) {
        self.is_starting = false;
        self.cluster = None;
        self.wait_until(now + PAUSE_AFTER_DECREASE);
    }

    /// Takes in what became of a packet, of which the feedback came at `now`.
    pub(crate) fn handle_packet(&mut self, report: &PacketReport, now: Instant) {
        let Some(cluster) = &mut self.cluster else {
            return;
        };
        if report.probe != cluster.number {
            let since = now.saturating_duration_since(cluster.sent);
            cluster.is_passed |= Duration::from_micros(report.age_us.into()) < since;
            return;
        }
        let Some(arrived) = report.arrived_us else {
            cluster.lost += 1;
            return;
        };
        if report.was_lost {
            cluster.lost = cluster.lost.saturating_sub(1);
        }
        if cluster.arrived == 0 {
            (cluster.first_arrival_us, cluster.last_arrival_us) = (arrived, arrived);
            cluster.first_bytes = report.bytes;
        }
        cluster.arrived += 1;
        cluster.bytes += u64::from(report.bytes);
        cluster.last_arrival_us = cluster.last_arrival_us.max(arrived);
    }

    /// Returns what a probe has shown the link to carry, once it is over.
    pub(crate) fn result(&mut self, round_trip: Duration, now: Instant) -> Option<f64> {
        let cluster = self.cluster.as_ref()?;
        let is_over = cluster.is_passed || now > cluster.sent + round_trip + PATIENCE;
        if !is_over {
            return None;
        }
        let shown = cluster.rate_shown();
        let is_complete = shown.is_some_and(|rate| rate >= COMPLETE * cluster.rate);
        self.cluster = None;
        if is_complete {
            // On to the next at once.
            self.pause = MIN_PAUSE;
            self.not_before = None;
        } else {
            self.is_starting = false;
            self.wait_until(now + self.pause);
            self.pause = (self.pause * 2).min(MAX_PAUSE);
        }
        shown
    }

    fn wait_until(&mut self, at: Instant) {
        self.not_before = Some(self.not_before.map_or(at, |before| before.max(at)));
    }
}

impl Cluster {
    fn rate_shown(&self) -> Option<f64> {
        let all = f64::from(self.arrived + self.lost);
        if self.arrived < MIN_PACKETS || f64::from(self.arrived) < MIN_ARRIVED * all {
            return None;
        }
        let micros = (self.last_arrival_us - self.first_arrival_us).max(1) as f64;
        let bits = (self.bytes - u64::from(self.first_bytes)) as f64 * 8.0;
        let arriving = bits * 1e6 / micros;
        if arriving >= COMPLETE * self.rate {
            Some(arriving.min(self.rate))
        } else {
            Some(arriving * FILL)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RTT: Duration = Duration::from_millis(50);

    /// Lets `count` packets of 300 bytes arrive at a rate, and one after them that is no part of it.
    fn arrive(prober: &mut Prober, probe: &Probe, count: u32, rate: f64, sent: Instant) {
        for n in 0..count {
            let arrived = f64::from(n) * 2_400.0 * 1e6 / rate;
            let arrived_us = Some(arrived as i64);
            let probe = probe.number;
            let report =
                PacketReport { age_us: 50_000, arrived_us, bytes: 300, probe, was_lost: false };
            prober.handle_packet(&report, sent + Duration::from_millis(50));
        }
        let arrived_us = Some(1_000_000);
        let after =
            PacketReport { age_us: 20_000, arrived_us, bytes: 300, probe: 0, was_lost: false };
        prober.handle_packet(&after, sent + Duration::from_millis(50));
    }

    #[test]
    fn nothing_is_probed_for_that_nobody_wants() {
        let now = galene_testkit::epoch();
        let mut prober = Prober::new();
        assert_eq!(prober.poll(1e6, 1e6, now), None);
        let probe = prober.poll(1e6, 1.5e6, now).expect("more is wanted");
        assert_eq!((probe.rate, probe.bytes), (1_650_000, 4_125));
        assert_eq!(prober.poll(1e6, 1.5e6, now), None, "one at a time");
    }

    #[test]
    fn a_probe_that_comes_through_shows_its_rate_and_the_next_follows_at_once() {
        let now = galene_testkit::epoch();
        let mut prober = Prober::new();
        let probe = prober.poll(1e6, 9e6, now).expect("more is wanted");
        assert_eq!(prober.result(RTT, now), None, "not over yet");
        arrive(&mut prober, &probe, 25, 3e6, now);
        assert_eq!(prober.result(RTT, now), Some(3e6));
        assert!(prober.poll(3e6, 9e6, now).is_some());
    }

    #[test]
    fn a_probe_that_fills_the_link_shows_its_capacity_and_the_next_waits() {
        let now = galene_testkit::epoch();
        let mut prober = Prober::new();
        let probe = prober.poll(1e6, 9e6, now).expect("more is wanted");
        arrive(&mut prober, &probe, 25, 2e6, now);
        let shown = prober.result(RTT, now).expect("enough arrived");
        assert!((1_890_000.0..1_910_000.0).contains(&shown), "{shown}");
        assert_eq!(prober.poll(1.9e6, 9e6, now), None);
        assert!(prober.poll(1.9e6, 9e6, now + MIN_PAUSE).is_some());
    }

    #[test]
    fn a_probe_of_which_nothing_is_heard_fails() {
        let now = galene_testkit::epoch();
        let mut prober = Prober::new();
        prober.poll(1e6, 9e6, now).expect("more is wanted");
        let late = now + Duration::from_secs(1);
        assert_eq!(prober.result(RTT, late), None);
        assert_eq!(prober.poll(1e6, 9e6, late), None);
        assert!(prober.poll(1e6, 9e6, late + MIN_PAUSE).is_some());
    }
}
