//! Who may join a group, and what they may do there.

use std::collections::BTreeMap;
use std::collections::hash_map::DefaultHasher;
use std::fmt;
use std::hash::{Hash, Hasher};

use galene_protocol::{Permission, Permissions};
use serde::de::value::SeqAccessDeserializer;
use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use crate::{Password, Role};

/// What of a group's definition decides who may join.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Policy {
    /// The users with an entry of their own.
    pub users: BTreeMap<String, UserEntry>,
    /// The entry for everybody else.
    pub wildcard_user: Option<UserEntry>,
    /// Whether operators may record.
    pub allow_recording: bool,
    /// Whether whoever has a role that may publish may also make tokens.
    pub unrestricted_tokens: bool,
}

/// A user's password and permissions.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UserEntry {
    /// What the user must know.
    #[serde(default, skip_serializing_if = "Password::is_absent")]
    pub password: Password,
    /// What the user may do; nothing if `None`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub permissions: Option<PermissionSpec>,
}

/// Permissions as a group's definition states them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum PermissionSpec {
    /// These and no others.
    Raw(Permissions),
    /// Those of a role, which depend on the group.
    Role(Role),
}

impl Policy {
    /// Returns what an entry's user may do.
    pub(crate) fn permissions(&self, entry: &UserEntry) -> Permissions {
        match &entry.permissions {
            None => Permissions::default(),
            Some(PermissionSpec::Raw(permissions)) => permissions.clone(),
            Some(PermissionSpec::Role(role)) => role.permissions(self),
        }
    }

    /// Returns a password to compare with on behalf of somebody who has none, so that the time of a
    /// refusal does not tell whether a user exists.
    ///
    /// It is always the same for the same name, and over all names the kinds of passwords are spread
    /// as they are over the users.
    pub(crate) fn decoy(&self, name: &str) -> Option<&Password> {
        let passwords =
            || self.users.values().map(|entry| &entry.password).filter(|p| !p.is_absent());
        let mut hasher = DefaultHasher::new();
        name.hash(&mut hasher);
        let count = passwords().count().max(1);
        let index = hasher.finish() % u64::try_from(count).unwrap_or(u64::MAX);
        passwords().nth(usize::try_from(index).unwrap_or_default())
    }
}

impl<'de> Deserialize<'de> for PermissionSpec {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Json;

        impl<'de> Visitor<'de> for Json {
            type Value = PermissionSpec;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the name of a role or an array of permissions")
            }

            fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<PermissionSpec, E> {
                Role::try_from(name.to_owned()).map(PermissionSpec::Role).map_err(E::custom)
            }

            fn visit_seq<S: SeqAccess<'de>>(self, seq: S) -> Result<PermissionSpec, S::Error> {
                let permissions = Vec::<Permission>::deserialize(SeqAccessDeserializer::new(seq))?;
                Ok(PermissionSpec::Raw(permissions.into_iter().collect()))
            }
        }

        deserializer.deserialize_any(Json)
    }
}
