//! What clients and servers can agree on beyond Galène's protocol.

use std::fmt;

use serde::de::{IgnoredAny, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A kind of messages that Galène does not have. The server sends them to clients that named it in
/// their handshake, and to no others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Feature {
    /// Which encodings of its streams a publisher need not send.
    Encodings,
    /// Who speaks.
    Speakers,
    /// Why a stream has the quality that it has.
    StreamStatus,
}

/// A set of features. On the wire it is an array of names, of which those unknown to the reader are
/// passed over.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Features(u8);

impl Feature {
    /// All that exist, in the order of their names.
    pub const ALL: [Feature; 3] = [Self::Encodings, Self::Speakers, Self::StreamStatus];

    /// Returns the name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Encodings => "encodings",
            Self::Speakers => "speakers",
            Self::StreamStatus => "streamstatus",
        }
    }

    fn from_name(name: &str) -> Option<Feature> {
        Self::ALL.into_iter().find(|feature| feature.as_str() == name)
    }
}

impl Features {
    /// Returns the set of these.
    pub const fn of(features: &[Feature]) -> Self {
        let (mut set, mut index) = (0, 0);
        while index < features.len() {
            set |= 1 << features[index] as u8;
            index += 1;
        }
        Self(set)
    }

    /// Returns whether a feature is in the set.
    pub fn contains(self, feature: Feature) -> bool {
        self.0 & Self::of(&[feature]).0 != 0
    }

    /// Returns the features that are in both sets.
    #[must_use]
    pub fn common(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Returns whether the set is empty.
    pub fn is_empty(&self) -> bool {
        self.0 == 0
    }

    /// Returns the features in the order of their names.
    pub fn iter(self) -> impl Iterator<Item = Feature> {
        Feature::ALL.into_iter().filter(move |feature| self.contains(*feature))
    }
}

impl fmt::Debug for Features {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

impl Serialize for Features {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter().map(Feature::as_str))
    }
}

impl<'de> Deserialize<'de> for Features {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        /// How many names are looked at; a client that lists more does not mean us.
        const MAX_NAMES: usize = 64;

        struct Names;

        impl<'de> Visitor<'de> for Names {
            type Value = Features;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an array of names")
            }

            fn visit_seq<S: SeqAccess<'de>>(self, mut names: S) -> Result<Features, S::Error> {
                let mut features = Features::default();
                for _ in 0..MAX_NAMES {
                    let Some(name) = names.next_element::<String>()? else { return Ok(features) };
                    let known = Feature::from_name(&name).map(|feature| Features::of(&[feature]));
                    features.0 |= known.unwrap_or_default().0;
                }
                while names.next_element::<IgnoredAny>()?.is_some() {}
                Ok(features)
            }
        }

        deserializer.deserialize_seq(Names)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_names_are_kept_and_others_passed_over() {
        let json = r#"["streamstatus", "telepathy", "encodings", "encodings"]"#;
        let features: Features = serde_json::from_str(json).expect("an array of names");
        assert_eq!(features, Features::of(&[Feature::Encodings, Feature::StreamStatus]));
        assert!(!features.contains(Feature::Speakers));
        let written = serde_json::to_string(&features).expect("a set is JSON");
        assert_eq!(written, r#"["encodings","streamstatus"]"#);
    }

    #[test]
    fn names_that_are_no_text_are_an_error() {
        for json in ["[1]", r#""speakers""#, "{}"] {
            assert!(serde_json::from_str::<Features>(json).is_err(), "{json}");
        }
    }

    #[test]
    fn only_the_first_of_very_many_names_count() {
        let mut names = vec!["x"; 1000];
        names.insert(0, "speakers");
        names.push("encodings");
        let json = serde_json::to_string(&names).expect("an array");
        let features: Features = serde_json::from_str(&json).expect("an array of names");
        assert_eq!(features, Features::of(&[Feature::Speakers]));
    }
}
