//! What is asked of a server, and what is made of its answers.

use crate::program::{Home, Ran};
use crate::stand_in::{Request, StandIn};

const ROOT: &str = "/galene-api/v0/.groups";

/// Runs a command against a server with these answers, as administrator.
fn run_with(arguments: &[&str], input: &str, answers: &[&str]) -> (Ran, Vec<Request>) {
    let server = StandIn::start(answers);
    let mut line = vec!["-server", &server.url, "-admin-username", "root", "-admin-password", "pw"];
    line.extend(arguments);
    let ran = Home::new().run_with(&line, input);
    (ran, server.requests())
}

fn run(arguments: &[&str], answers: &[&str]) -> (Ran, Vec<Request>) {
    run_with(arguments, "", answers)
}

/// A request with the credentials of the administrator.
fn request(line: &str, headers: &[&str], body: &str) -> Request {
    let mut headers: Vec<String> = headers.iter().map(|header| (*header).to_owned()).collect();
    headers.push("authorization: Basic cm9vdDpwdw==".to_owned());
    if !body.is_empty() {
        headers.push("content-type: application/json".to_owned());
    }
    headers.sort();
    let line = line.replacen('/', &format!("{ROOT}/"), 1);
    Request { line: format!("{line} HTTP/1.1"), headers, body: body.to_owned() }
}

#[test]
fn groups_are_listed_in_order_and_by_patterns() {
    let answer = "200 OK\n\n[\"b/c\",\"a\",\"ab\"]";
    let (ran, requests) = run(&["list-groups"], &[answer]);
    assert_eq!(ran.printed(), "a\nab\nb/c\n");
    assert_eq!(requests, [request("GET /", &[], "")]);
    assert_eq!(run(&["list-groups", "a*", "*/c"], &[answer]).0.printed(), "a\nab\nb/c\n");
    assert_eq!(run(&["list-groups", "?"], &[answer]).0.printed(), "a\n");
    let malformed = run(&["list-groups", "["], &[answer]).0.complaint(1);
    assert_eq!(malformed, "galenectl: malformed pattern \"[\"\n");
    let json = "[\n    \"a\",\n    \"ab\"\n]\n";
    assert_eq!(run(&["list-groups", "-json", "a*"], &[answer]).0.printed(), json);
    assert_eq!(run(&["-json", "list-groups", "a*"], &[answer]).0.printed(), json);
}

