//! Server messages to JSON.

use std::borrow::Cow;

use serde_json::{Value, json};

use super::{
    JoinError, Joined, Membership, ServerMessage, ServerOffer, TokenRefusal, UserMessage,
    UserState, UserUpdate,
};
use crate::envelope::{Outgoing, OutgoingStatus};
use crate::{
    Answer, ClientId, HistoryEntry, Ice, LimitReason, MessageId, Relayed, StreamId, Username,
};

pub(super) fn encode(message: &ServerMessage) -> String {
    let outgoing = match message {
        ServerMessage::Abort { id } => about("abort", id),
        ServerMessage::Answer(Answer { id, sdp }) => Outgoing { sdp, ..about("answer", id) },
        ServerMessage::Chat(chat) => relayed("chat", chat),
        ServerMessage::ChatHistory(entry) => history(entry),
        ServerMessage::Close { id } => about("close", id),
        ServerMessage::Encodings { id, encodings } => {
            Outgoing { encodings, ..about("encodings", id) }
        }
        ServerMessage::Handshake { version, features } => {
            let features = *features;
            Outgoing { message_type: "handshake", version, features, ..Outgoing::default() }
        }
        ServerMessage::Ice(Ice { id, candidate }) => {
            Outgoing { candidate: Some(candidate), ..about("ice", id) }
        }
        ServerMessage::Joined(joined) => self::joined(joined),
        ServerMessage::Offer(offer) => self::offer(offer),
        ServerMessage::Ping => Outgoing { message_type: "ping", ..Outgoing::default() },
        ServerMessage::Pong => Outgoing { message_type: "pong", ..Outgoing::default() },
        ServerMessage::Renegotiate { id } => about("renegotiate", id),
        ServerMessage::Speakers(speakers) => {
            Outgoing { message_type: "speakers", speakers: Some(speakers), ..Outgoing::default() }
        }
        ServerMessage::StreamStatus { id, status } => Outgoing {
            status: Some(OutgoingStatus::Stream(status.as_str())),
            reason: status.reason().map_or("", LimitReason::as_str),
            ..about("streamstatus", id)
        },
        ServerMessage::User(update) => user(update),
        ServerMessage::UserMessage(message) => user_message(message),
    };
    outgoing.to_json()
}

fn about<'a>(message_type: &'static str, id: &'a StreamId) -> Outgoing<'a> {
    Outgoing { message_type, id: id.as_str(), ..Outgoing::default() }
}

fn joined(joined: &Joined) -> Outgoing<'_> {
    match joined {
        Joined::Change(membership) => self::membership("change", membership),
        Joined::Fail { group, username, error, message } => Outgoing {
            message_type: "joined",
            kind: "fail",
            group,
            username: username.as_ref().map(Username::as_str),
            error: error.as_ref().map_or("", JoinError::as_str),
            value: text(message),
            ..Outgoing::default()
        },
        Joined::Join(membership) => self::membership("join", membership),
        Joined::Leave(membership) => self::membership("leave", membership),
        Joined::Redirect { group, username, url } => Outgoing {
            message_type: "joined",
            kind: "redirect",
            group: group.as_str(),
            username: Some(username.as_str()),
            value: text(url),
            ..Outgoing::default()
        },
    }
}

fn membership<'a>(kind: &'static str, membership: &'a Membership) -> Outgoing<'a> {
    Outgoing {
        message_type: "joined",
        kind,
        group: membership.group.as_str(),
        username: Some(membership.username.as_str()),
        permissions: Some(&membership.permissions),
        status: Some(OutgoingStatus::Group(&membership.status)),
        data: Some(&membership.data),
        rtc_configuration: Some(&membership.rtc_configuration),
        ..Outgoing::default()
    }
}

fn offer(offer: &ServerOffer) -> Outgoing<'_> {
    Outgoing {
        label: &offer.label,
        replace: offer.replace.as_ref().map_or("", StreamId::as_str),
        source: Some(&offer.source),
        username: Some(offer.username.as_str()),
        sdp: &offer.sdp,
        ..about("offer", &offer.id)
    }
}

