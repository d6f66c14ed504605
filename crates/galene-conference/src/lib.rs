//! The control plane of a whole server as one state machine: sessions speak the protocol, groups
//! change, commands go to the media plane.
//!
//! A [`Conference`] takes in what happens ([`Input`]) and says what is to be done ([`Output`]). It reads
//! no clock, no file and no socket: group definitions are looked up and passwords hashed by whoever
//! drives it, who answers when it is done.

mod allowance;
mod chat;
mod conference;
mod config;
mod features;
mod groups;
mod guessing;
mod inbox;
mod input;
mod join;
mod kick;
mod limits;
mod message;
mod moderation;
mod output;
mod overview;
mod placement;
mod rate;
mod session;
mod streams;
mod timers;
mod tokens;

pub use conference::Conference;
pub use config::{Config, Site};
// They are part of inputs and outputs, so whoever passes those on need not know their crate.
pub use galene_auth::{NoTokens, Outside};
pub use galene_sfu::{
    Codec, Command, Event, LayerLimit, LayerNumbers, MAX_REPORTED, ReceivedEncoding,
    ReceptionReport, SentTrack, ShardId, TrackId, Tracks, TransportId, TransportStatistics,
};
pub use input::{Input, Now, SessionId, Ticket};
pub use output::{MediaCommand, Output};
pub use overview::{GroupOverview, MemberOverview, StreamOverview};
