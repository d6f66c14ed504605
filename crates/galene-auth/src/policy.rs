//! Who may join a group, and what they may do there.

use std::collections::BTreeMap;
use std::collections::hash_map::DefaultHasher;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use galene_protocol::{Permission, Permissions};
use serde::de::value::SeqAccessDeserializer;
use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use crate::{AuthKey, Password, Role, Roles};

/// What of a group's definition decides who may join.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Policy {
    /// The users with an entry of their own.
    pub users: BTreeMap<String, UserEntry>,
    /// The entry for everybody else.
    pub wildcard_user: Option<UserEntry>,
    /// The roles that the administrator defined.
    pub roles: Arc<Roles>,
    /// The keys that sign tokens.
    pub auth_keys: Vec<AuthKey>,
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
    /// Those of a role that the administrator defined.
    Custom(String),
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
            Some(PermissionSpec::Custom(name)) => self.roles.get(name).cloned().unwrap_or_default(),
            Some(PermissionSpec::Raw(permissions)) => permissions.clone(),
            Some(PermissionSpec::Role(role)) => role.permissions(self),
        }
    }

    /// Returns what else a password is compared with, in vain, before `name` is refused.
    ///
    /// Every refusal thus costs one comparison with a user's password and one with the wildcard
    /// user's, and its time does not tell whether there is a user of that name.
    pub(crate) fn decoys(&self, name: &str) -> impl Iterator<Item = &Password> {
        let user = self.users.get(name);
        let stand_in = if user.is_some_and(|user| user.password.refuses()) {
            None
        } else {
            self.stand_in(name)
        };
        let wildcard = user.and(self.wildcard_user.as_ref()).map(|wildcard| &wildcard.password);
        stand_in.into_iter().chain(wildcard)
    }

    /// Returns the password of some user in place of that of a name that has none.
    ///
    /// It is always the same one for the same name, and over all names the kinds of passwords are
    /// spread as they are over the users.
    fn stand_in(&self, name: &str) -> Option<&Password> {
        let passwords: Vec<_> = self
            .users
            .values()
            .map(|user| &user.password)
            .filter(|password| password.refuses())
            .collect();
        let mut hasher = DefaultHasher::new();
        name.hash(&mut hasher);
        let index = hasher.finish().checked_rem(passwords.len() as u64)?;
        passwords.get(index as usize).copied()
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
                // Whether the administrator defined such a role is known further out.
                Ok(Role::try_from(name.to_owned())
                    .map_or_else(|unknown| PermissionSpec::Custom(unknown.0), PermissionSpec::Role))
            }

            fn visit_seq<S: SeqAccess<'de>>(self, seq: S) -> Result<PermissionSpec, S::Error> {
                let permissions = Vec::<Permission>::deserialize(SeqAccessDeserializer::new(seq))?;
                Ok(PermissionSpec::Raw(permissions.into_iter().collect()))
            }
        }

        deserializer.deserialize_any(Json)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Pbkdf2Hash;

    #[test]
    fn permissions_are_the_name_of_a_role_or_a_list() {
        let parse = |json| serde_json::from_str::<UserEntry>(json).map(|entry| entry.permissions);
        let role = parse(r#"{"permissions": "op"}"#).expect("a role");
        assert_eq!(role, Some(PermissionSpec::Role(Role::Op)));
        let list = parse(r#"{"permissions": ["op", "fly"]}"#).expect("a list");
        let expected = Permissions::from([Permission::Op, Permission::Other("fly".into())]);
        assert_eq!(list, Some(PermissionSpec::Raw(expected)));
        assert_eq!(parse("{}").expect("nothing"), None);
        assert_eq!(parse(r#"{"permissions": null, "password": null}"#).expect("nothing"), None);
        let custom = parse(r#"{"permissions": "king"}"#).expect("a role that may be defined");
        assert_eq!(custom, Some(PermissionSpec::Custom("king".to_owned())));
        for json in [r#"{"permissions": [1]}"#, r#"{"permission": "op"}"#] {
            assert!(parse(json).is_err(), "{json}");
        }
    }

    #[test]
    fn an_entry_is_written_without_what_it_does_not_have() {
        for json in [
            "{}",
            r#"{"permissions":[]}"#,
            r#"{"password":"a","permissions":"caption"}"#,
            r#"{"permissions":"king"}"#,
        ] {
            let entry: UserEntry = serde_json::from_str(json).expect("an entry");
            assert_eq!(serde_json::to_string(&entry).expect("an entry is JSON"), json);
        }
    }

    #[test]
    fn a_refusal_costs_the_same_whether_or_not_the_user_exists() {
        for wildcard in [None, Some(Password::Plain("wild".into())), Some(derived(b"wild"))] {
            let mut policy =
                Policy { wildcard_user: wildcard.clone().map(with_password), ..Policy::default() };
            for name in ["alice", "bob"] {
                policy.users.insert(name.to_owned(), with_password(derived(name.as_bytes())));
            }
            policy.users.insert("nopassword".to_owned(), UserEntry::default());
            policy.users.insert("open".to_owned(), with_password(Password::Wildcard));

            let expected = [Some("pbkdf2"), wildcard.as_ref().map(kind)];
            let expected: Vec<_> = expected.into_iter().flatten().collect();
            for name in ["alice", "bob", "nopassword", "carol", "dave", "erin", "frank", ""] {
                let mut compared = compared(&policy, name);
                // Which comes first does not matter.
                compared.sort_by_key(|kind| *kind != expected[0]);
                assert_eq!(compared, expected, "{name}");
            }
        }
    }

    #[test]
    fn kinds_of_passwords_seem_spread_over_strangers_as_over_users() {
        let mut policy = Policy::default();
        for number in 0..10 {
            let password =
                if number < 5 { derived(&[number]) } else { Password::Plain("plain".into()) };
            policy.users.insert(number.to_string(), with_password(password));
        }
        let strangers: Vec<_> = (0..1000).map(|number| format!("stranger {number}")).collect();
        let plain = strangers.iter().filter(|name| compared(&policy, name) == ["plain"]).count();
        assert!((400..600).contains(&plain), "{plain} of 1000");
        assert!(strangers.iter().all(|name| compared(&policy, name) == compared(&policy, name)));
    }

    #[test]
    fn where_nobody_has_a_password_there_is_nothing_to_hide() {
        assert_eq!(compared(&Policy::default(), "alice"), [""; 0]);
    }

    /// Returns the kinds of all passwords that are compared with before `name` is refused.
    fn compared(policy: &Policy, name: &str) -> Vec<&'static str> {
        let own =
            policy.users.get(name).or(policy.wildcard_user.as_ref()).map(|entry| &entry.password);
        own.into_iter().filter(|p| !p.is_absent()).chain(policy.decoys(name)).map(kind).collect()
    }

    fn kind(password: &Password) -> &'static str {
        match password {
            Password::Absent => "absent",
            Password::Bcrypt(_) => "bcrypt",
            Password::Pbkdf2(_) => "pbkdf2",
            Password::Plain(_) => "plain",
            Password::Unusable(_) => "unusable",
            Password::Wildcard => "wildcard",
        }
    }

    fn derived(key: &[u8]) -> Password {
        Password::Pbkdf2(Pbkdf2Hash::new(key.to_vec(), vec![], 1).expect("a usable key"))
    }

    fn with_password(password: Password) -> UserEntry {
        UserEntry { password, permissions: None }
    }
}
