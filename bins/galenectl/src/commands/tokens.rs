//! Commands about tokens.

use std::time::SystemTime;

use galene_protocol::Timestamp;
use http::Method;
use serde_json::{Map, Value, json};

use crate::arguments::{CreateToken, ListTokens, REVOKED_BEFORE, Token, UpdateToken};
use crate::client::{Call, Client};
use crate::duration::SignedDuration;
use crate::error::Error;
use crate::progress::Progress;
use crate::{api, listing, permissions};

pub(crate) fn list(client: &mut Client, list: &ListTokens, json: bool) -> Result<(), Error> {
    let tokens = Call::new(Method::GET, api::tokens(&list.group)?);
    let mut names: Vec<String> = client.call(&tokens)?.json()?;
    names.sort();
    if !list.l {
        return super::print_names(names, |_| Ok::<_, Error>(true), json);
    }
    let mut progress = Progress::new(names.len());
    let mut lines = String::new();
    let mut entries = Vec::new();
    let now = SystemTime::now();
    for name in names {
        progress.step();
        let path = api::token(&list.group, &name)?;
        let mut token: Map<String, Value> = client.call(&Call::new(Method::GET, path))?.json()?;
        token.insert("token".to_owned(), name.clone().into());
        token.insert("group".to_owned(), list.group.group.clone().into());
        let token = Value::Object(token);
        lines.push_str(&listing::token(&name, &token, now));
        entries.push(token);
    }
    drop(progress);
    if json { super::print_json(&entries.into()) } else { super::print(&lines) }
}

pub(crate) fn create(client: &mut Client, token: &CreateToken, as_json: bool) -> Result<(), Error> {
    let mut body = json!({
        "permissions": permissions::of_token(&token.permissions)?,
        "expires": from_now(token.duration)?,
    });
    if let Some(user) = &token.user {
        body["username"] = user.clone().into();
    }
    if token.include_subgroups == Some(true) {
        body["includeSubgroups"] = true.into();
    }
    let path = api::tokens(&token.group)?;
    let answer = client.call(&Call::new(Method::POST, path).with_body(body.to_string()))?;
    let location = answer.location()?;
    // The bare name, or a path whose last part it is.
    let name = location.rsplit('/').next().unwrap_or(&location);
    if as_json {
        return super::print_json(&json!({ "token": name }));
    }
    super::print(&format!("{name}\n"))
}

pub(crate) fn update(client: &mut Client, update: &UpdateToken) -> Result<(), Error> {
    let permissions = update.permissions.as_deref().map(permissions::of_token).transpose()?;
    let expires = update.duration.map(from_now).transpose()?;
    set(client, &update.token, permissions, expires)
}

pub(crate) fn revoke(client: &mut Client, token: &Token) -> Result<(), Error> {
    let ago = SignedDuration { is_negative: true, length: REVOKED_BEFORE };
    set(client, token, None, Some(from_now(ago)?))
}

pub(crate) fn delete(client: &mut Client, token: &Token) -> Result<(), Error> {
    let path = api::token(&token.group, &token.token)?;
    client.call(&Call::new(Method::DELETE, path)).map(drop)
}

fn set(
    client: &mut Client,
    token: &Token,
    permissions: Option<Value>,
    expires: Option<Value>,
) -> Result<(), Error> {
    let path = api::token(&token.group, &token.token)?;
    super::change(client, &path, |token| {
        for (key, value) in [("permissions", &permissions), ("expires", &expires)] {
            if let Some(value) = value {
                token.insert(key.to_owned(), value.clone());
            }
        }
        Ok(())
    })
}

fn from_now(duration: SignedDuration) -> Result<Value, Error> {
    let time = duration.after(SystemTime::now());
    let time = time.ok_or_else(|| Error::Usage("that is too far away".to_owned()))?;
    Ok(Timestamp::from(time).to_string().into())
}
