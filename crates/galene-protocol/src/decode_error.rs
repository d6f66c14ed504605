//! Why a message could not be understood.

use crate::{CloseCode, StreamId};

/// Why a message was refused before anybody looked at what it asks for.
///
/// No text quotes more of the message than an unknown `type` or `kind`, so it is safe to log and to
/// send back. [`close_code`](Self::close_code) tells what becomes of the connection.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// A known member has the wrong JSON type.
    #[error("`{field}` has the wrong type")]
    FieldType {
        /// The member.
        field: &'static str,
    },
    /// The `value` of an action does not make sense. Only the action is refused.
    #[error("{kind}: {reason}")]
    InvalidValue {
        /// The action's kind.
        kind: &'static str,
        /// What is wrong with the value.
        reason: &'static str,
    },
    /// The message is not a JSON object, or has a known member twice.
    #[error("not a well-formed JSON object (column {column})")]
    Json {
        /// Where reading failed, counted in bytes from 1.
        column: usize,
    },
    /// A message lacks a member that it cannot do without.
    #[error("`{message}` without `{field}`")]
    Missing {
        /// The type of the message.
        message: &'static str,
        /// The member that is missing, null or empty.
        field: &'static str,
    },
    /// The message exceeds [`MAX_MESSAGE_BYTES`](crate::limits::MAX_MESSAGE_BYTES).
    #[error("message too long")]
    TooBig,
    /// A member exceeds one of the [limits](crate::limits). Only the message is refused.
    #[error("`{field}` is too long (at most {limit})")]
    TooLong {
        /// The member.
        field: &'static str,
        /// The limit that it exceeds.
        limit: usize,
        /// The stream that the message is about and that cannot go on without it, if there is one.
        stream: Option<StreamId>,
    },
    /// The `kind` does not exist for this type of message.
    #[error("`{message}` of unknown kind {kind:?}")]
    UnknownKind {
        /// The type of the message.
        message: &'static str,
        /// The beginning of the unknown kind.
        kind: String,
    },
    /// The `type` does not exist.
    #[error("unknown message type {0:?}")]
    UnknownType(String),
}

impl DecodeError {
    /// Returns the code with which the connection must be closed, or `None` if it goes on after the
    /// sender was told.
    pub fn close_code(&self) -> Option<CloseCode> {
        match self {
            Self::FieldType { .. } | Self::Json { .. } => Some(CloseCode::Internal),
            Self::InvalidValue { .. } | Self::TooLong { .. } => None,
            Self::Missing { .. } | Self::UnknownKind { .. } | Self::UnknownType(_) => {
                Some(CloseCode::Protocol)
            }
            Self::TooBig => Some(CloseCode::TooBig),
        }
    }

    /// Names the stream that cannot go on.
    pub(crate) fn about(self, id: &StreamId) -> Self {
        match self {
            Self::TooLong { field, limit, .. } => {
                Self::TooLong { field, limit, stream: Some(id.clone()) }
            }
            other @ (Self::FieldType { .. }
            | Self::InvalidValue { .. }
            | Self::Json { .. }
            | Self::Missing { .. }
            | Self::TooBig
            | Self::UnknownKind { .. }
            | Self::UnknownType(_)) => other,
        }
    }

    pub(crate) fn unknown_kind(message: &'static str, kind: &str) -> Self {
        Self::UnknownKind { message, kind: excerpt(kind) }
    }

    pub(crate) fn unknown_type(name: &str) -> Self {
        Self::UnknownType(excerpt(name))
    }
}

/// Keeps what fits into a close reason and a log line.
pub(crate) fn excerpt(text: &str) -> String {
    const MAX_CHARS: usize = 32;
    text.chars().take(MAX_CHARS).collect()
}
