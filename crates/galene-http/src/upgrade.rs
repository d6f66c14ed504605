//! The HTTP side of the opening of a WebSocket (RFC 6455 §4.2).

use http::header::{
    ALLOW, CONNECTION, ORIGIN, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION,
    UPGRADE,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Version};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use crate::response::{self, Body};

/// Checks a request to open a WebSocket.
///
/// `host` is the name by which the client knows this server, and `allowed_origins` are the origins
/// besides its own whose pages may connect. Sub-protocols and extensions are passed over.
///
/// Returns the response that opens it, with status 101, or one that refuses.
pub(crate) fn upgrade<B>(
    request: &Request<B>,
    host: Option<&str>,
    allowed_origins: &[String],
) -> Response<Body> {
    let headers = request.headers();
    if request.method() != Method::GET {
        let mut refusal = response::plain(StatusCode::METHOD_NOT_ALLOWED, "method not allowed");
        refusal.headers_mut().insert(ALLOW, HeaderValue::from_static("GET"));
        return refusal;
    }
    // Over HTTP/2 there is another way to do it (RFC 8441), which no client here needs: browsers
    // fall back to a connection of their own.
    let asks = request.version() == Version::HTTP_11
        && has_token(headers, &CONNECTION, "upgrade")
        && has_token(headers, &UPGRADE, "websocket");
    if !asks {
        return refuse(StatusCode::BAD_REQUEST, "this is a WebSocket endpoint");
    }
    if headers.get(SEC_WEBSOCKET_VERSION).is_none_or(|version| version != "13") {
        return refuse(StatusCode::BAD_REQUEST, "unsupported WebSocket version");
    }
    // A key is 16 bytes in base64 (RFC 6455 §4.1).
    let Some(key) = headers.get(SEC_WEBSOCKET_KEY).filter(|key| key.len() == 24) else {
        return refuse(StatusCode::BAD_REQUEST, "no WebSocket key");
    };
    if !origin_is_allowed(headers.get(ORIGIN), host, allowed_origins) {
        return refuse(StatusCode::FORBIDDEN, "origin not allowed");
    }
    let accept = derive_accept_key(key.as_bytes());
    let mut response = response::empty(StatusCode::SWITCHING_PROTOCOLS);
    let headers = response.headers_mut();
    headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    let accept = HeaderValue::from_str(&accept).expect("base64 is plain ASCII");
    headers.insert(SEC_WEBSOCKET_ACCEPT, accept);
    response
}

fn refuse(status: StatusCode, why: &'static str) -> Response<Body> {
    let mut response = response::plain(status, why);
    response.headers_mut().insert(SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
    response
}

fn has_token(headers: &HeaderMap, name: &HeaderName, token: &str) -> bool {
    let values = headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|t| t.trim().eq_ignore_ascii_case(token))
}

/// Whether a page of that origin may connect. Programs other than browsers send no origin.
pub(crate) fn origin_is_allowed(
    origin: Option<&HeaderValue>,
    host: Option<&str>,
    allowed: &[String],
) -> bool {
    let Some(origin) = origin else { return true };
    let Ok(origin) = origin.to_str() else { return false };
    let origin_host = origin.split_once("://").map(|(_, host)| host);
    let same_host = match (origin_host, host) {
        (Some(origin_host), Some(host)) => origin_host.eq_ignore_ascii_case(host),
        (None, _) | (_, None) => false,
    };
    same_host || allowed.iter().any(|allowed| allowed.eq_ignore_ascii_case(origin))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request() -> http::request::Builder {
        Request::get("/ws")
            .header(CONNECTION, "keep-alive, Upgrade")
            .header(UPGRADE, "WebSocket")
            .header(SEC_WEBSOCKET_VERSION, "13")
            .header(SEC_WEBSOCKET_KEY, "dGhlIHNhbXBsZSBub25jZQ==")
    }

    fn status(request: http::request::Builder, allowed: &[String]) -> u16 {
        let request = request.body(()).expect("a valid request");
        upgrade(&request, Some("example.org:8443"), allowed).status().as_u16()
    }

    #[test]
    fn the_key_is_answered_as_in_the_rfc() {
        let request = request().body(()).expect("a valid request");
        let response = upgrade(&request, None, &[]);
        // RFC 6455 §1.3
        assert_eq!(response.headers()[SEC_WEBSOCKET_ACCEPT], "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }

    #[test]
    fn what_is_no_upgrade_is_refused() {
        assert_eq!(status(request(), &[]), 101);
        assert_eq!(status(request().method(Method::POST), &[]), 405);
        assert_eq!(status(request().version(Version::HTTP_2), &[]), 400);
        assert_eq!(status(Request::get("/ws"), &[]), 400);
        let version_8 = Request::get("/ws")
            .header(CONNECTION, "upgrade")
            .header(UPGRADE, "websocket")
            .header(SEC_WEBSOCKET_VERSION, "8")
            .header(SEC_WEBSOCKET_KEY, "dGhlIHNhbXBsZSBub25jZQ==");
        assert_eq!(status(version_8, &[]), 400);
    }

    #[test]
    fn only_our_own_pages_and_listed_ones_may_connect() {
        let from = |origin: &str| request().header(ORIGIN, origin);
        assert_eq!(status(from("https://EXAMPLE.org:8443"), &[]), 101);
        for origin in
            ["https://example.org", "https://evil.example", "null", "https://example.org:8443.evil"]
        {
            assert_eq!(status(from(origin), &[]), 403, "{origin}");
        }
        let allowed = ["https://other.example".to_owned()];
        assert_eq!(status(from("https://Other.example"), &allowed), 101);
        assert_eq!(status(from("http://other.example"), &allowed), 403);
        assert_eq!(status(from("https://evil.example"), &["*".to_owned()]), 403);
    }
}
