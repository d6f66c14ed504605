//! The descriptor before each piece of a VP9 frame (RFC 9628 §4.2).

use crate::parse::Reader;
use crate::{FrameSize, ParseError, PictureId};

/// A picture refers to at most three others, RFC 9628 §4.2.
const MAX_REFERENCES: usize = 3;
/// N_S has three bits, so there are at most eight spatial layers, RFC 9628 §4.2.1.
const MAX_SPATIAL_LAYERS: usize = 8;

// The first byte.
const HAS_PICTURE_ID: u8 = 0x80;
const INTER_PREDICTED: u8 = 0x40;
const HAS_LAYER: u8 = 0x20;
const FLEXIBLE: u8 = 0x10;
const FRAME_START: u8 = 0x08;
const FRAME_END: u8 = 0x04;
const HAS_STRUCTURE: u8 = 0x02;
const NOT_REFERENCE_FOR_UPPER: u8 = 0x01;

/// A payload descriptor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Vp9Descriptor {
    /// The running number of the picture, all its spatial layers together (I).
    pub picture_id: Option<PictureId>,
    /// The layer frame refers to earlier pictures (P).
    pub is_inter_predicted: bool,
    /// The references of each picture are listed, and not taken from a repeating pattern (F).
    pub is_flexible: bool,
    /// The packet starts a layer frame (B).
    pub starts_frame: bool,
    /// The packet ends a layer frame (E).
    pub ends_frame: bool,
    /// No higher spatial layer refers to this layer frame (Z).
    pub is_not_reference_for_upper: bool,
    /// To which layers the layer frame belongs (L).
    pub layer: Option<Vp9Layer>,
    /// The pictures that are referred to, in flexible mode.
    pub references: Vp9References,
    /// The scalability structure, which tells of the stream and not of this packet (V).
    pub structure: Option<Vp9Structure>,
    len: usize,
}

/// The layer indices of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Vp9Layer {
    /// The temporal layer (TID), from 0 to 7.
    pub tid: u8,
    /// No later picture of a higher temporal layer refers to what came before this one, so that a
    /// receiver can begin to be sent those layers after it (U).
    pub is_switching_up_point: bool,
    /// The spatial layer (SID), from 0 to 7.
    pub sid: u8,
    /// The layer frame refers to the spatial layer below, in the same picture (D).
    pub is_inter_layer_predicted: bool,
    /// The running number of the picture of temporal layer 0 (TL0PICIDX), absent in flexible mode.
    pub tl0_pic_idx: Option<u8>,
}

/// The pictures to which a layer frame refers, each as a distance backwards in picture ids.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Vp9References {
    differences: [u8; MAX_REFERENCES],
    count: u8,
}

/// What the scalability structure says about the stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Vp9Structure {
    spatial_layers: u8,
    sizes: Option<[FrameSize; MAX_SPATIAL_LAYERS]>,
}

impl Vp9Descriptor {
    /// Reads the descriptor at the start of an RTP payload.
    ///
    /// # Errors
    ///
    /// [`ParseError::Truncated`] if the payload ends inside the descriptor, and
    /// [`ParseError::TooManyReferences`] if the list of references does not end where it must.
    pub fn parse(payload: &[u8]) -> Result<Self, ParseError> {
        let mut reader = Reader::new(payload);
        let first = reader.u8()?;
        let is_flexible = first & FLEXIBLE != 0;
        let is_inter_predicted = first & INTER_PREDICTED != 0;

        let picture_id =
            if first & HAS_PICTURE_ID != 0 { Some(read_picture_id(&mut reader)?) } else { None };
        let layer = if first & HAS_LAYER != 0 {
            Some(Vp9Layer::read(&mut reader, is_flexible)?)
        } else {
            None
        };
        let references = if is_flexible && is_inter_predicted {
            Vp9References::read(&mut reader)?
        } else {
            Vp9References::default()
        };
        let structure =
            if first & HAS_STRUCTURE != 0 { Some(Vp9Structure::read(&mut reader)?) } else { None };
        Ok(Self {
            picture_id,
            is_inter_predicted,
            is_flexible,
            starts_frame: first & FRAME_START != 0,
            ends_frame: first & FRAME_END != 0,
            is_not_reference_for_upper: first & NOT_REFERENCE_FOR_UPPER != 0,
            layer,
            references,
            structure,
            len: payload.len() - reader.len(),
        })
    }

