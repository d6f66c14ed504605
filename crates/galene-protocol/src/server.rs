//! What the server says to a client.

mod decode;
mod encode;

use crate::{
    Answer, ClearChat, ClientId, Data, DecodeError, EncodingUse, Feature, Features, GroupName,
    GroupStatus, HistoryEntry, Ice, Permissions, Relayed, RtcConfiguration, StreamId, StreamStatus,
    Token, Username,
};

/// A message from the server.
#[derive(Debug, Clone, PartialEq)]
pub enum ServerMessage {
    /// The client must stop publishing a stream.
    Abort {
        /// Which stream.
        id: StreamId,
    },
    /// The answer to the client's offer.
    Answer(Answer),
    /// A chat message.
    Chat(Relayed),
    /// A chat message from before the client joined.
    ChatHistory(HistoryEntry),
    /// A stream that the client receives is gone.
    Close {
        /// Which stream.
        id: StreamId,
    },
    /// Which encodings of a stream that the client publishes anybody watches
    /// ([`Feature::Encodings`]).
    Encodings {
        /// Which stream.
        id: StreamId,
        /// All encodings of its video, by decreasing quality.
        encodings: Vec<EncodingUse>,
    },
    /// The answer to the client's handshake.
    Handshake {
        /// The protocol versions that the server speaks.
        version: Vec<String>,
        /// What the server has to say beyond Galène's protocol, to clients that named it.
        features: Features,
    },
    /// A candidate of the server.
    Ice(Ice),
    /// The client's membership began, changed, ended or did not come about.
    Joined(Joined),
    /// The server offers a stream of another member.
    Offer(ServerOffer),
    /// A sign of life that asks for one in return.
    Ping,
    /// A sign of life.
    Pong,
    /// The server lost a stream that the client publishes and asks for a new offer.
    Renegotiate {
        /// Which stream.
        id: StreamId,
    },
    /// Who speaks, the loudest first; nobody if it is empty. It replaces what was said before.
    Speakers(Vec<Speaker>),
    /// What the client is sent of a stream that it receives ([`Feature::StreamStatus`]).
    StreamStatus {
        /// Which stream.
        id: StreamId,
        /// How much of what the client asked for.
        status: StreamStatus,
    },
    /// A member came, changed or went.
    User(UserUpdate),
    /// A message that is not chat, from the server or from another client.
    UserMessage(UserMessage),
}

/// The client's membership began, changed, ended or did not come about.
#[derive(Debug, Clone, PartialEq)]
pub enum Joined {
    /// Something about the membership changed.
    Change(Membership),
    /// The client did not become a member.
    Fail {
        /// The group's name as the client gave it.
        group: String,
        /// The client's name, as far as the server knows one.
        username: Option<Username>,
        /// What a program needs to know about it.
        error: Option<JoinError>,
        /// What a person needs to know about it.
        message: String,
    },
    /// The client became a member.
    Join(Membership),
    /// The client is no longer a member. The permissions are empty.
    Leave(Membership),
    /// The group is elsewhere.
    Redirect {
        /// The group's name.
        group: GroupName,
        /// The client's name.
        username: Username,
        /// Where to go.
        url: String,
    },
}

/// What a member knows about its membership.
#[derive(Debug, Clone, PartialEq)]
pub struct Membership {
    /// The group's name.
    pub group: GroupName,
    /// The member's name.
    pub username: Username,
    /// What the member may do.
    pub permissions: Permissions,
    /// What there is to know about the group.
    pub status: GroupStatus,
    /// The group's data.
    pub data: Data,
    /// What to configure transports with.
    pub rtc_configuration: RtcConfiguration,
}

/// Why a client did not become a member, for programs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JoinError {
    /// The name belongs to somebody who has a password.
    DuplicateUsername,
    /// The token leaves the name to its bearer, who must choose one.
    NeedUsername,
    /// Something that this version does not know.
    Other(Box<str>),
}

/// A member came, changed or went.
#[derive(Debug, Clone, PartialEq)]
pub enum UserUpdate {
    /// A member came, or was there already.
    Add(UserState),
    /// A member's permissions or data changed.
    Change(UserState),
    /// A member went.
    Delete {
        /// Who.
        id: ClientId,
        /// The member's name.
        username: Username,
    },
}

