//! What a group has to tell its members.

use std::sync::Arc;

use galene_protocol::ServerMessage;

use crate::MemberId;

/// Something to tell members, in the order in which it happened.
#[derive(Debug, Clone, PartialEq)]
#[must_use]
pub enum Notice {
    /// Something about their membership changed: send each of them its
    /// [`membership`](crate::Group::membership) anew.
    Changed {
        /// Who is told.
        to: Vec<MemberId>,
    },
    /// A new member is to be told of its [`membership`](crate::Group::membership), which is always the
    /// first thing that it hears.
    Joined {
        /// The new member.
        to: MemberId,
    },
    /// Send a message, the same to all.
    Send {
        /// Who gets it; never empty.
        to: Vec<MemberId>,
        /// What they get.
        message: Arc<ServerMessage>,
    },
}
