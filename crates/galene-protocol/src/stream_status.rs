//! What the server says of a stream beyond Galène's protocol: which of its encodings are watched, and
//! what becomes of it on the way to a receiver.

use serde::{Deserialize, Serialize};

use crate::envelope::null_as_default;

/// Whether anybody watches one of the simulcast encodings of a stream (RFC 8853).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EncodingUse {
    /// The name of the encoding in the publisher's offer (RFC 8851); none if there is but one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rid: Option<String>,
    /// Whether it should be sent.
    #[serde(default, deserialize_with = "null_as_default")]
    pub active: bool,
}

/// What a receiver is sent of a stream, compared with what it asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StreamStatus {
    /// All that it asked for, as far as the publisher sends it.
    Full,
    /// Smaller or fewer pictures.
    Reduced(LimitReason),
    /// No pictures for now.
    Paused(LimitReason),
}

/// Why a receiver is sent less than it asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LimitReason {
    /// Its link does not carry more.
    Bandwidth,
    /// Others spoke more recently, and the group shows only so many.
    LastN,
}

impl StreamStatus {
    /// Returns the word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Reduced(_) => "reduced",
            Self::Paused(_) => "paused",
        }
    }

    /// Returns why the receiver is sent less than it asked for, if it is.
    pub fn reason(self) -> Option<LimitReason> {
        match self {
            Self::Full => None,
            Self::Reduced(reason) | Self::Paused(reason) => Some(reason),
        }
    }

    pub(crate) fn from_words(status: &str, reason: Option<LimitReason>) -> Option<Self> {
        match (status, reason) {
            ("full", _) => Some(Self::Full),
            ("reduced", Some(reason)) => Some(Self::Reduced(reason)),
            ("paused", Some(reason)) => Some(Self::Paused(reason)),
            _ => None,
        }
    }
}

impl LimitReason {
    /// Returns the word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Bandwidth => "bandwidth",
            Self::LastN => "last-n",
        }
    }

    pub(crate) fn from_word(word: &str) -> Option<Self> {
        [Self::Bandwidth, Self::LastN].into_iter().find(|reason| reason.as_str() == word)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ServerMessage;

    #[test]
    fn what_is_less_than_full_needs_a_reason_that_is_known() {
        let decode = |rest: &str| {
            let json = format!(r#"{{"type":"streamstatus","id":"s",{rest}}}"#);
            ServerMessage::decode(json.as_bytes())
        };
        let status = |rest: &str| match decode(rest) {
            Ok(ServerMessage::StreamStatus { status, .. }) => Some(status),
            _ => None,
        };
        assert_eq!(status(r#""status":"full""#), Some(StreamStatus::Full));
        let paused = status(r#""status":"paused","reason":"last-n""#);
        assert_eq!(paused, Some(StreamStatus::Paused(LimitReason::LastN)));
        for wrong in [
            r#""status":"paused""#,
            r#""status":"reduced","reason":"whim""#,
            r#""status":"gone","reason":"bandwidth""#,
            r#""status":{}"#,
            r#""reason":"bandwidth""#,
        ] {
            assert!(decode(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_group_has_no_status_in_a_word() {
        let json = r#"{"type":"joined","kind":"change","group":"g","status":"full"}"#;
        assert!(ServerMessage::decode(json.as_bytes()).is_err());
    }
}
