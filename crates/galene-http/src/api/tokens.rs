//! Tokens that the server keeps.

use galene_auth::{TOKEN_NAME_BYTES, token_name};
use galene_protocol::limits::MAX_SECRET_BYTES;
use galene_protocol::{GroupName, Token};
use galene_store::{Precondition, Written};
use http::header::LOCATION;
use http::{HeaderValue, Response};
use serde_json::{Map, Value};

use super::failure::Failure;
use super::groups::exists;
use super::{Context, written};
use crate::random;
use crate::response::Body;

pub(crate) async fn list(
    context: &Context<'_>,
    group: Option<GroupName>,
) -> Result<Response<Body>, Failure> {
    let group = name_of(context, group).await?;
    let (tokens, etag) = context.with_files(move |files| files.tokens.list(&group)).await??;
    let names: Vec<&str> = tokens.iter().map(|token| token.token.expose()).collect();
    context.versioned(Value::from(names).to_string(), etag.as_ref())
}

pub(crate) async fn create(
    context: &Context<'_>,
    group: Option<GroupName>,
    body: String,
) -> Result<Response<Body>, Failure> {
    let group = name_of(context, group).await?;
    let name = token_name(random::bytes::<TOKEN_NAME_BYTES>()?).expose().to_owned();
    let token = parse(&body, &group, &name)?;
    let put = context.with_files(move |files| files.tokens.put(token, &Precondition::is_new()));
    let mut response = written(&put.await??);
    let name = HeaderValue::try_from(name).map_err(|_| Failure::Internal)?;
    response.headers_mut().insert(LOCATION, name);
    Ok(response)
}

pub(crate) async fn get(
    context: &Context<'_>,
    group: Option<GroupName>,
    name: String,
) -> Result<Response<Body>, Failure> {
    let group = name_of(context, group).await?;
    let found = context.with_files(move |files| files.tokens.find(&group, &name));
    let (token, etag) = found.await??;
    let token = Token { token: "".into(), group: String::new(), ..token };
    let body = serde_json::to_string(&token).map_err(|_| Failure::Internal)?;
    context.versioned(body, Some(&etag))
}

pub(crate) async fn put(
    context: &Context<'_>,
    group: Option<GroupName>,
    name: String,
    body: String,
) -> Result<Response<Body>, Failure> {
    let group = name_of(context, group).await?;
    if name.len() > MAX_SECRET_BYTES || name.contains(|c: char| c.is_control()) {
        return Err(Failure::BadRequest("this is no name for a token".to_owned()));
    }
    let token = parse(&body, &group, &name)?;
    let condition = context.precondition();
    let put = context.with_files(move |files| files.tokens.put(token, &condition));
    Ok(written(&put.await??))
}

pub(crate) async fn delete(
    context: &Context<'_>,
    group: Option<GroupName>,
    name: String,
) -> Result<Response<Body>, Failure> {
    let group = name_of(context, group).await?;
    let condition = context.precondition();
    let deleted = context.with_files(move |files| files.tokens.delete(&group, &name, &condition));
    deleted.await??;
    // What the tag is of is there no more.
    Ok(written(&Written::Changed(None)))
}

/// How tokens name a group that exists: the empty text stands for the whole server.
async fn name_of(context: &Context<'_>, group: Option<GroupName>) -> Result<String, Failure> {
    let Some(group) = group else { return Ok(String::new()) };
    exists(context, &group).await?;
    Ok(group.to_string())
}

/// Reads a token, which gets its name and group from the path and not from the body.
fn parse(body: &str, group: &str, name: &str) -> Result<Token, Failure> {
    let bad = |why: String| Failure::BadRequest(why);
    let mut token: Map<String, Value> =
        serde_json::from_str(body).map_err(|error| bad(error.to_string()))?;
    for key in ["token", "group"] {
        match token.get(key) {
            None | Some(Value::Null) => {}
            Some(Value::String(text)) if text.is_empty() => {}
            Some(_) => return Err(bad(format!("`{key}` cannot be set here"))),
        }
    }
    token.insert("token".to_owned(), name.into());
    token.insert("group".to_owned(), group.into());
    serde_json::from_value(Value::Object(token)).map_err(|error| bad(error.to_string()))
}
