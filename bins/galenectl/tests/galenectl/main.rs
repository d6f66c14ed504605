//! The program as a process: what it asks of a server, what it prints, how it ends.
//!
//! The server is a stand-in that writes down requests and gives prepared answers.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod offline;
mod program;
mod requests;
mod stand_in;
