//! How much one client may say.
//!
//! What is too much is refused, and the client is told once per bout; only a client that says ten times
//! as much is cut off.

use galene_protocol::{ClientBody, ClientOffer, Join, Joined, ServerMessage};

use crate::limits::{ACTION_RATE, CHAT_RATE, JOIN_RATE, MESSAGE_RATE, OFFER_RATE, REQUEST_RATE};
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
            refusing: false,
        }
    }

    /// Pays for one message, readable or not.
    fn take(&mut self, body: Option<&ClientBody>, now: Now) -> Verdict {
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
        of_its_kind.max(self.messages.take(now.instant))
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
        let Some(state) = self.sessions.get_mut(&session) else { return false };
        let verdict = state.allowance.take(body, now);
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
