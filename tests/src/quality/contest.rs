//! Our estimator and the engine's, one after the other, on the same links.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::{Duration, Instant};

use galene_congestion::{Estimator, PacketReport, SentPackets, TransportFeedback};
use galene_testkit::{LinkEstimator, LinkTrial, epoch};

use super::figures::median_time;
use super::row::{AWAY, DURATION, QUEUE};
use super::run::{AS_BEFORE, FITS, GRACE, INTERVAL, WARM_UP};
use super::{Promise, Row, Step, StepKind, median};

/// A link on which estimators are compared.
#[derive(Debug, Clone)]
pub struct Contest {
    /// The link.
    pub row: Row,
    /// What it carries, in bits per second, from when on after the beginning of the measurement.
    capacity: Vec<(Duration, u64)>,
}

/// Who estimates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Contender {
    /// The crate `galene-congestion`, for a sender that sends each picture at once.
    Ours,
    /// The engine, which spreads what it sends over time.
    Engine,
}

/// How well an estimator kept to a link.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Outcome {
    /// How long more was sent than fitted after the link became narrow.
    pub down: Option<Duration>,
    /// How long it took until pictures had most of what is wanted, after the link became wide again.
    pub up: Option<Duration>,
    /// The share of what could have been sent that arrived, as pictures.
    pub used: f64,
    /// How long the median packet and 95 % of them waited for the link.
    pub queue: [Duration; 2],
    /// In which time after they were made 95 % of the packets arrived, without the length of the way.
    pub late: Duration,
    /// The share of the packets that did not arrive.
    pub lost: f64,
}

/// What the pictures have if the link carries it, in bits per second: more than the links that are narrow, less
/// than the others.
const WANTED: u64 = 2_000_000;

/// With which estimate both begin, in bits per second: that of [`Estimator::new`].
const START: u64 = 600_000;

impl Contest {
    /// Returns all links: those rows that are about what a link carries or is taken to carry, and two that are
    /// narrow all the time.
    pub fn all() -> Vec<Self> {
        let rows = Row::all();
        let of = |id: &str, capacity: &[(u64, u64)]| {
            let row = rows.iter().find(|row| row.id == id).expect("a row of this name").clone();
            let second = Duration::from_secs;
            let capacity = capacity.iter().map(|&(at, rate)| (second(at), rate)).collect();
            Self { row, capacity }
        };
        let narrow = |condition, queue| {
            let calm = AWAY.rate(1_000_000, queue);
            let (steps, promise) = (Vec::new(), Promise::default());
            let row = Row { id: "", condition, calm, steps, receivers: 1, promise };
            Self { row, capacity: vec![(Duration::ZERO, 1_000_000)] }
        };
        vec![
            of("Q0", &[(0, u64::MAX)]),
            narrow("1 Mbit/s", QUEUE),
            narrow("1 Mbit/s with a queue of 12 kB", 12_000),
            of("Q4", &[(0, u64::MAX)]),
            of("Q5", &[(0, u64::MAX)]),
            of("Q9", &[(0, u64::MAX)]),
            of("Q10", &[(0, u64::MAX)]),
            of("Q11", &[(0, 3_000_000), (15, 300_000), (35, 3_000_000)]),
            of("Q12", &[(0, u64::MAX), (20, 0), (25, u64::MAX)]),
        ]
    }

    /// Lets an estimator try. The same seed gives the same outcome.
    pub fn run(&self, contender: Contender, seed: u64) -> Outcome {
        let ours = || Box::new(Ours::new()) as Box<dyn LinkEstimator>;
        let estimator = (contender == Contender::Ours).then(ours);
        let mut trial = LinkTrial::new(seed, self.row.calm, WANTED, START, estimator);
        trial.run_for(WARM_UP);
        let start = trial.now();
        for Step { at, link, .. } in &self.row.steps {
            trial.run_for(start + *at - trial.now());
            trial.set_link(*link);
        }
        trial.run_for(start + DURATION - trial.now());
        Course { trial: &trial, start }.outcome(self)
    }

    /// Returns how many bits could have been sent in the whole measurement.
    fn could_be_sent(&self) -> f64 {
        let ends = self.capacity.iter().skip(1).map(|(at, _)| *at).chain([DURATION]);
        let spans = self.capacity.iter().zip(ends);
        spans.map(|((at, rate), end)| (end - *at).as_secs_f64() * WANTED.min(*rate) as f64).sum()
    }
}

