//! The pages that people see: the embedded web client, or the operator's own.

use std::io;
use std::path::Path;

use galene_web::Asset;
use http::header::{
    ACCEPT_ENCODING, ACCEPT_RANGES, CACHE_CONTROL, CONTENT_ENCODING, ETAG, LAST_MODIFIED, VARY,
};
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};

use crate::directory::{Directory, File, Found};
use crate::disk::Disk;
use crate::response::{self, Body};
use crate::{file_response, path};

/// What Galène's own client needs; the embedded one needs less.
const DIRECTORY_POLICY: &str = "connect-src ws: wss: 'self'; img-src 'self'; media-src blob: 'self'; \
                                script-src 'unsafe-eval' 'self'; default-src 'self'";
/// How long a file of the operator's may be kept without asking. Galène's choice.
const DIRECTORY_CACHE: &str = "max-age=1800";
/// The same for what others have made, which changes with a new version of the client at most.
const THIRD_PARTY_CACHE: &str = "max-age=86400";

/// Which pages are served.
#[derive(Debug)]
pub(crate) enum Front {
    /// Those in the program.
    Embedded,
    /// Those in a directory, under the names that Galène's client has.
    Directory(Directory, Disk),
}

impl Front {
    pub(crate) fn open(directory: Option<&Path>, disk: Disk) -> io::Result<Front> {
        Ok(match directory {
            None => Front::Embedded,
            Some(directory) => Front::Directory(Directory::open(directory)?, disk),
        })
    }

    /// The file at a clean, decoded path.
    pub(crate) async fn file<B>(&self, path: String, request: &Request<B>) -> Response<Body> {
        match self {
            Front::Embedded if path == "/admin" => {
                let query = request.uri().query().map(|query| format!("?{query}"));
                let location = format!("/admin/{}", query.unwrap_or_default());
                match response::redirect(StatusCode::PERMANENT_REDIRECT, &location) {
                    Some(response) => response,
                    None => self.not_found().await,
                }
            }
            Front::Embedded => {
                let asset = match path.as_str() {
                    "/" | "/index.html" => Some(galene_web::index()),
                    // Galène's page of statistics is a part of ours.
                    "/admin/" | "/admin.html" | "/stats.html" => Some(galene_web::admin()),
                    "/change-password.html" => Some(galene_web::change_password()),
                    path => galene_web::asset(path),
                };
                match asset {
                    Some(asset) => {
                        let policy = galene_web::content_security_policy();
                        embedded(StatusCode::OK, asset, policy, request.headers())
                    }
                    None => self.not_found().await,
                }
            }
            Front::Directory(directory, disk) => match find(directory, disk, path.clone()).await {
                Found::File(file) => {
                    let is_third_party = path.starts_with("/third-party/");
                    let cache = if is_third_party { THIRD_PARTY_CACHE } else { DIRECTORY_CACHE };
                    send(disk, file, cache, None, request.headers()).await
                }
                Found::Directory => {
                    let query =
                        request.uri().query().map(|query| format!("?{query}")).unwrap_or_default();
                    let location = format!("{}/{query}", path::encode(&path));
                    match response::redirect(StatusCode::PERMANENT_REDIRECT, &location) {
                        Some(response) => response,
                        None => self.not_found().await,
                    }
                }
                Found::NoIndex => response::plain(StatusCode::FORBIDDEN, "forbidden"),
                Found::Nothing => self.not_found().await,
            },
        }
    }

    /// The page of a group, whose members may have to talk to `auth_server` before they can join.
    pub(crate) async fn group(
        &self,
        auth_server: Option<&str>,
        request: &HeaderMap,
    ) -> Response<Body> {
        match self {
            Front::Embedded => {
                let policy = with_auth_server(galene_web::content_security_policy(), auth_server);
                embedded(StatusCode::OK, galene_web::group(), &policy, request)
            }
            Front::Directory(directory, disk) => {
                match find(directory, disk, "/galene.html".to_owned()).await {
                    Found::File(file) => {
                        send(disk, file, DIRECTORY_CACHE, auth_server, request).await
                    }
                    Found::Directory | Found::NoIndex | Found::Nothing => self.not_found().await,
                }
            }
        }
    }

