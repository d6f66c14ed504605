//! What clients attach to themselves and to their group.

use std::sync::Arc;

use galene_protocol::{ClientId, Data, ServerMessage, UserUpdate};

use super::Group;
use crate::dictionary::merge;
use crate::{Action, MemberId, Refusal};

impl Group {
    /// Merges `patch` into the group's data; a null member is deleted. Everybody hears of it.
    ///
    /// # Errors
    ///
    /// [`Refusal`] if the member is no operator or the data would become too large.
    pub fn set_data(&mut self, member: MemberId, patch: &Data) -> Result<(), Refusal> {
        self.allowed(member, Action::SetGroupData, None)?;
        merge(Arc::make_mut(&mut self.data), patch)?;
        self.tell_all_of_change();
        Ok(())
    }

    /// Merges `patch` into what a member tells about itself; a null member is deleted. Everybody hears
    /// of it.
    ///
    /// # Errors
    ///
    /// [`Refusal`] if the asker may not speak for that member or the data would become too large.
    pub fn set_user_data(
        &mut self,
        asker: MemberId,
        client: &ClientId,
        patch: &Data,
    ) -> Result<(), Refusal> {
        let member = self.target(asker, Action::SetUserData, client)?;
        let state = self.members.get_mut(&member).ok_or(Refusal::NotAMember)?;
        state.update(|state| merge(&mut state.data, patch))?;
        self.announce(member);
        Ok(())
    }

    /// Tells everybody, the member included, what is to be known about a member.
    pub fn announce(&mut self, member: MemberId) {
        if let Some(state) = self.members.get(&member).map(|member| member.state().clone()) {
            self.send_to_all(ServerMessage::User(UserUpdate::Change(state)));
        }
    }
}
