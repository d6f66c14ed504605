//! What members can do in a group, and what each of it takes.
//!
//! This is the one place where permissions are compared with actions. Who wants other rules brings
//! another [`Authorizer`].

use std::fmt;

use galene_protocol::{GroupName, Permission, UserState};

/// Something that a member wants to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Action {
    /// See and change tokens that others made.
    AdministerTokens,
    /// Write a caption.
    Caption,
    /// Change what a member may do.
    ChangePermissions,
    /// Chat.
    Chat,
    /// Forget what was said.
    ClearChat,
    /// Learn where a member is connected from.
    Identify,
    /// Throw a member out.
    Kick,
    /// List the groups below that have members.
    ListSubgroups,
    /// Lock and unlock the group.
    Lock,
    /// Make a token.
    MakeToken,
    /// Publish a stream.
    Publish,
    /// Start and stop recording.
    Record,
    /// Change the group's data.
    SetGroupData,
    /// Change what a member tells about itself.
    SetUserData,
    /// Send a message that is not chat.
    UserMessage,
}

/// The question whether a member may do something.
#[derive(Debug, Clone, Copy)]
pub struct ActionRequest<'a> {
    /// In which group.
    pub group: &'a GroupName,
    /// Who asks.
    pub member: &'a UserState,
    /// What for.
    pub action: Action,
    /// Upon whom, if the action is one upon a member and that member exists.
    pub target: Option<&'a UserState>,
}

/// Decides what members may do. It is asked each time, must answer at once, and must always give the same
/// answer to the same question.
///
/// What somebody is granted on joining is decided elsewhere, and so is who passes the gate of a group.
pub trait Authorizer: fmt::Debug + Send + Sync {
    /// Returns whether the member may do it.
    fn allows(&self, request: &ActionRequest<'_>) -> bool;

    /// Returns a permission with which the member might do what it may not, so that it can be told what
    /// to ask an operator for. `None` if it is not for want of a permission, or nobody needs to know.
    fn missing(&self, request: &ActionRequest<'_>) -> Option<Permission> {
        let _ = request;
        None
    }
}

/// Galène's rules: each action takes certain permissions, and what is not in the table nobody may do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct GaleneRules;

impl Action {
    /// All that there are.
    pub const ALL: [Action; 15] = [
        Self::AdministerTokens,
        Self::Caption,
        Self::ChangePermissions,
        Self::Chat,
        Self::ClearChat,
        Self::Identify,
        Self::Kick,
        Self::ListSubgroups,
        Self::Lock,
        Self::MakeToken,
        Self::Publish,
        Self::Record,
        Self::SetGroupData,
        Self::SetUserData,
        Self::UserMessage,
    ];
}

impl Authorizer for GaleneRules {
    fn allows(&self, request: &ActionRequest<'_>) -> bool {
        // Everybody speaks for itself, operators too.
        let speaks_for_itself = request.action != Action::SetUserData
            || request.target.is_some_and(|target| target.id == request.member.id);
        speaks_for_itself && self.missing(request).is_none()
    }

    fn missing(&self, request: &ActionRequest<'_>) -> Option<Permission> {
        let needed: &[Permission] = match request.action {
            Action::AdministerTokens => &[Permission::Op, Permission::Token],
            Action::Caption => &[Permission::Caption],
            Action::Chat | Action::UserMessage => &[Permission::Message],
            Action::ChangePermissions
            | Action::ClearChat
            | Action::Identify
            | Action::Kick
            | Action::ListSubgroups
            | Action::Lock
            | Action::SetGroupData => &[Permission::Op],
            Action::MakeToken => &[Permission::Token],
            Action::Publish => &[Permission::Present],
            Action::Record => &[Permission::Record],
            Action::SetUserData => &[],
        };
        let has = |permission: &&Permission| request.member.permissions.contains(permission);
        needed.iter().find(|permission| !has(permission)).cloned()
    }
}

#[cfg(test)]
mod tests {
    use galene_protocol::{ClientId, Data, Permissions, Username};

    use super::*;

    #[test]
    fn without_permissions_a_member_changes_its_own_data_and_nothing_else() {
        let member = |id: &str| UserState {
            id: ClientId::try_from(id).expect("an id"),
            username: Username::default(),
            permissions: Permissions::default(),
            data: Data::new(),
        };
        let (ann, bob) = (member("ann"), member("bob"));
        let group = &GroupName::parse("g").expect("a name");
        for action in Action::ALL {
            for target in [None, Some(&ann), Some(&bob)] {
                let request = ActionRequest { group, member: &ann, action, target };
                let own_data = action == Action::SetUserData && target == Some(&ann);
                assert_eq!(GaleneRules.allows(&request), own_data, "{request:?}");
                let named = GaleneRules.missing(&request).is_some();
                assert_eq!(named, action != Action::SetUserData, "{request:?}");
            }
        }
    }
}
