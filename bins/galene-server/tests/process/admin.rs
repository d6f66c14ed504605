//! Administration, and a configuration that changes while the server runs.

use std::io::{Read, Write};
use std::net::TcpStream;

use crate::process::{Place, Server, read};

const CONFIG: &str = r#"{"writableGroups": true,
    "users": {"root": {"password": "toor", "permissions": "admin"}}}"#;

/// Sends a request as `root` and returns the status line and the rest.
fn ask(server: &Server, method: &str, path: &str, body: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(server.address()).unwrap();
    let length = body.len();
    let request = format!(
        "{method} /galene-api/v0{path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\
         Authorization: Basic cm9vdDp0b29y\r\nContent-Type: application/json\r\n\
         Content-Length: {length}\r\n\r\n{body}",
        server.address()
    );
    stream.write_all(request.as_bytes()).unwrap();
    let mut reply = String::new();
    stream.read_to_string(&mut reply).unwrap();
    (reply.split(' ').nth(1).unwrap().parse().unwrap(), reply)
}

#[test]
fn groups_users_and_tokens_are_administered_in_the_server_s_own_files() {
    let place = Place::new();
    place.write("data/config.json", CONFIG);
    let server = place.start(&["-insecure"]);
    assert_eq!(ask(&server, "PUT", "/.groups/new", r#"{"displayName": "New"}"#).0, 201);
    assert!(read(&place.path("groups/new.json")).contains("\"New\""));
    assert_eq!(ask(&server, "PUT", "/.groups/new/.users/ann", r#"{"permissions": "op"}"#).0, 201);
    let (status, reply) = ask(&server, "POST", "/.groups/new/.tokens/", r#"{"permissions": []}"#);
    assert_eq!(status, 201, "{reply}");
    assert!(read(&place.path("data/var/tokens.jsonl")).contains("\"new\""));
    let (status, reply) = ask(&server, "GET", "/.stats", "");
    assert_eq!(status, 200);
    assert!(reply.contains("\r\n\r\n["), "{reply}");
}

#[test]
fn surprise_77_a_configuration_counts_till_it_is_changed_or_deleted_and_a_broken_one_does_not() {
    let place = Place::new();
    place.write("data/config.json", CONFIG);
    let server = place.start(&["-insecure"]);
    assert_eq!(ask(&server, "PUT", "/.groups/a", "{}").0, 201);

    place.write("data/config.json", "{\n  \"writableGruops\": true\n}");
    server.log.wait_for("the last good one stays in force");
    assert_eq!(ask(&server, "PUT", "/.groups/b", "{}").0, 201);

    place.write("data/config.json", &CONFIG.replace("true", "false"));
    server.log.wait_for("the configuration was read again");
    assert_eq!(ask(&server, "PUT", "/.groups/c", "{}").0, 403);
    assert_eq!(ask(&server, "GET", "/.groups/a", "").0, 200);

    std::fs::remove_file(place.path("data/config.json")).unwrap();
    server.log.wait_for("the configuration was read again");
    assert_eq!(ask(&server, "GET", "/.groups/a", "").0, 401);
}
