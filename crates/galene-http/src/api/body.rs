//! The bodies of requests to the administrative interface.

use http::HeaderMap;
use http::header::CONTENT_TYPE;
use hyper::body::Incoming;

use super::failure::Failure;
use crate::receive;

/// The most bytes of a body. Galène's own limit.
const MAX_BODY_BYTES: usize = 1 << 20;

/// Reads a body of a media type, whose parameters do not matter.
pub(crate) async fn receive(
    headers: &HeaderMap,
    body: Incoming,
    media_type: &'static str,
) -> Result<String, Failure> {
    let given = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = given.split(';').next().unwrap_or_default().trim();
    if !essence.eq_ignore_ascii_case(media_type) {
        return Err(Failure::UnsupportedMediaType(media_type));
    }
    let bytes = receive::receive(body, MAX_BODY_BYTES).await.map_err(Failure::Unreceived)?;
    String::from_utf8(bytes.into())
        .map_err(|_| Failure::BadRequest("the body is not UTF-8".to_owned()))
}
