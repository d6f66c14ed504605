//! Decides which packets of a source are of the layers that one subscriber gets.
//!
//! Layers are dropped with the next picture, and taken up where nothing that they refer to was left out.

use std::time::{Duration, Instant};

use galene_rtp::PictureId;

use crate::Layer;
use crate::ladder::Ladder;
use crate::numbers::is_end;
use crate::packet::Packet;
use crate::scaling::LayerSet;

/// What is passed on of the source that is being forwarded.
#[derive(Debug)]
pub(crate) struct LayerGate {
    /// The highest spatial and temporal layers that are passed on.
    ceiling: (u8, u8),
    /// Who would miss something of the source, had they been sent what was passed on.
    broken: LayerSet,
    /// Since when frames are waited for that would mend that.
    broken_since: Option<Instant>,
    seen: Option<Seen>,
}

/// What is to become of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Verdict {
    /// It is passed on.
    pub(crate) passes: bool,
    /// What is missing before it, if anything, is of what is left out.
    pub(crate) fills_gap: bool,
    pub(crate) is_new_picture: bool,
    /// Other layers are passed on than before it.
    pub(crate) has_changed: bool,
}

/// The newest packet of the source that was looked at, be it passed on or not.
#[derive(Debug, Clone, Copy)]
struct Seen {
    sequence: u64,
    timestamp: u32,
    picture_id: Option<PictureId>,
    ends_frame: bool,
    /// Whatever follows of the same picture is left out.
    is_rest_omitted: bool,
}

/// So long a frame is waited for at which a subscriber can take up a temporal layer; encoders that have
/// such frames have one every second. Then a keyframe is asked for.
const MENDING_PATIENCE: Duration = Duration::from_secs(3);

impl LayerGate {
    /// Lets nothing but the lowest layers through.
    pub(crate) fn new() -> Self {
        Self { ceiling: (0, 0), broken: LayerSet::NONE, broken_since: None, seen: None }
    }

    /// A keyframe of another source begins: the layers `target` of it are passed on.
    pub(crate) fn switch(&mut self, target: Layer) {
        self.ceiling = (target.spatial, target.temporal);
        self.broken = LayerSet::NONE;
        self.seen = None;
    }

    /// Decides about a packet that is newer than all before.
    #[inline]
    pub(crate) fn handle_packet(&mut self, target: Layer, packet: &Packet) -> Verdict {
        let scaling = &packet.scaling;
        let seen = self.seen;
        let is_new_picture = seen.is_none_or(|seen| seen.timestamp != packet.timestamp);
        if self.broken != LayerSet::NONE {
            self.broken = if packet.starts_keyframe == Some(true) {
                LayerSet::NONE
            } else {
                self.broken.mended(scaling.opens, scaling.given)
            };
        }
        let before = self.ceiling;
        if is_new_picture && before != (target.spatial, target.temporal) {
            self.approach(target);
        }
        let (spatial, temporal) = self.ceiling;
        let passes = scaling.needed.contains(spatial, temporal);
        if !passes {
            self.broken = self.broken.with(scaling.needed);
        }
        let is_all_omitted = scaling.temporal > temporal;
        let fills_gap = seen.is_some_and(|seen| seen.is_missing_with(packet, is_all_omitted));
        self.seen = Some(Seen {
            sequence: packet.sequence,
            timestamp: packet.timestamp,
            picture_id: scaling.picture_id,
            ends_frame: packet.ends_frame,
            is_rest_omitted: !passes || is_end(packet, spatial),
        });
        Verdict { passes, fills_gap, is_new_picture, has_changed: before != self.ceiling }
    }

    /// Returns the highest spatial and temporal layers that are passed on.
    #[inline]
    pub(crate) fn ceiling(&self) -> (u8, u8) {
        self.ceiling
    }

    /// Returns whether a packet has come of the source that is as new as this one.
    #[inline]
    pub(crate) fn has_seen(&self, packet: &Packet) -> bool {
        self.seen.is_some_and(|seen| packet.sequence <= seen.sequence)
    }

    /// Returns whether layers of the source were left out since its last keyframe.
    pub(crate) fn has_left_out(&self) -> bool {
        self.broken != LayerSet::NONE
    }

    /// Returns whether a keyframe is needed to pass on those of the layers `target` that there are.
    pub(crate) fn lacks(&mut self, target: Layer, ladder: &Ladder, now: Instant) -> bool {
        let Some(Layer { spatial, temporal, .. }) = ladder.top(target).map(|rung| rung.layer)
        else {
            return false;
        };
        if !self.broken.contains(spatial, temporal) {
            self.broken_since = None;
            return false;
        }
        // A temporal layer can be taken up at more frames than keyframes.
        let since = *self.broken_since.get_or_insert(now);
        self.broken.contains(spatial, 0) || now.saturating_duration_since(since) >= MENDING_PATIENCE
    }

