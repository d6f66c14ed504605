//! Names of users.

use std::sync::Arc;

use crate::group_name::has_illegal_character;
use crate::limits::MAX_USERNAME_BYTES;
use crate::text::text_type;

/// The name under which a member is known in a group; empty for an anonymous one.
///
/// A name that is not empty is a relative path in normal form, because files and URLs are named after
/// users. Names are case-sensitive, and several members may have the same. Cheap to clone.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Username(Arc<str>);

/// Why a text is not a username.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UsernameError {
    /// It contains a backslash or a control character.
    #[error("a username has no backslashes or control characters")]
    Character,
    /// It begins or ends with a slash, or a segment is empty, `.` or `..`.
    #[error(
        "a username neither begins nor ends with a slash and has no part that is empty, `.` or `..`"
    )]
    Path,
    /// It exceeds [`MAX_USERNAME_BYTES`].
    #[error("this username is too long (at most {MAX_USERNAME_BYTES} bytes)")]
    TooLong,
}

impl Username {
    /// Parses a name.
    ///
    /// # Errors
    ///
    /// [`UsernameError`] says which rule the text breaks.
    pub fn parse(text: &str) -> Result<Self, UsernameError> {
        if text.len() > MAX_USERNAME_BYTES {
            return Err(UsernameError::TooLong);
        }
        if has_illegal_character(text) {
            return Err(UsernameError::Character);
        }
        if !text.is_empty() && text.split('/').any(|segment| matches!(segment, "" | "." | "..")) {
            return Err(UsernameError::Path);
        }
        Ok(Self(text.into()))
    }

    /// Returns the name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns whether the user is anonymous.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Default for Username {
    fn default() -> Self {
        Self("".into())
    }
}

text_type!(Username);

impl TryFrom<&str> for Username {
    type Error = UsernameError;

    fn try_from(text: &str) -> Result<Self, UsernameError> {
        Self::parse(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinary_names_are_accepted() {
        for name in ["", "Juliusz", "a b", "a@b.example", ".hidden", "a/.b", "a/b", "名前", "..."]
        {
            assert_eq!(Username::parse(name).map(|n| n.to_string()), Ok(name.to_owned()));
        }
    }

    #[test]
    fn names_that_are_no_normal_path_are_refused() {
        for name in ["/", "/a", "a/", "a//b", ".", "..", "../a", "a/..", "a/./b"] {
            assert_eq!(Username::parse(name), Err(UsernameError::Path), "{name:?}");
        }
        for name in ["a\\b", "a\0", "a\nb", "\u{85}"] {
            assert_eq!(Username::parse(name), Err(UsernameError::Character), "{name:?}");
        }
        assert_eq!(
            Username::parse(&"x".repeat(MAX_USERNAME_BYTES + 1)),
            Err(UsernameError::TooLong)
        );
    }
}
