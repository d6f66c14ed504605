//! A group with users for every purpose.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::{Client, Target};

/// The password of the user `op` of every [`Room`].
pub const OP_PASSWORD: &str = "op-password";

/// The password of the server's administrator `root`, and of the user `admin` of every [`Room`].
pub const ADMIN_PASSWORD: &str = "admin-password";

/// A group of a test's own, in which `op` is an operator, `silent` may do nothing, `writer` only write,
/// `captioner` only write captions, and `admin` administer. Anybody else may present, without a
/// password.
#[derive(Debug, Clone)]
pub struct Room {
    /// The server that it is on.
    pub target: Arc<Target>,
    /// Its name.
    pub name: String,
}

impl Room {
    pub(crate) fn new(target: Arc<Target>, name: &str, keys: Value) -> Room {
        let any = json!({ "type": "wildcard" });
        let mut definition = json!({
            "users": {
                "op": { "password": OP_PASSWORD, "permissions": "op" },
                "admin": { "password": ADMIN_PASSWORD, "permissions": "admin" },
                "silent": { "password": any, "permissions": "observe" },
                "writer": { "password": any, "permissions": "message" },
                "captioner": { "password": any, "permissions": "caption" },
            },
            "wildcard-user": { "password": any, "permissions": "present" },
        });
        let keys = keys.as_object().expect("an object").clone();
        definition.as_object_mut().expect("an object").extend(keys);
        target.write_group_file(name, &definition.to_string());
        Room { target, name: name.to_owned() }
    }

    /// Connects a client with this id, which is not a member yet.
    pub fn client(&self, id: &str) -> Client {
        self.target.client(id)
    }

    /// Lets a client join under this name, with the password of that name.
    pub fn join(&self, client: &mut Client, username: &str) -> Value {
        let password = match username {
            "op" => OP_PASSWORD,
            "admin" => ADMIN_PASSWORD,
            _ => "",
        };
        client.join(&self.name, username, password)
    }

    /// Connects a client whose id and name are this and makes it a member. Everything that is said on
    /// joining is taken in.
    pub fn member(&self, username: &str) -> Client {
        let mut client = self.client(username);
        let joined = self.join(&mut client, username);
        assert_eq!(joined["kind"], "join", "{joined}");
        client.drain();
        client
    }

    /// Makes the operator `op` a member.
    pub fn operator(&self) -> Client {
        self.member("op")
    }

    /// Returns the path of the group's page.
    pub fn path(&self) -> String {
        format!("/group/{}/", self.name)
    }
}
