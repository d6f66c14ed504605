//! HTTPS: versions, protocols, WebSockets inside.

use std::sync::Arc;

use galene_http::tls_config;
use rustls::pki_types::{PrivateKeyDer, ServerName};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tokio::net::TcpStream;
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
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let (server, _) = start();
    let mut plain = TcpStream::connect(server.address).await.unwrap();
    plain.write_all(b"GET / HTTP/1.1\r\nHost: example.org\r\n\r\n").await.unwrap();
    let mut rest = Vec::new();
    // A reset is as good as an end.
    let _reset = plain.read_to_end(&mut rest).await;
    assert!(!rest.starts_with(b"HTTP"), "{rest:?}");
}