fn user(update: &UserUpdate) -> Outgoing<'_> {
    match update {
        UserUpdate::Add(state) => user_state("add", state),
        UserUpdate::Change(state) => user_state("change", state),
        UserUpdate::Delete { id, username } => Outgoing {
            message_type: "user",
            kind: "delete",
            id: id.as_str(),
            username: Some(username.as_str()),
            ..Outgoing::default()
        },
    }
}

fn user_state<'a>(kind: &'static str, state: &'a UserState) -> Outgoing<'a> {
    Outgoing {
        message_type: "user",
        kind,
        id: state.id.as_str(),
        username: Some(state.username.as_str()),
        permissions: Some(&state.permissions),
        data: Some(&state.data),
        ..Outgoing::default()
    }
}

fn user_message(message: &UserMessage) -> Outgoing<'_> {
    match message {
        UserMessage::ClearChat(what) => from_server("clearchat", None, what.to_value()),
        UserMessage::Error { dest, message } => from_server("error", dest.as_ref(), json!(message)),
        UserMessage::Kicked { by, dest, message } => Outgoing {
            id: by.as_ref().map_or("", |by| by.id.as_str()),
            // Galène has no `source` here, so clients put every kick down to the server.
            source: by.as_ref().map(|by| &by.id),
            username: by.as_ref().map(|by| by.username.as_str()),
            ..from_server("kicked", dest.as_ref(), json!(message))
        },
        UserMessage::Relayed(relayed) => self::relayed("usermessage", relayed),
        UserMessage::Token(Ok(token)) => from_server("token", None, json!(token)),
        UserMessage::Token(Err(refusal)) => refused("token", refusal),
        UserMessage::TokenList(Ok(tokens)) => from_server("tokenlist", None, json!(tokens)),
        UserMessage::TokenList(Err(refusal)) => refused("tokenlist", refusal),
        UserMessage::UserInfo(info) => from_server("userinfo", None, json!(info)),
        UserMessage::Warning { dest, message } => {
            from_server("warning", dest.as_ref(), json!(message))
        }
    }
}

fn from_server<'a>(kind: &'static str, dest: Option<&'a ClientId>, value: Value) -> Outgoing<'a> {
    let value = Some(Cow::Owned(value));
    Outgoing {
        message_type: "usermessage",
        kind,
        dest,
        privileged: true,
        value,
        ..Outgoing::default()
    }
}

fn refused<'a>(kind: &'static str, refusal: &'a TokenRefusal) -> Outgoing<'a> {
    let error = if refusal.not_authorised { "not-authorised" } else { "error" };
    Outgoing { error, ..from_server(kind, None, json!(refusal.message)) }
}

fn relayed<'a>(message_type: &'static str, relayed: &'a Relayed) -> Outgoing<'a> {
    Outgoing {
        message_type,
        id: relayed.id.as_ref().map_or("", MessageId::as_str),
        source: relayed.source.as_ref(),
        username: relayed.username.as_ref().map(Username::as_str),
        dest: relayed.dest.as_ref(),
        privileged: relayed.privileged,
        time: Some(relayed.time),
        kind: &relayed.kind,
        noecho: relayed.noecho,
        value: relayed.value.as_ref().map(Cow::Borrowed),
        ..Outgoing::default()
    }
}

fn history(entry: &HistoryEntry) -> Outgoing<'_> {
    Outgoing {
        message_type: "chathistory",
        id: entry.id.as_ref().map_or("", MessageId::as_str),
        source: entry.source.as_ref(),
        username: entry.username.as_ref().map(Username::as_str),
        time: Some(entry.time),
        kind: &entry.kind,
        value: entry.value.as_ref().map(Cow::Borrowed),
        ..Outgoing::default()
    }
}

fn text(text: &str) -> Option<Cow<'static, Value>> {
    Some(Cow::Owned(json!(text)))
}

impl JoinError {
    /// Returns the identifier on the wire.
    pub(crate) fn as_str(&self) -> &str {
        match self {
            Self::DuplicateUsername => "duplicate-username",
            Self::NeedUsername => "need-username",
            Self::Other(name) => name,
        }
    }
}
