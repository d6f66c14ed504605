//! `data/ice-servers.json`: the STUN and TURN servers that clients are told to use.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_lc_rs::hmac;
use data_encoding::BASE64;
use galene_protocol::{CredentialType, IceServer, RtcConfiguration, Secret};
use serde::Deserialize;
use serde_json::Value;

use galene_store::{ToldProblem, Version};

/// How long credentials that are made for a TURN server are valid.
const CREDENTIAL_LIFETIME: Duration = Duration::from_secs(86_400);
/// How often they are made anew, so that those who join get some that will last.
const REFRESH_INTERVAL: Duration = Duration::from_secs(3600);

/// The file, as it was when it was looked at last.
#[derive(Debug)]
pub(crate) struct IceServersFile {
    path: PathBuf,
    stamp: Option<Version>,
    servers: Vec<Server>,
    made: Option<SystemTime>,
    /// Why the file as it is cannot be used, as the log was told.
    problem: ToldProblem,
}

/// A server as the file states it.
#[derive(Debug)]
struct Server {
    urls: Vec<String>,
    username: Option<String>,
    credential: Option<Credential>,
}

/// What clients authenticate with.
#[derive(Debug)]
enum Credential {
    Fixed(Secret, CredentialType),
    /// Derived from this secret and the time (draft-uberti-behave-turn-rest-00).
    Derived(Secret),
}

/// An entry of the file. Other keys are passed over.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    urls: Vec<String>,
    username: Option<String>,
    credential: Option<Secret>,
    credential_type: Option<String>,
}

impl IceServersFile {
    pub(crate) fn new(path: PathBuf) -> IceServersFile {
        IceServersFile {
            path,
            stamp: None,
            servers: Vec::new(),
            made: None,
            problem: ToldProblem::default(),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns what clients are to be told, if that has changed: the file did, or credentials have to
    /// be made anew. While the file cannot be used, which the log is told, what was good in it last counts.
    pub(crate) fn poll(&mut self, now: SystemTime) -> Option<RtcConfiguration> {
        let stamp = Version::of(&self.path);
        let has_changed = self.stamp != Some(stamp);
        if has_changed {
            self.stamp = Some(stamp);
            if stamp.exists() {
                self.read();
            } else {
                self.servers.clear();
            }
        }
        if !has_changed && !self.is_due(now) {
            return None;
        }
        self.made = Some(now);
        let ice_servers = self.servers.iter().map(|server| server.at(now)).collect();
        Some(RtcConfiguration { ice_servers, ice_transport_policy: None })
    }

    /// Whether credentials have to be made anew.
    fn is_due(&self, now: SystemTime) -> bool {
        let age = self.made.and_then(|made| now.duration_since(made).ok());
        let is_derived =
            |server: &Server| matches!(server.credential, Some(Credential::Derived(_)));
        age.is_none_or(|age| age >= REFRESH_INTERVAL) && self.servers.iter().any(is_derived)
    }

    fn read(&mut self) {
        match read(&self.path) {
            Ok((servers, problems)) => {
                problems.into_iter().for_each(|problem| tracing::error!("{problem}"));
                self.servers = servers;
                self.problem.clear();
            }
            Err(error) => {
                if matches!(error, IceServersError::Unreadable { .. }) {
                    // That may be over without a change.
                    self.stamp = None;
                }
                if self.problem.is_news(&error) {
                    let error = &error as &dyn std::error::Error;
                    tracing::error!(error, "the ICE servers cannot be read; those before stay");
                }
            }
        }
    }
}

/// Returns what is wrong with the file, if there is one.
pub(crate) fn problems(path: &Path) -> Vec<String> {
    if !Version::of(path).exists() {
        return Vec::new();
    }
    match read(path) {
        Ok((_, problems)) => problems,
        Err(error) => {
            let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}"));
            vec![format!("{error}{}", cause.unwrap_or_default())]
        }
    }
}

impl Server {
    fn at(&self, now: SystemTime) -> IceServer {
        let urls = self.urls.clone();
        match &self.credential {
            None => IceServer { urls, username: self.username.clone(), ..IceServer::default() },
            Some(Credential::Fixed(credential, credential_type)) => IceServer {
                urls,
                username: self.username.clone(),
                credential: Some(credential.clone()),
                credential_type: *credential_type,
            },
            Some(Credential::Derived(secret)) => {
                let expires =
                    now.duration_since(UNIX_EPOCH).unwrap_or_default() + CREDENTIAL_LIFETIME;
                let username = match self.username.as_deref() {
                    None | Some("") => expires.as_secs().to_string(),
                    Some(name) => format!("{}:{name}", expires.as_secs()),
                };
                let key =
                    hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, secret.expose().as_bytes());
                let credential = BASE64.encode(hmac::sign(&key, username.as_bytes()).as_ref());
                IceServer {
                    urls,
                    username: Some(username),
                    credential: Some(Secret::from(credential)),
                    credential_type: CredentialType::Password,
                }
            }
        }
    }
}

