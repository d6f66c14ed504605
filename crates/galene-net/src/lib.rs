//! The I/O shell of the media plane: UDP sockets and worker threads around galene-sfu.
//!
//! [`MediaPlane::start`] binds the sockets and starts one thread per shard. Each shard has its own
//! forwarding core, its own sockets and its own timers and shares nothing with the others but what it
//! puts into their mailboxes: packets of tracks that have subscribers there, and, where shards share a
//! port, datagrams that came to the wrong socket. Commands reach a shard through a bounded channel, events
//! leave it through a function that must not block.
#![expect(clippy::disallowed_methods, reason = "the shell reads the clock for the pure crates")]

mod addresses;
mod calm;
mod config;
#[cfg(any(target_os = "linux", target_os = "android"))]
mod kernel_drops;
mod mail;
mod mailbox;
mod plane;
mod ports;
mod receive;
mod socket;
mod statistics;
mod steering;
mod timer;
mod worker;

pub use config::{MediaConfig, ParsePortRangeError, PortRange};
pub use plane::{EventSink, MediaPlane, ShardPanicked, StartError};
pub use statistics::{ShardStatistics, Traffic};
