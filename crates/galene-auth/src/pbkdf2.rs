//! Passwords stored as PBKDF2 keys.

use std::fmt;

use pbkdf2::pbkdf2_hmac;
use pbkdf2::sha2::Sha256;
use subtle::ConstantTimeEq;

use galene_protocol::Secret;

use crate::{MAX_PBKDF2_ITERATIONS, MAX_PBKDF2_KEY_BYTES, PasswordError};

/// A key that PBKDF2 derived from a password by HMAC-SHA-256 (RFC 8018 §5.2).
#[derive(Clone, PartialEq, Eq)]
pub struct Pbkdf2Hash {
    key: Vec<u8>,
    salt: Vec<u8>,
    iterations: u32,
}

impl Pbkdf2Hash {
    /// Checks the measures of a key.
    ///
    /// # Errors
    ///
    /// [`PasswordError::KeyLength`] or [`PasswordError::Iterations`] if one is out of range. An empty
    /// key would match every password.
    pub fn new(key: Vec<u8>, salt: Vec<u8>, iterations: i64) -> Result<Self, PasswordError> {
        if key.is_empty() || key.len() > MAX_PBKDF2_KEY_BYTES {
            return Err(PasswordError::KeyLength(key.len()));
        }
        match u32::try_from(iterations) {
            Ok(iterations @ 1..=MAX_PBKDF2_ITERATIONS) => Ok(Self { key, salt, iterations }),
            _ => Err(PasswordError::Iterations(iterations)),
        }
    }

    /// Derives a key of so many bytes from a password, with a salt that nobody can guess.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new).
    pub fn derive(
        password: &Secret,
        salt: Vec<u8>,
        iterations: i64,
        key_bytes: usize,
    ) -> Result<Self, PasswordError> {
        if key_bytes > MAX_PBKDF2_KEY_BYTES {
            return Err(PasswordError::KeyLength(key_bytes));
        }
        let mut hash = Self::new(vec![0; key_bytes], salt, iterations)?;
        let password = password.expose().as_bytes();
        pbkdf2_hmac::<Sha256>(password, &hash.salt, hash.iterations, &mut hash.key);
        Ok(hash)
    }

    pub(crate) fn key(&self) -> &[u8] {
        &self.key
    }

    pub(crate) fn salt(&self) -> &[u8] {
        &self.salt
    }

    pub(crate) fn iterations(&self) -> u32 {
        self.iterations
    }

    /// Returns whether the key derives from `candidate`.
    pub(crate) fn matches(&self, candidate: &Secret) -> bool {
        let mut derived = vec![0; self.key.len()];
        let candidate = candidate.expose().as_bytes();
        pbkdf2_hmac::<Sha256>(candidate, &self.salt, self.iterations, &mut derived);
        derived.ct_eq(&self.key).into()
    }
}

impl fmt::Debug for Pbkdf2Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hex;

    #[test]
    fn a_key_is_derived_as_galene_derives_it() {
        let salt = hex::decode("bcc1717851030776").expect("hexadecimal");
        let hash = Pbkdf2Hash::derive(&"pass".into(), salt, 4096, 32).expect("allowed");
        let key = "fe499504e8f144693fae828e8e371d50e019d0e4c84994fa03f7f445bd8a570a";
        assert_eq!(hex::encode(hash.key()), key);
        assert!(hash.matches(&"pass".into()) && !hash.matches(&"".into()));
        let too_long = Pbkdf2Hash::derive(&"pass".into(), vec![], 1, usize::MAX);
        assert_eq!(too_long, Err(PasswordError::KeyLength(usize::MAX)));
        assert!(Pbkdf2Hash::derive(&"pass".into(), vec![], 0, 32).is_err());
    }
}
