//! Redundant audio data: a packet of sound that carries those before it once more (RFC 2198).

use crate::ParseError;
use crate::parse::Reader;

/// A payload of redundant audio: the packet's own sound, and copies of some before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RedPayload<'a> {
    copies: [RedBlock<'a>; MAX_COPIES],
    len: usize,
    primary: RedBlock<'a>,
}

/// The sound of one packet within a [`RedPayload`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RedBlock<'a> {
    /// In which payload type it would be sent by itself.
    pub payload_type: u8,
    /// By how many ticks of the RTP clock it is older than the packet; 0 for the packet's own sound.
    pub age: u16,
    /// The payload that it would have by itself.
    pub payload: &'a [u8],
}

/// Browsers send one copy, and nine if they are told to; a packet of nothing but headers could hold
/// hundreds.
const MAX_COPIES: usize = 9;

impl<'a> RedPayload<'a> {
    /// How many copies are read from a packet.
    pub const MAX_COPIES: usize = MAX_COPIES;

    /// The oldest copy that the field of 14 bits can tell of, in ticks: a third of a second of Opus.
    pub const MAX_AGE: u16 = 0x3fff;

    /// The longest copy that the field of 10 bits can tell of, in bytes.
    pub const MAX_COPY_BYTES: usize = 0x3ff;

    /// Reads a payload (RFC 2198 §3).
    ///
    /// # Errors
    ///
    /// [`ParseError::Truncated`] if it ends too early, [`ParseError::TooManyCopies`] if there are more
    /// than [`MAX_COPIES`](Self::MAX_COPIES).
    pub fn parse(payload: &'a [u8]) -> Result<Self, ParseError> {
        let mut reader = Reader::new(payload);
        let mut lengths = [0; MAX_COPIES];
        let mut copies = [RedBlock::default(); MAX_COPIES];
        let mut len = 0;
        let payload_type = loop {
            let first = reader.u8()?;
            if first & FOLLOWED == 0 {
                break first;
            }
            let copy = copies.get_mut(len).ok_or(ParseError::TooManyCopies)?;
            let [high, low] = reader.u16()?.to_be_bytes();
            *copy = RedBlock {
                payload_type: first & !FOLLOWED,
                age: u16::from(high) << 6 | u16::from(low >> 2),
                payload: &[],
            };
            lengths[len] = usize::from(low & 3) << 8 | usize::from(reader.u8()?);
            len += 1;
        };
        for (copy, length) in copies.iter_mut().zip(lengths).take(len) {
            copy.payload = reader.bytes(length)?;
        }
        let primary = RedBlock { payload_type, age: 0, payload: reader.remaining() };
        Ok(Self { copies, len, primary })
    }

    /// Returns the packet's own sound.
    pub fn primary(&self) -> RedBlock<'a> {
        self.primary
    }

    /// Returns the copies in the order in which they stand there: the oldest first.
    pub fn copies(&self) -> &[RedBlock<'a>] {
        &self.copies[..self.len]
    }
}

/// Says in the first byte of a header that another one follows.
const FOLLOWED: u8 = 0x80;

/// How many bytes the header of a copy takes.
const COPY_HEADER_BYTES: usize = 4;

impl<'a> RedBlock<'a> {
    /// Returns a copy, if it can be told how old and how long it is.
    pub fn copy(payload_type: u8, age_ticks: u32, payload: &'a [u8]) -> Option<Self> {
        let age = u16::try_from(age_ticks).ok()?;
        let is_tellable = (1..=RedPayload::MAX_AGE).contains(&age)
            && payload.len() <= RedPayload::MAX_COPY_BYTES
            && !payload.is_empty();
        is_tellable.then_some(Self { payload_type, age, payload })
    }

    /// Returns how many bytes the block adds to a payload, as a copy.
    pub fn bytes_as_copy(&self) -> usize {
        COPY_HEADER_BYTES + self.payload.len()
    }

    /// Appends a payload with these copies, the oldest first, to `out`. The first block is the packet's
    /// own sound; the copies are made by [`copy`](Self::copy).
    pub fn write_with(
        &self,
        copies: impl DoubleEndedIterator<Item = RedBlock<'a>> + Clone,
        out: &mut Vec<u8>,
    ) {
        for copy in copies.clone() {
            let length = copy.payload.len() as u16 & 0x3ff;
            let [high, low] = (copy.age << 2 | length >> 8).to_be_bytes();
            out.extend_from_slice(&[FOLLOWED | copy.payload_type, high, low, length as u8]);
        }
        out.push(self.payload_type & !FOLLOWED);
        copies.for_each(|copy| out.extend_from_slice(copy.payload));
        out.extend_from_slice(self.payload);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const OWN: RedBlock<'_> = RedBlock { payload_type: 111, age: 0, payload: b"now" };

    fn written(copies: &[RedBlock<'_>]) -> Vec<u8> {
        let mut out = Vec::new();
        OWN.write_with(copies.iter().copied(), &mut out);
        out
    }

    #[test]
    fn what_is_written_is_read_again() {
        let long = [7; RedPayload::MAX_COPY_BYTES];
        let oldest = RedBlock::copy(111, 0x3fff, &long).expect("as large as the fields allow");
        let newer = RedBlock::copy(111, 960, b"before").expect("a copy");
        let bytes = written(&[oldest, newer]);
        assert_eq!(bytes.len(), oldest.bytes_as_copy() + newer.bytes_as_copy() + 1 + 3);
        let read = RedPayload::parse(&bytes).expect("redundant audio");
        assert_eq!(read.copies(), [oldest, newer]);
        assert_eq!(read.primary(), OWN);
    }

    #[test]
    fn the_layout_is_that_of_rfc_2198() {
        let copy = RedBlock::copy(111, 960, &[9, 8]).expect("a copy");
        let expected = [0x80 | 111, 0x0f, 0x00, 0x02, 111, 9, 8, b'n', b'o', b'w'];
        assert_eq!(written(&[copy]), expected);
        assert_eq!(written(&[]), [111, b'n', b'o', b'w']);
    }

    #[test]
    fn what_its_fields_cannot_tell_is_no_copy() {
        assert_eq!(RedBlock::copy(111, 0x4000, b"x"), None);
        assert_eq!(RedBlock::copy(111, 0, b"x"), None);
        assert_eq!(RedBlock::copy(111, 960, &[0; 1024]), None);
        assert_eq!(RedBlock::copy(111, 960, &[]), None);
    }

    #[test]
    fn payloads_that_end_early_or_hold_too_much_are_refused() {
        let copy = RedBlock::copy(111, 960, b"before").expect("a copy");
        let whole = written(&[copy]);
        for len in 0..whole.len() - OWN.payload.len() {
            assert_eq!(RedPayload::parse(&whole[..len]), Err(ParseError::Truncated), "{len}");
        }
        let most = written(&[copy; RedPayload::MAX_COPIES]);
        assert!(RedPayload::parse(&most).is_ok());
        let more = written(&[copy; RedPayload::MAX_COPIES + 1]);
        assert_eq!(RedPayload::parse(&more), Err(ParseError::TooManyCopies));
    }

    proptest! {
        #[test]
        fn any_bytes_are_an_error_or_add_up(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            if let Ok(read) = RedPayload::parse(&bytes) {
                let copies = read.copies().iter().map(RedBlock::bytes_as_copy).sum::<usize>();
                prop_assert_eq!(copies + 1 + read.primary().payload.len(), bytes.len());
            }
        }
    }
}
