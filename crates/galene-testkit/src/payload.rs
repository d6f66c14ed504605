//! RTP payloads as browsers make them: real descriptors and headers in front, filler behind.

use crate::codec::{Codec, MediaKind};
use crate::descriptor;
use crate::scalability::{Position, Scalability};
use crate::stamp::{STAMP_LEN, Stamp};

/// A frame to be cut into packets.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Frame {
    pub(crate) codec: Codec,
    /// Of the frame's first packet, with `packets` not yet set.
    pub(crate) stamp: Stamp,
    pub(crate) size: usize,
    /// VP8's and VP9's PictureID; only 15 bits are used.
    pub(crate) picture_id: u16,
    /// The layers of its stream, if there are several.
    pub(crate) layers: Option<Layers>,
}

/// What a payload descriptor says of layers, besides what is in the stamp.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Layers {
    pub(crate) mode: Scalability,
    pub(crate) position: Position,
    pub(crate) tl0_pic_idx: u8,
    /// The number of the picture's lowest spatial layer in dependency descriptors.
    pub(crate) first_frame: u16,
}

/// A packet of a frame.
#[derive(Debug)]
pub(crate) struct Packet {
    pub(crate) payload: Vec<u8>,
    /// The dependency descriptor that goes with AV1.
    pub(crate) descriptor: Option<Vec<u8>>,
}

/// What a VP8 payload says about itself (RFC 7741 §4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Vp8 {
    /// The packet begins a frame: S is set and PID is 0.
    pub(crate) starts_frame: bool,
    /// The frame header, in the first packet, says keyframe.
    pub(crate) is_keyframe: bool,
    /// The PictureID and its size in bits.
    pub(crate) picture_id: Option<(u16, u8)>,
}

/// With RTP header and extensions, the two bytes of RTX and the tag of SRTP, a packet of this payload
/// stays below the 1,200 bytes that browsers allow a datagram.
const MAX_PAYLOAD: usize = 1_110;

impl Frame {
    /// Returns the frame's packets. The sizes of their payloads differ by a byte at most, the later ones
    /// being the longer ones, as browsers split frames.
    pub(crate) fn packets(&self) -> Vec<Packet> {
        // The longest header that we put in front (H.264's parameter sets).
        const MAX_PREFIX: usize = 40;
        let mode = self.layers.map_or(Scalability::L1T1, |layers| layers.mode);
        let mut payloads = Vec::new();
        for spatial in 0..mode.spatial {
            let size = self.size * mode.share(spatial) / 100;
            let count = match self.codec.kind() {
                MediaKind::Audio => 1,
                MediaKind::Video => size.div_ceil(MAX_PAYLOAD).max(1),
            };
            let first = u16::try_from(payloads.len()).expect("few packets");
            let count_16 = u16::try_from(count).expect("a frame has far fewer than 65536 packets");
            for packet in 0..count_16 {
                let is_longer = usize::from(count_16 - 1 - packet) < size % count;
                let len = size / count + usize::from(is_longer);
                let len = len.clamp(MAX_PREFIX + STAMP_LEN, MAX_PAYLOAD);
                let (packet, packets) = (first + packet, first + count_16);
                let is_top = spatial + 1 == mode.spatial;
                let is_alone = spatial == 0 || (mode.is_key_only && !self.stamp.is_keyframe);
                let can_begin = packet == first && is_alone;
                let stamp = Stamp { packet, packets, spatial, is_top, can_begin, ..self.stamp };
                let mut payload = self.prefix(&stamp, packet == first, len);
                stamp.append(&mut payload, len);
                let descriptor = self.layers.filter(|_| self.codec == Codec::Av1).map(|layers| {
                    let number = layers.first_frame.wrapping_add(spatial.into());
                    let Layers { mode, position, .. } = layers;
                    descriptor::write(mode, position, number, &stamp, packet == first)
                });
                payloads.push(Packet { payload, descriptor });
            }
        }
        payloads
    }