    /// Changes to those of the layers `target` of which nothing is missing: fewer at once, more where
    /// nothing that they need was left out.
    fn approach(&mut self, target: Layer) {
        let spatial = (0..=target.spatial).rev();
        let mut pairs = spatial.flat_map(|s| (0..=target.temporal).rev().map(move |t| (s, t)));
        if let Some(ceiling) = pairs.find(|(s, t)| !self.broken.contains(*s, *t)) {
            self.ceiling = ceiling;
        }
    }
}

impl Seen {
    /// Returns whether the packets between this one and a newer one, if any, are of what is left out.
    /// `omitted` tells that the whole picture of the newer one is.
    fn is_missing_with(&self, packet: &Packet, omitted: bool) -> bool {
        let scaling = &packet.scaling;
        let next = self.picture_id.map(|id| id.wrapping_add(1));
        if packet.sequence == self.sequence + 1 {
            false
        } else if self.timestamp == packet.timestamp {
            self.is_rest_omitted
        } else {
            next.is_some()
                && scaling.picture_id == next
                && (self.ends_frame || self.is_rest_omitted)
                && (scaling.starts_picture || omitted)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use crate::ladder::Rung;
    use crate::scaling::Scaling;

    /// The pattern of two temporal layers, of which every fourth frame of the upper one lets in.
    fn layered(index: u64) -> Packet {
        let temporal = (index % 2) as u8;
        let lets_in = index % 8 == 1;
        let opens = if lets_in { LayerSet::of_temporal(1) } else { LayerSet::NONE };
        let needed = LayerSet::temporal_from(temporal);
        Packet {
            sequence: 1_000 + index,
            timestamp: index as u32 * 3_000,
            ends_frame: true,
            marker: true,
            starts_keyframe: Some(index == 0),
            scaling: Scaling { temporal, needed, opens, ..Scaling::NONE },
            ..Packet::for_tests()
        }
    }

    const BASE: Layer = Layer::base(0);
    const WHOLE: Layer = Layer::whole(0);

    /// Returns which of these frames pass.
    fn passed(
        gate: &mut LayerGate,
        target: Layer,
        frames: impl IntoIterator<Item = u64>,
    ) -> Vec<u64> {
        let passes = |index: &u64| gate.handle_packet(target, &layered(*index)).passes;
        frames.into_iter().filter(passes).collect()
    }

    #[test]
    fn a_layer_is_dropped_at_once_and_taken_up_where_it_lets_in() {
        let mut gate = LayerGate::new();
        gate.switch(WHOLE);
        assert_eq!(passed(&mut gate, WHOLE, 0..4), [0, 1, 2, 3]);
        assert!(!gate.has_left_out());
        assert_eq!(passed(&mut gate, BASE, 4..8), [4, 6]);
        assert!(gate.has_left_out());
        assert_eq!(passed(&mut gate, WHOLE, 8..12), [8, 9, 10, 11], "9 lets in");

        let mut gate = LayerGate::new();
        gate.switch(BASE);
        assert_eq!(passed(&mut gate, BASE, 0..10), [0, 2, 4, 6, 8]);
        let after = passed(&mut gate, WHOLE, 10..20);
        assert_eq!(after, [10, 12, 14, 16, 17, 18, 19], "11, 13 and 15 do not");
    }

    #[test]
    fn layers_change_with_the_next_picture() {
        let mut gate = LayerGate::new();
        gate.switch(WHOLE);
        passed(&mut gate, WHOLE, 0..1);
        let first = Packet { ends_frame: false, marker: false, ..layered(1) };
        assert!(gate.handle_packet(WHOLE, &first).passes);
        let rest = Packet { sequence: first.sequence + 1, ..layered(1) };
        let verdict = gate.handle_packet(BASE, &rest);
        assert!(verdict.passes && !verdict.has_changed, "the picture has begun");
        let next = Packet { sequence: first.sequence + 2, ..layered(2) };
        assert!(gate.handle_packet(BASE, &next).has_changed);
        assert_eq!(gate.ceiling(), (0, 0));
    }

    #[test]
    fn a_keyframe_is_needed_where_nothing_lets_in_for_long() {
        let mut ladder = Ladder::new(1);
        let rung = |temporal| Rung { layer: Layer { temporal, ..BASE }, bitrate: 100_000 };
        ladder.replace(vec![rung(0), rung(1)]);
        let mut gate = LayerGate::new();
        gate.switch(BASE);
        let now = galene_testkit::epoch();
        assert!(!gate.lacks(WHOLE, &ladder, now), "nothing was left out");
        passed(&mut gate, BASE, 0..4);
        assert!(!gate.lacks(BASE, &ladder, now), "nobody wants it");
        assert!(!gate.lacks(WHOLE, &ladder, now), "a frame may let in soon");
        assert!(gate.lacks(WHOLE, &ladder, now + MENDING_PATIENCE));
        passed(&mut gate, WHOLE, 8..10);
        assert!(!gate.lacks(WHOLE, &ladder, now + MENDING_PATIENCE), "9 lets in");
    }
}
