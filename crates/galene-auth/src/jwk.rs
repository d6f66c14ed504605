//! Keys that sign tokens, as a group's definition states them (RFC 7517).

use std::fmt;

use aws_lc_rs::hmac;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents,
    UnparsedPublicKey,
};
use data_encoding::BASE64URL_NOPAD;
use serde_json::{Map, Value};

/// A key that signs tokens. What it cannot be used for is known when it is read, so that one broken key
/// does no harm to the others.
#[derive(Clone, PartialEq, Eq)]
pub struct AuthKey {
    /// The only algorithm that the key is for. The token's own word about it is not taken, or a public
    /// key could be passed off as a shared secret.
    algorithm: Algorithm,
    id: Option<String>,
    material: Material,
}

/// How a token is signed (RFC 7518 §3.1, RFC 8037 §3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Algorithm {
    EdDsa,
    Es256,
    Hs256,
    Hs384,
    Hs512,
    Rs256,
}

/// The bytes of a key, of the right length for its algorithm.
#[derive(Clone, PartialEq, Eq)]
enum Material {
    /// A shared secret, or a public key as one string of bytes.
    Bytes(Vec<u8>),
    /// The modulus and the exponent, without leading zeros.
    Rsa { n: Vec<u8>, e: Vec<u8> },
}

/// Why a key cannot be used. No text quotes the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AuthKeyError {
    /// `kty` and `alg` do not name an algorithm that exists here.
    #[error(
        "`kty` and `alg` must be oct with HS256, HS384 or HS512, RSA with RS256, EC with ES256, or OKP \
         with EdDSA"
    )]
    Algorithm,
    /// The curve is another than the algorithm's.
    #[error("`crv` must be {0}")]
    Curve(&'static str),
    /// A member is missing or not base64url without padding.
    #[error("`{0}` must be base64url without padding")]
    Encoding(&'static str),
    /// A member is too short or too long.
    #[error("`{0}` has the wrong length")]
    Length(&'static str),
    /// The key is not an object.
    #[error("a key must be an object")]
    NoObject,
}

/// The shortest RSA modulus that counts as safe, in bytes (NIST SP 800-131A: 2048 bits).
const MIN_RSA_BYTES: usize = 256;
/// The longest RSA exponent, in bytes; Galène's own limit.
const MAX_EXPONENT_BYTES: usize = 8;

impl Algorithm {
    /// Returns the algorithm of a token's header.
    pub(crate) fn from_name(name: &str) -> Option<Algorithm> {
        Some(match name {
            "EdDSA" => Self::EdDsa,
            "ES256" => Self::Es256,
            "HS256" => Self::Hs256,
            "HS384" => Self::Hs384,
            "HS512" => Self::Hs512,
            "RS256" => Self::Rs256,
            _ => return None,
        })
    }

    fn key_type(self) -> &'static str {
        match self {
            Self::EdDsa => "OKP",
            Self::Es256 => "EC",
            Self::Hs256 | Self::Hs384 | Self::Hs512 => "oct",
            Self::Rs256 => "RSA",
        }
    }
}

impl AuthKey {
    /// Reads a JSON Web Key. Members that do not matter for verifying are passed over.
    ///
    /// # Errors
    ///
    /// [`AuthKeyError`] says why the key cannot be used.
    pub fn parse(key: &Value) -> Result<AuthKey, AuthKeyError> {
        let key = key.as_object().ok_or(AuthKeyError::NoObject)?;
        let text = |name| key.get(name).and_then(Value::as_str);
        let algorithm =
            text("alg").and_then(Algorithm::from_name).ok_or(AuthKeyError::Algorithm)?;
        if text("kty") != Some(algorithm.key_type()) {
            return Err(AuthKeyError::Algorithm);
        }
        let secret = |bytes| of_length(key, "k", bytes).map(Material::Bytes);
        let material = match algorithm {
            Algorithm::Hs256 => secret(32)?,
            Algorithm::Hs384 => secret(48)?,
            Algorithm::Hs512 => secret(64)?,
            Algorithm::Es256 => {
                curve(key, "P-256")?;
                // An uncompressed point (SEC 1 §2.3.3). Whether it lies on the curve is checked when it
                // is used.
                let coordinates = [of_length(key, "x", 32)?, of_length(key, "y", 32)?];
                Material::Bytes([&[4], coordinates.concat().as_slice()].concat())
            }
            Algorithm::EdDsa => {
                curve(key, "Ed25519")?;
                Material::Bytes(of_length(key, "x", 32)?)
            }
            Algorithm::Rs256 => {
                let (n, e) = (without_zeros(bytes(key, "n")?), without_zeros(bytes(key, "e")?));
                if n.len() < MIN_RSA_BYTES {
                    return Err(AuthKeyError::Length("n"));
                }
                if e.is_empty() || e.len() > MAX_EXPONENT_BYTES {
                    return Err(AuthKeyError::Length("e"));
                }
                Material::Rsa { n, e }
            }
        };
        let id = text("kid").filter(|id| !id.is_empty()).map(str::to_owned);
        Ok(AuthKey { algorithm, id, material })
    }

    /// Returns whether the key can have signed a token whose header says this.
    pub(crate) fn is_meant(&self, algorithm: Algorithm, id: Option<&str>) -> bool {
        self.algorithm == algorithm && (id.is_none() || self.id.as_deref() == id)
    }

    /// Returns whether the key made this signature.
    pub(crate) fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        let verified =
            match (&self.material, self.algorithm) {
                (Material::Bytes(key), Algorithm::Hs256) => {
                    hmac::verify(&hmac::Key::new(hmac::HMAC_SHA256, key), message, signature)
                }
                (Material::Bytes(key), Algorithm::Hs384) => {
                    hmac::verify(&hmac::Key::new(hmac::HMAC_SHA384, key), message, signature)
                }
                (Material::Bytes(key), Algorithm::Hs512) => {
                    hmac::verify(&hmac::Key::new(hmac::HMAC_SHA512, key), message, signature)
                }
                (Material::Bytes(key), Algorithm::Es256) => {
                    UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, key).verify(message, signature)
                }
                (Material::Bytes(key), Algorithm::EdDsa) => {
                    UnparsedPublicKey::new(&ED25519, key).verify(message, signature)
                }
                (Material::Rsa { n, e }, Algorithm::Rs256) => RsaPublicKeyComponents { n, e }
                    .verify(&RSA_PKCS1_2048_8192_SHA256, message, signature),
                // Reading a key makes no other pairs.
                (Material::Bytes(_), Algorithm::Rs256)
                | (
                    Material::Rsa { .. },
                    Algorithm::EdDsa
                    | Algorithm::Es256
                    | Algorithm::Hs256
                    | Algorithm::Hs384
                    | Algorithm::Hs512,
                ) => return false,
            };
        verified.is_ok()
    }
}

