//! Passwords stored as bcrypt hashes.

use std::fmt;
use std::str::FromStr;

use bcrypt::{HashParts, Version};
use galene_protocol::Secret;

use crate::{MAX_BCRYPT_COST, PasswordError};

/// The longest password that bcrypt can tell from others.
const MAX_BCRYPT_BYTES: usize = 72;
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

    /// Hashes a password, with a salt that nobody can guess. Each step of `cost` doubles the time that it
    /// takes, and that each comparison takes later.
    ///
    /// # Errors
    ///
    /// [`PasswordError::BcryptCost`] if the cost is out of range, [`PasswordError::TooLong`] if the
    /// password has more than 72 bytes, of which bcrypt would ignore the rest.
    pub fn hash(password: &Secret, cost: u32, salt: [u8; 16]) -> Result<Self, PasswordError> {
        if !(MIN_COST..=MAX_BCRYPT_COST).contains(&cost) {
            return Err(PasswordError::BcryptCost(cost));
        }
        if password.expose().len() > MAX_BCRYPT_BYTES {
            return Err(PasswordError::TooLong);
        }
        let hash = bcrypt::hash_with_salt(password.expose(), cost, salt);
        // The version that Galène writes.
        let key = hash.map_err(|_| PasswordError::Bcrypt)?.format_for_version(Version::TwoA);
        Ok(Self(key.into()))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_that_of_its_password_in_galene_s_form() {
        let hash = BcryptHash::hash(&"pass".into(), 4, [7; 16]).expect("allowed");
        assert!(hash.key().expose().starts_with("$2a$04$"), "{}", hash.key().expose());
        assert!(hash.matches(&"pass".into()) && !hash.matches(&"Pass".into()));
        assert_eq!(BcryptHash::parse(hash.key()), Ok(hash));
    }

    #[test]
    fn what_bcrypt_cannot_do_is_refused() {
        let hash = |password: &str, cost| BcryptHash::hash(&password.into(), cost, [7; 16]);
        assert!(hash(&"x".repeat(72), 4).is_ok());
        assert_eq!(hash(&"x".repeat(73), 4), Err(PasswordError::TooLong));
        assert_eq!(hash("x", 3), Err(PasswordError::BcryptCost(3)));
        assert_eq!(hash("x", 31), Err(PasswordError::BcryptCost(31)));
    }
}
