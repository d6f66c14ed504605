//! Whole conferences, simulated and over loopback.
//!
//! The library is what the tests share: a forwarding core on a virtual network, and the signalling
//! between it and its peers.

mod conference;
mod sfu_node;

pub use conference::{CORE, Conference};
pub use sfu_node::SfuNode;
