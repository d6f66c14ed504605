//! The server as a process: what it prints, what it serves, how it stops.
#![expect(clippy::disallowed_methods, reason = "real sockets go with real time")]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod admin;
mod certificate;
mod client;
mod groups;
mod meeting;
mod process;
mod sockets;
mod start;
mod stop;
