//! Runs a conference over a link and looks at what comes out.

use std::time::{Duration, Instant};

use galene_sfu::TransportId;
use galene_testkit::{Decoder, Listener, Shown, TrackSpec};

use super::row::{DURATION, StepKind};
use super::{Figures, Leg, Row, Setup};
use crate::{CORE, Conference};

/// Before the measurement begins, a publisher has so much time to find out how much it can send.
pub(super) const WARM_UP: Duration = Duration::from_secs(20);

/// What was captured in the last part of the measurement may still be on its way at its end.
pub(super) const GRACE: Duration = Duration::from_secs(1);

/// What was sent over the link is noted in these intervals.
pub(super) const INTERVAL: Duration = Duration::from_millis(100);

/// What is sent fits if it is not more than by this share above what fits: the rate of the link is that of
/// datagrams, without their own overhead.
pub(super) const FITS: f64 = 1.05;

/// A single encoding is as before when it has this share of the rate that it had.
pub(super) const AS_BEFORE: f64 = 0.8;

/// Runs a measurement. The same seed gives the same figures.
///
/// # Panics
///
/// Panics if the conference does not even come about.
pub fn measure(row: &Row, setup: Setup, seed: u64) -> Figures {
    Measurement::begin(row, setup, seed).run()
}

struct Measurement<'a> {
    row: &'a Row,
    setup: Setup,
    conference: Conference,
    publisher: TransportId,
    receivers: Vec<TransportId>,
    /// The number of the sound; the pictures have the next one.
    stream: u32,
    start: Instant,
    /// What the publisher and the first receiver were sent so far, each interval.
    sent: Vec<[u64; 2]>,
}

impl<'a> Measurement<'a> {
    fn begin(row: &'a Row, setup: Setup, seed: u64) -> Self {
        let mut conference = Conference::new(1, seed);
        // The pictures differ from seed to seed.
        let stream = u32::try_from(seed * 10).expect("small seeds");
        let camera = TrackSpec::camera(stream + 1);
        let camera = if setup.is_simulcast { camera.encodings(3) } else { camera };
        let publisher = conference.publish(|config| {
            config.adaptive(setup.feedback).red().track(TrackSpec::audio(stream)).track(camera)
        });
        let tracks = conference.wait_for_tracks(&[publisher], 2);
        let receivers: Vec<_> = (0..row.receivers)
            .map(|_| {
                let patience = Duration::from_secs(3);
                conference.subscribe(&tracks, |config| {
                    config.playing(setup.feedback).red().may_miss_start().give_up_after(patience)
                })
            })
            .collect();
        let start = conference.now() + WARM_UP;
        let sent = Vec::new();
        Self { row, setup, conference, publisher, receivers, stream, start, sent }
    }

    fn run(mut self) -> Figures {
        let impaired = match self.setup.leg {
            Leg::Receiver => self.receivers[0],
            Leg::Publisher => self.publisher,
        };
        self.conference.set_network(impaired, self.row.calm);
        self.run_until(self.start);
        let before = self.published_so_far();
        for step in &self.row.steps {
            self.run_until(self.start + step.at);
            self.conference.set_network(impaired, step.link);
        }
        self.run_until(self.start + DURATION);
        let after = self.published_so_far();

        // With several receivers, the first is the one who suffers.
        let looked_at =
            if self.receivers.len() > 1 { &self.receivers[1..] } else { &self.receivers };
        let figures: Vec<_> = looked_at.iter().map(|&id| self.figures_of(id)).collect();
        let worst = figures.iter().copied().reduce(worse).unwrap_or_default();
        Figures {
            keyframes: (after.keyframe_requests - before.keyframe_requests) as f64
                / (DURATION.as_secs_f64() / 60.0),
            published: (after.bytes - before.bytes) as f64 * 8.0 / DURATION.as_secs_f64(),
            ..worst
        }
    }

    fn run_until(&mut self, until: Instant) {
        while self.conference.now() < until {
            let left = until - self.conference.now();
            self.conference.run_for(left.min(INTERVAL));
            let publisher = self.conference.address(self.publisher);
            let receiver = self.conference.address(self.receivers[0]);
            let network = self.conference.simulation().network();
            let up = network.sent(publisher, CORE).bytes;
            let down = network.sent(CORE, receiver).bytes;
            self.sent.push([up, down]);
        }
    }

    fn published_so_far(&mut self) -> Published {
        let peer = self.conference.publisher(self.publisher);
        let count = if self.setup.is_simulcast { 3 } else { 1 };
        let keyframe_requests = (0..count).map(|i| peer.counts(1, i).keyframe_requests).sum();
        let address = self.conference.address(self.publisher);
        let bytes = self.conference.simulation().network().sent(address, CORE).bytes;
        Published { keyframe_requests, bytes }
    }

