//! What a measurement finds.

use std::time::Duration;

/// The figures of a measurement, or the medians of several.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Figures {
    /// The share of the captured frames that were shown.
    pub frames: f64,
    /// How many frames were shown in a second.
    pub frames_per_second: f64,
    /// The share of the time in which the picture stood still, by libwebrtc's rule.
    pub freeze: f64,
    /// The share of the sound that was made up.
    pub concealed: f64,
    /// How many keyframes the publisher was asked for in a minute, over all its encodings.
    pub keyframes: f64,
    /// How many bits a second the receiver was sent.
    pub received: f64,
    /// How many bits a second the publisher sent.
    pub published: f64,
    /// The share of the shown frames that came from the largest encoding.
    pub largest: f64,
    /// How long more was sent than fitted.
    pub down: Option<Duration>,
    /// How long it took until all was as before.
    pub up: Option<Duration>,
    /// How long it took until a picture was seen again.
    pub back: Option<Duration>,
    /// How much was wrong with the packets themselves: repeated numbers, timestamps that go back and
    /// the like.
    pub faults: f64,
}

impl Figures {
    /// Returns the median of each figure.
    pub fn median(all: &[Self]) -> Self {
        let number = |figure: fn(&Self) -> f64| median(all.iter().map(figure)).unwrap_or_default();
        let duration = |figure: fn(&Self) -> Option<Duration>| median_time(all.iter().map(figure));
        Self {
            frames: number(|f| f.frames),
            frames_per_second: number(|f| f.frames_per_second),
            freeze: number(|f| f.freeze),
            concealed: number(|f| f.concealed),
            keyframes: number(|f| f.keyframes),
            received: number(|f| f.received),
            published: number(|f| f.published),
            largest: number(|f| f.largest),
            down: duration(|f| f.down),
            up: duration(|f| f.up),
            back: duration(|f| f.back),
            faults: all.iter().map(|f| f.faults).sum(),
        }
    }
}

/// Returns the median of times. What never happened takes longer than anything that did.
pub(super) fn median_time(times: impl Iterator<Item = Option<Duration>>) -> Option<Duration> {
    let seconds = times.map(|time| time.map_or(f64::INFINITY, |took| took.as_secs_f64()));
    let median = median(seconds).filter(|median| median.is_finite());
    median.map(Duration::from_secs_f64)
}

/// Returns the median, the lower of the two if there is an even number.
pub fn median(values: impl Iterator<Item = f64>) -> Option<f64> {
    let mut sorted: Vec<_> = values.collect();
    sorted.sort_unstable_by(f64::total_cmp);
    sorted.get(sorted.len().checked_sub(1)? / 2).copied()
}
