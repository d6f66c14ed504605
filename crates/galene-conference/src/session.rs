//! Connections: handshake, signs of life, the end.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Instant;

use galene_group::MemberId;
use galene_protocol::{
    ClientBody, ClientId, ClientMessage, CloseCode, DecodeError, Features, GroupName, Handshake,
    ServerMessage, StreamId, StreamRequest, UserMessage, VERSION, truncate_close_reason,
};
use galene_sfu::TransportId;

use crate::allowance::Allowance;
use crate::conference::Timer;
use crate::features::FEATURES;
use crate::inbox::Inbox;
use crate::join::Joining;
use crate::limits::{
    GONE_AFTER, HANDSHAKE_TIMEOUT, LIVENESS_GATHER, LIVENESS_INTERVAL, PING_AFTER, PONG_WITHIN,
};
use crate::{Conference, Now, Output, SessionId};

/// One connection.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) address: Option<SocketAddr>,
    /// The id that the client chose for itself, if it chose one.
    pub(crate) client: Option<ClientId>,
    /// What the client understands beyond Galène's protocol.
    pub(crate) features: Features,
    pub(crate) phase: Phase,
    /// What the client sent while it was joining.
    pub(crate) inbox: Inbox,
    /// What the client wants to receive.
    pub(crate) request: StreamRequest,
    /// The streams that the client publishes.
    pub(crate) ups: BTreeMap<StreamId, TransportId>,
    /// The streams that the client receives.
    pub(crate) downs: BTreeMap<StreamId, TransportId>,
    pub(crate) allowance: Allowance,
    last_heard: Instant,
    /// When the first ping since then was sent.
    pinged: Option<Instant>,
}

/// How far a client has come.
#[derive(Debug)]
pub(crate) enum Phase {
    /// It has not sent its handshake.
    Greeting,
    /// It is in no group.
    Outside,
    /// It wants to become a member.
    Joining(Box<Joining>),
    /// It is in a group.
    Member(GroupName),
}

impl From<SessionId> for MemberId {
    fn from(session: SessionId) -> Self {
        Self(session.0)
    }
}

impl From<MemberId> for SessionId {
    fn from(member: MemberId) -> Self {
        Self(member.0)
    }
}

impl Session {
    fn new(address: Option<SocketAddr>, now: Now) -> Self {
        Self {
            address,
            client: None,
            features: Features::default(),
            phase: Phase::Greeting,
            inbox: Inbox::default(),
            request: StreamRequest::default(),
            ups: BTreeMap::new(),
            downs: BTreeMap::new(),
            allowance: Allowance::new(now),
            last_heard: now.instant,
            pinged: None,
        }
    }

    /// Returns the group that the client is in.
    pub(crate) fn group(&self) -> Option<&GroupName> {
        match &self.phase {
            Phase::Member(group) => Some(group),
            Phase::Greeting | Phase::Outside | Phase::Joining(_) => None,
        }
    }
}

impl Conference {
    pub(crate) fn open_session(
        &mut self,
        session: SessionId,
        address: Option<SocketAddr>,
        now: Now,
    ) {
        if let Some(message) = &self.stopping {
            let reason = message.to_string();
            return self.close_connection(session, SERVICE_RESTART, &reason);
        }
        self.sessions.insert(session, Session::new(address, now));
        self.timers.arm(Timer::Handshake(session), now.instant + HANDSHAKE_TIMEOUT);
        self.liveness.arm(session, now.instant + LIVENESS_INTERVAL);
    }

    /// Takes in a message: at once, or after the client's joining if it is joining.
    pub(crate) fn receive(&mut self, session: SessionId, message: ClientMessage, now: Now) {
        let Some(state) = self.sessions.get_mut(&session) else { return };
        state.last_heard = now.instant;
        state.pinged = None;
        match state.phase {
            Phase::Joining(_) => {
                if state.inbox.push(message).is_err() {
                    self.end_session(
                        session,
                        POLICY_VIOLATION,
                        "too many messages while joining",
                        now,
                    );
                }
            }
            Phase::Greeting => self.greet(session, message.body, now),
            Phase::Member(_) | Phase::Outside => self.handle_message(session, message, now),
        }
    }

    /// Takes in what waited while the client was joining.
    pub(crate) fn resume(&mut self, session: SessionId, now: Now) {
        while let Some(state) = self.sessions.get_mut(&session) {
            if matches!(state.phase, Phase::Joining(_)) {
                return;
            }
            let Some(message) = state.inbox.pop() else { return };
            self.handle_message(session, message, now);
        }
    }

    fn greet(&mut self, session: SessionId, first: ClientBody, now: Now) {
        let ClientBody::Handshake(Handshake { version, id, features }) = first else {
            return self.break_off(
                session,
                CloseCode::Protocol.into(),
                "expected a handshake",
                now,
            );
        };
        if id.as_ref().is_some_and(leads_elsewhere) {
            let reason = "an id must not be a path with . or .. in it";
            return self.break_off(session, CloseCode::Protocol.into(), reason, now);
        }
        let Some(state) = self.sessions.get_mut(&session) else { return };
        state.client = id;
        state.features = features;
        state.phase = Phase::Outside;
        self.timers.cancel(Timer::Handshake(session));
        let ours = vec![VERSION.to_owned()];
        // Who names none is answered as Galène would.
        let features = features.intersection(FEATURES);
        self.tell(session, ServerMessage::Handshake { version: ours, features });
        if !version.iter().any(|v| v == VERSION) {
            self.warn(
                session,
                "this client speaks an unknown version of the protocol; some things may not work",
            );
        }
    }

    pub(crate) fn handshake_overdue(&mut self, session: SessionId, now: Now) {
        self.break_off(session, CloseCode::Protocol.into(), "no handshake", now);
    }