impl fmt::Debug for AuthKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { algorithm, id, material: _ } = self;
        f.debug_struct("AuthKey")
            .field("algorithm", algorithm)
            .field("id", id)
            .finish_non_exhaustive()
    }
}

fn bytes(key: &Map<String, Value>, name: &'static str) -> Result<Vec<u8>, AuthKeyError> {
    let text = key.get(name).and_then(Value::as_str);
    let bytes = text.and_then(|text| BASE64URL_NOPAD.decode(text.as_bytes()).ok());
    bytes.ok_or(AuthKeyError::Encoding(name))
}

fn of_length(
    key: &Map<String, Value>,
    name: &'static str,
    length: usize,
) -> Result<Vec<u8>, AuthKeyError> {
    let bytes = bytes(key, name)?;
    if bytes.len() == length { Ok(bytes) } else { Err(AuthKeyError::Length(name)) }
}

fn curve(key: &Map<String, Value>, name: &'static str) -> Result<(), AuthKeyError> {
    let is_right = key.get("crv").and_then(Value::as_str) == Some(name);
    if is_right { Ok(()) } else { Err(AuthKeyError::Curve(name)) }
}

fn without_zeros(mut bytes: Vec<u8>) -> Vec<u8> {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    bytes.drain(..zeros);
    bytes
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn parse(key: Value) -> Result<AuthKey, AuthKeyError> {
        AuthKey::parse(&key)
    }

    fn base64(bytes: usize) -> String {
        BASE64URL_NOPAD.encode(&vec![7; bytes])
    }

    #[test]
    fn signatures_from_the_standards_verify_and_changed_ones_do_not() {
        // RFC 7515 A.2 and A.3, RFC 8037 A.4.
        let rs256 = json!({"kty": "RSA", "alg": "RS256", "e": "AQAB", "n": concat!(
            "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt",
            "0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSX",
            "ndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5",
            "IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ",
        )});
        let rs256_signature = concat!(
            "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W",
            "2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkS",
            "jtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnv",
            "Wh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw",
        );
        let claims = "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
        let es256 = json!({"kty": "EC", "alg": "ES256", "crv": "P-256",
            "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
            "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"});
        let es256_signature = "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";
        let ed25519 = json!({"kty": "OKP", "alg": "EdDSA", "crv": "Ed25519",
            "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"});
        let ed25519_signature = "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";
        for (key, message, signature) in [
            (rs256, format!("eyJhbGciOiJSUzI1NiJ9.{claims}"), rs256_signature),
            (es256, format!("eyJhbGciOiJFUzI1NiJ9.{claims}"), es256_signature),
            (
                ed25519,
                "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc".to_owned(),
                ed25519_signature,
            ),
        ] {
            let algorithm = key["alg"].to_string();
            let key = parse(key).expect("a key of a standard");
            let mut signature = BASE64URL_NOPAD.decode(signature.as_bytes()).expect("base64url");
            assert!(key.verify(message.as_bytes(), &signature), "{algorithm}");
            assert!(!key.verify(format!("{message}x").as_bytes(), &signature), "{algorithm}");
            signature[9] ^= 1;
            assert!(!key.verify(message.as_bytes(), &signature), "{algorithm}");
        }
    }

    #[test]
    fn a_shared_secret_has_exactly_the_length_of_its_hash() {
        for (algorithm, length) in [("HS256", 32), ("HS384", 48), ("HS512", 64)] {
            let key = |bytes| json!({"kty": "oct", "alg": algorithm, "k": base64(bytes), "use": 1});
            assert!(parse(key(length)).is_ok());
            for wrong in [0, length - 1, length + 1] {
                assert_eq!(parse(key(wrong)), Err(AuthKeyError::Length("k")));
            }
        }
    }

    #[test]
    fn what_cannot_be_used_is_said() {
        let ec = |crv: &str, x: usize| {
            parse(json!({"kty": "EC", "alg": "ES256", "crv": crv, "x": base64(x), "y": base64(32)}))
        };
        let rsa = |n: usize, e: usize| {
            parse(json!({"kty": "RSA", "alg": "RS256", "n": base64(n), "e": base64(e)}))
        };
        let padded = json!({"kty": "oct", "alg": "HS256", "k": format!("{}=", base64(32))});
        for (result, error) in [
            (parse(json!("secret")), AuthKeyError::NoObject),
            (parse(json!({"kty": "oct", "k": base64(32)})), AuthKeyError::Algorithm),
            (parse(json!({"kty": "oct", "alg": "none", "k": ""})), AuthKeyError::Algorithm),
            (
                parse(json!({"kty": "oct", "alg": "RS256", "k": base64(32)})),
                AuthKeyError::Algorithm,
            ),
            (
                parse(json!({"kty": "RSA", "alg": "HS256", "k": base64(32)})),
                AuthKeyError::Algorithm,
            ),
            (parse(padded), AuthKeyError::Encoding("k")),
            (ec("P-384", 32), AuthKeyError::Curve("P-256")),
            (ec("P-256", 31), AuthKeyError::Length("x")),
            (rsa(255, 3), AuthKeyError::Length("n")),
            (rsa(256, 9), AuthKeyError::Length("e")),
        ] {
            assert_eq!(result, Err(error));
        }
        assert!(rsa(256, 3).is_ok() && ec("P-256", 32).is_ok());
    }

    #[test]
    fn a_point_off_the_curve_verifies_nothing() {
        let key = json!({"kty": "EC", "alg": "ES256", "crv": "P-256",
            "x": base64(32), "y": base64(32)});
        assert!(!parse(key).expect("of the right form").verify(b"x", &[1; 64]));
    }

    #[test]
    fn a_key_does_not_print() {
        let key = parse(json!({"kty": "oct", "alg": "HS256", "k": base64(32), "kid": "mine"}));
        let printed = format!("{key:?}");
        assert!(printed.contains("mine") && !printed.contains('7'), "{printed}");
    }
}
