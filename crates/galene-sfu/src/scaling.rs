//! Where a packet stands among the layers of its encoding.

use galene_rtp::{Codec, PictureId, Vp8Descriptor, Vp9Descriptor};

use crate::Layer;

const TEMPORAL: u8 = Layer::MAX_TEMPORAL + 1;

/// A set of pairs of a spatial and a temporal layer. Each pair stands for a subscriber who is sent these
/// layers and those below them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct LayerSet(u16);

impl LayerSet {
    pub(crate) const ALL: Self = Self(u16::MAX);
    pub(crate) const NONE: Self = Self(0);

    /// Returns everybody who is sent this layer.
    pub(crate) fn from(spatial: u8, temporal: u8) -> Self {
        let spatial = spatial.min(Layer::MAX_SPATIAL);
        let mut set = Self::NONE;
        for s in spatial..=Layer::MAX_SPATIAL {
            set.0 |= Self::temporal_from(temporal).0 & Self::of_spatial(s).0;
        }
        set
    }

    /// Returns those with this temporal layer or a higher one, whatever spatial layers they have.
    pub(crate) fn temporal_from(temporal: u8) -> Self {
        let temporal = temporal.min(Layer::MAX_TEMPORAL);
        // The pairs of a spatial layer are neighbours, the one with the lowest temporal layer first.
        let row = (1_u16 << TEMPORAL) - (1 << temporal);
        Self(row | row << TEMPORAL | row << (2 * TEMPORAL) | row << (3 * TEMPORAL))
    }

    /// Returns those with this temporal layer, whatever spatial layers they have.
    pub(crate) fn of_temporal(temporal: u8) -> Self {
        let temporal = temporal.min(Layer::MAX_TEMPORAL);
        Self(0x1111 << temporal)
    }

    /// Returns those with this spatial layer, whatever temporal layers they have.
    fn of_spatial(spatial: u8) -> Self {
        Self(((1 << TEMPORAL) - 1) << (spatial * TEMPORAL))
    }

    pub(crate) fn contains(self, spatial: u8, temporal: u8) -> bool {
        let spatial = spatial.min(Layer::MAX_SPATIAL);
        self.0 & (1 << (spatial * TEMPORAL + temporal.min(Layer::MAX_TEMPORAL))) != 0
    }

    #[must_use]
    pub(crate) fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Takes out those pairs of `opened` whose spatial layer is not in it with the temporal layer `given`:
    /// who has that can take up the others now.
    #[must_use]
    pub(crate) fn mended(self, opened: Self, given: u8) -> Self {
        let mut set = self;
        for spatial in 0..=Layer::MAX_SPATIAL {
            if !self.contains(spatial, given) {
                set.0 &= !(opened.0 & Self::of_spatial(spatial).0);
            }
        }
        set
    }
}

/// What must be known of a packet to forward some of the layers of its encoding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Scaling {
    pub(crate) spatial: u8,
    pub(crate) temporal: u8,
    /// Who needs it.
    pub(crate) needed: LayerSet,
    /// Who can be sent all of their layers from this frame on, whatever was left out before, if they have
    /// been sent all as far as the temporal layer `given`.
    pub(crate) opens: LayerSet,
    pub(crate) given: u8,
    /// Whether it is the last of its spatial layer in this picture.
    pub(crate) ends_layer: bool,
    /// Whether it is the first of its picture.
    pub(crate) starts_picture: bool,
    /// The running number of its picture.
    pub(crate) picture_id: Option<PictureId>,
}

impl Scaling {
    /// Everybody needs it.
    pub(crate) const NONE: Self = Self {
        spatial: 0,
        temporal: 0,
        needed: LayerSet::ALL,
        opens: LayerSet::NONE,
        given: 0,
        ends_layer: false,
        starts_picture: false,
        picture_id: None,
    };

    /// Reads what the payload says. Of H.264 and sound it says nothing; of AV1 a header extension does.
    pub(crate) fn of(codec: Codec, payload: &[u8], vp8: Option<&Vp8Descriptor>) -> Self {
        match codec {
            Codec::Vp8 => vp8.map_or(Self::NONE, Self::of_vp8),
            Codec::Vp9 => Vp9Descriptor::parse(payload).map_or(Self::NONE, |d| Self::of_vp9(&d)),
            Codec::Av1 | Codec::G722 | Codec::H264 | Codec::Opus | Codec::Pcma | Codec::Pcmu => {
                Self::NONE
            }
        }
    }

