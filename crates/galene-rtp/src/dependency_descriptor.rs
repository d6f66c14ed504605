//! The dependency descriptor, a header extension that tells to which layers a frame belongs and who
//! needs it (RTP Payload Format for AV1, appendix A).
//!
//! A keyframe brings a *structure* with templates; the descriptors after it name one of these. What a
//! frame refers to is read and checked, and not kept: whoever forwards goes by the decode targets.

use crate::{FrameSize, ParseError};

/// `frame_dependency_template_id` has six bits.
const MAX_TEMPLATES: usize = 64;

/// `dt_cnt_minus_one` has five bits.
const MAX_TARGETS: usize = 32;

/// What the descriptors of a stream refer to, until another one follows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DependencyStructure {
    template_id_offset: u8,
    targets: u8,
    chains: u8,
    templates: Vec<Template>,
    sizes: Vec<FrameSize>,
}

/// What a frame is to one who is sent some of the layers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Indications {
    /// The decode targets that the frame is a part of, a bit for each.
    present: u32,
    /// Those that can be taken up with this frame.
    switches: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Template {
    spatial: u8,
    temporal: u8,
    indications: Indications,
}

/// The descriptor of one packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DependencyDescriptor {
    /// The packet is the first of a frame, which is one spatial layer of a picture.
    pub starts_frame: bool,
    /// The packet is the last of a frame.
    pub ends_frame: bool,
    /// The running number of the frame.
    pub frame_number: u16,
    /// The spatial layer of the frame.
    pub spatial: u8,
    /// The temporal layer of the frame.
    pub temporal: u8,
    /// The decode targets that the frame is a part of, a bit for each, the lowest for target 0.
    pub present: u32,
    /// Those of them that can be taken up with this frame, by whoever has what protects them.
    pub switches: u32,
    /// The decode targets that are being sent, if this says so.
    pub active: Option<u32>,
    /// The structure that holds from this packet on, if it is another one.
    pub structure: Option<Box<DependencyStructure>>,
}

impl DependencyStructure {
    /// Returns how many decode targets there are, from 1 to 32.
    pub fn targets(&self) -> u8 {
        self.targets
    }

    /// Returns the highest spatial and temporal layers that are part of a decode target.
    pub fn layers_of(&self, target: u8) -> (u8, u8) {
        let bit = 1_u32.checked_shl(target.into()).unwrap_or(0);
        let parts = self.templates.iter().filter(|t| t.indications.present & bit != 0);
        parts.fold((0, 0), |(s, t), part| (s.max(part.spatial), t.max(part.temporal)))
    }

    /// Returns the size of each spatial layer, the lowest first; nothing if the sizes are not given.
    pub fn sizes(&self) -> &[FrameSize] {
        &self.sizes
    }

    fn read(bits: &mut Bits<'_>) -> Result<Self, ParseError> {
        let template_id_offset = bits.u8(6)?;
        let targets = bits.u8(5)? + 1;
        let mut templates = Vec::new();
        let (mut spatial, mut temporal) = (0, 0);
        loop {
            if templates.len() == MAX_TEMPLATES {
                return Err(ParseError::TooManyReferences);
            }
            templates.push(Template { spatial, temporal, indications: Indications::default() });
            match bits.u8(2)? {
                0 => {}
                1 => temporal += 1,
                2 => (spatial, temporal) = (spatial + 1, 0),
                _ => break,
            }
        }
        for template in &mut templates {
            template.indications = Indications::read(bits, targets)?;
        }
        for _ in &templates {
            while bits.flag()? {
                bits.skip(4)?;
            }
        }
        let chains = bits.non_symmetric(u32::from(targets) + 1)?;
        if chains > 0 {
            for _ in 0..targets {
                bits.non_symmetric(chains)?;
            }
            bits.skip(templates.len() * chains as usize * 4)?;
        }
        let mut sizes = Vec::new();
        if bits.flag()? {
            for _ in 0..=spatial {
                let (width, height) = (bits.read(16)?, bits.read(16)?);
                // The fields hold one less than the size.
                let pixels = |field: u32| u16::try_from(field + 1).unwrap_or(u16::MAX);
                sizes.push(FrameSize { width: pixels(width), height: pixels(height) });
            }
        }
        let chains = u8::try_from(chains).map_err(|_| ParseError::NumberTooLong)?;
        Ok(Self { template_id_offset, targets, chains, templates, sizes })
    }
}

impl Indications {
    fn read(bits: &mut Bits<'_>, targets: u8) -> Result<Self, ParseError> {
        let mut indications = Self::default();
        for target in 0..targets {
            // Not present, discardable, switch, required.
            let indication = bits.u8(2)?;
            indications.present |= u32::from(indication != 0) << target;
            indications.switches |= u32::from(indication == 2) << target;
        }
        Ok(indications)
    }
}

