//! A sans-IO selective forwarding core: datagrams and commands in, datagrams, events and a deadline out.

mod command;
mod event;
mod ids;

pub use command::{Command, EncodingChoice, TrackRequest};
pub use event::{CloseReason, Event};
pub use galene_rtp::{Codec, MediaKind};
pub use ids::{TrackId, TransportId};
