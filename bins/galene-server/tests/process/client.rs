//! A client of the server, over TLS.

use std::path::Path;
use std::sync::Arc;

use futures_util::{SinkExt, StreamExt};
use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;

use crate::process::{Place, Server};

/// Connects, trusting the certificate in a file and no other.
pub(crate) async fn connect(
    server: &Server,
    trusted: &Path,
) -> std::io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(trusted).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let stream = TcpStream::connect(server.address()).await?;
    let name = ServerName::from(server.address().ip());
    TlsConnector::from(Arc::new(config)).connect(name, stream).await
}

/// Fetches a page and returns its status line and body.
pub(crate) async fn get(server: &Server, place: &Place, path: &str) -> String {
    let mut stream = connect(server, &place.path("data/cert.pem")).await.unwrap();
    let request =
        format!("GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", server.address());
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut reply = Vec::new();
    stream.read_to_end(&mut reply).await.unwrap();
    String::from_utf8(reply).unwrap()
}

/// A client that has said its handshake.
pub(crate) struct Client {
    socket: WebSocketStream<TlsStream<TcpStream>>,
}

impl Client {
    pub(crate) async fn connect(server: &Server, place: &Place, id: &str) -> Client {
        let stream = connect(server, &place.path("data/cert.pem")).await.unwrap();
        let url = format!("ws://{}/ws", server.address());
        let (socket, _) = tokio_tungstenite::client_async(url, stream).await.unwrap();
        let mut client = Client { socket };
        client.send(json!({"type": "handshake", "version": ["2"], "id": id})).await;
        assert_eq!(client.wait_for("handshake").await["version"], json!(["2"]));
        client
    }

    /// Joins and returns what the server says to that.
    pub(crate) async fn join(&mut self, group: &str, username: &str, password: &str) -> Value {
        let join = json!({
            "type": "join", "kind": "join", "group": group, "username": username, "password": password
        });
        self.send(join).await;
        self.wait_for("joined").await
    }

    pub(crate) async fn send(&mut self, message: Value) {
        self.socket.send(Message::text(message.to_string())).await.unwrap();
    }

    /// The next message. Nothing is lost if the wait is given up.
    pub(crate) async fn next(&mut self) -> Value {
        match self.socket.next().await {
            Some(Ok(Message::Text(text))) => serde_json::from_str(&text).unwrap(),
            other => panic!("expected a message, not {other:?}"),
        }
    }

    /// The next message of a type.
    pub(crate) async fn wait_for(&mut self, kind: &str) -> Value {
        loop {
            let message = self.next().await;
            if message["type"] == kind {
                return message;
            }
        }
    }

    /// How the connection ends.
    pub(crate) async fn close_frame(&mut self) -> Option<CloseFrame> {
        while let Some(Ok(message)) = self.socket.next().await {
            if let Message::Close(frame) = message {
                return frame;
            }
        }
        None
    }
}
