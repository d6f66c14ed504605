//! Starting: what is made, what is printed, what is refused.

use std::fs;

use serde_json::json;

use crate::client::{Client, get};
use crate::process::{Place, read};

#[tokio::test]
async fn the_first_start_makes_a_group_and_says_how_to_log_in() {
    let place = Place::new();
    let server = place.start(&[]);
    assert!(server.url().ends_with("/group/meeting/"), "{:?}", server.banner);
    let line = server.banner.iter().find(|line| line.contains("password ")).unwrap();
    let password = line.rsplit(' ').next().unwrap();

    let mut op = Client::connect(&server, &place, "1").await;
    let joined = op.join("meeting", "op", password).await;
    assert_eq!(joined["kind"], "join");
    assert!(joined["permissions"].as_array().unwrap().contains(&json!("op")));
    let mut guest = Client::connect(&server, &place, "2").await;
    let joined = guest.join("meeting", "somebody", "").await;
    assert!(joined["permissions"].as_array().unwrap().contains(&json!("present")));
    let page = get(&server, &place, "/group/meeting/").await;
    assert!(page.starts_with("HTTP/1.1 200"), "{page}");
    let list = get(&server, &place, "/public-groups.json").await;
    assert!(list.contains(r#""name":"meeting""#), "{list}");
}

#[test]
fn a_later_start_keeps_what_is_there_and_prints_no_password() {
    let place = Place::new();
    let first = place.start(&[]);
    let files =
        ["groups/meeting.json", "data/cert.pem", "data/key.pem"].map(|name| place.path(name));
    let before = files.each_ref().map(|path| read(path));
    let line = first.banner.iter().find(|line| line.contains("password ")).unwrap();
    let password = line.rsplit(' ').next().unwrap().to_owned();
    drop(first);
    let second = place.start(&[]);
    assert_eq!(files.each_ref().map(|path| read(path)), before);
    let banner = second.banner.join("\n");
    assert!(!banner.contains(&password), "{banner}");
    assert!(banner.contains("/group/meeting/") && banner.contains("groups/"), "{banner}");
}

#[test]
fn an_address_in_use_is_one_clear_line_and_exit_code_1() {
    let place = Place::new();
    let server = place.start(&[]);
    let other = Place::new();
    let output = other.run(&["-http", &server.address().to_string(), "-udp-range", "0"]);
    assert_eq!(output.status.code(), Some(1));
    let stderr = String::from_utf8(output.stderr).unwrap();
    let expected = format!(
        "galene-server: HTTP address {} is already in use (-http chooses another one)\n",
        server.address()
    );
    assert_eq!(stderr, expected);
    assert_eq!(fs::read_dir(other.directory.path()).unwrap().count(), 0, "nothing is left behind");

    let socket = std::net::UdpSocket::bind("0.0.0.0:0").unwrap();
    let port = socket.local_addr().unwrap().port().to_string();
    let output = other.run(&["-http", "127.0.0.1:0", "-udp-range", &port]);
    assert_eq!(output.status.code(), Some(1));
    let stderr = String::from_utf8(output.stderr).unwrap();
    let line = format!(
        "galene-server: UDP address 0.0.0.0:{port} is already in use (-udp-range chooses another port)"
    );
    assert_eq!(stderr.lines().last(), Some(line.as_str()));
}

#[test]
fn a_broken_configuration_is_refused_with_its_place() {
    let place = Place::new();
    place.write("data/config.json", "{\n  \"canonicalHots\": \"x\"\n}");
    let output = place.run(&["-http", "127.0.0.1:0", "-udp-range", "0"]);
    assert_eq!(output.status.code(), Some(1));
    let stderr = String::from_utf8(output.stderr).unwrap();
    let last = stderr.lines().last().unwrap();
    assert!(last.contains("data/config.json:2:"), "{last}");
    assert!(last.contains("canonicalHots"), "{last}");
}

#[test]
fn options_that_do_not_exist_are_refused() {
    let place = Place::new();
    let output = place.run(&["-no-such-option"]);
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn a_turn_server_that_is_asked_for_is_missed_aloud() {
    let place = Place::new();
    let server = place.start(&["-turn", ":1194", "-recordings", "elsewhere"]);
    server.log.wait_for("there is no built-in TURN server yet");
}

#[tokio::test]
async fn without_tls_there_is_no_certificate() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let place = Place::new();
    place.write("static/galene.html", "<title>their own</title>");
    let server = place.start(&["-insecure", "-static", "static"]);
    assert!(server.url().starts_with("http://"));
    let mut stream = tokio::net::TcpStream::connect(server.address()).await.unwrap();
    let request = b"GET /group/meeting/ HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    stream.write_all(request).await.unwrap();
    let mut reply = String::new();
    stream.read_to_string(&mut reply).await.unwrap();
    assert!(reply.ends_with("<title>their own</title>"), "{reply}");
    assert!(!place.path("data").exists());
}

#[test]
fn a_check_says_all_that_is_wrong_and_changes_nothing() {
    let place = Place::new();
    place.write("groups/good.json", r#"{"public": true}"#);
    let checked = place.run(&["-check"]);
    assert!(checked.status.success());
    assert_eq!(
        String::from_utf8_lossy(&checked.stdout),
        "groups: 1 groups, 0 errors, 0 warnings\n"
    );

    place.write("groups/bad/one.json", "{\n  \"pubilc\": true\n}");
    place.write("groups/two.json", r#"{"allow-anonymous": true}"#);
    place.write("data/config.json", r#"{"proxyURL": "ftp://example.org/"}"#);
    place.write("data/ice-servers.json", r#"[{"urls": ["stun:a.org"]}, {"urls": []}]"#);
    let checked = place.run(&["-check=true"]);
    assert_eq!(checked.status.code(), Some(1));
    assert_eq!(
        String::from_utf8_lossy(&checked.stdout).lines().collect::<Vec<_>>(),
        [
            "error: groups/bad/one.json:2:10: key `pubilc`: unknown key `pubilc`; did you mean `public`?",
            "warning: groups/two.json: `allow-anonymous` is obsolete and ignored",
            "error: data/config.json: key `proxyURL`: expected http: or https:",
            "error: data/ice-servers.json: entry 2 is left out: `urls` is empty",
            "groups: 3 groups, 3 errors, 1 warnings",
        ]
    );
    place.write("data/config.json", r#"{"trustedProxies": ["10.0.0/8"]}"#);
    place.write("data/ice-servers.json", "{}");
    let checked = place.run(&["-check"]);
    let said = String::from_utf8_lossy(&checked.stdout).into_owned();
    assert!(said.contains("\nerror: data/config.json: key `trustedProxies`: expected"), "{said}");
    assert!(said.contains("\nerror: data/ice-servers.json:1:0: not an array"), "{said}");
    assert!(!place.path("data/cert.pem").exists() && !place.path("groups/meeting.json").exists());
}
