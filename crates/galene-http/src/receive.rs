//! The bodies of requests: so much, within so much time, and no more.

use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use http::header::CONNECTION;
use http::{HeaderValue, Response};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::{Body as _, Incoming};
use tokio::time::timeout;

use crate::response::{self, Body};

/// How long a body may take. The longest there is takes that long at a megabit per second.
pub(crate) const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// How much is read of a body that is too long. Whoever sends more does not want an answer.
const MAX_DISCARDED_BYTES: usize = 4 << 20;

/// Why there is no body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unreceived {
    /// The client did not send all of it.
    Broken,
    /// There is more than is taken.
    TooLong,
    /// It took too long.
    TooSlow,
}

/// Reads a whole body.
pub(crate) async fn receive(body: Incoming, max_bytes: usize) -> Result<Bytes, Unreceived> {
    if body.size_hint().lower() > max_bytes as u64 {
        // Who is still sending when the connection is closed may never see the answer. Whether it
        // comes to its end does not matter.
        let _given_up = timeout(BODY_TIMEOUT, discard(body)).await;
        return Err(Unreceived::TooLong);
    }
    match timeout(BODY_TIMEOUT, Limited::new(body, max_bytes).collect()).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(Unreceived::TooLong),
        Ok(Err(_)) => Err(Unreceived::Broken),
        Err(_) => Err(Unreceived::TooSlow),
    }
}

/// Reads what is of no use, but not without end.
async fn discard(mut body: Incoming) {
    let mut discarded = 0;
    while let Some(Ok(frame)) = body.frame().await
        && discarded < MAX_DISCARDED_BYTES
    {
        discarded += frame.data_ref().map_or(0, Bytes::len);
    }
}

impl Unreceived {
    /// What the client is told.
    pub(crate) fn response(self) -> Response<Body> {
        let mut refusal = match self {
            Unreceived::Broken => {
                response::plain(StatusCode::BAD_REQUEST, "the body is incomplete")
            }
            Unreceived::TooLong => {
                response::plain(StatusCode::PAYLOAD_TOO_LARGE, "the body is too long")
            }
            Unreceived::TooSlow => {
                response::plain(StatusCode::REQUEST_TIMEOUT, "the body took too long")
            }
        };
        // What is still to come is not read.
        refusal.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        refusal
    }
}
