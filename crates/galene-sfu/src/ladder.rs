//! What there is of a track at present, from the lowest layer to the highest.

use std::time::Instant;

use crate::Layer;
use crate::media::MAX_ENCODINGS;
use crate::track::Encoding;

/// An encoding takes at least so many times what the next smaller one does, for browsers halve the resolution
/// from one to the next.
const LARGER_BY: u64 = 2;

/// A layer that is being sent, and what it takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rung {
    pub(crate) layer: Layer,
    /// With all that it depends on, in bits per second; 0 if nothing has been measured yet.
    pub(crate) bitrate: u64,
}

/// The layers of a track that are being sent, in ascending order of quality.
///
/// It never becomes empty again: if everything falls silent, what was sent last stays.
#[derive(Debug)]
pub(crate) struct Ladder {
    /// At most [`MAX_ENCODINGS`] times the layers that are told apart.
    rungs: Vec<Rung>,
    /// How many encodings the publisher announced, be they sent or not.
    encodings: usize,
    /// Which encodings were sent when it was last looked at.
    sent: [bool; MAX_ENCODINGS],
    version: u32,
}

impl Ladder {
    /// Returns the ladder of a track with so many encodings, of which nothing has been sent yet.
    pub(crate) fn new(encodings: usize) -> Self {
        Self { rungs: Vec::new(), encodings, sent: [false; MAX_ENCODINGS], version: 0 }
    }

    /// Returns the layers, the lowest first.
    pub(crate) fn rungs(&self) -> &[Rung] {
        &self.rungs
    }

    /// Returns the best that there is among these layers.
    pub(crate) fn top(&self, layer: Layer) -> Option<&Rung> {
        self.rungs.iter().rev().find(|rung| {
            let Layer { encoding, spatial, temporal } = rung.layer;
            encoding == layer.encoding && layer.contains(spatial, temporal)
        })
    }

    /// Returns what is to be expected of the next larger encoding if the largest ones are not sent. Whoever
    /// has no room for it is not to get it when it comes up.
    pub(crate) fn absent(&self) -> Option<Rung> {
        let top = self.rungs.last()?;
        let encoding = top.layer.encoding.checked_sub(1)?;
        let bitrate = top.bitrate * LARGER_BY;
        Some(Rung { layer: Layer::base(encoding), bitrate })
    }

    /// Returns whether some layers of an encoding can be left out for whoever may be sent `rate`.
    pub(crate) fn has_less(&self, encoding: usize, rate: u64) -> bool {
        let mut rungs = self.rungs.iter().filter(|rung| rung.layer.encoding == encoding);
        let lowest = rungs.next();
        rungs.next().is_some() && lowest.is_some_and(|lowest| lowest.bitrate <= rate)
    }

    /// Returns what all of an encoding takes when what is `chosen` of it takes `rate`.
    pub(crate) fn scale_up(&self, encoding: usize, chosen: Option<Layer>, rate: u64) -> u64 {
        let bitrate = |layer| self.top(layer).map(|rung| rung.bitrate);
        let chosen = chosen.filter(|layer| layer.encoding == encoding).and_then(bitrate);
        match (bitrate(Layer::whole(encoding)), chosen) {
            (Some(whole), Some(part)) if 0 < part && part < whole => {
                (rate as f64 * whole as f64 / part as f64) as u64
            }
            _ => rate,
        }
    }

    /// Returns how many encodings the publisher announced.
    pub(crate) fn encodings(&self) -> usize {
        self.encodings
    }

    /// Returns a number that is another one whenever other layers are there; rates do not count.
    pub(crate) fn version(&self) -> u32 {
        self.version
    }

    /// Brings it in line with what has arrived; returns whether other layers are there than before.
    pub(crate) fn refresh(&mut self, encodings: &mut [Encoding], now: Instant) -> bool {
        let mut sent = [false; MAX_ENCODINGS];
        let mut has_news = false;
        for (sent, encoding) in sent.iter_mut().zip(encodings.iter_mut()) {
            *sent = encoding.is_alive(now);
            has_news |= *sent && encoding.meter.roll(now);
        }
        if (!has_news && sent == self.sent) || sent == [false; MAX_ENCODINGS] {
            return false;
        }
        self.sent = sent;
        let mut at = 0;
        let mut is_same = true;
        for (index, encoding) in encodings.iter().enumerate().rev().filter(|(at, _)| sent[*at]) {
            for spatial in 0..=Layer::MAX_SPATIAL {
                for temporal in 0..=Layer::MAX_TEMPORAL {
                    if !encoding.meter.has(spatial, temporal) {
                        continue;
                    }
                    let layer = Layer { encoding: index, spatial, temporal };
                    let rung = Rung { layer, bitrate: encoding.meter.bitrate(spatial, temporal) };
                    match self.rungs.get_mut(at) {
                        Some(known) => {
                            is_same &= known.layer == layer;
                            *known = rung;
                        }
                        None => {
                            is_same = false;
                            self.rungs.push(rung);
                        }
                    }
                    at += 1;
                }
            }
        }
        is_same &= at == self.rungs.len();
        self.rungs.truncate(at);
        self.version = self.version.wrapping_add(u32::from(!is_same));
        !is_same
    }

