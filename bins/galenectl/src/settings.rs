//! Which server, and who we are there: from the command line, else from a file.

use std::env;
use std::path::{Path, PathBuf};

use galene_protocol::Secret;
use galene_store::read_json;
use serde::Deserialize;

use crate::arguments::Arguments;
use crate::error::Error;

/// The server if none is named.
const DEFAULT_SERVER: &str = "https://localhost:8443";
/// The largest file that is read. It has four members.
const MAX_FILE_BYTES: u64 = 64 << 10;

/// Which server, and who we are there.
#[derive(Debug, Default)]
pub(crate) struct Settings {
    pub(crate) server: String,
    pub(crate) insecure: bool,
    pub(crate) admin_username: Option<String>,
    pub(crate) admin_password: Option<Secret>,
    pub(crate) admin_token: Option<Secret>,
    /// The file.
    pub(crate) path: PathBuf,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
struct File {
    server: Option<String>,
    admin_username: Option<String>,
    admin_password: Option<Secret>,
    admin_token: Option<Secret>,
}

impl Settings {
    /// Takes what the command line says, and the rest from the file, which need not exist.
    pub(crate) fn new(arguments: &Arguments) -> Result<Settings, Error> {
        let path = match &arguments.config {
            Some(path) => path.clone(),
            None => default_path()?,
        };
        let file: File = read_json(&path, MAX_FILE_BYTES)?.unwrap_or_default();
        let said = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
        let secret = |said: Option<String>, filed: Option<Secret>| {
            said.map(Secret::from).or(filed.filter(|secret| !secret.is_empty()))
        };
        let server = said(&arguments.server).or(said(&file.server));
        Ok(Settings {
            server: server.unwrap_or_else(|| DEFAULT_SERVER.to_owned()),
            insecure: arguments.insecure,
            admin_username: said(&arguments.admin_username).or(said(&file.admin_username)),
            admin_password: secret(said(&arguments.admin_password), file.admin_password),
            admin_token: secret(said(&arguments.admin_token), file.admin_token),
            path,
        })
    }
}

fn default_path() -> Result<PathBuf, Error> {
    let directory = if cfg!(windows) {
        variable("AppData")
    } else if cfg!(target_os = "macos") {
        variable("HOME").map(|home| home.join("Library/Application Support"))
    } else {
        variable("XDG_CONFIG_HOME").or_else(|| variable("HOME").map(|home| home.join(".config")))
    };
    let directory = directory.ok_or_else(|| {
        Error::Usage(
            "there is no home directory for a configuration; name one by -config".to_owned(),
        )
    })?;
    Ok(directory.join(Path::new("galene/galenectl.json")))
}

fn variable(name: &str) -> Option<PathBuf> {
    env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from)
}