    fn figures_of(&self, receiver: TransportId) -> Figures {
        let (from, until) = (self.start, self.start + DURATION);
        let looked_at = from..until - GRACE;
        let captures = self.conference.publisher(self.publisher).captures(1);
        let captured = captures.iter().filter(|at| looked_at.contains(*at)).count();
        let faults: usize =
            self.conference.subscriber(receiver).tracks().map(|t| t.checker().faults().len()).sum();
        let mut figures = Figures {
            concealed: self.listener(receiver).map_or(1.0, |l| l.concealed(from, until)),
            freeze: 1.0,
            received: self.rate(from, until)[1],
            faults: faults as f64,
            ..Figures::default()
        };
        let Some(decoder) = self.decoder(receiver) else { return figures };
        let shown: Vec<&Shown> = decoder
            .shown()
            .iter()
            .filter(|frame| looked_at.contains(&frame.captured) && frame.at < until)
            .collect();
        let largest = shown.iter().filter(|frame| frame.encoding == 0).count();
        let seconds = (DURATION - GRACE).as_secs_f64();
        figures.frames = shown.len() as f64 / (captured as f64).max(1.0);
        figures.frames_per_second = shown.len() as f64 / seconds;
        figures.freeze = decoder.freezes(from, until).1.as_secs_f64() / DURATION.as_secs_f64();
        figures.largest = largest as f64 / (shown.len() as f64).max(1.0);
        for step in &self.row.steps {
            let at = from + step.at;
            match step.kind {
                StepKind::Plain => {}
                StepKind::Narrows(rate) => figures.down = self.fits_after(at, rate as f64),
                StepKind::Widens => figures.up = self.as_before_after(at, decoder),
                StepKind::Returns => {
                    let mut later = decoder.shown().iter().filter(|f| f.captured >= at - GRACE);
                    figures.back = later.find(|f| f.at >= at).map(|f| f.at - at);
                }
            }
        }
        figures
    }

    fn decoder(&self, receiver: TransportId) -> Option<&Decoder> {
        self.conference.subscriber(receiver).track_from(self.stream + 1)?.decoder()
    }

    fn listener(&self, receiver: TransportId) -> Option<&Listener> {
        self.conference.subscriber(receiver).track_from(self.stream)?.listener()
    }

    /// Returns how long after the link narrowed to `rate` what is sent began to fit, for good as far as
    /// the next five seconds tell.
    fn fits_after(&self, at: Instant, rate: f64) -> Option<Duration> {
        let leg = usize::from(self.setup.leg == Leg::Receiver);
        let seconds = (0..15 * 10).map(|i| at + i * INTERVAL);
        let mut fits = seconds.map(|second| {
            let rates = (0..5).map(|i| second + i * Duration::from_secs(1));
            let mut rates = rates.map(|from| self.rate(from, from + Duration::from_secs(1))[leg]);
            (second, rates.all(|sent| sent <= rate * FITS))
        });
        fits.find(|(_, fits)| *fits).map(|(second, _)| second - at)
    }

    /// Returns how long after the link widened the largest encoding was seen again; where there is but one,
    /// how long until it comes at about the rate it had before anything was wrong.
    fn as_before_after(&self, at: Instant, decoder: &Decoder) -> Option<Duration> {
        if self.setup.is_simulcast {
            let mut later = decoder.shown().iter().filter(|frame| frame.at >= at);
            return later.find(|frame| frame.encoding == 0).map(|frame| frame.at - at);
        }
        let before = self.rate(self.start, self.start + self.row.steps[0].at)[1];
        let end = self.start + DURATION;
        let mut seconds =
            (0..).map(|i| at + i * INTERVAL).take_while(|s| *s + INTERVAL * 10 <= end);
        let is_back =
            |from: &Instant| self.rate(*from, *from + INTERVAL * 10)[1] >= AS_BEFORE * before;
        seconds.find(is_back).map(|second| second - at)
    }

    /// Returns how many bits a second the publisher sent and the first receiver was sent.
    fn rate(&self, from: Instant, until: Instant) -> [f64; 2] {
        let origin = self.start - WARM_UP;
        let index = |at: Instant| {
            let interval = ((at - origin).as_secs_f64() / INTERVAL.as_secs_f64()).round();
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "small")]
            let interval = interval as usize;
            interval.saturating_sub(1).min(self.sent.len() - 1)
        };
        let (first, last) = (self.sent[index(from)], self.sent[index(until)]);
        let seconds = (until - from).as_secs_f64();
        [0, 1].map(|leg| (last[leg] - first[leg]) as f64 * 8.0 / seconds)
    }
}

#[derive(Clone, Copy)]
struct Published {
    keyframe_requests: u64,
    bytes: u64,
}

/// Returns what nobody can be worse than.
fn worse(one: Figures, other: Figures) -> Figures {
    Figures {
        frames: one.frames.min(other.frames),
        frames_per_second: one.frames_per_second.min(other.frames_per_second),
        freeze: one.freeze.max(other.freeze),
        concealed: one.concealed.max(other.concealed),
        faults: one.faults + other.faults,
        largest: one.largest.min(other.largest),
        ..one
    }
}
