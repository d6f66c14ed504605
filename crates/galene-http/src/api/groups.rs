//! Groups and their keys.

use std::sync::Arc;

use galene_auth::AuthKey;
use galene_group::LookupError;
use galene_protocol::GroupName;
use galene_store::{GroupFiles, WriteError, Written};
use http::Response;
use serde_json::Value;

use super::failure::Failure;
use super::{Context, json, written};
use crate::groups::look_up;
use crate::response::Body;

/// The most keys of a group. Each may have to be tried for a token.
const MAX_KEYS: usize = 64;

pub(crate) async fn list(context: &Context<'_>) -> Result<Response<Body>, Failure> {
    let names = context.with_files(|files| files.groups.names()).await?;
    let names: Vec<&str> = names.iter().map(GroupName::as_str).collect();
    Ok(json(Value::from(names).to_string(), None))
}

pub(crate) async fn get(
    context: &Context<'_>,
    group: GroupName,
) -> Result<Response<Body>, Failure> {
    let (body, etag) = context.with_files(move |files| files.groups.definition(&group)).await??;
    context.versioned(body, Some(&etag))
}

pub(crate) async fn put(
    context: &Context<'_>,
    group: GroupName,
    body: String,
) -> Result<Response<Body>, Failure> {
    let condition = context.precondition();
    change(context, group, move |files, name| files.put_definition(name, &body, &condition)).await
}

pub(crate) async fn delete(
    context: &Context<'_>,
    group: GroupName,
) -> Result<Response<Body>, Failure> {
    let condition = context.precondition();
    change(context, group, move |files, name| {
        // What the tag would be of is there no more.
        files.delete(name, &condition).map(|()| Written::Changed(None))
    })
    .await
}

pub(crate) async fn put_keys(
    context: &Context<'_>,
    group: GroupName,
    body: String,
) -> Result<Response<Body>, Failure> {
    check_keys(&body).map_err(Failure::BadRequest)?;
    change(context, group, move |files, name| files.put_keys(name, &body)).await
}

pub(crate) async fn delete_keys(
    context: &Context<'_>,
    group: GroupName,
) -> Result<Response<Body>, Failure> {
    change(context, group, |files, name| files.delete_keys(name)).await
}

/// Changes a group's file, and says so once the change is in force.
pub(crate) async fn change(
    context: &Context<'_>,
    group: GroupName,
    change: impl FnOnce(&GroupFiles, &GroupName) -> Result<Written, WriteError> + Send + 'static,
) -> Result<Response<Body>, Failure> {
    let name = group.clone();
    let result = context.with_files(move |files| change(&files.groups, &name)).await??;
    // The conference would find it by itself in a moment.
    let control = &context.service.control;
    match look_up(&context.service.groups, group.clone()).await {
        Ok(lookup) => control.group_changed(lookup).await,
        Err(LookupError::NotFound) => control.group_removed(group).await,
        // The conference keeps what it has.
        Err(error) => tracing::warn!(%error, "a group cannot be looked up after a change"),
    }
    Ok(written(&result))
}

/// Checks each key of a set (RFC 7517 §5).
fn check_keys(body: &str) -> Result<(), String> {
    let set: Value = serde_json::from_str(body).map_err(|error| error.to_string())?;
    let keys = set.get("keys").and_then(Value::as_array).ok_or("`keys` must be an array")?;
    if keys.len() > MAX_KEYS {
        return Err(format!("there are more than {MAX_KEYS} keys"));
    }
    for (index, key) in keys.iter().enumerate() {
        AuthKey::parse(key).map_err(|error| format!("keys[{index}]: {error}"))?;
    }
    Ok(())
}

/// Which of a group's own file or those above it a subgroup goes by.
pub(crate) fn with_parents(group: GroupName) -> impl Iterator<Item = GroupName> {
    std::iter::successors(Some(group), GroupName::parent)
}

/// The groups as everybody else sees them.
pub(crate) async fn exists(context: &Context<'_>, group: &GroupName) -> Result<(), Failure> {
    match look_up(&Arc::clone(&context.service.groups), group.clone()).await {
        Ok(_) | Err(LookupError::Misconfigured(_)) => Ok(()),
        Err(LookupError::NotFound) => Err(Failure::NotFound),
        Err(error) => {
            tracing::warn!(%error, "a group cannot be looked up");
            Err(Failure::Internal)
        }
    }
}
