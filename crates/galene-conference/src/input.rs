//! What can happen to a [`Conference`](crate::Conference).

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use galene_auth::{AuthoriseError, Grant, TokenAnswer, TokenStoreError};
use galene_group::{GroupLookup, LookupError};
use galene_protocol::{ClientId, ClientMessage, DecodeError, GroupName};
use galene_sfu::Event;

use crate::ShardId;

/// One signalling connection. The number is chosen by the shell and never used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SessionId(pub u64);

/// Names a question to the shell, so that its answer finds back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Ticket(pub u64);

/// The time, on the two clocks that a conference needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    /// Monotonic: timers and timeouts.
    pub instant: Instant,
    /// Wall clock: what chat messages are stamped with, and what expiry dates are compared with.
    pub wall: SystemTime,
}

/// Something that happened.
#[derive(Debug)]
#[non_exhaustive]
pub enum Input {
    /// A client connected; its handshake is still to come.
    SessionOpened {
        /// The new session.
        session: SessionId,
        /// Where it connected from, if the shell knows.
        address: Option<SocketAddr>,
    },
    /// A client sent a message.
    Message {
        /// Who sent it.
        session: SessionId,
        /// What was sent.
        message: ClientMessage,
    },
    /// A client sent something that is not a message.
    Malformed {
        /// Who sent it.
        session: SessionId,
        /// What is wrong with it.
        error: DecodeError,
    },
    /// The connection of a client is gone, for whatever reason.
    SessionClosed {
        /// The session that is gone.
        session: SessionId,
    },
    /// The media plane reports something.
    Media {
        /// Which shard.
        shard: ShardId,
        /// What it reports.
        event: Event,
    },
    /// The answer to [`Output::LoadGroup`](crate::Output::LoadGroup).
    GroupLoaded {
        /// The question's ticket.
        ticket: Ticket,
        /// The definition, or why there is none.
        result: Result<GroupLookup, LookupError>,
    },
    /// The definition of a group changed on disk, or was found there. Of groups that nobody is in,
    /// only public ones matter: they are listed from now on.
    GroupChanged {
        /// The group's new definition.
        lookup: GroupLookup,
    },
    /// The definition of a group is gone from disk. Those who are in the group stay.
    GroupRemoved {
        /// The group's name.
        group: GroupName,
    },
    /// The answer to [`Output::Authorise`](crate::Output::Authorise).
    Authorised {
        /// The question's ticket.
        ticket: Ticket,
        /// What the credentials allow, or why nothing.
        result: Result<Grant, AuthoriseError>,
    },
    /// The answer to [`Output::Tokens`](crate::Output::Tokens).
    TokensAnswered {
        /// The question's ticket.
        ticket: Ticket,
        /// What came of it.
        result: Result<TokenAnswer, TokenStoreError>,
    },
    /// An administrator lets a member go, who need not be in the group any more.
    Kick {
        /// The group's name.
        group: GroupName,
        /// The member's id.
        client: ClientId,
        /// What the member is told, if there is something to say.
        message: Option<String>,
    },
    /// The server is about to stop: everybody is told and let go.
    Shutdown {
        /// What members are told.
        message: Arc<str>,
    },
    /// Time passed and nothing else happened.
    Timeout,
}
