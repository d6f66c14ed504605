//! A server on a free port, and clients for it.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use futures_util::{SinkExt, StreamExt};
use galene_conference::{Command, Conference, Config, Event, ShardId};
use galene_group::{Description, GroupLookup, Loaded, LookupError, Misconfiguration, resolve};
use galene_http::{
    Control, GroupStore, HttpConfig, HttpServer, MediaLink, NoTokens, SiteSettings, listen,
};
use galene_protocol::GroupName;
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, watch};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;

/// A group that anybody may join, with one operator.
pub(crate) const OPEN: &str = r#"{
    "users": {"op": {"password": "secret", "permissions": "op"}},
    "wildcard-user": {"password": {"type": "wildcard"}, "permissions": "present"}
}"#;

/// Group files that are none.
#[derive(Debug, Default)]
pub(crate) struct Groups(Mutex<BTreeMap<String, String>>);

impl Groups {
    pub(crate) fn define(&self, name: &str, text: &str) {
        self.0.lock().unwrap().insert(name.to_owned(), text.to_owned());
    }
}

impl GroupStore for Groups {
    fn lookup(&self, group: &GroupName) -> Result<GroupLookup, LookupError> {
        let groups = self.0.lock().unwrap();
        resolve(group, |name| {
            let Some(text) = groups.get(name.as_str()) else { return Ok(None) };
            match Description::parse(text) {
                Ok(description) => {
                    Ok(Some(Loaded { description: Arc::new(description), problem: None }))
                }
                Err(error) => {
                    let file = format!("{name}.json");
                    Err(LookupError::Misconfigured(Arc::new(Misconfiguration { file, error })))
                }
            }
        })
    }

    fn public_groups(&self) -> Vec<GroupLookup> {
        let names: Vec<String> = self.0.lock().unwrap().keys().cloned().collect();
        let lookups =
            names.iter().filter_map(|name| self.lookup(&GroupName::parse(name).unwrap()).ok());
        lookups.filter(|lookup| lookup.description.public).collect()
    }
}

/// How to start a server.
#[derive(Default)]
pub(crate) struct Setup {
    pub(crate) tls: Option<Arc<rustls::ServerConfig>>,
    pub(crate) directory: Option<PathBuf>,
    pub(crate) recordings: Option<PathBuf>,
    pub(crate) settings: SiteSettings,
}

/// A running server, with the test as its media plane.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) groups: Arc<Groups>,
    pub(crate) control: Control,
    pub(crate) http: HttpServer,
    pub(crate) commands: mpsc::Receiver<Command>,
    pub(crate) events: mpsc::UnboundedSender<(ShardId, Event)>,
}

impl Server {
    /// Starts a server with the group `test`, which is open.
    pub(crate) fn start() -> Server {
        Server::with(Setup::default())
    }

    pub(crate) fn with(setup: Setup) -> Server {
        let groups = Arc::new(Groups::default());
        groups.define("test", OPEN);
        let (command_sender, commands) = mpsc::channel(100);
        let (events, event_receiver) = mpsc::unbounded_channel();
        let link = MediaLink { commands: vec![command_sender], events: event_receiver };
        let conference = Conference::new(Config::default(), 1);
        let control = Control::start(conference, groups.clone(), Arc::new(NoTokens), link);
        let listener = listen(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
        let config = HttpConfig {
            tls: setup.tls,
            directory: setup.directory,
            recordings: setup.recordings,
            ..HttpConfig::new(groups.clone(), watch::channel(Arc::new(setup.settings)).1)
        };
        let http = HttpServer::start(listener, config, control.handle().clone()).unwrap();
        Server { address: http.address().unwrap(), groups, control, http, commands, events }
    }

    /// Sends a request over a connection of its own.
    pub(crate) async fn request(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
    ) -> Reply {
        let stream = TcpStream::connect(self.address).await.unwrap();
        request(stream, method, path, headers).await
    }

    /// Sends a request with a body.
    pub(crate) async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Reply {
        let stream = TcpStream::connect(self.address).await.unwrap();
        let length = body.len().to_string();
        let mut all = vec![("Content-Length", length.as_str())];
        all.extend(headers);
        request_with_body(stream, method, path, &all, body).await
    }

    pub(crate) async fn get(&self, path: &str) -> Reply {
        self.request("GET", path, &[]).await
    }

    pub(crate) async fn client(&self, id: &str) -> Client {
        Client::connect(TcpStream::connect(self.address).await.unwrap(), id).await
    }

    /// Connects a client and lets it join the group `test`.
    pub(crate) async fn member(&self, id: &str) -> Client {
        let mut client = self.client(id).await;
        client.join("test", id, "").await;
        assert_eq!(client.wait_for("joined").await["kind"], "join");
        client
    }
}

/// An answer to a request.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: Vec<u8>,
}

impl Reply {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(String::as_str).unwrap_or_default()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }
}

pub(crate) async fn request(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
) -> Reply {
    request_with_body(stream, method, path, headers, "").await
}

/// Sends a request with a body, whose length has to be among the headers.
pub(crate) async fn request_with_body(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Reply {
    let mut head = format!("{method} {path} HTTP/1.1\r\nConnection: close\r\n");
    if !headers.iter().any(|(name, _)| *name == "Host") {
        head.push_str("Host: example.org\r\n");
    }
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str("\r\n");
    head.push_str(body);
    // The server may answer before it has read all of it.
    let _refused = stream.write_all(head.as_bytes()).await;
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).await.unwrap();
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n").unwrap();
    let head = std::str::from_utf8(&bytes[..end]).unwrap();
    let mut lines = head.split("\r\n");
    let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    let headers = lines
        .map(|line| line.split_once(": ").unwrap())
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    Reply { status, headers, body: bytes[end + 4..].to_vec() }
}

/// A client that has said its handshake.
pub(crate) struct Client<T = TcpStream> {
    pub(crate) socket: WebSocketStream<T>,
    pub(crate) id: String,
}

impl<T: AsyncRead + AsyncWrite + Unpin> Client<T> {
    pub(crate) async fn connect(stream: T, id: &str) -> Client<T> {
        let (socket, response) =
            tokio_tungstenite::client_async("ws://example.org/ws", stream).await.unwrap();
        assert_eq!(response.status(), 101);
        let mut client = Client { socket, id: id.to_owned() };
        client.send(json!({"type": "handshake", "version": ["2"], "id": id})).await;
        assert_eq!(client.next().await, json!({"type": "handshake", "version": ["2"]}));
        client
    }

    pub(crate) async fn send(&mut self, message: Value) {
        self.socket.send(Message::text(message.to_string())).await.unwrap();
    }

    pub(crate) async fn next(&mut self) -> Value {
        match self.socket.next().await {
            Some(Ok(Message::Text(text))) => serde_json::from_str(&text).unwrap(),
            other => panic!("{} expected a message, not {other:?}", self.id),
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

    /// How the connection ends, messages before that passed over.
    pub(crate) async fn close_frame(&mut self) -> Option<CloseFrame> {
        while let Some(Ok(message)) = self.socket.next().await {
            if let Message::Close(frame) = message {
                return frame;
            }
        }
        None
    }

    pub(crate) async fn join(&mut self, group: &str, username: &str, password: &str) {
        let join = json!({
            "type": "join", "kind": "join", "group": group, "username": username, "password": password
        });
        self.send(join).await;
    }

    pub(crate) async fn say(&mut self, text: &str) {
        let id = self.id.clone();
        self.send(json!({"type": "chat", "source": id, "username": id, "value": text})).await;
    }
}
