//! What group files looked like in former times, rewritten in today's words.

use galene_auth::Role;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::json::{Object, raw};

/// Lists of users, and the role that each stood for, in the order in which they are read.
const LISTS: [(&str, Role); 3] =
    [("op", Role::Op), ("presenter", Role::Present), ("other", Role::Message)];
const SUBGROUPS: &str = "allow-subgroups";
const ANONYMOUS: &str = "allow-anonymous";

#[derive(Deserialize)]
struct Pattern {
    username: Option<String>,
    password: Option<Box<RawValue>>,
}

/// Returns whether a key is understood only because files of former times have it.
pub(crate) fn is_obsolete(key: &str) -> bool {
    key == SUBGROUPS || key == ANONYMOUS || LISTS.iter().any(|(list, _)| *list == key)
}

/// Puts what obsolete keys say under today's, as `galene_group` reads them: entries that there are
/// already win, a pattern without a name is for everybody, one without a password is open.
pub(crate) fn modernise(group: &mut Object) -> serde_json::Result<()> {
    if !group.keys().any(is_obsolete) {
        return Ok(());
    }
    let mut users = group.object("users")?;
    for (list, role) in LISTS {
        let Some(patterns) = group.get(list) else { continue };
        let patterns: Vec<Pattern> = serde_json::from_str(patterns.get())?;
        for pattern in patterns {
            let mut entry = Object::default();
            let open = || raw(&serde_json::json!({ "type": "wildcard" }));
            entry.set("password", pattern.password.unwrap_or_else(open));
            entry.set("permissions", raw(&role));
            match pattern.username.filter(|name| !name.is_empty()) {
                Some(name) if users.get(&name).is_none() => users.set(&name, entry.to_raw()),
                None if group.get("wildcard-user").is_none() => {
                    group.set("wildcard-user", entry.to_raw());
                }
                Some(_) | None => {}
            }
        }
    }
    if !users.is_empty() {
        group.set("users", users.to_raw());
    }
    if group.get(SUBGROUPS).is_some_and(|allowed| allowed.get() == "true") {
        group.set("auto-subgroups", raw(&true));
    }
    group.retain(|key| !is_obsolete(key));
    Ok(())
}

#[cfg(test)]
mod tests {
    use galene_group::Description;

    use super::*;

    #[test]
    fn a_modernised_group_means_what_it_meant() {
        for text in [
            r#"{"op": [{"username": "a", "password": "x"}, {"username": "a"}], "presenter": [{}]}"#,
            r#"{"other": [{"username": "", "password": {"type": "wildcard"}}, {"username": "b"}]}"#,
            r#"{"users": {"a": {"password": "new", "permissions": []}}, "op": [{"username": "a"}]}"#,
            r#"{"wildcard-user": {}, "presenter": [{}], "allow-subgroups": true}"#,
            r#"{"allow-subgroups": false, "auto-subgroups": true, "allow-anonymous": true, "op": null}"#,
            r#"{"public": true}"#,
        ] {
            let mut group = Object::parse(text).expect("an object");
            modernise(&mut group).expect("well-formed");
            assert!(!group.keys().any(is_obsolete));
            let before = Description::parse(text).expect("valid");
            let after = Description::parse(&group.pretty()).expect("valid");
            assert!(after.warnings.is_empty(), "{:?}", after.warnings);
            assert_eq!(Description { warnings: vec![], ..before }, after, "{text}");
        }
    }
}
