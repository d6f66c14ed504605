//! Server messages from JSON, for clients and tests.

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{
    JoinError, Joined, Kicker, Membership, ServerMessage, ServerOffer, TokenRefusal, UserMessage,
    UserState, UserUpdate,
};
use crate::envelope::{Incoming, IncomingStatus, Object};
use crate::{
    Answer, ClearChat, ClientId, DecodeError, GroupName, GroupStatus, HistoryEntry, Ice,
    LimitReason, MessageId, Relayed, Speaker, StreamId, StreamStatus, Username,
};

pub(super) fn decode(message: &[u8]) -> Result<ServerMessage, DecodeError> {
    let mut incoming = Incoming::parse(message)?;
    let message_type = incoming.message_type.take().unwrap_or_default();
    let incoming = &mut incoming;
    Ok(match message_type.as_str() {
        "abort" => ServerMessage::Abort { id: stream(incoming, "abort")? },
        "answer" => {
            let id = stream(incoming, "answer")?;
            ServerMessage::Answer(Answer { id, sdp: incoming.sdp.take().unwrap_or_default() })
        }
        "chat" => ServerMessage::Chat(relayed(incoming, "chat")?),
        "chathistory" => ServerMessage::ChatHistory(history(incoming)?),
        "close" => ServerMessage::Close { id: stream(incoming, "close")? },
        "encodings" => ServerMessage::Encodings {
            id: stream(incoming, "encodings")?,
            encodings: incoming.encodings.take().unwrap_or_default(),
        },
        "handshake" => ServerMessage::Handshake {
            version: incoming.version.take().unwrap_or_default(),
            features: incoming.features.take().unwrap_or_default(),
        },
        "ice" => {
            let missing = DecodeError::Missing { message: "ice", field: "candidate" };
            let Object(candidate) = incoming.candidate.take().ok_or(missing)?;
            ServerMessage::Ice(Ice { id: stream(incoming, "ice")?, candidate })
        }
        "joined" => ServerMessage::Joined(joined(incoming)?),
        "offer" => ServerMessage::Offer(offer(incoming)?),
        "ping" => ServerMessage::Ping,
        "pong" => ServerMessage::Pong,
        "renegotiate" => ServerMessage::Renegotiate { id: stream(incoming, "renegotiate")? },
        "speakers" => ServerMessage::Speakers(speakers(incoming)?),
        "streamstatus" => ServerMessage::StreamStatus {
            id: stream(incoming, "streamstatus")?,
            status: stream_status(incoming)?,
        },
        "user" => ServerMessage::User(user(incoming)?),
        "usermessage" => ServerMessage::UserMessage(user_message(incoming)?),
        other => return Err(DecodeError::unknown_type(other)),
    })
}

fn joined(incoming: &mut Incoming) -> Result<Joined, DecodeError> {
    Ok(match incoming.kind.take().unwrap_or_default().as_str() {
        "change" => Joined::Change(membership(incoming)?),
        "fail" => Joined::Fail {
            group: incoming.group.take().unwrap_or_default(),
            username: username(incoming)?,
            error: incoming.error.take().filter(|error| !error.is_empty()).map(JoinError::from),
            message: text(incoming)?,
        },
        "join" => Joined::Join(membership(incoming)?),
        "leave" => Joined::Leave(membership(incoming)?),
        "redirect" => Joined::Redirect {
            group: group(incoming)?,
            username: username(incoming)?.unwrap_or_default(),
            url: text(incoming)?,
        },
        other => return Err(DecodeError::unknown_kind("joined", other)),
    })
}

fn membership(incoming: &mut Incoming) -> Result<Membership, DecodeError> {
    Ok(Membership {
        group: group(incoming)?,
        username: username(incoming)?.unwrap_or_default(),
        permissions: incoming.permissions.take().unwrap_or_default(),
        status: group_status(incoming)?,
        data: incoming.data.take().unwrap_or_default(),
        rtc_configuration: incoming.rtc_configuration.take().unwrap_or_default().0,
    })
}

fn group_status(incoming: &mut Incoming) -> Result<GroupStatus, DecodeError> {
    match incoming.status.take() {
        None => Ok(GroupStatus::default()),
        Some(IncomingStatus::Group(status)) => Ok(*status),
        Some(IncomingStatus::Stream(_)) => Err(DecodeError::FieldType { field: "status" }),
    }
}

fn stream_status(incoming: &mut Incoming) -> Result<StreamStatus, DecodeError> {
    let reason = incoming.reason.take().and_then(|word| LimitReason::from_word(&word));
    let status = match incoming.status.take() {
        Some(IncomingStatus::Stream(word)) => StreamStatus::from_words(&word, reason),
        Some(IncomingStatus::Group(_)) | None => None,
    };
    status.ok_or(DecodeError::FieldType { field: "status" })
}

fn offer(incoming: &mut Incoming) -> Result<ServerOffer, DecodeError> {
    Ok(ServerOffer {
        id: stream(incoming, "offer")?,
        label: incoming.label.take().unwrap_or_default(),
        replace: incoming.replace.take().and_then(|id| StreamId::try_from(id).ok()),
        source: source(incoming)
            .ok_or(DecodeError::Missing { message: "offer", field: "source" })?,
        username: username(incoming)?.unwrap_or_default(),
        sdp: incoming.sdp.take().unwrap_or_default(),
    })
}

