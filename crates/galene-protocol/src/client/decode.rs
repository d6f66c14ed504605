//! Client messages from JSON.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{
    Answer, ClearChat, ClientBody, ClientMessage, ClientOffer, GroupAction, Handshake, Ice, Join,
    Post, UserAction, UserActionKind,
};
use crate::decode_error::excerpt;
use crate::envelope::{Incoming, Object};
use crate::limits::{
    MAX_CANDIDATE_BYTES, MAX_ID_BYTES, MAX_LABEL_BYTES, MAX_REQUEST_LABELS, MAX_SDP_BYTES,
};
use crate::{ClientId, Data, DecodeError, MessageId, StreamId, StreamRequest, Wanted};

pub(super) fn decode(message: &[u8]) -> Result<ClientMessage, DecodeError> {
    let mut incoming = Incoming::parse(message)?;
    let source = incoming.source.take().and_then(|id| ClientId::try_from(id).ok());
    let body = body(&mut incoming)?;
    Ok(ClientMessage { source, username: incoming.username, body })
}

fn body(incoming: &mut Incoming) -> Result<ClientBody, DecodeError> {
    let message_type = incoming.message_type.take().unwrap_or_default();
    Ok(match message_type.as_str() {
        "abort" => ClientBody::Abort { id: stream(incoming, "abort")? },
        "answer" => {
            let id = stream(incoming, "answer")?;
            ClientBody::Answer(Answer { sdp: sdp(incoming, &id)?, id })
        }
        "chat" => ClientBody::Chat(post(incoming)?),
        "close" => ClientBody::Close { id: stream(incoming, "close")? },
        "groupaction" => ClientBody::GroupAction(group_action(incoming)?),
        "handshake" => {
            let version = incoming.version.take().unwrap_or_default();
            let id = text("id", incoming.id.take(), MAX_ID_BYTES)?;
            let features = incoming.features.take().unwrap_or_default();
            ClientBody::Handshake(Handshake { version, id: ClientId::try_from(id).ok(), features })
        }
        "ice" => ice(incoming)?,
        "join" => join(incoming)?,
        "offer" => offer(incoming)?,
        "ping" => ClientBody::Ping,
        "pong" => ClientBody::Pong,
        "renegotiate" => ClientBody::Renegotiate { id: stream(incoming, "renegotiate")? },
        "request" => ClientBody::Request(request(incoming)?),
        "requestStream" => {
            let id = stream(incoming, "requestStream")?;
            ClientBody::RequestStream { id, request: wanted(incoming)? }
        }
        "useraction" => ClientBody::UserAction(user_action(incoming)?),
        "usermessage" => ClientBody::UserMessage(post(incoming)?),
        other => return Err(DecodeError::unknown_type(other)),
    })
}

fn ice(incoming: &mut Incoming) -> Result<ClientBody, DecodeError> {
    let id = stream(incoming, "ice")?;
    let missing = DecodeError::Missing { message: "ice", field: "candidate" };
    let Object(candidate) = incoming.candidate.take().ok_or(missing)?;
    // A stream can do without one of its candidates.
    limit("candidate", candidate.candidate.len(), MAX_CANDIDATE_BYTES)?;
    Ok(ClientBody::Ice(Ice { id, candidate }))
}

fn join(incoming: &mut Incoming) -> Result<ClientBody, DecodeError> {
    let group = incoming.group.take().unwrap_or_default();
    match incoming.kind.as_deref().unwrap_or_default() {
        "join" => Ok(ClientBody::Join(Join {
            group,
            username: incoming.username.take(),
            password: incoming.password.take().unwrap_or_default(),
            token: incoming.token.take().filter(|token| !token.is_empty()),
            data: incoming.data.take().unwrap_or_default(),
        })),
        "leave" => Ok(ClientBody::Leave { group }),
        other => Err(DecodeError::unknown_kind("join", other)),
    }
}

fn offer(incoming: &mut Incoming) -> Result<ClientBody, DecodeError> {
    let id = stream(incoming, "offer")?;
    let of_stream = |error: DecodeError| error.about(&id);
    let label = text("label", incoming.label.take(), MAX_LABEL_BYTES).map_err(of_stream)?;
    let replace = text("replace", incoming.replace.take(), MAX_ID_BYTES).map_err(of_stream)?;
    let sdp = sdp(incoming, &id)?;
    Ok(ClientBody::Offer(ClientOffer { id, label, replace: StreamId::try_from(replace).ok(), sdp }))
}