/// What happened over a link.
struct Course<'a> {
    trial: &'a LinkTrial,
    start: Instant,
}

impl Course<'_> {
    fn outcome(&self, contest: &Contest) -> Outcome {
        let window = self.start..self.start + DURATION - GRACE;
        let mut outcome = Outcome {
            down: None,
            up: None,
            used: 0.0,
            queue: [Duration::ZERO; 2],
            late: Duration::ZERO,
            lost: 0.0,
        };
        for step in &contest.row.steps {
            let at = self.start + step.at;
            match step.kind {
                StepKind::Plain => {}
                StepKind::Narrows(rate) => outcome.down = self.fits_after(at, rate),
                StepKind::Widens | StepKind::Returns => outcome.up = self.carries_after(at),
            }
        }

        let until = self.start + DURATION;
        let pictures =
            || self.trial.pictures().iter().filter(|p| (self.start..until).contains(&p.1));
        let bits: usize = pictures().map(|(.., bytes)| bytes * 8).sum();
        outcome.used = bits as f64 / contest.could_be_sent();

        let sent = self.trial.sent().iter().filter(|sent| window.contains(&sent.at));
        let sent: BTreeMap<_, _> = sent.map(|sent| (sent.key, sent.at)).collect();
        let received: BTreeMap<_, _> = self
            .trial
            .received()
            .iter()
            .rev()
            .map(|received| (received.key, received.at))
            .collect();
        let took = |(key, sent): (_, &Instant)| Some(*received.get(key)? - *sent);
        let mut ways: Vec<Duration> = sent.iter().filter_map(took).collect();
        outcome.lost = 1.0 - ways.len() as f64 / (sent.len() as f64).max(1.0);
        ways.sort_unstable();
        let least = ways.first().copied().unwrap_or_default();
        outcome.queue = [0.5, 0.95].map(|share| quantile(&ways, share).saturating_sub(least));

        let mut late: Vec<_> = pictures().map(|(made, arrived, _)| *arrived - *made).collect();
        late.sort_unstable();
        outcome.late = quantile(&late, 0.95).saturating_sub(least);
        outcome
    }

    /// Returns how long after `at` pictures first had most of what is wanted in a second.
    fn carries_after(&self, at: Instant) -> Option<Duration> {
        let last = self.start + DURATION - Duration::from_secs(1);
        let mut times = (0..).map(|i| at + i * INTERVAL).take_while(|from| *from <= last);
        times.find(|from| self.rate(*from, true) >= AS_BEFORE * WANTED as f64).map(|from| from - at)
    }

    /// Returns how long after `at` what is sent began to fit, for good as far as the next five seconds tell.
    fn fits_after(&self, at: Instant, rate: u64) -> Option<Duration> {
        let fits = |from: &Instant| {
            let seconds = (0..5).map(|i| *from + i * Duration::from_secs(1));
            seconds.into_iter().all(|second| self.rate(second, false) <= rate as f64 * FITS)
        };
        let mut times = (0..15 * 10).map(|i| at + i * INTERVAL);
        times.find(fits).map(|from| from - at)
    }

    /// Returns how many bits were sent in the second that begins there, in pictures or at all.
    fn rate(&self, from: Instant, only_pictures: bool) -> f64 {
        let sent = self.trial.sent();
        let index = |at| sent.partition_point(|sent| sent.at < at);
        let second = &sent[index(from)..index(from + Duration::from_secs(1))];
        let counted = second.iter().filter(|sent| sent.is_picture || !only_pictures);
        counted.map(|sent| sent.bytes as f64 * 8.0).sum()
    }
}

impl Outcome {
    /// Returns the median of each figure.
    pub fn median(all: &[Self]) -> Self {
        let number = |figure: fn(&Self) -> f64| median(all.iter().map(figure)).unwrap_or_default();
        let time = |figure: fn(&Self) -> Option<Duration>| median_time(all.iter().map(figure));
        let always = |figure| time(figure).unwrap_or_default();
        Self {
            down: time(|o| o.down),
            up: time(|o| o.up),
            used: number(|o| o.used),
            queue: [always(|o| Some(o.queue[0])), always(|o| Some(o.queue[1]))],
            late: always(|o| Some(o.late)),
            lost: number(|o| o.lost),
        }
    }
}

