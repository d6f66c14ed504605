//! The I/O shell of the media plane: UDP sockets and worker threads around galene-sfu.
//!
//! [`MediaPlane::start`] binds the sockets and starts one thread per shard. Each shard has its own
//! forwarding core, its own sockets and its own timers and shares nothing with the others; commands
//! reach it through a bounded channel, events leave it through a function that must not block.
#![expect(clippy::disallowed_methods, reason = "the shell reads the clock for the pure crates")]

mod addresses;
mod config;
mod plane;
mod receive;
mod socket;
mod worker;

pub use config::{MediaConfig, ParsePortRangeError, PortRange};
pub use plane::{EventSink, MediaPlane, ShardPanicked, StartError};
