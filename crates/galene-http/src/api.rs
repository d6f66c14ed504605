//! The administrative interface, below `/galene-api/v0/`.

mod access;
mod body;
mod failure;
mod groups;
mod live;
mod openapi;
mod operation;
mod recordings;
mod resource;
mod schemas;
mod statistics;
mod tokens;
mod users;

use std::net::SocketAddr;
use std::sync::Arc;

use galene_store::{Etag, GroupFiles, Precondition, TokenFile, Written};
use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ALLOW, CACHE_CONTROL, ETAG, IF_MATCH, IF_NONE_MATCH, ORIGIN,
    VARY,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode};
use hyper::body::Incoming;

use self::access::Admitted;
use self::failure::Failure;
pub(crate) use self::failure::too_many_attempts;
use self::operation::{Access, Action, JSON, Operation, Verb};
use self::resource::Resource;
use crate::response::{self, Body};
use crate::service::Service;
use crate::settings::SiteSettings;
use crate::upgrade::origin_is_allowed;

/// What all paths of this version begin with.
pub(crate) const PREFIX: &str = "/galene-api/v0";

/// What clients of other origins may send.
const ALLOWED_HEADERS: HeaderValue =
    HeaderValue::from_static("Authorization, Content-Type, If-Match, If-None-Match");
/// What they may read.
const EXPOSED_HEADERS: HeaderValue = HeaderValue::from_static("ETag, Location, Retry-After");

/// The files that can be administered.
#[derive(Debug, Clone)]
pub struct AdminFiles {
    /// The definitions of groups.
    pub groups: Arc<GroupFiles>,
    /// The tokens that the server keeps.
    pub tokens: Arc<TokenFile>,
}

/// What the answer to a request depends on.
struct Context<'a> {
    service: &'a Service,
    files: &'a AdminFiles,
    settings: &'a SiteSettings,
    headers: &'a HeaderMap,
    client: Option<SocketAddr>,
}

/// Answers a request. `rest` is the decoded path after the version.
pub(crate) async fn respond(
    service: &Service,
    settings: &SiteSettings,
    rest: &str,
    client: Option<SocketAddr>,
    request: Request<Incoming>,
) -> Response<Body> {
    let (Some(resource), Some(files)) = (Resource::parse(rest), &service.admin) else {
        return response::plain(StatusCode::NOT_FOUND, "not found");
    };
    let (parts, body) = request.into_parts();
    let host = crate::service::host_of(&parts.headers, &parts.uri).map(str::to_owned);
    let mut response = if parts.method == Method::OPTIONS {
        preflight(&resource)
    } else {
        let context = Context { service, files, settings, headers: &parts.headers, client };
        let query = parts.uri.query().unwrap_or_default();
        let fetches = [Method::GET, Method::HEAD].contains(&parts.method);
        let answer = context.answer(resource, &parts.method, query, body).await;
        answer.unwrap_or_else(|failure| failure.response(fetches))
    };
    let headers = response.headers_mut();
    headers.append(VARY, HeaderValue::from_static("Origin"));
    if let Some(origin) = parts.headers.get(ORIGIN)
        && origin_is_allowed(Some(origin), host.as_deref(), &settings.allow_admin_origin)
    {
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
        headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED_HEADERS);
    }
    if !headers.contains_key(CACHE_CONTROL) {
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    }
    response
}

/// Says what can be done to a resource, to everybody.
fn preflight(resource: &Resource) -> Response<Body> {
    let mut response = response::empty(StatusCode::OK);
    let headers = response.headers_mut();
    let methods = methods(resource);
    headers.insert(ALLOW, methods.clone());
    headers.insert(ACCESS_CONTROL_ALLOW_METHODS, methods);
    headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, ALLOWED_HEADERS);
    response
}

fn methods(resource: &Resource) -> HeaderValue {
    let mut methods = "OPTIONS".to_owned();
    for operation in resource.kind().into_iter().flat_map(Operation::of) {
        methods.push_str(", ");
        methods.push_str(operation.verb.methods());
    }
    HeaderValue::try_from(methods).expect("names of methods can stand in a header")
}

