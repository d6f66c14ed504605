//! Why a WebSocket is closed (RFC 6455 §7.4).

/// The most bytes that the reason in a close frame can have: a control frame carries 125 (RFC 6455
/// §5.5), two of which are the code.
const MAX_REASON_BYTES: usize = 123;

/// The close codes that the server uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum CloseCode {
    /// All is said; also after a kick.
    Normal = 1000,
    /// The client broke the protocol.
    Protocol = 1002,
    /// The message was longer than [`MAX_MESSAGE_BYTES`](crate::limits::MAX_MESSAGE_BYTES).
    TooBig = 1009,
    /// Anything else: unreadable JSON, no sign of life, a fault of the server.
    Internal = 1011,
}

impl From<CloseCode> for u16 {
    fn from(code: CloseCode) -> Self {
        code as u16
    }
}

/// Returns the longest beginning of `reason` that fits into a close frame.
pub fn truncate_close_reason(reason: &str) -> &str {
    let mut end = reason.len().min(MAX_REASON_BYTES);
    while !reason.is_char_boundary(end) {
        end -= 1;
    }
    &reason[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_reason_is_cut_at_a_character() {
        assert_eq!(truncate_close_reason("bye"), "bye");
        assert_eq!(truncate_close_reason(&"x".repeat(123)).len(), 123);
        assert_eq!(truncate_close_reason(&"x".repeat(124)).len(), 123);
        assert_eq!(truncate_close_reason(&"é".repeat(100)), "é".repeat(61));
    }
}
