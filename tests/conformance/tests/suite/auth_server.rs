//! Login by an authorisation server: the example, our server, and what a group's page does.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use galene_conformance::{Room, Target, example};
use serde_json::{Value, json};

/// The example, running. Killed when dropped.
struct AuthServer {
    child: Child,
    /// What it says has to stand in the group's file.
    keys: Value,
}

impl AuthServer {
    fn start() -> AuthServer {
        let mut command = Command::new(example("auth_server"));
        let mut child = command.stdout(Stdio::piped()).spawn().expect("it can be run");
        let mut line = String::new();
        let stdout = child.stdout.take().expect("it was asked for");
        BufReader::new(stdout).read_line(&mut line).expect("it says something");
        let keys = serde_json::from_str(&line).expect("and that is JSON");
        AuthServer { child, keys }
    }
}

impl Drop for AuthServer {
    fn drop(&mut self) {
        // It may have ended already.
        let _ended = self.child.kill();
        let _status = self.child.wait();
    }
}

/// Does what a group's page does with a name and a password, and returns what comes of it.
fn log_in(room: &Room, username: &str, password: &str) -> Result<Value, u16> {
    let status = room.target.get(&format!("{}.status", room.path())).json();
    let url = status["authServer"].as_str().expect("the status names it");
    let host = url.trim_start_matches("http://").trim_end_matches('/');
    let question = json!({ "location": status["location"], "username": username,
        "password": password });
    let answer = galene_conformance::Request::new(host, "POST", "/").json(&question).send();
    let mut join = json!({ "group": room.name, "username": username });
    match answer.status {
        200 => {
            assert_eq!(answer.header("Content-Type").as_deref(), Some("application/jwt"));
            join["token"] = json!(answer.body);
        }
        204 => join["password"] = json!(password),
        refused => return Err(refused),
    }
    Ok(room.client(username).join_with(join))
}

#[test]
fn an_authorisation_server_says_who_may_join_and_as_what() {
    let target = Target::shared();
    let server = AuthServer::start();
    let room = target.room_with("auth-server", server.keys.clone());
    let jane = log_in(&room, "jane", "swordfish").expect("she is known there");
    assert_eq!((&jane["kind"], &jane["username"]), (&json!("join"), &json!("jane")));
    assert_eq!(jane["permissions"], json!(["op", "present", "message", "token"]));
    assert_eq!(log_in(&room, "jane", "herring").expect_err("the password is wrong"), 401);
    let op = log_in(&room, "op", galene_conformance::OP_PASSWORD).expect("the group knows him");
    assert_eq!((&op["kind"], &op["username"]), (&json!("join"), &json!("op")));
    let op = log_in(&room, "op", "guess").expect("the group is asked");
    assert_eq!(op["kind"], "fail");
}

#[test]
fn a_token_for_one_group_opens_no_other() {
    let target = Target::shared();
    let server = AuthServer::start();
    let here = target.room_with("auth-here", server.keys.clone());
    let there = target.room_with("auth-there", server.keys.clone());
    let question = json!({ "location": target.url(&here.path()), "username": "joe",
        "password": "tuna" });
    let host = server.keys["authServer"].as_str().expect("a URL");
    let host = host.trim_start_matches("http://").trim_end_matches('/');
    let token = galene_conformance::Request::new(host, "POST", "/").json(&question).send().body;
    let join =
        |room: &Room| room.client("joe").join_with(json!({ "group": room.name, "token": token }));
    assert_eq!(join(&there)["kind"], "fail");
    assert_eq!(join(&here)["kind"], "join");
}
