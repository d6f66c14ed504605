//! What clients experience, told as stories. Everything goes through the public interface, in virtual
//! time, with a shell and a media plane that do as the story says.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod cameras;
mod chatting;
mod connecting;
mod flooding;
mod groups;
mod guessing;
mod harness;
mod joining;
mod leaving;
mod moderating;
mod permissions;
mod publishing;
mod receiving;
mod replacing;
mod speaking;
mod token_store;
mod tokens;
