//! Named sets of permissions.

use galene_protocol::{Permission, Permissions};
use serde::{Deserialize, Serialize};

use crate::Policy;

/// A named set of permissions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", try_from = "String")]
pub enum Role {
    /// Administers the group, but does not take part.
    Admin,
    /// Writes captions.
    Caption,
    /// Chats.
    Message,
    /// Watches.
    Observe,
    /// Does everything that there is to do in a group.
    Op,
    /// Publishes and chats.
    Present,
}

/// There is no role of this name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown role {0:?}; there are op, present, message, observe, caption and admin")]
pub struct UnknownRole(pub String);

impl Role {
    /// The names of all roles that always exist, the mightiest in a meeting first.
    pub const NAMES: [&str; 6] = ["op", "present", "message", "observe", "caption", "admin"];

    /// Returns what the role may do in a group.
    pub fn permissions(self, policy: &Policy) -> Permissions {
        match self {
            Self::Admin => [Permission::Admin].into(),
            Self::Caption => [Permission::Caption].into(),
            Self::Message => [Permission::Message].into(),
            Self::Observe => Permissions::default(),
            Self::Op => {
                let all = [Permission::Op, Permission::Present, Permission::Message];
                let all = all.into_iter().chain([Permission::Caption, Permission::Token]);
                all.chain(policy.allow_recording.then_some(Permission::Record)).collect()
            }
            Self::Present => {
                let all = [Permission::Present, Permission::Message].into_iter();
                all.chain(policy.unrestricted_tokens.then_some(Permission::Token)).collect()
            }
        }
    }
}

impl TryFrom<String> for Role {
    type Error = UnknownRole;

    fn try_from(name: String) -> Result<Self, UnknownRole> {
        match name.as_str() {
            "admin" => Ok(Self::Admin),
            "caption" => Ok(Self::Caption),
            "message" => Ok(Self::Message),
            "observe" => Ok(Self::Observe),
            "op" => Ok(Self::Op),
            "present" => Ok(Self::Present),
            _ => Err(UnknownRole(name)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_role_has_its_permissions_and_the_group_may_add_some() {
        let names = |role: &str, allow_recording, unrestricted_tokens| {
            let policy = Policy { allow_recording, unrestricted_tokens, ..Policy::default() };
            let role = Role::try_from(role.to_owned()).expect("a role");
            role.permissions(&policy)
                .iter()
                .map(|p| p.as_str().to_owned())
                .collect::<Vec<_>>()
                .join(" ")
        };
        for (role, plain, recording, tokens) in [
            ("op", "op present message caption token", " record", ""),
            ("present", "present message", "", " token"),
            ("message", "message", "", ""),
            ("observe", "", "", ""),
            ("caption", "caption", "", ""),
            ("admin", "admin", "", ""),
        ] {
            assert_eq!(names(role, false, false), plain);
            assert_eq!(names(role, true, false), format!("{plain}{recording}"));
            assert_eq!(names(role, false, true), format!("{plain}{tokens}"));
            assert_eq!(names(role, true, true), format!("{plain}{recording}{tokens}"));
        }
    }

    #[test]
    fn other_names_are_no_roles() {
        for name in ["", "Op", "system", "record"] {
            assert_eq!(Role::try_from(name.to_owned()), Err(UnknownRole(name.to_owned())));
        }
    }
}
