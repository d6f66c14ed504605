//! `data/config.json`: what concerns the whole site.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use galene_auth::{Roles, UserEntry};
use galene_group::check_role;
use serde::Deserialize;
use serde_json::Value;

use crate::{FileError, ToldProblem, Version, edit};

/// The largest file that is read. A hundred administrators and as many origins take a hundredth of it.
const MAX_FILE_BYTES: u64 = 1 << 20;

/// The JSON schema of the file, for editors that check and complete JSON.
pub const CONFIG_SCHEMA: &str = include_str!("config_schema.json");

/// The configuration of the whole site. All keys may be missing.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct Config {
    /// The administrators of the server, by their names. Of their permissions only `admin` has a
    /// meaning.
    pub users: BTreeMap<String, UserEntry>,
    /// The roles that groups may name besides those that always exist: each a list of permissions.
    pub roles: Roles,
    /// Whether groups may be changed through the administrative interface, and passwords by their
    /// users.
    pub writable_groups: bool,
    /// The host, with its port if it is not the usual one, to which requests for others are sent, and
    /// which tokens must be for.
    #[serde(deserialize_with = "said")]
    pub canonical_host: Option<String>,
    /// What a proxy in front of the server makes of its URLs, each part of which may be missing.
    #[serde(rename = "proxyURL", deserialize_with = "said")]
    pub proxy_url: Option<String>,
    /// The origins besides our own whose pages may connect.
    pub allow_origin: Vec<String>,
    /// The origins besides our own whose pages may administer.
    pub allow_admin_origin: Vec<String>,
    /// The reverse proxies that are believed about the addresses of clients: addresses, networks, or
    /// `unix` for whoever connects through a socket in the file system. Not one of Galène's keys.
    pub trusted_proxies: Vec<String>,
    /// Obsolete; has no effect.
    pub admin: Option<Value>,
}

/// Takes an empty text as none.
fn said<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(Option::<String>::deserialize(deserializer)?.filter(|text| !text.is_empty()))
}

impl Config {
    /// Reads a file. No file is the same as an empty one.
    ///
    /// # Errors
    ///
    /// [`FileError`]
    pub fn read(path: &Path) -> Result<Config, FileError> {
        Config::read_version(path).map(|(config, _)| config)
    }

    fn read_version(path: &Path) -> Result<(Config, Version), FileError> {
        let Some((text, version)) = edit::read(path, MAX_FILE_BYTES)? else {
            return Ok((Config::default(), Version::default()));
        };
        let broken = |error| FileError::broken(path, error);
        let config: Config = edit::parse(&text).map_err(broken)?;
        for (name, entry) in &config.users {
            check_role(&text, &["users", name, "permissions"], entry, &config.roles)
                .map_err(broken)?;
        }
        Ok((config, version))
    }

    /// Returns what an administrator should mend although it does no harm.
    pub fn warnings(&self) -> Vec<String> {
        let admin = self.admin.as_ref();
        admin
            .map(|_| "`admin` is obsolete and ignored; use `users`".to_owned())
            .into_iter()
            .collect()
    }
}

/// The file of the configuration.
#[derive(Debug)]
pub struct ConfigFile {
    path: PathBuf,
    /// As it was when it was looked at last.
    seen: Option<Version>,
    /// Why it could not be used then.
    problem: ToldProblem,
}

impl ConfigFile {
    /// Uses this file, which need not exist.
    pub fn new(path: PathBuf) -> ConfigFile {
        ConfigFile { path, seen: None, problem: ToldProblem::default() }
    }

    /// Returns the path of the file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reads the file if it has changed since the last call. No file is the same as an empty one; while
    /// the file is broken, whoever calls this goes on with what was returned last.
    ///
    /// # Errors
    ///
    /// [`FileError`], once for each version of the file; if it cannot be read, once.
    pub fn read_if_changed(&mut self) -> Result<Option<Config>, FileError> {
        let version = Version::of(&self.path);
        if self.seen == Some(version) {
            return Ok(None);
        }
        self.seen = Some(version);
        let (config, version) = match Config::read_version(&self.path) {
            Ok(read) => read,
            Err(problem) => {
                // What cannot be read is tried again each time, what is broken when it has changed.
                if matches!(problem, FileError::Unreadable { .. }) {
                    self.seen = None;
                }
                let is_news = self.problem.is_news(&problem);
                return if is_news || self.seen.is_some() { Err(problem) } else { Ok(None) };
            }
        };
        self.seen = Some(version);
        self.problem.clear();
        for warning in config.warnings() {
            tracing::warn!(file = %self.path.display(), "{warning}");
        }
        Ok(Some(config))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn the_schema_knows_the_keys_that_the_parser_knows() {
        let schema: Value = serde_json::from_str(CONFIG_SCHEMA).expect("JSON");
        let properties = schema["properties"].as_object().expect("an object");
        let error =
            serde_json::from_str::<Config>(r#"{"no such key": 1}"#).expect_err("it is none");
        let error = error.to_string();
        let keys: std::collections::BTreeSet<&str> = error.split('`').skip(3).step_by(2).collect();
        assert_eq!(properties.keys().map(String::as_str).collect::<Vec<_>>(), Vec::from_iter(keys));
    }

    #[test]
    fn roles_are_defined_here_and_an_administrator_may_have_one() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = directory.path().join("config.json");
        let read = |text: &str| {
            fs::write(&path, text).expect("writable");
            Config::read(&path).map_err(|error| error.to_string())
        };
        let config = read(
            r#"{"roles": {"moderator": ["op"]}, "users": {"a": {"permissions": "moderator"}}}"#,
        );
        assert!(config.expect("valid").roles.get("moderator").is_some());
        let error =
            read("{\n \"users\": {\"a\": {\"permissions\": \"amdin\"}}}").expect_err("misspelt");
        assert!(error.contains("config.json:2:33: key `users.a.permissions`"), "{error}");
        assert!(error.contains("did you mean `admin`?"), "{error}");
        let error = read(r#"{"roles": {"op": []}}"#).expect_err("it exists");
        assert!(error.contains("cannot be redefined"), "{error}");
    }

    #[test]
    fn surprise_77_the_file_is_read_when_it_appears_changes_or_goes() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = directory.path().join("config.json");
        let mut file = ConfigFile::new(path.clone());
        assert_eq!(file.read_if_changed().expect("no file"), Some(Config::default()));
        assert_eq!(file.read_if_changed().expect("no file"), None);

        let text = r#"{"proxyURL": "/base", "canonicalHost": "", "allowOrigin": ["https://b.org"],
            "users": {"root": {"permissions": "admin"}}, "writableGroups": true, "admin": []}"#;
        fs::write(&path, text).expect("writable");
        let config = file.read_if_changed().expect("valid").expect("it changed");
        assert_eq!(config.canonical_host, None);
        assert_eq!(config.proxy_url.as_deref(), Some("/base"));
        assert_eq!(config.allow_origin, ["https://b.org"]);
        assert!(config.writable_groups && config.users.contains_key("root"));
        assert_eq!(config.warnings().len(), 1);

        fs::write(&path, "{\n \"canonicalhost\": \"x\"}").expect("writable");
        let error = file.read_if_changed().expect_err("an unknown key").to_string();
        assert!(error.contains("config.json:2:"), "{error}");
        assert!(error.contains("did you mean `canonicalHost`?"), "{error}");
        assert_eq!(file.read_if_changed().expect("said once"), None);

        // Surprise 77: a configuration that was deleted is not in force any more.
        fs::remove_file(&path).expect("it is there");
        assert_eq!(file.read_if_changed().expect("no file"), Some(Config::default()));
    }
}
