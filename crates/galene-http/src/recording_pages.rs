//! `/recordings/`: what is there, for those who may record in the group.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::SystemTime;

use galene_group::LookupError;
use galene_protocol::{GroupName, Permission};
use galene_store::Precondition;
use http::header::{
    ALLOW, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ORIGIN, REFERRER_POLICY,
    WWW_AUTHENTICATE,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri};
use hyper::body::Incoming;

use crate::api::too_many_attempts;
use crate::authorization::Authorization;
use crate::directory::{File, Found};
use crate::receive::receive;
use crate::recordings::{DeleteError, FileName, Recording, Recordings, may_grow};
use crate::response::{self, Body, http_date};
use crate::service::{Service, host_of};
use crate::upgrade::origin_is_allowed;
use crate::{file_response, form, path};

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
/// The most bytes of a form: the longest name of a file, each byte escaped, is a tenth of it.
const MAX_FORM_BYTES: usize = 8 << 10;
/// Nothing but forms, which lead back here.
const POLICY: &str =
    "default-src 'none'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";
/// How long a recording may be kept without asking, and one that may still be growing.
const CACHE: &str = "max-age=1800";
const GROWING_CACHE: &str = "no-cache";

/// What of the recordings is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    /// The list of a group.
    Group(GroupName),
    /// A file of a group.
    File(GroupName, FileName),
}

impl Place {
    /// Reads what follows `/recordings/`. `None` if that can be nothing.
    pub(crate) fn parse(rest: &str) -> Option<Place> {
        match rest.strip_suffix('/') {
            Some(group) => GroupName::parse(group).ok().map(Place::Group),
            None => {
                let (group, file) = rest.rsplit_once('/')?;
                Some(Place::File(GroupName::parse(group).ok()?, FileName::parse(file)?))
            }
        }
    }

    fn group(&self) -> &GroupName {
        match self {
            Place::Group(group) | Place::File(group, _) => group,
        }
    }
}

/// Answers a request for recordings. Who asks comes first, then what there is.
pub(crate) async fn respond(
    service: &Service,
    place: Place,
    client: Option<SocketAddr>,
    request: Request<Incoming>,
) -> Response<Body> {
    let Some(recordings) = &service.recordings else { return service.front.not_found().await };
    match authorise(service, place.group(), client, request.headers()).await {
        Ok(()) => {}
        // Without a slash at its end this may be a group below one that does not exist.
        Err(Refused::NoGroup) => {
            return match below(&place) {
                Some(group) if exists(service, group.clone()).await => moved_to(&group),
                Some(_) | None => service.front.not_found().await,
            };
        }
        Err(Refused::Response(refusal)) => return *refusal,
    }
    match place {
        Place::Group(group) => match *request.method() {
            Method::GET | Method::HEAD => list(service, recordings, &group).await,
            Method::POST => change(service, recordings, &group, request).await,
            _ => not_allowed("GET, HEAD, POST"),
        },
        Place::File(group, file) => {
            if ![Method::GET, Method::HEAD].contains(request.method()) {
                return not_allowed("GET, HEAD");
            }
            match recordings.find(&group, &file).await {
                Found::File(file) => send(recordings, file, request.headers()).await,
                Found::Directory => match GroupName::parse(&format!("{group}/{}", file.as_str())) {
                    Ok(below) => moved_to(&below),
                    Err(_) => service.front.not_found().await,
                },
                Found::NoIndex | Found::Nothing => service.front.not_found().await,
            }
        }
    }
}

fn below(place: &Place) -> Option<GroupName> {
    match place {
        Place::Group(_) => None,
        Place::File(group, file) => GroupName::parse(&format!("{group}/{}", file.as_str())).ok(),
    }
}

async fn exists(service: &Service, group: GroupName) -> bool {
    crate::groups::look_up(&service.groups, group).await.is_ok()
}

enum Refused {
    NoGroup,
    Response(Box<Response<Body>>),
}

/// Lets through who may record in the group.
async fn authorise(
    service: &Service,
    group: &GroupName,
    client: Option<SocketAddr>,
    headers: &HeaderMap,
) -> Result<(), Refused> {
    let refused = |response| Refused::Response(Box::new(response));
    let policy = match crate::groups::look_up(&service.groups, group.clone()).await {
        Ok(lookup) => Arc::clone(&lookup.description.policy),
        Err(LookupError::NotFound) => return Err(Refused::NoGroup),
        Err(error) => return Err(refused(service.lookup_failed(&error).await)),
    };
    let Some(given @ Authorization::Basic { .. }) = Authorization::read(headers) else {
        return Err(refused(challenge(group)));
    };
    let question =
        galene_auth::AuthoriseRequest::new(group.clone(), policy, None, given.credentials());
    let attempt = match service.guard.for_group(client, group).await {
        Ok(attempt) => attempt,
        Err(wait) => return Err(refused(too_many_attempts(wait))),
    };
    match service.control.authorise(question).await {
        Ok(grant) if grant.permissions.contains(&Permission::Record) => {
            attempt.forgive();
            Ok(())
        }
        Err(galene_auth::AuthoriseError::Busy) => {
            attempt.forgive();
            Err(refused(response::plain(StatusCode::SERVICE_UNAVAILABLE, "please try again")))
        }
        Ok(_) | Err(_) => {
            attempt.fail().await;
            Err(refused(challenge(group)))
        }
    }
}

