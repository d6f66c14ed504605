//! A bottleneck with a queue, a sender of frames that keeps to the estimate, and a receiver that gives
//! transport-wide feedback as browsers do.

use std::time::{Duration, Instant};

use galene_congestion::{Estimator, PacketReport, Probe, SentPackets, TransportFeedback};

/// What the link is like.
pub(crate) struct Link {
    /// In bits per second, at a time in seconds.
    pub(crate) capacity: Box<dyn Fn(f64) -> f64>,
    /// Propagation there and back, in seconds.
    pub(crate) round_trip: f64,
    /// From when on it takes longer, and by how much, both in seconds.
    pub(crate) longer: (f64, f64),
    /// What does not fit is dropped.
    pub(crate) queue_bytes: f64,
    /// How much later a packet may come at random, in seconds. Packets may overtake each other.
    pub(crate) jitter: f64,
    pub(crate) loss: f64,
    /// Over how many transports the sender sends, each with a part of the frames' bytes.
    pub(crate) transports: usize,
}

impl Default for Link {
    fn default() -> Self {
        Self {
            capacity: Box::new(|_| 1e6),
            round_trip: 0.05,
            longer: (f64::MAX, 0.0),
            queue_bytes: 150_000.0,
            jitter: 0.0,
            loss: 0.0,
            transports: 1,
        }
    }
}

/// What happened, every 10 ms.
pub(crate) struct Course(Vec<Moment>);

#[derive(Debug, Clone, Copy)]
struct Moment {
    estimate: f64,
    queue_seconds: f64,
    delivered_bytes: f64,
    sent_bytes: f64,
    lost_bytes: f64,
}

const STEPS_PER_SECOND: f64 = 100.0;

impl Course {
    fn between(&self, from: f64, to: f64) -> &[Moment] {
        let at = |seconds: f64| ((seconds * STEPS_PER_SECOND) as usize).min(self.0.len());
        &self.0[at(from)..at(to)]
    }

    pub(crate) fn estimate_at(&self, seconds: f64) -> f64 {
        self.between(seconds, seconds + 0.01)[0].estimate
    }

    pub(crate) fn least_estimate(&self, from: f64, to: f64) -> f64 {
        self.between(from, to).iter().map(|m| m.estimate).fold(f64::MAX, f64::min)
    }

    pub(crate) fn mean_estimate(&self, from: f64, to: f64) -> f64 {
        let moments = self.between(from, to);
        moments.iter().map(|m| m.estimate).sum::<f64>() / moments.len() as f64
    }

    /// In bits per second.
    pub(crate) fn delivered(&self, from: f64, to: f64) -> f64 {
        let bytes: f64 = self.between(from, to).iter().map(|m| m.delivered_bytes).sum();
        bytes * 8.0 / (to - from)
    }

    pub(crate) fn lost(&self, from: f64, to: f64) -> f64 {
        let moments = self.between(from, to);
        let lost: f64 = moments.iter().map(|m| m.lost_bytes).sum();
        lost / moments.iter().map(|m| m.sent_bytes).sum::<f64>()
    }

    pub(crate) fn longest_queue(&self, from: f64, to: f64) -> f64 {
        self.between(from, to).iter().map(|m| m.queue_seconds).fold(0.0, f64::max)
    }

    pub(crate) fn median_queue(&self, from: f64, to: f64) -> f64 {
        let mut queues: Vec<_> = self.between(from, to).iter().map(|m| m.queue_seconds).collect();
        queues.sort_by(f64::total_cmp);
        queues[queues.len() / 2]
    }
}

/// One transport: what was sent, and what the receiver has to tell of it.
struct Transport {
    sent: SentPackets,
    /// Transport-wide number and arrival in seconds.
    arrived: Vec<(u64, f64)>,
    count: u64,
    reported: u64,
}