impl DependencyDescriptor {
    /// Reads the value of the header extension, given the structure that the stream had so far.
    ///
    /// # Errors
    ///
    /// [`ParseError::Truncated`] if the value ends inside a field; [`ParseError::NoStructure`] if it names
    /// a template that the structure has not, or there is no structure yet;
    /// [`ParseError::TooManyReferences`] if it brings more templates than there can be.
    pub fn parse(value: &[u8], known: Option<&DependencyStructure>) -> Result<Self, ParseError> {
        let mut bits = Bits { bytes: value, at: 0 };
        let (starts_frame, ends_frame) = (bits.flag()?, bits.flag()?);
        let template_id = bits.u8(6)?;
        let frame_number = bits.u16()?;
        let mut extended = [false; 5];
        if value.len() > 3 {
            for flag in &mut extended {
                *flag = bits.flag()?;
            }
        }
        let [has_structure, has_active, has_indications, has_references, has_chains] = extended;
        let structure = match has_structure {
            true => Some(Box::new(DependencyStructure::read(&mut bits)?)),
            false => None,
        };
        let current = structure.as_deref().or(known).ok_or(ParseError::NoStructure)?;
        let targets = current.targets;
        let active = match (has_active, has_structure) {
            (true, _) => Some(bits.read(targets.into())?),
            // A new structure makes all of its targets active.
            (false, true) => Some(u32::MAX >> (MAX_TARGETS as u32 - u32::from(targets))),
            (false, false) => None,
        };
        let index =
            (template_id + MAX_TEMPLATES as u8 - current.template_id_offset) % MAX_TEMPLATES as u8;
        let template = current.templates.get(usize::from(index)).ok_or(ParseError::NoStructure)?;
        let indications = match has_indications {
            true => Indications::read(&mut bits, targets)?,
            false => template.indications,
        };
        if has_references {
            loop {
                match bits.read(2)? {
                    0 => break,
                    size => bits.skip(4 * size as usize)?,
                }
            }
        }
        if has_chains {
            bits.skip(8 * usize::from(current.chains))?;
        }
        Ok(Self {
            starts_frame,
            ends_frame,
            frame_number,
            spatial: template.spatial,
            temporal: template.temporal,
            present: indications.present,
            switches: indications.switches,
            active,
            structure,
        })
    }
}

