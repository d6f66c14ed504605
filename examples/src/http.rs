//! One request and its reply.

use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// The longest request. An offer of a browser has a few kilobytes.
const MAX_REQUEST_BYTES: usize = 64 << 10;
/// How long a caller may be silent before it has said what it wants.
const MAX_SILENCE: Duration = Duration::from_secs(5);

/// A request that waits for its reply.
#[derive(Debug)]
pub struct Exchange {
    /// What is to be done: `POST`.
    pub method: String,
    /// What was sent along.
    pub body: Vec<u8>,
    stream: TcpStream,
}

impl Exchange {
    /// Reads a request.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidData`] if it is too long or not complete, and what the socket says.
    pub fn read(mut stream: TcpStream) -> io::Result<Exchange> {
        stream.set_read_timeout(Some(MAX_SILENCE))?;
        let mut bytes = Vec::new();
        let mut buffer = [0; 4096];
        loop {
            let count = stream.read(&mut buffer)?;
            bytes.extend_from_slice(&buffer[..count]);
            if let Some((method, body)) = parse(&bytes) {
                return Ok(Exchange { method, body, stream });
            }
            if count == 0 || bytes.len() > MAX_REQUEST_BYTES {
                return Err(io::Error::new(ErrorKind::InvalidData, "no complete request"));
            }
        }
    }

    /// Replies with a status, further header lines and a body. Whoever has hung up misses it.
    pub fn reply(mut self, status: &str, headers: &[&str], body: &str) {
        let mut reply = format!("HTTP/1.1 {status}\r\nConnection: close\r\n");
        for header in headers {
            reply.push_str(header);
            reply.push_str("\r\n");
        }
        reply.push_str(&format!("Content-Length: {}\r\n\r\n{body}", body.len()));
        let _gone = self.stream.write_all(reply.as_bytes());
    }
}

/// Returns the method and the body of a request that is complete.
fn parse(bytes: &[u8]) -> Option<(String, Vec<u8>)> {
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
    let head = std::str::from_utf8(&bytes[..end]).ok()?;
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
    });
    let body = bytes[end + 4..].get(..length.unwrap_or(0))?;
    Some((head.split(' ').next()?.to_owned(), body.to_vec()))
}
