//! What a group remembers of its chat.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use galene_protocol::{ClearChat, ClientId, HistoryEntry, MessageId, ServerMessage};

use crate::limits::{MAX_HISTORY_BYTES, MAX_HISTORY_ENTRIES};

/// The last chat messages of a group, oldest first, bounded in number, in bytes and in age.
#[derive(Debug, Default)]
pub(crate) struct ChatHistory {
    entries: VecDeque<Entry>,
    bytes: usize,
}

#[derive(Debug)]
struct Entry {
    time: SystemTime,
    bytes: usize,
    source: Option<ClientId>,
    id: Option<MessageId>,
    message: Arc<ServerMessage>,
}

impl ChatHistory {
    /// Remembers a message that takes about `bytes` on the wire.
    pub(crate) fn push(&mut self, entry: HistoryEntry, bytes: usize, time: SystemTime) {
        let (source, id) = (entry.source.clone(), entry.id.clone());
        let message = Arc::new(ServerMessage::ChatHistory(entry));
        self.entries.push_back(Entry { time, bytes, source, id, message });
        self.bytes += bytes;
        while self.entries.len() > MAX_HISTORY_ENTRIES || self.bytes > MAX_HISTORY_BYTES {
            self.forget_oldest();
        }
    }

    /// Forgets what is older than `max_age`, and returns the rest as messages, oldest first.
    pub(crate) fn replay(
        &mut self,
        max_age: Duration,
        now: SystemTime,
    ) -> impl Iterator<Item = Arc<ServerMessage>> {
        // A clock that was set back makes messages seem to come from the future: those are kept.
        let expired = |entry: &Entry| now.duration_since(entry.time).is_ok_and(|age| age > max_age);
        while self.entries.front().is_some_and(expired) {
            self.forget_oldest();
        }
        self.entries.iter().map(|entry| Arc::clone(&entry.message))
    }

    /// Forgets messages at an operator's wish.
    pub(crate) fn clear(&mut self, which: &ClearChat) {
        self.entries.retain(|entry| match which {
            ClearChat::All => false,
            ClearChat::FromUser(user) => entry.source.as_ref() != Some(user),
            ClearChat::Message { user_id, id } => {
                entry.source.as_ref() != Some(user_id) || entry.id.as_ref() != Some(id)
            }
        });
        self.bytes = self.entries.iter().map(|entry| entry.bytes).sum();
    }

    /// Returns whether a message with this sender and id is remembered.
    pub(crate) fn contains(&self, source: &ClientId, id: &MessageId) -> bool {
        self.entries.iter().any(|e| e.source.as_ref() == Some(source) && e.id.as_ref() == Some(id))
    }

    fn forget_oldest(&mut self) {
        if let Some(oldest) = self.entries.pop_front() {
            self.bytes -= oldest.bytes;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use galene_protocol::Timestamp;

    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    #[test]
    fn the_last_fifty_messages_are_remembered() {
        let mut history = ChatHistory::default();
        for n in 0..60 {
            history.push(entry("alice", &n.to_string()), 10, UNIX_EPOCH);
        }
        let ids = ids(&mut history, UNIX_EPOCH);
        assert_eq!(ids.len(), 50);
        assert_eq!((ids[0].as_str(), ids[49].as_str()), ("10", "59"));
    }

    #[test]
    fn long_messages_push_out_more_than_one() {
        let mut history = ChatHistory::default();
        for n in 0..40 {
            history.push(entry("alice", &n.to_string()), MAX_HISTORY_BYTES / 4, UNIX_EPOCH);
        }
        assert_eq!(ids(&mut history, UNIX_EPOCH), ["36", "37", "38", "39"]);
    }

    #[test]
    fn old_messages_are_forgotten() {
        let mut history = ChatHistory::default();
        history.push(entry("alice", "old"), 10, UNIX_EPOCH);
        history.push(entry("alice", "new"), 10, UNIX_EPOCH + HOUR);
        assert_eq!(ids(&mut history, UNIX_EPOCH + HOUR), ["old", "new"]);
        assert_eq!(ids(&mut history, UNIX_EPOCH + HOUR + Duration::from_secs(1)), ["new"]);
    }

    #[test]
    fn clearing_takes_one_message_those_of_one_user_or_all() {
        let mut history = ChatHistory::default();
        for (user, id) in [("alice", "1"), ("bob", "1"), ("alice", "2"), ("bob", "2")] {
            history.push(entry(user, id), 10, UNIX_EPOCH);
        }
        let alice = ClientId::try_from("alice").unwrap();
        let one = MessageId::try_from("1").unwrap();
        history.clear(&ClearChat::Message { user_id: alice.clone(), id: one });
        assert_eq!(
            ids(&mut history, UNIX_EPOCH),
            ["1", "2", "2"],
            "bob's message of the same id stays"
        );
        history.clear(&ClearChat::FromUser(alice));
        assert_eq!(ids(&mut history, UNIX_EPOCH), ["1", "2"]);
        history.clear(&ClearChat::All);
        assert!(ids(&mut history, UNIX_EPOCH).is_empty());
        assert_eq!(history.bytes, 0);
    }

    fn entry(source: &str, id: &str) -> HistoryEntry {
        HistoryEntry {
            id: Some(MessageId::try_from(id).unwrap()),
            source: Some(ClientId::try_from(source).unwrap()),
            username: None,
            time: Timestamp::from(UNIX_EPOCH),
            kind: String::new(),
            value: None,
        }
    }

    fn ids(history: &mut ChatHistory, now: SystemTime) -> Vec<String> {
        let messages: Vec<_> = history.replay(HOUR, now).collect();
        let ids = messages.iter().map(|message| {
            let ServerMessage::ChatHistory(entry) = &**message else {
                panic!("{message:?} in the history")
            };
            entry.id.clone().unwrap().to_string()
        });
        ids.collect()
    }
}
