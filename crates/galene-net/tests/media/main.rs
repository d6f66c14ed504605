//! Media through real sockets on loopback, from browser stand-ins to browser stand-ins.
#![expect(clippy::disallowed_methods, reason = "real sockets go with real time")]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod one_shard;
mod peer;
mod shards;
mod single_port;
mod stage;
