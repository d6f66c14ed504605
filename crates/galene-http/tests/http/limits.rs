//! Connections that ask for too much, or for nothing.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

use crate::support::{Client, Server, Setup, request};

#[tokio::test]
async fn an_address_with_many_silent_connections_waits_while_others_do_not() {
    let server = Server::start();
    let mut silent = Vec::new();
    for _ in 0..64 {
        silent.push(TcpStream::connect(server.address).await.unwrap());
    }
    let address = server.address;
    let mut waiting = tokio::spawn(async move {
        let stream = TcpStream::connect(address).await.unwrap();
        request(stream, "GET", "/", &[]).await
    });
    let elsewhere = TcpSocket::new_v4().unwrap();
    elsewhere.bind("127.0.0.2:0".parse().unwrap()).unwrap();
    let elsewhere = elsewhere.connect(server.address).await.unwrap();
    tokio::select! {
        biased;
        _ = &mut waiting => panic!("it is not its turn"),
        reply = request(elsewhere, "GET", "/group/test/", &[]) => assert_eq!(reply.status, 200),
    }
    drop(silent.pop());
    assert_eq!(waiting.await.unwrap().status, 200);
}

#[tokio::test]
async fn a_class_that_joins_at_once_from_one_address_gets_in() {
    let server = Server::start();
    let joining = (0..200).map(|n| {
        let address = server.address;
        tokio::spawn(async move {
            let id = format!("pupil {n}");
            let mut pupil = Client::connect(TcpStream::connect(address).await.unwrap(), &id).await;
            pupil.join("test", &id, "").await;
            let joined = pupil.wait_for("joined").await;
            assert_eq!(joined["kind"], "join", "{joined}");
            pupil
        })
    });
    let joining: Vec<_> = joining.collect();
    let mut pupils = Vec::new();
    for pupil in joining {
        pupils.push(pupil.await.unwrap());
    }
    let mut teacher = server.member("teacher").await;
    teacher.say("good morning").await;
    for pupil in &mut pupils {
        assert_eq!(pupil.wait_for("chat").await["value"], "good morning");
    }
}

#[tokio::test]
async fn headers_that_never_end_are_refused() {
    let server = Server::start();
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let head = format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}", "x".repeat(100_000));
    // The server may hang up before it has seen all of it.
    let _refused = stream.write_all(head.as_bytes()).await;
    let mut reply = Vec::new();
    let _reset = stream.read_to_end(&mut reply).await;
    let reply = String::from_utf8(reply).unwrap();
    assert!(reply.is_empty() || reply.starts_with("HTTP/1.1 431"), "{reply}");
    assert_eq!(server.get("/").await.status, 200);
}

#[tokio::test]
async fn what_is_no_http_is_refused() {
    let server = Server::start();
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(b"\x16\x03\x01 this is no HTTP\r\n\r\n").await.unwrap();
    let mut reply = Vec::new();
    stream.read_to_end(&mut reply).await.unwrap();
    assert!(reply.starts_with(b"HTTP/1.1 400"), "{}", String::from_utf8_lossy(&reply));
}

/// With the clock paused, whatever the server waits for is over as soon as nothing else happens.
#[tokio::test(start_paused = true)]
async fn headers_that_come_too_slowly_are_given_up() {
    let server = Server::start();
    let start = tokio::time::Instant::now();
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n").await.unwrap();
    let mut reply = Vec::new();
    let _reset = stream.read_to_end(&mut reply).await;
    assert!(!reply.starts_with(b"HTTP/1.1 2"), "{}", String::from_utf8_lossy(&reply));
    assert!(start.elapsed().as_secs() <= 10, "{:?}", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_connection_is_kept_for_two_minutes() {
    let server = Server::start();
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let mut last = tokio::time::Instant::now();
    for _ in 0..3 {
        last = tokio::time::Instant::now();
        let asked = b"GET /group/test/.status HTTP/1.1\r\nHost: a\r\n\r\n";
        stream.write_all(asked).await.unwrap();
        let mut room = [0; 4096];
        let read = stream.read(&mut room).await.unwrap();
        assert!(
            room[..read].starts_with(b"HTTP/1.1 200"),
            "{}",
            String::from_utf8_lossy(&room[..read])
        );
        tokio::time::sleep(std::time::Duration::from_secs(100)).await;
    }
    assert_eq!(stream.read(&mut [0; 1]).await.unwrap(), 0, "the server hangs up");
    assert_eq!(last.elapsed().as_secs(), 120);
}

#[tokio::test(start_paused = true)]
async fn a_body_that_comes_too_slowly_is_given_up() {
    let directory = tempfile::tempdir().unwrap();
    let recordings = Some(directory.path().to_owned());
    let server = Server::with(Setup { recordings, ..Setup::default() });
    server.groups.define(
        "g",
        r#"{"wildcard-user": {"password": {"type": "wildcard"}, "permissions": ["record"]}}"#,
    );
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let start = tokio::time::Instant::now();
    let head = "POST /recordings/g/ HTTP/1.1\r\nHost: a\r\nAuthorization: Basic YTpi\r\n\
                Content-Length: 100\r\n\r\nq=del";
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut reply = Vec::new();
    stream.read_to_end(&mut reply).await.unwrap();
    assert!(reply.starts_with(b"HTTP/1.1 408"), "{}", String::from_utf8_lossy(&reply));
    assert!(start.elapsed().as_secs() <= 10, "{:?}", start.elapsed());
}
