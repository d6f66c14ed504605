//! Text that must not end up in a log.

use std::fmt;

use serde::{Deserialize, Deserializer, Serializer};

/// A password, a token or a credential.
///
/// It does not print, and it goes onto the wire only where a message says so field by field.
#[derive(Clone, Default)]
pub struct Secret(String);

impl Secret {
    /// Returns the text. Whoever calls this answers for where it goes.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Returns whether there is nothing to hide.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Serialises the text, for fields marked `serialize_with`.
    pub(crate) fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }

    /// Serialises the text, or null, for fields marked `serialize_with`.
    pub(crate) fn serialize_option<S: Serializer>(
        secret: &Option<Self>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match secret {
            Some(secret) => secret.serialize(serializer),
            None => serializer.serialize_none(),
        }
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

/// Takes the same time wherever two secrets of equal length differ.
impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        let (a, b) = (self.0.as_bytes(), other.0.as_bytes());
        let differences =
            a.iter().zip(b).fold(0, |all, (x, y)| std::hint::black_box(all | (x ^ y)));
        a.len() == b.len() && differences == 0
    }
}

impl Eq for Secret {}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // Serde's own error would quote a value of the wrong type, say a password written as a number.
        let text = String::deserialize(deserializer);
        text.map(Self).map_err(|_| serde::de::Error::custom("a secret must be a string"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_does_not_print() {
        assert_eq!(format!("{:?}", Secret::from("swordfish")), "***");
        let error = serde_json::from_str::<Secret>("12345").expect_err("a number is no secret");
        assert!(!error.to_string().contains("12345"), "{error}");
    }

    #[test]
    fn secrets_are_equal_when_all_of_them_is() {
        let equal = |a: &str, b: &str| Secret::from(a) == Secret::from(b);
        assert!(equal("", "") && equal("abc", "abc"));
        assert!(!equal("abc", "abd") && !equal("abc", "ab") && !equal("", "a"));
    }
}