    /// Returns how many bytes of the payload the descriptor takes.
    #[expect(clippy::len_without_is_empty, reason = "a descriptor has at least one byte")]
    pub fn len(&self) -> usize {
        self.len
    }
}

impl Vp9References {
    /// Returns the distances, none of which is more than 127.
    pub fn as_slice(&self) -> &[u8] {
        &self.differences[..usize::from(self.count)]
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, ParseError> {
        let mut references = Self::default();
        for difference in &mut references.differences {
            let byte = reader.u8()?;
            *difference = byte >> 1;
            references.count += 1;
            if byte & 0x01 == 0 {
                return Ok(references);
            }
        }
        Err(ParseError::TooManyReferences)
    }
}

impl Vp9Structure {
    /// Returns how many spatial layers each picture has, from 1 to 8.
    pub fn spatial_layers(&self) -> u8 {
        self.spatial_layers
    }

    /// Returns the size of each spatial layer, the lowest first; nothing if the sizes are not given.
    pub fn sizes(&self) -> &[FrameSize] {
        self.sizes.as_ref().map_or(&[], |sizes| &sizes[..usize::from(self.spatial_layers)])
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, ParseError> {
        let first = reader.u8()?;
        let spatial_layers = (first >> 5) + 1;
        let mut sizes = None;
        if first & 0x10 != 0 {
            let mut list = [FrameSize { width: 0, height: 0 }; MAX_SPATIAL_LAYERS];
            for size in &mut list[..usize::from(spatial_layers)] {
                *size = FrameSize { width: reader.u16()?, height: reader.u16()? };
            }
            sizes = Some(list);
        }
        if first & 0x08 != 0 {
            // The pattern of references, which nothing here needs: only its length counts.
            for _ in 0..reader.u8()? {
                let references = usize::from(reader.u8()? >> 2 & 0x03);
                reader.bytes(references)?;
            }
        }
        Ok(Self { spatial_layers, sizes })
    }
}

impl Vp9Layer {
    fn read(reader: &mut Reader<'_>, is_flexible: bool) -> Result<Self, ParseError> {
        let byte = reader.u8()?;
        Ok(Self {
            tid: byte >> 5,
            is_switching_up_point: byte & 0x10 != 0,
            sid: byte >> 1 & 0x07,
            is_inter_layer_predicted: byte & 0x01 != 0,
            tl0_pic_idx: if is_flexible { None } else { Some(reader.u8()?) },
        })
    }
}

/// Returns whether the packet starts a keyframe: it starts a layer frame whose header says so.
///
/// The uncompressed header begins with the frame marker `10`, the two bits of the profile (low bit
/// first), in profile 3 a bit that is reserved, show_existing_frame, and frame_type, which is 0 for
/// a keyframe (VP9 bitstream specification §6.2).
pub(crate) fn starts_keyframe(payload: &[u8]) -> Result<bool, ParseError> {
    let descriptor = Vp9Descriptor::parse(payload)?;
    if !descriptor.starts_frame {
        return Ok(false);
    }
    let header = *payload.get(descriptor.len()).ok_or(ParseError::Truncated)?;
    if header & 0xc0 != 0x80 {
        return Ok(false);
    }
    let is_profile_3 = header & 0x30 == 0x30;
    let show_existing_frame_and_type = if is_profile_3 { 0x06 } else { 0x0c };
    Ok(header & show_existing_frame_and_type == 0)
}

fn read_picture_id(reader: &mut Reader<'_>) -> Result<PictureId, ParseError> {
    let first = reader.u8()?;
    let second = if PictureId::encoded_len(first) == 2 { reader.u8()? } else { 0 };
    Ok(PictureId::from_bytes(first, second))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// I, L and B; not flexible: 15-bit PictureID 0x0102, TID 1, U, SID 2, D, TL0PICIDX 7.
    const NON_FLEXIBLE: [u8; 5] = [0xa8, 0x81, 0x02, 0x35, 0x07];
    /// I, P, L, F, E and Z: 7-bit PictureID 3, TID 2, SID 1, references 5 and 9 pictures back.
    const FLEXIBLE_MODE: [u8; 5] = [0xf5, 0x03, 0x42, 0x0b, 0x12];
    /// B and V: two spatial layers of 320x180 and 640x360, and a group of two pictures, with one
    /// and two references.
    const STRUCTURE: [u8; 16] =
        [0x0a, 0x38, 0x01, 0x40, 0, 180, 0x02, 0x80, 0x01, 0x68, 2, 0x04, 1, 0x28, 1, 2];

    #[test]
    fn layer_indices_of_the_non_flexible_mode_are_read() {
        let descriptor = Vp9Descriptor::parse(&NON_FLEXIBLE).unwrap();
        assert_eq!(descriptor.len(), 5);
        assert_eq!(descriptor.picture_id.map(PictureId::value), Some(0x0102));
        assert!(descriptor.starts_frame && !descriptor.ends_frame);
        let layer = descriptor.layer.unwrap();
        assert_eq!((layer.tid, layer.sid, layer.tl0_pic_idx), (1, 2, Some(7)));
        assert!(layer.is_switching_up_point && layer.is_inter_layer_predicted);
        assert_eq!(descriptor.references.as_slice(), []);
        assert_eq!(descriptor.structure, None);
    }

    #[test]
    fn references_of_the_flexible_mode_are_read() {
        let descriptor = Vp9Descriptor::parse(&FLEXIBLE_MODE).unwrap();
        assert_eq!(descriptor.len(), 5);
        assert!(descriptor.is_flexible && descriptor.is_inter_predicted);
        assert!(descriptor.ends_frame && descriptor.is_not_reference_for_upper);
        let layer = descriptor.layer.unwrap();
        assert_eq!((layer.tid, layer.sid, layer.tl0_pic_idx), (2, 1, None));
        assert_eq!(descriptor.references.as_slice(), [5, 9]);
    }

    #[test]
    fn a_fourth_reference_is_an_error() {
        let payload = [0x50, 0x03, 0x03, 0x03, 0x02];
        assert_eq!(Vp9Descriptor::parse(&payload), Err(ParseError::TooManyReferences));
    }

    #[test]
    fn the_sizes_of_all_spatial_layers_are_read() {
        let descriptor = Vp9Descriptor::parse(&STRUCTURE).unwrap();
        assert_eq!(descriptor.len(), STRUCTURE.len());
        let structure = descriptor.structure.unwrap();
        assert_eq!(structure.spatial_layers(), 2);
        let sizes = [FrameSize { width: 320, height: 180 }, FrameSize { width: 640, height: 360 }];
        assert_eq!(structure.sizes(), sizes);
    }

    #[test]
    fn every_truncation_is_an_error() {
        for golden in [&NON_FLEXIBLE[..], &FLEXIBLE_MODE, &STRUCTURE] {
            for len in 0..golden.len() {
                let result = Vp9Descriptor::parse(&golden[..len]);
                assert_eq!(result, Err(ParseError::Truncated), "{len} of {golden:?}");
            }
        }
    }

    #[test]
    fn a_keyframe_starts_where_marker_and_type_say_so() {
        assert_eq!(starts_keyframe(&[0x08, 0x82]), Ok(true), "profile 0");
        assert_eq!(starts_keyframe(&[0x08, 0x92]), Ok(true), "profile 2");
        assert_eq!(starts_keyframe(&[0x00, 0x82]), Ok(false), "B is clear");
        assert_eq!(starts_keyframe(&[0x08, 0x42]), Ok(false), "no frame marker");
        assert_eq!(starts_keyframe(&[0x08, 0x86]), Ok(false), "inter frame");
        assert_eq!(starts_keyframe(&[0x08, 0x88]), Ok(false), "shows an existing frame");
        assert_eq!(starts_keyframe(&[0x08]), Err(ParseError::Truncated));
    }

    #[test]
    fn profile_3_has_the_frame_type_one_bit_later() {
        assert_eq!(starts_keyframe(&[0x08, 0xb0]), Ok(true));
        assert_eq!(starts_keyframe(&[0x08, 0xb2]), Ok(false), "inter frame");
        assert_eq!(starts_keyframe(&[0x08, 0xb4]), Ok(false), "shows an existing frame");
    }
}
