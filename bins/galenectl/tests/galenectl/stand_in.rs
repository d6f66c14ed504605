//! A server that writes down what it is asked and gives prepared answers.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::thread::{self, JoinHandle};

/// A request as it came: its first line, the headers that matter, and the body.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Request {
    pub(crate) line: String,
    pub(crate) headers: Vec<String>,
    pub(crate) body: String,
}

/// Which headers are written down.
const HEADERS: [&str; 4] = ["authorization", "content-type", "if-match", "if-none-match"];

/// A server with an answer for each request that it will get.
pub(crate) struct StandIn {
    pub(crate) url: String,
    thread: JoinHandle<Vec<Request>>,
}

impl StandIn {
    /// Starts a server. An answer is a status line, headers and after an empty line a body; line ends are
    /// put right.
    pub(crate) fn start(answers: &[&str]) -> StandIn {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let mut answers: VecDeque<String> = answers.iter().map(|answer| complete(answer)).collect();
        let thread = thread::spawn(move || {
            let mut requests = Vec::new();
            while !answers.is_empty() {
                let (stream, _) = listener.accept().unwrap();
                serve(stream, &mut answers, &mut requests);
            }
            requests
        });
        StandIn { url, thread }
    }

    /// Returns what it was asked, when it has been asked all that it has answers for.
    pub(crate) fn requests(self) -> Vec<Request> {
        self.thread.join().unwrap()
    }
}

fn complete(answer: &str) -> String {
    let (head, body) = answer.split_once("\n\n").unwrap_or((answer, ""));
    let head = head.replace('\n', "\r\n");
    format!("HTTP/1.1 {head}\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

fn serve(stream: TcpStream, answers: &mut VecDeque<String>, requests: &mut Vec<Request>) {
    let mut writer = stream.try_clone().unwrap();
    let mut reader = BufReader::new(stream);
    while !answers.is_empty() {
        let Some(request) = read(&mut reader) else { return };
        requests.push(request);
        writer.write_all(answers.pop_front().unwrap().as_bytes()).unwrap();
    }
}

fn read(reader: &mut impl BufRead) -> Option<Request> {
    let mut line = || {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    };
    let first = line();
    if first.is_empty() {
        return None;
    }
    let (mut headers, mut length) = (Vec::new(), 0);
    loop {
        let header = line();
        let Some((name, value)) = header.split_once(": ") else { break };
        if name == "content-length" {
            length = value.parse().unwrap();
        }
        if HEADERS.contains(&name) {
            headers.push(header);
        }
    }
    headers.sort();
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    Some(Request { line: first, headers, body: String::from_utf8(body).unwrap() })
}
