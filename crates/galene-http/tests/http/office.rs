//! A server whose groups and tokens can be administered.

use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use data_encoding::BASE64;
use galene_auth::{Password, PermissionSpec, Policy, Role, UserEntry};
use galene_conference::{Command, Conference, Config, Event, ShardId};
use galene_http::{AdminFiles, Control, HttpConfig, HttpServer, MediaLink, SiteSettings, listen};
use galene_store::{DirectoryLock, GroupFiles, TokenFile};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::sync::{mpsc, watch};

use crate::support::{Client, Reply, request_with_body};

/// The path of the interface.
pub(crate) const API: &str = "/galene-api/v0";
/// A recording of the group `g`.
pub(crate) const RECORDING: &str = "film.webm";
/// An administrator of the server, and the password.
pub(crate) const ROOT: &str = "root:toor";

/// The media plane's ends of the channels to the control plane.
pub(crate) type MediaEnds = (mpsc::Receiver<Command>, mpsc::UnboundedSender<(ShardId, Event)>);

pub(crate) struct Office {
    pub(crate) directory: TempDir,
    pub(crate) address: SocketAddr,
    control: Option<Control>,
    pub(crate) settings: watch::Sender<Arc<SiteSettings>>,
    _http: HttpServer,
    /// What the control plane says to the media plane, and where to answer.
    pub(crate) media: Option<MediaEnds>,
}

fn entry(password: &str, role: Role) -> UserEntry {
    UserEntry {
        password: Password::Plain(password.into()),
        permissions: Some(PermissionSpec::Role(role)),
    }
}

/// The settings of a server that can be administered.
fn settings() -> SiteSettings {
    let users = BTreeMap::from([
        ("root".to_owned(), entry("toor", Role::Admin)),
        ("op".to_owned(), entry("po", Role::Op)),
    ]);
    SiteSettings {
        administrators: Arc::new(Policy { users, ..Policy::default() }),
        allow_admin_origin: vec!["https://admin.example".to_owned()],
        writable_groups: true,
        ..SiteSettings::default()
    }
}

