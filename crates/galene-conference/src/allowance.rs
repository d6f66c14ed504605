//! How much one client may say.
//!
//! What is too much is refused, and the client is told once per bout; only a client that says ten times
//! as much is cut off.

use galene_group::json_bytes;
use galene_protocol::{
    ClientBody, ClientOffer, GroupAction, Join, Joined, ServerMessage, UserActionKind,
};

use crate::limits::{
    ACTION_RATE, CHAT_RATE, JOIN_RATE, MESSAGE_RATE, OFFER_RATE, REACH_RATE, REQUEST_RATE,
};
use crate::rate::{Bucket, Verdict};
use crate::session::POLICY_VIOLATION;
use crate::{Conference, Now, SessionId};

/// What one client has left of each kind of message.
#[derive(Debug)]
pub(crate) struct Allowance {
    messages: Bucket,
    chat: Bucket,
    actions: Bucket,
    joins: Bucket,
    offers: Bucket,
    requests: Bucket,
    /// Bytes that others are told.
    reach: Bucket,
    /// Whether the last message was refused, and the client told so.
    refusing: bool,
}

const TOO_FAST: &str = "too many messages at once; this one was dropped";

impl Allowance {
    pub(crate) fn new(now: Now) -> Self {
        let bucket = |rate| Bucket::new(rate, now.instant);
        Self {
            messages: bucket(MESSAGE_RATE),
            chat: bucket(CHAT_RATE),
            actions: bucket(ACTION_RATE),
            joins: bucket(JOIN_RATE),
            offers: bucket(OFFER_RATE),
            requests: bucket(REQUEST_RATE),
            reach: bucket(REACH_RATE),
            refusing: false,
        }
    }

    /// Pays for one message, readable or not, because of which others are told so many bytes.
    fn take(&mut self, body: Option<&ClientBody>, reach: usize, now: Now) -> Verdict {
        let Some(body) = body else { return self.messages.take(now.instant) };
        let of_its_kind = match body {
            ClientBody::Chat(_) | ClientBody::UserMessage(_) => Some(&mut self.chat),
            ClientBody::GroupAction(_) | ClientBody::UserAction(_) => Some(&mut self.actions),
            ClientBody::Join(_) | ClientBody::Leave { .. } => Some(&mut self.joins),
            ClientBody::Offer(_) | ClientBody::Renegotiate { .. } => Some(&mut self.offers),
            ClientBody::Request(_) | ClientBody::RequestStream { .. } => Some(&mut self.requests),
            // Answers, candidates and the like come in number with what they belong to.
            ClientBody::Abort { .. }
            | ClientBody::Answer(_)
            | ClientBody::Close { .. }
            | ClientBody::Handshake(_)
            | ClientBody::Ice(_)
            | ClientBody::Ping
            | ClientBody::Pong => None,
        };
        let of_its_kind = of_its_kind.map_or(Verdict::Pass, |bucket| bucket.take(now.instant));
        let verdict = of_its_kind.max(self.messages.take(now.instant));
        // What is refused anyway reaches nobody.
        if verdict != Verdict::Pass || reach == 0 {
            return verdict;
        }
        self.reach.take_many(reach, now.instant)
    }
}

impl Conference {
    /// Returns whether a message is within the client's allowance; if it is not, deals with it. There is
    /// no body if the message could not be read.
    pub(crate) fn within_allowance(
        &mut self,
        session: SessionId,
        body: Option<&ClientBody>,
        now: Now,
    ) -> bool {
        let reach = body.map_or(0, |body| self.reach(session, body));
        let Some(state) = self.sessions.get_mut(&session) else { return false };
        let verdict = state.allowance.take(body, reach, now);
        let refuses = verdict != Verdict::Pass;
        let told = std::mem::replace(&mut state.allowance.refusing, refuses);
        match verdict {
            Verdict::Pass => {}
            Verdict::Refuse => self.refuse(session, body, told),
            Verdict::Cut => {
                self.end_session(session, POLICY_VIOLATION, "far too many messages", now);
            }
        }
        !refuses
    }

    /// Returns how many bytes others are told because of a message, roughly. A change of data is told as
    /// all of the data, however small it is.
    fn reach(&self, session: SessionId, body: &ClientBody) -> usize {
        match body {
            ClientBody::Chat(post) | ClientBody::UserMessage(post) => json_bytes(&post.value),
            // Those who are there are told of a newcomer.
            ClientBody::Join(join) => json_bytes(&join.data),
            ClientBody::GroupAction(GroupAction::SetData(patch)) => {
                let data = self.group_of(session).map_or(0, |group| json_bytes(group.data()));
                data + json_bytes(patch)
            }
            ClientBody::UserAction(action) => match &action.kind {
                UserActionKind::SetData(patch) => {
                    let data = self.member(session).map_or(0, |member| json_bytes(member.data()));
                    data + json_bytes(patch)
                }
                UserActionKind::Identify
                | UserActionKind::Kick { .. }
                | UserActionKind::Op
                | UserActionKind::Present
                | UserActionKind::Shutup
                | UserActionKind::Unknown { .. }
                | UserActionKind::Unop
                | UserActionKind::Unpresent
                | UserActionKind::Unshutup => 0,
            },
            ClientBody::Abort { .. }
            | ClientBody::Answer(_)
            | ClientBody::Close { .. }
            | ClientBody::GroupAction(_)
            | ClientBody::Handshake(_)
            | ClientBody::Ice(_)
            | ClientBody::Leave { .. }
            | ClientBody::Offer(_)
            | ClientBody::Ping
            | ClientBody::Pong
            | ClientBody::Renegotiate { .. }
            | ClientBody::Request(_)
            | ClientBody::RequestStream { .. } => 0,
        }
    }

    fn refuse(&mut self, session: SessionId, body: Option<&ClientBody>, told: bool) {
        // Who waits for the outcome of one particular message is told of each.
        if let Some(ClientBody::Join(Join { group, .. })) = body {
            let (group, message) = (group.clone(), TOO_FAST.to_owned());
            let fail = Joined::Fail { group, username: None, error: None, message };
            return self.tell(session, ServerMessage::Joined(fail));
        }
        if let Some(ClientBody::Offer(ClientOffer { id, .. })) = body {
            self.tell(session, ServerMessage::Abort { id: id.clone() });
        }
        if !told {
            self.tell_error(session, TOO_FAST);
        }
    }
}
