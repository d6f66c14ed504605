//! Names of groups.

use std::sync::Arc;

use crate::limits::{MAX_GROUP_NAME_BYTES, MAX_GROUP_NAME_PART_BYTES};
use crate::text::text_type;

/// The name of a group, such as `lectures/algebra`.
///
/// It is a relative path in normal form: segments separated by single slashes, none of them empty or
/// beginning with a dot, without backslashes and control characters. Cheap to clone.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct GroupName(Arc<str>);

/// Why a text is not the name of a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GroupNameError {
    /// It contains a backslash or a control character.
    #[error("this is not a group's name: those have no backslashes or control characters")]
    Character,
    /// It begins or ends with a slash, or a segment is empty or begins with a dot.
    #[error(
        "this is not a group's name: those neither begin nor end with a slash and have no part that is empty or begins with a dot"
    )]
    Path,
    /// It exceeds [`MAX_GROUP_NAME_BYTES`], or a segment [`MAX_GROUP_NAME_PART_BYTES`].
    #[error(
        "this group name is too long (at most {MAX_GROUP_NAME_BYTES} bytes, and {MAX_GROUP_NAME_PART_BYTES} between two slashes)"
    )]
    TooLong,
}

impl GroupName {
    /// Parses a name.
    ///
    /// # Errors
    ///
    /// [`GroupNameError`] says which rule the text breaks.
    pub fn parse(text: &str) -> Result<Self, GroupNameError> {
        let is_part_too_long = |part: &str| part.len() > MAX_GROUP_NAME_PART_BYTES;
        if text.len() > MAX_GROUP_NAME_BYTES || text.split('/').any(is_part_too_long) {
            return Err(GroupNameError::TooLong);
        }
        if has_illegal_character(text) {
            return Err(GroupNameError::Character);
        }
        // Galène refuses `.` and `..` everywhere and other segments with a leading dot over HTTP only.
        if text.split('/').any(|segment| segment.is_empty() || segment.starts_with('.')) {
            return Err(GroupNameError::Path);
        }
        Ok(Self(text.into()))
    }

    /// Returns the name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the group one level up, or `None` at the top.
    pub fn parent(&self) -> Option<Self> {
        self.0.rsplit_once('/').map(|(parent, _)| Self(parent.into()))
    }

    /// Returns whether the group lies below `ancestor`, at any depth.
    pub fn is_below(&self, ancestor: &Self) -> bool {
        self.0.strip_prefix(&*ancestor.0).is_some_and(|rest| rest.starts_with('/'))
    }
}

pub(crate) fn has_illegal_character(text: &str) -> bool {
    text.contains(|c: char| c == '\\' || c.is_control())
}

text_type!(GroupName);

impl TryFrom<&str> for GroupName {
    type Error = GroupNameError;

    fn try_from(text: &str) -> Result<Self, GroupNameError> {
        Self::parse(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinary_names_are_accepted() {
        for name in ["foo", "foo/bar", "a b", "foo.bar", "é", "a/b/c", "foo.", "a..b"] {
            assert_eq!(GroupName::parse(name).map(|n| n.to_string()), Ok(name.to_owned()));
        }
        assert!(GroupName::parse(&"x".repeat(MAX_GROUP_NAME_PART_BYTES)).is_ok());
        let longest = format!("xx{}", "/x".repeat(MAX_GROUP_NAME_BYTES / 2 - 1));
        assert_eq!(longest.len(), MAX_GROUP_NAME_BYTES);
        assert!(GroupName::parse(&longest).is_ok());
    }

    #[test]
    fn names_that_are_no_normal_path_are_refused() {
        let names = [
            "",
            "/",
            "/foo",
            "foo/",
            "./foo",
            "foo/.",
            "../foo",
            "foo/..",
            "foo/./bar",
            "foo/../bar",
        ];
        for name in names.into_iter().chain(["foo//bar", ".hidden", "foo/.hidden", "."]) {
            assert_eq!(GroupName::parse(name), Err(GroupNameError::Path), "{name:?}");
        }
        for name in ["foo\\bar", "foo\0", "foo\nbar"] {
            assert_eq!(GroupName::parse(name), Err(GroupNameError::Character), "{name:?}");
        }
        let long_part = format!("a/{}/b", "x".repeat(MAX_GROUP_NAME_PART_BYTES + 1));
        let long = format!("x{}", "/x".repeat(MAX_GROUP_NAME_BYTES / 2));
        for name in [long_part, long] {
            assert_eq!(GroupName::parse(&name), Err(GroupNameError::TooLong), "{name:?}");
        }
    }

    #[test]
    fn a_subgroup_knows_what_it_is_below() {
        let name = |text| GroupName::parse(text).expect("a valid name");
        assert_eq!(name("a/b/c").parent(), Some(name("a/b")));
        assert_eq!(name("a").parent(), None);
        assert!(name("a/b").is_below(&name("a")) && name("a/b/c").is_below(&name("a")));
        assert!(!name("ab/c").is_below(&name("a")) && !name("a").is_below(&name("a")));
    }
}
