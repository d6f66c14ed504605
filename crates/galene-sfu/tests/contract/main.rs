//! What the forwarding core promises to whoever drives it, seen through its public API.
//!
//! Peers are stand-ins for browsers on a virtual network, or, where a browser would never do what the
//! test wants, the engine itself in the hands of somebody ill-behaved (`raw.rs`).

mod answers;
mod bounds;
mod candidates;
mod faults;
mod lifecycle;
mod numbering;
mod offers;
mod raw;
mod reports;
mod room;
mod simulcast;
mod timers;
