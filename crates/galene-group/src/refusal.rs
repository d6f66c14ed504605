//! Why a member may not do what it asked for.

use galene_protocol::ClientId;

use crate::dictionary::TooLarge;
use crate::limits::MAX_STREAMS_PER_MEMBER;

/// Why a group refused what a member asked for. The member is told, and stays.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// Somebody else's stream, or one that is just being replaced, has this id.
    #[error("this stream id is in use")]
    IdInUse,
    /// The member lacks the permission.
    #[error("not authorised")]
    NotAuthorised,
    /// There is no such member (any more) to act upon.
    #[error("no such user")]
    NoSuchUser(ClientId),
    /// The asker is not a member (any more).
    #[error("join a group first")]
    NotAMember,
    /// The data of the user or group would become too large.
    #[error(transparent)]
    TooLarge(#[from] TooLarge),
    /// The message is too long.
    #[error("this message is too long (at most {limit} bytes)")]
    TooLong {
        /// How many bytes of JSON are allowed.
        limit: usize,
    },
    /// The member publishes too many streams.
    #[error("too many streams (at most {MAX_STREAMS_PER_MEMBER})")]
    TooManyStreams,
}
