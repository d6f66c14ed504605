//! Answers requests.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use galene_conference::SessionId;
use galene_group::LookupError;
use galene_protocol::{GroupName, GroupStatus};
use http::header::{
    ACCESS_CONTROL_ALLOW_ORIGIN, ALLOW, CACHE_CONTROL, CONTENT_LENGTH, ETAG, HOST, ORIGIN, VARY,
};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri};
use hyper::body::{Body as _, Incoming};
use hyper_util::rt::TokioIo;
use tokio::sync::watch;

use crate::api::AdminFiles;
use crate::client_address::client_address;
use crate::control::ControlHandle;
use crate::disk::Disk;
use crate::front::Front;
use crate::groups::{GroupStore, look_up};
use crate::guard::Guard;
use crate::listener::Lifetime;
use crate::recordings::Recordings;
use crate::response::{self, Body};
use crate::route::{Permanence, Route};
use crate::settings::{Base, SiteSettings};
use crate::{api, health, recording_pages, session, upgrade};

/// Where a request came from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer {
    /// `None` if it came through a socket in the file system.
    pub(crate) address: Option<SocketAddr>,
    /// Whether it came over TLS.
    pub(crate) secure: bool,
}

/// Who asks, and when.
#[derive(Debug, Clone, Copy)]
struct Asker {
    peer: Peer,
    /// The client behind a proxy, or the peer itself.
    client: Option<SocketAddr>,
    is_stopping: bool,
}

/// All that answers depend on.
#[derive(Debug)]
pub(crate) struct Service {
    pub(crate) control: ControlHandle,
    pub(crate) front: Front,
    pub(crate) disk: Disk,
    pub(crate) guard: Guard,
    pub(crate) admin: Option<AdminFiles>,
    pub(crate) recordings: Option<Recordings>,
    pub(crate) groups: Arc<dyn GroupStore>,
    pub(crate) settings: watch::Receiver<Arc<SiteSettings>>,
    pub(crate) next_session: AtomicU64,
}

impl Service {
    /// Answers one request. A WebSocket goes on in a task of its own, which keeps `lifetime`.
    pub(crate) async fn respond(
        self: Arc<Self>,
        request: Request<Incoming>,
        peer: Peer,
        lifetime: Lifetime,
    ) -> Response<Body> {
        let is_head = request.method() == Method::HEAD;
        let route = Route::of(request.uri().path());
        let settings = Arc::clone(&self.settings.borrow());
        let client = client_address(peer.address, request.headers(), &settings.trusted_proxies);
        if route == Route::WebSocket {
            return self.open_websocket(request, client, lifetime);
        }
        let mut response = match canonical(&settings, &route, &request) {
            Some(elsewhere) => elsewhere,
            None => match route {
                Route::Api(rest) => api::respond(&self, &settings, &rest, client, request).await,
                Route::Recordings(Some(place)) => {
                    recording_pages::respond(&self, place, client, request).await
                }
                Route::Recordings(None) => {
                    response::plain(StatusCode::BAD_REQUEST, "expected the name of a group")
                }
                route @ (Route::File(_)
                | Route::Group(_)
                | Route::GroupStatus(_)
                | Route::Health
                | Route::Moved { .. }
                | Route::NotFound
                | Route::PublicGroups
                | Route::Readiness
                | Route::WebSocket) => {
                    let is_stopping = *lifetime.stop.borrow();
                    self.answer(route, &request, Asker { peer, client, is_stopping }).await
                }
            },
        };
        if is_head && let Some(length) = response.body().size_hint().exact() {
            response.headers_mut().insert(CONTENT_LENGTH, length.into());
            *response.body_mut() = Body::default();
        }
        response
    }

