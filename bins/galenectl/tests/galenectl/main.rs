//! The program as a process: what it asks of a server, what it prints, how it ends.
//!
//! The server is a stand-in that writes down requests and gives prepared answers, or a real one.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[cfg(unix)]
mod administration;
mod offline;
mod program;
#[cfg(unix)]
mod real_server;
mod requests;
mod stand_in;
