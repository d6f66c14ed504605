//! The elements of an AV1 packet (RTP Payload Format For AV1, version 1.0.0, §4).

use crate::ParseError;
use crate::parse::Reader;

// The aggregation header, §4.4.
const CONTINUES_ELEMENT: u8 = 0x80;
const ELEMENT_CONTINUES: u8 = 0x40;
const STARTS_SEQUENCE: u8 = 0x08;

// Kinds of OBU, AV1 bitstream specification §6.2.2.
const OBU_SEQUENCE_HEADER: u8 = 1;
const OBU_TEMPORAL_DELIMITER: u8 = 2;
const OBU_FRAME_HEADER: u8 = 3;
const OBU_FRAME: u8 = 6;

/// An RTP payload: an aggregation header and the elements after it.
///
/// Each element is an OBU, or a piece of one where the packet starts or ends inside it.
#[derive(Debug, Clone, Copy)]
pub struct Av1Payload<'a> {
    header: u8,
    elements: &'a [u8],
}

/// Goes through the elements of an [`Av1Payload`].
#[derive(Debug, Clone)]
pub struct Av1Elements<'a> {
    rest: Reader<'a>,
    /// How many elements are still to come; 0 if the header does not count them.
    counted: u8,
}

/// An OBU without its header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Av1Obu<'a> {
    /// What it is (obu_type).
    pub kind: u8,
    /// Its temporal and its spatial layer, if its header has them.
    pub layer: Option<(u8, u8)>,
    /// What follows the header.
    pub body: &'a [u8],
}

impl<'a> Av1Payload<'a> {
    /// Reads the aggregation header.
    ///
    /// # Errors
    ///
    /// [`ParseError::Truncated`] if the payload is empty.
    pub fn parse(payload: &'a [u8]) -> Result<Self, ParseError> {
        let (&header, elements) = payload.split_first().ok_or(ParseError::Truncated)?;
        Ok(Self { header, elements })
    }

    /// Returns whether the first element goes on with an OBU of the packet before (Z).
    pub fn continues_element(&self) -> bool {
        self.header & CONTINUES_ELEMENT != 0
    }

    /// Returns whether the last element goes on in the next packet (Y).
    pub fn last_element_continues(&self) -> bool {
        self.header & ELEMENT_CONTINUES != 0
    }

    /// Returns whether the packet is the first of a coded video sequence, which starts with a
    /// keyframe (N).
    pub fn starts_sequence(&self) -> bool {
        self.header & STARTS_SEQUENCE != 0
    }

    /// Goes through the elements.
    pub fn elements(&self) -> Av1Elements<'a> {
        Av1Elements { rest: Reader::new(self.elements), counted: self.header >> 4 & 0x03 }
    }
}

impl<'a> Iterator for Av1Elements<'a> {
    type Item = Result<&'a [u8], ParseError>;

    /// Returns the next element, or an error after which there is nothing more.
    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        if self.counted == 1 {
            // The last of a counted list has no length: it fills the packet.
            return Some(Ok(self.rest.remaining()));
        }
        self.counted = self.counted.saturating_sub(1);
        let element = read_leb128(&mut self.rest).and_then(|len| self.rest.bytes(len));
        if element.is_err() {
            self.rest.remaining();
        }
        Some(element)
    }
}

impl<'a> Av1Obu<'a> {
    /// Reads an element that is known to be the start of an OBU.
    ///
    /// # Errors
    ///
    /// [`ParseError::Truncated`] if the element ends inside the OBU header, and
    /// [`ParseError::NumberTooLong`] if the OBU's own size field does not end.
    pub fn parse(element: &'a [u8]) -> Result<Self, ParseError> {
        let mut reader = Reader::new(element);
        let header = reader.u8()?;
        let layer = if header & 0x04 != 0 {
            let extension = reader.u8()?;
            Some((extension >> 5, extension >> 3 & 0x03))
        } else {
            None
        };
        let body = if header & 0x02 != 0 {
            // Packetisers should leave the size out, so most OBUs do not get here.
            let size = read_leb128(&mut reader)?;
            let rest = reader.remaining();
            rest.get(..size).unwrap_or(rest)
        } else {
            reader.remaining()
        };
        Ok(Self { kind: header >> 3 & 0x0f, layer, body })
    }
}

/// Returns whether the packet starts a keyframe, or `None` if the frame header that would tell is not
/// in it.
///
/// A keyframe starts in the first packet of a coded video sequence, with a sequence header before it.
pub(crate) fn starts_keyframe(payload: &[u8]) -> Result<Option<bool>, ParseError> {
    let payload = Av1Payload::parse(payload)?;
    if payload.continues_element() || !payload.starts_sequence() {
        return Ok(Some(false));
    }
    let mut is_reduced_still_picture = None;
    for element in payload.elements() {
        let obu = Av1Obu::parse(element?)?;
        match (obu.kind, is_reduced_still_picture) {
            // It should not have been sent, and is to be ignored, §5.
            (OBU_TEMPORAL_DELIMITER, _) => {}
            (OBU_SEQUENCE_HEADER, None) => {
                // seq_profile (3 bits), still_picture, reduced_still_picture_header. The header of a
                // frame of such a still picture has no type, as it can only be a keyframe.
                let header = obu.body.first().ok_or(ParseError::Truncated)?;
                is_reduced_still_picture = Some(header & 0x08 != 0);
            }
            (_, None) => return Ok(Some(false)),
            (OBU_FRAME | OBU_FRAME_HEADER, Some(is_still)) => {
                // show_existing_frame, then two bits of frame_type, which are 0 for a keyframe.
                let header = obu.body.first().ok_or(ParseError::Truncated)?;
                return Ok(Some(is_still || header & 0xe0 == 0));
            }
            (_, Some(_)) => {}
        }
    }
    Ok(None)
}

