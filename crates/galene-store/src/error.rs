//! Why files could not be read or changed.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use galene_group::{DescriptionError, LookupError, Misconfiguration};

use crate::{MAX_TOKEN_BYTES, MAX_TOKENS, PreconditionFailed};

/// A file that cannot be used. It quotes nothing of what is in the file, for that may be secret.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum FileError {
    /// What is in it is not what it should be.
    #[error("{}:{}:{}: {}{}", path.display(), error.line, error.column, key(error), error.message)]
    Broken {
        /// Which file.
        path: PathBuf,
        /// Where in it, and what is wrong.
        error: Arc<DescriptionError>,
    },
    /// It cannot be read.
    #[error("cannot read {}", path.display())]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: Arc<io::Error>,
    },
}

impl FileError {
    pub(crate) fn broken(path: &Path, error: DescriptionError) -> FileError {
        FileError::Broken { path: path.to_owned(), error: Arc::new(error) }
    }

    pub(crate) fn unreadable(path: &Path, source: io::Error) -> FileError {
        FileError::Unreadable { path: path.to_owned(), source: Arc::new(source) }
    }
}

/// What stands before the message, if a key is to blame.
fn key(error: &DescriptionError) -> String {
    if error.key.is_empty() { String::new() } else { format!("key `{}`: ", error.key) }
}

impl From<FileError> for LookupError {
    fn from(error: FileError) -> LookupError {
        match error {
            FileError::Broken { path, error } => {
                let file = path.display().to_string();
                LookupError::Misconfigured(Arc::new(Misconfiguration {
                    file,
                    error: (*error).clone(),
                }))
            }
            FileError::Unreadable { source, .. } => {
                LookupError::Unavailable { reason: source.to_string() }
            }
        }
    }
}

/// Why something was not read.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The file cannot be used.
    #[error(transparent)]
    File(#[from] FileError),
    /// There is no such group, user or token.
    #[error("there is no such thing")]
    NotFound,
}

/// Why something was not changed. Nothing of the change was made, unless the file could not be written
/// to the end, and then it is made whole or not at all.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WriteError {
    /// Another process keeps the files locked.
    #[error("the files are in use by another process")]
    Busy(#[source] io::Error),
    /// What was given cannot be kept.
    #[error(transparent)]
    Invalid(#[from] InvalidBody),
    /// There is a token of this name already, in another group.
    #[error("there is such a token in another group")]
    OtherGroup,
    /// There was another version than the one that was to be changed.
    #[error(transparent)]
    Precondition(#[from] PreconditionFailed),
    /// What was to be changed cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// There are as many tokens as there may be.
    #[error("there are {MAX_TOKENS} tokens already")]
    TooManyTokens,
    /// The file cannot be written, for instance because the disk is full.
    #[error("cannot write {}", path.display())]
    Unwritable {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl From<FileError> for WriteError {
    fn from(error: FileError) -> WriteError {
        WriteError::Read(error.into())
    }
}

impl WriteError {
    pub(crate) fn unwritable(path: &Path, source: io::Error) -> WriteError {
        WriteError::Unwritable { path: path.to_owned(), source }
    }
}

/// Why a group, a user, a password, a token or a set of keys that was given cannot be kept.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidBody {
    /// A member must not be there.
    #[error("`{key}` cannot be set here: {reason}")]
    Forbidden {
        /// Which.
        key: String,
        /// Why not.
        reason: &'static str,
    },
    /// It is not JSON, or a value has the wrong type.
    #[error("{0}")]
    Malformed(DescriptionError),
    /// The group's file would become larger than is read.
    #[error("the group's definition would become too large")]
    TooLarge,
    /// The token has names that nobody could have, or says the same thing again and again.
    #[error("the token is longer than {MAX_TOKEN_BYTES} bytes")]
    TokenTooLong,
    /// The password could never be compared with.
    #[error("the password is unusable")]
    UnusablePassword(#[source] galene_auth::PasswordError),
}