fn request(incoming: &mut Incoming) -> Result<StreamRequest, DecodeError> {
    let Some(request) = incoming.request.take() else { return Ok(StreamRequest::default()) };
    let request: StreamRequest = typed("request", request)?;
    limit("request", request.iter().len(), MAX_REQUEST_LABELS)?;
    for (label, _) in request.iter() {
        limit("request", label.len(), MAX_LABEL_BYTES)?;
    }
    Ok(request)
}

fn wanted(incoming: &mut Incoming) -> Result<Option<Wanted>, DecodeError> {
    incoming.request.take().map(|request| typed("request", request)).transpose()
}

fn post(incoming: &mut Incoming) -> Result<Post, DecodeError> {
    let id = text("id", incoming.id.take(), MAX_ID_BYTES)?;
    Ok(Post {
        id: MessageId::try_from(id).ok(),
        dest: dest(incoming)?,
        kind: text("kind", incoming.kind.take(), MAX_LABEL_BYTES)?,
        noecho: incoming.noecho.unwrap_or_default(),
        value: incoming.value.take(),
    })
}

fn group_action(incoming: &mut Incoming) -> Result<GroupAction, DecodeError> {
    let value = incoming.value.take();
    Ok(match incoming.kind.as_deref().unwrap_or_default() {
        "clearchat" => GroupAction::ClearChat(ClearChat::from_value(value)?),
        "edittoken" => GroupAction::EditToken(template("edittoken", value)?),
        "listtokens" => GroupAction::ListTokens,
        "lock" => GroupAction::Lock { message: message(value).unwrap_or_default() },
        "maketoken" => GroupAction::MakeToken(template("maketoken", value)?),
        "record" => GroupAction::Record,
        "setdata" => GroupAction::SetData(data("setdata", value)?),
        "subgroups" => GroupAction::Subgroups,
        "unlock" => GroupAction::Unlock,
        "unrecord" => GroupAction::Unrecord,
        other => GroupAction::Unknown { kind: excerpt(other) },
    })
}

fn user_action(incoming: &mut Incoming) -> Result<UserAction, DecodeError> {
    let value = incoming.value.take();
    let kind = match incoming.kind.as_deref().unwrap_or_default() {
        "identify" => UserActionKind::Identify,
        "kick" => UserActionKind::Kick { message: message(value) },
        "op" => UserActionKind::Op,
        "present" => UserActionKind::Present,
        "setdata" => UserActionKind::SetData(data("setdata", value)?),
        "shutup" => UserActionKind::Shutup,
        "unop" => UserActionKind::Unop,
        "unpresent" => UserActionKind::Unpresent,
        "unshutup" => UserActionKind::Unshutup,
        other => UserActionKind::Unknown { kind: excerpt(other) },
    };
    Ok(UserAction { dest: dest(incoming)?, kind })
}

impl ClearChat {
    pub(crate) fn from_value(value: Option<Value>) -> Result<Self, DecodeError> {
        #[derive(Default, Deserialize)]
        #[serde(rename_all = "camelCase", default)]
        struct Which {
            #[serde(deserialize_with = "crate::envelope::null_as_default")]
            id: String,
            #[serde(deserialize_with = "crate::envelope::null_as_default")]
            user_id: String,
        }

        let invalid = |reason| DecodeError::InvalidValue { kind: "clearchat", reason };
        let Some(value) = value else { return Ok(Self::All) };
        let which: Which =
            object(value).ok_or(invalid("value must be an object with user and message"))?;
        limit("id", which.id.len(), MAX_ID_BYTES)?;
        limit("userId", which.user_id.len(), MAX_ID_BYTES)?;
        match (ClientId::try_from(which.user_id), MessageId::try_from(which.id)) {
            (Ok(user_id), Ok(id)) => Ok(Self::Message { user_id, id }),
            (Ok(user_id), Err(_)) => Ok(Self::FromUser(user_id)),
            (Err(_), Err(_)) => Ok(Self::All),
            (Err(_), Ok(_)) => Err(invalid("a message is named by its sender and its id")),
        }
    }
}

