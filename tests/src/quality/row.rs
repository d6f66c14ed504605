//! The links, and what is promised over each.

use std::time::Duration;

use galene_testkit::Profile;

/// A link that changes as time goes on, and what is promised over it.
#[derive(Debug, Clone)]
pub struct Row {
    /// Its name, `Q1` and so on.
    pub id: &'static str,
    /// What is wrong with the link.
    pub condition: &'static str,
    /// The link before the measurement begins.
    pub calm: Profile,
    /// What becomes of it, in order.
    pub steps: Vec<Step>,
    /// How many receivers there are. If there is more than one, the link is that of the first, and the
    /// figures are those of the worst of the others.
    pub receivers: usize,
    /// What is promised.
    pub promise: Promise,
}

/// A change of the link.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Step {
    /// When, counted from the beginning of the measurement.
    pub at: Duration,
    /// What the link does from then on.
    pub link: Profile,
    /// What the figures are to say about it.
    pub kind: StepKind,
}

/// What is looked at after a change of the link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StepKind {
    /// Nothing but the figures of the whole.
    Plain,
    /// How long more is sent than now fits, which is this many bits a second.
    Narrows(u64),
    /// How long it takes until all is as good as before it narrowed.
    Widens,
    /// How long it takes until a picture is seen again.
    Returns,
}

/// Figures that are to be kept; those that are `None` are not promised.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Promise {
    /// At least this share of the frames is shown.
    pub frames: Option<f64>,
    /// At least so many frames are shown in a second.
    pub frames_per_second: Option<f64>,
    /// At most this share of the time the picture stands still.
    pub freeze: Option<f64>,
    /// At most this share of the sound is made up.
    pub concealed: Option<f64>,
    /// At most so many keyframes are asked of the publisher in a minute.
    pub keyframes: Option<f64>,
    /// At most so long more is sent than fits.
    pub down: Option<Duration>,
    /// At most so long until all is as before.
    pub up: Option<Duration>,
    /// At most so long until a picture is seen again.
    pub back: Option<Duration>,
    /// The publisher sends at least this share of what it sends without anything wrong.
    pub publisher: Option<f64>,
}

/// How long a measurement takes.
pub(crate) const DURATION: Duration = Duration::from_secs(60);

/// Half a round trip.
const DELAY: Duration = Duration::from_millis(25);

/// A peer at some distance, with nothing wrong with its link.
pub(super) const AWAY: Profile = Profile::ideal().delay(DELAY);

/// What waits in front of a narrow link, in bytes: a tenth of a second of 3 Mbit/s, and most of a second of
/// 300 kbit/s.
pub(super) const QUEUE: u32 = 32_000;

impl Row {
    /// Returns all rows.
    pub fn all() -> Vec<Self> {
        let repaired = |frames, freeze, concealed, keyframes| Promise {
            frames: Some(frames),
            freeze: Some(freeze),
            concealed: Some(concealed),
            keyframes: Some(keyframes),
            ..Promise::default()
        };
        let wide = AWAY.rate(3_000_000, QUEUE);
        let narrow = AWAY.rate(300_000, QUEUE);
        let second = Duration::from_secs;
        let step = |at, link, kind| Step { at: second(at), link, kind };
        vec![
            Self::steady("Q0", "nothing", AWAY, repaired(1.0, 0.0, 0.0, 0.0)),
            Self::steady("Q1", "1 % lost", AWAY.loss(0.01), repaired(0.995, 0.002, 0.003, 0.0)),
            Self::steady("Q2", "5 % lost", AWAY.loss(0.05), repaired(0.99, 0.01, 0.01, 1.0)),
            Self::steady("Q3", "10 % lost", AWAY.loss(0.1), repaired(0.97, 0.03, 0.02, 2.0)),
            Self::steady("Q4", "20 % lost", AWAY.loss(0.2), repaired(0.9, 0.1, 0.05, 4.0)),
            Self::steady(
                "Q5",
                "30 % lost",
                AWAY.loss(0.3),
                Promise { frames_per_second: Some(12.0), ..repaired(0.8, 0.2, 0.1, 6.0) },
            ),
            Self::steady(
                "Q6",
                "5 % lost in bursts of 8",
                AWAY.bursts(152.0, 8.0),
                repaired(0.97, 0.04, 0.04, 3.0),
            ),
            Self::steady(
                "Q7",
                "5 % late by 30 ms",
                AWAY.reorder(0.05, Duration::from_millis(30)),
                repaired(0.995, 0.002, 0.003, 0.0),
            ),
            Self::steady("Q8", "10 % twice", AWAY.duplicate(0.1), repaired(1.0, 0.0, 0.0, 0.0)),
            Self::steady(
                "Q9",
                "jitter of ±50 ms",
                AWAY.delay(Duration::from_millis(50)).jitter(Duration::from_millis(50)),
                repaired(0.995, 0.005, 0.01, 0.0),
            ),
            Self::steady(
                "Q10",
                "500 ms there and back, 2 % lost",
                AWAY.delay(Duration::from_millis(250)).loss(0.02),
                repaired(0.96, 0.04, 0.02, 1.0),
            ),
            Self {
                id: "Q11",
                condition: "3 Mbit/s, then 300 kbit/s for 20 s, then 3 Mbit/s",
                calm: wide,
                steps: vec![
                    step(15, narrow, StepKind::Narrows(300_000)),
                    step(35, wide, StepKind::Widens),
                ],
                receivers: 1,
                promise: Promise {
                    freeze: Some(2.0 / 60.0),
                    concealed: Some(0.02),
                    down: Some(second(2)),
                    up: Some(second(15)),
                    ..Promise::default()
                },
            },
            Self {
                id: "Q12",
                condition: "5 s without any connection",
                calm: AWAY,
                steps: vec![
                    step(20, AWAY.dead(), StepKind::Plain),
                    step(25, AWAY, StepKind::Returns),
                ],
                receivers: 1,
                promise: Promise { back: Some(Duration::from_millis(1_500)), ..Promise::default() },
            },
            Self {
                receivers: 20,
                promise: Promise {
                    freeze: Some(0.001),
                    publisher: Some(0.95),
                    ..Promise::default()
                },
                ..Self::steady(
                    "Q13",
                    "20 % lost on the way to one of 20 receivers; the worst of the others",
                    AWAY.loss(0.2),
                    Promise::default(),
                )
            },
        ]
    }

    fn steady(id: &'static str, condition: &'static str, link: Profile, promise: Promise) -> Self {
        let steps = vec![Step { at: Duration::ZERO, link, kind: StepKind::Plain }];
        Self { id, condition, calm: AWAY, steps, receivers: 1, promise }
    }
}