fn challenge(group: &GroupName) -> Response<Body> {
    let mut refusal = response::plain(StatusCode::UNAUTHORIZED, "not authorised");
    let realm = path::encode(&format!("recordings/{group}"));
    let challenge = HeaderValue::from_str(&format!("Basic realm=\"{realm}\", charset=\"UTF-8\""));
    let challenge = challenge.expect("what is percent-encoded can stand in a header");
    refusal.headers_mut().insert(WWW_AUTHENTICATE, challenge);
    refusal
}

fn not_allowed(methods: &'static str) -> Response<Body> {
    let mut refusal = response::plain(StatusCode::METHOD_NOT_ALLOWED, "method not allowed");
    refusal.headers_mut().insert(ALLOW, HeaderValue::from_static(methods));
    refusal
}

fn url(group: &GroupName) -> String {
    path::encode(&format!("/recordings/{group}/"))
}

fn moved_to(group: &GroupName) -> Response<Body> {
    response::redirect(StatusCode::PERMANENT_REDIRECT, &url(group))
        .expect("what is percent-encoded can stand in a header")
}

async fn send(recordings: &Recordings, file: File, headers: &HeaderMap) -> Response<Body> {
    let cache = if may_grow(&file, SystemTime::now()) { GROWING_CACHE } else { CACHE };
    let mut response = file_response::respond(recordings.disk(), file, headers, cache).await;
    // Whatever is in the file, it is no page of ours.
    let policy = HeaderValue::from_static("default-src 'none'; media-src 'self'; sandbox");
    response.headers_mut().insert(CONTENT_SECURITY_POLICY, policy);
    response.headers_mut().insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response
}

async fn list(service: &Service, recordings: &Recordings, group: &GroupName) -> Response<Body> {
    match recordings.list(group).await {
        Ok(Some(list)) => {
            let html = "text/html; charset=utf-8";
            let mut page = response::with_body(StatusCode::OK, html, page(group, &list).into());
            let headers = page.headers_mut();
            headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
            headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
            // With none at all, browsers would not say where the form comes from.
            headers.insert(REFERRER_POLICY, HeaderValue::from_static("same-origin"));
            page
        }
        Ok(None) => service.front.not_found().await,
        Err(error) => failed(&error),
    }
}

fn failed(error: &std::io::Error) -> Response<Body> {
    tracing::warn!(%error, "the directory of recordings cannot be used");
    response::plain(StatusCode::INTERNAL_SERVER_ERROR, "internal server error")
}

/// Does what a form of the list says.
async fn change(
    service: &Service,
    recordings: &Recordings,
    group: &GroupName,
    request: Request<Incoming>,
) -> Response<Body> {
    // Browsers send along what the user once typed, whichever page the form is on.
    if !is_from_here(request.headers(), request.uri()) {
        return response::plain(StatusCode::FORBIDDEN, "this form is not on a page of ours");
    }
    let bad = |why| response::plain(StatusCode::BAD_REQUEST, why);
    let query = request.uri().query().unwrap_or_default().to_owned();
    let is_form = request.headers().get(CONTENT_TYPE).is_none_or(|content_type| {
        content_type.as_bytes().starts_with(b"application/x-www-form-urlencoded")
    });
    if !is_form {
        return bad("expected a form");
    }
    let body = match receive(request.into_body(), MAX_FORM_BYTES).await {
        Ok(body) => body,
        Err(unreceived) => return unreceived.response(),
    };
    let Ok(body) = std::str::from_utf8(&body) else { return bad("expected a form") };
    let field = |name| form::field(body, name).or_else(|| form::field(&query, name));
    if field("q").as_deref() != Some("delete") {
        return bad("q: expected delete");
    }
    let Some(file) = field("filename").and_then(|name| FileName::parse(&name)) else {
        return bad("filename: expected the name of a file");
    };
    match recordings.delete(group, &file, Precondition::NONE).await {
        Ok(()) => {
            tracing::info!(%group, file = file.as_str(), "a recording was deleted");
            response::redirect(StatusCode::SEE_OTHER, &url(group))
                .expect("what is percent-encoded can stand in a header")
        }
        Err(DeleteError::Io(error)) => failed(&error),
        Err(DeleteError::NotFound | DeleteError::Precondition(_)) => {
            service.front.not_found().await
        }
    }
}

