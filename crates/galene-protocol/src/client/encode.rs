//! Client messages to JSON.

use std::borrow::Cow;

use serde_json::{Value, json};

use super::{
    Answer, ClearChat, ClientBody, ClientMessage, ClientOffer, GroupAction, Handshake, Ice, Join,
    Post, UserAction, UserActionKind,
};
use crate::envelope::Outgoing;
use crate::{MessageId, Secret, StreamId};

pub(super) fn encode(message: &ClientMessage) -> String {
    let body = body(&message.body);
    let username = body.username.or(message.username.as_deref());
    Outgoing { source: message.source.as_ref(), username, ..body }.to_json()
}

fn body(body: &ClientBody) -> Outgoing<'_> {
    match body {
        ClientBody::Abort { id } => about("abort", id),
        ClientBody::Answer(Answer { id, sdp }) => Outgoing { sdp, ..about("answer", id) },
        ClientBody::Chat(post) => self::post("chat", post),
        ClientBody::Close { id } => about("close", id),
        ClientBody::GroupAction(action) => group_action(action),
        ClientBody::Handshake(Handshake { version, id, features }) => {
            let id = id.as_ref().map_or("", |id| id.as_str());
            let features = *features;
            Outgoing { message_type: "handshake", version, id, features, ..Outgoing::default() }
        }
        ClientBody::Ice(Ice { id, candidate }) => {
            Outgoing { candidate: Some(candidate), ..about("ice", id) }
        }
        ClientBody::Join(join) => self::join(join),
        ClientBody::Leave { group } => {
            Outgoing { message_type: "join", kind: "leave", group, ..Outgoing::default() }
        }
        ClientBody::Offer(ClientOffer { id, label, replace, sdp }) => {
            let replace = replace.as_ref().map_or("", StreamId::as_str);
            Outgoing { label, replace, sdp, ..about("offer", id) }
        }
        ClientBody::Ping => Outgoing { message_type: "ping", ..Outgoing::default() },
        ClientBody::Pong => Outgoing { message_type: "pong", ..Outgoing::default() },
        ClientBody::Renegotiate { id } => about("renegotiate", id),
        ClientBody::Request(request) => Outgoing {
            message_type: "request",
            request: Some(json!(request)),
            ..Outgoing::default()
        },
        ClientBody::RequestStream { id, request } => {
            Outgoing { request: request.map(|wanted| json!(wanted)), ..about("requestStream", id) }
        }
        ClientBody::UserAction(action) => user_action(action),
        ClientBody::UserMessage(post) => self::post("usermessage", post),
    }
}

fn about<'a>(message_type: &'static str, id: &'a StreamId) -> Outgoing<'a> {
    Outgoing { message_type, id: id.as_str(), ..Outgoing::default() }
}

fn join(join: &Join) -> Outgoing<'_> {
    Outgoing {
        message_type: "join",
        kind: "join",
        group: &join.group,
        username: join.username.as_deref(),
        password: join.password.expose(),
        token: join.token.as_ref().map_or("", Secret::expose),
        data: Some(&join.data),
        ..Outgoing::default()
    }
}

fn post<'a>(message_type: &'static str, post: &'a Post) -> Outgoing<'a> {
    Outgoing {
        message_type,
        id: post.id.as_ref().map_or("", MessageId::as_str),
        dest: post.dest.as_ref(),
        kind: &post.kind,
        noecho: post.noecho,
        value: post.value.as_ref().map(Cow::Borrowed),
        ..Outgoing::default()
    }
}

fn group_action(action: &GroupAction) -> Outgoing<'_> {
    let (kind, value) = match action {
        GroupAction::ClearChat(what) => ("clearchat", what.to_value()),
        GroupAction::EditToken(template) => ("edittoken", json!(template)),
        GroupAction::ListTokens => ("listtokens", Value::Null),
        GroupAction::Lock { message } if message.is_empty() => ("lock", Value::Null),
        GroupAction::Lock { message } => ("lock", json!(message)),
        GroupAction::MakeToken(template) => ("maketoken", json!(template)),
        GroupAction::Record => ("record", Value::Null),
        GroupAction::SetData(data) => ("setdata", json!(data)),
        GroupAction::Subgroups => ("subgroups", Value::Null),
        GroupAction::Unlock => ("unlock", Value::Null),
        GroupAction::Unrecord => ("unrecord", Value::Null),
        GroupAction::Unknown { kind } => (kind.as_str(), Value::Null),
    };
    let value = Some(Cow::Owned(value));
    Outgoing { message_type: "groupaction", kind, value, ..Outgoing::default() }
}

fn user_action(action: &UserAction) -> Outgoing<'_> {
    let (kind, value) = match &action.kind {
        UserActionKind::Identify => ("identify", Value::Null),
        UserActionKind::Kick { message } => ("kick", json!(message)),
        UserActionKind::Op => ("op", Value::Null),
        UserActionKind::Present => ("present", Value::Null),
        UserActionKind::SetData(data) => ("setdata", json!(data)),
        UserActionKind::Shutup => ("shutup", Value::Null),
        UserActionKind::Unop => ("unop", Value::Null),
        UserActionKind::Unpresent => ("unpresent", Value::Null),
        UserActionKind::Unshutup => ("unshutup", Value::Null),
        UserActionKind::Unknown { kind } => (kind.as_str(), Value::Null),
    };
    let (dest, value) = (action.dest.as_ref(), Some(Cow::Owned(value)));
    Outgoing { message_type: "useraction", kind, dest, value, ..Outgoing::default() }
}

impl ClearChat {
    pub(crate) fn to_value(&self) -> Value {
        match self {
            Self::All => Value::Null,
            Self::FromUser(user_id) => json!({ "userId": user_id }),
            Self::Message { user_id, id } => json!({ "id": id, "userId": user_id }),
        }
    }
}
