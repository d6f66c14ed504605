//! A virtual network, a browser stand-in and an egress checker for tests of conferences.
//!
//! Everything runs in virtual time: a test says what happens when, and an hour of conference passes
//! in a moment, the same way each time. The kit knows nothing of the code under test; that joins the
//! network as a [`Node`], by an adapter in the test.

mod allocation;
mod camera;
mod checker;
mod clock;
mod codec;
mod congestion_window;
mod decoder;
mod descriptor;
mod egress_counts;
mod engine;
mod fault;
mod freeze;
mod link_receiver;
mod link_sender;
mod link_trial;
mod listener;
mod nack;
mod network;
mod node;
mod own_rtcp;
mod own_rtp;
mod payload;
mod playout;
mod profile;
mod published_track;
mod publisher;
mod publisher_config;
mod rate_controller;
mod receive_estimator;
mod received_track;
mod redundant;
mod report;
mod scalability;
mod sdp;
mod simulation;
mod source;
mod stamp;
mod subscriber;
mod subscriber_config;
mod track_spec;
mod wire;

pub use checker::{EgressChecker, ReceivedPacket};
pub use clock::epoch;
pub use codec::{Codec, MediaKind};
pub use decoder::{Decoder, Shown};
pub use engine::Feedback;
pub use fault::{Fault, FaultKind};
pub use link_receiver::Received;
pub use link_sender::{LinkEstimator, Sent};
pub use link_trial::LinkTrial;
pub use listener::{Listener, Played, Playing};
pub use network::{Filter, Network, Traffic, Verdict};
pub use node::{Datagram, Node};
pub use profile::Profile;
pub use publisher::PublisherPeer;
pub use publisher_config::PublisherConfig;
pub use received_track::ReceivedTrack;
pub use report::{Report, Switch};
pub use scalability::Scalability;
pub use sdp::{Section, sections};
pub use simulation::{NodeKey, Simulation};
pub use source::SourceCounts;
pub use stamp::{Stamp, StampError};
pub use subscriber::SubscriberPeer;
pub use subscriber_config::SubscriberConfig;
pub use track_spec::TrackSpec;
pub use wire::{NonceReused, WireChecker};

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// Returns an address of the virtual network: a host of its own for each number (10.x.y.z), and
/// always the same port.
pub const fn address(host: u16) -> SocketAddr {
    let [high, low] = host.to_be_bytes();
    SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, 77, high, low)), 50_000)
}
