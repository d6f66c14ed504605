//! The NAL units of an H.264 packet (RFC 6184 §5).

use crate::ParseError;
use crate::parse::Reader;

// Kinds of NAL unit that H.264 defines, and those that RTP adds, RFC 6184 §5.2.
const SPS: u8 = 7;
const STAP_A: u8 = 24;
const STAP_B: u8 = 25;
const MTAP16: u8 = 26;
const MTAP24: u8 = 27;
const FU_A: u8 = 28;
const FU_B: u8 = 29;

/// What an RTP payload is made of.
#[derive(Debug, Clone)]
pub enum H264Payload<'a> {
    /// One whole NAL unit.
    Single(&'a [u8]),
    /// Several whole NAL units: a STAP or an MTAP.
    Aggregate(H264Units<'a>),
    /// A piece of a NAL unit: an FU.
    Fragment {
        /// Which kind of NAL unit it is a piece of.
        kind: u8,
        /// It is the first piece.
        is_start: bool,
        /// It is the last piece.
        is_end: bool,
    },
}

/// Goes through the NAL units of an aggregate.
#[derive(Debug, Clone)]
pub struct H264Units<'a> {
    rest: Reader<'a>,
    /// How many bytes stand between the size of a NAL unit and itself.
    gap: usize,
}

impl<'a> H264Payload<'a> {
    /// Reads the first bytes of an RTP payload.
    ///
    /// Returns `None` for a kind of NAL unit that RFC 6184 leaves undefined (0, 30, 31).
    ///
    /// # Errors
    ///
    /// [`ParseError::Truncated`] if the payload ends inside the headers.
    pub fn parse(payload: &'a [u8]) -> Result<Option<Self>, ParseError> {
        let mut reader = Reader::new(payload);
        let kind = kind(reader.u8()?);
        Ok(Some(match kind {
            1..=23 => Self::Single(payload),
            STAP_A => Self::Aggregate(H264Units { rest: reader, gap: 0 }),
            STAP_B | MTAP16 | MTAP24 => {
                // A decoding order number comes first. In MTAPs each unit has its own difference to
                // it (one byte) and a timestamp offset (two or three).
                reader.u16()?;
                let gap = match kind {
                    STAP_B => 0,
                    MTAP16 => 3,
                    _ => 4,
                };
                Self::Aggregate(H264Units { rest: reader, gap })
            }
            FU_A | FU_B => {
                let header = reader.u8()?;
                Self::Fragment {
                    kind: self::kind(header),
                    is_start: header & 0x80 != 0,
                    is_end: header & 0x40 != 0,
                }
            }
            _ => return Ok(None),
        }))
    }
}

impl<'a> Iterator for H264Units<'a> {
    type Item = Result<&'a [u8], ParseError>;

    /// Returns the next NAL unit, or an error after which there is nothing more.
    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let unit = self.unit();
        if unit.is_err() {
            self.rest.remaining();
        }
        Some(unit)
    }
}

impl<'a> H264Units<'a> {
    fn unit(&mut self) -> Result<&'a [u8], ParseError> {
        let size = usize::from(self.rest.u16()?);
        self.rest.bytes(self.gap)?;
        self.rest.bytes(size)
    }
}

/// Returns whether the packet starts a keyframe: a sequence parameter set comes before each.
///
/// `None` if the payload is of a kind that RFC 6184 does not define.
pub(crate) fn starts_keyframe(payload: &[u8]) -> Result<Option<bool>, ParseError> {
    Ok(Some(match H264Payload::parse(payload)? {
        Some(H264Payload::Single(unit)) => starts_with_sps(unit),
        Some(H264Payload::Aggregate(units)) => {
            for unit in units {
                if starts_with_sps(unit?) {
                    return Ok(Some(true));
                }
            }
            false
        }
        Some(H264Payload::Fragment { kind, is_start, .. }) => is_start && kind == SPS,
        None => return Ok(None),
    }))
}

fn starts_with_sps(unit: &[u8]) -> bool {
    unit.first().is_some_and(|&header| kind(header) == SPS)
}

fn kind(header: u8) -> u8 {
    header & 0x1f
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPS_UNIT: [u8; 3] = [0x67, 0x42, 0xe0];
    const PPS_UNIT: [u8; 2] = [0x68, 0xce];

    #[test]
    fn a_keyframe_starts_with_a_parameter_set_alone_or_in_an_aggregate() {
        assert_eq!(starts_keyframe(&SPS_UNIT), Ok(Some(true)));
        assert_eq!(starts_keyframe(&PPS_UNIT), Ok(Some(false)));
        assert_eq!(starts_keyframe(&[0x65, 0x88]), Ok(Some(false)), "a slice by itself");

        for (header, gap) in [
            (&[0x78][..], &[][..]),
            (&[0x79, 0, 1], &[]),
            (&[0x7a, 0, 1], &[0, 0, 9]),
            (&[0x7b, 0, 1], &[0, 0, 0, 9]),
        ] {
            let with_sps = [header, &unit(gap, &PPS_UNIT), &unit(gap, &SPS_UNIT)].concat();
            assert_eq!(starts_keyframe(&with_sps), Ok(Some(true)), "{with_sps:x?}");
            let without = [header, &unit(gap, &PPS_UNIT), &unit(gap, &PPS_UNIT)].concat();
            assert_eq!(starts_keyframe(&without), Ok(Some(false)), "{without:x?}");
        }
    }

    #[test]
    fn only_the_first_fragment_of_a_parameter_set_starts_a_keyframe() {
        for indicator in [0x7c, 0x7d] {
            assert_eq!(starts_keyframe(&[indicator, 0x87, 0x42]), Ok(Some(true)));
            assert_eq!(starts_keyframe(&[indicator, 0x47, 0x42]), Ok(Some(false)));
            assert_eq!(starts_keyframe(&[indicator, 0x85, 0x88]), Ok(Some(false)));
        }
    }

    #[test]
    fn undefined_kinds_tell_nothing() {
        for header in [0x60, 0x7e, 0x7f] {
            assert_eq!(starts_keyframe(&[header, 0x42]), Ok(None));
        }
    }

    #[test]
    fn a_unit_that_is_cut_short_is_an_error() {
        assert_eq!(starts_keyframe(&[]), Err(ParseError::Truncated));
        assert_eq!(starts_keyframe(&[0x7c]), Err(ParseError::Truncated));
        assert_eq!(starts_keyframe(&[0x79, 0]), Err(ParseError::Truncated));
        let mut units = H264Units { rest: Reader::new(&[0, 5, 0x68]), gap: 0 };
        assert_eq!(units.next(), Some(Err(ParseError::Truncated)));
        assert_eq!(units.next(), None);
    }

    fn unit(gap: &[u8], unit: &[u8]) -> Vec<u8> {
        [&(unit.len() as u16).to_be_bytes()[..], gap, unit].concat()
    }
}