/// Returns outcomes as a table in Markdown: for each link the medians of both.
pub fn contest_table(outcomes: &[(Contest, [Outcome; 2])]) -> String {
    let mut table = "| | what is wrong | who | down | up | used | queue | late | lost |\n\
                     | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n"
        .to_owned();
    let seconds = |took: Duration| format!("{:.1} s", took.as_secs_f64());
    let percent = |share: f64| format!("{:.1} %", share * 100.0);
    for (contest, of_both) in outcomes {
        let steps = &contest.row.steps;
        let looked_at = |is_it: fn(StepKind) -> bool, took: Option<Duration>| {
            let is_looked_at = steps.iter().any(|step| is_it(step.kind));
            let text = took.map_or("never".to_owned(), seconds);
            if is_looked_at { text } else { String::new() }
        };
        for (who, outcome) in ["ours", "engine"].into_iter().zip(of_both) {
            let (id, condition) = (contest.row.id, contest.row.condition);
            let down = looked_at(|kind| matches!(kind, StepKind::Narrows(_)), outcome.down);
            let up =
                looked_at(|kind| matches!(kind, StepKind::Widens | StepKind::Returns), outcome.up);
            let [middle, most] = outcome.queue.map(|wait| wait.as_millis());
            let (used, lost) = (percent(outcome.used), percent(outcome.lost));
            let late = outcome.late.as_millis();
            // Writing to a string cannot fail.
            let _ = writeln!(
                table,
                "| {id} | {condition} | {who} | {down} | {up} | {used} | {middle}, {most} ms | \
                 {late} ms | {lost} |",
            );
        }
    }
    table
}

/// Returns in words on how many links which of the two did better.
pub fn contest_summary(outcomes: &[(Contest, [Outcome; 2])]) -> String {
    // How much better our figure is than the engine's, in steps that count as a difference.
    let verdict = |what: &str, better: fn(&Outcome, &Outcome) -> f64| {
        let steps = || outcomes.iter().map(|(_, [ours, engine])| better(ours, engine));
        let (ours, engine) = (steps().filter(|s| *s > 1.0), steps().filter(|s| *s < -1.0));
        let (ours, engine) = (ours.count(), engine.count());
        let alike = outcomes.len() - ours - engine;
        format!("{what}: ours on {ours}, the engine's on {engine}, alike on {alike}.\n")
    };
    [
        format!("Which does better, on {} links:\n\n", outcomes.len()),
        verdict("- more of the link used, by more than 2 %", |ours, engine| {
            (ours.used - engine.used) / 0.02
        }),
        verdict(
            "- the longest waits for the link (95 %) shorter by more than 10 ms",
            |ours, engine| (engine.queue[1].as_secs_f64() - ours.queue[1].as_secs_f64()) / 0.01,
        ),
        verdict(
            "- from being made to arriving (95 %) quicker by more than 10 ms",
            |ours, engine| (engine.late.as_secs_f64() - ours.late.as_secs_f64()) / 0.01,
        ),
        verdict("- fewer packets lost, by more than 0.5 %", |ours, engine| {
            (engine.lost - ours.lost) / 0.005
        }),
    ]
    .concat()
}

/// Returns the value that is not exceeded by this share of them; they are in order.
fn quantile(sorted: &[Duration], share: f64) -> Duration {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "an index")]
    let at = (sorted.len().saturating_sub(1) as f64 * share) as usize;
    sorted.get(at).copied().unwrap_or_default()
}

/// Our estimator, as the server uses it.
struct Ours {
    sent: SentPackets,
    estimator: Estimator,
}

impl Ours {
    fn new() -> Self {
        let mut estimator = Estimator::new();
        estimator.set_wanted(WANTED);
        Self { sent: SentPackets::new(epoch()), estimator }
    }
}

impl LinkEstimator for Ours {
    fn handle_sent(&mut self, now: Instant, bytes: usize, probe: Option<u8>) {
        self.sent.set_probe(probe.unwrap_or(0));
        self.sent.record(now, bytes);
    }

    fn handle_feedback(&mut self, now: Instant, information: &[u8]) {
        let feedback = TransportFeedback::parse(information).expect("the engine writes it well");
        let mut reports: Vec<PacketReport> = Vec::new();
        self.sent.handle_feedback(&feedback, now, |report| reports.push(report));
        self.estimator.handle_feedback(0, reports.into_iter(), now);
    }

    fn estimate(&self) -> u64 {
        self.estimator.estimate()
    }

    fn poll_probe(&mut self, now: Instant) -> Option<(u8, usize)> {
        self.estimator.poll_probe(now).map(|probe| (probe.number, probe.bytes))
    }
}