impl Context<'_> {
    async fn answer(
        &self,
        resource: Resource,
        method: &Method,
        query: &str,
        body: Incoming,
    ) -> Result<Response<Body>, Failure> {
        let verb = Verb::of(method);
        let operation = resource
            .kind()
            .and_then(|kind| Operation::of(kind).find(|operation| Some(operation.verb) == verb));
        let access = operation.map_or(Access::Administrator, |operation| operation.access);
        let admitted = access::check(self, &resource, access).await?;
        let Some(operation) = operation else {
            if resource.kind().is_none() {
                return Err(Failure::NotFound);
            }
            let mut refusal = response::plain(StatusCode::METHOD_NOT_ALLOWED, "method not allowed");
            refusal.headers_mut().insert(ALLOW, methods(&resource));
            return Ok(refusal);
        };
        if operation.writes_group && !self.settings.writable_groups {
            return Err(Failure::Forbidden("the groups of this server are not writable"));
        }
        let body = match operation.takes {
            Some(content) => body::receive(self.headers, body, content.media_type).await?,
            None => String::new(),
        };
        let change = matches!(operation.verb, Verb::Put | Verb::Post | Verb::Delete);
        let response = self.act(operation.action, resource, admitted, query, body).await?;
        if change {
            tracing::debug!(action = ?operation.action, client = ?self.client, "administration");
        }
        Ok(response)
    }

    async fn act(
        &self,
        action: Action,
        resource: Resource,
        admitted: Admitted,
        query: &str,
        body: String,
    ) -> Result<Response<Body>, Failure> {
        use Action as A;
        use Resource as R;
        match (action, resource) {
            (A::Describe, _) => Ok(json(openapi::text().into(), None)),
            (A::GetStats, _) => statistics::stats(self).await,
            (A::ListGroups, _) => groups::list(self).await,
            (A::GetGroup, R::Group(group)) => groups::get(self, group).await,
            (A::PutGroup, R::Group(group)) => groups::put(self, group, body).await,
            (A::DeleteGroup, R::Group(group)) => groups::delete(self, group).await,
            (A::PutKeys, R::Keys(group)) => groups::put_keys(self, group, body).await,
            (A::DeleteKeys, R::Keys(group)) => groups::delete_keys(self, group).await,
            (A::ListUsers, R::Users(group)) => users::list(self, group).await,
            (A::GetUser, R::User(group, user)) => users::get(self, group, user).await,
            (A::PutUser, R::User(group, user)) => users::put(self, group, user, body).await,
            (A::DeleteUser, R::User(group, user)) => users::delete(self, group, user).await,
            (A::PutPassword, R::Password(group, user)) => {
                users::put_password(self, group, user, body, admitted).await
            }
            (A::PostPassword, R::Password(group, user)) => {
                users::post_password(self, group, user, body, admitted).await
            }
            (A::DeletePassword, R::Password(group, user)) => {
                users::delete_password(self, group, user).await
            }
            (A::ListTokens, R::Tokens(group)) => tokens::list(self, group).await,
            (A::CreateToken, R::Tokens(group)) => tokens::create(self, group, body).await,
            (A::GetToken, R::Token(group, name)) => tokens::get(self, group, name).await,
            (A::PutToken, R::Token(group, name)) => tokens::put(self, group, name, body).await,
            (A::DeleteToken, R::Token(group, name)) => tokens::delete(self, group, name).await,
            (A::ListClients, R::Clients(group)) => live::clients(self, group).await,
            (A::KickClient, R::Client(group, client)) => {
                live::kick(self, group, client, query).await
            }
            (A::ListRecordings, R::Recordings(group)) => recordings::list(self, group).await,
            (A::DeleteRecording, R::Recording(group, file)) => {
                recordings::delete(self, group, file).await
            }
            (action, resource) => {
                tracing::error!(?action, kind = ?resource.kind(), "this is no action for that");
                Err(Failure::Internal)
            }
        }
    }

    /// The request's conditions.
    fn precondition(&self) -> Precondition {
        let value = |name: HeaderName| {
            let values = self.headers.get_all(name).into_iter();
            let values: Vec<&str> = values.filter_map(|value| value.to_str().ok()).collect();
            (!values.is_empty()).then(|| values.join(", "))
        };
        let (if_match, if_none_match) = (value(IF_MATCH), value(IF_NONE_MATCH));
        Precondition::from_headers(if_match.as_deref(), if_none_match.as_deref())
    }

    /// Answers with JSON, or says that the client has it already.
    fn versioned(&self, body: String, etag: Option<&Etag>) -> Result<Response<Body>, Failure> {
        match self.precondition().check(etag) {
            Ok(()) => Ok(json(body, etag)),
            Err(failed) => {
                let mut response = Failure::from(failed).response(true);
                set_etag(&mut response, etag);
                Ok(response)
            }
        }
    }

    /// Does something to files, where that may block.
    async fn with_files<T: Send + 'static>(
        &self,
        work: impl FnOnce(&AdminFiles) -> T + Send + 'static,
    ) -> Result<T, Failure> {
        let files = self.files.clone();
        Ok(self.service.disk.run(move || work(&files)).await?)
    }
}

/// Answers with JSON that was written already.
fn json(body: String, etag: Option<&Etag>) -> Response<Body> {
    let mut response = response::with_body(StatusCode::OK, JSON, body.into());
    set_etag(&mut response, etag);
    response
}

/// Says that something was made or changed.
fn written(written: &Written) -> Response<Body> {
    let mut response = response::empty(match written {
        Written::Created(_) => StatusCode::CREATED,
        Written::Changed(_) => StatusCode::NO_CONTENT,
    });
    set_etag(&mut response, written.etag());
    response
}

fn set_etag(response: &mut Response<Body>, etag: Option<&Etag>) {
    if let Some(etag) = etag.and_then(|etag| HeaderValue::from_str(etag.as_str()).ok()) {
        response.headers_mut().insert(ETAG, etag);
    }
}
