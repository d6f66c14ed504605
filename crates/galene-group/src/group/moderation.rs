//! What operators do to the group and to its members.

use galene_protocol::{ClientId, Permission};

use super::{Group, Lock};
use crate::limits::MAX_NOTE_BYTES;
use crate::{Action, Member, MemberId, Notice, Refusal};

/// A change of what a member may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PermissionChange {
    /// Make it an operator, who may record if the group allows recording.
    Op,
    /// Let it publish.
    Present,
    /// Let it no longer chat.
    Shutup,
    /// Make the operator an ordinary member, who may not record.
    Unop,
    /// Let it no longer publish.
    Unpresent,
    /// Let it chat again.
    Unshutup,
}

/// What came of [`Group::change_permissions`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use = "the change still has to be announced"]
pub struct PermissionsChanged {
    /// Whose permissions changed.
    pub member: MemberId,
    /// Whether the member may no longer publish although it could before.
    pub lost_present: bool,
}

impl Group {
    /// Locks the group against everybody but operators. The message is for those who are kept out;
    /// members only hear that it is locked.
    ///
    /// # Errors
    ///
    /// [`Refusal`] if the member is no operator or the message too long.
    pub fn lock(&mut self, member: MemberId, message: String) -> Result<(), Refusal> {
        self.allowed(member, Action::Lock, None)?;
        check_note(&message)?;
        self.lock = Some(Lock { message });
        self.tell_all_of_change();
        Ok(())
    }

    /// Unlocks the group.
    ///
    /// # Errors
    ///
    /// [`Refusal::NotAuthorised`] if the member is no operator.
    pub fn unlock(&mut self, member: MemberId) -> Result<(), Refusal> {
        self.allowed(member, Action::Lock, None)?;
        self.lock = None;
        self.tell_all_of_change();
        Ok(())
    }

    /// Changes what a member may do, and tells the member. Everybody else hears of it by
    /// [`announce`](Self::announce), once streams that the member may no longer publish are closed.
    ///
    /// Afterwards, call [`members_to_kick`](Self::members_to_kick), for the last operator may have
    /// become an ordinary member.
    ///
    /// # Errors
    ///
    /// [`Refusal`] if the asker is no operator or there is no such member.
    pub fn change_permissions(
        &mut self,
        asker: MemberId,
        client: &ClientId,
        change: PermissionChange,
    ) -> Result<PermissionsChanged, Refusal> {
        let id = self.target(asker, Action::ChangePermissions, client)?;
        let allow_recording = self.description.allow_recording;
        let member =
            self.members.get_mut(&id).ok_or_else(|| Refusal::NoSuchUser(client.clone()))?;
        let could_present = member.may(&Permission::Present);
        member.update(|state| {
            let permissions = &mut state.permissions;
            match change {
                PermissionChange::Op => {
                    permissions.add(Permission::Op);
                    if allow_recording {
                        permissions.add(Permission::Record);
                    }
                }
                PermissionChange::Unop => {
                    permissions.remove(&Permission::Op);
                    permissions.remove(&Permission::Record);
                }
                PermissionChange::Present => permissions.add(Permission::Present),
                PermissionChange::Unpresent => permissions.remove(&Permission::Present),
                PermissionChange::Unshutup => permissions.add(Permission::Message),
                PermissionChange::Shutup => permissions.remove(&Permission::Message),
            }
        });
        let lost_present = could_present && !member.may(&Permission::Present);
        // Locking tells everybody of the change, so this member, too.
        if !self.autolock() {
            self.notices.push_back(Notice::Changed { to: vec![id] });
        }
        Ok(PermissionsChanged { member: id, lost_present })
    }

    /// Finds the member upon whom another wants to act from outside the group: to kick it, say.
    ///
    /// # Errors
    ///
    /// [`Refusal`] if the asker may not or there is no such member.
    pub fn find_target(
        &self,
        asker: MemberId,
        action: Action,
        client: &ClientId,
    ) -> Result<(MemberId, &Member), Refusal> {
        let id = self.target(asker, action, client)?;
        Ok((id, self.acting(id)?))
    }

    /// Checks that a member may do something that the group itself knows nothing of.
    ///
    /// # Errors
    ///
    /// [`Refusal`] if it is no member or may not.
    pub fn check(&self, asker: MemberId, action: Action) -> Result<(), Refusal> {
        self.allowed(asker, action, None).map(|_| ())
    }
}

/// Checks the length of a message that goes with a lock or a kick.
///
/// # Errors
///
/// [`Refusal::TooLong`] if it is too long.
pub fn check_note(message: &str) -> Result<(), Refusal> {
    if message.len() <= MAX_NOTE_BYTES {
        Ok(())
    } else {
        Err(Refusal::TooLong { limit: MAX_NOTE_BYTES })
    }
}
