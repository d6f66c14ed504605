//! Tokens: invitations that stand in for a password.

use std::time::{Duration, SystemTime};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::envelope::null_as_default;
use crate::{GroupName, Permissions, Secret, Timestamp};

/// A token that the server keeps.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Token {
    /// The secret, which is also the token's name.
    #[serde(serialize_with = "Secret::serialize")]
    pub token: Secret,
    /// The group that it opens; empty for the whole server.
    #[serde(default, deserialize_with = "null_as_default")]
    pub group: String,
    /// Whether it opens the groups below that one, too.
    #[serde(
        default,
        skip_serializing_if = "std::ops::Not::not",
        deserialize_with = "null_as_default"
    )]
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

/// How long a token is kept after its end, so that it can be extended; Galène's own number.
const KEPT_AFTER_END: Duration = Duration::from_secs(7 * 24 * 3600);

/// Why a token does not open a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TokenError {
    /// Its time is over, or it never had any.
    #[error("the token has expired")]
    Expired,
    /// Its time is still to come.
    #[error("the token is not valid yet")]
    NotYetValid,
    /// It is for another group.
    #[error("the token is for another group")]
    OtherGroup,
}

impl Token {
    /// Tells whether the token opens a group at a moment; `None` is the server as a whole.
    ///
    /// # Errors
    ///
    /// [`TokenError`] says why it does not.
    pub fn check(&self, group: Option<&GroupName>, now: SystemTime) -> Result<(), TokenError> {
        let now = Timestamp::from(now);
        if !self.is_for(group) {
            return Err(TokenError::OtherGroup);
        }
        // As in Galène, a token without an end is over.
        if self.expires.is_none_or(|expires| now > expires) {
            return Err(TokenError::Expired);
        }
        if self.not_before.is_some_and(|not_before| now < not_before) {
            return Err(TokenError::NotYetValid);
        }
        Ok(())
    }

    /// Returns whether the token is meant for a group, which need not exist; `None` is the server as a
    /// whole.
    pub fn is_for(&self, group: Option<&GroupName>) -> bool {
        let Some(group) = group.map(GroupName::as_str) else {
            return self.include_subgroups && self.group.is_empty();
        };
        let below = match self.group.as_str() {
            "" => true,
            own => group.strip_prefix(own).is_some_and(|rest| rest.starts_with('/')),
        };
        self.group == group || (self.include_subgroups && below)
    }

    /// Returns whether the token ended so long ago that it can be forgotten. One without an end never
    /// can.
    pub fn is_forgettable(&self, now: SystemTime) -> bool {
        let age = self.expires.and_then(|expires| now.duration_since(expires.into()).ok());
        age.is_some_and(|age| age > KEPT_AFTER_END)
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn token(json: &str) -> Token {
        serde_json::from_str(json).expect("a token")
    }

    fn group(name: &str) -> Option<GroupName> {
        GroupName::parse(name).ok()
    }

    fn at(time: &str) -> SystemTime {
        Timestamp::parse(time).expect("a time").into()
    }

    #[test]
    fn a_token_is_read_and_written_as_galene_does() {
        for json in [
            r#"{"token":"a","group":"","permissions":null}"#,
            r#"{"token":"a","group":"g","includeSubgroups":true,"username":"","permissions":["op"],"expires":"2030-01-02T03:04:05.006Z","not-before":"2026-07-28T00:00:00Z","issuedAt":"2026-07-28T00:00:00Z","issuedBy":"jch"}"#,
        ] {
            assert_eq!(serde_json::to_string(&token(json)).expect("a token is JSON"), json);
        }
        let lenient =
            r#"{"token":"a","group":null,"includeSubgroups":null,"username":null,"colour":1}"#;
        assert_eq!(token(lenient), token(r#"{"token":"a"}"#));
    }

    #[test]
    fn a_token_is_for_its_group_and_if_it_says_so_for_those_below() {
        for (json, opened) in [
            (r#"{"token":"t","group":"a/b"}"#, &["a/b"][..]),
            (r#"{"token":"t","group":"a","includeSubgroups":true}"#, &["a", "a/b", "a/b/c"]),
            (
                r#"{"token":"t","group":"","includeSubgroups":true}"#,
                &["", "a", "a/b", "a/b/c", "ab"],
            ),
            (r#"{"token":"t","group":""}"#, &[]),
        ] {
            let token = token(json);
            let all = ["", "a", "a/b", "a/b/c", "ab"];
            let is_for = all.into_iter().filter(|name| token.is_for(group(name).as_ref()));
            assert_eq!(is_for.collect::<Vec<_>>(), opened, "{json}");
        }
    }

    #[test]
    fn a_token_opens_between_its_beginning_and_its_end_and_never_without_an_end() {
        let check = |json: &str, time| token(json).check(group("g").as_ref(), at(time));
        let limited = r#"{"token":"t","group":"g","not-before":"2030-01-01T00:00:00Z","expires":"2031-01-01T01:00:00+01:00"}"#;
        assert_eq!(check(limited, "2029-12-31T23:59:59Z"), Err(TokenError::NotYetValid));
        assert_eq!(check(limited, "2030-01-01T00:00:00Z"), Ok(()));
        assert_eq!(check(limited, "2031-01-01T00:00:00Z"), Ok(()));
        assert_eq!(check(limited, "2031-01-01T00:00:00.1Z"), Err(TokenError::Expired));
        let endless = r#"{"token":"t","group":"g"}"#;
        assert_eq!(check(endless, "2030-01-01T00:00:00Z"), Err(TokenError::Expired));
        let foreign = r#"{"token":"t","group":"h","expires":"2040-01-01T00:00:00Z"}"#;
        assert_eq!(check(foreign, "2030-01-01T00:00:00Z"), Err(TokenError::OtherGroup));
    }

    #[test]
    fn a_token_can_be_extended_for_a_week_after_its_end() {
        let ended = token(r#"{"token":"t","group":"g","expires":"2030-01-01T00:00:00Z"}"#);
        assert!(!ended.is_forgettable(at("2030-01-08T00:00:00Z")));
        assert!(ended.is_forgettable(at("2030-01-08T00:00:01Z")));
        assert!(!token(r#"{"token":"t","group":"g"}"#).is_forgettable(at("2040-01-01T00:00:00Z")));
    }
}
