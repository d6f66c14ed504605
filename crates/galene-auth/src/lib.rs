//! From credentials and a policy to a grant.
//!
//! An [`AuthoriseRequest`] holds all that the decision needs. [`AuthoriseRequest::run`] takes as long
//! as hashing a password takes, up to seconds, so it belongs on a thread that may block, and only as
//! many at a time as there are cores. A refusal never says which part of the credentials was wrong,
//! nor does the time that it takes.

mod authorise;
mod bcrypt;
mod error;
mod guessing;
mod hex;
mod jwk;
mod jwt;
mod network;
mod password;
mod password_json;
mod pbkdf2;
mod policy;
mod role;
mod roles;
mod stateful;
mod token_store;

pub use authorise::{AuthoriseRequest, Cost, Credentials, Grant};
pub use bcrypt::BcryptHash;
pub use error::{AuthoriseError, PasswordError, Refusal};
pub use guessing::{
    Admission, GUESS_WINDOW, Guesses, MAX_GUESSES_PER_ADDRESS, MAX_GUESSES_PER_GROUP, Outcome,
};
pub use jwk::{AuthKey, AuthKeyError};
pub use jwt::JwtError;
pub use network::network;
pub use password::{Password, UnusablePassword};
pub use pbkdf2::Pbkdf2Hash;
pub use policy::{PermissionSpec, Policy, UserEntry};
pub use role::{Role, UnknownRole};
pub use roles::{Roles, RolesError};
pub use stateful::{StatefulToken, TOKEN_NAME_BYTES, token_name};
pub use token_store::{
    NoTokens, Outside, TokenAnswer, TokenOperation, TokenStore, TokenStoreError,
};

/// The most iterations of PBKDF2 that a stored password may ask for. Ten times what is recommended
/// today; they keep a core busy for a few seconds, and a thousand times as many would for an hour.
pub const MAX_PBKDF2_ITERATIONS: u32 = 10_000_000;

/// The longest PBKDF2 key in bytes. Each 32 bytes cost all iterations once more, and nobody uses more
/// than one hash of SHA-512.
pub const MAX_PBKDF2_KEY_BYTES: usize = 64;

/// The highest cost of bcrypt that a stored password may ask for. Each step doubles the work; this one
/// takes about as long as [`MAX_PBKDF2_ITERATIONS`], and the highest that exists, 31, takes days.
pub const MAX_BCRYPT_COST: u32 = 16;
