//! The words of Galène's signalling protocol, as parsed types.
//!
//! Bytes of one WebSocket message go into [`ClientMessage::decode`], and what comes out cannot be
//! wrong in form: ids are not empty, kinds are known or named as unknown, secrets do not print. Each
//! [`ServerMessage`] is turned into JSON by [`ServerMessage::encode`]. Both directions work both ways,
//! so that clients and tests can use them too.
//!
//! The crate judges form alone. Who may say what, and when, is decided further in.

mod client;
mod close_code;
mod decode_error;
mod envelope;
mod feature;
mod group_name;
mod group_status;
mod ice;
mod ids;
pub mod limits;
mod permission;
mod relayed;
mod rtc_configuration;
mod secret;
mod server;
mod stream_request;
mod stream_status;
mod surrogate;
mod text;
mod timestamp;
mod token;
mod username;

pub use client::{
    Answer, ClearChat, ClientBody, ClientMessage, ClientOffer, GroupAction, Handshake, Ice, Join,
    Post, UserAction, UserActionKind,
};
pub use close_code::{CloseCode, truncate_close_reason};
pub use decode_error::DecodeError;
pub use feature::{Feature, Features};
pub use group_name::{GroupName, GroupNameError};
pub use group_status::GroupStatus;
pub use ice::IceCandidate;
pub use ids::{ClientId, EmptyId, MessageId, StreamId};
pub use permission::{Permission, Permissions};
pub use relayed::{HistoryEntry, Relayed};
pub use rtc_configuration::{CredentialType, IceServer, IceTransportPolicy, RtcConfiguration};
pub use secret::Secret;
pub use server::{
    JoinError, Joined, Kicker, Membership, ServerMessage, ServerOffer, Speaker, TokenRefusal,
    UserInfo, UserMessage, UserState, UserUpdate,
};
pub use stream_request::{StreamRequest, VideoRequest, Wanted};
pub use stream_status::{EncodingUse, LimitReason, StreamStatus};
pub use timestamp::{Timestamp, TimestampError};
pub use token::{Token, TokenError, TokenTemplate, TokenTime};
pub use username::{Username, UsernameError};

/// The protocol version that both sides name in their handshake.
pub const VERSION: &str = "2";

/// A dictionary of JSON values: the data of a user or of a group.
pub type Data = serde_json::Map<String, serde_json::Value>;