/// Reads bits from the front, the most significant first.
#[derive(Debug)]
struct Bits<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Bits<'_> {
    fn read(&mut self, count: u32) -> Result<u32, ParseError> {
        let mut value = 0;
        for _ in 0..count {
            value = value << 1 | u32::from(self.flag()?);
        }
        Ok(value)
    }

    fn flag(&mut self) -> Result<bool, ParseError> {
        let byte = self.bytes.get(self.at / 8).ok_or(ParseError::Truncated)?;
        let bit = byte >> (7 - self.at % 8) & 1;
        self.at += 1;
        Ok(bit == 1)
    }

    /// Reads up to eight bits.
    fn u8(&mut self, count: u32) -> Result<u8, ParseError> {
        u8::try_from(self.read(count)?).map_err(|_| ParseError::NumberTooLong)
    }

    fn u16(&mut self) -> Result<u16, ParseError> {
        u16::try_from(self.read(16)?).map_err(|_| ParseError::NumberTooLong)
    }

    fn skip(&mut self, count: usize) -> Result<(), ParseError> {
        self.at += count;
        if self.at > self.bytes.len() * 8 { Err(ParseError::Truncated) } else { Ok(()) }
    }

    /// Reads a number below `limit`, at least 1, in as few bits as that takes (AV1 bitstream
    /// specification §4.10.7).
    fn non_symmetric(&mut self, limit: u32) -> Result<u32, ParseError> {
        let width = u32::BITS - limit.leading_zeros();
        let short = (1 << width) - limit;
        let value = self.read(width - 1)?;
        if value < short {
            return Ok(value);
        }
        Ok((value << 1) - short + self.read(1)?)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Writes bits as `Bits` reads them.
    #[derive(Default)]
    struct Writer {
        bits: Vec<bool>,
    }

    impl Writer {
        fn put(mut self, value: u32, count: u32) -> Self {
            self.bits.extend((0..count).rev().map(|bit| value >> bit & 1 == 1));
            self
        }

        fn bytes(self) -> Vec<u8> {
            let byte = |bits: &[bool]| {
                (0..8).fold(0, |b, at| b << 1 | u8::from(bits.get(at) == Some(&true)))
            };
            self.bits.chunks(8).map(byte).collect()
        }
    }

    /// Two temporal layers, a target for each, one chain; three templates, of which the first is for
    /// keyframes; one size.
    fn keyframe() -> Vec<u8> {
        let head = Writer::default().put(0b11, 2).put(5, 6).put(0x1234, 16).put(0b10000, 5);
        let templates = head.put(5, 6).put(1, 5).put(0, 2).put(1, 2).put(3, 2);
        let indications = templates.put(0b10_10, 4).put(0b10_10, 4).put(0b00_01, 4);
        let references = indications.put(0, 1).put(0b10_0010, 6).put(0b10_0000, 6);
        // One chain of at most two: `ns(3)` writes 1 as `10`.
        let chains = references.put(0b10, 2).put(0, 0).put(0, 4).put(2, 4).put(1, 4);
        chains.put(1, 1).put(639, 16).put(359, 16).bytes()
    }

    #[test]
    fn a_keyframe_brings_the_structure_and_others_refer_to_it() {
        let first = DependencyDescriptor::parse(&keyframe(), None).unwrap();
        assert!(first.starts_frame && first.ends_frame);
        assert_eq!(first.frame_number, 0x1234);
        assert_eq!((first.spatial, first.temporal), (0, 0));
        assert_eq!((first.present, first.switches, first.active), (0b11, 0b11, Some(0b11)));
        let structure = first.structure.unwrap();
        assert_eq!(structure.targets(), 2);
        assert_eq!((structure.layers_of(0), structure.layers_of(1)), ((0, 0), (0, 1)));
        assert_eq!(structure.layers_of(40), (0, 0));
        assert_eq!(structure.sizes(), [FrameSize { width: 640, height: 360 }]);

        let upper = [0b1000_0111, 0x12, 0x35];
        let second = DependencyDescriptor::parse(&upper, Some(&structure)).unwrap();
        assert!(second.starts_frame && !second.ends_frame);
        assert_eq!((second.temporal, second.present, second.switches), (1, 0b10, 0));
        assert_eq!(second.active, None);
    }

    #[test]
    fn a_frame_may_say_otherwise_than_its_template() {
        let structure = DependencyDescriptor::parse(&keyframe(), None).unwrap().structure;
        // Active targets, indications, references and chains of its own.
        let custom = Writer::default().put(0b11, 2).put(7, 6).put(9, 16).put(0b01111, 5);
        let custom = custom.put(0b01, 2).put(0b00_10, 4).put(0b0100_1000, 8).put(77, 8);
        let frame = DependencyDescriptor::parse(&custom.bytes(), structure.as_deref()).unwrap();
        assert_eq!((frame.active, frame.present, frame.switches), (Some(0b01), 0b10, 0b10));
    }

    #[test]
    fn what_refers_to_nothing_known_is_an_error() {
        let structure = DependencyDescriptor::parse(&keyframe(), None).unwrap().structure;
        let frame = [0b1100_0101, 0, 1];
        let parse = DependencyDescriptor::parse;
        assert_eq!(parse(&frame, None), Err(ParseError::NoStructure));
        assert!(parse(&frame, structure.as_deref()).is_ok());
        let beyond = [0b1100_1000, 0, 1];
        assert_eq!(parse(&beyond, structure.as_deref()), Err(ParseError::NoStructure));
    }

    #[test]
    fn every_truncation_is_an_error() {
        let whole = keyframe();
        for len in 0..whole.len() {
            assert!(DependencyDescriptor::parse(&whole[..len], None).is_err(), "{len}");
        }
    }

    #[test]
    fn templates_without_end_are_an_error() {
        let endless = [&[0xc0, 0, 1, 0x80][..], &[0; 80]].concat();
        let parsed = DependencyDescriptor::parse(&endless, None);
        assert_eq!(parsed, Err(ParseError::TooManyReferences));
    }

    proptest! {
        #[test]
        fn numbers_below_any_limit_come_back(limit in 1_u32..34, value in 0_u32..34) {
            let value = value % limit;
            let width = u32::BITS - limit.leading_zeros();
            let short = (1 << width) - limit;
            let writer = match value < short {
                true => Writer::default().put(value, width - 1),
                false => Writer::default().put(value + short, width),
            };
            let bytes = writer.bytes();
            let mut bits = Bits { bytes: &bytes, at: 0 };
            prop_assert_eq!(bits.non_symmetric(limit), Ok(value));
        }

        #[test]
        fn any_bytes_are_read_or_refused(
            bytes in proptest::collection::vec(any::<u8>(), 0..64),
            next in proptest::collection::vec(any::<u8>(), 0..16),
        ) {
            if let Ok(first) = DependencyDescriptor::parse(&bytes, None) {
                let structure = first.structure.expect("nothing was known before");
                prop_assert!((1..=32).contains(&structure.targets()));
                let second = DependencyDescriptor::parse(&next, Some(&structure));
                if let Ok(second) = second {
                    prop_assert_eq!(second.switches & !second.present, 0);
                }
            }
        }
    }
}
