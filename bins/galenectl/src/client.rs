//! An HTTP client for one server: requests one after the other, over one connection.

use std::error::Error as StdError;
use std::io;
use std::time::Duration;

use bytes::Bytes;
use data_encoding::BASE64;
use http::header::{
    AUTHORIZATION, CONTENT_TYPE, ETAG, HOST, IF_MATCH, IF_NONE_MATCH, LOCATION, USER_AGENT,
};
use http::uri::{Authority, Scheme};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::runtime::Runtime;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use crate::error::Error;
use crate::settings::Settings;
use crate::tls;

/// How long a server may take to answer. Nothing that it is asked takes longer than a disk.
const TIMEOUT: Duration = Duration::from_secs(60);
/// The longest answer: a list of ten thousand groups with long names.
const MAX_ANSWER_BYTES: usize = 16 << 20;
/// How often a request is sent elsewhere, as browsers do it.
const MAX_REDIRECTS: usize = 10;
/// How much of an error's explanation is shown.
const MAX_EXPLANATION: usize = 200;

type Cause = Box<dyn StdError + Send + Sync>;

/// Speaks to one server.
#[derive(Debug)]
pub(crate) struct Client {
    runtime: Runtime,
    /// Where the server is, with a path that comes before its own.
    base: Url,
    authorization: Option<HeaderValue>,
    insecure: bool,
    /// The connection that the last request went over.
    connection: Option<(Scheme, Authority, SendRequest<Full<Bytes>>)>,
}

/// What is asked of the server.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) method: Method,
    /// Below the server's own path, encoded.
    pub(crate) path: String,
    /// JSON.
    pub(crate) body: Option<String>,
    /// `If-Match` or `If-None-Match`.
    pub(crate) condition: Option<(HeaderName, HeaderValue)>,
}

/// What the server answered, if it did not refuse.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

#[derive(Debug, Clone)]
struct Url {
    scheme: Scheme,
    authority: Authority,
    path: String,
}

impl Call {
    pub(crate) fn new(method: Method, path: String) -> Call {
        Call { method, path, body: None, condition: None }
    }

    pub(crate) fn with_body(self, body: String) -> Call {
        Call { body: Some(body), ..self }
    }

    /// Only if there is nothing yet.
    pub(crate) fn if_new(self) -> Call {
        Call { condition: Some((IF_NONE_MATCH, HeaderValue::from_static("*"))), ..self }
    }

    /// Only if it is still this version.
    pub(crate) fn if_match(self, etag: HeaderValue) -> Call {
        Call { condition: Some((IF_MATCH, etag)), ..self }
    }
}

impl Answer {
    /// Returns the version, without which nothing can be changed safely.
    pub(crate) fn etag(&self) -> Result<HeaderValue, Error> {
        let etag = self.headers.get(ETAG).cloned();
        etag.ok_or_else(|| Error::Answer("it has no ETag".to_owned()))
    }

    pub(crate) fn location(&self) -> Result<String, Error> {
        let location = self.headers.get(LOCATION).and_then(|location| location.to_str().ok());
        location.map(str::to_owned).ok_or_else(|| Error::Answer("it has no Location".to_owned()))
    }

    pub(crate) fn json<T: serde::de::DeserializeOwned>(&self) -> Result<T, Error> {
        serde_json::from_slice(&self.body).map_err(|error| Error::Answer(error.to_string()))
    }
}

