//! Reading bytes from the front of a slice.

/// Why a payload could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseError {
    /// A descriptor refers to a structure that is not known.
    #[error("the descriptor refers to a structure that is not known")]
    NoStructure,
    /// A number takes more bytes or bits than the format allows.
    #[error("a number is longer than its format allows")]
    NumberTooLong,
    /// The payload holds more copies of older sound than are read.
    #[error("the payload holds too many copies of older sound")]
    TooManyCopies,
    /// The descriptor names more reference pictures than the format allows.
    #[error("the descriptor names too many reference pictures")]
    TooManyReferences,
    /// The payload ends before what it announces.
    #[error("the payload is cut short")]
    Truncated,
}

/// What is left of a payload.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(crate) fn u8(&mut self) -> Result<u8, ParseError> {
        let (&first, rest) = self.rest.split_first().ok_or(ParseError::Truncated)?;
        self.rest = rest;
        Ok(first)
    }

    pub(crate) fn u16(&mut self) -> Result<u16, ParseError> {
        Ok(u16::from_be_bytes([self.u8()?, self.u8()?]))
    }

    pub(crate) fn bytes(&mut self, count: usize) -> Result<&'a [u8], ParseError> {
        let (bytes, rest) = self.rest.split_at_checked(count).ok_or(ParseError::Truncated)?;
        self.rest = rest;
        Ok(bytes)
    }

    /// Takes whatever is left.
    pub(crate) fn remaining(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.rest)
    }

    pub(crate) fn len(&self) -> usize {
        self.rest.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }
}