impl Office {
    /// A server with the group `g`: the user `ann`, who operates it, `boss`, who administers it, a
    /// wildcard user, and a recording.
    pub(crate) fn new() -> Office {
        let directory = tempfile::tempdir().unwrap();
        let groups = Arc::new(GroupFiles::new(directory.path().join("groups")));
        let tokens = Arc::new(TokenFile::new(directory.path().join("var/tokens.jsonl")));
        let (command_sender, commands) = mpsc::channel(100);
        let (events, event_receiver) = mpsc::unbounded_channel();
        let link = MediaLink { commands: vec![command_sender], events: event_receiver };
        let conference = Conference::new(Config::default(), 1);
        let control = Control::start(conference, groups.clone(), tokens.clone(), link);
        let (sender, receiver) = watch::channel(Arc::new(settings()));
        let config = HttpConfig {
            admin: Some(AdminFiles { groups: groups.clone(), tokens }),
            recordings: Some(directory.path().join("recordings")),
            ..HttpConfig::new(groups, receiver)
        };
        let listener = listen(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
        let http = HttpServer::start(listener, config, control.handle().clone()).unwrap();
        let address = http.address().unwrap();
        let media = (commands, events);
        let office = Office {
            directory,
            address,
            control: Some(control),
            settings: sender,
            _http: http,
            media: Some(media),
        };
        office.write_group("g", &group());
        office.write_recording("g", RECORDING, "film");
        office
    }

    /// Ends the control plane, as when the server stops.
    pub(crate) async fn close(&mut self) {
        self.control.take().unwrap().end().await;
    }

    /// Keeps the files, as another process does that changes them.
    pub(crate) fn lock(&self) -> [DirectoryLock; 2] {
        ["groups", "var"]
            .map(|name| DirectoryLock::acquire(&self.directory.path().join(name)).unwrap())
    }

    /// Makes the files of the group, of the tokens and the directory of recordings unusable.
    pub(crate) fn break_files(&self) {
        let recordings = self.directory.path().join("recordings");
        fs::remove_dir_all(&recordings).unwrap();
        fs::write(recordings, "no directory").unwrap();
        fs::write(self.group_file("g"), "{").unwrap();
        fs::write(self.token_file(), "{]").unwrap();
    }

    /// Changes the settings while the server runs.
    pub(crate) fn configure(&self, change: impl FnOnce(&mut SiteSettings)) {
        self.settings.send_modify(|settings| change(Arc::make_mut(settings)));
    }

    pub(crate) fn group_file(&self, name: &str) -> PathBuf {
        self.directory.path().join("groups").join(format!("{name}.json"))
    }

    pub(crate) fn token_file(&self) -> PathBuf {
        self.directory.path().join("var/tokens.jsonl")
    }

    pub(crate) fn write_group(&self, name: &str, group: &Value) {
        let path = self.group_file(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, group.to_string()).unwrap();
    }

    pub(crate) fn read_group(&self, name: &str) -> Value {
        serde_json::from_slice(&fs::read(self.group_file(name)).unwrap()).unwrap()
    }

    pub(crate) fn recording(&self, group: &str, name: &str) -> PathBuf {
        self.directory.path().join("recordings").join(group).join(name)
    }

    pub(crate) fn write_recording(&self, group: &str, name: &str, content: &str) {
        let path = self.recording(group, name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    pub(crate) fn write_tokens(&self, tokens: &[Value]) {
        let lines: String = tokens.iter().map(|token| format!("{token}\n")).collect();
        fs::create_dir_all(self.token_file().parent().unwrap()).unwrap();
        fs::write(self.token_file(), lines).unwrap();
    }

    /// Sends a request below the prefix. `who` is a name with a password, a token, or nobody if empty.
    pub(crate) async fn ask(
        &self,
        method: &str,
        path: &str,
        who: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Reply {
        let authorization = if who.contains(':') {
            format!("Basic {}", BASE64.encode(who.as_bytes()))
        } else {
            format!("Bearer {who}")
        };
        let length = body.len().to_string();
        let mut all = vec![("Content-Length", length.as_str())];
        if !who.is_empty() {
            all.push(("Authorization", &authorization));
        }
        all.extend(headers);
        let stream = TcpStream::connect(self.address).await.unwrap();
        request_with_body(stream, method, &format!("{API}{path}"), &all, body).await
    }

    pub(crate) async fn get(&self, path: &str, who: &str) -> Reply {
        self.ask("GET", path, who, &[], "").await
    }

    /// Sends JSON as the administrator.
    pub(crate) async fn put(&self, path: &str, headers: &[(&str, &str)], body: &Value) -> Reply {
        let mut all = vec![("Content-Type", "application/json")];
        all.extend(headers);
        self.ask("PUT", path, ROOT, &all, &body.to_string()).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Reply {
        self.ask("DELETE", path, ROOT, &[], "").await
    }

    /// Joins a group.
    pub(crate) async fn join(&self, group: &str, username: &str, password: &str) -> Client {
        let stream = TcpStream::connect(self.address).await.unwrap();
        let mut client = Client::connect(stream, username).await;
        client.join(group, username, password).await;
        client
    }
}

/// The group that is there from the start.
pub(crate) fn group() -> Value {
    json!({
        "displayName": "G",
        "users": {
            "ann": { "password": "a secret", "permissions": "op" },
            "boss": { "password": "b secret", "permissions": "admin" },
            "open": { "password": { "type": "wildcard" }, "permissions": "present" },
        },
        "wildcard-user": { "password": { "type": "wildcard" }, "permissions": "message" },
        "authKeys": [],
    })
}

/// A token of a group that is good for a long time.
pub(crate) fn token(name: &str, group: &str, permissions: &[&str]) -> Value {
    json!({
        "token": name, "group": group, "permissions": permissions, "expires": "2999-01-01T00:00:00Z"
    })
}

/// A token of the whole server.
pub(crate) fn global_token(name: &str, permissions: &[&str]) -> Value {
    let mut token = token(name, "", permissions);
    token["includeSubgroups"] = true.into();
    token
}