    /// Answers a request for something that can only be fetched.
    async fn answer(
        &self,
        route: Route,
        request: &Request<Incoming>,
        asker: Asker,
    ) -> Response<Body> {
        if ![Method::GET, Method::HEAD].contains(request.method()) {
            let mut refusal = response::plain(StatusCode::METHOD_NOT_ALLOWED, "method not allowed");
            refusal.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
            return refusal;
        }
        let settings = Arc::clone(&self.settings.borrow());
        let host = host(request).unwrap_or("localhost");
        let base = Base::new(settings.proxy.as_ref(), asker.peer.secure, host);
        match route {
            Route::Group(group) => self.group_page(&group, request.headers()).await,
            Route::GroupStatus(group) => {
                let mut response = self.group_status(&group, &base).await;
                allow_origin(&mut response, request.headers(), &settings);
                response
            }
            Route::PublicGroups => {
                let mut response = self.public_groups(&base).await;
                allow_origin(&mut response, request.headers(), &settings);
                response
            }
            Route::File(path) => self.front.file(path, request).await,
            Route::Moved { path, permanent } => {
                let status = match permanent {
                    Permanence::Cleaned => StatusCode::MOVED_PERMANENTLY,
                    Permanence::Permanent => StatusCode::PERMANENT_REDIRECT,
                };
                redirect_with_query(status, path, request)
            }
            Route::NotFound => self.front.not_found().await,
            Route::Health => match health::health(&self.control, asker.client).await {
                Some(response) => response,
                None => self.front.not_found().await,
            },
            Route::Readiness => health::readiness(&self.control, asker.is_stopping).await,
            // Dealt with before; there are no such pages.
            Route::Api(_) | Route::Recordings(_) | Route::WebSocket => self.front.not_found().await,
        }
    }

    fn open_websocket(
        &self,
        mut request: Request<Incoming>,
        client: Option<SocketAddr>,
        lifetime: Lifetime,
    ) -> Response<Body> {
        let settings = Arc::clone(&self.settings.borrow());
        let response = upgrade::upgrade(&request, host(&request), &settings.allow_origin);
        if response.status() != StatusCode::SWITCHING_PROTOCOLS {
            return response;
        }
        if *lifetime.stop.borrow() {
            return response::plain(StatusCode::SERVICE_UNAVAILABLE, "the server is stopping");
        }
        let session = SessionId(self.next_session.fetch_add(1, Ordering::Relaxed));
        let upgraded = hyper::upgrade::on(&mut request);
        let control = self.control.clone();
        tokio::spawn(async move {
            match upgraded.await {
                Ok(io) => session::run(TokioIo::new(io), session, client, control).await,
                Err(error) => tracing::debug!(%error, "a WebSocket was not opened"),
            }
            drop(lifetime);
        });
        response
    }

    async fn group_page(&self, group: &GroupName, request: &HeaderMap) -> Response<Body> {
        let description = match look_up(&self.groups, group.clone()).await {
            Ok(lookup) => lookup.description,
            // The page itself says what is wrong, as it finds out from the group's status.
            Err(LookupError::Misconfigured(_)) => {
                // It is no version of the page that anybody could keep, or have a part of.
                let mut page = self.front.group(None, &HeaderMap::new()).await;
                *page.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
                page.headers_mut().remove(ETAG);
                page.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
                return page;
            }
            Err(error) => return self.lookup_failed(&error).await,
        };
        if let Some(redirect) = &description.redirect {
            return match response::redirect(StatusCode::PERMANENT_REDIRECT, redirect) {
                Some(response) => response,
                None => response::plain(
                    StatusCode::INTERNAL_SERVER_ERROR,
                    "this group is misconfigured",
                ),
            };
        }
        self.front.group(description.auth_server.as_deref(), request).await
    }

    async fn group_status(&self, group: &GroupName, base: &Base) -> Response<Body> {
        let lookup = match look_up(&self.groups, group.clone()).await {
            Ok(lookup) => lookup,
            Err(error) => return self.lookup_failed(&error).await,
        };
        match self.control.statuses(vec![lookup]).await.pop() {
            // One that sends its members elsewhere has no location of its own here.
            Some(status) if status.redirect.is_some() => response::json(&status),
            Some(status) => response::json(&located(status, group, base)),
            None => response::plain(StatusCode::SERVICE_UNAVAILABLE, "the server is stopping"),
        }
    }

