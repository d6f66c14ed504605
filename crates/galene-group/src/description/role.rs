//! Roles that a file names and nobody defined.

use std::collections::BTreeMap;

use galene_auth::{Role, Roles, UserEntry};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::DescriptionError;
use crate::suggestion::closest;

/// Checks that the role of an entry exists. `path` leads to the place in `text` that names it.
///
/// # Errors
///
/// [`DescriptionError`] with that place if it does not.
pub fn check_role(
    text: &str,
    path: &[&str],
    entry: &UserEntry,
    roles: &Roles,
) -> Result<(), DescriptionError> {
    let Some(name) = roles.missing(entry) else { return Ok(()) };
    let known: Vec<&str> = Role::NAMES.into_iter().chain(roles.names()).collect();
    let hint = match closest(name, &known) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => format!("there are {}", known.join(", ")),
    };
    let offset = offset_of(text, path).unwrap_or_default();
    let before = text.get(..offset).unwrap_or_default();
    let line_start = before.rfind('\n').map_or(0, |end| end + 1);
    Err(DescriptionError {
        line: before.matches('\n').count() + 1,
        column: offset - line_start + 1,
        key: path.join("."),
        message: format!("unknown role {name:?}; {hint}"),
    })
}

/// Returns where in `text` the value at a path begins.
fn offset_of(text: &str, path: &[&str]) -> Option<usize> {
    let mut json = serde_json::Deserializer::from_str(text);
    let mut value = <&RawValue>::deserialize(&mut json).ok()?;
    for key in path {
        let members: BTreeMap<String, &RawValue> = serde_json::from_str(value.get()).ok()?;
        value = members.get(*key)?;
    }
    // A raw value is a part of the text itself.
    (value.get().as_ptr() as usize).checked_sub(text.as_ptr() as usize)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use galene_auth::{AuthoriseRequest, Credentials, NoTokens, Outside};
    use galene_protocol::GroupName;

    use super::*;
    use crate::Description;

    fn roles() -> Arc<Roles> {
        let roles = serde_json::from_str(r#"{"moderator": ["op", "message"]}"#);
        Arc::new(roles.expect("new names"))
    }

    #[test]
    fn a_role_of_the_administrator_grants_what_is_listed_for_it() {
        let file = r#"{"allow-recording": true, "wildcard-user":
            {"password": {"type": "wildcard"}, "permissions": "moderator"}}"#;
        let description = Description::parse_with_roles(file, &roles()).expect("it is defined");
        let credentials = Credentials { username: Some("ann".into()), ..Credentials::default() };
        let group = GroupName::parse("g").expect("a name");
        let request =
            AuthoriseRequest::new(group, Arc::clone(&description.policy), None, credentials);
        let outside = Outside { now: std::time::UNIX_EPOCH, tokens: &NoTokens };
        let permissions = request.run(outside).expect("open to all").permissions;
        assert_eq!(permissions.iter().map(|p| p.as_str()).collect::<Vec<_>>(), ["op", "message"]);
    }

    #[test]
    fn a_role_that_nobody_defined_is_named_with_its_place() {
        let text = "{\n  \"users\": {\n    \"ann\": {\"permissions\": \"op\"},\n    \"b.c\": {\"permissions\": \"moderater\"}}}";
        let error = Description::parse_with_roles(text, &roles()).expect_err("misspelt");
        assert_eq!((error.line, error.column), (4, 28));
        assert_eq!(error.key, "users.b.c.permissions");
        assert_eq!(error.message, "unknown role \"moderater\"; did you mean `moderator`?");
        let text = r#"{"wildcard-user": {"permissions": "zzz"}} rubbish"#;
        let error = Description::parse(text).expect_err("unknown");
        assert_eq!((error.line, error.column), (1, 35));
        assert!(error.message.ends_with("there are op, present, message, observe, caption, admin"));
    }
}
