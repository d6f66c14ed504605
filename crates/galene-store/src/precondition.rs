//! Conditions under which something may be changed (RFC 9110 §13.1).

use crate::Etag;

/// What `If-Match` and `If-None-Match` ask for.
///
/// It is checked in the same breath in which the change is made, so there is no time between the two.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Precondition {
    if_match: Option<Tags>,
    if_none_match: Option<Tags>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Tags {
    Any,
    /// As they stand in the header. A weak tag begins with `W/` and so equals none of ours.
    These(Vec<String>),
}

/// Why a condition does not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PreconditionFailed {
    /// `If-Match` names none of the version that there is: 412.
    #[error("it has changed, or is gone")]
    Match,
    /// `If-None-Match` names the version that there is: 304 if it was only to be read, else 412.
    #[error("it exists already, or has not changed")]
    NoneMatch,
}

impl Precondition {
    /// No condition.
    pub const NONE: Precondition = Precondition { if_match: None, if_none_match: None };

    /// Reads the values of the two headers. A list ends at its first malformed entry.
    pub fn from_headers(if_match: Option<&str>, if_none_match: Option<&str>) -> Precondition {
        Precondition {
            if_match: if_match.map(Tags::parse),
            if_none_match: if_none_match.map(Tags::parse),
        }
    }

    /// That there is nothing yet: `If-None-Match: *`.
    pub fn is_new() -> Precondition {
        Precondition { if_match: None, if_none_match: Some(Tags::Any) }
    }

    /// That there is this version: `If-Match: <tag>`.
    pub fn is(etag: &Etag) -> Precondition {
        let tags = Tags::These(vec![etag.as_str().to_owned()]);
        Precondition { if_match: Some(tags), if_none_match: None }
    }

    /// Checks the condition against the version that there is, `None` if there is nothing.
    ///
    /// # Errors
    ///
    /// [`PreconditionFailed`] names the first header that does not hold.
    pub fn check(&self, current: Option<&Etag>) -> Result<(), PreconditionFailed> {
        if self.if_match.as_ref().is_some_and(|tags| !tags.contain(current)) {
            return Err(PreconditionFailed::Match);
        }
        if self.if_none_match.as_ref().is_some_and(|tags| tags.contain(current)) {
            return Err(PreconditionFailed::NoneMatch);
        }
        Ok(())
    }
}

impl Tags {
    fn parse(header: &str) -> Tags {
        if header.trim() == "*" {
            return Tags::Any;
        }
        let mut tags = Vec::new();
        let mut rest = header;
        loop {
            rest = rest.trim_start_matches([' ', '\t', ',']);
            let (weak, opaque) = match rest.strip_prefix("W/") {
                Some(opaque) => ("W/", opaque),
                None => ("", rest),
            };
            let Some((tag, after)) = opaque.strip_prefix('"').and_then(|tag| tag.split_once('"'))
            else {
                return Tags::These(tags);
            };
            tags.push(format!("{weak}\"{tag}\""));
            rest = after;
            if !(rest.is_empty() || rest.trim_start().starts_with(',')) {
                return Tags::These(tags);
            }
        }
    }

    fn contain(&self, current: Option<&Etag>) -> bool {
        match (self, current) {
            (_, None) => false,
            (Tags::Any, Some(_)) => true,
            (Tags::These(tags), Some(current)) => tags.iter().any(|tag| tag == current.as_str()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use PreconditionFailed::{Match, NoneMatch};

    #[test]
    fn conditions_hold_as_the_rfc_says() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = directory.path().join("file");
        std::fs::write(&path, "x").expect("writable");
        let tag = crate::Version::of(&path).etag().expect("it exists");
        let listed = format!("\"a\" , {tag},\"b\"");
        let weak = format!("W/{tag}");
        let after_rubbish = format!("\"a\" x, {tag}");
        for (if_match, if_none_match, exists, expected) in [
            (None, None, true, Ok(())),
            (None, None, false, Ok(())),
            (Some("*"), None, true, Ok(())),
            (Some("*"), None, false, Err(Match)),
            (Some(tag.as_str()), None, true, Ok(())),
            (Some(tag.as_str()), None, false, Err(Match)),
            (Some(&listed), None, true, Ok(())),
            (Some(&weak), None, true, Err(Match)),
            (Some(&after_rubbish), None, true, Err(Match)),
            (Some("\"a\""), None, true, Err(Match)),
            (Some(""), None, true, Err(Match)),
            (None, Some("*"), false, Ok(())),
            (None, Some("*"), true, Err(NoneMatch)),
            (None, Some(&listed), true, Err(NoneMatch)),
            (None, Some(&weak), true, Ok(())),
            (None, Some("\"a\""), true, Ok(())),
            (Some("\"a\""), Some("*"), true, Err(Match)),
        ] {
            let condition = Precondition::from_headers(if_match, if_none_match);
            let current = exists.then_some(&tag);
            assert_eq!(condition.check(current), expected, "{if_match:?} {if_none_match:?}");
        }
        assert_eq!(Precondition::is(&tag).check(Some(&tag)), Ok(()));
        assert_eq!(Precondition::is_new().check(Some(&tag)), Err(NoneMatch));
        assert_eq!(Precondition::NONE.check(None), Ok(()));
    }
}