    async fn public_groups(&self, base: &Base) -> Response<Body> {
        let groups = Arc::clone(&self.groups);
        // It looks at every group's file, so those who ask for it all the time take turns and leave
        // joins alone.
        let Ok(lookups) = self.disk.run(move || groups.public_groups()).await else {
            return response::plain(StatusCode::INTERNAL_SERVER_ERROR, "internal server error");
        };
        let names: Vec<GroupName> = lookups.iter().map(|lookup| lookup.name.clone()).collect();
        let statuses = self.control.statuses(lookups).await;
        let listed = statuses.into_iter().zip(&names).map(|(status, name)| match status.redirect {
            // Pages link to the location, and the group's page leads on.
            Some(_) => GroupStatus { location: Some(base.location(name)), ..status },
            None => located(status, name, base),
        });
        response::json(&listed.collect::<Vec<_>>())
    }

    pub(crate) async fn lookup_failed(&self, error: &LookupError) -> Response<Body> {
        match error {
            LookupError::NotFound => self.front.not_found().await,
            LookupError::Misconfigured(_) => response::plain(
                StatusCode::INTERNAL_SERVER_ERROR,
                "this group is misconfigured; the administrator has been told",
            ),
            LookupError::Unavailable { .. } | _ => {
                tracing::warn!(%error, "a group cannot be looked up");
                response::plain(StatusCode::INTERNAL_SERVER_ERROR, "internal server error")
            }
        }
    }
}

fn located(status: GroupStatus, group: &GroupName, base: &Base) -> GroupStatus {
    GroupStatus { location: Some(base.location(group)), endpoint: Some(base.endpoint()), ..status }
}

/// The name by which the client knows this server, with its port if it is not the usual one.
fn host<B>(request: &Request<B>) -> Option<&str> {
    host_of(request.headers(), request.uri())
}

/// The same, of a request that was taken apart.
pub(crate) fn host_of<'a>(headers: &'a HeaderMap, uri: &'a Uri) -> Option<&'a str> {
    let header = headers.get(HOST).and_then(|host| host.to_str().ok());
    header.or_else(|| uri.authority().map(http::uri::Authority::as_str))
}

/// Sends requests for other hosts to the canonical one.
fn canonical<B>(
    settings: &SiteSettings,
    route: &Route,
    request: &Request<B>,
) -> Option<Response<Body>> {
    let canonical = settings.canonical_host.as_deref()?;
    let is_page = match route {
        Route::Group(_) | Route::GroupStatus(_) | Route::File(_) | Route::Recordings(_) => true,
        Route::Api(_) | Route::Health | Route::Moved { .. } | Route::NotFound => false,
        Route::PublicGroups | Route::Readiness | Route::WebSocket => false,
    };
    if !is_page || host(request).is_some_and(|host| host.eq_ignore_ascii_case(canonical)) {
        return None;
    }
    let path = request.uri().path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
    response::redirect(StatusCode::MOVED_PERMANENTLY, &format!("https://{canonical}{path}"))
}

fn redirect_with_query<B>(
    status: StatusCode,
    mut path: String,
    request: &Request<B>,
) -> Response<Body> {
    if let Some(query) = request.uri().query() {
        path.push('?');
        path.push_str(query);
    }
    response::redirect(status, &path).unwrap_or_else(|| {
        response::plain(StatusCode::BAD_REQUEST, "this path cannot be redirected")
    })
}

/// Lets pages of listed origins read the response.
fn allow_origin(response: &mut Response<Body>, request: &HeaderMap, settings: &SiteSettings) {
    response.headers_mut().insert(VARY, HeaderValue::from_static("Origin"));
    let Some(origin) = request.get(ORIGIN) else { return };
    let is_listed =
        |origin: &str| settings.allow_origin.iter().any(|o| o.eq_ignore_ascii_case(origin));
    if origin.to_str().is_ok_and(is_listed) {
        response.headers_mut().insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
    }
}
