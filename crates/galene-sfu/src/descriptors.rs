//! The dependency descriptor of AV1 on its way through (RTP Payload Format for AV1, appendix A).
//!
//! The engine does not know it and hands it over as it is. It is read once, to see who needs the packet,
//! and passed on to whoever negotiated it.

use std::sync::Arc;

use galene_rtp::{DependencyDescriptor, DependencyStructure};
use str0m::rtp::{Extension, ExtensionSerializer, ExtensionValues};

use crate::Layer;
use crate::scaling::{LayerSet, Scaling};

const URI: &str =
    "https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension";

/// The number under which we offer it.
pub(crate) const EXTENSION_ID: u8 = 12;

/// Longer ones do not fit into an element of a header extension (RFC 8285 §4.3).
const MAX_BYTES: usize = 255;

/// The value of the header extension.
#[derive(Debug, Clone)]
pub(crate) struct RawDescriptor(pub(crate) Arc<[u8]>);

/// Returns the header extension, as the engine negotiates it.
pub(crate) fn extension() -> Extension {
    Extension::with_serializer(URI, Opaque)
}

/// Moves the value in and out of the engine.
#[derive(Debug)]
struct Opaque;

impl ExtensionSerializer for Opaque {
    fn write_to(&self, buf: &mut [u8], values: &ExtensionValues) -> usize {
        let Some(RawDescriptor(value)) = values.user_values.get::<RawDescriptor>() else {
            return 0;
        };
        match buf.get_mut(..value.len()) {
            Some(room) if value.len() <= MAX_BYTES => room.copy_from_slice(value),
            _ => return 0,
        }
        value.len()
    }

    fn parse_value(&self, buf: &[u8], values: &mut ExtensionValues) -> bool {
        values.user_values.set(RawDescriptor(Arc::from(buf)));
        true
    }

    fn is_video(&self) -> bool {
        true
    }

    fn is_audio(&self) -> bool {
        false
    }

    fn requires_two_byte_form(&self, values: &ExtensionValues) -> bool {
        let value = values.user_values.get::<RawDescriptor>();
        value.is_some_and(|RawDescriptor(value)| !(1..=16).contains(&value.len()))
    }
}

/// A descriptor as one subscriber gets it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OutgoingDescriptor<'a> {
    pub(crate) value: &'a Arc<[u8]>,
    /// What is added to the number of the frame, so that the numbers go on where the source changes.
    pub(crate) shift: u16,
}

impl OutgoingDescriptor<'_> {
    /// Writes the value with its own number into `room`, if there is room for it.
    pub(crate) fn write<'r>(&self, room: &'r mut [u8; MAX_BYTES]) -> Option<&'r [u8]> {
        let room = room.get_mut(..self.value.len())?;
        room.copy_from_slice(self.value);
        if let Some(number) = room.get_mut(1..3) {
            let shifted = frame_number(self.value)?.wrapping_add(self.shift);
            number.copy_from_slice(&shifted.to_be_bytes());
        }
        Some(room)
    }

    /// Returns the same for the engine.
    pub(crate) fn to_values(self) -> ExtensionValues {
        let mut values = ExtensionValues::default();
        let mut room = [0; MAX_BYTES];
        if let Some(value) = self.write(&mut room) {
            values.user_values.set(RawDescriptor(Arc::from(value)));
        }
        values
    }
}

/// Room for a descriptor.
pub(crate) const ROOM: [u8; MAX_BYTES] = [0; MAX_BYTES];

/// Returns the number of the frame that a packet belongs to.
pub(crate) fn frame_number(value: &[u8]) -> Option<u16> {
    let [_, high, low, ..] = value else {
        return None;
    };
    Some(u16::from_be_bytes([*high, *low]))
}

/// Reads the descriptors of one encoding, which build upon each other.
#[derive(Debug, Default)]
pub(crate) struct DescriptorReader {
    structure: Option<Box<DependencyStructure>>,
    /// The decode target of whoever is sent these layers and those below: four pairs of each spatial
    /// layer.
    targets: [u8; PAIRS],
}

const TEMPORAL: usize = Layer::MAX_TEMPORAL as usize + 1;
const PAIRS: usize = (Layer::MAX_SPATIAL as usize + 1) * TEMPORAL;

impl DescriptorReader {
    /// Reads the descriptor of a packet; `None` if it cannot be read, and everybody had better be sent
    /// the packet.
    pub(crate) fn read(&mut self, value: &[u8]) -> Option<Scaling> {
        let descriptor = DependencyDescriptor::parse(value, self.structure.as_deref()).ok()?;
        if let Some(structure) = descriptor.structure {
            self.structure = Some(structure);
        }
        if let (Some(active), Some(structure)) = (descriptor.active, &self.structure) {
            self.targets = targets_of(structure, active);
        }
        let who = |targets: u32| {
            let pairs = self.targets.iter().enumerate();
            let of = pairs.filter(|(_, target)| targets & 1 << **target != 0);
            of.fold(LayerSet::NONE, |set, (at, _)| {
                set.with(LayerSet::one((at / TEMPORAL) as u8, (at % TEMPORAL) as u8))
            })
        };
        Some(Scaling {
            spatial: descriptor.spatial.min(Layer::MAX_SPATIAL),
            temporal: descriptor.temporal.min(Layer::MAX_TEMPORAL),
            needed: who(descriptor.present),
            opens: who(descriptor.switches),
            ends_layer: descriptor.ends_frame,
            ..Scaling::NONE
        })
    }

    /// Forgets the structure: another encoder follows.
    pub(crate) fn reset(&mut self) {
        *self = Self::default();
    }
}

/// Returns the best of the active decode targets for each pair of layers, or else the least of them.
fn targets_of(structure: &DependencyStructure, active: u32) -> [u8; PAIRS] {
    let active = (0..structure.targets()).filter(|target| active & 1 << target != 0);
    let mut targets: Vec<_> = active.map(|target| (structure.layers_of(target), target)).collect();
    targets.sort_unstable();
    std::array::from_fn(|at| {
        let (spatial, temporal) = (at / TEMPORAL, at % TEMPORAL);
        // The highest layers that are told apart stand for all above them.
        let is_within = |layer: u8, limit: usize, max: u8| {
            limit == usize::from(max) || usize::from(layer) <= limit
        };
        let fits = targets.iter().rev().find(|((s, t), _)| {
            is_within(*s, spatial, Layer::MAX_SPATIAL)
                && is_within(*t, temporal, Layer::MAX_TEMPORAL)
        });
        fits.or(targets.first()).map_or(0, |(_, target)| *target)
    })
}
