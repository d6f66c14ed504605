//! Connections that ask for too much, or for nothing.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

use crate::support::{Server, request};

#[tokio::test]
async fn an_address_with_many_silent_connections_gets_no_more_while_others_do() {
    let server = Server::start();
    let mut silent = Vec::new();
    for _ in 0..64 {
        silent.push(TcpStream::connect(server.address).await.unwrap());
    }
    let mut one_more = TcpStream::connect(server.address).await.unwrap();
    let mut rest = Vec::new();
    one_more.read_to_end(&mut rest).await.unwrap();
    assert!(rest.is_empty());

    let elsewhere = TcpSocket::new_v4().unwrap();
    elsewhere.bind("127.0.0.2:0".parse().unwrap()).unwrap();
    let elsewhere = elsewhere.connect(server.address).await.unwrap();
    assert_eq!(request(elsewhere, "GET", "/group/test/", &[]).await.status, 200);

    // One that says something makes room.
    let first = silent.remove(0);
    assert_eq!(request(first, "GET", "/", &[]).await.status, 200);
    assert_eq!(server.get("/").await.status, 200);
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
