//! Arithmetic and inspection on RTP bytes: no sockets, no clock, no WebRTC engine.

mod codec;

pub use codec::{Codec, MediaKind};
