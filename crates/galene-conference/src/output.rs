//! What a [`Conference`](crate::Conference) wants done.

use std::sync::Arc;

use galene_auth::{AuthoriseRequest, TokenOperation};
use galene_protocol::{GroupName, ServerMessage};
use galene_sfu::{Command, ShardId};

use crate::{SessionId, Ticket};

/// A command for one shard of the media plane.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MediaCommand {
    /// Which shard.
    pub shard: ShardId,
    /// What it is told.
    pub command: Command,
}

/// Something to do, in the order in which it was asked.
#[derive(Debug)]
#[must_use]
#[non_exhaustive]
pub enum Output {
    /// Send a message to some sessions, each through its own ordered queue. Serialise it once.
    Send {
        /// Who gets it.
        sessions: Vec<SessionId>,
        /// What they get.
        message: Arc<ServerMessage>,
    },
    /// Close a session after what was sent to it so far. No [`Input::SessionClosed`](crate::Input)
    /// is needed afterwards, and one does no harm.
    Close {
        /// Whom to close.
        session: SessionId,
        /// The WebSocket close code (RFC 6455 §7.4).
        code: u16,
        /// At most 123 bytes.
        reason: String,
    },
    /// Tell the media plane something.
    Media(MediaCommand),
    /// Look up a group's definition; answered by [`Input::GroupLoaded`](crate::Input::GroupLoaded).
    LoadGroup {
        /// Goes into the answer.
        ticket: Ticket,
        /// Which group.
        group: GroupName,
    },
    /// Check credentials, which may take long; answered by
    /// [`Input::Authorised`](crate::Input::Authorised).
    Authorise {
        /// Goes into the answer.
        ticket: Ticket,
        /// Run it away from the event loop: [`AuthoriseRequest::run`].
        request: AuthoriseRequest,
    },
    /// Do something to the tokens of a group; answered by
    /// [`Input::TokensAnswered`](crate::Input::TokensAnswered).
    Tokens {
        /// Goes into the answer.
        ticket: Ticket,
        /// Run it where it may block: [`TokenOperation::run`].
        operation: TokenOperation,
    },
}
