//! Permissions on the command line: a role, or a JSON array.

use galene_auth::{Policy, Role};
use serde_json::Value;

use crate::error::Error;

/// Reads permissions for a user: the server judges the role.
pub(crate) fn of_user(text: &str) -> Result<Value, Error> {
    match text.trim() {
        "" => Err(Error::Usage("no permissions were given".to_owned())),
        array if array.starts_with('[') => {
            let permissions: Vec<String> = serde_json::from_str(array).map_err(|error| {
                Error::Usage(format!("-permissions is not a JSON array of strings: {error}"))
            })?;
            Ok(permissions.into())
        }
        role => Ok(role.into()),
    }
}

/// Reads permissions for a token, which has no roles: what a role stands for is put in its place.
pub(crate) fn of_token(text: &str) -> Result<Value, Error> {
    let permissions = of_user(text)?;
    let Value::String(role) = permissions else { return Ok(permissions) };
    let role = Role::try_from(role).map_err(|error| Error::Usage(error.to_string()))?;
    let permissions = role.permissions(&Policy::default());
    Ok(permissions.iter().map(|permission| permission.as_str().to_owned()).collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_token_has_the_permissions_of_a_role_and_a_user_the_role() {
        assert_eq!(of_user(" op ").expect("a role"), json!("op"));
        assert_eq!(of_user("boss").expect("for the server to judge"), json!("boss"));
        assert_eq!(of_user(" [\"a\"]").expect("an array"), json!(["a"]));
        let op = json!(["op", "present", "message", "caption", "token"]);
        assert_eq!(of_token("op").expect("a role"), op);
        assert_eq!(of_token("[\"boss\"]").expect("an array"), json!(["boss"]));
        assert_eq!(of_token("observe").expect("a role"), json!([]));
        for text in ["", " ", "[", "[1]"] {
            assert!(of_user(text).is_err() && of_token(text).is_err(), "{text}");
        }
        assert!(of_token("boss").is_err());
    }
}
