//! Commands about groups.

use http::Method;
use serde_json::{Map, Value};

use crate::api;
use crate::arguments::{Group, GroupTemplate};
use crate::client::{Call, Client};
use crate::error::Error;
use crate::pattern::matches_any;

pub(crate) fn list(client: &mut Client, patterns: &[String], json: bool) -> Result<(), Error> {
    let mut names: Vec<String> = client.call(&Call::new(Method::GET, api::groups()))?.json()?;
    names.sort();
    super::print_names(names, |name| matches_any(patterns, name), json)
}

pub(crate) fn show(client: &mut Client, group: &Group) -> Result<(), Error> {
    let definition: Value = client.call(&Call::new(Method::GET, api::group(group)?))?.json()?;
    super::print_json(&definition)
}

pub(crate) fn create(client: &mut Client, template: &GroupTemplate) -> Result<(), Error> {
    let path = api::group(&template.group)?;
    let mut definition = if template.json { super::template()? } else { Map::new() };
    set_flags(&mut definition, template);
    let body = Value::Object(definition).to_string();
    client.call(&Call::new(Method::PUT, path).with_body(body).if_new()).map(drop)
}

pub(crate) fn update(client: &mut Client, template: &GroupTemplate) -> Result<(), Error> {
    let path = api::group(&template.group)?;
    let changes = if template.json { super::template()? } else { Map::new() };
    super::change(client, &path, |definition| {
        for (key, value) in &changes {
            if value.is_null() {
                definition.remove(key);
            } else {
                definition.insert(key.clone(), value.clone());
            }
        }
        set_flags(definition, template);
        Ok(())
    })
}

pub(crate) fn delete(client: &mut Client, group: &Group) -> Result<(), Error> {
    client.call(&Call::new(Method::DELETE, api::group(group)?)).map(drop)
}

fn set_flags(definition: &mut Map<String, Value>, template: &GroupTemplate) {
    for (key, value) in [
        ("unrestricted-tokens", template.unrestricted_tokens),
        ("auto-subgroups", template.auto_subgroups),
    ] {
        if let Some(value) = value {
            definition.insert(key.to_owned(), value.into());
        }
    }
}