    /// Takes over what the publisher's shard knows; returns whether other layers are there than before.
    pub(crate) fn replace(&mut self, rungs: Vec<Rung>) -> bool {
        let is_same = self.rungs.iter().map(|r| r.layer).eq(rungs.iter().map(|r| r.layer));
        self.rungs = rungs;
        self.version = self.version.wrapping_add(u32::from(!is_same));
        !is_same
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    use crate::MediaKind;

    #[test]
    fn it_holds_what_is_sent_from_low_to_high() {
        let t0 = galene_testkit::epoch();
        let mut encodings = encodings(3);
        let mut ladder = Ladder::new(3);
        send(&mut encodings, 2, 0, 100, t0);
        assert!(ladder.refresh(&mut encodings, t0));
        assert_eq!(layers(&ladder), [(2, 0)]);
        send(&mut encodings, 0, 0, 500, t0);
        send(&mut encodings, 0, 1, 500, t0);
        let before = ladder.version();
        assert!(ladder.refresh(&mut encodings, t0));
        assert_ne!(ladder.version(), before);
        assert_eq!(layers(&ladder), [(2, 0), (0, 0), (0, 1)]);
        assert!(!ladder.refresh(&mut encodings, t0), "nothing has changed");
    }

    #[test]
    fn an_encoding_that_is_not_sent_is_expected_to_take_twice_as_much() {
        let mut ladder = Ladder::new(3);
        assert_eq!(ladder.absent(), None, "nothing is known yet");
        ladder.replace(vec![Rung { layer: Layer::base(1), bitrate: 400_000 }]);
        assert_eq!(ladder.absent(), Some(Rung { layer: Layer::base(0), bitrate: 800_000 }));
        ladder.replace(vec![Rung { layer: Layer::base(0), bitrate: 900_000 }]);
        assert_eq!(ladder.absent(), None);
    }

    #[test]
    fn whoever_gets_some_layers_allows_for_all_of_the_encoding() {
        let mut ladder = Ladder::new(1);
        let rung = |spatial, bitrate| Rung { layer: Layer { spatial, ..Layer::base(0) }, bitrate };
        ladder.replace(vec![rung(0, 100_000), rung(1, 400_000)]);
        let low = Some(Layer::base(0));
        assert_eq!(ladder.scale_up(0, low, 150_000), 600_000);
        assert_eq!(ladder.scale_up(0, Some(Layer::whole(0)), 150_000), 150_000);
        assert_eq!(ladder.scale_up(0, None, 150_000), 150_000);
        assert!(ladder.has_less(0, 120_000) && !ladder.has_less(0, 90_000));
        assert!(!ladder.has_less(1, 120_000));
    }

    #[test]
    fn rates_change_and_the_layers_stay_what_they_are() {
        let t0 = galene_testkit::epoch();
        let mut encodings = encodings(1);
        let mut ladder = Ladder::new(1);
        for step in 0..40 {
            let now = t0 + Duration::from_millis(50) * step;
            send(&mut encodings, 0, 0, 500, now);
            assert_eq!(ladder.refresh(&mut encodings, now), step == 0);
        }
        assert_eq!(ladder.rungs()[0].bitrate, 80_000);
    }

    #[test]
    fn an_encoding_that_pauses_leaves_it_and_comes_back() {
        let t0 = galene_testkit::epoch();
        let mut encodings = encodings(2);
        let mut ladder = Ladder::new(2);
        send(&mut encodings, 0, 0, 500, t0);
        send(&mut encodings, 1, 0, 500, t0);
        ladder.refresh(&mut encodings, t0);
        let later = t0 + Duration::from_secs(2);
        send(&mut encodings, 1, 0, 500, later);
        assert!(ladder.refresh(&mut encodings, later));
        assert_eq!(layers(&ladder), [(1, 0)]);
        let silence = later + Duration::from_secs(9);
        assert!(!ladder.refresh(&mut encodings, silence));
        assert_eq!(layers(&ladder), [(1, 0)], "what was sent last stays");
        send(&mut encodings, 0, 0, 500, silence);
        assert!(ladder.refresh(&mut encodings, silence));
        assert_eq!(layers(&ladder), [(0, 0)]);
    }

    fn encodings(count: usize) -> Vec<Encoding> {
        (0..count).map(|_| Encoding::new(MediaKind::Video, true)).collect()
    }

    fn send(encodings: &mut [Encoding], at: usize, temporal: u8, bytes: usize, now: Instant) {
        encodings[at].meter.count(0, temporal, bytes);
        encodings[at].last_arrival = Some(now);
    }

    fn layers(ladder: &Ladder) -> Vec<(usize, u8)> {
        ladder.rungs().iter().map(|r| (r.layer.encoding, r.layer.temporal)).collect()
    }
}
