//! The one JSON object that all messages are: every member that exists, each optional.
//!
//! What holds for every message stands here once: what counts as absent, which members are left out
//! when they are empty, and that a known member of the wrong type is an error even where it is unused.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::limits::MAX_MESSAGE_BYTES;
use crate::surrogate::replace_lone_surrogates;
use crate::{
    ClientId, Data, DecodeError, EncodingUse, Features, GroupStatus, IceCandidate, Permissions,
    RtcConfiguration, Secret, Speaker, Timestamp,
};

/// Defines [`Incoming`] from the list of members.
macro_rules! incoming {
    ($($name:literal $field:ident: $type:ty,)*) => {
        /// A received message. A member that is absent or null is `None`.
        #[derive(Debug, Default)]
        pub(crate) struct Incoming {
            $(pub(crate) $field: Option<$type>,)*
        }

        impl Incoming {
            /// Reads the first JSON value of a message; what follows it is ignored, as Galène does.
            pub(crate) fn parse(message: &[u8]) -> Result<Self, DecodeError> {
                #[derive(Deserialize)]
                struct Members<'a> {
                    $(#[serde(borrow, default, rename = $name)] $field: Option<&'a RawValue>,)*
                }

                let text = &*replace_lone_surrogates(json_text(message)?);
                let mut json = serde_json::Deserializer::from_str(text);
                let Object(members) = Object::<Members<'_>>::deserialize(&mut json)
                    .map_err(|error| DecodeError::Json { column: column(text, &error) })?;
                Ok(Self { $($field: member($name, members.$field)?,)* })
            }
        }
    };
}

incoming! {
    "type" message_type: String,
    "version" version: Vec<String>,
    "features" features: Features,
    "kind" kind: String,
    "error" error: String,
    "id" id: String,
    "replace" replace: String,
    "source" source: String,
    "dest" dest: String,
    "username" username: String,
    "password" password: Secret,
    "token" token: Secret,
    "privileged" privileged: bool,
    "permissions" permissions: Permissions,
    "status" status: IncomingStatus,
    "reason" reason: String,
    "encodings" encodings: Vec<EncodingUse>,
    "data" data: Data,
    "group" group: String,
    "value" value: Value,
    "noecho" noecho: bool,
    "time" time: Timestamp,
    "sdp" sdp: String,
    "candidate" candidate: Object<IceCandidate>,
    "label" label: String,
    "request" request: Value,
    "speakers" speakers: Value,
    "rtcConfiguration" rtc_configuration: Object<RtcConfiguration>,
}

/// A structure that must be written as an object. Serde would also take an array of its members.
#[derive(Debug, Default)]
pub(crate) struct Object<T>(pub(crate) T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Map<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for Map<T> {
            type Value = Object<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<M: MapAccess<'de>>(self, map: M) -> Result<Object<T>, M::Error> {
                T::deserialize(MapAccessDeserializer::new(map)).map(Object)
            }
        }

        deserializer.deserialize_map(Map(PhantomData))
    }
}

/// The status of a group, or of a stream in a word.
#[derive(Debug)]
pub(crate) enum IncomingStatus {
    Group(Box<GroupStatus>),
    Stream(String),
}

impl<'de> Deserialize<'de> for IncomingStatus {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Status;

        impl<'de> Visitor<'de> for Status {
            type Value = IncomingStatus;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object or a text")
            }

            fn visit_map<M: MapAccess<'de>>(self, map: M) -> Result<IncomingStatus, M::Error> {
                let status = GroupStatus::deserialize(MapAccessDeserializer::new(map))?;
                Ok(IncomingStatus::Group(Box::new(status)))
            }

            fn visit_str<E: serde::de::Error>(self, word: &str) -> Result<IncomingStatus, E> {
                Ok(IncomingStatus::Stream(word.to_owned()))
            }
        }

        deserializer.deserialize_any(Status)
    }
}

/// The same, to be sent.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(crate) enum OutgoingStatus<'a> {
    Group(&'a GroupStatus),
    Stream(&'static str),
}

/// A message to send. Defaults are left out, except for an empty `username` and `value`.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Outgoing<'a> {
    #[serde(rename = "type")]
    pub(crate) message_type: &'static str,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    pub(crate) version: &'a [String],
    #[serde(skip_serializing_if = "Features::is_empty")]
    pub(crate) features: Features,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub(crate) kind: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub(crate) error: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub(crate) id: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub(crate) replace: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) source: Option<&'a ClientId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) dest: Option<&'a ClientId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) username: Option<&'a str>,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub(crate) password: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub(crate) token: &'a str,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) privileged: bool,
    #[serde(skip_serializing_if = "has_no_permissions")]
    pub(crate) permissions: Option<&'a Permissions>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) status: Option<OutgoingStatus<'a>>,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub(crate) reason: &'a str,
    #[serde(skip_serializing_if = "<[EncodingUse]>::is_empty")]
    pub(crate) encodings: &'a [EncodingUse],
    #[serde(skip_serializing_if = "has_no_data")]
    pub(crate) data: Option<&'a Data>,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub(crate) group: &'a str,
    #[serde(skip_serializing_if = "has_no_value")]
    pub(crate) value: Option<Cow<'a, Value>>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) noecho: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) time: Option<Timestamp>,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub(crate) sdp: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) candidate: Option<&'a IceCandidate>,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub(crate) label: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) request: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) speakers: Option<&'a [Speaker]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) rtc_configuration: Option<&'a RtcConfiguration>,
}

impl Outgoing<'_> {
    pub(crate) fn to_json(&self) -> String {
        serde_json::to_string(self)
            .expect("strings, numbers and maps with string keys are always JSON")
    }
}

/// Reads `null` like an absent member, inside nested objects.
pub(crate) fn null_as_default<'de, T, D>(deserializer: D) -> Result<T, D::Error>
where
    T: Default + Deserialize<'de>,
    D: Deserializer<'de>,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

fn json_text(message: &[u8]) -> Result<&str, DecodeError> {
    if message.len() > MAX_MESSAGE_BYTES {
        return Err(DecodeError::TooBig);
    }
    std::str::from_utf8(message)
        .map_err(|error| DecodeError::Json { column: error.valid_up_to() + 1 })
}

/// Returns where in `text` reading failed. A message with line breaks is rare, but legal.
fn column(text: &str, error: &serde_json::Error) -> usize {
    let lines_before = text.split_inclusive('\n').take(error.line().saturating_sub(1));
    lines_before.map(str::len).sum::<usize>() + error.column().max(1)
}

fn member<'a, T: Deserialize<'a>>(
    field: &'static str,
    raw: Option<&'a RawValue>,
) -> Result<Option<T>, DecodeError> {
    raw.map(|raw| serde_json::from_str(raw.get()))
        .transpose()
        .map_err(|_| DecodeError::FieldType { field })
}

fn has_no_permissions(permissions: &Option<&Permissions>) -> bool {
    permissions.is_none_or(Permissions::is_empty)
}

fn has_no_data(data: &Option<&Data>) -> bool {
    data.is_none_or(Data::is_empty)
}

fn has_no_value(value: &Option<Cow<'_, Value>>) -> bool {
    value.as_deref().is_none_or(Value::is_null)
}
