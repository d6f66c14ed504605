//! The decision itself.

use std::hint::black_box;
use std::sync::Arc;

use galene_protocol::limits::MAX_SECRET_BYTES;
use galene_protocol::{GroupName, Permissions, Secret, Username};

use crate::{AuthoriseError, Password, Policy, Refusal};

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
    credentials: Credentials,
}

impl AuthoriseRequest {
    /// Asks whether `credentials` open `group`, which is defined by `policy`.
    pub fn new(group: GroupName, policy: Arc<Policy>, credentials: Credentials) -> Self {
        Self { group, policy, credentials }
    }

    /// Answers the question. Blocks for as long as it takes to hash a password, or two if the
    /// credentials are wrong.
    ///
    /// # Errors
    ///
    /// [`AuthoriseError`] tells the cases apart that clients treat differently.
    pub fn run(&self) -> Result<Grant, AuthoriseError> {
        let Credentials { username, password, token } = &self.credentials;
        let token = token.as_ref().filter(|token| !token.is_empty());
        let (name, permissions) = match (token, username) {
            (Some(token), _) => self.by_token(token)?,
            (None, Some(name)) => (name.as_str(), self.by_password(name, password)?),
            (None, None) => return Err(AuthoriseError::NoCredentials),
        };
        let username = Username::parse(name).map_err(|error| refused(Refusal::Username(error)))?;
        Ok(Grant { username, permissions })
    }

    /// Returns whether the answer is known at once, without the hashing of any password: everybody may
    /// come in, or nothing was given to compare.
    pub fn is_quick(&self) -> bool {
        let Credentials { username, token, .. } = &self.credentials;
        let has_token = token.as_ref().is_some_and(|token| !token.is_empty());
        match username {
            Some(name) if !has_token => {
                let entry = self.policy.users.get(name).or(self.policy.wildcard_user.as_ref());
                entry.is_some_and(|entry| matches!(entry.password, Password::Wildcard))
                    && self.credentials.password.expose().len() <= MAX_SECRET_BYTES
            }
            Some(_) | None => true,
        }
    }

    /// Returns which group the question is about.
    pub fn group(&self) -> &GroupName {
        &self.group
    }

    /// Returns the name and permissions of a token's bearer.
    fn by_token(&self, _token: &Secret) -> Result<(&str, Permissions), AuthoriseError> {
        Err(refused(Refusal::TokensUnsupported))
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
