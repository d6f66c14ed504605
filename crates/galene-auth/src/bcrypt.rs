//! Passwords stored as bcrypt hashes.

use std::fmt;
use std::str::FromStr;

use bcrypt::HashParts;
use galene_protocol::Secret;

use crate::{MAX_BCRYPT_COST, PasswordError};

/// The lowest cost that bcrypt allows.
const MIN_COST: u32 = 4;

/// A hash in modular crypt format, such as `$2a$10$…`.
#[derive(Clone, PartialEq, Eq)]
pub struct BcryptHash(Secret);

impl BcryptHash {
    /// Checks the form of a hash.
    ///
    /// # Errors
    ///
    /// [`PasswordError::Bcrypt`] if it is malformed, [`PasswordError::BcryptCost`] if it would take too
    /// long to compare with.
    pub fn parse(key: &Secret) -> Result<Self, PasswordError> {
        let parts = HashParts::from_str(key.expose()).map_err(|_| PasswordError::Bcrypt)?;
        let cost = parts.get_cost();
        if !(MIN_COST..=MAX_BCRYPT_COST).contains(&cost) {
            return Err(PasswordError::BcryptCost(cost));
        }
        Ok(Self(key.clone()))
    }

    /// Returns the hash as text.
    pub(crate) fn key(&self) -> &Secret {
        &self.0
    }

    /// Returns whether the hash is that of `candidate`. As bcrypt is defined, and as in Galène, only
    /// the first 72 bytes of a candidate count.
    pub(crate) fn matches(&self, candidate: &Secret) -> bool {
        bcrypt::verify(candidate.expose(), self.0.expose()).expect("parse accepted this hash")
    }
}

impl fmt::Debug for BcryptHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}
