//! What can go wrong, in one line.

use std::io;
use std::path::PathBuf;

use galene_store::FileError;
use http::{Method, StatusCode};

use crate::pattern::MalformedPattern;

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The server's answer makes no sense.
    #[error("the server's answer is not as expected: {0}")]
    Answer(String),
    /// A file cannot be used.
    #[error(transparent)]
    File(#[from] FileError),
    /// A file exists, and is not to be overwritten.
    #[error("{} exists already", .0.display())]
    FileExists(PathBuf),
    /// A password cannot be hashed in this way.
    #[error(transparent)]
    Password(#[from] galene_auth::PasswordError),
    /// A pattern is malformed.
    #[error(transparent)]
    Pattern(#[from] MalformedPattern),
    /// Nothing can be printed.
    #[error("cannot print")]
    Print(#[source] io::Error),
    /// Nothing can be asked.
    #[error("cannot ask for a password")]
    Prompt(#[source] io::Error),
    /// There are no random bytes.
    #[error("the system gives no random bytes")]
    Random,
    /// The server refuses.
    #[error("{method} {url}: {status}{}", hint(*.status, .text))]
    Status { method: Method, url: String, status: StatusCode, text: String },
    /// The template is no JSON object.
    #[error("standard input is not a JSON object: {0}")]
    Template(serde_json::Error),
    /// The server cannot be reached.
    #[error("cannot reach {url}{}", certificate_hint(source.as_ref()))]
    Transport { url: String, source: Box<dyn std::error::Error + Send + Sync> },
    /// What was asked for makes no sense.
    #[error("{0}")]
    Usage(String),
    /// A file cannot be written.
    #[error("cannot write {}", path.display())]
    Write { path: PathBuf, source: io::Error },
}

impl Error {
    /// Returns the error and its causes in one line.
    pub(crate) fn line(&self) -> String {
        let mut line = self.to_string();
        let mut source = std::error::Error::source(self);
        while let Some(cause) = source {
            let cause_text = cause.to_string();
            if !line.contains(&cause_text) {
                line.push_str(": ");
                line.push_str(&cause_text);
            }
            source = cause.source();
        }
        line.replace('\n', " ")
    }

    pub(crate) fn to_json(&self) -> serde_json::Value {
        let mut json = serde_json::json!({ "error": self.line() });
        if let Error::Status { status, .. } = self {
            json["status"] = status.as_u16().into();
        }
        json
    }

    pub(crate) fn is_broken_pipe(&self) -> bool {
        matches!(self, Error::Print(error) if error.kind() == io::ErrorKind::BrokenPipe)
    }

    /// Whether somebody else has changed the thing in the meantime.
    pub(crate) fn is_conflict(&self) -> bool {
        matches!(self, Error::Status { status: StatusCode::PRECONDITION_FAILED, .. })
    }
}

/// What the server says besides the status, or what is most likely wrong.
fn hint(status: StatusCode, text: &str) -> String {
    let hint = match status {
        StatusCode::UNAUTHORIZED => {
            "wrong administrator's name, password or token, or `writableGroups` is not set in the server's config.json"
        }
        StatusCode::FORBIDDEN if text.is_empty() => {
            "`writableGroups` is not set in the server's config.json"
        }
        StatusCode::NOT_FOUND => "there is no such group, user or token",
        StatusCode::PRECONDITION_FAILED => "it exists already, or somebody else has changed it",
        _ => text,
    };
    if hint.is_empty() { String::new() } else { format!(" ({hint})") }
}

fn certificate_hint(source: &(dyn std::error::Error + 'static)) -> &'static str {
    let mut cause = Some(source);
    while let Some(error) = cause {
        if error.to_string().contains("certificate") {
            return " (-insecure accepts a certificate that nobody vouches for)";
        }
        cause = error.source();
    }
    ""
}
