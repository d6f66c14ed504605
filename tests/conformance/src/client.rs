//! A client of the signalling protocol.

use std::net::TcpStream;
use std::time::Duration;

use serde_json::{Value, json};
use tungstenite::client::IntoClientRequest;
use tungstenite::http::{HeaderName, HeaderValue};
use tungstenite::protocol::CloseFrame;
use tungstenite::{Message, WebSocket};

use crate::connect::connect;

/// How long a test waits for something before it has failed. Nothing takes nearly as long.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A WebSocket, and who is at our end of it.
#[derive(Debug)]
pub struct Client {
    socket: WebSocket<TcpStream>,
    /// The id that it gave in its handshake.
    pub id: String,
}

/// How a connection ended.
#[derive(Debug)]
pub struct End {
    /// What came before the end, in order.
    pub messages: Vec<Value>,
    /// The close code, if there was a close frame with one (RFC 6455 §7.4).
    pub code: Option<u16>,
    /// The reason in the close frame.
    pub reason: String,
}

impl Client {
    /// Opens a WebSocket with these headers besides the usual.
    ///
    /// # Panics
    ///
    /// Panics if the server does not open it.
    pub fn connect(host: &str, headers: &[(&str, &str)]) -> Client {
        let stream = connect(host);
        stream.set_nodelay(true).expect("a socket of TCP");
        let mut request = format!("ws://{host}/ws").into_client_request().expect("a valid URL");
        for (name, value) in headers {
            let name: HeaderName = name.parse().expect("a valid name");
            let value = HeaderValue::from_str(value).expect("a valid value");
            request.headers_mut().insert(name, value);
        }
        let (socket, _) = tungstenite::client(request, stream).expect("the server opens it");
        Client { socket, id: String::new() }
    }

    /// Says the handshake and takes in the server's.
    pub fn shake_hands(&mut self, id: &str) {
        id.clone_into(&mut self.id);
        self.send(json!({ "type": "handshake", "version": ["2"], "id": id }));
        assert_eq!(self.expect("handshake")["version"], json!(["2"]));
    }

    /// Sends a message.
    pub fn send(&mut self, message: Value) {
        self.send_text(&message.to_string());
    }

    /// Sends any text.
    pub fn send_text(&mut self, text: &str) {
        self.send_frame(Message::text(text));
    }

    /// Sends bytes.
    pub fn send_binary(&mut self, bytes: &[u8]) {
        self.send_frame(Message::binary(bytes.to_vec()));
    }

    fn send_frame(&mut self, frame: Message) {
        // If the server has closed the connection by now, the next thing received tells how.
        let _sent = self.socket.send(frame);
    }

    /// Sends a join, and returns the first `joined` that follows.
    pub fn join(&mut self, group: &str, username: &str, password: &str) -> Value {
        self.join_with(json!({ "group": group, "username": username, "password": password }))
    }

    /// Sends a join with these members besides type and kind, and returns the first `joined` that
    /// follows.
    pub fn join_with(&mut self, members: Value) -> Value {
        let mut join = json!({ "type": "join", "kind": "join" });
        let members = members.as_object().expect("an object").clone();
        join.as_object_mut().expect("an object").extend(members);
        self.send(join);
        self.wait_for("joined")
    }

    /// Returns the next message.
    ///
    /// # Panics
    ///
    /// Panics if the connection ends, or if nothing comes.
    pub fn receive(&mut self) -> Value {
        match self.read() {
            Ok(message) => message,
            Err(end) => panic!("{} was closed: {end:?}", self.id),
        }
    }

    /// Returns the next message, which must be of this type.
    pub fn expect(&mut self, kind: &str) -> Value {
        let message = self.receive();
        assert_eq!(message["type"], kind, "{message}");
        message
    }

    /// Returns the next message of this type and passes over all before.
    pub fn wait_for(&mut self, kind: &str) -> Value {
        self.wait_until(|message| message["type"] == kind)
    }

    /// Returns the next message that is wanted and passes over all before.
    pub fn wait_until(&mut self, mut wanted: impl FnMut(&Value) -> bool) -> Value {
        loop {
            let message = self.receive();
            if wanted(&message) {
                return message;
            }
        }
    }

    /// Returns all that was said to this client before the server has done what it was told so far.
    pub fn drain(&mut self) -> Vec<Value> {
        self.send(json!({ "type": "ping" }));
        let mut messages = Vec::new();
        loop {
            let message = self.receive();
            if message["type"] == "pong" {
                return messages;
            }
            messages.push(message);
        }
    }

    /// Waits until the server has done what it was told by this client so far, and checks that it had
    /// nothing to say to that.
    pub fn nothing(&mut self) {
        let messages = self.drain();
        assert!(messages.is_empty(), "{} was told {messages:?}", self.id);
    }

    /// Returns the text of the error that comes next. The connection goes on.
    pub fn refused(&mut self) -> String {
        let error = self.receive();
        assert_eq!(error["type"], "usermessage", "{error}");
        assert_eq!(error["kind"], "error", "{error}");
        assert_eq!(error["privileged"], true, "{error}");
        assert_eq!(error["source"], Value::Null, "{error}");
        let text = error["value"].as_str().expect("an error is a text").to_owned();
        assert!(!text.is_empty());
        self.nothing();
        text
    }

    /// Sends a message that ends the connection with this code, and an error before if the code says
    /// that the client is wrong. Returns what the server said last.
    pub fn fatal(mut self, message: Value, code: u16) -> String {
        self.send(message);
        let end = self.end();
        assert_eq!(end.code, Some(code), "{end:?}");
        let Some(last) = end.messages.last() else { return String::new() };
        assert_eq!((&last["type"], &last["kind"]), (&json!("usermessage"), &json!("error")));
        last["value"].as_str().expect("an error is a text").to_owned()
    }

    /// Waits till the server closes the connection.
    pub fn end(mut self) -> End {
        let mut messages = Vec::new();
        loop {
            match self.read() {
                Ok(message) => messages.push(message),
                Err(end) => return End { messages, ..end },
            }
        }
    }

    /// Closes the connection as a browser does, and waits for the server to agree.
    pub fn leave_for_good(mut self) {
        self.socket.close(None).expect("an open connection");
        self.end();
    }

    fn read(&mut self) -> Result<Value, End> {
        loop {
            match self.socket.read() {
                Ok(Message::Text(text)) => {
                    return Ok(serde_json::from_str(&text).expect("the server speaks JSON"));
                }
                Ok(Message::Close(frame)) => return Err(End::of(frame)),
                Ok(Message::Ping(_) | Message::Pong(_)) => {}
                Ok(other @ (Message::Binary(_) | Message::Frame(_))) => {
                    panic!("the server sends text, not {other:?}")
                }
                Err(tungstenite::Error::Io(error))
                    if error.kind() == std::io::ErrorKind::WouldBlock =>
                {
                    panic!("{} waits for something that does not come", self.id)
                }
                // Without a close frame.
                Err(_) => return Err(End::of(None)),
            }
        }
    }
}

impl End {
    fn of(frame: Option<CloseFrame>) -> End {
        End {
            messages: Vec::new(),
            code: frame.as_ref().map(|frame| frame.code.into()),
            reason: frame.map(|frame| frame.reason.to_string()).unwrap_or_default(),
        }
    }
}