    /// Returns what stands in front of the filler of a packet of `len` bytes.
    ///
    /// `is_first` tells that it begins its spatial layer.
    fn prefix(&self, stamp: &Stamp, is_first: bool, len: usize) -> Vec<u8> {
        let id = self.picture_id & 0x7fff;
        let [id_high, id_low] = id.to_be_bytes();
        match self.codec {
            // A TOC byte: wideband speech in frames of 20 ms, two channels.
            Codec::Opus => vec![0x4c],
            Codec::G722 | Codec::Pcma | Codec::Pcmu => Vec::new(),
            Codec::Vp8 => {
                let start = if is_first { 0x10 } else { 0 };
                let mut prefix = vec![0x80 | start, 0x80, 0x80 | id_high, id_low];
                if let Some(Layers { position, tl0_pic_idx, .. }) = self.layers {
                    prefix[1] |= 0x60;
                    let sync = if position.is_sync { 0x20 } else { 0 };
                    prefix.extend([tl0_pic_idx, position.temporal << 6 | sync]);
                }
                match (is_first, stamp.is_keyframe) {
                    // RFC 6386 §9.1: frame tag, start code, 640 by 360.
                    (true, true) => {
                        prefix.extend([0x10, 0x02, 0x00, 0x9d, 0x01, 0x2a, 0x80, 0x02, 0x68, 0x01])
                    }
                    (true, false) => prefix.extend([0x31, 0x02, 0x00]),
                    (false, _) => {}
                }
                prefix
            }
            Codec::Vp9 => {
                let inter = if stamp.is_keyframe { 0 } else { 0x40 };
                let start = if is_first { 0x08 } else { 0 };
                let end = if stamp.is_last() { 0x04 } else { 0 };
                let is_key = stamp.is_keyframe && stamp.spatial == 0;
                let structure = if is_first && is_key { 0x02 } else { 0 };
                let mut prefix =
                    vec![0x80 | inter | start | end | structure, 0x80 | id_high, id_low];
                if let Some(Layers { mode, position, tl0_pic_idx, .. }) = self.layers {
                    let depends = stamp.spatial > 0 && (stamp.is_keyframe || !mode.is_key_only);
                    let alone = stamp.is_top || (mode.is_key_only && !stamp.is_keyframe);
                    prefix[0] |= 0x20 | u8::from(alone);
                    let up = if position.is_up_switch { 0x10 } else { 0 };
                    prefix.extend([
                        position.temporal << 5 | up | stamp.spatial << 1 | u8::from(depends),
                        tl0_pic_idx,
                    ]);
                }
                if structure != 0 {
                    // Each spatial layer is half as wide and high as the next; the largest is 640 by
                    // 360 (RFC 9628 §4.2.1).
                    let layers = self.layers.map_or(1, |layers| layers.mode.spatial);
                    prefix.push((layers - 1) << 5 | 0x10);
                    for below in (0..layers).rev() {
                        prefix.extend((640_u16 >> below).to_be_bytes());
                        prefix.extend((360_u16 >> below).to_be_bytes());
                    }
                }
                match (is_first, is_key) {
                    (true, true) => prefix.extend([0x82, 0x49, 0x83, 0x42, 0x00]),
                    (true, false) => prefix.extend([0x86, 0x00]),
                    (false, _) => {}
                }
                prefix
            }
            Codec::H264 => h264_prefix(stamp, len),
            Codec::Av1 => {
                let continued = if is_first { 0 } else { 0x80 };
                let continues = if stamp.is_last() { 0 } else { 0x40 };
                match (is_first, stamp.is_keyframe) {
                    // A new coded video sequence: its header, then the frame (W=2, N=1).
                    (true, true) if stamp.spatial == 0 => {
                        vec![continues | 0x28, 0x05, 0x08, 0x00, 0x00, 0x00, 0x24, 0x30, 0x10]
                    }
                    (true, _) => vec![continues | 0x10, 0x30, 0x30],
                    (false, _) => vec![continued | continues | 0x10],
                }
            }
        }
    }
}

/// RFC 6184: parameter sets travel with the beginning of each keyframe in a STAP-A.
fn h264_prefix(stamp: &Stamp, len: usize) -> Vec<u8> {
    const SPS: [u8; 9] = [0x67, 0x42, 0xe0, 0x1f, 0x8c, 0x8d, 0x40, 0x50, 0x17];
    const PPS: [u8; 4] = [0x68, 0xce, 0x3c, 0x80];
    const IDR: u8 = 5;
    const SEI: u8 = 6;
    const SLICE: u8 = 1;
    const FU_A: u8 = 28;
    const NRI: u8 = 0x60;

    if stamp.is_keyframe && stamp.packet == 0 {
        let mut prefix = vec![NRI | 24];
        for set in [SPS.as_slice(), PPS.as_slice()] {
            prefix.extend(u16::try_from(set.len()).expect("a few bytes").to_be_bytes());
            prefix.extend(set);
        }
        let rest = len - prefix.len() - 2;
        prefix.extend(u16::try_from(rest).expect("less than a packet").to_be_bytes());
        prefix.push(if stamp.packets == 1 { NRI | IDR } else { SEI });
        return prefix;
    }
    let nal_type = if stamp.is_keyframe { IDR } else { SLICE };
    let first = u16::from(stamp.is_keyframe);
    let start = if stamp.packet == first { 0x80 } else { 0 };
    let end = if stamp.is_last() { 0x40 } else { 0 };
    if start != 0 && end != 0 {
        // A fragment must not be both first and last (RFC 6184 §5.8).
        return vec![NRI | nal_type];
    }
    vec![NRI | FU_A, start | end | nal_type]
}

