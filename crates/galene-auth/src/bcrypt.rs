//! Passwords stored as bcrypt hashes.

use std::fmt;
use std::str::FromStr;

use bcrypt::HashParts;
use galene_protocol::Secret;

use crate::{MAX_BCRYPT_COST, PasswordError};

/// The lowest cost that bcrypt allows.
const MIN_COST: u32 = 4;

/// How many random bytes a hash begins with.
pub const BCRYPT_SALT_BYTES: usize = 16;

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

    /// Hashes a password, of which the first 72 bytes count. Takes about 50 µs at a cost of 4, and twice
    /// as long with each step.
    ///
    /// # Errors
    ///
    /// [`PasswordError::BcryptCost`] if the cost is out of range.
    pub fn new(
        password: &Secret,
        cost: u32,
        salt: [u8; BCRYPT_SALT_BYTES],
    ) -> Result<Self, PasswordError> {
        if !(MIN_COST..=MAX_BCRYPT_COST).contains(&cost) {
            return Err(PasswordError::BcryptCost(cost));
        }
        let parts = bcrypt::hash_with_salt(password.expose(), cost, salt)
            .map_err(|_| PasswordError::Bcrypt)?;
        Ok(Self(parts.format_for_version(bcrypt::Version::TwoB).into()))
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
    fn a_new_hash_is_that_of_its_password_and_can_be_parsed() {
        let password = Secret::from("swordfish");
        let hash = BcryptHash::new(&password, 4, [7; BCRYPT_SALT_BYTES]).expect("a valid cost");
        assert!(hash.matches(&password));
        assert!(!hash.matches(&Secret::from("swordfisch")));
        assert!(hash.key().expose().starts_with("$2b$04$"), "{}", hash.key().expose());
        assert_eq!(BcryptHash::parse(hash.key()), Ok(hash.clone()));
        let other = BcryptHash::new(&password, 4, [8; BCRYPT_SALT_BYTES]).expect("a valid cost");
        assert_ne!(other, hash);
        for cost in [3, MAX_BCRYPT_COST + 1] {
            let error = BcryptHash::new(&password, cost, [0; BCRYPT_SALT_BYTES]);
            assert_eq!(error, Err(PasswordError::BcryptCost(cost)));
        }
    }
}
