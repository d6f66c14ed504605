//! What there is of a track at present, from the lowest layer to the highest.

use std::time::Instant;

use crate::Layer;
use crate::media::MAX_ENCODINGS;
use crate::track::Encoding;

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
    use crate::MediaKind;
    use std::time::Duration;

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