/// Sends frames of up to `source` bits per second for some seconds, as far as the estimate allows.
pub(crate) fn run(link: Link, source: f64, seconds: u64) -> Course {
    let start = galene_testkit::epoch();
    let mut random = fastrand::Rng::with_seed(7);
    let mut estimator = Estimator::new();
    estimator.set_wanted(source as u64);
    let mut transports: Vec<_> = (0..link.transports)
        .map(|_| Transport {
            sent: SentPackets::new(start),
            arrived: Vec::new(),
            count: 0,
            reported: 0,
        })
        .collect();
    let mut course = Vec::new();
    let mut moment = Moment {
        estimate: 0.0,
        queue_seconds: 0.0,
        delivered_bytes: 0.0,
        sent_bytes: 0.0,
        lost_bytes: 0.0,
    };
    let mut queue = 0.0f64;
    let mut probe: Option<Probe> = None;
    // Feedback under way: when it comes, by which transport, its bytes.
    let mut feedbacks: Vec<(f64, usize, Vec<u8>)> = Vec::new();
    for ms in 0..seconds * 1_000 {
        let t = ms as f64 / 1_000.0;
        let now = start + Duration::from_millis(ms);
        queue = (queue - (link.capacity)(t) / 8_000.0).max(0.0);
        let mut send = |transport: &mut Transport, bytes: f64, moment: &mut Moment| {
            transport.sent.record(now, bytes as usize);
            let number = transport.count;
            transport.count += 1;
            moment.sent_bytes += bytes;
            if queue + bytes > link.queue_bytes || random.f64() < link.loss {
                moment.lost_bytes += bytes;
                return;
            }
            queue += bytes;
            moment.delivered_bytes += bytes;
            let mut left = queue;
            let mut wait = 0.0;
            // The capacity may change while it waits.
            while left > 0.0 && wait < 60.0 {
                let step = (link.capacity)(t + wait) / 8_000.0;
                wait += 0.001 * (left / step).min(1.0);
                left -= step;
            }
            let late = random.f64() * link.jitter;
            let longer = if t >= link.longer.0 { link.longer.1 } else { 0.0 };
            let way = link.round_trip / 2.0 + longer;
            transport.arrived.push((number, t + wait + way + late));
        };
        let count = transports.len() as f64;
        if ms % 33 == 0 {
            // A frame; now and then a larger one.
            let rate = source.min(estimator.estimate() as f64 - 50_000.0).max(20_000.0);
            let size = if ms % 9_900 == 0 { 4.0 } else { 0.8 + 0.4 * ((ms / 33 % 7) as f64 / 6.0) };
            for transport in &mut transports {
                let mut left = rate / 8.0 * 0.033 * size / count;
                while left > 0.0 {
                    send(transport, left.clamp(60.0, 1_200.0), &mut moment);
                    left -= 1_200.0;
                }
            }
        }
        if ms % 20 == 0 {
            send(&mut transports[0], 120.0, &mut moment);
        }
        if let Some(probe) = probe.take() {
            transports[0].sent.set_probe(probe.number);
            for _ in 0..probe.bytes.div_ceil(290) {
                send(&mut transports[0], 290.0, &mut moment);
            }
            transports[0].sent.set_probe(0);
        }
        if ms % 50 == 0 {
            for (at, transport) in transports.iter_mut().enumerate() {
                if let Some(bytes) = feedback(transport, t) {
                    feedbacks.push((t + link.round_trip / 2.0, at, bytes));
                }
            }
        }
        let due = feedbacks.iter().take_while(|f| f.0 <= t).count();
        for (_, at, bytes) in feedbacks.drain(..due) {
            handle(&mut estimator, &mut transports[at].sent, at, &bytes, now);
        }
        probe = estimator.poll_probe(now);
        if ms % 10 == 9 {
            moment.estimate = estimator.estimate() as f64;
            moment.queue_seconds = queue * 8.0 / (link.capacity)(t);
            course.push(moment);
            moment = Moment { delivered_bytes: 0.0, sent_bytes: 0.0, lost_bytes: 0.0, ..moment };
        }
    }
    Course(course)
}

fn handle(
    estimator: &mut Estimator,
    sent: &mut SentPackets,
    at: usize,
    bytes: &[u8],
    now: Instant,
) {
    let feedback = TransportFeedback::parse(bytes).expect("the receiver writes it well");
    let mut reports: Vec<PacketReport> = Vec::new();
    sent.handle_feedback(&feedback, now, |report| reports.push(report));
    estimator.handle_feedback(at as u64, reports.into_iter(), now);
}

/// Writes what has arrived by now since the last message, if anything has.
fn feedback(transport: &mut Transport, t: f64) -> Option<Vec<u8>> {
    transport.arrived.sort_by(|a, b| a.1.total_cmp(&b.1));
    let count = transport.arrived.iter().take_while(|a| a.1 <= t).count();
    let mut arrived: Vec<_> = transport.arrived.drain(..count).collect();
    arrived.sort_by_key(|a| a.0);
    let first = arrived.first()?.0.min(transport.reported);
    let last = arrived.last()?.0.max(first);
    transport.reported = transport.reported.max(last + 1);
    // One message tells of some hundred packets; what does not fit is lost for the estimator.
    let first = first.max(last.saturating_sub(2_000));
    let reference = (arrived.iter().map(|a| a.1).fold(f64::MAX, f64::min) / 0.064) as u32;
    let mut time = f64::from(reference) * 0.064;
    let (mut statuses, mut deltas) = (Vec::new(), Vec::new());
    for number in first..=last {
        match arrived.iter().find(|a| a.0 == number) {
            None => statuses.push(0u16),
            Some((_, at)) => {
                let ticks = ((at - time) / 0.000_25).round().clamp(-32_768.0, 32_767.0);
                time += ticks * 0.000_25;
                statuses.push(2);
                deltas.extend((ticks as i16).to_be_bytes());
            }
        }
    }
    let [_, high, middle, low] = reference.to_be_bytes();
    let mut bytes = Vec::new();
    bytes.extend((first as u16).to_be_bytes());
    bytes.extend((statuses.len() as u16).to_be_bytes());
    bytes.extend([high, middle, low, 0]);
    for seven in statuses.chunks(7) {
        let symbols = (0..7).map(|at| seven.get(at).copied().unwrap_or(0) << (12 - 2 * at));
        bytes.extend((0xc000 | symbols.sum::<u16>()).to_be_bytes());
    }
    bytes.extend(deltas);
    Some(bytes)
}
