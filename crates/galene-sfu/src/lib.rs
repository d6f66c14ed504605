//! A sans-IO selective forwarding core: datagrams and commands in, datagrams, events and a deadline out.
//!
//! An [`Sfu`] holds transports. Over some of them peers publish tracks ([`Command::Offer`]), over others
//! tracks are forwarded to peers ([`Command::Subscribe`]). It opens no socket, starts no thread and reads
//! no clock; who embeds it moves the datagrams and the SDP, and decides who may hear whom.

mod aftermath;
mod allocation;
mod allowance;
mod batch;
#[cfg(test)]
mod call;
mod choose;
mod clients;
mod clock;
mod command;
mod config;
#[cfg(test)]
mod containment;
mod cursor;
mod demand;
mod demux;
mod descriptors;
mod direct;
mod draining;
mod dtls;
mod egress;
mod engine;
mod event;
mod exchange;
mod exports;
mod extensions;
mod formats;
mod forward;
#[cfg(fuzzing)]
pub mod fuzzing;
mod ids;
mod imports;
mod keyframes;
mod ladder;
mod layer;
mod layer_gate;
mod layer_meter;
mod lazy_ciphers;
mod limits;
mod losses;
mod loudness;
mod media;
mod negotiate;
mod numbers;
mod packet;
mod patience;
mod publication;
mod rate;
mod reception;
mod redundancy;
mod relay;
mod repair_room;
mod repairs;
mod replay_window;
mod resend_budget;
mod resends;
mod restorer;
mod round_trip;
mod rtcp;
mod rtp_header;
mod runs;
mod scaling;
mod sdp;
mod selection;
mod send_queue;
mod sent_numbers;
mod service;
mod sfu;
mod spread;
mod srtp;
mod srtp_cipher;
mod statistics;
mod subscription;
mod timer_wheel;
mod track;
mod transport;

pub use command::{Command, EncodingChoice, Priority, TrackRequest};
pub use config::{EgressKind, SfuConfig};
pub use event::{CloseReason, EncodingDemand, Event, Service};
pub use galene_rtp::{Codec, MediaKind};
pub use ids::{ClientId, ShardId, TrackId, TransportId};
pub use layer::Layer;
pub use relay::RelayMessage;
pub use send_queue::Transmit;
pub use sfu::{Counters, Intake, Sfu};
pub use statistics::{
    LayerLimit, LayerNumbers, MAX_REPORTED, ReceivedEncoding, ReceptionReport, SentTrack, Tracks,
    TransportStatistics,
};