/// What members know about each other.
#[derive(Debug, Clone, PartialEq)]
pub struct UserState {
    /// Who it is about.
    pub id: ClientId,
    /// The member's name.
    pub username: Username,
    /// What the member may do.
    pub permissions: Permissions,
    /// What the member tells about itself.
    pub data: Data,
}

/// The server offers a stream of another member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerOffer {
    /// Which stream; the same id as the publisher's.
    pub id: StreamId,
    /// What the stream shows, `camera` for instance.
    pub label: String,
    /// The stream that the client receives and that this one takes the place of.
    pub replace: Option<StreamId>,
    /// Who publishes it.
    pub source: ClientId,
    /// The publisher's name.
    pub username: Username,
    /// The offer.
    pub sdp: String,
}

/// A stream in which somebody speaks.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Speaker {
    /// The stream.
    pub id: StreamId,
    /// Who publishes it.
    pub source: ClientId,
    /// How loud it is, in dBov: from -127, which is silence, to 0, the loudest that there can be
    /// (RFC 6464 §3).
    pub level: i8,
}

/// A message that is not chat.
///
/// All but [`Relayed`](Self::Relayed) come from the server itself.
#[derive(Debug, Clone, PartialEq)]
pub enum UserMessage {
    /// Messages were removed from the history.
    ClearChat(ClearChat),
    /// Something went wrong.
    Error {
        /// Who is told.
        dest: Option<ClientId>,
        /// What a person needs to know about it.
        message: String,
    },
    /// The client is about to be disconnected.
    Kicked {
        /// Who wanted it; `None` for the server.
        by: Option<Kicker>,
        /// Who is told.
        dest: Option<ClientId>,
        /// What a person needs to know about it.
        message: String,
    },
    /// What another client sent.
    Relayed(Relayed),
    /// The token that was made or changed, or why there is none.
    Token(Result<Token, TokenRefusal>),
    /// The group's tokens, or why they are not told.
    TokenList(Result<Vec<Token>, TokenRefusal>),
    /// Who a member is.
    UserInfo(UserInfo),
    /// Something the client should know.
    Warning {
        /// Who is told.
        dest: Option<ClientId>,
        /// What a person needs to know about it.
        message: String,
    },
}

/// Who kicked a member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kicker {
    /// The operator.
    pub id: ClientId,
    /// The operator's name.
    pub username: Username,
}

/// Why something about tokens was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenRefusal {
    /// Whether the requester may not do it at all.
    pub not_authorised: bool,
    /// What a person needs to know about it.
    pub message: String,
}

/// Who a member is.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct UserInfo {
    /// The member.
    pub id: ClientId,
    /// The member's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<Username>,
    /// Where the member is connected from, if that is known: address and port.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
}

impl ServerMessage {
    /// Writes the message as JSON.
    pub fn encode(&self) -> String {
        encode::encode(self)
    }

    /// Returns what a client must have named in its handshake to be sent this, or `None` for the words
    /// of Galène's protocol, which all clients know.
    pub fn feature(&self) -> Option<Feature> {
        match self {
            Self::Speakers(_) => Some(Feature::Speakers),
            Self::Abort { .. }
            | Self::Answer(_)
            | Self::Chat(_)
            | Self::ChatHistory(_)
            | Self::Close { .. }
            | Self::Handshake { .. }
            | Self::Ice(_)
            | Self::Joined(_)
            | Self::Offer(_)
            | Self::Ping
            | Self::Pong
            | Self::Renegotiate { .. }
            | Self::User(_)
            | Self::UserMessage(_) => None,
            Self::Encodings { .. } => Some(Feature::Encodings),
            Self::StreamStatus { .. } => Some(Feature::StreamStatus),
        }
    }

    /// Reads one WebSocket message, as a client would.
    ///
    /// # Errors
    ///
    /// [`DecodeError`] if it is not a message of the protocol.
    pub fn decode(message: &[u8]) -> Result<Self, DecodeError> {
        decode::decode(message)
    }
}
