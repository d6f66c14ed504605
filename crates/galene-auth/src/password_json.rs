//! Passwords from and to JSON.

use std::fmt;

use galene_protocol::Secret;
use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{BcryptHash, Password, PasswordError, Pbkdf2Hash, UnusablePassword, hex};

/// The only hash that PBKDF2 is used with.
const SHA_256: &str = "sha-256";

/// The members of a password object, judged or not. Unknown ones are ignored.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(crate) struct PasswordObject {
    #[serde(rename = "type")]
    password_type: Option<String>,
    hash: Option<String>,
    key: Option<Secret>,
    salt: Option<String>,
    iterations: Option<i64>,
}

impl<'de> Deserialize<'de> for Password {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Json;

        impl<'de> Visitor<'de> for Json {
            type Value = Password;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a password as text or object")
            }

            fn visit_str<E>(self, text: &str) -> Result<Password, E> {
                Ok(Password::Plain(text.into()))
            }

            fn visit_unit<E>(self) -> Result<Password, E> {
                Ok(Password::Absent)
            }

            fn visit_map<M: MapAccess<'de>>(self, map: M) -> Result<Password, M::Error> {
                PasswordObject::deserialize(MapAccessDeserializer::new(map)).map(Password::from)
            }
        }

        deserializer.deserialize_any(Json)
    }
}

impl From<PasswordObject> for Password {
    fn from(object: PasswordObject) -> Self {
        object.judge().unwrap_or_else(|error| Self::Unusable(UnusablePassword { object, error }))
    }
}

impl PasswordObject {
    fn judge(&self) -> Result<Password, PasswordError> {
        match self.password_type.as_deref().unwrap_or_default() {
            "" => Ok(Password::Absent),
            "bcrypt" => Ok(Password::Bcrypt(BcryptHash::parse(self.key()?)?)),
            "pbkdf2" => Ok(Password::Pbkdf2(self.pbkdf2()?)),
            "plain" => Ok(Password::Plain(self.key()?.clone())),
            "wildcard" => Ok(Password::Wildcard),
            other => Err(PasswordError::UnknownType(other.to_owned())),
        }
    }

    fn pbkdf2(&self) -> Result<Pbkdf2Hash, PasswordError> {
        let hash = self.hash.as_deref().unwrap_or_default();
        if hash != SHA_256 {
            return Err(PasswordError::UnknownHash(hash.to_owned()));
        }
        let key = hex::decode(self.key()?.expose()).ok_or(PasswordError::Hex("key"))?;
        let salt = self.salt.as_deref().unwrap_or_default();
        let salt = hex::decode(salt).ok_or(PasswordError::Hex("salt"))?;
        Pbkdf2Hash::new(key, salt, self.iterations.unwrap_or_default())
    }

    fn key(&self) -> Result<&Secret, PasswordError> {
        self.key.as_ref().ok_or(PasswordError::MissingKey)
    }
}