    /// The page for what does not exist.
    pub(crate) async fn not_found(&self) -> Response<Body> {
        let nothing_known = HeaderMap::new();
        match self {
            Front::Embedded => {
                let policy = galene_web::content_security_policy();
                embedded(StatusCode::NOT_FOUND, galene_web::not_found(), policy, &nothing_known)
            }
            Front::Directory(directory, disk) => {
                match find(directory, disk, "/404.html".to_owned()).await {
                    Found::File(file) => {
                        let mut page =
                            send(disk, file, DIRECTORY_CACHE, None, &nothing_known).await;
                        *page.status_mut() = StatusCode::NOT_FOUND;
                        for of_the_page in [ETAG, LAST_MODIFIED, CACHE_CONTROL, ACCEPT_RANGES] {
                            page.headers_mut().remove(of_the_page);
                        }
                        page
                    }
                    Found::Directory | Found::NoIndex | Found::Nothing => {
                        response::plain(StatusCode::NOT_FOUND, "not found")
                    }
                }
            }
        }
    }
}

async fn send(
    disk: &Disk,
    file: File,
    cache: &'static str,
    auth_server: Option<&str>,
    request: &HeaderMap,
) -> Response<Body> {
    let mut response = file_response::respond(disk, file, request, cache).await;
    response::secure(response.headers_mut(), &with_auth_server(DIRECTORY_POLICY, auth_server));
    response
}

async fn find(directory: &Directory, disk: &Disk, path: String) -> Found {
    let directory = directory.clone();
    disk.run(move || directory.find(&path)).await.unwrap_or(Found::Nothing)
}

fn embedded(
    status: StatusCode,
    asset: &'static Asset,
    policy: &str,
    request: &HeaderMap,
) -> Response<Body> {
    let cache = asset.cache.header_value();
    let mut response = if response::is_known(request, asset.etag) {
        response::empty(StatusCode::NOT_MODIFIED)
    } else {
        let brotli = asset.brotli.filter(|_| accepts_brotli(request));
        let body = bytes::Bytes::from_static(brotli.unwrap_or(asset.bytes));
        let mut response = response::with_body(status, asset.content_type, body);
        if brotli.is_some() {
            response.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static("br"));
        }
        response
    };
    let headers = response.headers_mut();
    if asset.brotli.is_some() {
        headers.insert(VARY, HeaderValue::from_static("Accept-Encoding"));
    }
    if status == StatusCode::OK {
        response::cacheable(headers, asset.etag, cache);
    }
    if asset.content_type.starts_with("text/html") {
        response::secure(headers, policy);
    }
    response
}

/// Whether the client takes brotli (RFC 9110 §12.5.3).
fn accepts_brotli(request: &HeaderMap) -> bool {
    let values =
        request.get_all(ACCEPT_ENCODING).into_iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|coding| {
        let (name, weight) = coding.split_once(';').unwrap_or((coding, ""));
        let weight =
            weight.trim().strip_prefix("q=").and_then(|q| q.parse().ok()).unwrap_or(1.0_f32);
        name.trim().eq_ignore_ascii_case("br") && weight > 0.0
    })
}

/// Lets a page talk to one more server.
fn with_auth_server(policy: &str, auth_server: Option<&str>) -> String {
    match auth_server {
        // What separates words and directives cannot be part of an URL here.
        Some(server) if !server.contains([' ', ';', ',']) => {
            policy.replacen("connect-src", &format!("connect-src {server}"), 1)
        }
        Some(_) | None => policy.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brotli_is_sent_to_those_who_take_it() {
        let accepts = |value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT_ENCODING, HeaderValue::from_static(value));
            accepts_brotli(&headers)
        };
        assert!(accepts("gzip, deflate, br"));
        assert!(accepts("BR;q=0.5"));
        assert!(!accepts("gzip, br;q=0"));
        assert!(!accepts("gzip"));
        assert!(!accepts_brotli(&HeaderMap::new()));
    }

    #[test]
    fn a_page_may_talk_to_the_server_that_authorises_its_members() {
        let policy = galene_web::content_security_policy();
        let extended = with_auth_server(policy, Some("https://auth.example/"));
        assert!(extended.contains("connect-src https://auth.example/ 'self'"), "{extended}");
        assert_eq!(with_auth_server(policy, Some("https://a; script-src *")), policy);
        assert_eq!(with_auth_server(policy, None), policy);
    }
}
