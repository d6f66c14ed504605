//! Where each message of a client goes.

use galene_protocol::{ClientBody, ClientMessage, CloseCode, ServerMessage};

use crate::{Conference, Now, SessionId};

impl Conference {
    pub(crate) fn handle_message(&mut self, session: SessionId, message: ClientMessage, now: Now) {
        let ClientMessage { source, username, body } = message;
        let Some(state) = self.sessions.get(&session) else { return };
        if source.is_some() && source != state.client {
            return self.protocol_error(session, "`source` is not your id", now);
        }
        // Outside of a group nobody has a name to pretend to.
        if let (Some(claimed), Some(member)) = (username, self.member(session))
            && claimed != member.username().as_str()
        {
            return self.protocol_error(session, "`username` is not your name", now);
        }
        if !self.within_allowance(session, Some(&body), now) {
            return;
        }
        match body {
            ClientBody::Handshake(_) => self.protocol_error(session, "a second handshake", now),
            ClientBody::Ping => self.tell(session, ServerMessage::Pong),
            ClientBody::Pong => {}

            ClientBody::Join(join) => self.join(session, join, now),
            ClientBody::Leave { group } => self.leave(session, &group, now),
            ClientBody::Chat(post) => self.chat(session, post, now),
            ClientBody::UserMessage(post) => self.user_message(session, post, now),
            ClientBody::GroupAction(action) => self.group_action(session, action, now),
            ClientBody::UserAction(action) => self.user_action(session, action, now),

            ClientBody::Offer(offer) => self.client_offer(session, offer, now),
            ClientBody::Close { id } => self.client_close(session, &id),
            ClientBody::Answer(answer) => self.client_answer(session, answer),
            ClientBody::Abort { id } => self.client_abort(session, id),
            ClientBody::Renegotiate { id } => self.client_renegotiate(session, &id),
            ClientBody::Ice(ice) => self.client_ice(session, ice),
            ClientBody::Request(request) => self.client_request(session, request, now),
            ClientBody::RequestStream { id, request } => {
                self.client_request_stream(session, &id, request, now);
            }
        }
    }

    pub(crate) fn protocol_error(&mut self, session: SessionId, text: &str, now: Now) {
        self.end_session(session, CloseCode::Protocol.into(), text, now);
    }
}