    /// Looks at the sessions that are due, and at those that soon will be.
    pub(crate) fn check_due_liveness(&mut self, now: Now) {
        if self.liveness.next().is_none_or(|at| at > now.instant) {
            return;
        }
        while let Some(session) = self.liveness.pop_due(now.instant + LIVENESS_GATHER) {
            self.check_liveness(session, now);
        }
    }

    /// Asks a silent client for a sign of life, or gives it up.
    fn check_liveness(&mut self, session: SessionId, now: Now) {
        let Some(state) = self.sessions.get_mut(&session) else { return };
        let since = |then: Instant| now.instant.saturating_duration_since(then);
        let silence = since(state.last_heard);
        if silence > GONE_AFTER && state.pinged.is_some_and(|pinged| since(pinged) >= PONG_WITHIN) {
            return self.break_off(session, CloseCode::Internal.into(), "", now);
        }
        if silence > PING_AFTER && !matches!(state.phase, Phase::Greeting) {
            state.pinged.get_or_insert(now.instant);
            self.tell(session, ServerMessage::Ping);
        }
        self.liveness.arm(session, now.instant + LIVENESS_INTERVAL);
    }

    /// Takes in something that is not a message: most often that ends the connection.
    pub(crate) fn malformed(&mut self, session: SessionId, error: &DecodeError, now: Now) {
        let Some(state) = self.sessions.get_mut(&session) else { return };
        let text = error.to_string();
        let greeting = matches!(state.phase, Phase::Greeting);
        match error.close_code() {
            Some(code) if greeting => self.break_off(session, code.into(), &text, now),
            Some(code) => self.end_session(session, code.into(), &text, now),
            None if greeting => self.break_off(session, CloseCode::Protocol.into(), &text, now),
            None => {
                state.last_heard = now.instant;
                state.pinged = None;
                if !self.within_allowance(session, None, now) {
                    return;
                }
                if let DecodeError::TooLong { stream: Some(stream), .. } = error {
                    let stream = stream.clone();
                    self.give_up_stream(session, &stream);
                }
                if let DecodeError::InvalidValue { kind, .. } = error
                    && let Some(is_new) = is_about_token(kind)
                {
                    self.refuse_template(session, is_new, text);
                } else {
                    self.tell_error(session, text);
                }
            }
        }
    }

    /// Ends a session because of what its client did, after telling the client.
    pub(crate) fn end_session(&mut self, session: SessionId, code: u16, reason: &str, now: Now) {
        self.tell_error(session, reason);
        self.break_off(session, code, reason, now);
    }

    /// Ends a session without a word but the close reason.
    pub(crate) fn break_off(&mut self, session: SessionId, code: u16, reason: &str, now: Now) {
        if self.sessions.contains_key(&session) {
            self.close_connection(session, code, reason);
            self.forget_session(session, now);
        }
    }

    /// Forgets a session whose connection is gone: its group goes on without it.
    pub(crate) fn forget_session(&mut self, session: SessionId, now: Now) {
        let group = self.sessions.get(&session).and_then(|state| state.group()).cloned();
        // Nothing is said to it any more, so it goes before the others hear of it.
        self.remove_session(session);
        if let Some(group) = group {
            self.leave_group(session, &group, now);
        }
    }

    /// Forgets a session, its streams and what it waits for, but not that it is in a group.
    pub(crate) fn remove_session(&mut self, session: SessionId) {
        let Some(state) = self.sessions.remove(&session) else { return };
        self.liveness.cancel(session);
        for timer in [Timer::Handshake(session), Timer::Refusal(session)] {
            self.timers.cancel(timer);
        }
        if let Phase::Joining(joining) = &state.phase {
            if let Some(ticket) = joining.ticket() {
                self.tickets.remove(&ticket);
            }
            if let (Some(login), Some(address)) = (joining.waiting_login(), state.address) {
                self.logins.forget(session, address, login);
            }
        }
        self.close_streams(state.ups, state.downs);
    }

    pub(crate) fn close_connection(&mut self, session: SessionId, code: u16, reason: &str) {
        let reason = truncate_close_reason(reason).to_owned();
        self.output(Output::Close { session, code, reason });
    }

    pub(crate) fn warn(&mut self, session: SessionId, text: impl Into<String>) {
        let dest = self.sessions.get(&session).and_then(|s| s.client.clone());
        let message = text.into();
        self.tell(session, ServerMessage::UserMessage(UserMessage::Warning { dest, message }));
    }

    pub(crate) fn tell_error(&mut self, session: SessionId, text: impl Into<String>) {
        let dest = self.sessions.get(&session).and_then(|s| s.client.clone());
        let message = text.into();
        self.tell(session, ServerMessage::UserMessage(UserMessage::Error { dest, message }));
    }

    /// Says something to one client.
    pub(crate) fn tell(&mut self, session: SessionId, message: ServerMessage) {
        if self.sessions.contains_key(&session) {
            self.send_to(vec![session], message.into());
        }
    }
}

/// Returns whether a URL that ends with this id would be read as one of something else: the group of the
/// client, for instance (RFC 3986 §5.2.4).
fn leads_elsewhere(id: &ClientId) -> bool {
    id.as_str().split('/').any(|segment| matches!(segment, "." | ".."))
}

/// Returns whether an action makes a new token, if it is about one: it gets an answer of its own kind.
fn is_about_token(action: &str) -> Option<bool> {
    match action {
        "maketoken" => Some(true),
        "edittoken" => Some(false),
        _ => None,
    }
}

/// The server is going away for a while (IANA, WebSocket Close Code Number Registry).
pub(crate) const SERVICE_RESTART: u16 = 1012;

/// The client asks for too much (RFC 6455 §7.4.1).
pub(crate) const POLICY_VIOLATION: u16 = 1008;
