//! HTTPS: versions, protocols, WebSockets inside.

use std::sync::Arc;
use std::time::Duration;

use galene_http::tls_config;
use rustls::pki_types::{PrivateKeyDer, ServerName};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::support::{Client, Server, Setup, request};

#[derive(Debug)]
struct Only(Arc<CertifiedKey>);

impl ResolvesServerCert for Only {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0))
    }
}

/// A server with a certificate for `example.org`, and who trusts it.
fn start() -> (Server, rustls::RootCertStore) {
    let made = rcgen::generate_simple_self_signed(["example.org".to_owned()]).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let key = CertifiedKey::from_der(vec![made.cert.der().clone()], key, &provider).unwrap();
    let mut roots = rustls::RootCertStore::empty();
    roots.add(made.cert.der().clone()).unwrap();
    let tls = tls_config(provider, Arc::new(Only(Arc::new(key)))).unwrap();
    (Server::with(Setup { tls: Some(tls), ..Setup::default() }), roots)
}

async fn connect(
    server: &Server,
    roots: &rustls::RootCertStore,
    alpn: &[&str],
) -> TlsStream<TcpStream> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots.clone())
        .with_no_client_auth();
    config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
    let stream = TcpStream::connect(server.address).await.unwrap();
    let name = ServerName::try_from("example.org").unwrap();
    TlsConnector::from(Arc::new(config)).connect(name, stream).await.unwrap()
}

#[tokio::test]
async fn http_2_is_offered_and_http_1_still_works() {
    let (server, roots) = start();
    let both = connect(&server, &roots, &["h2", "http/1.1"]).await;
    assert_eq!(both.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    for alpn in [&["http/1.1"][..], &[]] {
        let stream = connect(&server, &roots, alpn).await;
        let reply = request(stream, "GET", "/group/test/.status", &[]).await;
        assert_eq!(reply.json()["location"], "https://example.org/group/test/");
        assert_eq!(reply.json()["endpoint"], "wss://example.org/ws");
    }
}

#[tokio::test]
async fn members_join_over_tls() {
    let (server, roots) = start();
    let mut alice = Client::connect(connect(&server, &roots, &["http/1.1"]).await, "alice").await;
    alice.join("test", "alice", "").await;
    assert_eq!(alice.wait_for("joined").await["kind"], "join");
}

#[tokio::test]
async fn what_is_no_tls_is_hung_up_on() {
    let (server, _) = start();
    let mut plain = TcpStream::connect(server.address).await.unwrap();
    plain.write_all(b"GET / HTTP/1.1\r\nHost: example.org\r\n\r\n").await.unwrap();
    let mut rest = Vec::new();
    // A reset is as good as an end.
    let _reset = plain.read_to_end(&mut rest).await;
    assert!(!rest.starts_with(b"HTTP"), "{rest:?}");
}

/// The frames of HTTP/2 that a test needs (RFC 9113 §6).
const HEADERS: u8 = 1;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;

fn frame(kind: u8, flags: u8, stream: u8, body: &[u8]) -> Vec<u8> {
    let mut frame = vec![0, 0, body.len() as u8, kind, flags, 0, 0, 0, stream];
    frame.extend_from_slice(body);
    frame
}

#[tokio::test(start_paused = true)]
async fn who_only_says_that_they_are_there_is_let_go() {
    let (server, roots) = start();
    let mut stream = connect(&server, &roots, &["h2"]).await;
    let begun = Instant::now();
    // GET https://a/ in the words of HPACK's static table (RFC 7541 appendix A).
    let request = frame(HEADERS, 5, 1, &[0x82, 0x87, 0x84, 0x41, 1, b'a']);
    let opening = [&b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"[..], &frame(SETTINGS, 0, 0, &[]), &request];
    stream.write_all(&opening.concat()).await.unwrap();
    let mut kinds = Vec::new();
    let mut head = [0; 9];
    while stream.read_exact(&mut head).await.is_ok() {
        let [high, middle, low, kind, flags, ..] = head;
        let mut body = vec![0; u32::from_be_bytes([0, high, middle, low]) as usize];
        stream.read_exact(&mut body).await.unwrap();
        kinds.push(kind);
        if kind == PING && flags == 0 {
            // It takes a while to get there.
            sleep(Duration::from_secs(1)).await;
            stream.write_all(&frame(PING, 1, 0, &body)).await.unwrap();
        }
    }
    assert!(kinds.contains(&HEADERS) && kinds.contains(&GOAWAY), "{kinds:?}");
    assert!(kinds.iter().filter(|kind| **kind == PING).count() > 2, "{kinds:?}");
    assert_eq!(begun.elapsed().as_secs(), 121);
}
