//! What a client says to the server.

mod decode;
mod encode;

use serde_json::Value;

use crate::{
    ClientId, Data, DecodeError, Features, IceCandidate, MessageId, Secret, StreamId,
    StreamRequest, TokenTemplate, Wanted,
};

/// A message from a client.
#[derive(Debug, Clone, PartialEq)]
pub struct ClientMessage {
    /// Who the sender says it is. If given, it must be the id of the sender's handshake.
    pub source: Option<ClientId>,
    /// What the sender says it is called. If given, even if empty, it must be the sender's current
    /// name. Never set in [`ClientBody::Join`], which has a username of its own.
    pub username: Option<String>,
    /// What is said.
    pub body: ClientBody,
}

/// What a [`ClientMessage`] says.
#[derive(Debug, Clone, PartialEq)]
pub enum ClientBody {
    /// The client does not want a stream that it receives.
    Abort {
        /// Which stream.
        id: StreamId,
    },
    /// The answer to the server's offer.
    Answer(Answer),
    /// A chat message.
    Chat(Post),
    /// The client ends a stream that it publishes.
    Close {
        /// Which stream.
        id: StreamId,
    },
    /// Something to do to the group.
    GroupAction(GroupAction),
    /// The first message of a connection.
    Handshake(Handshake),
    /// A candidate of the client.
    Ice(Ice),
    /// The client wants to become a member of a group.
    Join(Join),
    /// The client leaves its group but stays connected.
    Leave {
        /// The group's name as the client gave it.
        group: String,
    },
    /// The client publishes a stream or changes one.
    Offer(ClientOffer),
    /// A sign of life that asks for one in return.
    Ping,
    /// A sign of life.
    Pong,
    /// The client lost a stream that it receives and asks for a new offer.
    Renegotiate {
        /// Which stream.
        id: StreamId,
    },
    /// What the client wants to receive from now on.
    Request(StreamRequest),
    /// What the client wants of one stream, whatever its label.
    RequestStream {
        /// Which stream.
        id: StreamId,
        /// Which tracks; `None` to go by the label again.
        request: Option<Wanted>,
    },
    /// Something to do to a member.
    UserAction(UserAction),
    /// A message from client to client that is not chat.
    UserMessage(Post),
}

/// The first message of a connection.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Handshake {
    /// The protocol versions that the client speaks, best first.
    pub version: Vec<String>,
    /// The client's id. Without one it cannot join.
    pub id: Option<ClientId>,
    /// What the client understands beyond Galène's protocol.
    pub features: Features,
}

/// Credentials for a group.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Join {
    /// The group's name as the client gave it.
    pub group: String,
    /// The username; `None` is another thing than the empty name.
    pub username: Option<String>,
    /// The password, empty if none was given.
    pub password: Secret,
    /// The token, which takes precedence over the password.
    pub token: Option<Secret>,
    /// What the others are told about the user.
    pub data: Data,
}

/// A chat or user message.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Post {
    /// The message's id, if the client gave it one.
    pub id: Option<MessageId>,
    /// Who is to get it; everybody if `None`.
    pub dest: Option<ClientId>,
    /// What kind of message it is; any text, and empty for ordinary chat.
    pub kind: String,
    /// Whether the sender wants no copy.
    pub noecho: bool,
    /// What is said.
    pub value: Option<Value>,
}

impl Post {
    /// The kind of chat message that captions what is being said in the room.
    pub const CAPTION: &str = "caption";
}

/// The client publishes a stream or changes one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientOffer {
    /// Which stream.
    pub id: StreamId,
    /// What the stream shows, `camera` for instance; only the first offer's counts.
    pub label: String,
    /// The stream of the same client that this one takes the place of.
    pub replace: Option<StreamId>,
    /// The offer.
    pub sdp: String,
}

/// The answer to an offer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Which stream.
    pub id: StreamId,
    /// The answer.
    pub sdp: String,
}

/// A candidate for the transport of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ice {
    /// Which stream.
    pub id: StreamId,
    /// The candidate.
    pub candidate: IceCandidate,
}

/// Something to do to the group.
#[derive(Debug, Clone, PartialEq)]
pub enum GroupAction {
    /// Forget chat messages.
    ClearChat(ClearChat),
    /// Change a token's times.
    EditToken(TokenTemplate),
    /// List the group's tokens.
    ListTokens,
    /// Let nobody but operators in.
    Lock {
        /// What those are told who are kept out; may be empty.
        message: String,
    },
    /// Make a token.
    MakeToken(TokenTemplate),
    /// Start recording.
    Record,
    /// Change the group's data; a null member is deleted.
    SetData(Data),
    /// List the groups below that have members.
    Subgroups,
    /// Let everybody in again.
    Unlock,
    /// Stop recording.
    Unrecord,
    /// Something that this server does not know.
    Unknown {
        /// The beginning of the action's kind.
        kind: String,
    },
}

/// Which chat messages to forget.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClearChat {
    /// All of them.
    All,
    /// Those of one client.
    FromUser(ClientId),
    /// A single one.
    Message {
        /// Who sent it.
        user_id: ClientId,
        /// Its id.
        id: MessageId,
    },
}

/// Something to do to a member.
#[derive(Debug, Clone, PartialEq)]
pub struct UserAction {
    /// Which member.
    pub dest: Option<ClientId>,
    /// What to do.
    pub kind: UserActionKind,
}

/// What to do to a member.
#[derive(Debug, Clone, PartialEq)]
pub enum UserActionKind {
    /// Tell the requester the member's address.
    Identify,
    /// Throw the member out.
    Kick {
        /// What the member is told.
        message: Option<String>,
    },
    /// Make the member an operator.
    Op,
    /// Let the member publish.
    Present,
    /// Change the member's data, which must be the requester's own; a null member is deleted.
    SetData(Data),
    /// Let the member no longer chat.
    Shutup,
    /// Make the operator an ordinary member.
    Unop,
    /// Let the member no longer publish.
    Unpresent,
    /// Let the member chat again.
    Unshutup,
    /// Something that this server does not know.
    Unknown {
        /// The beginning of the action's kind.
        kind: String,
    },
}

impl ClientMessage {
    /// Reads one WebSocket message, text or binary.
    ///
    /// # Errors
    ///
    /// [`DecodeError`] if it is not a message of the protocol, or exceeds one of the
    /// [limits](crate::limits).
    pub fn decode(message: &[u8]) -> Result<Self, DecodeError> {
        decode::decode(message)
    }

    /// Writes the message as JSON.
    pub fn encode(&self) -> String {
        encode::encode(self)
    }
}

impl From<ClientBody> for ClientMessage {
    /// Says something without claiming to be anyone.
    fn from(body: ClientBody) -> Self {
        Self { source: None, username: None, body }
    }
}