fn template<T: DeserializeOwned>(
    kind: &'static str,
    value: Option<Value>,
) -> Result<T, DecodeError> {
    let reason = "value must be an object that describes a token";
    value.and_then(object).ok_or(DecodeError::InvalidValue { kind, reason })
}

fn data(kind: &'static str, value: Option<Value>) -> Result<Data, DecodeError> {
    value
        .and_then(object)
        .ok_or(DecodeError::InvalidValue { kind, reason: "value must be an object" })
}

/// Galène takes a message that is not a string for none.
fn message(value: Option<Value>) -> Option<String> {
    value
        .and_then(|value| serde_json::from_value(value).ok())
        .filter(|text: &String| !text.is_empty())
}

fn object<T: DeserializeOwned>(value: Value) -> Option<T> {
    value.is_object().then(|| serde_json::from_value(value).ok()).flatten()
}

fn typed<T: DeserializeOwned>(field: &'static str, value: Value) -> Result<T, DecodeError> {
    serde_json::from_value(value).map_err(|_| DecodeError::FieldType { field })
}

fn stream(incoming: &mut Incoming, message: &'static str) -> Result<StreamId, DecodeError> {
    let id = text("id", incoming.id.take(), MAX_ID_BYTES)?;
    StreamId::try_from(id).map_err(|_| DecodeError::Missing { message, field: "id" })
}

fn sdp(incoming: &mut Incoming, id: &StreamId) -> Result<String, DecodeError> {
    text("sdp", incoming.sdp.take(), MAX_SDP_BYTES).map_err(|error| error.about(id))
}

fn dest(incoming: &mut Incoming) -> Result<Option<ClientId>, DecodeError> {
    Ok(ClientId::try_from(text("dest", incoming.dest.take(), MAX_ID_BYTES)?).ok())
}

fn text(field: &'static str, text: Option<String>, max: usize) -> Result<String, DecodeError> {
    let text = text.unwrap_or_default();
    limit(field, text.len(), max)?;
    Ok(text)
}

