//! What members say to each other.

use galene_protocol::{MessageId, Post};

use crate::{Conference, Now, SessionId};

impl Conference {
    pub(crate) fn chat(&mut self, session: SessionId, post: Post, now: Now) {
        let id = self.message_id();
        self.act(session, |group, member| group.chat(member, post, id, now.wall));
    }

    pub(crate) fn user_message(&mut self, session: SessionId, post: Post, now: Now) {
        self.act(session, |group, member| group.user_message(member, post, now.wall));
    }

    /// Returns an id that no message has: 64 random bits. It is a name, not a secret.
    fn message_id(&mut self) -> MessageId {
        const DIGITS: &[u8; 64] =
            b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        let bits = u128::from(self.random.u64(..)) << 2;
        let digit = |place: u32| char::from(DIGITS[(bits >> (6 * place) & 63) as usize]);
        let id: String = (0..11).rev().map(digit).collect();
        MessageId::try_from(id).expect("eleven characters are not none")
    }
}
