//! Names that clients choose for themselves, their streams and their messages.

use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// An id was the empty string, which means "none" on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an id must not be empty")]
pub struct EmptyId;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        ///
        /// Opaque and never empty. Cheap to clone.
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Returns the id as it stands on the wire.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<&str> for $name {
            type Error = EmptyId;

            fn try_from(text: &str) -> Result<Self, EmptyId> {
                if text.is_empty() { Err(EmptyId) } else { Ok(Self(text.into())) }
            }
        }

        impl TryFrom<String> for $name {
            type Error = EmptyId;

            fn try_from(text: String) -> Result<Self, EmptyId> {
                Self::try_from(text.as_str())
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&self.0, f)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                Self::try_from(String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
            }
        }
    };
}

id! {
    /// Names a client, that is, one connection; unique within its group.
    ClientId
}
id! {
    /// Names a stream: chosen by its publisher, and the same towards all its receivers.
    StreamId
}
id! {
    /// Names a chat or user message; unique per sender only.
    MessageId
}
