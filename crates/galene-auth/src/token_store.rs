//! Where tokens are kept, and what members do there.

use std::fmt;
use std::time::SystemTime;

use galene_protocol::{GroupName, Secret, Timestamp};

use crate::{StatefulToken, TOKEN_NAME_BYTES, token_name};

/// A place where tokens are kept. Its methods may block.
pub trait TokenStore: fmt::Debug + Send + Sync {
    /// Returns the token of a name.
    ///
    /// # Errors
    ///
    /// [`TokenStoreError::Unavailable`] if the store cannot be read.
    fn get(&self, name: &Secret) -> Result<Option<StatefulToken>, TokenStoreError>;

    /// Returns the tokens of exactly this group: those without an end first, then those that end first.
    ///
    /// # Errors
    ///
    /// [`TokenStoreError::Unavailable`] if the store cannot be read.
    fn list(&self, group: &GroupName) -> Result<Vec<StatefulToken>, TokenStoreError>;

    /// Keeps a new token. When this returns, a crash loses it no more.
    ///
    /// # Errors
    ///
    /// [`TokenStoreError`] if it cannot be kept.
    fn add(&self, token: StatefulToken) -> Result<(), TokenStoreError>;

    /// Changes a token, unless `change` returns an error. When this returns, a crash does not undo the
    /// change.
    ///
    /// # Errors
    ///
    /// [`TokenStoreError::NotFound`] if there is no such token, the error of `change`, or another if the
    /// change cannot be kept.
    fn edit(
        &self,
        name: &Secret,
        change: &mut dyn FnMut(&mut StatefulToken) -> Result<(), TokenStoreError>,
    ) -> Result<StatefulToken, TokenStoreError>;
}

/// Why something cannot be done to tokens.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TokenStoreError {
    /// No more tokens can be kept.
    #[error("too many tokens")]
    Full,
    /// There is no such token, or none that the asker may know of.
    #[error("there is no such token")]
    NotFound,
    /// The store cannot be read or written.
    #[error("tokens are not available at the moment")]
    Unavailable {
        /// Why, for the log.
        reason: String,
    },
}

/// Something that a member does to the tokens of its group, once it is known that it may.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TokenOperation {
    /// Changes the times of a token.
    Edit {
        /// The only group whose token it can be.
        group: GroupName,
        /// Which token.
        name: Secret,
        /// When it ends from now on; `None` to leave it.
        expires: Option<Timestamp>,
        /// When it begins from now on; `None` to leave it.
        not_before: Option<Timestamp>,
    },
    /// Lists the tokens of a group.
    List {
        /// Which group.
        group: GroupName,
    },
    /// Makes a token. It still needs a name.
    Make(StatefulToken),
}

/// What came of a [`TokenOperation`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TokenAnswer {
    /// The group's tokens.
    List(Vec<StatefulToken>),
    /// The token, as it is now.
    Token(StatefulToken),
}

impl TokenOperation {
    /// Does it. May block. A new token's name is made of `random`, which nobody can guess.
    ///
    /// # Errors
    ///
    /// [`TokenStoreError`] says why it was not done.
    pub fn run(
        self,
        store: &dyn TokenStore,
        random: [u8; TOKEN_NAME_BYTES],
    ) -> Result<TokenAnswer, TokenStoreError> {
        match self {
            Self::Edit { group, name, expires, not_before } => {
                let edited = store.edit(&name, &mut |token| {
                    // Whoever knows a token of another group is not told that it exists.
                    if token.group != group.as_str() {
                        return Err(TokenStoreError::NotFound);
                    }
                    token.expires = expires.or(token.expires);
                    token.not_before = not_before.or(token.not_before);
                    Ok(())
                });
                edited.map(TokenAnswer::Token)
            }
            Self::List { group } => store.list(&group).map(TokenAnswer::List),
            Self::Make(token) => {
                let token = StatefulToken { token: token_name(random), ..token };
                store.add(token.clone())?;
                Ok(TokenAnswer::Token(token))
            }
        }
    }
}

/// A server that keeps no tokens.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoTokens;

impl NoTokens {
    fn unavailable<T>(self) -> Result<T, TokenStoreError> {
        Err(TokenStoreError::Unavailable { reason: "this server keeps no tokens".to_owned() })
    }
}

impl TokenStore for NoTokens {
    fn get(&self, _: &Secret) -> Result<Option<StatefulToken>, TokenStoreError> {
        Ok(None)
    }

    fn list(&self, _: &GroupName) -> Result<Vec<StatefulToken>, TokenStoreError> {
        Ok(Vec::new())
    }

    fn add(&self, _: StatefulToken) -> Result<(), TokenStoreError> {
        self.unavailable()
    }

    fn edit(
        &self,
        _: &Secret,
        _: &mut dyn FnMut(&mut StatefulToken) -> Result<(), TokenStoreError>,
    ) -> Result<StatefulToken, TokenStoreError> {
        self.unavailable()
    }
}

/// The time passed in for logins, and where tokens are looked up: what a decision needs from outside.
#[derive(Debug, Clone, Copy)]
pub struct Outside<'a> {
    /// The time of day.
    pub now: SystemTime,
    /// Where tokens are kept.
    pub tokens: &'a dyn TokenStore,
}
