//! Reverse proxies, sockets in the file system, and those who watch over the server.

use std::net::SocketAddr;
use std::sync::Arc;

use galene_conference::{Conference, Config};
use galene_http::{
    Control, HttpConfig, HttpServer, MediaLink, NoTokens, SiteSettings, listen_unix,
};
use tokio::net::{TcpSocket, TcpStream, UnixStream};
use tokio::sync::{mpsc, watch};

use crate::support::{Client, Groups, OPEN, Server, Setup, request};

fn trusting(proxies: &[&str]) -> SiteSettings {
    SiteSettings {
        trusted_proxies: proxies.iter().map(|proxy| proxy.parse().unwrap()).collect(),
        ..SiteSettings::default()
    }
}

#[tokio::test]
async fn surprise_99_the_address_of_a_client_comes_from_trusted_proxies_alone() {
    let trusted = Server::with(Setup { settings: trusting(&["127.0.0.1"]), ..Setup::default() });
    let said = [("X-Forwarded-For", "127.0.0.1, 203.0.113.9")];
    // Whether the server is alive is for those on the same host.
    assert_eq!(trusted.request("GET", "/healthz", &said).await.status, 404);
    assert_eq!(trusted.get("/healthz").await.status, 200);
    let local = [("X-Forwarded-For", "127.0.0.9")];
    assert_eq!(trusted.request("GET", "/healthz", &local).await.status, 200);

    let wary = Server::with(Setup { settings: trusting(&["192.0.2.1"]), ..Setup::default() });
    assert_eq!(wary.request("GET", "/healthz", &said).await.status, 200);
}

#[tokio::test]
async fn whether_the_server_is_alive_and_ready_can_be_asked() {
    let server = Server::start();
    for path in ["/healthz", "/readyz"] {
        let reply = server.get(path).await;
        assert_eq!((reply.status, reply.header("cache-control")), (200, "no-store"), "{path}");
        assert_eq!(server.request("HEAD", path, &[]).await.status, 200);
        assert_eq!(server.send("POST", path, &[], "").await.status, 405);
    }
    server.control.end().await;
    let get = async |path: &str| {
        let stream = TcpStream::connect(server.address).await.unwrap();
        request(stream, "GET", path, &[]).await.status
    };
    assert_eq!(get("/healthz").await, 503);
    assert_eq!(get("/readyz").await, 503);
}

#[tokio::test]
async fn a_socket_in_the_file_system_serves_pages_and_conferences() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("http");
    let groups = Arc::new(Groups::default());
    groups.define("test", OPEN);
    let (commands, _commands) = mpsc::channel(100);
    let (_events, events) = mpsc::unbounded_channel();
    let link = MediaLink { commands: vec![commands], events };
    let conference = Conference::new(Config::default(), 1);
    let control = Control::start(conference, groups.clone(), Arc::new(NoTokens), link);
    let settings = watch::channel(Arc::new(trusting(&["unix"]))).1;
    let config = HttpConfig::new(groups, settings);
    let http =
        HttpServer::start(listen_unix(&path).unwrap(), config, control.handle().clone()).unwrap();
    assert_eq!(http.address(), None);

    let get = async |path_and_query: &str, headers: &[(&str, &str)]| {
        let stream = UnixStream::connect(&path).await.unwrap();
        request(stream, "GET", path_and_query, headers).await
    };
    assert_eq!(get("/group/test/", &[]).await.status, 200);
    assert_eq!(get("/healthz", &[]).await.status, 200);
    assert_eq!(get("/healthz", &[("X-Forwarded-For", "203.0.113.9")]).await.status, 404);
    let mut ann = Client::connect(UnixStream::connect(&path).await.unwrap(), "ann").await;
    ann.join("test", "ann", "").await;
    assert_eq!(ann.wait_for("joined").await["kind"], "join");

    control.shut_down("bye").await;
    control.end().await;
    let ended = tokio::spawn(async move { ann.close_frame().await });
    assert!(http.drain().await);
    assert_eq!(ended.await.unwrap().unwrap().reason, "bye");
    assert!(!path.exists(), "the socket is taken away");
}

#[tokio::test]
async fn others_than_the_host_itself_learn_nothing_of_its_health() {
    let server = Server::start();
    // All of 127.0.0.0/8 is this host.
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(SocketAddr::from(([127, 0, 0, 2], 0))).unwrap();
    let stream = socket.connect(server.address).await.unwrap();
    assert_eq!(request(stream, "GET", "/healthz", &[]).await.status, 200);
    assert_eq!(server.get("/readyz").await.text(), "ready");
}
