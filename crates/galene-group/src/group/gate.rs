//! Who is let in once the credentials are right.

use std::time::SystemTime;

use galene_protocol::{Permission, Permissions};

use super::{Group, Lock};
use crate::MemberId;
use crate::dictionary::TooLarge;

/// Whoever has one of these passes the gate whatever its state.
const ADMITTED_ANYWAY: [Permission; 2] = [Permission::Op, Permission::System];

/// What members are told, and those who are kept out, when a group locks itself.
const AUTOLOCK_MESSAGE: &str = "this group is locked until an operator opens it";

/// Why somebody was not let in despite the right credentials. The text is for the one who tried.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JoinRefusal {
    /// The group's time is over.
    #[error("this group is closed")]
    Closed,
    /// A member has the same client id.
    #[error("another client in this group has the same id")]
    DuplicateId,
    /// The group is full.
    #[error("too many users in this group")]
    Full,
    /// An operator, or the group itself, locked it.
    #[error("{0}")]
    Locked(String),
    /// The client named no id for itself in its handshake.
    #[error("a client without an id cannot join")]
    NoId,
    /// Nobody may be in the group without an operator.
    #[error("there are no operators in this group")]
    NoOperator,
    /// The group's time is still to come.
    #[error("this group is not open yet")]
    NotOpenYet,
    /// The user's data is too large.
    #[error(transparent)]
    TooLarge(#[from] TooLarge),
}

impl Group {
    /// Tells whether the gate is open to somebody with these permissions.
    ///
    /// # Errors
    ///
    /// [`JoinRefusal`] names the first reason why not, in the order locked, too early, too late,
    /// without operator, full.
    pub fn check_gate(
        &self,
        permissions: &Permissions,
        now: SystemTime,
    ) -> Result<(), JoinRefusal> {
        if ADMITTED_ANYWAY.iter().any(|permission| permissions.contains(permission)) {
            return Ok(());
        }
        let description = &self.description;
        if let Some(lock) = &self.lock {
            return Err(JoinRefusal::Locked(lock.text().to_owned()));
        }
        if description.not_before.is_some_and(|not_before| now < not_before) {
            return Err(JoinRefusal::NotOpenYet);
        }
        if description.expires.is_some_and(|expires| now > expires) {
            return Err(JoinRefusal::Closed);
        }
        if description.autokick && !self.has_operator() {
            return Err(JoinRefusal::NoOperator);
        }
        if description.max_clients.is_some_and(|max| self.members.len() >= max.get()) {
            return Err(JoinRefusal::Full);
        }
        Ok(())
    }

    /// Returns the members who may not stay because the group kicks everybody when it has no operator.
    pub fn members_to_kick(&self) -> Vec<MemberId> {
        if self.description.autokick && !self.has_operator() {
            self.members.keys().copied().collect()
        } else {
            Vec::new()
        }
    }

    pub(super) fn has_operator(&self) -> bool {
        self.members.values().any(|member| member.may(&Permission::Op))
    }

    /// Locks the group if it has to be locked without an operator; tells whether it did. An operator's
    /// coming does not unlock it.
    pub(super) fn autolock(&mut self) -> bool {
        let locks = self.description.autolock && self.lock.is_none() && !self.has_operator();
        if locks {
            self.lock = Some(Lock { message: AUTOLOCK_MESSAGE.to_owned() });
            self.tell_all_of_change();
        }
        locks
    }
}

impl Lock {
    fn text(&self) -> &str {
        if self.message.is_empty() { "this group is locked" } else { &self.message }
    }
}
