//! Writes the dependency descriptor that goes with a stand-in's AV1 (RTP Payload Format for AV1,
//! appendix A).

use std::sync::Arc;

use str0m::rtp::{Extension, ExtensionSerializer, ExtensionValues};

use crate::scalability::{Position, Scalability};
use crate::stamp::Stamp;

const URI: &str =
    "https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension";

/// Chromium's number for it.
pub(crate) const EXTENSION_ID: u8 = 12;

/// The bytes of a descriptor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DescriptorValue(pub(crate) Arc<[u8]>);

pub(crate) fn extension() -> Extension {
    Extension::with_serializer(URI, Bytes)
}

#[derive(Debug)]
struct Bytes;

impl ExtensionSerializer for Bytes {
    fn write_to(&self, buf: &mut [u8], values: &ExtensionValues) -> usize {
        let Some(DescriptorValue(value)) = values.user_values.get() else { return 0 };
        buf[..value.len()].copy_from_slice(value);
        value.len()
    }

    fn parse_value(&self, buf: &[u8], values: &mut ExtensionValues) -> bool {
        values.user_values.set(DescriptorValue(buf.into()));
        true
    }

    fn is_video(&self) -> bool {
        true
    }

    fn is_audio(&self) -> bool {
        false
    }

    fn requires_two_byte_form(&self, values: &ExtensionValues) -> bool {
        values.user_values.get().is_some_and(|DescriptorValue(value)| value.len() > 16)
    }
}

/// Returns the descriptor of a packet. Each spatial layer of a picture is a frame with a number of its
/// own, and each pair of layers a decode target.
pub(crate) fn write(
    mode: Scalability,
    position: Position,
    frame_number: u16,
    stamp: &Stamp,
    starts_frame: bool,
) -> Vec<u8> {
    let mut bits = Bits::default();
    bits.put(u32::from(starts_frame), 1);
    bits.put(u32::from(stamp.is_last()), 1);
    bits.put(u32::from(stamp.spatial * mode.temporal + stamp.temporal), 6);
    bits.put(frame_number.into(), 16);
    let has_structure = stamp.is_keyframe && stamp.packet == 0;
    bits.put(u32::from(has_structure), 1);
    // Active targets, indications, references, chains.
    bits.put(0b0100, 4);
    let targets = || (0..mode.spatial).flat_map(|s| (0..mode.temporal).map(move |t| (s, t)));
    if has_structure {
        let count = u32::from(mode.spatial * mode.temporal);
        bits.put(0, 6);
        bits.put(count - 1, 5);
        for (spatial, temporal) in targets() {
            let next = match () {
                () if temporal + 1 < mode.temporal => 1,
                () if spatial + 1 < mode.spatial => 2,
                () => 3,
            };
            bits.put(next, 2);
        }
        for (spatial, temporal) in targets() {
            for (s, t) in targets() {
                let is_part = s >= spatial && t >= temporal;
                bits.put(if is_part { REQUIRED } else { NOT_PRESENT }, 2);
            }
        }
        targets().for_each(|_| bits.put(0, 1));
        // No chains, written as a number below `count + 1`, and no sizes.
        bits.put(0, u32::BITS - (count + 1).leading_zeros() - 1);
        bits.put(0, 1);
    }
    for target in targets() {
        bits.put(indication(mode, position, stamp, target), 2);
    }
    bits.bytes
}

const NOT_PRESENT: u32 = 0;
const DISCARDABLE: u32 = 1;
const SWITCH: u32 = 2;
const REQUIRED: u32 = 3;

fn indication(mode: Scalability, position: Position, stamp: &Stamp, target: (u8, u8)) -> u32 {
    let (spatial, temporal) = target;
    let lower_needed = stamp.is_keyframe || !mode.is_key_only;
    let is_part = spatial == stamp.spatial || (spatial > stamp.spatial && lower_needed);
    if !is_part || temporal < stamp.temporal {
        return NOT_PRESENT;
    }
    let lets_in = match stamp.temporal {
        0 => temporal == 0 || position.is_up_switch,
        1 => position.is_sync,
        _ => return DISCARDABLE,
    };
    if lets_in && (spatial == stamp.spatial || stamp.is_keyframe) { SWITCH } else { REQUIRED }
}

#[derive(Default)]
struct Bits {
    bytes: Vec<u8>,
    used: u32,
}

impl Bits {
    fn put(&mut self, value: u32, count: u32) {
        for bit in (0..count).rev() {
            if self.used.is_multiple_of(8) {
                self.bytes.push(0);
            }
            let last = self.bytes.last_mut().expect("just pushed");
            *last |= u8::from(value >> bit & 1 == 1) << (7 - self.used % 8);
            self.used += 1;
        }
    }
}
