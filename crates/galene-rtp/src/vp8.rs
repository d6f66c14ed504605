//! The descriptor before each piece of a VP8 frame (RFC 7741 §4.2).

use crate::{ParseError, PictureId, Vp8Shift};

/// The longest descriptor: two fixed bytes, two of PictureID, TL0PICIDX, and TID with KEYIDX.
const MAX_LEN: usize = 6;

// The first byte.
const EXTENDED: u8 = 0x80;
const NON_REFERENCE: u8 = 0x20;
const PARTITION_START: u8 = 0x10;
const PARTITION_INDEX: u8 = 0x07;
// The second byte, which says what follows.
const HAS_PICTURE_ID: u8 = 0x80;
const HAS_TL0_PIC_IDX: u8 = 0x40;
const HAS_TID: u8 = 0x20;
const HAS_KEY_IDX: u8 = 0x10;

/// A payload descriptor, as a copy of its bytes that is known to be whole.
///
/// It is small enough to be kept per packet and subscriber: a packet that needs other numbers than
/// its publisher gave it is sent with the bytes of [`shifted`](Self::shifted) in place of its own
/// first [`len`](Self::len) bytes. Both have the same length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Vp8Descriptor {
    bytes: [u8; MAX_LEN],
    len: u8,
}

impl Vp8Descriptor {
    /// Reads the descriptor at the start of an RTP payload.
    ///
    /// # Errors
    ///
    /// [`ParseError::Truncated`] if the payload ends inside the descriptor.
    pub fn parse(payload: &[u8]) -> Result<Self, ParseError> {
        let byte = |at: usize| payload.get(at).copied().ok_or(ParseError::Truncated);
        let mut len = 1;
        if byte(0)? & EXTENDED != 0 {
            let present = byte(1)?;
            len += 1;
            if present & HAS_PICTURE_ID != 0 {
                len += PictureId::encoded_len(byte(len)?);
            }
            if present & HAS_TL0_PIC_IDX != 0 {
                len += 1;
            }
            if present & (HAS_TID | HAS_KEY_IDX) != 0 {
                len += 1;
            }
        }
        let descriptor = payload.get(..len).ok_or(ParseError::Truncated)?;
        let mut bytes = [0; MAX_LEN];
        bytes[..len].copy_from_slice(descriptor);
        Ok(Self { bytes, len: len as u8 })
    }

    /// Returns the descriptor with `shift` added to its PictureID and its TL0PICIDX, each modulo what
    /// its field can hold (2^7 or 2^15, and 2^8). Fields that are absent stay absent.
    #[must_use]
    pub fn shifted(mut self, shift: Vp8Shift) -> Self {
        if let Some(id) = self.picture_id() {
            id.wrapping_add(shift.picture_id).write_to(&mut self.bytes[2..]);
        }
        if let Some(at) = self.tl0_pic_idx_at() {
            self.bytes[at] = self.bytes[at].wrapping_add(shift.tl0_pic_idx);
        }
        self
    }

    /// Overwrites the descriptor at the start of `payload`, which must be the one that was parsed
    /// there or one shifted from it.
    ///
    /// # Panics
    ///
    /// If `payload` is shorter than the descriptor.
    pub fn write_to(&self, payload: &mut [u8]) {
        payload[..self.len()].copy_from_slice(self.as_bytes());
    }

    /// Returns the descriptor as it stands in the payload.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.len()]
    }

    /// Returns how many bytes of the payload the descriptor takes.
    #[expect(clippy::len_without_is_empty, reason = "a descriptor has at least one byte")]
    pub fn len(&self) -> usize {
        usize::from(self.len)
    }

    /// Returns whether the packet starts a frame (S is set and PID is 0).
    pub fn starts_frame(&self) -> bool {
        self.starts_partition() && self.partition_index() == 0
    }

    /// Returns whether the payload starts a new partition of the frame (S).
    pub fn starts_partition(&self) -> bool {
        self.bytes[0] & PARTITION_START != 0
    }

    /// Returns to which partition the first byte of the payload belongs (PID).
    pub fn partition_index(&self) -> u8 {
        self.bytes[0] & PARTITION_INDEX
    }

    /// Returns whether no other frame refers to this one, so that it can be dropped alone (N).
    pub fn is_non_reference(&self) -> bool {
        self.bytes[0] & NON_REFERENCE != 0
    }

    /// Returns the PictureID.
    pub fn picture_id(&self) -> Option<PictureId> {
        self.has(HAS_PICTURE_ID).then(|| PictureId::from_bytes(self.bytes[2], self.bytes[3]))
    }

    /// Returns the running number of the frame of temporal layer 0 on which this one depends, or
    /// which it is (TL0PICIDX).
    pub fn tl0_pic_idx(&self) -> Option<u8> {
        self.tl0_pic_idx_at().map(|at| self.bytes[at])
    }

    /// Returns the temporal layer (TID), from 0 to 3.
    pub fn tid(&self) -> Option<u8> {
        self.has(HAS_TID).then(|| self.last() >> 6)
    }

    /// Returns whether the frame depends on temporal layer 0 alone, so that a receiver can begin to
    /// be sent its layer here (Y).
    pub fn is_layer_sync(&self) -> bool {
        self.has(HAS_TID) && self.last() & 0x20 != 0
    }

    /// Returns the running number of the keyframe on which this frame depends (KEYIDX), from 0 to
    /// 31.
    pub fn key_idx(&self) -> Option<u8> {
        self.has(HAS_KEY_IDX).then(|| self.last() & 0x1f)
    }

    fn has(&self, field: u8) -> bool {
        self.bytes[0] & EXTENDED != 0 && self.bytes[1] & field != 0
    }

    fn tl0_pic_idx_at(&self) -> Option<usize> {
        let picture_id =
            if self.has(HAS_PICTURE_ID) { PictureId::encoded_len(self.bytes[2]) } else { 0 };
        self.has(HAS_TL0_PIC_IDX).then_some(2 + picture_id)
    }

    /// TID, Y and KEYIDX share the last byte of a descriptor that has any of them.
    fn last(&self) -> u8 {
        self.bytes[self.len() - 1]
    }
}

