//! The file of tokens, which others may write too.

use galene_conformance::{Client, Target};
use serde_json::{Value, json};

fn join(client: &mut Client, group: &str, token: &str) -> Value {
    client.join_with(json!({ "group": group, "token": token }))
}

#[test]
fn the_file_may_be_written_by_others_while_the_server_runs() {
    let Some(target) = Target::configured(&json!({})) else { return };
    let room = target.room("login-file");
    let mut client = room.client("1");
    assert_eq!(join(&mut client, &room.name, "by-hand")["kind"], "fail");
    let line = |more: &str| {
        format!(
            r#"{{"token": "by-hand", "group": "login-file", "username": "hand",
            "permissions": ["message"], "unknown": 1{more}}}"#
        )
    };
    target.write_data_file("var/tokens.jsonl", &line(r#", "expires": "2999-01-01T00:00:00Z""#));
    assert_eq!(join(&mut client, &room.name, "by-hand")["kind"], "join");
    // A later line about the same token replaces the earlier.
    let both = format!("{}\n{}\n", line(r#", "expires": "2999-01-01T00:00:00Z""#), line(""));
    target.write_data_file("var/tokens.jsonl", &both);
    let mut client = room.client("2");
    assert_eq!(join(&mut client, &room.name, "by-hand")["kind"], "fail");
}
