//! Where things are in the administrative interface.

use galene_protocol::GroupName;

use crate::arguments::{Group, TokenGroup, User};
use crate::error::Error;

const ROOT: &str = "/galene-api/v0/.groups/";

/// The path of all groups.
pub(crate) fn groups() -> String {
    ROOT.to_owned()
}

/// The path of a group.
pub(crate) fn group(group: &Group) -> Result<String, Error> {
    if group.group.is_empty() {
        return Err(Error::Usage("-group is missing".to_owned()));
    }
    path_of(&group.group)
}

fn path_of(group: &str) -> Result<String, Error> {
    let name =
        GroupName::parse(group).map_err(|error| Error::Usage(format!("{group:?}: {error}")))?;
    Ok(format!("{ROOT}{}", encode(name.as_str())))
}

/// The path of all users of a group.
pub(crate) fn users(of: &Group) -> Result<String, Error> {
    Ok(format!("{}/.users/", group(of)?))
}

/// The path of a user, or of the entry for everybody else.
pub(crate) fn user(user: &User) -> Result<String, Error> {
    let name = user.user.as_deref().filter(|name| !name.is_empty());
    match (name, user.wildcard) {
        (Some(_), true) => Err(Error::Usage("-user and -wildcard exclude each other".to_owned())),
        (None, false) => Err(Error::Usage("-user or -wildcard is missing".to_owned())),
        (None, true) => Ok(format!("{}/.wildcard-user", group(&user.group)?)),
        (Some(name), false) => named_user(&user.group, name),
    }
}

/// The path of a user of this name, which may be empty.
pub(crate) fn named_user(of: &Group, name: &str) -> Result<String, Error> {
    let group = group(of)?;
    if name.is_empty() {
        return Ok(format!("{group}/.empty-user"));
    }
    if name.split('/').any(|segment| segment.is_empty() || segment.starts_with('.')) {
        return Err(Error::Usage(format!("the user {name:?} cannot be named in a URL")));
    }
    Ok(format!("{group}/.users/{}", encode(name)))
}

/// The path of a user's password.
pub(crate) fn password(of: &User) -> Result<String, Error> {
    Ok(format!("{}/.password", user(of)?))
}

/// The path of all tokens of a group, or of the whole server.
pub(crate) fn tokens(group: &TokenGroup) -> Result<String, Error> {
    match group.group.as_str() {
        "" => Ok(format!("{ROOT}.tokens/")),
        name => Ok(format!("{}/.tokens/", path_of(name)?)),
    }
}

/// The path of a token.
pub(crate) fn token(group: &TokenGroup, token: &str) -> Result<String, Error> {
    if token.is_empty() || token.contains('/') || token.starts_with('.') {
        return Err(Error::Usage("-token is not the name of a token".to_owned()));
    }
    Ok(format!("{}{}", tokens(group)?, encode(token)))
}

/// Escapes what may not stand in a path (RFC 3986 §3.3), and slashes not.
fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                encoded.push(char::from(byte));
            }
            byte => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_escaped_and_name_one_thing() {
        let group = |name: &str| Group { group: name.to_owned() };
        assert_eq!(
            super::group(&group("a b/é")).expect("valid"),
            "/galene-api/v0/.groups/a%20b/%C3%A9"
        );
        for name in ["", "..", "a/../b", "/a", "a/", "a//b", ".users"] {
            assert!(super::group(&group(name)).is_err(), "{name}");
        }
        let user = |name: Option<&str>, wildcard| User {
            group: group("g"),
            user: name.map(str::to_owned),
            wildcard,
        };
        let path = |of| super::user(&of).expect("valid");
        assert_eq!(path(user(Some("a?b/c"), false)), "/galene-api/v0/.groups/g/.users/a%3Fb/c");
        assert_eq!(path(user(None, true)), "/galene-api/v0/.groups/g/.wildcard-user");
        assert_eq!(path(user(Some(""), true)), "/galene-api/v0/.groups/g/.wildcard-user");
        for of in [user(None, false), user(Some(""), false), user(Some("a"), true)] {
            assert!(super::user(&of).is_err());
        }
        for name in ["..", "a/.b", "a//b", "/a"] {
            assert!(super::user(&user(Some(name), false)).is_err(), "{name}");
        }
        let tokens = |name: &str| super::tokens(&TokenGroup { group: name.to_owned() });
        assert_eq!(tokens("").expect("valid"), "/galene-api/v0/.groups/.tokens/");
        assert_eq!(tokens("g").expect("valid"), "/galene-api/v0/.groups/g/.tokens/");
        assert!(super::token(&TokenGroup { group: String::new() }, "../x").is_err());
    }
}
