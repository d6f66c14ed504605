//! Responses and the headers that many of them share.

use std::borrow::Cow;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, IF_NONE_MATCH, LOCATION,
    REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};

pub(crate) use crate::body::Body;

const PERMISSIONS_POLICY: HeaderName = HeaderName::from_static("permissions-policy");
/// What pages of ours may use; other pages in frames of theirs may not.
const PERMISSIONS: HeaderValue = HeaderValue::from_static(
    "camera=(self), microphone=(self), display-capture=(self), speaker-selection=(self), \
     fullscreen=(self), screen-wake-lock=(self), geolocation=(), payment=(), usb=()",
);

/// Writes a time as headers have it (RFC 9110 §5.6.7), which have no words for one before 1970 or after 9999: the
/// nearest is given instead. File systems have such times.
pub(crate) fn http_date(time: SystemTime) -> String {
    /// The last second of 9999.
    const LAST: Duration = Duration::from_secs(253_402_300_799);

    httpdate::fmt_http_date(time.clamp(UNIX_EPOCH, UNIX_EPOCH + LAST))
}

/// A response with a body of a certain type.
pub(crate) fn with_body(
    status: StatusCode,
    content_type: &'static str,
    body: Bytes,
) -> Response<Body> {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// A short text for a person or a log.
pub(crate) fn plain(status: StatusCode, text: impl Into<Cow<'static, str>>) -> Response<Body> {
    let text = match text.into() {
        Cow::Borrowed(text) => Bytes::from_static(text.as_bytes()),
        Cow::Owned(text) => Bytes::from(text),
    };
    with_body(status, "text/plain; charset=utf-8", text)
}

/// A response without a body.
pub(crate) fn empty(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::default());
    *response.status_mut() = status;
    response
}

/// JSON that nobody keeps.
pub(crate) fn json(value: &impl serde::Serialize) -> Response<Body> {
    match serde_json::to_vec(value) {
        Ok(bytes) => {
            let mut response = with_body(StatusCode::OK, "application/json", bytes.into());
            response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
            response
        }
        Err(error) => {
            tracing::error!(%error, "a status cannot be written as JSON");
            plain(StatusCode::INTERNAL_SERVER_ERROR, "internal server error")
        }
    }
}

/// Another place, as an URL or a path. `None` if that cannot stand in a header.
pub(crate) fn redirect(status: StatusCode, location: &str) -> Option<Response<Body>> {
    let location = HeaderValue::from_str(location).ok()?;
    let mut response = empty(status);
    response.headers_mut().insert(LOCATION, location);
    Some(response)
}

/// Adds what keeps pages from doing more than they have to.
pub(crate) fn secure(headers: &mut HeaderMap, policy: &str) {
    // A policy that cannot stand in a header, as an odd URL is part of it, becomes the strictest one.
    let policy =
        HeaderValue::from_str(policy).unwrap_or(HeaderValue::from_static("default-src 'none'"));
    headers.insert(CONTENT_SECURITY_POLICY, policy);
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(PERMISSIONS_POLICY, PERMISSIONS);
}

/// Whether the client has that version already (RFC 9110 §13.1.2: the comparison is weak).
pub(crate) fn is_known(request: &HeaderMap, etag: &str) -> bool {
    let etag = etag.trim_start_matches("W/");
    let lists = request.get_all(IF_NONE_MATCH).into_iter().filter_map(|value| value.to_str().ok());
    let mut known = lists.flat_map(|list| list.split(',')).map(str::trim);
    known.any(|tag| tag == "*" || tag.trim_start_matches("W/") == etag)
}

/// Names the version of what is served, and how long it may be kept.
pub(crate) fn cacheable(headers: &mut HeaderMap, etag: &str, cache_control: &'static str) {
    if let Ok(etag) = HeaderValue::from_str(etag) {
        headers.insert(ETAG, etag);
    }
    headers.insert(CACHE_CONTROL, HeaderValue::from_static(cache_control));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_recognised_in_any_list() {
        let request = |value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(IF_NONE_MATCH, HeaderValue::from_static(value));
            headers
        };
        assert!(is_known(&request("\"a\", W/\"b\""), "\"b\""));
        assert!(is_known(&request("\"a\""), "W/\"a\""));
        assert!(is_known(&request("*"), "\"a\""));
        assert!(!is_known(&request("\"c\""), "\"a\""));
        assert!(!is_known(&HeaderMap::new(), "\"a\""));
    }

    #[test]
    fn a_time_that_headers_have_no_words_for_is_the_nearest_that_they_have() {
        let day = Duration::from_secs(86_400);
        assert_eq!(http_date(UNIX_EPOCH - day), "Thu, 01 Jan 1970 00:00:00 GMT");
        assert_eq!(http_date(UNIX_EPOCH + day), "Fri, 02 Jan 1970 00:00:00 GMT");
        assert_eq!(http_date(UNIX_EPOCH + day * 4_000_000), "Fri, 31 Dec 9999 23:59:59 GMT");
    }
}
