//! Chat and user messages on their way to the receivers.

use serde_json::Value;

use crate::{ClientId, MessageId, Timestamp, Username};

/// A chat or user message, passed on.
#[derive(Debug, Clone, PartialEq)]
pub struct Relayed {
    /// The message's id, if it has one.
    pub id: Option<MessageId>,
    /// Who sent it; `None` for the server.
    pub source: Option<ClientId>,
    /// The sender's name.
    pub username: Option<Username>,
    /// To whom it was sent; `None` for everybody.
    pub dest: Option<ClientId>,
    /// Whether the sender was an operator.
    pub privileged: bool,
    /// When it was sent.
    pub time: Timestamp,
    /// What kind of message it is; empty for ordinary chat.
    pub kind: String,
    /// Whether the sender wanted no copy.
    pub noecho: bool,
    /// What was sent, untouched.
    pub value: Option<Value>,
}

/// A chat message that was sent before the receiver joined.
#[derive(Debug, Clone, PartialEq)]
pub struct HistoryEntry {
    /// The message's id, if it has one.
    pub id: Option<MessageId>,
    /// Who sent it.
    pub source: Option<ClientId>,
    /// The sender's name.
    pub username: Option<Username>,
    /// When it was sent.
    pub time: Timestamp,
    /// What kind of message it is; empty for ordinary chat.
    pub kind: String,
    /// What was sent, untouched.
    pub value: Option<Value>,
}