#[test]
fn groups_are_shown_created_changed_and_deleted() {
    let (ran, requests) = run(&["show-group", "-group", "a b/c"], &["200 OK\n\n{\"public\":true}"]);
    assert_eq!(ran.printed(), "{\n    \"public\": true\n}\n");
    assert_eq!(requests, [request("GET /a%20b/c", &[], "")]);

    let new = "if-none-match: *";
    let (ran, requests) =
        run(&["create-group", "-group", "a", "-unrestricted-tokens"], &["201 Created"]);
    assert_eq!(ran.printed(), "");
    assert_eq!(requests, [request("PUT /a", &[new], r#"{"unrestricted-tokens":true}"#)]);
    let (_, requests) = run_with(
        &["create-group", "-group", "a", "-json", "-auto-subgroups=false"],
        r#"{"auto-subgroups": true, "public": true} and more"#,
        &["201 Created"],
    );
    let body = r#"{"auto-subgroups":false,"public":true}"#;
    assert_eq!(requests, [request("PUT /a", &[new], body)]);

    let (ran, requests) = run_with(
        &["update-group", "-group", "a", "-json"],
        r#"{"public": null, "comment": "x"}"#,
        &["200 OK\nETag: \"1\"\n\n{\"public\":true,\"contact\":\"y\"}", "204 No Content"],
    );
    assert_eq!(ran.printed(), "");
    let body = r#"{"comment":"x","contact":"y"}"#;
    assert_eq!(
        requests,
        [request("GET /a", &[], ""), request("PUT /a", &["if-match: \"1\""], body)]
    );
    let (ran, requests) = run(&["delete-group", "-group", "a"], &["204 No Content"]);
    assert_eq!(ran.printed(), "");
    assert_eq!(requests, [request("DELETE /a", &[], "")]);
}

#[test]
fn a_change_that_somebody_forestalled_is_made_again() {
    let (ran, requests) = run(
        &["update-group", "-group", "a", "-auto-subgroups"],
        &[
            "200 OK\nETag: \"1\"\n\n{}",
            "412 Precondition Failed",
            "200 OK\nETag: \"2\"\n\n{\"public\":true}",
            "204 No Content",
        ],
    );
    assert_eq!(ran.printed(), "");
    let body = r#"{"auto-subgroups":true,"public":true}"#;
    assert_eq!(requests[3], request("PUT /a", &["if-match: \"2\""], body));
    let (ran, _) = run(&["update-group", "-group", "a"], &["200 OK\n\n{}"]);
    assert!(ran.complaint(1).contains("it has no ETag"));
}

#[test]
fn users_are_listed_with_what_they_may_do() {
    let names = "200 OK\n\n[\"bob\",\"alice\",\"\"]";
    let (ran, requests) = run(&["list-users", "-group", "a"], &[names]);
    assert_eq!(ran.printed(), "\nalice\nbob\n");
    assert_eq!(requests, [request("GET /a/.users/", &[], "")]);
    let op = "200 OK\n\n{\"permissions\":\"op\"}";
    let raw = "200 OK\n\n{\"permissions\":[\"present\",\"message\"]}";
    let (ran, requests) =
        run(&["list-users", "-l", "-group", "a"], &[names, op, raw, "404 Not Found"]);
    let listed = ran.printed();
    let mut lines = listed.lines();
    assert_eq!(lines.next(), Some("             op"));
    assert_eq!(lines.next(), Some("alice        [mp]"));
    assert!(lines.next().is_some_and(|line| line.starts_with("bob          (ERROR=GET http")));
    assert_eq!(requests[1], request("GET /a/.empty-user", &[], ""));
    assert_eq!(requests[2], request("GET /a/.users/alice", &[], ""));
    let (ran, _) = run(&["list-users", "-l", "-json", "-group", "a", "al*"], &[names, op]);
    let json =
        "[\n    {\n        \"permissions\": \"op\",\n        \"username\": \"alice\"\n    }\n]\n";
    assert_eq!(ran.printed(), json);
}

#[test]
fn users_are_created_changed_and_deleted() {
    let new = "if-none-match: *";
    for (arguments, path, body) in [
        (&["-user", "a/b c"][..], "a/.users/a/b%20c", r#"{"permissions":"present"}"#),
        (&["-user", "x", "-permissions", "op"], "a/.users/x", r#"{"permissions":"op"}"#),
        (&["-wildcard", "-permissions", "[]"], "a/.wildcard-user", r#"{"permissions":[]}"#),
    ] {
        let mut line = vec!["create-user", "-group", "a"];
        line.extend(arguments);
        let (ran, requests) = run(&line, &["201 Created"]);
        assert_eq!(ran.printed(), "");
        assert_eq!(requests, [request(&format!("PUT /{path}"), &[new], body)]);
    }
    let template = r#"{"permissions": "message"}"#;
    let line = ["create-user", "-group", "a", "-user", "x", "-json"];
    let (_, requests) = run_with(&line, template, &["201 Created"]);
    assert_eq!(requests[0].body, r#"{"permissions":"message"}"#);

    let entry = "200 OK\nETag: \"7\"\n\n{\"permissions\":\"op\"}";
    let line = ["update-user", "-group", "a", "-user", "x", "-permissions", "[\"op\"]"];
    let (ran, requests) = run(&line, &[entry, "204 No Content"]);
    assert_eq!(ran.printed(), "");
    let put = request("PUT /a/.users/x", &["if-match: \"7\""], r#"{"permissions":["op"]}"#);
    assert_eq!(requests, [request("GET /a/.users/x", &[], ""), put]);
    let (_, requests) = run(&["delete-user", "-group", "a", "-wildcard"], &["204 No Content"]);
    assert_eq!(requests, [request("DELETE /a/.wildcard-user", &[], "")]);
}

#[test]
fn passwords_are_hashed_before_they_are_sent() {
    let line = ["set-password", "-group", "a", "-user", "x", "-cost", "4"];
    let (ran, requests) = run_with(&line, "secret\n", &["204 No Content"]);
    assert_eq!(ran.printed(), "");
    assert_eq!(requests[0].line, format!("PUT {ROOT}/a/.users/x/.password HTTP/1.1"));
    assert!(requests[0].body.starts_with(r#"{"type":"bcrypt","key":"$2a$04$"#));
    let line = ["set-password", "-group", "a", "-wildcard", "-type", "wildcard"];
    let (_, requests) = run(&line, &["204 No Content"]);
    let put = request("PUT /a/.wildcard-user/.password", &[], r#"{"type":"wildcard"}"#);
    assert_eq!(requests, [put]);
    let (_, requests) = run(&["delete-password", "-group", "a", "-user", "x"], &["204 No Content"]);
    assert_eq!(requests, [request("DELETE /a/.users/x/.password", &[], "")]);
}

#[test]
fn tokens_are_made_listed_changed_revoked_and_deleted() {
    let (ran, requests) = run(
        &[
            "create-token",
            "-group",
            "",
            "-include-subgroups",
            "-user",
            "x",
            "-permissions",
            "op",
            "-duration",
            "-1h",
        ],
        &["201 Created\nLocation: abc"],
    );
    assert_eq!(ran.printed(), "abc\n");
    assert_eq!(requests[0].line, format!("POST {ROOT}/.tokens/ HTTP/1.1"));
    let body: serde_json::Value = serde_json::from_str(&requests[0].body).unwrap();
    assert_eq!(body["includeSubgroups"], true);
    assert_eq!(body["username"], "x");
    assert_eq!(body["permissions"].as_array().unwrap().len(), 5);
    assert!(body["expires"].as_str().unwrap().ends_with('Z'));

    let names = "200 OK\n\n[\"b\",\"a\"]";
    let a = "200 OK\n\n{\"token\":\"\",\"group\":\"\",\"permissions\":[\"present\"],\"username\":\"u\",\"expires\":\"2020-01-01T00:00:00Z\"}";
    let b = "200 OK\n\n{\"permissions\":null,\"expires\":\"9000-01-02T03:04:05.678Z\",\"includeSubgroups\":true}";
    let (ran, requests) = run(&["list-tokens", "-l", "-group", "g"], &[names, a, b]);
    let expected = "a           u                    p    (expired)           \n\
                    b                                H    9000-01-02 03:04:05 \n";
    assert_eq!(ran.printed(), expected);
    assert_eq!(requests[1], request("GET /g/.tokens/a", &[], ""));
    assert_eq!(run(&["list-tokens", "-group", "g"], &[names]).0.printed(), "a\nb\n");

    let token =
        "200 OK\nETag: \"5\"\n\n{\"token\":\"\",\"group\":\"\",\"permissions\":[\"op\"],\"x\":1}";
    let line = ["update-token", "-group", "g", "-token", "a", "-permissions", "observe"];
    let (_, requests) = run(&line, &[token, "204 No Content"]);
    let body = r#"{"group":"","permissions":[],"token":"","x":1}"#;
    assert_eq!(requests[1], request("PUT /g/.tokens/a", &["if-match: \"5\""], body));
    let (_, requests) =
        run(&["revoke-token", "-group", "g", "-token", "a"], &[token, "204 No Content"]);
    assert!(requests[1].body.contains(r#""expires":""#) && requests[1].body.contains(r#"["op"]"#));
    let (_, requests) = run(&["delete-token", "-group", "", "-token", "a"], &["204 No Content"]);
    assert_eq!(requests, [request("DELETE /.tokens/a", &[], "")]);
}

#[test]
fn a_refusal_is_told_in_one_line_with_what_is_most_likely_wrong() {
    let (ran, _) = run(&["delete-group", "-group", "a"], &["404 Not Found\n\nno such page"]);
    let said = ran.complaint(1);
    assert!(said.starts_with("galenectl: DELETE http://127.0.0.1:"), "{said}");
    assert!(
        said.ends_with("/a: 404 Not Found (there is no such group, user or token)\n"),
        "{said}"
    );
    let (ran, _) = run(
        &["create-group", "-group", "a"],
        &["400 Bad Request\nContent-Type: text/plain\n\nwrong\n"],
    );
    assert!(ran.complaint(1).ends_with(": 400 Bad Request (wrong)\n"));
    let (ran, _) = run(&["-json", "create-group", "-group", "a"], &["412 Precondition Failed"]);
    assert!(ran.complaint(1).ends_with("\"status\":412}\n"));
    // A port that was free a moment ago.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let server = format!("http://127.0.0.1:{port}");
    let said = Home::new().run(&["-server", &server, "list-groups"]).complaint(1);
    assert!(said.starts_with(&format!("galenectl: cannot reach {server}: ")), "{said}");
}

#[test]
fn credentials_come_from_the_command_line_or_the_file_and_go_to_one_server() {
    let elsewhere = StandIn::start(&["200 OK\n\n[]"]);
    let redirect = format!(
        "307 Temporary Redirect\nLocation: {}/x",
        elsewhere.url.replace("127.0.0.1", "localhost")
    );
    let server = StandIn::start(&[&redirect]);
    let home = Home::new();
    let config = format!(
        r#"{{"server": "{}/base/", "admin-username": "root", "admin-token": "from-file"}}"#,
        server.url
    );
    std::fs::write(home.path("ctl.json"), config).unwrap();
    let line = ["-config", "ctl.json", "list-groups", "-admin-token", "from-line"];
    assert_eq!(home.run(&line).printed(), "");
    let requests = server.requests();
    assert_eq!(requests[0].line, format!("GET /base{ROOT}/ HTTP/1.1"));
    assert_eq!(requests[0].headers, ["authorization: Bearer from-line"]);
    let requests = elsewhere.requests();
    assert_eq!((requests[0].line.as_str(), requests[0].headers.len()), ("GET /x HTTP/1.1", 0));
}
