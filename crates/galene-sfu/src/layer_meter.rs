//! Measures what each layer of an encoding takes.

use std::time::{Duration, Instant};

use crate::Layer;

/// How finely rates are measured.
const SLOT: Duration = Duration::from_millis(250);

/// Rates are averages of so many slots: of a second, which evens out frames of different sizes, and
/// keyframes to a degree.
const RATE_SLOTS: usize = 4;

/// A layer that sent nothing in so many slots, two seconds, while others of its encoding sent, is there
/// no more. A screen share at two frames in a second still sends all its temporal layers within that.
const GONE_AFTER: u8 = 8;

const SPATIAL: usize = Layer::MAX_SPATIAL as usize + 1;
const TEMPORAL: usize = Layer::MAX_TEMPORAL as usize + 1;

/// The bytes of each layer by itself.
type Bytes = [u32; SPATIAL * TEMPORAL];

/// Counts the bytes of an encoding, layer by layer.
#[derive(Debug)]
pub(crate) struct LayerMeter {
    open: Bytes,
    closed: [Bytes; RATE_SLOTS],
    /// How many slots were closed since the encoding last began to send.
    count: usize,
    slot_end: Option<Instant>,
    /// In how many slots nothing of each layer came, up to [`GONE_AFTER`].
    idle: [u8; SPATIAL * TEMPORAL],
    /// Of each layer by itself, in bits per second.
    rates: [u64; SPATIAL * TEMPORAL],
    has_news: bool,
}

impl LayerMeter {
    pub(crate) fn new() -> Self {
        Self {
            open: Bytes::default(),
            closed: [Bytes::default(); RATE_SLOTS],
            count: 0,
            slot_end: None,
            idle: [GONE_AFTER; SPATIAL * TEMPORAL],
            rates: [0; SPATIAL * TEMPORAL],
            has_news: false,
        }
    }

    /// Counts a packet. Layers above those that are told apart count as the highest of them.
    pub(crate) fn count(&mut self, spatial: u8, temporal: u8, bytes: usize) {
        let at = place(spatial, temporal);
        self.open[at] = self.open[at].saturating_add(u32::try_from(bytes).unwrap_or(u32::MAX));
        if self.idle[at] > 0 {
            self.has_news |= self.idle[at] >= GONE_AFTER;
            self.idle[at] = 0;
        }
    }

    /// Takes note of the time, and returns whether there are other layers or rates than before.
    pub(crate) fn roll(&mut self, now: Instant) -> bool {
        let end = *self.slot_end.get_or_insert(now + SLOT);
        if now >= end {
            self.close_slots(now, end);
            self.has_news = true;
        }
        std::mem::take(&mut self.has_news)
    }

    /// Returns whether a layer is being sent.
    pub(crate) fn has(&self, spatial: u8, temporal: u8) -> bool {
        self.idle[place(spatial, temporal)] < GONE_AFTER
    }

    /// Returns what a layer takes with all that it depends on, in bits per second; 0 until a second of it was
    /// measured.
    pub(crate) fn bitrate(&self, spatial: u8, temporal: u8) -> u64 {
        let below = (0..=spatial).flat_map(|s| (0..=temporal).map(move |t| place(s, t)));
        below.map(|at| self.rates[at]).sum()
    }

    fn close_slots(&mut self, now: Instant, end: Instant) {
        let late = now.saturating_duration_since(end);
        if late > SLOT * RATE_SLOTS as u32 {
            // It was silent, which says nothing about what it takes when it sends.
            self.count = 0;
            self.slot_end = Some(now + SLOT);
            return;
        }
        let mut end = end;
        while end <= now {
            let slot = std::mem::take(&mut self.open);
            if slot.iter().any(|bytes| *bytes > 0) {
                for (idle, bytes) in self.idle.iter_mut().zip(slot) {
                    if bytes == 0 {
                        *idle = (*idle + 1).min(GONE_AFTER);
                    }
                }
            }
            self.closed[self.count % RATE_SLOTS] = slot;
            self.count += 1;
            end += SLOT;
        }
        self.slot_end = Some(end);
        if self.count < RATE_SLOTS {
            // It begins with a keyframe, which says little about what follows.
            return;
        }
        let milliseconds = SLOT.as_millis() as u64 * RATE_SLOTS as u64;
        for (at, rate) in self.rates.iter_mut().enumerate() {
            let bytes: u64 = self.closed.iter().map(|slot| u64::from(slot[at])).sum();
            *rate = bytes * 8_000 / milliseconds;
        }
    }
}