    fn of_vp8(descriptor: &Vp8Descriptor) -> Self {
        let temporal = descriptor.tid().unwrap_or(0);
        let needed = LayerSet::temporal_from(temporal);
        let (opens, given) = match temporal.checked_sub(1) {
            // The frame refers to the lowest layer alone, and so do later ones of its own layer to it, to
            // each other and to what lies below (RFC 7741 §4.2, Y).
            Some(below) if descriptor.is_layer_sync() => (LayerSet::of_temporal(temporal), below),
            _ => (LayerSet::NONE, 0),
        };
        let (starts_picture, picture_id) = (descriptor.starts_frame(), descriptor.picture_id());
        Self { temporal, needed, opens, given, starts_picture, picture_id, ..Self::NONE }
    }

    /// Lower spatial layers are needed with higher ones even where these do not refer to them (Z), for an
    /// encoder may stop sending the higher ones at any time.
    fn of_vp9(descriptor: &Vp9Descriptor) -> Self {
        let Some(layer) = descriptor.layer else {
            return Self::NONE;
        };
        let opens = if layer.is_switching_up_point {
            // Later pictures of higher temporal layers do not refer to what came before this one in such
            // layers (RFC 9628 §4.2, U).
            LayerSet::temporal_from(layer.tid + 1)
        } else {
            LayerSet::NONE
        };
        Self {
            spatial: layer.sid.min(Layer::MAX_SPATIAL),
            temporal: layer.tid.min(Layer::MAX_TEMPORAL),
            needed: LayerSet::from(layer.sid, layer.tid),
            opens: if layer.tid < Layer::MAX_TEMPORAL { opens } else { LayerSet::NONE },
            given: layer.tid,
            ends_layer: descriptor.ends_frame,
            starts_picture: descriptor.starts_frame && layer.sid == 0,
            picture_id: descriptor.picture_id,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_layer_is_needed_by_whoever_has_it_or_a_higher_one() {
        let set = LayerSet::from(1, 2);
        for spatial in 0..4 {
            for temporal in 0..4 {
                let expected = spatial >= 1 && temporal >= 2;
                assert_eq!(set.contains(spatial, temporal), expected, "{spatial} {temporal}");
            }
        }
        assert_eq!(LayerSet::from(0, 0), LayerSet::ALL);
        assert!(LayerSet::from(9, 9).contains(3, 3) && !LayerSet::from(9, 9).contains(2, 3));
        assert!(LayerSet::of_temporal(1).contains(2, 1));
        assert!(!LayerSet::of_temporal(1).contains(2, 2));
    }

    #[test]
    fn what_is_broken_is_mended_where_its_base_is_whole() {
        let broken = LayerSet::from(0, 1).with(LayerSet::from(2, 0));
        let mended = broken.mended(LayerSet::temporal_from(1), 0);
        assert!(!mended.contains(0, 1) && !mended.contains(1, 3));
        assert!(mended.contains(2, 0) && mended.contains(2, 1), "its base is broken too");
    }

    #[test]
    fn a_vp8_frame_of_a_higher_layer_lets_in_where_it_says_so() {
        // X, S; I, L, T: 15-bit PictureID 1, TL0PICIDX 2, TID 1 with Y, then without.
        let sync = [0x90, 0xe0, 0x80, 0x01, 0x02, 0x60, 0x01];
        let scaling = of(Codec::Vp8, &sync);
        assert_eq!((scaling.temporal, scaling.given), (1, 0));
        assert_eq!(scaling.opens, LayerSet::of_temporal(1));
        assert!(!scaling.needed.contains(0, 0) && scaling.needed.contains(0, 1));
        let other = [0x90, 0xe0, 0x80, 0x01, 0x02, 0x40, 0x01];
        assert_eq!(of(Codec::Vp8, &other).opens, LayerSet::NONE);
        let plain = Scaling { starts_picture: true, ..Scaling::NONE };
        assert_eq!(of(Codec::Vp8, &[0x10, 0x01]), plain);
    }

    #[test]
    fn a_vp9_packet_tells_its_layers_and_where_its_layer_ends() {
        // I, L, B; TID 1, U, SID 2, D.
        let first = of(Codec::Vp9, &[0xa8, 0x81, 0x02, 0x35, 0x07]);
        assert_eq!((first.spatial, first.temporal, first.ends_layer), (2, 1, false));
        assert_eq!((first.opens, first.given), (LayerSet::temporal_from(2), 1));
        // I, L, E; TID 0, SID 1.
        let last = of(Codec::Vp9, &[0xa4, 0x81, 0x02, 0x02, 0x07]);
        assert!(last.ends_layer && last.opens == LayerSet::NONE);
        assert!(last.needed.contains(1, 0) && !last.needed.contains(0, 3));
    }

    fn of(codec: Codec, payload: &[u8]) -> Scaling {
        let vp8 = Vp8Descriptor::parse(payload).ok().filter(|_| codec == Codec::Vp8);
        Scaling::of(codec, payload, vp8.as_ref())
    }
}
