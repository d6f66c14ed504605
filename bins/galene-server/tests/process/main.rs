//! The server as a process: what it prints, what it serves, how it stops.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod certificate;
mod client;
mod groups;
mod process;
mod start;
mod stop;