/// Whether a request was made by a page of ours, or by a program that is no browser.
fn is_from_here(headers: &HeaderMap, uri: &Uri) -> bool {
    match headers.get(SEC_FETCH_SITE) {
        Some(site) => site == "same-origin",
        None => origin_is_allowed(headers.get(ORIGIN), host_of(headers, uri), &[]),
    }
}

fn page(group: &GroupName, list: &[Recording]) -> String {
    let title = escape(&format!("Recordings of {group}"));
    let mut html = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{title}</title>\n</head>\n<body>\n<h1>{title}</h1>\n"
    );
    if list.is_empty() {
        html.push_str("<p>There are no recordings.</p>\n");
    } else {
        html.push_str(
            "<table>\n<thead><tr><th>File</th><th>Changed</th><th>Bytes</th><th></th></tr></thead>\n\
             <tbody>\n",
        );
    }
    for Recording { name, bytes, modified, .. } in list {
        let (text, url) = (escape(name), escape(&path::encode(name).replace(':', "%3A")));
        let changed = modified.map(http_date).unwrap_or_default();
        writeln!(
            html,
            "<tr><td><a href=\"./{url}\">{text}</a></td><td>{changed}</td><td>{bytes}</td>\
             <td><form method=\"post\"><input type=\"hidden\" name=\"filename\" value=\"{text}\">\
             <button type=\"submit\" name=\"q\" value=\"delete\" aria-label=\"Delete {text}\">Delete</button>\
             </form></td></tr>"
        )
        .expect("a string takes everything");
    }
    if !list.is_empty() {
        html.push_str("</tbody>\n</table>\n");
    }
    html.push_str("</body>\n</html>\n");
    html
}

fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use galene_store::Etag;

    use http::header::HOST;

    use super::*;

    #[test]
    fn places_are_groups_or_files_in_them() {
        let group = |name: &str| GroupName::parse(name).expect("a valid name");
        let file = |name: &str| FileName::parse(name).expect("a valid name");
        assert_eq!(Place::parse("a/b/"), Some(Place::Group(group("a/b"))));
        assert_eq!(Place::parse("a/b/c.webm"), Some(Place::File(group("a/b"), file("c.webm"))));
        for rest in ["", "/", "a", "a/.x", ".a/x", "a\\b/", "a/.b/"] {
            assert_eq!(Place::parse(rest), None, "{rest}");
        }
    }

    #[test]
    fn names_of_files_stay_names_in_the_page() {
        let name = "a:b<script>\"?#%.webm".to_owned();
        let etag = Etag::of(&std::fs::metadata(".").expect("it is there"));
        let html = page(
            &GroupName::parse("g").expect("valid"),
            &[Recording { name, bytes: 1, modified: None, etag }],
        );
        assert!(html.contains("href=\"./a%3Ab%3Cscript%3E%22%3F%23%25.webm\""), "{html}");
        assert!(html.contains(">a:b&lt;script&gt;&quot;?#%.webm</a>"), "{html}");
        assert!(!html.contains("<script"));
    }

    #[test]
    fn only_forms_of_ours_are_obeyed() {
        let headers = |pairs: &[(HeaderName, &'static str)]| -> HeaderMap {
            pairs.iter().map(|(n, v)| (n.clone(), HeaderValue::from_static(v))).collect()
        };
        let from = |origin| headers(&[(HOST, "a.org"), (ORIGIN, origin)]);
        let here = |headers: &HeaderMap| is_from_here(headers, &Uri::from_static("/"));
        assert!(here(&headers(&[(HOST, "a.org")])), "no browser");
        assert!(here(&from("https://a.org")));
        assert!(!here(&from("https://b.org")));
        assert!(!here(&from("null")));
        assert!(here(&headers(&[(SEC_FETCH_SITE, "same-origin"), (ORIGIN, "null")])));
        assert!(!here(&headers(&[(HOST, "a.org"), (SEC_FETCH_SITE, "cross-site")])));
        // HTTP/2 names the host in the address (RFC 9113 §8.3.1).
        let uri = Uri::from_static("https://a.org/recordings/g/");
        assert!(is_from_here(&headers(&[(ORIGIN, "https://a.org")]), &uri));
        assert!(!is_from_here(&headers(&[(ORIGIN, "https://b.org")]), &uri));
    }
}
