//! Roles that the administrator defines.

use std::collections::BTreeMap;

use galene_protocol::Permissions;
use serde::{Deserialize, Serialize};

use crate::{PermissionSpec, Role, UserEntry};

/// The roles that an administrator added to Galène's own, by name. Each grants exactly the permissions
/// listed for it, whatever a group says about recording and tokens.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "BTreeMap<String, Permissions>", into = "BTreeMap<String, Permissions>")]
pub struct Roles(BTreeMap<String, Permissions>);

/// Why a role cannot be defined.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RolesError {
    /// It is one of those that always exist. To change its meaning would break groups that were written
    /// for it.
    #[error("the role {0:?} always exists and cannot be redefined; choose another name")]
    BuiltIn(String),
    /// It has no name.
    #[error("a role needs a name")]
    Nameless,
}

impl Roles {
    /// Returns what a role may do.
    pub fn get(&self, name: &str) -> Option<&Permissions> {
        self.0.get(name)
    }

    /// Returns the names of the roles that were added, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// Returns the role that an entry names, if there is none of that name.
    pub fn missing<'a>(&self, entry: &'a UserEntry) -> Option<&'a str> {
        match &entry.permissions {
            Some(PermissionSpec::Custom(name)) if self.get(name).is_none() => Some(name),
            Some(PermissionSpec::Custom(_) | PermissionSpec::Raw(_) | PermissionSpec::Role(_))
            | None => None,
        }
    }
}

impl TryFrom<BTreeMap<String, Permissions>> for Roles {
    type Error = RolesError;

    fn try_from(roles: BTreeMap<String, Permissions>) -> Result<Self, RolesError> {
        for name in roles.keys() {
            if name.is_empty() {
                return Err(RolesError::Nameless);
            }
            if Role::try_from(name.clone()).is_ok() {
                return Err(RolesError::BuiltIn(name.clone()));
            }
        }
        Ok(Self(roles))
    }
}

impl From<Roles> for BTreeMap<String, Permissions> {
    fn from(roles: Roles) -> Self {
        roles.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_are_added_and_those_that_exist_cannot_be_changed() {
        let parse = |json: &str| serde_json::from_str::<Roles>(json);
        let roles = parse(r#"{"moderator": ["op", "message"], "guest": []}"#).expect("new names");
        let moderator = roles.get("moderator").expect("it was defined");
        assert_eq!(moderator.iter().map(|p| p.as_str()).collect::<Vec<_>>(), ["op", "message"]);
        assert_eq!(roles.names().collect::<Vec<_>>(), ["guest", "moderator"]);
        for own in ["op", "present", "message", "observe", "caption", "admin"] {
            let error = parse(&format!("{{\"{own}\": []}}")).expect_err("it exists").to_string();
            assert!(error.contains("cannot be redefined"), "{error}");
        }
        assert!(parse(r#"{"": ["op"]}"#).is_err());
        assert!(parse(r#"{"moderator": "op"}"#).is_err());
    }
}