fn place(spatial: u8, temporal: u8) -> usize {
    let spatial = spatial.min(Layer::MAX_SPATIAL);
    let temporal = temporal.min(Layer::MAX_TEMPORAL);
    usize::from(spatial) * TEMPORAL + usize::from(temporal)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn a_rate_is_the_average_of_a_second_and_includes_what_lies_below() {
        let t0 = galene_testkit::epoch();
        let mut meter = LayerMeter::new();
        send(&mut meter, t0, 0..2_000, |_| [Some(100), Some(50)]);
        assert_eq!(meter.bitrate(0, 0), 80_000);
        assert_eq!(meter.bitrate(0, 1), 120_000);
        assert_eq!(meter.bitrate(2, 3), 120_000, "what is not sent takes nothing");
        send(&mut meter, t0, 2_000..3_100, |_| [Some(200), None]);
        assert_eq!((meter.bitrate(0, 0), meter.bitrate(0, 1)), (160_000, 160_000));
    }

    #[test]
    fn a_layer_is_there_at_once_and_gone_after_two_seconds() {
        let t0 = galene_testkit::epoch();
        let mut meter = LayerMeter::new();
        meter.count(0, 0, 100);
        assert!(meter.roll(t0) && meter.has(0, 0) && !meter.has(0, 1));
        assert!(!meter.roll(t0 + MS));
        send(&mut meter, t0, 10..1_000, |_| [Some(100), Some(50)]);
        assert!(meter.has(0, 1));
        send(&mut meter, t0, 1_000..2_700, |_| [Some(100), None]);
        assert!(meter.has(0, 1), "it may come again");
        send(&mut meter, t0, 2_700..3_300, |_| [Some(100), None]);
        assert!(!meter.has(0, 1) && meter.has(0, 0));
    }

    #[test]
    fn after_a_silence_the_rates_are_those_of_before_until_there_are_new_ones() {
        let t0 = galene_testkit::epoch();
        let mut meter = LayerMeter::new();
        send(&mut meter, t0, 0..1_100, |_| [Some(100), None]);
        send(&mut meter, t0, 9_000..9_240, |_| [Some(300), None]);
        assert!(meter.has(0, 0));
        assert_eq!(meter.bitrate(0, 0), 80_000);
        send(&mut meter, t0, 9_240..9_900, |_| [Some(300), None]);
        assert_eq!(meter.bitrate(0, 0), 80_000, "not before a second has passed");
        send(&mut meter, t0, 9_900..10_600, |_| [Some(300), None]);
        assert!((200_000..=300_000).contains(&meter.bitrate(0, 0)), "{}", meter.bitrate(0, 0));
    }

    #[test]
    fn layers_beyond_those_that_are_told_apart_count_as_the_highest() {
        let mut meter = LayerMeter::new();
        meter.count(200, 7, 10);
        assert!(meter.has(Layer::MAX_SPATIAL, Layer::MAX_TEMPORAL));
    }

    /// Sends packets of these sizes in temporal layers 0 and 1, ten milliseconds apart.
    fn send(
        meter: &mut LayerMeter,
        t0: Instant,
        times: std::ops::Range<u32>,
        sizes: impl Fn(u32) -> [Option<usize>; 2],
    ) {
        for ms in times.step_by(10) {
            meter.roll(t0 + MS * ms);
            for (temporal, size) in (0..).zip(sizes(ms)) {
                size.into_iter().for_each(|size| meter.count(0, temporal, size));
            }
        }
    }
}
