//! A client for HTTP/1.1 that changes nothing of what it is told to send.

use std::fmt::Write as _;
use std::io::{Read, Write};

use serde_json::Value;

use crate::connect::connect;

/// A request to be sent.
#[derive(Debug)]
pub struct Request {
    address: String,
    host: String,
    head: String,
    body: String,
}

impl Request {
    /// Prepares a request to the server at this host and port.
    pub fn new(address: &str, method: &str, path: &str) -> Request {
        let head = format!("{method} {path} HTTP/1.1\r\nConnection: close\r\n");
        Request { address: address.to_owned(), host: address.to_owned(), head, body: String::new() }
    }

    /// Names another host than the one that is spoken to.
    #[must_use]
    pub fn host(mut self, host: &str) -> Request {
        host.clone_into(&mut self.host);
        self
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Request {
        write!(self.head, "{name}: {value}\r\n").expect("a string takes everything");
        self
    }

    /// Sends a body of this type.
    #[must_use]
    pub fn body(mut self, content_type: &str, body: &str) -> Request {
        body.clone_into(&mut self.body);
        self.header("Content-Type", content_type)
    }

    /// Sends a body of JSON.
    #[must_use]
    pub fn json(self, body: &Value) -> Request {
        self.body("application/json", &body.to_string())
    }

    /// Sends it and waits for the reply.
    ///
    /// # Panics
    ///
    /// Panics if the server does not reply in HTTP/1.1.
    pub fn send(self) -> Reply {
        let Request { address, host, head, body } = self;
        let mut stream = connect(&address);
        let length = body.len();
        let bytes = format!("{head}Host: {host}\r\nContent-Length: {length}\r\n\r\n{body}");
        // The server may refuse a request before it has read all of it.
        let _sent = stream.write_all(bytes.as_bytes());
        let mut reply = Vec::new();
        let mut buffer = [0; 16 << 10];
        loop {
            match stream.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => reply.extend_from_slice(&buffer[..count]),
                // What was not read of the body resets the connection after the reply.
                Err(_) if !reply.is_empty() => break,
                Err(error) => panic!("no reply to {head:?}: {error}"),
            }
        }
        Reply::parse(&reply)
    }
}

/// What came back.
#[derive(Debug)]
pub struct Reply {
    /// The status code.
    pub status: u16,
    headers: Vec<(String, String)>,
    /// The body.
    pub body: String,
}

impl Reply {
    fn parse(bytes: &[u8]) -> Reply {
        let text = String::from_utf8_lossy(bytes);
        let (head, body) =
            text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no HTTP: {text:?}"));
        let mut lines = head.lines();
        let status = lines.next().and_then(|line| line.split(' ').nth(1)?.parse().ok());
        let headers = lines.filter_map(|line| line.split_once(": "));
        let headers: Vec<_> =
            headers.map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned())).collect();
        let mut reply = Reply {
            status: status.unwrap_or_else(|| panic!("no status: {head:?}")),
            headers,
            body: body.to_owned(),
        };
        if reply.header("transfer-encoding").is_some_and(|coding| coding == "chunked") {
            reply.body = unchunk(body);
        }
        reply
    }

    /// Returns a header; several of the same name are joined by commas.
    pub fn header(&self, name: &str) -> Option<String> {
        let values = self.headers.iter().filter(|(n, _)| n.eq_ignore_ascii_case(name));
        let values: Vec<&str> = values.map(|(_, value)| value.as_str()).collect();
        (!values.is_empty()).then(|| values.join(", "))
    }

    /// Returns whether a header that is a list has this entry.
    pub fn lists(&self, name: &str, entry: &str) -> bool {
        let list = self.header(name).unwrap_or_default();
        list.split(',').any(|listed| listed.trim().eq_ignore_ascii_case(entry))
    }

    /// Returns the body as JSON.
    ///
    /// # Panics
    ///
    /// Panics if it is none.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }
}

/// Joins the chunks of a body (RFC 9112 §7.1).
fn unchunk(mut rest: &str) -> String {
    let mut whole = String::new();
    while let Some((size, tail)) = rest.split_once("\r\n") {
        let size = usize::from_str_radix(size, 16).expect("the size of a chunk");
        if size == 0 {
            break;
        }
        whole.push_str(&tail[..size]);
        rest = &tail[size + 2..];
    }
    whole
}
