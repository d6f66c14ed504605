//! Where and why a group file cannot be used.

use crate::suggestion::closest;

/// Why a group file cannot be used.
///
/// It names the place and quotes no value, for values may be passwords.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}{}: {message}", KeyPath(key))]
pub struct DescriptionError {
    /// The line, counted from 1.
    pub line: usize,
    /// The column, counted in bytes from 1.
    pub column: usize,
    /// The key, as a path from the outermost object: `users.alice.password`. Empty if there is none.
    pub key: String,
    /// What is wrong.
    pub message: String,
}

struct KeyPath<'a>(&'a str);

impl std::fmt::Display for KeyPath<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.0.is_empty() { Ok(()) } else { write!(f, ", key `{}`", self.0) }
    }
}

impl From<serde_path_to_error::Error<serde_json::Error>> for DescriptionError {
    fn from(error: serde_path_to_error::Error<serde_json::Error>) -> Self {
        let path = error.path().to_string();
        let error = error.into_inner();
        let (line, column) = (error.line(), error.column());
        let message = error.to_string();
        let place = format!(" at line {line} column {column}");
        let message = message.strip_suffix(&place).unwrap_or(&message);
        // The root's path is a single dot, and what has no name, such as a key that ends too early, is a
        // question mark.
        let key = path.strip_suffix('?').unwrap_or(&path).trim_end_matches('.').to_owned();
        let message = unknown_key(message).unwrap_or_else(|| without_value(message));
        Self { line, column, key, message }
    }
}

/// If serde complains about an unknown field, returns our own words about it.
fn unknown_key(message: &str) -> Option<String> {
    let (key, known) = message.strip_prefix("unknown field `")?.split_once("`, ")?;
    let known: Vec<&str> = known.split('`').skip(1).step_by(2).collect();
    Some(match closest(key, &known) {
        Some(meant) => format!("unknown key `{key}`; did you mean `{meant}`?"),
        None => format!("unknown key `{key}`"),
    })
}

/// Takes the value out of serde's complaint about it.
fn without_value(message: &str) -> String {
    let complains = message.starts_with("invalid type: ") || message.starts_with("invalid value: ");
    match message.split_once(", expected ") {
        Some((found, expected)) if complains => {
            let found = found.split(['`', '"']).next().unwrap_or(found).trim_end();
            // A string may itself contain the words that we split at.
            let expected = expected.rsplit(", expected ").next().unwrap_or(expected);
            format!("{found}, expected {expected}")
        }
        _ => message.to_owned(),
    }
}
