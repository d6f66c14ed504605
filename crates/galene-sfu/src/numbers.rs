//! The numbers under which packets of changing sources are sent to one subscriber.

use galene_rtp::{Vp8Descriptor, Vp8Shift};

use crate::packet::Packet;

/// What stands in a forwarded packet in place of the publisher's numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Numbers {
    pub(crate) sequence: u64,
    pub(crate) timestamp: u32,
    pub(crate) marker: bool,
    /// The VP8 payload descriptor with numbers that go on, if they are not the publisher's own.
    pub(crate) vp8: Option<Vp8Descriptor>,
    /// What to add to the frame number of a dependency descriptor.
    pub(crate) frames: u16,
    /// Nothing of the packet is sent but these numbers: it is left out, but one was kept for it before it
    /// came. Without it the subscriber would ask for what it cannot have.
    pub(crate) is_vacant: bool,
}

impl Numbers {
    /// Returns the numbers of a packet that came after its number had been kept for it.
    pub(crate) fn late(packet: &Packet, sequence: u64, label: Label) -> Self {
        let is_vacant = !label.has_layers_of(packet);
        Self {
            sequence,
            timestamp: packet.timestamp.wrapping_add(label.timestamp_offset),
            marker: is_end(packet, label.spatial) && !is_vacant,
            vp8: shifted(packet, label.pictures).filter(|_| !is_vacant),
            frames: label.frames,
            is_vacant,
        }
    }
}

/// An encoding, as long as it comes under one SSRC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Source {
    pub(crate) encoding: usize,
    pub(crate) run: u32,
}

/// How packets of one source are rewritten, so that each can be found and rewritten again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Label {
    pub(crate) source: Source,
    pub(crate) timestamp_offset: u32,
    pub(crate) pictures: Vp8Shift,
    /// The highest spatial layer that is passed on, whose end is the end of the picture.
    pub(crate) spatial: u8,
    /// And the highest temporal layer.
    pub(crate) temporal: u8,
    /// What is added to the frame numbers of dependency descriptors.
    pub(crate) frames: u16,
}

/// A packet that was forwarded, as the publisher numbered it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Forwarded {
    pub(crate) encoding: usize,
    pub(crate) run: u32,
    pub(crate) sequence: u64,
    pub(crate) outgoing: u64,
    pub(crate) label: Label,
}

impl Forwarded {
    /// Returns the extended sequence number that it was sent under.
    pub(crate) fn outgoing(&self) -> u64 {
        self.outgoing
    }

    /// Returns the numbers under which the packet was sent.
    pub(crate) fn numbers(&self, packet: &Packet) -> Numbers {
        Numbers::late(packet, self.outgoing, self.label)
    }
}

impl Label {
    /// Returns whether a packet is of the layers that were passed on where this label holds.
    pub(crate) fn has_layers_of(self, packet: &Packet) -> bool {
        packet.scaling.needed.contains(self.spatial, self.temporal)
    }
}

/// Returns whether a packet is the last of its picture where spatial layers above this one are left out.
pub(crate) fn is_end(packet: &Packet, spatial: u8) -> bool {
    packet.marker || (packet.scaling.ends_layer && packet.scaling.spatial == spatial)
}

/// Returns the payload descriptor of a packet with numbers that go on, if they are not its own.
pub(crate) fn shifted(packet: &Packet, shift: Vp8Shift) -> Option<Vp8Descriptor> {
    packet.vp8.filter(|_| shift != Vp8Shift::default()).map(|d| d.shifted(shift))
}
