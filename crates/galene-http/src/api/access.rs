//! Who may administer what.

use std::sync::Arc;
use std::time::SystemTime;

use galene_auth::{AuthoriseError, AuthoriseRequest, Password, Policy};
use galene_group::LookupError;
use galene_protocol::{GroupName, Permission};
use galene_store::{ReadError, UserKey};

use super::Context;
use super::failure::Failure;
use super::operation::Access;
use super::resource::Resource;
use crate::authorization::Authorization;
use crate::groups::look_up;

/// As whom somebody was let in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Admitted {
    /// As an administrator, or because anybody may.
    Administrator,
    /// As the user whom the resource belongs to, who had this password.
    User(Box<Password>),
}

/// Lets somebody in, or says why not.
pub(crate) async fn check(
    context: &Context<'_>,
    resource: &Resource,
    access: Access,
) -> Result<Admitted, Failure> {
    if access == Access::Anybody {
        return Ok(Admitted::Administrator);
    }
    // Browsers ask without credentials first.
    let given = Authorization::read(context.headers).ok_or(Failure::Unauthorised)?;
    let guard = &context.service.guard;
    let attempt = guard.for_administration(context.client, resource.group()).await;
    let attempt = attempt.map_err(Failure::TooManyAttempts)?;
    let result = check_given(context, resource, access, &given).await;
    if matches!(result, Err(Failure::Unauthorised)) {
        attempt.fail().await;
    } else {
        attempt.forgive();
    }
    result
}

async fn check_given(
    context: &Context<'_>,
    resource: &Resource,
    access: Access,
    given: &Authorization,
) -> Result<Admitted, Failure> {
    let group = resource.group();
    match given {
        Authorization::Bearer(token) => {
            // A token of the whole server is good for groups too, those that do not exist included.
            if is_global(context, token.expose()).await? {
                return Ok(Admitted::Administrator);
            }
            match group {
                Some(group) => by_group(context, group, given).await?,
                None => return Err(Failure::Unauthorised),
            }
            Ok(Admitted::Administrator)
        }
        Authorization::Basic { username, .. } => {
            // Each wrong attempt costs both checks, so their time tells nobody which names there are.
            let administrators = &context.settings.administrators;
            let is_named = administrators.users.contains_key(username);
            if is_named && by_policy(context, administrators, given).await? {
                return Ok(Admitted::Administrator);
            }
            if let Some(group) = group {
                match by_group(context, group, given).await {
                    Err(Failure::Unauthorised) => {}
                    result => return result.map(|()| Admitted::Administrator),
                }
            }
            if let (Access::AdministratorOrUser, Resource::Password(group, user)) =
                (access, resource)
                && let Some(password) = by_user(context, group, user, given).await?
            {
                return Ok(Admitted::User(Box::new(password)));
            }
            if !is_named {
                by_policy(context, administrators, given).await?;
            }
            Err(Failure::Unauthorised)
        }
    }
}

/// Whether credentials are those of an administrator of the server.
async fn by_policy(
    context: &Context<'_>,
    administrators: &Arc<Policy>,
    given: &Authorization,
) -> Result<bool, Failure> {
    // Passwords do not depend on the group, and there is one in every question.
    let group = GroupName::parse("administration").expect("this is a valid name");
    let policy = Arc::clone(administrators);
    let question = AuthoriseRequest::new(group, policy, None, given.credentials());
    let answer = ask(context, question).await?;
    Ok(answer == Some(true))
}

/// Succeeds if credentials are those of an administrator of a group.
async fn by_group(
    context: &Context<'_>,
    group: &GroupName,
    given: &Authorization,
) -> Result<(), Failure> {
    let policy = match look_up(&context.service.groups, group.clone()).await {
        Ok(lookup) => Arc::clone(&lookup.description.policy),
        Err(LookupError::NotFound | LookupError::Misconfigured(_)) => {
            return Err(Failure::Unauthorised);
        }
        Err(error) => {
            tracing::warn!(%error, "a group cannot be looked up");
            return Err(Failure::Internal);
        }
    };
    // Signed tokens are for the canonical host, if there is one.
    let host = context.settings.canonical_host.as_deref().map(Arc::from);
    let question = AuthoriseRequest::new(group.clone(), policy, host, given.credentials());
    match ask(context, question).await? {
        Some(true) => Ok(()),
        Some(false) | None => Err(Failure::Unauthorised),
    }
}

/// Returns a user's own password if that was given, along with the user's name. What everybody knows
/// is no password.
async fn by_user(
    context: &Context<'_>,
    group: &GroupName,
    user: &UserKey,
    given: &Authorization,
) -> Result<Option<Password>, Failure> {
    let UserKey::Named(name) = user else { return Ok(None) };
    let is_same = matches!(given, Authorization::Basic { username, .. } if username == name);
    if !is_same || name.is_empty() {
        return Ok(None);
    }
    let Ok(lookup) = look_up(&context.service.groups, group.clone()).await else { return Ok(None) };
    let Some(entry) = lookup.description.policy.users.get(name) else { return Ok(None) };
    if matches!(entry.password, Password::Wildcard | Password::Absent) {
        return Ok(None);
    }
    let alone = Policy { users: [(name.clone(), entry.clone())].into(), ..Policy::default() };
    let question = AuthoriseRequest::new(group.clone(), Arc::new(alone), None, given.credentials());
    Ok(ask(context, question).await?.map(|_| entry.password.clone()))
}

/// Asks whether credentials are right, and if so whether they are an administrator's.
async fn ask(context: &Context<'_>, question: AuthoriseRequest) -> Result<Option<bool>, Failure> {
    match context.service.control.authorise(question).await {
        Ok(grant) => Ok(Some(grant.permissions.contains(&Permission::Admin))),
        Err(AuthoriseError::Busy) => Err(Failure::Busy),
        Err(_) => Ok(None),
    }
}

/// Whether a token is one of the server's administrators.
async fn is_global(context: &Context<'_>, token: &str) -> Result<bool, Failure> {
    let (tokens, name) = (Arc::clone(&context.files.tokens), token.to_owned());
    let found = context.service.disk.run(move || tokens.get(&name)).await?;
    let token = match found {
        Ok(token) => token,
        Err(ReadError::NotFound) => return Ok(false),
        Err(error) => return Err(error.into()),
    };
    let is_good = token.check(None, SystemTime::now()).is_ok();
    Ok(is_good && token.permissions.is_some_and(|all| all.contains(&Permission::Admin)))
}
