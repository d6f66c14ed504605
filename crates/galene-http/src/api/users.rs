//! Users of a group and their passwords.

use galene_auth::{BcryptHash, Password};
use galene_protocol::{GroupName, Secret};
use galene_store::{ReadError, UserKey};
use http::Response;
use serde_json::Value;

use super::Context;
use super::access::Admitted;
use super::failure::Failure;
use super::groups::{change, exists, with_parents};
use crate::random;
use crate::response::Body;

/// The longest password that bcrypt can tell from all others, in bytes.
const MAX_PASSWORD_BYTES: usize = 72;
/// What hashing costs. Galène's own number: some 20 ms.
const BCRYPT_COST: u32 = 8;

/// A group that exists only because the one above lets it has that one's users.
pub(crate) async fn list(
    context: &Context<'_>,
    group: GroupName,
) -> Result<Response<Body>, Failure> {
    exists(context, &group).await?;
    let found = context.with_files(move |files| {
        let mut found = Err(ReadError::NotFound);
        for name in with_parents(group) {
            found = files.groups.users(&name);
            if !matches!(found, Err(ReadError::NotFound)) {
                break;
            }
        }
        found
    });
    let (names, etag) = found.await??;
    context.versioned(Value::from(names).to_string(), Some(&etag))
}

pub(crate) async fn get(
    context: &Context<'_>,
    group: GroupName,
    user: UserKey,
) -> Result<Response<Body>, Failure> {
    let (body, etag) = context.with_files(move |files| files.groups.user(&group, &user)).await??;
    context.versioned(body, Some(&etag))
}

pub(crate) async fn put(
    context: &Context<'_>,
    group: GroupName,
    user: UserKey,
    body: String,
) -> Result<Response<Body>, Failure> {
    check_name(&user)?;
    let condition = context.precondition();
    change(context, group, move |files, name| files.put_user(name, &user, &body, &condition)).await
}

pub(crate) async fn delete(
    context: &Context<'_>,
    group: GroupName,
    user: UserKey,
) -> Result<Response<Body>, Failure> {
    let condition = context.precondition();
    change(context, group, move |files, name| files.delete_user(name, &user, &condition)).await
}

pub(crate) async fn put_password(
    context: &Context<'_>,
    group: GroupName,
    user: UserKey,
    body: String,
    admitted: Admitted,
) -> Result<Response<Body>, Failure> {
    let expected = match admitted {
        Admitted::Administrator => None,
        // What let the user in must still be the user's password when it is changed.
        Admitted::User(password) => Some(password),
    };
    change(context, group, move |files, name| {
        files.put_password(name, &user, &body, expected.as_deref())
    })
    .await
}

pub(crate) async fn post_password(
    context: &Context<'_>,
    group: GroupName,
    user: UserKey,
    body: String,
    admitted: Admitted,
) -> Result<Response<Body>, Failure> {
    if body.len() > MAX_PASSWORD_BYTES {
        let why = format!("a password may have at most {MAX_PASSWORD_BYTES} bytes");
        return Err(Failure::BadRequest(why));
    }
    let salt = random::bytes()?;
    let hash =
        context.with_files(move |_| BcryptHash::hash(&Secret::from(body), BCRYPT_COST, salt));
    let hash = hash.await?.map_err(|error| Failure::BadRequest(error.to_string()))?;
    let body = serde_json::to_string(&Password::Bcrypt(hash)).map_err(|_| Failure::Internal)?;
    put_password(context, group, user, body, admitted).await
}

pub(crate) async fn delete_password(
    context: &Context<'_>,
    group: GroupName,
    user: UserKey,
) -> Result<Response<Body>, Failure> {
    change(context, group, move |files, name| files.delete_password(name, &user)).await
}

/// Nobody could log in under a name that is none.
fn check_name(user: &UserKey) -> Result<(), Failure> {
    match user {
        UserKey::Wildcard => Ok(()),
        UserKey::Named(name) => galene_protocol::Username::parse(name)
            .map(drop)
            .map_err(|error| Failure::BadRequest(error.to_string())),
    }
}