fn limit(field: &'static str, actual: usize, limit: usize) -> Result<(), DecodeError> {
    if actual <= limit { Ok(()) } else { Err(DecodeError::TooLong { field, limit, stream: None }) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::CloseCode;
    use crate::limits::MAX_MESSAGE_BYTES;

    fn error_of(message: Value) -> DecodeError {
        decode(message.to_string().as_bytes()).expect_err("a message to be refused")
    }

    fn too_long(field: &'static str, limit: usize, stream: Option<&str>) -> DecodeError {
        let stream = stream.map(|id| StreamId::try_from(id).expect("an id"));
        DecodeError::TooLong { field, limit, stream }
    }

    #[test]
    fn a_member_at_its_limit_is_accepted_and_one_beyond_is_refused_without_closing() {
        let text = |length| "x".repeat(length);
        let chat = |id, dest, kind| json!({"type": "chat", "id": text(id), "dest": text(dest), "kind": text(kind)});
        let at_limit = chat(MAX_ID_BYTES, MAX_ID_BYTES, MAX_LABEL_BYTES).to_string();
        assert!(decode(at_limit.as_bytes()).is_ok());
        assert_eq!(error_of(chat(MAX_ID_BYTES + 1, 0, 0)), too_long("id", MAX_ID_BYTES, None));
        assert_eq!(error_of(chat(0, MAX_ID_BYTES + 1, 0)), too_long("dest", MAX_ID_BYTES, None));
        let error = error_of(chat(0, 0, MAX_LABEL_BYTES + 1));
        assert_eq!(error, too_long("kind", MAX_LABEL_BYTES, None));
        assert_eq!(error.close_code(), None);
    }

    #[test]
    fn an_offer_or_answer_that_is_too_long_names_its_stream() {
        let long = |length| "x".repeat(length + 1);
        let offer =
            |field: &str, limit| error_of(json!({"type": "offer", "id": "s", field: long(limit)}));
        assert_eq!(offer("label", MAX_LABEL_BYTES), too_long("label", MAX_LABEL_BYTES, Some("s")));
        assert_eq!(offer("replace", MAX_ID_BYTES), too_long("replace", MAX_ID_BYTES, Some("s")));
        assert_eq!(offer("sdp", MAX_SDP_BYTES), too_long("sdp", MAX_SDP_BYTES, Some("s")));
        let answer = error_of(json!({"type": "answer", "id": "s", "sdp": long(MAX_SDP_BYTES)}));
        assert_eq!(answer, too_long("sdp", MAX_SDP_BYTES, Some("s")));
        let candidate = json!({"candidate": long(MAX_CANDIDATE_BYTES)});
        let candidate = error_of(json!({"type": "ice", "id": "s", "candidate": candidate}));
        assert_eq!(candidate, too_long("candidate", MAX_CANDIDATE_BYTES, None));
    }

    #[test]
    fn a_request_with_too_many_labels_is_refused() {
        let request = |labels: usize| {
            let labels = (0..labels).map(|label| (label.to_string(), json!(["audio"])));
            json!({"type": "request", "request": labels.collect::<Data>()})
        };
        assert!(decode(request(MAX_REQUEST_LABELS).to_string().as_bytes()).is_ok());
        let error = error_of(request(MAX_REQUEST_LABELS + 1));
        assert_eq!(error, too_long("request", MAX_REQUEST_LABELS, None));
    }

    #[test]
    fn a_message_beyond_the_limit_closes_with_its_own_code() {
        let padded = |length| {
            let mut message = br#"{"type":"ping"}"#.to_vec();
            message.resize(length, b' ');
            message
        };
        assert!(decode(&padded(MAX_MESSAGE_BYTES)).is_ok());
        let error = decode(&padded(MAX_MESSAGE_BYTES + 1)).expect_err("too long");
        assert_eq!(error.close_code(), Some(CloseCode::TooBig));
    }

    #[test]
    fn nesting_without_end_is_refused_and_does_not_exhaust_the_stack() {
        let deep = |member: &str, depth| {
            let (open, close) = ("[".repeat(depth), "]".repeat(depth));
            format!(r#"{{"type":"chat","{member}":{open}{close}}}"#)
        };
        assert!(decode(deep("value", 100).as_bytes()).is_ok());
        assert!(decode(deep("unknown", 500_000).as_bytes()).is_ok());
        let error = decode(deep("value", 500_000).as_bytes()).expect_err("too deep");
        assert_eq!(error, DecodeError::FieldType { field: "value" });
    }

    #[test]
    fn bytes_that_are_no_text_are_refused() {
        let error = decode(b"{\"type\":\"\xff\"}").expect_err("not UTF-8");
        assert_eq!(error, DecodeError::Json { column: 10 });
    }

    #[test]
    fn half_an_emoji_in_a_message_does_not_disconnect_its_sender() {
        let message = decode(br#"{"type":"chat","value":"a\ud83d"}"#).expect("a chat message");
        let ClientBody::Chat(Post { value, .. }) = message.body else { panic!("{message:?}") };
        assert_eq!(value, Some(json!("a\u{fffd}")));
    }

    #[test]
    fn neither_a_message_nor_an_error_prints_a_secret() {
        let join = br#"{"type":"join","kind":"join","group":"g","password":"swordfish","token":"swordfish"}"#;
        let message = decode(join).expect("a join message");
        assert!(!format!("{message:?}").contains("swordfish"));
        assert!(message.encode().contains("swordfish"));
        let error = error_of(json!({"type": "join", "password": {"swordfish": 1}}));
        assert!(!format!("{error:?} {error}").contains("swordfish"));
    }

    #[test]
    fn what_an_error_quotes_is_short() {
        let error = error_of(json!({"type": "x".repeat(1000)}));
        assert!(error.to_string().len() < 100);
        let action =
            decode(json!({"type": "groupaction", "kind": "x".repeat(1000)}).to_string().as_bytes());
        let body = action.expect("an action").body;
        assert_eq!(body, ClientBody::GroupAction(GroupAction::Unknown { kind: "x".repeat(32) }));
    }

    #[test]
    fn the_name_in_a_join_is_a_credential_and_elsewhere_a_claim() {
        let join =
            decode(br#"{"type":"join","kind":"join","username":"a"}"#).expect("a join message");
        assert_eq!(join.username, None);
        let ping = decode(br#"{"type":"ping","username":"","source":"c"}"#).expect("a ping");
        assert_eq!(ping.username.as_deref(), Some(""));
        assert_eq!(ping.source.expect("a source").as_str(), "c");
    }
}
