//! Whom an entry of a group is for.

/// Whom an entry of a group is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UserKey {
    /// The user of this name, which may be empty.
    Named(String),
    /// Everybody who has no entry of their own.
    Wildcard,
}
