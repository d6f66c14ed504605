//! Why a member may not do what it asked for.

use std::fmt;

use galene_protocol::{ClientId, Permission};

use crate::dictionary::TooLarge;
use crate::limits::MAX_STREAMS_PER_MEMBER;

/// Why a group refused what a member asked for. The member is told, and stays.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// Somebody else's stream, or one that is just being replaced, has this id.
    #[error("this stream id is in use")]
    IdInUse,
    /// The member may not. The text begins as Galène's does.
    #[error("not authorised{}", Lack(missing))]
    NotAuthorised {
        /// A permission that it lacks, if it is for want of one.
        missing: Option<Permission>,
    },
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

/// What a refusal says of the permission that is missing, if one is.
struct Lack<'a>(&'a Option<Permission>);

impl fmt::Display for Lack<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(permission) => write!(
                f,
                ": this takes the permission {permission:?}",
                permission = permission.as_str()
            ),
            None => Ok(()),
        }
    }
}
