//! The mark that each packet of a browser stand-in carries at the end of its payload.
//!
//! It says where the packet comes from and which packet of which frame it is, so that a receiver
//! notices everything that is lost, repeated, altered or led astray. It stands at the end, where no
//! forwarder has anything to rewrite. In front of it stand filler bytes that follow from the mark.

use std::fmt;
use std::sync::OnceLock;
use std::time::Duration;

/// Where a packet comes from and what it is part of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    /// The track, by the number that the test gave it.
    pub stream: u32,
    /// Which of the track's simulcast encodings, 0 being the largest.
    pub encoding: u8,
    /// The number of the frame within its encoding, from 0. A packet of audio is a frame.
    pub frame: u32,
    /// The number of the packet within its frame, from 0.
    pub packet: u16,
    /// How many packets the frame has, as far as the spatial layer of this packet.
    pub packets: u16,
    /// Whether the frame is a keyframe.
    pub is_keyframe: bool,
    /// Whether the packet carries a copy of the sound before it (Opus in-band FEC).
    pub has_fec: bool,
    /// The spatial layer of the packet.
    pub spatial: u8,
    /// The temporal layer of the frame.
    pub temporal: u8,
    /// Whether the packet can be the first of its frame that is received: it begins the frame, or a
    /// spatial layer that is not built upon the lower ones.
    pub can_begin: bool,
    /// Whether the frame has no higher spatial layer.
    pub is_top: bool,
    /// How many frames back the one is that this one refers to; 0 for a keyframe.
    pub reference: u8,
    /// The RTP timestamp with which the publisher sent it.
    pub timestamp: u32,
    /// When the frame was captured, since the [`epoch`](crate::epoch).
    pub captured: Duration,
}

/// Why a payload is not what a browser stand-in sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StampError {
    /// The bytes before the stamp are not those that belong to it.
    Altered(Stamp),
    /// There is no stamp at the end of the payload.
    Missing,
}

const MAGIC: u32 = 0x67_61_6c_65;

/// The size of a stamp in bytes.
pub(crate) const STAMP_LEN: usize = 40;

impl Stamp {
    /// Appends filler and stamp to the beginning of a payload, so that the payload has `len` bytes, or
    /// as few as are possible if that is too short.
    pub(crate) fn append(&self, payload: &mut Vec<u8>, len: usize) {
        let filler_len = len.saturating_sub(payload.len() + STAMP_LEN).min(MAX_FILLER);
        payload.extend_from_slice(self.filler(filler_len));
        let start = payload.len();
        payload.extend_from_slice(&MAGIC.to_be_bytes());
        payload.extend_from_slice(&self.stream.to_be_bytes());
        let flags =
            u8::from(self.is_keyframe) | u8::from(self.is_top) << 1 | u8::from(self.has_fec) << 6;
        let flags = flags | u8::from(self.can_begin) << 7;
        payload.extend_from_slice(&[self.encoding, flags | self.temporal << 2 | self.spatial << 4]);
        let filler_len = u16::try_from(filler_len).expect("at most MAX_FILLER");
        let reference = u16::from(self.reference) << FILLER_BITS;
        payload.extend_from_slice(&(filler_len | reference).to_be_bytes());
        payload.extend_from_slice(&self.frame.to_be_bytes());
        payload.extend_from_slice(&self.packet.to_be_bytes());
        payload.extend_from_slice(&self.packets.to_be_bytes());
        payload.extend_from_slice(&self.timestamp.to_be_bytes());
        let nanos = u64::try_from(self.captured.as_nanos()).expect("a test is shorter than eons");
        payload.extend_from_slice(&nanos.to_be_bytes());
        let check = checksum(&payload[start..]);
        payload.extend_from_slice(&check.to_be_bytes());
    }

    /// Reads the stamp of a payload and checks that the payload is whole.
    ///
    /// # Errors
    ///
    /// [`StampError`] if the payload is not one that a stand-in sent.
    pub fn read(payload: &[u8]) -> Result<Self, StampError> {
        let (body, stamp) = payload.split_last_chunk::<STAMP_LEN>().ok_or(StampError::Missing)?;
        let (fields, check) = stamp.split_last_chunk::<8>().ok_or(StampError::Missing)?;
        let u16_at = |at: usize| u16::from_be_bytes([fields[at], fields[at + 1]]);
        let u32_at = |at: usize| (u32::from(u16_at(at)) << 16) | u32::from(u16_at(at + 2));
        let u64_at = |at: usize| (u64::from(u32_at(at)) << 32) | u64::from(u32_at(at + 4));
        if u32_at(0) != MAGIC || u64::from_be_bytes(*check) != checksum(fields) {
            return Err(StampError::Missing);
        }
        let stamp = Self {
            stream: u32_at(4),
            encoding: fields[8],
            is_keyframe: fields[9] & 1 != 0,
            is_top: fields[9] & 2 != 0,
            can_begin: fields[9] & 0x80 != 0,
            temporal: fields[9] >> 2 & 3,
            spatial: fields[9] >> 4 & 3,
            reference: fields[10] >> (FILLER_BITS - 8),
            has_fec: fields[9] >> 6 & 1 != 0,
            frame: u32_at(12),
            packet: u16_at(16),
            packets: u16_at(18),
            timestamp: u32_at(20),
            captured: Duration::from_nanos(u64_at(24)),
        };
        let filler = stamp.filler((u16_at(10) & ((1 << FILLER_BITS) - 1)).into());
        if body.ends_with(filler) { Ok(stamp) } else { Err(StampError::Altered(stamp)) }
    }