fn speakers(incoming: &mut Incoming) -> Result<Vec<Speaker>, DecodeError> {
    let speakers = incoming.speakers.take();
    let speakers = speakers.map(serde_json::from_value).transpose();
    Ok(speakers.map_err(|_| DecodeError::FieldType { field: "speakers" })?.unwrap_or_default())
}

fn user(incoming: &mut Incoming) -> Result<UserUpdate, DecodeError> {
    let id = client(incoming, "user")?;
    let username = username(incoming)?.unwrap_or_default();
    let permissions = incoming.permissions.take().unwrap_or_default();
    let data = incoming.data.take().unwrap_or_default();
    match incoming.kind.take().unwrap_or_default().as_str() {
        "add" => Ok(UserUpdate::Add(UserState { id, username, permissions, data })),
        "change" => Ok(UserUpdate::Change(UserState { id, username, permissions, data })),
        "delete" => Ok(UserUpdate::Delete { id, username }),
        other => Err(DecodeError::unknown_kind("user", other)),
    }
}

/// What clients sent has a time, what the server says has none.
fn user_message(incoming: &mut Incoming) -> Result<UserMessage, DecodeError> {
    if incoming.time.is_some() {
        return Ok(UserMessage::Relayed(relayed(incoming, "usermessage")?));
    }
    Ok(match incoming.kind.take().unwrap_or_default().as_str() {
        "clearchat" => UserMessage::ClearChat(ClearChat::from_value(incoming.value.take())?),
        "error" => UserMessage::Error { dest: dest(incoming), message: text(incoming)? },
        "kicked" => {
            let id = incoming.id.take().and_then(|id| ClientId::try_from(id).ok());
            let username = username(incoming)?.unwrap_or_default();
            let by = id.map(|id| Kicker { id, username });
            UserMessage::Kicked { by, dest: dest(incoming), message: text(incoming)? }
        }
        "token" => UserMessage::Token(token_reply(incoming)?),
        "tokenlist" => UserMessage::TokenList(token_reply(incoming)?),
        "userinfo" => UserMessage::UserInfo(value(incoming)?),
        "warning" => UserMessage::Warning { dest: dest(incoming), message: text(incoming)? },
        other => return Err(DecodeError::unknown_kind("usermessage", other)),
    })
}

fn token_reply<T: DeserializeOwned>(
    incoming: &mut Incoming,
) -> Result<Result<T, TokenRefusal>, DecodeError> {
    match incoming.error.take().unwrap_or_default().as_str() {
        "" => Ok(Ok(value(incoming)?)),
        error => Ok(Err(TokenRefusal {
            not_authorised: error == "not-authorised",
            message: text(incoming)?,
        })),
    }
}

fn relayed(incoming: &mut Incoming, message: &'static str) -> Result<Relayed, DecodeError> {
    Ok(Relayed {
        id: incoming.id.take().and_then(|id| MessageId::try_from(id).ok()),
        source: source(incoming),
        username: username(incoming)?,
        dest: dest(incoming),
        privileged: incoming.privileged.unwrap_or_default(),
        time: incoming.time.ok_or(DecodeError::Missing { message, field: "time" })?,
        kind: incoming.kind.take().unwrap_or_default(),
        noecho: incoming.noecho.unwrap_or_default(),
        value: incoming.value.take(),
    })
}

fn history(incoming: &mut Incoming) -> Result<HistoryEntry, DecodeError> {
    let Relayed { id, source, username, time, kind, value, .. } = relayed(incoming, "chathistory")?;
    Ok(HistoryEntry { id, source, username, time, kind, value })
}

fn stream(incoming: &mut Incoming, message: &'static str) -> Result<StreamId, DecodeError> {
    let id = incoming.id.take().unwrap_or_default();
    StreamId::try_from(id).map_err(|_| DecodeError::Missing { message, field: "id" })
}

fn client(incoming: &mut Incoming, message: &'static str) -> Result<ClientId, DecodeError> {
    let id = incoming.id.take().unwrap_or_default();
    ClientId::try_from(id).map_err(|_| DecodeError::Missing { message, field: "id" })
}

fn source(incoming: &mut Incoming) -> Option<ClientId> {
    incoming.source.take().and_then(|id| ClientId::try_from(id).ok())
}

fn dest(incoming: &mut Incoming) -> Option<ClientId> {
    incoming.dest.take().and_then(|id| ClientId::try_from(id).ok())
}

fn group(incoming: &mut Incoming) -> Result<GroupName, DecodeError> {
    let name = incoming.group.take().unwrap_or_default();
    GroupName::parse(&name).map_err(|_| DecodeError::FieldType { field: "group" })
}

fn username(incoming: &mut Incoming) -> Result<Option<Username>, DecodeError> {
    let name = incoming.username.take();
    let name = name.map(|name| Username::parse(&name)).transpose();
    name.map_err(|_| DecodeError::FieldType { field: "username" })
}

fn text(incoming: &mut Incoming) -> Result<String, DecodeError> {
    match incoming.value {
        None => Ok(String::new()),
        Some(_) => value(incoming),
    }
}

fn value<T: DeserializeOwned>(incoming: &mut Incoming) -> Result<T, DecodeError> {
    let value = incoming.value.take().unwrap_or(Value::Null);
    serde_json::from_value(value).map_err(|_| DecodeError::FieldType { field: "value" })
}

impl From<String> for JoinError {
    fn from(name: String) -> Self {
        match name.as_str() {
            "duplicate-username" => Self::DuplicateUsername,
            "need-username" => Self::NeedUsername,
            _ => Self::Other(name.into()),
        }
    }
}
