//! Arithmetic and inspection on RTP bytes: no sockets, no clock, no WebRTC engine.

mod av1;
mod codec;
mod dependency_descriptor;
mod extended_sequence;
mod frame_size;
mod h264;
mod keyframe;
mod parse;
mod picture_id;
mod red;
mod sequence_map;
mod timestamp_map;
mod vp8;
mod vp8_numbering;
mod vp9;

pub use av1::{Av1Elements, Av1Obu, Av1Payload};
pub use codec::{Codec, MediaKind};
pub use dependency_descriptor::{DependencyDescriptor, DependencyStructure};
pub use extended_sequence::ExtendedSequence;
pub use frame_size::FrameSize;
pub use h264::{H264Payload, H264Units};
pub use keyframe::is_keyframe_start;
pub use parse::ParseError;
pub use picture_id::PictureId;
pub use red::{RedBlock, RedPayload};
pub use sequence_map::{Mapped, SequenceMap};
pub use timestamp_map::TimestampMap;
pub use vp8::Vp8Descriptor;
pub use vp8_numbering::{Vp8Numbering, Vp8Shift};
pub use vp9::{Vp9Descriptor, Vp9Layer, Vp9References, Vp9Structure};
