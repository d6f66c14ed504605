//! The decision itself.

use std::hint::black_box;
use std::sync::Arc;

use galene_protocol::limits::MAX_SECRET_BYTES;
use galene_protocol::{GroupName, Permissions, Secret, Username};

use crate::jwt::Jwt;
use crate::{AuthoriseError, Outside, Password, Policy, Refusal};

/// What a client gives to prove who it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Credentials {
    /// The username; `None` is another thing than the empty name.
    pub username: Option<String>,
    /// The password, empty if none was given.
    pub password: Secret,
    /// The token. If there is one, the password does not matter.
    pub token: Option<Secret>,
}

/// Who somebody is, and what they may do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Grant {
    /// The name under which they are known, which may not be the one that they gave.
    pub username: Username,
    /// What they may do.
    pub permissions: Permissions,
}

/// The question whether somebody may join a group.
#[derive(Debug, Clone)]
pub struct AuthoriseRequest {
    group: GroupName,
    policy: Arc<Policy>,
    canonical_host: Option<Arc<str>>,
    credentials: Credentials,
}

/// What it takes to answer an [`AuthoriseRequest`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cost {
    /// The hashing of passwords, which keeps a core busy for a tenth of a second and more.
    Hash,
    /// A look into the store of tokens, which may have to be read from disk.
    LookUp,
    /// Next to nothing.
    Nothing,
    /// The checking of a signature, a tenth of a millisecond.
    Signature,
}

impl AuthoriseRequest {
    /// Asks whether `credentials` open `group`, which is defined by `policy`. If the server has a
    /// canonical host, signed tokens must be for that.
    pub fn new(
        group: GroupName,
        policy: Arc<Policy>,
        canonical_host: Option<Arc<str>>,
        credentials: Credentials,
    ) -> Self {
        Self { group, policy, canonical_host, credentials }
    }

    /// Answers the question. Blocks for as long as its [`cost`](Self::cost) says.
    ///
    /// # Errors
    ///
    /// [`AuthoriseError`] tells the cases apart that clients treat differently.
    pub fn run(&self, outside: Outside<'_>) -> Result<Grant, AuthoriseError> {
        let Credentials { username, password, .. } = &self.credentials;
        let (name, permissions) = match (self.token(), username) {
            (Some(token), _) => self.by_token(token, outside)?,
            (None, Some(name)) => {
                // First, so that what is said about the name says nothing about the password.
                Username::parse(name).map_err(|error| refused(Refusal::Username(error)))?;
                (name.clone(), self.by_password(name, password)?)
            }
            (None, None) => return Err(AuthoriseError::NoCredentials),
        };
        let username = Username::parse(&name).map_err(|error| refused(Refusal::Username(error)))?;
        Ok(Grant { username, permissions })
    }

    /// Returns what it takes to answer.
    pub fn cost(&self) -> Cost {
        let Credentials { username, password, .. } = &self.credentials;
        if let Some(token) = self.token() {
            return if Jwt::parse(token.expose()).is_some() {
                Cost::Signature
            } else {
                Cost::LookUp
            };
        }
        let Some(name) = username else { return Cost::Nothing };
        let entry = self.policy.users.get(name).or(self.policy.wildcard_user.as_ref());
        let is_open = entry.is_some_and(|entry| matches!(entry.password, Password::Wildcard));
        if is_open && password.expose().len() <= MAX_SECRET_BYTES {
            Cost::Nothing
        } else {
            Cost::Hash
        }
    }

    /// Returns which group the question is about.
    pub fn group(&self) -> &GroupName {
        &self.group
    }

    fn token(&self) -> Option<&Secret> {
        self.credentials.token.as_ref().filter(|token| !token.is_empty())
    }

    /// Returns the name and permissions of a token's bearer.
    fn by_token(
        &self,
        token: &Secret,
        outside: Outside<'_>,
    ) -> Result<(String, Permissions), AuthoriseError> {
        if token.expose().len() > MAX_SECRET_BYTES {
            return Err(refused(Refusal::BadCredentials));
        }
        // A token in the form of a JWT is nothing else, even if it is refused.
        let (name, permissions) = match Jwt::parse(token.expose()) {
            Some(jwt) => {
                let host = self.canonical_host.as_deref();
                let granted = jwt.check(&self.policy.auth_keys, &self.group, host, outside.now);
                let granted = granted.map_err(|error| refused(Refusal::Jwt(error)))?;
                (granted.username, granted.permissions)
            }
            None => self.by_kept_token(token, outside)?,
        };
        match &self.credentials.username {
            Some(chosen) if name.is_empty() => {
                if self.policy.users.contains_key(chosen) {
                    return Err(AuthoriseError::DuplicateUsername);
                }
                Ok((chosen.clone(), permissions))
            }
            Some(_) | None => Ok((name, permissions)),
        }
    }

    fn by_kept_token(
        &self,
        name: &Secret,
        outside: Outside<'_>,
    ) -> Result<(String, Permissions), AuthoriseError> {
        let found = outside.tokens.get(name);
        let token = found
            .map_err(|error| refused(Refusal::TokensUnavailable(error)))?
            .ok_or_else(|| refused(Refusal::UnknownToken))?;
        if token.username.is_none() && self.credentials.username.is_none() {
            return Err(AuthoriseError::NeedUsername);
        }
        token
            .check(Some(&self.group), outside.now)
            .map_err(|error| refused(Refusal::Token(error)))?;
        Ok((token.username.unwrap_or_default(), token.permissions.unwrap_or_default()))
    }

    /// Returns the permissions of a user.
    fn by_password(&self, name: &str, password: &Secret) -> Result<Permissions, AuthoriseError> {
        if password.expose().len() > MAX_SECRET_BYTES {
            return Err(refused(Refusal::BadCredentials));
        }
        let user = self.policy.users.get(name);
        // A user with an entry never falls back on the wildcard user's.
        let entry = user.or(self.policy.wildcard_user.as_ref());
        let refusal = match entry.map(|entry| (entry, entry.password.matches(password))) {
            Some((entry, Ok(true))) => return Ok(self.policy.permissions(entry)),
            Some((_, Err(source))) if user.is_some() => {
                return Err(AuthoriseError::Misconfigured { user: name.to_owned(), source });
            }
            Some((_, Err(error))) => Refusal::WildcardMisconfigured(error),
            Some((_, Ok(false))) | None => Refusal::BadCredentials,
        };
        for decoy in self.policy.decoys(name) {
            let _ = black_box(decoy.matches(password));
        }
        Err(refused(refusal))
    }
}

fn refused(refusal: Refusal) -> AuthoriseError {
    AuthoriseError::NotAuthorised(refusal)
}