    /// Returns whether both stamps come from the same encoding of the same track.
    pub fn has_source_of(&self, other: &Self) -> bool {
        (self.stream, self.encoding) == (other.stream, other.encoding)
    }

    /// Returns whether this is the last packet of its frame, or of the frame's part up to its spatial
    /// layer.
    pub fn is_last(&self) -> bool {
        self.packet + 1 >= self.packets
    }

    /// Returns the bytes that belong in front of the stamp: a piece of a long random text, from a place
    /// that the stamp determines.
    fn filler(&self, len: usize) -> &'static [u8] {
        static TEXT: OnceLock<Vec<u8>> = OnceLock::new();
        let text = TEXT.get_or_init(|| {
            let mut rng = fastrand::Rng::with_seed(MAGIC.into());
            std::iter::repeat_with(|| rng.u8(..)).take(PLACES + MAX_FILLER).collect()
        });
        let place = u64::from(self.stream)
            .wrapping_mul(0x9e37_79b9)
            .wrapping_add(u64::from(self.frame).wrapping_mul(0x85eb_ca6b))
            .wrapping_add(u64::from(self.packet).wrapping_mul(257))
            .wrapping_add(u64::from(self.encoding).wrapping_mul(1021));
        let start = usize::try_from(place % PLACES as u64).expect("less than PLACES");
        &text[start..start + len.min(MAX_FILLER)]
    }
}

/// From so many places the filler can be cut.
const PLACES: usize = 8192;

/// The length of the filler takes so many bits of its field, the reference the others.
const FILLER_BITS: u32 = 11;

/// No payload of a packet that fits into an Ethernet frame has more filler.
const MAX_FILLER: usize = 1500;

/// FNV-1a; the stamp is short.
fn checksum(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

impl fmt::Display for Stamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { stream, encoding, frame, packet, packets, .. } = self;
        let kind = if self.is_keyframe { "keyframe" } else { "frame" };
        write!(f, "packet {packet}/{packets} of {kind} {frame} of stream {stream}.{encoding}")
    }
}

impl fmt::Display for StampError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Altered(stamp) => write!(f, "the payload of {stamp} was altered"),
            Self::Missing => f.write_str("the payload carries no stamp"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_survives_the_way_and_a_rewritten_beginning() {
        let mut payload = vec![1, 2, 3, 4];
        STAMP.append(&mut payload, 1000);
        assert_eq!(payload.len(), 1000);
        assert_eq!(Stamp::read(&payload), Ok(STAMP));
        payload[2] = 77;
        assert_eq!(Stamp::read(&payload), Ok(STAMP));
    }

    #[test]
    fn each_altered_byte_is_noticed() {
        let mut payload = vec![1, 2, 3, 4];
        STAMP.append(&mut payload, 200);
        for i in 4..payload.len() {
            payload[i] ^= 1;
            assert!(Stamp::read(&payload).is_err(), "byte {i}");
            payload[i] ^= 1;
        }
        assert_eq!(Stamp::read(&payload[..199]), Err(StampError::Missing));
        assert_eq!(Stamp::read(&[]), Err(StampError::Missing));
    }

    #[test]
    fn the_filler_of_another_packet_does_not_pass() {
        let (mut one, mut other) = (Vec::new(), Vec::new());
        STAMP.append(&mut one, 200);
        let stamp = Stamp { packet: 3, ..STAMP };
        stamp.append(&mut other, 200);
        one[..160].copy_from_slice(&other[..160]);
        assert_eq!(Stamp::read(&one), Err(StampError::Altered(STAMP)));
    }

    const STAMP: Stamp = Stamp {
        stream: 17,
        encoding: 1,
        frame: 70_000,
        packet: 2,
        packets: 5,
        is_keyframe: true,
        has_fec: false,
        spatial: 2,
        temporal: 1,
        is_top: true,
        can_begin: true,
        reference: 15,
        timestamp: 0xfedc_ba98,
        captured: Duration::from_nanos(123_456_789),
    };
}
