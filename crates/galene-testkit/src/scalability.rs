//! How an encoder divides pictures into layers.

/// What browsers call a scalability mode (W3C "Scalable Video Coding (SVC) Extension for WebRTC").
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scalability {
    /// How many sizes each picture is sent in, every one built upon the smaller ones.
    pub(crate) spatial: u8,
    /// How many frame rates there are, from 1 to 3.
    pub(crate) temporal: u8,
    /// A larger size is built upon the smaller ones in keyframes alone.
    pub(crate) is_key_only: bool,
}

/// Where a picture stands in the pattern of an encoder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Position {
    pub(crate) temporal: u8,
    /// How many pictures back the one is that it refers to; 0 for a keyframe. What that one refers to it
    /// may need too, and nothing else.
    pub(crate) reference: u8,
    /// It refers to the lowest temporal layer alone (VP8's Y).
    pub(crate) is_sync: bool,
    /// No later picture of a higher temporal layer refers to what came before it in such a layer (VP9's
    /// U).
    pub(crate) is_up_switch: bool,
}

/// So many times the pattern repeats before the middle temporal layer lets receivers in again.
const SYNC_CYCLES: u32 = 4;

impl Scalability {
    /// One layer.
    pub const L1T1: Self = Self { spatial: 1, temporal: 1, is_key_only: false };
    /// Two temporal layers.
    pub const L1T2: Self = Self { temporal: 2, ..Self::L1T1 };
    /// Three temporal layers.
    pub const L1T3: Self = Self { temporal: 3, ..Self::L1T1 };
    /// Three spatial layers and three temporal ones.
    pub const L3T3: Self = Self { spatial: 3, ..Self::L1T3 };
    /// The same; the larger sizes are built upon the smaller ones in keyframes alone.
    pub const L3T3_KEY: Self = Self { is_key_only: true, ..Self::L3T3 };

    /// Returns the place of the picture that comes so many after the last keyframe.
    pub(crate) fn position(self, since_keyframe: u32) -> Position {
        let cycle_len = match self.temporal {
            1 => 1,
            2 => 2,
            _ => 4,
        };
        let (cycle, within) = (since_keyframe / cycle_len, since_keyframe % cycle_len);
        let lets_in = cycle % SYNC_CYCLES == 0;
        let middle = if lets_in { cycle_len / 2 } else { cycle_len };
        let (temporal, reference, is_sync, is_up_switch) = match (self.temporal, within) {
            (1, _) => (0, 1, false, true),
            (_, 0) => (0, cycle_len, false, lets_in),
            (2, _) | (3, 2) => (1, middle, lets_in, true),
            (_, 1) => (2, 1, true, true),
            _ => (2, 1, false, false),
        };
        let is_keyframe = since_keyframe == 0;
        let reference = if is_keyframe { 0 } else { u8::try_from(reference).expect("at most 4") };
        Position { temporal, reference, is_sync, is_up_switch: is_up_switch || is_keyframe }
    }

    /// Returns which share of a picture's bytes a spatial layer has, in per cent.
    pub(crate) fn share(self, spatial: u8) -> usize {
        match (self.spatial, spatial) {
            (1, _) => 100,
            (2, 0) => 30,
            (2, _) => 70,
            (_, 0) => 15,
            (_, 1) => 30,
            _ => 55,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_picture_refers_to_one_of_its_own_temporal_layer_or_a_lower_one() {
        for mode in [Scalability::L1T1, Scalability::L1T2, Scalability::L1T3] {
            for at in 1..100 {
                let Position { temporal, reference, is_sync, .. } = mode.position(at);
                assert!(reference > 0);
                let referred = mode.position(at - u32::from(reference)).temporal;
                assert!(referred <= temporal);
                assert!(!is_sync || referred == 0);
            }
        }
    }

    #[test]
    fn half_of_the_pictures_are_of_the_highest_of_several_temporal_layers() {
        let count = |mode: Scalability, temporal| {
            (0..100).filter(|at| mode.position(*at).temporal == temporal).count()
        };
        assert_eq!([0, 1, 2].map(|t| count(Scalability::L1T3, t)), [25, 25, 50]);
        assert_eq!([0, 1].map(|t| count(Scalability::L1T2, t)), [50, 50]);
    }
}
