//! What was written of messages that are sent again and again.

use std::collections::HashMap;
use std::sync::{Arc, Weak};

use galene_protocol::ServerMessage;
use tokio_tungstenite::tungstenite::Utf8Bytes;

/// Writes messages as JSON, each only once while the conference keeps it.
///
/// Everybody who joins a group is introduced to each of its members: when a thousand join, that is half
/// a million times one of a thousand messages.
#[derive(Debug)]
pub(crate) struct Encodings {
    /// By the place of the message in memory, which is not used for another one as long as it is known
    /// here.
    kept: HashMap<usize, Kept>,
    /// How many there are when those are next looked for that nobody keeps any more.
    sweep_at: usize,
}

#[derive(Debug)]
struct Kept {
    message: Weak<ServerMessage>,
    text: Utf8Bytes,
}

/// Fewer than this are not worth looking at: about 10 kB.
const MIN_SWEEP: usize = 64;

impl Encodings {
    pub(crate) fn new() -> Self {
        Self { kept: HashMap::new(), sweep_at: MIN_SWEEP }
    }

    /// Returns a message as JSON.
    pub(crate) fn encode(&mut self, message: &Arc<ServerMessage>) -> Utf8Bytes {
        // Most messages are sent once, to however many, and then nobody has them any more.
        if Arc::strong_count(message) == 1 {
            return message.encode().into();
        }
        let place = Arc::as_ptr(message).addr();
        if let Some(kept) = self.kept.get(&place) {
            return kept.text.clone();
        }
        if self.kept.len() >= self.sweep_at {
            self.kept.retain(|_, kept| kept.message.strong_count() > 0);
            self.sweep_at = MIN_SWEEP.max(2 * self.kept.len());
        }
        let text = Utf8Bytes::from(message.encode());
        let kept = Kept { message: Arc::downgrade(message), text: text.clone() };
        self.kept.insert(place, kept);
        text
    }
}

#[cfg(test)]
mod tests {
    use galene_protocol::StreamId;

    use super::*;

    fn close(id: &str) -> Arc<ServerMessage> {
        Arc::new(ServerMessage::Close { id: StreamId::try_from(id).expect("it is not empty") })
    }

    #[test]
    fn what_is_kept_is_written_once_and_what_is_not_is_forgotten() {
        let mut encodings = Encodings::new();
        let message = close("a");
        let again = Arc::clone(&message);
        let first = encodings.encode(&message);
        assert_eq!(first.as_str(), message.encode());
        assert_eq!(encodings.encode(&again).as_str().as_ptr(), first.as_str().as_ptr());

        encodings.encode(&close("sent once"));
        assert_eq!(encodings.kept.len(), 1);
    }

    #[test]
    fn each_message_is_itself_and_there_are_no_more_than_twice_as_many_as_are_kept() {
        let mut encodings = Encodings::new();
        let lasting = close("lasting");
        let _keeper = Arc::clone(&lasting);
        for number in 0..10_000 {
            let message = close(&number.to_string());
            let _keeper = Arc::clone(&message);
            assert_eq!(encodings.encode(&message).as_str(), message.encode());
            assert_eq!(encodings.encode(&lasting).as_str(), lasting.encode());
        }
        assert!(encodings.kept.len() <= MIN_SWEEP, "{}", encodings.kept.len());
    }
}
