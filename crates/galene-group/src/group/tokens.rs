//! Which tokens members may make and change.

use std::time::{Duration, SystemTime};

use galene_protocol::{Permissions, Secret, Timestamp, Token, TokenTemplate, TokenTime, Username};

use super::Group;
use crate::{Action, MemberId, Refusal};

/// Why a member cannot make or change a token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TokenRefused {
    /// The token is not described as it should be.
    #[error("{0}")]
    Invalid(String),
    /// The member may not.
    #[error(transparent)]
    Refused(#[from] Refusal),
}

/// A change of a token's times.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenEdit {
    /// Which token.
    pub name: Secret,
    /// When it ends from now on; `None` to leave it.
    pub expires: Option<Timestamp>,
    /// When it begins from now on; `None` to leave it.
    pub not_before: Option<Timestamp>,
}

impl Group {
    /// Makes a token of this group, which still needs a name. It grants what its maker may do, and no
    /// more.
    ///
    /// # Errors
    ///
    /// [`TokenRefused`] if the member may not make tokens, or not this one.
    pub fn make_token(
        &self,
        member: MemberId,
        template: TokenTemplate,
        now: SystemTime,
    ) -> Result<Token, TokenRefused> {
        self.check_token_maker(member)?;
        let TokenTemplate { token, group, username, permissions, expires, not_before } = template;
        if token.is_some_and(|token| !token.is_empty()) {
            return Err(invalid("a new token cannot have a name yet"));
        }
        if group.as_deref() != Some(self.name.as_str()) {
            return Err(invalid("the token must be for this group"));
        }
        let expires = expires.ok_or(invalid("the token needs an end"))?;
        if username.as_ref().is_some_and(|name| self.description.policy.users.contains_key(name)) {
            return Err(invalid("that username is taken"));
        }
        if let Some(Err(error)) = username.as_deref().map(Username::parse) {
            return Err(TokenRefused::Invalid(error.to_string()));
        }
        let maker = self.acting(member)?;
        let missing = permissions.iter().flat_map(|all| all.iter()).find(|one| !maker.may(one));
        if missing.is_some() {
            return Err(Refusal::NotAuthorised { missing: missing.cloned() }.into());
        }
        let permissions = permissions.map(|all| {
            let mut each = Permissions::default();
            all.iter().for_each(|permission| each.add(permission.clone()));
            each
        });
        let issued_by = maker.username();
        Ok(Token {
            group: self.name.to_string(),
            username,
            permissions,
            expires: Some(absolute(expires, now)),
            not_before: not_before.map(|time| absolute(time, now)),
            issued_at: Some(now.into()),
            issued_by: (!issued_by.is_empty()).then(|| issued_by.to_string()),
            ..Token::default()
        })
    }

    /// Works out how a member wants to change a token. Nothing but its times can be changed.
    ///
    /// # Errors
    ///
    /// [`TokenRefused`] if the member may not change tokens, or wants to change something else.
    pub fn edit_token(
        &self,
        member: MemberId,
        template: TokenTemplate,
        now: SystemTime,
    ) -> Result<TokenEdit, TokenRefused> {
        self.check_token_administrator(member)?;
        let TokenTemplate { token, group, username, permissions, expires, not_before } = template;
        if group.is_some() || username.is_some() || permissions.is_some() {
            return Err(invalid("only the times of a token can be changed"));
        }
        let name = token.filter(|name| !name.is_empty()).ok_or(invalid("no token given"))?;
        Ok(TokenEdit {
            name,
            expires: expires.map(|time| absolute(time, now)),
            not_before: not_before.map(|time| absolute(time, now)),
        })
    }

    /// Checks that a member may make tokens.
    ///
    /// # Errors
    ///
    /// [`Refusal`] if it may not.
    pub fn check_token_maker(&self, member: MemberId) -> Result<(), Refusal> {
        self.check(member, Action::MakeToken)
    }

    /// Checks that a member may see and change tokens that others made.
    ///
    /// # Errors
    ///
    /// [`Refusal`] if it may not.
    pub fn check_token_administrator(&self, member: MemberId) -> Result<(), Refusal> {
        self.check(member, Action::AdministerTokens)
    }
}

fn invalid(reason: &str) -> TokenRefused {
    TokenRefused::Invalid(reason.to_owned())
}

/// Returns the point in time that is meant. One that RFC 3339 cannot say becomes the last that it can.
fn absolute(time: TokenTime, now: SystemTime) -> Timestamp {
    /// More than there is between the first year and the last.
    const MAX_MILLIS: u64 = 10_000 * 366 * 24 * 3600 * 1000;

    match time {
        TokenTime::At(time) => time,
        TokenTime::InMillis(millis) => {
            let distance = Duration::from_millis(millis.unsigned_abs().min(MAX_MILLIS));
            let time = if millis < 0 { now - distance } else { now + distance };
            time.into()
        }
    }
}