impl Vp8 {
    /// Reads a payload; `None` if it is too short for what it announces.
    pub(crate) fn read(payload: &[u8]) -> Option<Self> {
        let (&first, mut rest) = payload.split_first()?;
        let mut picture_id = None;
        if first & 0x80 != 0 {
            let (&extension, after) = rest.split_first()?;
            rest = after;
            if extension & 0x80 != 0 {
                let (&high, after) = rest.split_first()?;
                rest = after;
                picture_id = Some((u16::from(high & 0x7f), 7));
                if high & 0x80 != 0 {
                    let (&low, after) = rest.split_first()?;
                    rest = after;
                    picture_id = Some((u16::from_be_bytes([high & 0x7f, low]), 15));
                }
            }
            let has_tl0picidx = extension & 0x40 != 0;
            let has_tid_or_keyidx = extension & 0x30 != 0;
            rest = rest.get(usize::from(has_tl0picidx) + usize::from(has_tid_or_keyidx)..)?;
        }
        let starts_frame = first & 0x10 != 0 && first & 0x07 == 0;
        let is_keyframe = starts_frame && rest.first()? & 1 == 0;
        Some(Self { starts_frame, is_keyframe, picture_id })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use str0m::format;

    use super::*;

    #[test]
    fn the_payloads_of_a_frame_carry_its_stamps_and_fit_into_datagrams() {
        for codec in Codec::ALL {
            for (size, is_keyframe) in [(90, true), (90, false), (30_000, true), (5_000, false)] {
                let packets = payloads(codec, is_keyframe, size);
                for (i, payload) in packets.iter().enumerate() {
                    let stamp = Stamp::read(payload).expect("freshly stamped");
                    assert_eq!(usize::from(stamp.packet), i);
                    assert_eq!(usize::from(stamp.packets), packets.len());
                    assert!(payload.len() <= MAX_PAYLOAD, "{codec}: {}", payload.len());
                }
            }
        }
    }

    #[test]
    fn the_engine_sees_keyframes_where_they_are() {
        for (codec, detect) in [
            (Codec::Vp8, format::detect_vp8_keyframe as fn(&[u8]) -> bool),
            (Codec::Vp9, format::detect_vp9_keyframe),
            (Codec::H264, format::detect_h264_keyframe),
            (Codec::Av1, format::detect_av1_keyframe),
        ] {
            for size in [90, 5_000] {
                let keyframe = payloads(codec, true, size);
                // In H.264 the engine looks for the picture, which may follow the parameter sets.
                let seen = keyframe.iter().position(|p| detect(p));
                let is_there = seen == Some(0) || (codec == Codec::H264 && seen == Some(1));
                assert!(is_there, "{codec} keyframe of {size} bytes");
                let other = payloads(codec, false, size);
                assert!(other.iter().all(|p| !detect(p)), "{codec} frame of {size} bytes");
            }
        }
    }

    #[test]
    fn vp8_descriptors_say_what_was_written() {
        let packets = payloads(Codec::Vp8, true, 3_000);
        let picture_id = Some((0x1234, 15));
        let first = Vp8 { starts_frame: true, is_keyframe: true, picture_id };
        let later = Vp8 { starts_frame: false, is_keyframe: false, picture_id };
        let read: Vec<_> = packets.iter().map(|p| Vp8::read(p)).collect();
        assert_eq!(read, [Some(first), Some(later), Some(later)]);
        assert_eq!(Vp8::read(&[0x90, 0x80, 0x80]), None);
        assert_eq!(Vp8::read(&[]), None);
    }

    fn payloads(codec: Codec, is_keyframe: bool, size: usize) -> Vec<Vec<u8>> {
        frame(codec, is_keyframe, size).packets().into_iter().map(|p| p.payload).collect()
    }

    fn frame(codec: Codec, is_keyframe: bool, size: usize) -> Frame {
        let stamp = Stamp {
            stream: 1,
            encoding: 0,
            frame: 9,
            packet: 0,
            packets: 0,
            is_keyframe,
            has_fec: false,
            spatial: 0,
            temporal: 0,
            is_top: true,
            can_begin: true,
            reference: u8::from(!is_keyframe),
            timestamp: 900_000,
            captured: Duration::from_secs(10),
        };
        Frame { codec, stamp, size, picture_id: 0x1234, layers: None }
    }
}
