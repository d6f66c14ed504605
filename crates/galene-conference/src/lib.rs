//! The control plane of a whole server as one state machine: sessions speak the protocol, groups
//! change, commands go to the media plane.

mod input;
mod output;

pub use input::{Input, Now, SessionId, Ticket};
pub use output::{MediaCommand, Output, ShardId};
