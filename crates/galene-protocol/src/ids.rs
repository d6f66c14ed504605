//! Names that clients choose for themselves, their streams and their messages.

use std::sync::Arc;

use crate::text::text_type;

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

        text_type!($name);
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
