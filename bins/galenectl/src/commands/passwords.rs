//! Commands about passwords.

use galene_auth::{BcryptHash, Password, Pbkdf2Hash};
use galene_protocol::Secret;
use http::Method;
use rustls::crypto::aws_lc_rs;

use crate::api;
use crate::arguments::{NewPassword, PasswordKind, User};
use crate::client::{Call, Client};
use crate::error::Error;
use crate::prompt;

/// The longest salt, in bytes. RFC 8018 §4.1 asks for eight; more than a hash's length adds nothing.
const MAX_SALT_BYTES: usize = 64;

pub(crate) fn print(password: &NewPassword) -> Result<(), Error> {
    super::print(&format!("{}\n", hash(password)?))
}

pub(crate) fn set(client: &mut Client, user: &User, password: &NewPassword) -> Result<(), Error> {
    // What is wrong with the command line is better said before a password is asked for.
    let path = api::password(user)?;
    let body = hash(password)?;
    client.call(&Call::new(Method::PUT, path).with_body(body)).map(drop)
}

pub(crate) fn delete(client: &mut Client, user: &User) -> Result<(), Error> {
    client.call(&Call::new(Method::DELETE, api::password(user)?)).map(drop)
}

/// Returns a password as group files have it, in JSON.
fn hash(new: &NewPassword) -> Result<String, Error> {
    let given = new.password.as_deref().filter(|password| !password.is_empty());
    let password = match (new.kind, given) {
        (PasswordKind::Wildcard, None) => Password::Wildcard,
        (PasswordKind::Wildcard, Some(_)) => {
            let reason = "-type wildcard takes no -password: any will do";
            return Err(Error::Usage(reason.to_owned()));
        }
        (PasswordKind::Bcrypt | PasswordKind::Pbkdf2, given) => {
            let password = match given {
                Some(password) => Secret::from(password),
                None => prompt::password("Password").map_err(Error::Prompt)?,
            };
            if new.kind == PasswordKind::Bcrypt {
                bcrypt(&password, new.cost)?
            } else {
                if new.salt > MAX_SALT_BYTES {
                    let reason = format!("a salt has at most {MAX_SALT_BYTES} bytes");
                    return Err(Error::Usage(reason));
                }
                let mut salt = vec![0; new.salt];
                fill(&mut salt)?;
                let derived = Pbkdf2Hash::derive(&password, salt, new.iterations, new.key)?;
                Password::Pbkdf2(derived)
            }
        }
    };
    serde_json::to_string(&password).map_err(|error| Error::Answer(error.to_string()))
}

/// Hashes a password by bcrypt.
pub(crate) fn bcrypt(password: &Secret, cost: u32) -> Result<Password, Error> {
    let mut salt = [0; 16];
    fill(&mut salt)?;
    Ok(Password::Bcrypt(BcryptHash::hash(password, cost, salt)?))
}

fn fill(bytes: &mut [u8]) -> Result<(), Error> {
    aws_lc_rs::default_provider().secure_random.fill(bytes).map_err(|_| Error::Random)
}