/// Returns whether the packet starts a keyframe: it starts a frame, and the frame header's inverse
/// key frame flag is 0 (RFC 7741 §4.3).
pub(crate) fn starts_keyframe(payload: &[u8]) -> Result<bool, ParseError> {
    let descriptor = Vp8Descriptor::parse(payload)?;
    if !descriptor.starts_frame() {
        return Ok(false);
    }
    let header = payload.get(descriptor.len()).ok_or(ParseError::Truncated)?;
    Ok(header & 0x01 == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A descriptor with every field: X, N and S set, PID 5; PictureID 0x1234, TL0PICIDX 0x56,
    /// TID 2, Y, KEYIDX 0x15.
    const FULL: [u8; 6] = [0xb5, 0xf0, 0x92, 0x34, 0x56, 0xb5];

    #[test]
    fn every_field_of_a_full_descriptor_is_read() {
        let descriptor = Vp8Descriptor::parse(&FULL).unwrap();
        assert_eq!(descriptor.len(), 6);
        assert!(descriptor.is_non_reference());
        assert!(descriptor.starts_partition());
        assert!(!descriptor.starts_frame());
        assert_eq!(descriptor.partition_index(), 5);
        assert_eq!(descriptor.picture_id().map(PictureId::value), Some(0x1234));
        assert_eq!(descriptor.tl0_pic_idx(), Some(0x56));
        assert_eq!(descriptor.tid(), Some(2));
        assert!(descriptor.is_layer_sync());
        assert_eq!(descriptor.key_idx(), Some(0x15));
    }

    #[test]
    fn absent_fields_are_absent() {
        let minimal = Vp8Descriptor::parse(&[0x10, 0xff, 0xff, 0xff]).unwrap();
        assert_eq!(minimal.len(), 1);
        assert!(minimal.starts_frame());
        assert_eq!(minimal.picture_id(), None);
        assert_eq!(minimal.tl0_pic_idx(), None);
        assert_eq!(minimal.tid(), None);
        assert!(!minimal.is_layer_sync());
        assert_eq!(minimal.key_idx(), None);

        let only_key_idx = Vp8Descriptor::parse(&[0x80, 0x10, 0xff]).unwrap();
        assert_eq!((only_key_idx.tid(), only_key_idx.key_idx()), (None, Some(0x1f)));
        assert!(!only_key_idx.is_layer_sync());
    }

    #[test]
    fn a_short_picture_id_moves_what_follows() {
        let descriptor = Vp8Descriptor::parse(&[0x80, 0xc0, 0x7f, 0x09, 0xff]).unwrap();
        assert_eq!(descriptor.len(), 4);
        assert_eq!(descriptor.picture_id().map(PictureId::value), Some(0x7f));
        assert_eq!(descriptor.tl0_pic_idx(), Some(9));
    }

    #[test]
    fn every_truncation_is_an_error() {
        for len in 0..FULL.len() {
            assert_eq!(Vp8Descriptor::parse(&FULL[..len]), Err(ParseError::Truncated), "{len}");
        }
    }

    #[test]
    fn shifting_wraps_within_each_field_and_touches_nothing_else() {
        let shift = |picture_id, tl0_pic_idx| Vp8Shift { picture_id, tl0_pic_idx };
        let full = Vp8Descriptor::parse(&FULL).unwrap();
        let back = full.shifted(shift(0_u16.wrapping_sub(0x1235), 0xaa));
        assert_eq!(back.as_bytes(), [0xb5, 0xf0, 0xff, 0xff, 0x00, 0xb5]);
        assert_eq!(back.shifted(shift(0x1235, 0x56)), full);

        let short = Vp8Descriptor::parse(&[0x90, 0x80, 0x7f]).unwrap();
        assert_eq!(short.shifted(shift(2, 7)).as_bytes(), [0x90, 0x80, 0x01]);

        let minimal = Vp8Descriptor::parse(&[0x10]).unwrap();
        assert_eq!(minimal.shifted(shift(1, 1)), minimal);
    }

    #[test]
    fn a_shifted_descriptor_is_written_over_its_origin() {
        let mut payload = [0x90, 0x80, 0x05, 0x00, 0x99];
        let descriptor = Vp8Descriptor::parse(&payload).unwrap();
        descriptor.shifted(Vp8Shift { picture_id: 1, tl0_pic_idx: 0 }).write_to(&mut payload);
        assert_eq!(payload, [0x90, 0x80, 0x06, 0x00, 0x99]);
    }

    #[test]
    fn a_keyframe_starts_where_the_inverse_key_flag_is_clear() {
        assert_eq!(starts_keyframe(&[0x10, 0x50, 0x9d]), Ok(true));
        assert_eq!(starts_keyframe(&[0x10, 0x51]), Ok(false));
        assert_eq!(starts_keyframe(&[0x00, 0x50]), Ok(false), "S is clear");
        assert_eq!(starts_keyframe(&[0x11, 0x50]), Ok(false), "partition 1");
        assert_eq!(starts_keyframe(&[0x10]), Err(ParseError::Truncated));
        assert_eq!(starts_keyframe(&[0x90, 0x80, 0x92, 0x34, 0x50]), Ok(true));
    }
}
