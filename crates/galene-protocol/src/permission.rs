//! What a member may do.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A raw permission, as members see it in each other.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Permission {
    /// Administer the group through the API.
    Admin,
    /// Send captions.
    Caption,
    /// Send chat and user messages.
    Message,
    /// Moderate.
    Op,
    /// Publish streams.
    Present,
    /// Record.
    Record,
    /// Be part of the server, as the recorder is.
    System,
    /// Make tokens.
    Token,
    /// A permission that means nothing to the server, carried along for clients.
    Other(Box<str>),
}

impl Permission {
    /// Returns the name on the wire.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Admin => "admin",
            Self::Caption => "caption",
            Self::Message => "message",
            Self::Op => "op",
            Self::Present => "present",
            Self::Record => "record",
            Self::System => "system",
            Self::Token => "token",
            Self::Other(name) => name,
        }
    }
}

impl From<&str> for Permission {
    fn from(name: &str) -> Self {
        match name {
            "admin" => Self::Admin,
            "caption" => Self::Caption,
            "message" => Self::Message,
            "op" => Self::Op,
            "present" => Self::Present,
            "record" => Self::Record,
            "system" => Self::System,
            "token" => Self::Token,
            other => Self::Other(other.into()),
        }
    }
}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Permission {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Permission {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self::from(String::deserialize(deserializer)?.as_str()))
    }
}

/// A list of raw permissions, in the order in which they were given.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Permissions(Vec<Permission>);

impl Permissions {
    /// Adds a permission at the end, unless it is there already.
    pub fn add(&mut self, permission: Permission) {
        if !self.contains(&permission) {
            self.0.push(permission);
        }
    }

    /// Takes a permission away.
    pub fn remove(&mut self, permission: &Permission) {
        self.0.retain(|p| p != permission);
    }

    /// Returns whether the permission is in the list.
    pub fn contains(&self, permission: &Permission) -> bool {
        self.0.contains(permission)
    }

    /// Returns whether there is no permission at all.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the permissions in order.
    pub fn iter(&self) -> impl Iterator<Item = &Permission> {
        self.0.iter()
    }
}

impl FromIterator<Permission> for Permissions {
    fn from_iter<I: IntoIterator<Item = Permission>>(permissions: I) -> Self {
        Self(permissions.into_iter().collect())
    }
}

impl<const N: usize> From<[Permission; N]> for Permissions {
    fn from(permissions: [Permission; N]) -> Self {
        Self(permissions.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_and_unknown_names_survive() {
        let json =
            r#"["present","fly","op","admin","caption","message","record","system","token"]"#;
        let permissions: Permissions = serde_json::from_str(json).expect("a list of strings");
        assert_eq!(permissions.iter().nth(1), Some(&Permission::Other("fly".into())));
        assert_eq!(serde_json::to_string(&permissions).expect("a list of strings"), json);
    }

    #[test]
    fn adding_twice_and_removing_what_is_absent_change_nothing() {
        let mut permissions = Permissions::from([Permission::Present]);
        permissions.add(Permission::Op);
        permissions.add(Permission::Op);
        permissions.remove(&Permission::Record);
        assert_eq!(permissions, Permissions::from([Permission::Present, Permission::Op]));
        permissions.remove(&Permission::Op);
        assert!(!permissions.contains(&Permission::Op));
    }
}
