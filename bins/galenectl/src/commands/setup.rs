//! The first configuration of a server, and of this program.

use std::fs;
use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf, absolute};

use serde_json::{Map, Value, json};

use super::passwords::bcrypt;
use super::pretty;
use crate::error::Error;
use crate::prompt;
use crate::settings::Settings;

/// The cost of the administrator's password: a quarter of a second for each guess.
const COST: u32 = 12;

/// Writes both files, neither of which may exist.
pub(crate) fn write(config: &Path, mut settings: Settings, as_json: bool) -> Result<(), Error> {
    let admin = settings.admin_username.clone().ok_or_else(|| {
        Error::Usage("-admin-username is missing; it must stand before the command".to_owned())
    })?;
    if settings.admin_password.is_none() && settings.admin_token.is_none() {
        let password = prompt::password(&format!("New password of {admin}"));
        settings.admin_password = Some(password.map_err(Error::Prompt)?);
    }

    let mut server = json!({ "writableGroups": true });
    let mut client = Map::new();
    client.insert("server".to_owned(), settings.server.clone().into());
    client.insert("admin-username".to_owned(), admin.clone().into());
    if let Some(password) = &settings.admin_password {
        let hash = serde_json::to_value(bcrypt(password, COST)?);
        let hash = hash.map_err(|error| Error::Answer(error.to_string()))?;
        server["users"] = json!({ admin: { "password": hash, "permissions": "admin" } });
        client.insert("admin-password".to_owned(), password.expose().into());
    }
    if let Some(token) = &settings.admin_token {
        client.insert("admin-token".to_owned(), token.expose().into());
    }

    if let Some(directory) = settings.path.parent() {
        galene_store::make_directory(directory)
            .map_err(|source| Error::Write { path: directory.to_owned(), source })?;
    }
    create(config, &pretty(&server))?;
    if let Err(error) = create(&settings.path, &pretty(&Value::Object(client))) {
        // One without the other would be of no use, and in the way next time.
        let _left = fs::remove_file(config);
        return Err(error);
    }
    tell(config, &settings.path, settings.admin_password.is_some(), as_json)
}

/// Writes a file that nobody else can read, if there is none.
fn create(path: &Path, text: &str) -> Result<(), Error> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path).map_err(|source| {
        if source.kind() == ErrorKind::AlreadyExists {
            Error::FileExists(path.to_owned())
        } else {
            Error::Write { path: path.to_owned(), source }
        }
    })?;
    let written = file.write_all(text.as_bytes()).and_then(|()| file.sync_all());
    written.map_err(|source| {
        let _left = fs::remove_file(path);
        Error::Write { path: path.to_owned(), source }
    })
}

fn tell(config: &Path, own: &Path, has_password: bool, as_json: bool) -> Result<(), Error> {
    let full = |path: &Path| absolute(path).unwrap_or_else(|_| PathBuf::from(path));
    let (config, own) = (full(config), full(own));
    if as_json {
        return super::print_json(&json!({ "server": config, "galenectl": own }));
    }
    let (config, own) = (config.display(), own.display());
    let mut text = format!(
        "The server's configuration is in {config}\n\
         Copy it to the server's data directory (data/config.json).\n\
         The configuration of galenectl is in {own}\n"
    );
    if has_password {
        text.push_str("It contains the administrator's password in clear text. Keep it secret.\n");
    }
    super::print(&text)
}
