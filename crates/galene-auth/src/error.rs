//! What can be wrong with credentials, and with what they are checked against.

use galene_protocol::{TokenError, UsernameError};

use crate::{JwtError, TokenStoreError};

/// Why there is no grant.
///
/// The text of an error may be shown to the client; the cause, in `source()`, is for the log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AuthoriseError {
    /// The question was never looked into: too many others wait. Said by whoever runs the requests.
    #[error("the server is busy; please try again in a moment")]
    Busy,
    /// The token leaves the name to its bearer, who chose that of a user with an entry.
    #[error("that username is taken")]
    DuplicateUsername,
    /// The group's definition has an unusable password for this user, which its administrator must
    /// mend.
    #[error("this group is misconfigured")]
    Misconfigured {
        /// The user whose password is unusable.
        user: String,
        /// What is wrong with it.
        source: PasswordError,
    },
    /// The token leaves the name to its bearer, who chose none.
    #[error("a username is required")]
    NeedUsername,
    /// There was neither a username nor a token.
    #[error("neither a username nor a token was given")]
    NoCredentials,
    /// The credentials are wrong.
    #[error("not authorised")]
    NotAuthorised(#[source] Refusal),
}

/// Why credentials were refused, as far as the server's log may know.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// There is no such user, or the password is another.
    #[error("wrong username or password")]
    BadCredentials,
    /// The token is in the form of a JWT, and is not accepted.
    #[error("the token was refused")]
    Jwt(#[source] JwtError),
    /// The token exists, and does not open the group now.
    #[error("the token was refused")]
    Token(#[source] TokenError),
    /// It cannot be found out whether there is such a token.
    #[error("tokens cannot be looked up")]
    TokensUnavailable(#[source] TokenStoreError),
    /// There is no such token.
    #[error("unknown token")]
    UnknownToken,
    /// The name cannot be anybody's.
    #[error("the username is invalid")]
    Username(#[source] UsernameError),
    /// The group's definition has an unusable password for all other users, which its administrator
    /// must mend.
    #[error("the password of the wildcard user is unusable")]
    WildcardMisconfigured(#[source] PasswordError),
}

/// Why a stored password cannot be compared with anything.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PasswordError {
    /// A bcrypt hash is not in modular crypt format.
    #[error("malformed bcrypt key")]
    Bcrypt,
    /// A bcrypt hash is cheaper than bcrypt allows or dearer than
    /// [`MAX_BCRYPT_COST`](crate::MAX_BCRYPT_COST).
    #[error("bcrypt cost {0} is out of range")]
    BcryptCost(u32),
    /// A member is not a text of hexadecimal digits, two for each byte.
    #[error("`{0}` is not hexadecimal")]
    Hex(&'static str),
    /// PBKDF2 has no iterations, or more than
    /// [`MAX_PBKDF2_ITERATIONS`](crate::MAX_PBKDF2_ITERATIONS).
    #[error("{0} iterations are out of range")]
    Iterations(i64),
    /// The key is empty, or longer than [`MAX_PBKDF2_KEY_BYTES`](crate::MAX_PBKDF2_KEY_BYTES).
    #[error("a key of {0} bytes is out of range")]
    KeyLength(usize),
    /// There is no key.
    #[error("`key` is missing")]
    MissingKey,
    /// A password is longer than bcrypt can tell from others.
    #[error("a password of more than 72 bytes cannot be hashed by bcrypt")]
    TooLong,
    /// PBKDF2 is to use a hash that does not exist here.
    #[error("unknown hash {0:?}")]
    UnknownHash(String),
    /// There is no such type of password.
    #[error("unknown password type {0:?}")]
    UnknownType(String),
}
