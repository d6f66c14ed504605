//! What goes into `Authorization` and `token`.

use aws_lc_rs::hmac;
use data_encoding::{BASE64, BASE64URL_NOPAD};
use serde_json::{Value, json};

/// Returns the value of `Authorization` for a name and a password (RFC 7617).
pub fn basic(username: &str, password: &str) -> String {
    format!("Basic {}", BASE64.encode(format!("{username}:{password}").as_bytes()))
}

/// Returns the value of `Authorization` for a token (RFC 6750).
pub fn bearer(token: &str) -> String {
    format!("Bearer {token}")
}

/// Returns a JSON Web Token with these claims, signed by HMAC-SHA256 (RFC 7515 §A.1).
pub fn hs256_jwt(key: &[u8], claims: &Value) -> String {
    let encode = |part: &Value| BASE64URL_NOPAD.encode(part.to_string().as_bytes());
    let signed = format!("{}.{}", encode(&json!({ "alg": "HS256", "typ": "JWT" })), encode(claims));
    let key = hmac::Key::new(hmac::HMAC_SHA256, key);
    let signature = hmac::sign(&key, signed.as_bytes());
    format!("{signed}.{}", BASE64URL_NOPAD.encode(signature.as_ref()))
}
