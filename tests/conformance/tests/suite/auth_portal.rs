//! Login by an authorisation portal: the example, our server, and where a browser is led.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use galene_conformance::{Request, Target, example};
use serde_json::{Value, json};

/// The example, running. Killed when dropped.
struct Portal {
    child: Child,
    /// What it says has to stand in the group's file.
    keys: Value,
}

impl Portal {
    /// Starts a portal that sends people to this page.
    fn start(page: &str) -> Portal {
        let mut command = Command::new(example("auth_portal"));
        let command = command.args(["127.0.0.1:0", page]).stdout(Stdio::piped());
        let mut child = command.spawn().expect("it can be run");
        let mut line = String::new();
        let stdout = child.stdout.take().expect("it was asked for");
        BufReader::new(stdout).read_line(&mut line).expect("it says something");
        let keys = serde_json::from_str(&line).expect("and that is JSON");
        Portal { child, keys }
    }
}

impl Drop for Portal {
    fn drop(&mut self) {
        // It may have ended already.
        let _ended = self.child.kill();
        let _status = self.child.wait();
    }
}

#[test]
fn who_brings_nothing_is_told_the_portal_and_comes_back_with_a_token() {
    let target = Target::shared();
    let page = target.url("/group/auth-portal/");
    let portal = Portal::start(&page);
    let room = target.room_with("auth-portal", portal.keys.clone());

    // A page finds out before it asks for anything where it has to send its user.
    let status = target.get(&format!("{}.status", room.path())).json();
    let url = status["authPortal"].as_str().expect("the status names it");
    assert_eq!(portal.keys["authPortal"], url);
    assert_eq!(status.get("authServer"), None);
    assert_eq!(target.get(&room.path()).status, 200, "it is the page that sends people there");

    let host = url.trim_start_matches("http://").trim_end_matches('/');
    let log_in = |form| {
        Request::new(host, "POST", "/").body("application/x-www-form-urlencoded", form).send()
    };
    assert_eq!(log_in("username=jane&password=herring").status, 401);
    let back = log_in("username=jane&password=swordfish");
    assert_eq!(back.status, 303);
    let location = back.header("Location").expect("somewhere to go");
    let token = location.strip_prefix(&format!("{page}?token=")).expect("the page, with a token");

    assert_eq!(target.get(&format!("{}?token={token}", room.path())).status, 200);
    let joined = room.client("1").join_with(json!({ "group": room.name, "token": token }));
    assert_eq!((&joined["kind"], &joined["username"]), (&json!("join"), &json!("jane")));
    assert_eq!(joined["permissions"], json!(["op", "present", "message", "token"]));
    assert_eq!(joined["status"]["authPortal"], url, "for whoever has to log in again");
}

#[test]
fn a_portal_of_one_group_lets_nobody_into_another() {
    let target = Target::shared();
    let portal = Portal::start(&target.url("/group/portal-here/"));
    let there = target.room_with("portal-there", portal.keys.clone());
    let url = portal.keys["authPortal"].as_str().expect("a URL");
    let host = url.trim_start_matches("http://").trim_end_matches('/');
    let form = "username=joe&password=tuna";
    let back =
        Request::new(host, "POST", "/").body("application/x-www-form-urlencoded", form).send();
    let location = back.header("Location").expect("somewhere to go");
    let (_, token) = location.split_once("?token=").expect("with a token");
    let joined = there.client("1").join_with(json!({ "group": there.name, "token": token }));
    assert_eq!(joined["kind"], "fail");
}