/// Writes the password as a group's definition stores it: not for the eyes of clients.
impl Serialize for Password {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Default, Serialize)]
        struct Object<'a> {
            #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
            password_type: Option<&'a str>,
            #[serde(skip_serializing_if = "Option::is_none")]
            hash: Option<&'a str>,
            #[serde(skip_serializing_if = "Option::is_none")]
            key: Option<&'a str>,
            #[serde(skip_serializing_if = "Option::is_none")]
            salt: Option<&'a str>,
            #[serde(skip_serializing_if = "Option::is_none")]
            iterations: Option<i64>,
        }

        match self {
            Self::Absent => Object::default().serialize(serializer),
            Self::Bcrypt(hash) => {
                let key = Some(hash.key().expose());
                Object { password_type: Some("bcrypt"), key, ..Object::default() }
                    .serialize(serializer)
            }
            Self::Pbkdf2(hash) => {
                let object = Object {
                    password_type: Some("pbkdf2"),
                    hash: Some(SHA_256),
                    key: Some(&hex::encode(hash.key())),
                    salt: Some(&hex::encode(hash.salt())),
                    iterations: Some(hash.iterations().into()),
                };
                object.serialize(serializer)
            }
            Self::Plain(password) => serializer.serialize_str(password.expose()),
            Self::Unusable(UnusablePassword { object, .. }) => {
                let object = Object {
                    password_type: object.password_type.as_deref(),
                    hash: object.hash.as_deref(),
                    key: object.key.as_ref().map(Secret::expose),
                    salt: object.salt.as_deref(),
                    iterations: object.iterations,
                };
                object.serialize(serializer)
            }
            Self::Wildcard => Object { password_type: Some("wildcard"), ..Object::default() }
                .serialize(serializer),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BCRYPT: &str = "$2a$10$afOr2f33onT/nDFFyT3mbOq5FMSw1wWXfyTXQTBMbKvZpBkoD3Qwu";

    fn parse(json: &str) -> Password {
        serde_json::from_str(json).expect("a password")
    }

    fn error_of(json: &str) -> PasswordError {
        let Password::Unusable(unusable) = parse(json) else { panic!("{json} is usable") };
        unusable.error().clone()
    }

    #[test]
    fn passwords_are_written_as_they_were_read() {
        let bcrypt = format!(r#"{{"type":"bcrypt","key":"{BCRYPT}"}}"#);
        for json in [
            r#""""#,
            r#""1234""#,
            "{}",
            r#"{"type":"wildcard"}"#,
            r#"{"type":"pbkdf2","hash":"sha-256","key":"00ff","salt":"","iterations":4096}"#,
            r#"{"type":"pbkdf2","hash":"md5","key":"zz","salt":"ab","iterations":-1}"#,
            r#"{"type":"iris scan","key":"blue"}"#,
            &bcrypt,
        ] {
            assert_eq!(serde_json::to_string(&parse(json)).expect("a password is JSON"), json);
        }
    }

    #[test]
    fn there_are_several_ways_to_say_the_same() {
        assert_eq!(
            parse(r#"{"type":"plain","key":"a","color":"red"}"#),
            Password::Plain("a".into())
        );
        for json in ["{}", "null", r#"{"type":null}"#, r#"{"type":""}"#] {
            assert_eq!(parse(json), Password::Absent);
        }
        let pbkdf2 = |key: &str| {
            parse(&format!(r#"{{"type":"pbkdf2","hash":"sha-256","key":"{key}","iterations":1}}"#))
        };
        assert_eq!(pbkdf2("aBcD"), pbkdf2("ABcd"));
    }

    #[test]
    fn what_cannot_be_compared_with_says_why() {
        let pbkdf2 =
            |rest: &str| error_of(&format!(r#"{{"type":"pbkdf2","hash":"sha-256",{rest}}}"#));
        assert_eq!(pbkdf2(r#""iterations":1"#), PasswordError::MissingKey);
        assert_eq!(pbkdf2(r#""key":"0","iterations":1"#), PasswordError::Hex("key"));
        assert_eq!(pbkdf2(r#""key":"00","salt":"x","iterations":1"#), PasswordError::Hex("salt"));
        assert_eq!(pbkdf2(r#""key":"","iterations":1"#), PasswordError::KeyLength(0));
        assert_eq!(
            pbkdf2(&format!(r#""key":"{}","iterations":1"#, "00".repeat(65))),
            PasswordError::KeyLength(65)
        );
        assert_eq!(pbkdf2(r#""key":"00""#), PasswordError::Iterations(0));
        assert_eq!(pbkdf2(r#""key":"00","iterations":-1"#), PasswordError::Iterations(-1));
        assert_eq!(
            pbkdf2(r#""key":"00","iterations":10000001"#),
            PasswordError::Iterations(10_000_001)
        );
        assert_eq!(
            error_of(r#"{"type":"pbkdf2","key":"00"}"#),
            PasswordError::UnknownHash(String::new())
        );
        assert_eq!(
            error_of(r#"{"type":"scrypt"}"#),
            PasswordError::UnknownType("scrypt".to_owned())
        );
        assert_eq!(error_of(r#"{"type":"plain"}"#), PasswordError::MissingKey);
        assert_eq!(error_of(r#"{"type":"bcrypt"}"#), PasswordError::MissingKey);
    }

    #[test]
    fn a_bcrypt_hash_must_be_well_formed_and_not_too_dear() {
        let bcrypt = |key: &str| error_of(&format!(r#"{{"type":"bcrypt","key":"{key}"}}"#));
        assert_eq!(bcrypt(&BCRYPT.replace("$10$", "$03$")), PasswordError::BcryptCost(3));
        assert_eq!(bcrypt(&BCRYPT.replace("$10$", "$17$")), PasswordError::BcryptCost(17));
        for key in
            ["", "$2a$10$", &BCRYPT[..59], &BCRYPT.replace("2a", "9z"), &BCRYPT.replace('f', "é")]
        {
            assert_eq!(bcrypt(key), PasswordError::Bcrypt, "{key}");
        }
    }

    #[test]
    fn wrong_types_are_errors() {
        for json in ["1", "[]", "true", r#"{"type":1}"#, r#"{"key":1}"#, r#"{"iterations":"1"}"#] {
            assert!(serde_json::from_str::<Password>(json).is_err(), "{json}");
        }
    }

    #[test]
    fn no_password_prints() {
        for json in [
            r#""5ec1e7""#.to_owned(),
            r#"{"type":"pbkdf2","hash":"sha-256","key":"5ec1e7","salt":"5ec1e7","iterations":1}"#
                .to_owned(),
            r#"{"type":"bcrypt","key":"5ec1e7"}"#.to_owned(),
            format!(r#"{{"type":"bcrypt","key":"{}"}}"#, BCRYPT.replace("afOr2f", "5ec1e7")),
        ] {
            let printed = format!("{:?}", parse(&json));
            assert!(!printed.contains("5ec1e7"), "{printed}");
        }
    }
}
