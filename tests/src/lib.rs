//! Whole conferences, simulated and over loopback.
//!
//! The library is what the tests share: a forwarding core on a virtual network, with peers that are told
//! directly what to do ([`Conference`]) or with clients that speak the protocol to a control plane
//! ([`Meeting`]).

mod client;
mod conference;
mod meeting;
pub mod quality;
mod sfu_node;

pub use client::Client;
pub use conference::{CORE, Conference};
pub use meeting::Meeting;
pub use sfu_node::SfuNode;
