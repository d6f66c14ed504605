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
