//! Signed tokens (JSON Web Tokens, RFC 7519).

use std::fmt;

use aws_lc_rs::error::Unspecified;
use aws_lc_rs::{hmac, rand};
use data_encoding::BASE64URL_NOPAD;
use serde_json::{Value, json};

/// Signs tokens by HMAC-SHA256 (RFC 7515 §A.1).
pub struct Signer {
    key: [u8; 32],
}

impl Signer {
    /// Makes a signer with a key of its own. Yours keeps the key, and is the same after each start.
    ///
    /// # Errors
    ///
    /// The system has no random bytes.
    pub fn new() -> Result<Signer, Unspecified> {
        let mut key = [0; 32];
        rand::fill(&mut key)?;
        Ok(Signer { key })
    }

    /// Makes a signer that signs with this key.
    pub fn with_key(key: [u8; 32]) -> Signer {
        Signer { key }
    }

    /// Returns the key as it stands in a group's `authKeys` (RFC 7517).
    pub fn jwk(&self) -> Value {
        json!({ "kty": "oct", "alg": "HS256", "k": BASE64URL_NOPAD.encode(&self.key) })
    }

    /// Returns a token with these claims.
    pub fn sign(&self, claims: &Value) -> String {
        let encode = |part: &Value| BASE64URL_NOPAD.encode(part.to_string().as_bytes());
        let header = json!({ "alg": "HS256", "typ": "JWT" });
        let signed = format!("{}.{}", encode(&header), encode(claims));
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &self.key), signed.as_bytes());
        format!("{signed}.{}", BASE64URL_NOPAD.encode(tag.as_ref()))
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Signer(…)")
    }
}
