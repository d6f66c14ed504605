//! What members say to each other.

use std::time::SystemTime;

use galene_protocol::{
    ClearChat, HistoryEntry, MessageId, Permission, Post, Relayed, ServerMessage, Timestamp,
    UserMessage,
};
use serde_json::Value;

use super::Group;
use crate::dictionary::json_bytes;
use crate::limits::{MAX_CHAT_BYTES, MAX_USER_MESSAGE_BYTES};
use crate::{Action, MemberId, Refusal};

impl Group {
    /// Passes a chat message on to everybody, or to the one member that it is for. What is said to
    /// everybody is remembered for those who come later; captions are not.
    ///
    /// `fresh_id` is given to a message to everybody that has no id, or one that its sender used
    /// before.
    ///
    /// # Errors
    ///
    /// [`Refusal`] if the member may not chat, the message is too long or its receiver unknown.
    pub fn chat(
        &mut self,
        member: MemberId,
        mut post: Post,
        fresh_id: MessageId,
        now: SystemTime,
    ) -> Result<(), Refusal> {
        let is_caption = post.kind == Post::CAPTION;
        let action = if is_caption { Action::Caption } else { Action::Chat };
        let dest = post.dest.as_ref().and_then(|dest| self.find(dest).ok());
        let sender = self.allowed(member, action, dest)?.client().clone();
        if post.dest.is_none() {
            let unused = |id: &MessageId| !self.history.contains(&sender, id);
            post.id = Some(post.id.filter(unused).unwrap_or(fresh_id));
        }
        let bytes = check_length(post.value.as_ref(), MAX_CHAT_BYTES)?;
        let relayed = self.stamp(member, post, now)?;
        let to = self.receivers(member, &relayed)?;
        if relayed.dest.is_none() && !is_caption {
            let entry = HistoryEntry {
                id: relayed.id.clone(),
                source: relayed.source.clone(),
                username: relayed.username.clone(),
                time: relayed.time,
                kind: relayed.kind.clone(),
                value: relayed.value.clone(),
            };
            self.history.push(entry, bytes + ENVELOPE_BYTES, now);
        }
        self.send(to, ServerMessage::Chat(relayed).into());
        Ok(())
    }

    /// Passes a message on that is not chat. Its kind means nothing to the server.
    ///
    /// # Errors
    ///
    /// [`Refusal`] if the member may not send messages, the message is too long or its receiver
    /// unknown.
    pub fn user_message(
        &mut self,
        member: MemberId,
        post: Post,
        now: SystemTime,
    ) -> Result<(), Refusal> {
        let dest = post.dest.as_ref().and_then(|dest| self.find(dest).ok());
        self.allowed(member, Action::UserMessage, dest)?;
        check_length(post.value.as_ref(), MAX_USER_MESSAGE_BYTES)?;
        let relayed = self.stamp(member, post, now)?;
        let to = self.receivers(member, &relayed)?;
        self.send(to, ServerMessage::UserMessage(UserMessage::Relayed(relayed)).into());
        Ok(())
    }

    /// Forgets chat messages and tells everybody to do so.
    ///
    /// # Errors
    ///
    /// [`Refusal::NotAuthorised`] if the member is no operator.
    pub fn clear_chat(&mut self, member: MemberId, which: ClearChat) -> Result<(), Refusal> {
        self.allowed(member, Action::ClearChat, None)?;
        self.history.clear(&which);
        self.send_to_all(ServerMessage::UserMessage(UserMessage::ClearChat(which)));
        Ok(())
    }

    /// Says who speaks. That is for the server to say, whatever the client claims, for receivers act
    /// upon it.
    fn stamp(&self, member: MemberId, post: Post, now: SystemTime) -> Result<Relayed, Refusal> {
        let sender = self.acting(member)?;
        Ok(Relayed {
            id: post.id,
            source: Some(sender.client().clone()),
            username: Some(sender.username().clone()),
            dest: post.dest,
            privileged: sender.may(&Permission::Op),
            time: Timestamp::from(now).whole_seconds(),
            kind: post.kind,
            noecho: post.noecho,
            value: post.value,
        })
    }

    fn receivers(&self, sender: MemberId, relayed: &Relayed) -> Result<Vec<MemberId>, Refusal> {
        match &relayed.dest {
            Some(dest) => Ok(vec![self.find(dest)?]),
            None => Ok(self
                .members
                .keys()
                .copied()
                .filter(|id| !relayed.noecho || *id != sender)
                .collect()),
        }
    }
}

/// What a message takes in the history besides its value: names, ids and the time.
const ENVELOPE_BYTES: usize = 256;

fn check_length(value: Option<&Value>, limit: usize) -> Result<usize, Refusal> {
    match value.map_or(0, json_bytes) {
        bytes if bytes <= limit => Ok(bytes),
        _ => Err(Refusal::TooLong { limit }),
    }
}
