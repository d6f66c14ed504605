//! What a client sends while it is joining has to wait, for it is meant for after that.

use std::collections::VecDeque;

use galene_protocol::ClientMessage;

use crate::limits::{MAX_WAITING_BYTES, MAX_WAITING_MESSAGES};

/// Messages of one client, in order, bounded in number and in bytes.
#[derive(Debug, Default)]
pub(crate) struct Inbox {
    messages: VecDeque<(usize, ClientMessage)>,
    bytes: usize,
}

/// More messages wait than may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Full;

impl Inbox {
    pub(crate) fn push(&mut self, message: ClientMessage) -> Result<(), Full> {
        // Written again, a message takes about as much as it did when it came.
        let bytes = message.encode().len();
        if self.messages.len() >= MAX_WAITING_MESSAGES || self.bytes + bytes > MAX_WAITING_BYTES {
            return Err(Full);
        }
        self.bytes += bytes;
        self.messages.push_back((bytes, message));
        Ok(())
    }

    pub(crate) fn pop(&mut self) -> Option<ClientMessage> {
        let (bytes, message) = self.messages.pop_front()?;
        self.bytes -= bytes;
        Some(message)
    }
}

#[cfg(test)]
mod tests {
    use galene_protocol::{ClientBody, Post};

    use super::*;

    #[test]
    fn messages_come_out_in_order_until_there_are_too_many() {
        let mut inbox = Inbox::default();
        for _ in 0..MAX_WAITING_MESSAGES {
            assert_eq!(inbox.push(ClientBody::Ping.into()), Ok(()));
        }
        assert_eq!(inbox.push(ClientBody::Pong.into()), Err(Full));
        assert_eq!(inbox.pop(), Some(ClientBody::Ping.into()));
        assert_eq!(inbox.push(ClientBody::Pong.into()), Ok(()));
    }

    #[test]
    fn a_few_long_messages_fill_it_too() {
        let long = |bytes| {
            ClientBody::Chat(Post { value: Some("x".repeat(bytes).into()), ..Post::default() })
        };
        let mut inbox = Inbox::default();
        assert_eq!(inbox.push(long(MAX_WAITING_BYTES - 1000).into()), Ok(()));
        assert_eq!(inbox.push(long(1000).into()), Err(Full));
        assert!(inbox.pop().is_some());
        assert_eq!(inbox.push(long(1000).into()), Ok(()));
    }
}
