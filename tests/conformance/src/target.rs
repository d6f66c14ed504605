//! The server that is tested.

use std::env;
use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::process::Process;
use crate::room::ADMIN_PASSWORD;
use crate::{Client, Reply, Request, Room, basic};

/// A server, and the directory that its groups are in.
#[derive(Debug)]
pub struct Target {
    /// Where it serves HTTP, without a slash at the end.
    url: String,
    groups: PathBuf,
    data: PathBuf,
    ours: Option<(Process, TempDir)>,
}

/// The server that the tests share, as long as one of them is running.
static SHARED: Mutex<Weak<Target>> = Mutex::new(Weak::new());

impl Target {
    /// Returns the server that all tests share, and starts it if none is using it.
    pub fn shared() -> Arc<Target> {
        // A test that failed while it was starting the server leaves nothing half done.
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(running) = shared.upgrade() {
            return running;
        }
        let config = json!({
            "writableGroups": true,
            "users": { "root": { "password": ADMIN_PASSWORD, "permissions": "admin" } },
            "allowOrigin": ["https://pages.example"],
            "allowAdminOrigin": ["https://admin.example"],
        });
        let target = Arc::new(match env::var("CONFORMANCE_URL") {
            Ok(url) => Target::other(url, &config),
            Err(_) => Target::start(&config),
        });
        *shared = Arc::downgrade(&target);
        target
    }

    /// Starts a server of its own for a test that needs another configuration. `None` if the tests run
    /// against a server that somebody else has started.
    pub fn configured(config: &Value) -> Option<Arc<Target>> {
        if env::var_os("CONFORMANCE_URL").is_some() {
            println!("skipped: needs a configuration of its own");
            return None;
        }
        Some(Arc::new(Target::start(config)))
    }

    fn start(config: &Value) -> Target {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let groups = directory.path().join("groups");
        let data = directory.path().join("data");
        fs::create_dir(&groups).expect("a new directory");
        // A server without any group would make one.
        fs::write(groups.join("some.json"), "{}").expect("a new file");
        fs::create_dir(&data).expect("a new directory");
        fs::write(data.join("config.json"), config.to_string()).expect("a new file");
        let process = Process::start(directory.path());
        Target { url: process.url.clone(), groups, data, ours: Some((process, directory)) }
    }

    fn other(url: String, config: &Value) -> Target {
        let path = |name| PathBuf::from(env::var_os(name).unwrap_or_else(|| panic!("no {name}")));
        let (groups, data) = (path("CONFORMANCE_GROUPS"), path("CONFORMANCE_DATA"));
        fs::write(data.join("config.json"), config.to_string()).expect("a writable directory");
        Target { url: url.trim_end_matches('/').to_owned(), groups, data, ours: None }
    }

    /// Returns whether the server is another one than ours, which is known to differ in this row of
    /// Galène's known defects and surprises. Says so.
    pub fn differs(&self, row: u8) -> bool {
        if self.is_other() {
            println!("differs as known: row {row}");
        }
        self.is_other()
    }

    /// Returns whether the server is another one than ours: for what nobody depends on.
    pub fn is_other(&self) -> bool {
        self.ours.is_none()
    }

    /// Returns the server's host and port.
    pub fn host(&self) -> &str {
        self.url.strip_prefix("http://").expect("these tests speak plain HTTP")
    }

    /// Returns the URL of a path.
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }

    /// Writes a file into the groups' directory.
    pub fn write_group_file(&self, name: &str, text: &str) {
        let path = self.groups.join(format!("{name}.json"));
        fs::create_dir_all(path.parent().expect("it is in the directory")).expect("writable");
        fs::write(path, text).expect("writable");
    }

    /// Returns the text of a group's file, if there is one.
    pub fn read_group_file(&self, name: &str) -> Option<String> {
        fs::read_to_string(self.groups.join(format!("{name}.json"))).ok()
    }

    /// Removes a group's file.
    pub fn remove_group_file(&self, name: &str) {
        fs::remove_file(self.groups.join(format!("{name}.json"))).expect("it is there");
    }

    /// Returns the text of a file in the data directory, if there is one.
    pub fn read_data_file(&self, name: &str) -> Option<String> {
        fs::read_to_string(self.data.join(name)).ok()
    }

    /// Writes a file into the data directory.
    pub fn write_data_file(&self, name: &str, text: &str) {
        let path = self.data.join(name);
        fs::create_dir_all(path.parent().expect("it is in the directory")).expect("writable");
        fs::write(path, text).expect("writable");
    }

    /// Defines a group with the users of [`Room`].
    pub fn room(self: &Arc<Self>, name: &str) -> Room {
        self.room_with(name, json!({}))
    }

    /// Defines a group with the users of [`Room`], and with other keys besides.
    pub fn room_with(self: &Arc<Self>, name: &str, keys: Value) -> Room {
        Room::new(Arc::clone(self), name, keys)
    }

    /// Opens a WebSocket and says nothing.
    pub fn connect(&self) -> Client {
        Client::connect(self.host(), &[])
    }

    /// Opens a WebSocket and shakes hands.
    pub fn client(&self, id: &str) -> Client {
        let mut client = self.connect();
        client.shake_hands(id);
        client
    }

    /// Prepares a request.
    pub fn request(&self, method: &str, path: &str) -> Request {
        Request::new(self.host(), method, path)
    }

    /// Fetches a page.
    pub fn get(&self, path: &str) -> Reply {
        self.request("GET", path).send()
    }

    /// Prepares a request of the administrator to the administrative interface.
    pub fn admin(&self, method: &str, path: &str) -> Request {
        self.request(method, &format!("/galene-api/v0/{path}"))
            .header("Authorization", &basic("root", ADMIN_PASSWORD))
    }
}