fn check(entry: Value) -> Result<Server, &'static str> {
    let Ok(Entry { urls, username, credential, credential_type }) = serde_json::from_value(entry)
    else {
        // What serde says could quote a secret.
        return Err("expected an object with an array `urls` and texts");
    };
    if urls.is_empty() {
        return Err("`urls` is empty");
    }
    let scheme = |url: &String| url.split_once(':').map(|(scheme, _)| scheme.to_ascii_lowercase());
    let is_known =
        |url| scheme(url).is_some_and(|s| ["stun", "stuns", "turn", "turns"].contains(&s.as_str()));
    if !urls.iter().all(is_known) {
        return Err("an URL is none of stun:, stuns:, turn: and turns:");
    }
    let credential = match (credential_type.as_deref(), credential) {
        (None | Some("password"), credential) => {
            credential.map(|secret| Credential::Fixed(secret, CredentialType::Password))
        }
        (Some("oauth"), credential) => {
            credential.map(|secret| Credential::Fixed(secret, CredentialType::Oauth))
        }
        (Some("hmac-sha1"), Some(secret)) => Some(Credential::Derived(secret)),
        (Some("hmac-sha1"), None) => return Err("`hmac-sha1` needs a `credential`"),
        (Some(_), _) => return Err("unknown `credentialType`"),
    };
    let needs_credential = |url| scheme(url).is_some_and(|scheme| scheme.starts_with("turn"));
    let has_name = username.is_some() || matches!(credential, Some(Credential::Derived(_)));
    if urls.iter().any(needs_credential) && !(has_name && credential.is_some()) {
        return Err("a TURN server needs `username` and `credential`");
    }
    Ok(Server { urls, username, credential })
}

/// Reads the file and says what is wrong with single entries. A bad one makes the connections of browsers
/// fail, so it is left out.
fn read(path: &Path) -> Result<(Vec<Server>, Vec<String>), IceServersError> {
    let text = fs::read_to_string(path)
        .map_err(|source| IceServersError::Unreadable { path: path.to_owned(), source })?;
    let entries: Vec<Value> =
        serde_json::from_str(&text).map_err(|error| IceServersError::Broken {
            path: path.to_owned(),
            line: error.line(),
            column: error.column(),
        })?;
    let (mut servers, mut problems) = (Vec::new(), Vec::new());
    for (index, entry) in entries.into_iter().enumerate() {
        match check(entry) {
            Ok(server) => servers.push(server),
            Err(reason) => {
                let (path, number) = (path.display(), index + 1);
                problems.push(format!("{path}: entry {number} is left out: {reason}"));
            }
        }
    }
    Ok((servers, problems))
}

/// Why the file cannot be used.
#[derive(Debug, thiserror::Error)]
enum IceServersError {
    /// It is not what it should be.
    #[error("{}:{line}:{column}: not an array in JSON", path.display())]
    Broken { path: PathBuf, line: usize, column: usize },
    /// It cannot be read.
    #[error("cannot read {}", path.display())]
    Unreadable { path: PathBuf, source: io::Error },
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(seconds)
    }

    fn file(text: &str) -> (tempfile::TempDir, IceServersFile) {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = directory.path().join("ice-servers.json");
        fs::write(&path, text).expect("writable");
        (directory, IceServersFile::new(path))
    }

    #[test]
    fn servers_are_passed_on_when_the_file_changes() {
        let text = r#"[{"urls": ["stun:a:1"]}, {"urls": ["turn:b"], "username": "u", "credential": "c", "x": 1}]"#;
        let (directory, mut file) = file(text);
        let servers = file.poll(at(0)).expect("it is new").ice_servers;
        assert_eq!(servers[0].urls, ["stun:a:1"]);
        assert_eq!(servers[1].username.as_deref(), Some("u"));
        assert_eq!(servers[1].credential, Some(Secret::from("c")));
        assert_eq!(file.poll(at(100_000)), None, "nothing expires");
        let path = directory.path().join("ice-servers.json");
        fs::write(path, "[{]").expect("writable");
        let still = file.poll(at(100_000)).expect("it has changed").ice_servers;
        assert_eq!(still, servers, "a slip of the pen takes nothing from anybody");
        fs::remove_file(directory.path().join("ice-servers.json")).expect("it is there");
        assert_eq!(file.poll(at(100_000)), Some(RtcConfiguration::default()));
    }

    #[test]
    fn derived_credentials_are_made_anew_in_time() {
        let text = r#"[{"urls": ["turn:b"], "username": "joe", "credential": "secret", "credentialType": "hmac-sha1"}]"#;
        let (_directory, mut file) = file(text);
        let first = file.poll(at(0)).expect("it is new").ice_servers.remove(0);
        assert_eq!(first.username.as_deref(), Some("86400:joe"));
        // printf 86400:joe | openssl dgst -sha1 -hmac secret -binary | base64
        assert_eq!(first.credential, Some(Secret::from("3mekwUCqRsgdThpm1lhGidaz51E=")));
        assert_eq!(file.poll(at(3599)), None);
        let second = file.poll(at(3600)).expect("it is time").ice_servers.remove(0);
        assert_eq!(second.username.as_deref(), Some("90000:joe"));
        assert_ne!(second.credential, first.credential);
    }

    #[test]
    fn entries_that_would_break_browsers_are_left_out() {
        let text = r#"[{"urls": ["turn:b"]}, {"urls": "stun:a"}, {"urls": []}, {"urls": ["http://a"]}, 7,
            {"urls": ["turn:b"], "username": "u", "credential": "c", "credentialType": "magic"},
            {"urls": ["turn:b"], "credentialType": "hmac-sha1"}, {"urls": ["stun:good"]}]"#;
        let (_directory, mut file) = file(text);
        let servers = file.poll(at(0)).expect("it is new").ice_servers;
        assert_eq!(servers.len(), 1);
        assert_eq!(servers[0].urls, ["stun:good"]);
        let (_directory, mut file) = self::file("{");
        assert_eq!(file.poll(at(0)), Some(RtcConfiguration::default()));
    }
}