/// Reads a number of seven bits per byte, the lowest first (AV1 bitstream specification §4.10.5).
fn read_leb128(reader: &mut Reader<'_>) -> Result<usize, ParseError> {
    let mut value = 0_u64;
    for position in 0..8 {
        let byte = reader.u8()?;
        value |= u64::from(byte & 0x7f) << (7 * position);
        if byte & 0x80 == 0 {
            return u32::try_from(value).map(|v| v as usize).map_err(|_| ParseError::NumberTooLong);
        }
    }
    Err(ParseError::NumberTooLong)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A sequence header OBU without a size: profile 0, no still picture.
    const SEQUENCE: [u8; 3] = [0x08, 0x00, 0x00];
    /// A frame OBU whose header says keyframe.
    const KEY_FRAME: [u8; 3] = [0x30, 0x10, 0xaa];
    const INTER_FRAME: [u8; 3] = [0x30, 0x30, 0xaa];

    #[test]
    fn a_keyframe_starts_with_a_sequence_header_and_a_key_frame_header() {
        // W=2: one element with a length, one without.
        assert_eq!(starts_keyframe(&counted(0x28, &SEQUENCE, &KEY_FRAME)), Ok(Some(true)));
        assert_eq!(starts_keyframe(&counted(0x28, &SEQUENCE, &INTER_FRAME)), Ok(Some(false)));
        // W=0: both have a length.
        assert_eq!(starts_keyframe(&uncounted(0x08, &SEQUENCE, &KEY_FRAME)), Ok(Some(true)));
    }

    #[test]
    fn a_frame_that_is_shown_again_is_no_keyframe() {
        let again = [0x18, 0x80];
        assert_eq!(starts_keyframe(&counted(0x28, &SEQUENCE, &again)), Ok(Some(false)));
    }

    #[test]
    fn a_reduced_still_picture_is_a_keyframe_whatever_its_first_bits() {
        let still = [0x08, 0x18];
        assert_eq!(starts_keyframe(&counted(0x28, &still, &INTER_FRAME)), Ok(Some(true)));
    }

    #[test]
    fn only_the_first_packet_of_a_sequence_starts_a_keyframe() {
        assert_eq!(starts_keyframe(&counted(0x20, &SEQUENCE, &KEY_FRAME)), Ok(Some(false)), "N");
        assert_eq!(starts_keyframe(&counted(0xa8, &SEQUENCE, &KEY_FRAME)), Ok(Some(false)), "Z");
        assert_eq!(starts_keyframe(&counted(0x28, &KEY_FRAME, &SEQUENCE)), Ok(Some(false)));
    }

    #[test]
    fn a_temporal_delimiter_is_passed_over() {
        let delimited = [&[0x38, 1, 0x10, 3], &SEQUENCE[..], &KEY_FRAME].concat();
        assert_eq!(starts_keyframe(&delimited), Ok(Some(true)));
    }

    #[test]
    fn without_a_frame_header_nothing_is_known() {
        // W=1: the sequence header alone; the frame comes in the next packet.
        let alone = [&[0x18], &SEQUENCE[..]].concat();
        assert_eq!(starts_keyframe(&alone), Ok(None));
        assert_eq!(starts_keyframe(&[]), Err(ParseError::Truncated));
        assert_eq!(starts_keyframe(&[0x28, 0x09, 0x08]), Err(ParseError::Truncated));
    }

    #[test]
    fn obu_headers_are_read_with_extension_and_size() {
        let obu = Av1Obu::parse(&[0x36, 0x48, 0x02, 1, 2, 3]).unwrap();
        assert_eq!(obu, Av1Obu { kind: OBU_FRAME, layer: Some((2, 1)), body: &[1, 2] });
        let plain = Av1Obu::parse(&[0x30, 9]).unwrap();
        assert_eq!(plain, Av1Obu { kind: OBU_FRAME, layer: None, body: &[9] });
    }

    #[test]
    fn a_length_that_does_not_fit_32_bits_is_an_error() {
        let endless = [0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];
        let mut elements = Av1Payload::parse(&endless).unwrap().elements();
        assert_eq!(elements.next(), Some(Err(ParseError::NumberTooLong)));
        assert_eq!(elements.next(), None);
        let five_bytes = [0x00, 0xff, 0xff, 0xff, 0xff, 0x7f];
        let mut elements = Av1Payload::parse(&five_bytes).unwrap().elements();
        assert_eq!(elements.next(), Some(Err(ParseError::NumberTooLong)));
    }

    fn counted(header: u8, first: &[u8], second: &[u8]) -> Vec<u8> {
        [&[header, first.len() as u8], first, second].concat()
    }

    fn uncounted(header: u8, first: &[u8], second: &[u8]) -> Vec<u8> {
        [&[header, first.len() as u8], first, &[second.len() as u8], second].concat()
    }
}
