//! The group that is there when the server is started for the first time.

use std::fs;
use std::io;
use std::path::Path;

use rustls::crypto::{CryptoProvider, GetRandomFailed};

use galene_store::{Readers, write_file};

/// The group's name.
pub(crate) const GROUP: &str = "meeting";
/// The name of its operator.
pub(crate) const OPERATOR: &str = "op";
/// What a password is made of: letters and digits that cannot be taken for one another. There are 32,
/// so that each stands for five bits.
const ALPHABET: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
/// How long it is: 80 bits.
const LENGTH: usize = 16;

/// Makes the directory of groups with one group in it, if there is none. Returns the password of the
/// group's operator if it was made.
///
/// The password stands in the file as it is, so that it can be looked up, and nobody else may read it.
pub(crate) fn make_group(
    directory: &Path,
    provider: &CryptoProvider,
) -> Result<Option<String>, FirstStartError> {
    if directory.try_exists()? {
        return Ok(None);
    }
    let password = random_password(provider)?;
    let definition = serde_json::json!({
        "displayName": "Meeting",
        "comment": "Made at the first start. Anybody may join under any name; the operator's password is below.",
        "public": true,
        "users": { OPERATOR: { "password": password, "permissions": "op" } },
        "wildcard-user": { "password": { "type": "wildcard" }, "permissions": "present" },
    });
    let mut text = format!("{definition:#}");
    text.push('\n');
    fs::create_dir_all(directory)?;
    write_file(&directory.join(format!("{GROUP}.json")), text.as_bytes(), Readers::Owner)?;
    Ok(Some(password))
}

fn random_password(provider: &CryptoProvider) -> Result<String, GetRandomFailed> {
    let mut bytes = [0; LENGTH];
    provider.secure_random.fill(&mut bytes)?;
    Ok(bytes.iter().map(|byte| char::from(ALPHABET[usize::from(byte % 32)])).collect())
}

/// Why the first group cannot be made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FirstStartError {
    /// The directory or the file cannot be written.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// The operating system gives no random bytes.
    #[error("no random bytes")]
    Random,
}

impl From<GetRandomFailed> for FirstStartError {
    fn from(_: GetRandomFailed) -> FirstStartError {
        FirstStartError::Random
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use galene_auth::{AuthoriseRequest, Credentials, NoTokens, Outside};
    use galene_group::Description;
    use galene_protocol::{GroupName, Permission, Secret};

    use super::*;

    #[test]
    fn the_operator_has_a_password_and_everybody_else_needs_none() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let groups = directory.path().join("groups");
        let provider = rustls::crypto::aws_lc_rs::default_provider();
        let password =
            make_group(&groups, &provider).expect("writable").expect("it is the first start");
        assert_eq!(password.len(), LENGTH);

        let text = fs::read_to_string(groups.join("meeting.json")).expect("readable");
        let description = Description::parse(&text).expect("it is valid");
        let may = |name: &str, password: &str, permission| {
            let credentials = Credentials {
                username: Some(name.to_owned()),
                password: Secret::from(password),
                token: None,
            };
            let group = GroupName::parse(GROUP).expect("a valid name");
            let policy = description.policy.clone();
            let request = AuthoriseRequest::new(group, policy, None, credentials);
            let outside = Outside { now: SystemTime::UNIX_EPOCH, tokens: &NoTokens };
            let grant = request.run(outside);
            grant.is_ok_and(|grant| grant.permissions.contains(&permission))
        };
        assert!(may(OPERATOR, &password, Permission::Op));
        assert!(!may(OPERATOR, "", Permission::Present));
        assert!(may("anybody", "", Permission::Present));
        assert!(!may("anybody", "", Permission::Op));

        assert_eq!(make_group(&groups, &provider).expect("nothing to do"), None);
    }
}
