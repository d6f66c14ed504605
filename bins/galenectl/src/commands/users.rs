//! Commands about users.

use http::Method;
use serde_json::{Map, Value, json};

use crate::arguments::{ListUsers, User, UserTemplate};
use crate::client::{Call, Client};
use crate::error::Error;
use crate::pattern::matches_any;
use crate::progress::Progress;
use crate::{api, listing, permissions};

const PERMISSIONS: &str = "permissions";

pub(crate) fn list(client: &mut Client, list: &ListUsers, json: bool) -> Result<(), Error> {
    let users = Call::new(Method::GET, api::users(&list.group)?);
    let mut names: Vec<String> = client.call(&users)?.json()?;
    names.sort();
    if !list.l {
        return super::print_names(names, |name| matches_any(&list.patterns, name), json);
    }
    let mut progress = Progress::new(names.len());
    let mut lines = String::new();
    let mut entries = Vec::new();
    for name in names {
        progress.step();
        if !matches_any(&list.patterns, &name)? {
            continue;
        }
        let entry = api::named_user(&list.group, &name)
            .and_then(|path| client.call(&Call::new(Method::GET, path))?.json::<Value>());
        // The others are listed all the same.
        let permissions = match &entry {
            Ok(entry) => listing::permissions(entry),
            Err(error) => format!("(ERROR={})", error.line()),
        };
        lines.push_str(&listing::user(&name, &permissions));
        entries.push(match entry {
            Ok(entry) => json!({ "username": name, PERMISSIONS: entry.get(PERMISSIONS) }),
            Err(error) => json!({ "username": name, "error": error.line() }),
        });
    }
    drop(progress);
    if json { super::print_json(&entries.into()) } else { super::print(&lines) }
}

pub(crate) fn create(client: &mut Client, template: &UserTemplate) -> Result<(), Error> {
    let path = api::user(&template.user)?;
    let mut entry = if template.json { super::template()? } else { Map::new() };
    if let Some(text) = &template.permissions {
        entry.insert(PERMISSIONS.to_owned(), permissions::of_user(text)?);
    }
    entry.entry(PERMISSIONS).or_insert_with(|| "present".into());
    let body = Value::Object(entry).to_string();
    client.call(&Call::new(Method::PUT, path).with_body(body).if_new()).map(drop)
}

pub(crate) fn update(client: &mut Client, template: &UserTemplate) -> Result<(), Error> {
    let path = api::user(&template.user)?;
    let changes = if template.json { super::template()? } else { Map::new() };
    let permissions = template.permissions.as_deref().map(permissions::of_user).transpose()?;
    super::change(client, &path, |entry| {
        for (key, value) in &changes {
            if value.is_null() {
                entry.remove(key);
            } else {
                entry.insert(key.clone(), value.clone());
            }
        }
        if let Some(permissions) = &permissions {
            entry.insert(PERMISSIONS.to_owned(), permissions.clone());
        }
        Ok(())
    })
}

pub(crate) fn delete(client: &mut Client, user: &User) -> Result<(), Error> {
    client.call(&Call::new(Method::DELETE, api::user(user)?)).map(drop)
}