impl Client {
    pub(crate) fn new(settings: &Settings) -> Result<Client, Error> {
        let base = settings.server.parse().ok().and_then(|uri| Url::new(&uri));
        let base = base.ok_or_else(|| {
            let server = &settings.server;
            Error::Usage(format!("{server:?} is not a server such as https://example.org:8443"))
        })?;
        let unreachable = |error: io::Error| Error::Transport {
            url: settings.server.clone(),
            source: error.into(),
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        Ok(Client {
            runtime: runtime.map_err(unreachable)?,
            base,
            authorization: authorization(settings),
            insecure: settings.insecure,
            connection: None,
        })
    }

    /// Asks the server. What it refuses is an error.
    pub(crate) fn call(&mut self, call: &Call) -> Result<Answer, Error> {
        let mut url = self.base.clone();
        url.path.push_str(&call.path);
        for _ in 0..=MAX_REDIRECTS {
            let (status, answer) = self.send(call, &url)?;
            if status.is_success() {
                return Ok(answer);
            }
            let follows = match status {
                StatusCode::TEMPORARY_REDIRECT | StatusCode::PERMANENT_REDIRECT => true,
                StatusCode::MOVED_PERMANENTLY | StatusCode::FOUND | StatusCode::SEE_OTHER => {
                    call.method == Method::GET
                }
                _ => false,
            };
            match answer.location().ok().and_then(|location| url.join(&location)) {
                Some(next) if follows => url = next,
                Some(_) | None => return Err(refusal(call, &url, status, &answer)),
            }
        }
        Err(Error::Answer("it leads from one place to the next for ever".to_owned()))
    }

    fn send(&mut self, call: &Call, url: &Url) -> Result<(StatusCode, Answer), Error> {
        let request = self.request(call, url)?;
        let (insecure, connection) = (self.insecure, self.connection.take());
        let sent = async {
            let mut sender = match connection {
                Some((scheme, authority, sender))
                    if scheme == url.scheme
                        && authority == url.authority
                        && !sender.is_closed() =>
                {
                    sender
                }
                Some(_) | None => connect(url, insecure).await?,
            };
            sender.ready().await?;
            let (head, body) = sender.send_request(request).await?.into_parts();
            let body = Limited::new(body, MAX_ANSWER_BYTES).collect().await?.to_bytes();
            Ok::<_, Cause>((sender, head.status, Answer { headers: head.headers, body }))
        };
        let sent = self.runtime.block_on(async { timeout(TIMEOUT, sent).await });
        let sent = sent.unwrap_or_else(|_| Err("it does not answer".into()));
        let (sender, status, answer) =
            sent.map_err(|source| Error::Transport { url: url.origin(), source })?;
        self.connection = Some((url.scheme.clone(), url.authority.clone(), sender));
        Ok((status, answer))
    }

    fn request(&self, call: &Call, url: &Url) -> Result<Request<Full<Bytes>>, Error> {
        let mut request = Request::builder()
            .method(call.method.clone())
            .uri(&url.path)
            .header(HOST, url.authority.as_str())
            .header(USER_AGENT, concat!("galenectl/", env!("CARGO_PKG_VERSION")));
        // Nobody but the server itself is told who we are.
        if let Some(authorization) = self
            .authorization
            .as_ref()
            .filter(|_| url.authority.host() == self.base.authority.host())
        {
            request = request.header(AUTHORIZATION, authorization);
        }
        if let Some((name, value)) = &call.condition {
            request = request.header(name, value);
        }
        if call.body.is_some() {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        let body = Full::from(call.body.clone().unwrap_or_default());
        request.body(body).map_err(|error| Error::Usage(error.to_string()))
    }
}

fn authorization(settings: &Settings) -> Option<HeaderValue> {
    let value = match (&settings.admin_token, &settings.admin_username) {
        (Some(token), _) => format!("Bearer {}", token.expose()),
        (None, Some(name)) => {
            let password =
                settings.admin_password.as_ref().map_or("", |password| password.expose());
            format!("Basic {}", BASE64.encode(format!("{name}:{password}").as_bytes()))
        }
        (None, None) => return None,
    };
    let mut value = HeaderValue::try_from(value).ok()?;
    value.set_sensitive(true);
    Some(value)
}

async fn connect(url: &Url, insecure: bool) -> Result<SendRequest<Full<Bytes>>, Cause> {
    let is_tls = url.scheme == Scheme::HTTPS;
    let port = url.authority.port_u16().unwrap_or(if is_tls { 443 } else { 80 });
    let host = url.authority.host().trim_matches(['[', ']']);
    let stream = TcpStream::connect((host, port)).await?;
    stream.set_nodelay(true)?;
    if !is_tls {
        return speak(stream).await;
    }
    let connector = TlsConnector::from(tls::config(insecure)?);
    let name = ServerName::try_from(host.to_owned())?;
    speak(connector.connect(name, stream).await?).await
}

async fn speak<S>(stream: S) -> Result<SendRequest<Full<Bytes>>, Cause>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (sender, connection) = handshake(TokioIo::new(stream)).await?;
    // What goes wrong with the connection is told to whoever sends a request.
    tokio::spawn(async move { drop(connection.await) });
    Ok(sender)
}

fn refusal(call: &Call, url: &Url, status: StatusCode, answer: &Answer) -> Error {
    let is_text = answer
        .headers
        .get(CONTENT_TYPE)
        .is_some_and(|content_type| content_type.as_bytes().starts_with(b"text/plain"));
    let text = if is_text { String::from_utf8_lossy(&answer.body) } else { "".into() };
    let text: String = text.trim().chars().take(MAX_EXPLANATION).collect();
    let url = format!("{}{}", url.origin(), url.path);
    Error::Status { method: call.method.clone(), url, status, text }
}

impl Url {
    fn new(uri: &Uri) -> Option<Url> {
        let scheme = uri.scheme()?.clone();
        if scheme != Scheme::HTTP && scheme != Scheme::HTTPS {
            return None;
        }
        let authority = uri.authority()?.clone();
        let path = uri.path().trim_end_matches('/').to_owned();
        Some(Url { scheme, authority, path })
    }

    /// Returns where a redirection leads.
    fn join(&self, location: &str) -> Option<Url> {
        if location.starts_with('/') && !location.starts_with("//") {
            return Some(Url { path: location.to_owned(), ..self.clone() });
        }
        let uri: Uri = location.parse().ok()?;
        let path = uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
        Some(Url { path, ..Url::new(&uri)? })
    }

    fn origin(&self) -> String {
        format!("{}://{}", self.scheme, self.authority)
    }
}
