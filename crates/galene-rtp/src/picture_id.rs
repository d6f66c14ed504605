//! The running number of a picture, as VP8 and VP9 descriptors write it.

/// Set in the first byte of a PictureID of two bytes.
const LONG: u8 = 0x80;

/// A PictureID of 7 or 15 bits (RFC 7741 §4.2, RFC 9628 §4.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PictureId {
    value: u16,
    is_long: bool,
}

impl PictureId {
    /// Returns the number.
    pub fn value(self) -> u16 {
        self.value
    }

    /// Returns whether the number has 15 bits and not 7.
    pub fn is_long(self) -> bool {
        self.is_long
    }

    /// Returns the number that is `count` pictures later, in the same number of bits.
    #[must_use]
    pub fn wrapping_add(self, count: u16) -> Self {
        Self { value: self.value.wrapping_add(count) & self.mask(), ..self }
    }

    /// Returns whether the number is `other` or later, counted in as many bits as it has itself: less
    /// than half of them ahead.
    pub fn is_at_or_after(self, other: Self) -> bool {
        let ahead = self.value.wrapping_sub(other.value) & self.mask();
        ahead <= self.mask() / 2
    }

    fn mask(self) -> u16 {
        if self.is_long { 0x7fff } else { 0x7f }
    }

    /// Returns how many bytes a PictureID takes that starts with `first`.
    pub(crate) fn encoded_len(first: u8) -> usize {
        if first & LONG != 0 { 2 } else { 1 }
    }

    /// Reads a PictureID; `second` counts only if `first` says so.
    pub(crate) fn from_bytes(first: u8, second: u8) -> Self {
        if first & LONG != 0 {
            Self { value: u16::from_be_bytes([first & !LONG, second]), is_long: true }
        } else {
            Self { value: u16::from(first), is_long: false }
        }
    }

    /// Overwrites the start of `bytes`, where there must be room for it.
    pub(crate) fn write_to(self, bytes: &mut [u8]) {
        let [high, low] = self.value.to_be_bytes();
        if self.is_long {
            bytes[..2].copy_from_slice(&[high | LONG, low]);
        } else {
            bytes[0] = low;
        }
    }
}
