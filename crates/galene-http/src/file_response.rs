//! A file as a response: conditions, ranges, and the headers that go with them.

use bytes::Bytes;
use http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG, LAST_MODIFIED,
    X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, HeaderValue, Response, StatusCode};

use crate::body::{Body, FileBody, seek};
use crate::conditions::{self, Verdict, Version, Wanted};
use crate::directory::File;
use crate::disk::Disk;
use crate::response::{self, http_date};

/// Answers a request for a file.
pub(crate) async fn respond(
    disk: &Disk,
    file: File,
    request: &HeaderMap,
    cache_control: &'static str,
) -> Response<Body> {
    let File { content_type, etag, length, modified, mut contents } = file;
    let version = Version { etag: &etag, modified };
    let mut response = match conditions::check(request, version) {
        Verdict::Failed => {
            return response::plain(StatusCode::PRECONDITION_FAILED, "it has changed");
        }
        Verdict::NotModified => response::empty(StatusCode::NOT_MODIFIED),
        Verdict::Proceed => {
            let (status, first, count) = match conditions::range(request, version, length) {
                Wanted::Whole => (StatusCode::OK, 0, length),
                Wanted::Part { first, last } => {
                    (StatusCode::PARTIAL_CONTENT, first, last - first + 1)
                }
                Wanted::Nothing => return not_satisfiable(length),
            };
            let sought = disk.run(move || seek(&mut contents, first).map(|()| contents)).await;
            let contents = match sought.flatten() {
                Ok(contents) => contents,
                Err(error) => {
                    tracing::warn!(%error, "a file cannot be read");
                    return response::plain(
                        StatusCode::INTERNAL_SERVER_ERROR,
                        "internal server error",
                    );
                }
            };
            let body = Body::File(FileBody::new(disk.clone(), contents, count));
            let mut response = Response::new(body);
            *response.status_mut() = status;
            let headers = response.headers_mut();
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
            headers.insert(CONTENT_LENGTH, count.into());
            if status == StatusCode::PARTIAL_CONTENT {
                let range = format!("bytes {first}-{}/{length}", first + count - 1);
                headers.insert(CONTENT_RANGE, header(&range));
            }
            response
        }
    };
    let headers = response.headers_mut();
    headers.insert(ETAG, header(&etag));
    headers.insert(LAST_MODIFIED, header(&http_date(modified)));
    headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static(cache_control));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

fn not_satisfiable(length: u64) -> Response<Body> {
    let mut refusal =
        response::with_body(StatusCode::RANGE_NOT_SATISFIABLE, "text/plain", Bytes::new());
    refusal.headers_mut().insert(CONTENT_RANGE, header(&format!("bytes */{length}")));
    refusal
}

fn header(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).expect("digits, dates and quotes can stand in a header")
}
