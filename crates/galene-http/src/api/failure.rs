//! Why something was not done, as the client is told.

use std::time::Duration;

use galene_store::{FileError, PreconditionFailed, ReadError, WriteError};
use http::header::{ACCEPT, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, Response, StatusCode};

use crate::random::NoRandomness;
use crate::receive::Unreceived;
use crate::response::{self, Body, plain};

/// How many seconds a client is asked to wait that came at a bad moment.
const RETRY_SECONDS: u64 = 1;

/// What went wrong.
#[derive(Debug)]
pub(crate) enum Failure {
    /// 400, and why.
    BadRequest(String),
    /// 401: these are no credentials of an administrator.
    Unauthorised,
    /// 403, and why.
    Forbidden(&'static str),
    /// 404
    NotFound,
    /// 409, and why.
    Conflict(String),
    /// 304 or 412.
    Precondition(PreconditionFailed),
    /// There is no body, or only a part of it.
    Unreceived(Unreceived),
    /// 415, and what is expected.
    UnsupportedMediaType(&'static str),
    /// 429: there were too many wrong credentials, and none are looked at for so long.
    TooManyAttempts(Duration),
    /// 503: others are served before.
    Busy,
    /// 500: the log says what.
    Internal,
}

impl Failure {
    /// Writes it down. `fetches` if nothing was to be changed.
    pub(crate) fn response(self, fetches: bool) -> Response<Body> {
        match self {
            Failure::BadRequest(why) => plain(StatusCode::BAD_REQUEST, why),
            Failure::Unauthorised => {
                let mut refusal = plain(StatusCode::UNAUTHORIZED, "not authorised");
                let challenge = HeaderValue::from_static("basic realm=\"/galene-api/\"");
                refusal.headers_mut().insert(WWW_AUTHENTICATE, challenge);
                refusal
            }
            Failure::Forbidden(why) => plain(StatusCode::FORBIDDEN, why),
            Failure::NotFound => plain(StatusCode::NOT_FOUND, "not found"),
            Failure::Conflict(why) => plain(StatusCode::CONFLICT, why),
            Failure::Precondition(PreconditionFailed::NoneMatch) if fetches => {
                response::empty(StatusCode::NOT_MODIFIED)
            }
            Failure::Precondition(failed) => {
                plain(StatusCode::PRECONDITION_FAILED, failed.to_string())
            }
            Failure::Unreceived(unreceived) => unreceived.response(),
            Failure::UnsupportedMediaType(expected) => {
                let why = format!("expected {expected}");
                let mut refusal = plain(StatusCode::UNSUPPORTED_MEDIA_TYPE, why);
                refusal.headers_mut().insert(ACCEPT, HeaderValue::from_static(expected));
                refusal
            }
            Failure::TooManyAttempts(wait) => too_many_attempts(wait),
            Failure::Busy => {
                let mut refusal = plain(StatusCode::SERVICE_UNAVAILABLE, "please try again");
                refusal.headers_mut().insert(RETRY_AFTER, RETRY_SECONDS.into());
                refusal
            }
            Failure::Internal => plain(StatusCode::INTERNAL_SERVER_ERROR, "internal server error"),
        }
    }
}

/// Refuses somebody who was wrong too often.
pub(crate) fn too_many_attempts(wait: Duration) -> Response<Body> {
    let mut refusal = plain(StatusCode::TOO_MANY_REQUESTS, "too many wrong passwords");
    // Rounded up, so that the next attempt is not too early.
    refusal.headers_mut().insert(RETRY_AFTER, (wait.as_secs() + 1).into());
    refusal
}

impl From<PreconditionFailed> for Failure {
    fn from(failed: PreconditionFailed) -> Failure {
        Failure::Precondition(failed)
    }
}

impl From<FileError> for Failure {
    fn from(error: FileError) -> Failure {
        tracing::error!(%error, "a file cannot be used");
        Failure::Internal
    }
}

impl From<ReadError> for Failure {
    fn from(error: ReadError) -> Failure {
        match error {
            ReadError::NotFound => Failure::NotFound,
            ReadError::File(error) => error.into(),
            error => {
                tracing::error!(%error, "a file cannot be used");
                Failure::Internal
            }
        }
    }
}

impl From<WriteError> for Failure {
    fn from(error: WriteError) -> Failure {
        match error {
            WriteError::Busy(_) => Failure::Busy,
            WriteError::Invalid(invalid) => Failure::BadRequest(with_cause(&invalid)),
            WriteError::OtherGroup | WriteError::TooManyTokens => {
                Failure::Conflict(error.to_string())
            }
            WriteError::Precondition(failed) => failed.into(),
            WriteError::Read(error) => error.into(),
            WriteError::Unwritable { .. } | _ => {
                tracing::error!(error = with_cause(&error), "a file cannot be changed");
                Failure::Internal
            }
        }
    }
}

impl From<NoRandomness> for Failure {
    fn from(NoRandomness: NoRandomness) -> Failure {
        Failure::Internal
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Failure {
        tracing::error!(%error, "a change was not finished");
        Failure::Internal
    }
}

fn with_cause(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}
