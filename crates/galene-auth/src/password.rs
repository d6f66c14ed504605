//! Passwords as a group's definition stores them.

use galene_protocol::Secret;
use subtle::ConstantTimeEq;

use crate::password_json::PasswordObject;
use crate::{BcryptHash, PasswordError, Pbkdf2Hash};

/// A stored password: what a candidate is compared with.
///
/// In JSON it is a text, which is the password itself, or an object whose `type` tells how it is stored.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Password {
    /// There is none: nothing matches.
    #[default]
    Absent,
    /// The password's bcrypt hash.
    Bcrypt(BcryptHash),
    /// A key derived from the password.
    Pbkdf2(Pbkdf2Hash),
    /// The password itself.
    Plain(Secret),
    /// Something that cannot be compared with. It is kept so that the rest of the group goes on
    /// working, and comes back unchanged when the definition is written.
    Unusable(UnusablePassword),
    /// Anything matches.
    Wildcard,
}

/// A password that cannot be compared with anything, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnusablePassword {
    pub(crate) object: PasswordObject,
    pub(crate) error: PasswordError,
}

impl UnusablePassword {
    /// Returns what is wrong with the password.
    pub fn error(&self) -> &PasswordError {
        &self.error
    }
}

impl Password {
    /// Compares with what a user typed. The time that it takes depends on the kind of password and the
    /// length of the candidate, not on where they differ.
    ///
    /// # Errors
    ///
    /// [`PasswordError`] if the password is [`Unusable`](Self::Unusable).
    pub fn matches(&self, candidate: &Secret) -> Result<bool, PasswordError> {
        match self {
            Self::Absent => Ok(false),
            Self::Bcrypt(hash) => Ok(hash.matches(candidate)),
            Self::Pbkdf2(hash) => Ok(hash.matches(candidate)),
            Self::Plain(password) => Ok(plain_matches(password, candidate)),
            Self::Unusable(password) => Err(password.error.clone()),
            Self::Wildcard => Ok(true),
        }
    }

    /// Returns whether a candidate can be wrong, that is, whether there is something to compare with.
    pub(crate) fn refuses(&self) -> bool {
        match self {
            Self::Bcrypt(_) | Self::Pbkdf2(_) | Self::Plain(_) => true,
            Self::Absent | Self::Unusable(_) | Self::Wildcard => false,
        }
    }

    /// Returns whether there is no password.
    pub fn is_absent(&self) -> bool {
        matches!(self, Self::Absent)
    }
}

fn plain_matches(password: &Secret, candidate: &Secret) -> bool {
    let (password, candidate) = (password.expose().as_bytes(), candidate.expose().as_bytes());
    // Slices of different lengths are told apart at once, which would give the password's length away.
    let common = password.len().min(candidate.len());
    let mut padded = vec![0; candidate.len()];
    padded[..common].copy_from_slice(&password[..common]);
    (padded.ct_eq(candidate) & password.len().ct_eq(&candidate.len())).into()
}
