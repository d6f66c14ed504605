//! `data/config.json`: what concerns the whole site.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use galene_http::{ParseProxyUrlError, ParseTrustedProxyError, ProxyUrl, SiteSettings};
use serde::Deserialize;
use serde_json::Value;

use crate::stamp::Stamp;

/// The file, as it was when it was looked at last.
#[derive(Debug)]
pub(crate) struct ConfigFile {
    path: PathBuf,
    stamp: Option<Stamp>,
}

/// The keys, of which not all have a meaning yet.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
struct Config {
    writable_groups: bool,
    canonical_host: Option<String>,
    #[serde(rename = "proxyURL")]
    proxy_url: Option<String>,
    allow_origin: Vec<String>,
    /// Not one of Galène's keys.
    trusted_proxies: Vec<String>,
    // Accepted, so that a file of Galène's works; they belong to the administrative interface.
    #[serde(rename = "users")]
    _users: Option<Value>,
    #[serde(rename = "allowAdminOrigin")]
    _allow_admin_origin: Option<Value>,
    #[serde(rename = "admin")]
    _admin: Option<Value>,
}

impl ConfigFile {
    pub(crate) fn new(path: PathBuf) -> ConfigFile {
        ConfigFile { path, stamp: None }
    }

    /// Reads the file if it has changed. No file is the same as an empty one.
    pub(crate) fn read_if_changed(&mut self) -> Result<Option<SiteSettings>, ConfigError> {
        let stamp = Stamp::of(&self.path);
        if self.stamp == Some(stamp) {
            return Ok(None);
        }
        self.stamp = Some(stamp);
        if stamp.exists() { read(&self.path).map(Some) } else { Ok(Some(SiteSettings::default())) }
    }
}

fn read(path: &Path) -> Result<SiteSettings, ConfigError> {
    let text = fs::read_to_string(path)
        .map_err(|source| ConfigError::Unreadable { path: path.to_owned(), source })?;
    let broken = |line, column, message| ConfigError::Broken {
        path: path.to_owned(),
        line,
        column,
        message,
    };
    let config: Config = serde_json::from_str(&text).map_err(|error| {
        let message = error.to_string();
        let place = format!(" at line {} column {}", error.line(), error.column());
        let message = message.strip_suffix(&place).unwrap_or(&message).to_owned();
        broken(error.line(), error.column(), message)
    })?;
    let said = |text: Option<String>| text.filter(|text| !text.is_empty());
    let proxy: Option<Result<ProxyUrl, ParseProxyUrlError>> =
        said(config.proxy_url).map(|text| text.parse());
    let trusted_proxies: Result<_, _> =
        config.trusted_proxies.iter().map(|proxy| proxy.parse()).collect();
    Ok(SiteSettings {
        allow_origin: config.allow_origin,
        canonical_host: said(config.canonical_host),
        proxy: proxy.transpose().map_err(|error| broken(1, 1, format!("proxyURL: {error}")))?,
        trusted_proxies: trusted_proxies.map_err(|error: ParseTrustedProxyError| {
            broken(1, 1, format!("trustedProxies: {error}"))
        })?,
        writable_groups: config.writable_groups,
    })
}

/// Why the configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigError {
    /// It is not what it should be.
    #[error("{}:{line}:{column}: {message}", path.display())]
    Broken { path: PathBuf, line: usize, column: usize, message: String },
    /// It cannot be read.
    #[error("cannot read {}", path.display())]
    Unreadable { path: PathBuf, source: io::Error },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_is_read_when_it_appears_changes_or_goes() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = directory.path().join("config.json");
        let mut file = ConfigFile::new(path.clone());
        assert_eq!(file.read_if_changed().expect("no file"), Some(SiteSettings::default()));
        assert_eq!(file.read_if_changed().expect("no file"), None);

        let text = r#"{"proxyURL": "/base", "canonicalHost": "a.org", "allowOrigin": ["https://b.org"],
            "users": {"root": {"permissions": "admin"}}, "writableGroups": true}"#;
        fs::write(&path, text).expect("writable");
        let settings = file.read_if_changed().expect("valid").expect("it changed");
        assert_eq!(settings.canonical_host.as_deref(), Some("a.org"));
        assert_eq!(settings.proxy, Some("/base".parse().expect("valid")));
        assert_eq!(settings.allow_origin, ["https://b.org"]);
        assert!(settings.writable_groups);

        fs::write(&path, "{\n \"canonicalhost\": \"x\"}").expect("writable");
        let error = file.read_if_changed().expect_err("an unknown key").to_string();
        assert!(error.contains("config.json:2:"), "{error}");
        assert!(error.contains("unknown field `canonicalhost`"), "{error}");
        assert_eq!(file.read_if_changed().expect("said once"), None);

        fs::remove_file(&path).expect("it is there");
        assert_eq!(file.read_if_changed().expect("no file"), Some(SiteSettings::default()));
    }
}
