//! A step of quality of a track.

use std::cmp::Reverse;

/// Some of what a publisher sends of a track: one simulcast encoding (RFC 8853), and of it all spatial
/// and temporal layers up to these (RFC 7741 §4.2, RFC 9628 §3).
///
/// Of two layers the better one is the greater: a larger encoding comes first, then more spatial layers,
/// then more temporal ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Layer {
    /// The place of the encoding in the publisher's `a=simulcast`, where 0 is the largest; 0 without
    /// simulcast.
    pub encoding: usize,
    /// The highest spatial layer, from 0 to [`MAX_SPATIAL`](Self::MAX_SPATIAL).
    pub spatial: u8,
    /// The highest temporal layer, from 0 to [`MAX_TEMPORAL`](Self::MAX_TEMPORAL).
    pub temporal: u8,
}

impl Layer {
    /// The highest spatial layer that is told from others; higher ones are taken for it. Browsers send
    /// up to three of each kind.
    pub const MAX_SPATIAL: u8 = 3;

    /// The highest temporal layer that is told from others; higher ones are taken for it.
    pub const MAX_TEMPORAL: u8 = 3;

    /// Returns an encoding with all its layers, however many there are.
    pub const fn whole(encoding: usize) -> Self {
        Self { encoding, spatial: Self::MAX_SPATIAL, temporal: Self::MAX_TEMPORAL }
    }

    /// Returns an encoding with its lowest layers alone.
    pub const fn base(encoding: usize) -> Self {
        Self { encoding, spatial: 0, temporal: 0 }
    }

    /// Returns whether packets of these layers are part of it, given that they are of its encoding.
    pub const fn contains(self, spatial: u8, temporal: u8) -> bool {
        spatial <= self.spatial && temporal <= self.temporal
    }
}

impl Ord for Layer {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        let rank = |layer: &Self| (Reverse(layer.encoding), layer.spatial, layer.temporal);
        rank(self).cmp(&rank(other))
    }
}

impl PartialOrd for Layer {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_larger_encoding_is_better_whatever_layers_it_has() {
        assert!(Layer::base(0) > Layer::whole(1));
        let more_detail = Layer { encoding: 0, spatial: 1, temporal: 0 };
        let more_motion = Layer { encoding: 0, spatial: 0, temporal: 2 };
        assert!(more_detail > more_motion && more_motion > Layer::base(0));
    }

    #[test]
    fn a_layer_contains_those_below_it() {
        let layer = Layer { encoding: 0, spatial: 1, temporal: 2 };
        assert!(layer.contains(0, 0) && layer.contains(1, 2));
        assert!(!layer.contains(2, 0) && !layer.contains(0, 3));
    }
}
