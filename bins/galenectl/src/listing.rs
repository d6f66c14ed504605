//! Lists, byte for byte as Galène prints them.

use std::time::SystemTime;

use galene_protocol::Timestamp;
use serde_json::Value;

/// A line about a user: the name, and the role or the first letters of the permissions.
pub(crate) fn user(name: &str, permissions: &str) -> String {
    format!("{name:<12} {permissions}\n")
}

/// A role by its name, other permissions by their first letters.
pub(crate) fn permissions(entry: &Value) -> String {
    match entry.get("permissions") {
        Some(Value::String(role)) => role.clone(),
        Some(Value::Array(permissions)) => format!("[{}]", letters(permissions, None)),
        _ => "[]".to_owned(),
    }
}

/// A line about a token: its name, whom it is for, what it permits, and till when.
pub(crate) fn token(name: &str, token: &Value, now: SystemTime) -> String {
    let text = |key: &str| token.get(key).and_then(Value::as_str).unwrap_or_default();
    let includes = token.get("includeSubgroups") == Some(&Value::Bool(true));
    let permissions = token.get("permissions").and_then(Value::as_array);
    let letters = letters(permissions.map_or(&[][..], Vec::as_slice), includes.then_some('H'));
    let username = text("username");
    format!("{name:<11} {username:<20} {letters:<4} {:<20}\n", end(text("expires"), now))
}

/// When a token ends, in the words in which it is stored.
fn end(expires: &str, now: SystemTime) -> String {
    if expires.is_empty() {
        return "(no expiration date)".to_owned();
    }
    match Timestamp::parse(expires) {
        Ok(end) if SystemTime::from(end) < now => "(expired)".to_owned(),
        Ok(_) | Err(_) => expires.get(..19).unwrap_or(expires).replace(['T', 't'], " "),
    }
}

fn letters(permissions: &[Value], more: Option<char>) -> String {
    let first = |permission: &Value| permission.as_str().and_then(|name| name.chars().next());
    let letters = permissions.iter().map(|permission| first(permission).unwrap_or('?'));
    let mut letters: Vec<char> = letters.chain(more).collect();
    letters.sort_unstable();
    letters.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;

    use super::*;

    #[test]
    fn users_are_listed_with_roles_or_letters() {
        let line = |entry: Value| user("alice", &permissions(&entry));
        assert_eq!(line(json!({ "permissions": "op" })), "alice        op\n");
        let raw = json!({ "permissions": ["message", "present", "token"] });
        assert_eq!(line(raw), "alice        [mpt]\n");
        assert_eq!(line(json!({ "permissions": [] })), "alice        []\n");
        assert_eq!(line(json!({ "permissions": ["op", ""] })), "alice        [?o]\n");
        assert_eq!(line(json!({})), "alice        []\n");
        assert_eq!(user("a long long name", "op"), "a long long name op\n");
    }

    #[test]
    fn tokens_are_listed_in_columns() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        let line = |value: Value| token("abcdefghijk", &value, now);
        assert_eq!(
            line(
                json!({ "username": "ann", "permissions": ["present", "message"], "includeSubgroups": true,
                "expires": "2023-12-01T10:20:30.5+01:00" })
            ),
            "abcdefghijk ann                  Hmp  2023-12-01 10:20:30 \n"
        );
        assert_eq!(
            line(json!({ "permissions": null, "expires": "2023-01-01T00:00:00Z" })),
            "abcdefghijk                           (expired)           \n"
        );
        assert_eq!(
            line(json!({ "permissions": [] })),
            "abcdefghijk                           (no expiration date)\n"
        );
    }
}
