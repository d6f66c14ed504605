//! Tokens: invitations that stand in for a password.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{Permissions, Secret, Timestamp};

/// A token that the server keeps.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Token {
    /// The secret, which is also the token's name.
    #[serde(serialize_with = "Secret::serialize")]
    pub token: Secret,
    /// The group that it opens; empty for the whole server.
    #[serde(default)]
    pub group: String,
    /// Whether it opens the groups below that one, too.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub include_subgroups: bool,
    /// The name that its bearer gets, or `None` if the bearer must choose one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// The permissions that its bearer gets.
    #[serde(default)]
    pub permissions: Option<Permissions>,
    /// When it ends. A token without an end is no longer valid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Timestamp>,
    /// When it begins.
    #[serde(default, rename = "not-before", skip_serializing_if = "Option::is_none")]
    pub not_before: Option<Timestamp>,
    /// When it was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issued_at: Option<Timestamp>,
    /// Who made it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issued_by: Option<String>,
}

/// What a client wants a token to be, or to become.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenTemplate {
    /// The token to change; absent when one is made.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        serialize_with = "Secret::serialize_option"
    )]
    pub token: Option<Secret>,
    /// See [`Token::group`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// See [`Token::username`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// See [`Token::permissions`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub permissions: Option<Permissions>,
    /// See [`Token::expires`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<TokenTime>,
    /// See [`Token::not_before`].
    #[serde(default, rename = "not-before", skip_serializing_if = "Option::is_none")]
    pub not_before: Option<TokenTime>,
}

/// A point in time in a [`TokenTemplate`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenTime {
    /// On the calendar.
    At(Timestamp),
    /// So many milliseconds from now; negative for the past.
    InMillis(i64),
}

impl Serialize for TokenTime {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::At(time) => time.serialize(serializer),
            Self::InMillis(millis) => serializer.serialize_i64(*millis),
        }
    }
}

impl<'de> Deserialize<'de> for TokenTime {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Json {
            At(Timestamp),
            // JavaScript has one type of number, and its clocks may give fractions.
            InMillis(f64),
        }

        Ok(match Json::deserialize(deserializer)? {
            Json::At(time) => Self::At(time),
            Json::InMillis(millis) => Self::InMillis(millis as i64),
        })
    }
}
