//! Whether the server is alive, and whether it takes new clients.

use std::net::SocketAddr;
use std::time::Duration;

use http::header::CACHE_CONTROL;
use http::{HeaderValue, Response, StatusCode};
use tokio::time::timeout;

use crate::control::ControlHandle;
use crate::response::{self, Body};

/// How long the control plane may take to answer. It does so within microseconds; one that takes
/// longer than this is no use to anybody.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(2);

/// `/healthz`: whether the process should go on. For supervisors on the same host alone.
pub(crate) async fn health(
    control: &ControlHandle,
    client: Option<SocketAddr>,
) -> Option<Response<Body>> {
    let is_local = client.is_none_or(|client| client.ip().is_loopback());
    if !is_local {
        return None;
    }
    Some(answer(is_alive(control).await, "ok", "the control plane does not answer"))
}

/// `/readyz`: whether new clients should be sent here. For balancers anywhere.
pub(crate) async fn readiness(control: &ControlHandle, is_stopping: bool) -> Response<Body> {
    let is_ready = !is_stopping && is_alive(control).await;
    answer(is_ready, "ready", "not ready")
}

async fn is_alive(control: &ControlHandle) -> bool {
    timeout(ANSWER_TIMEOUT, control.ping()).await.unwrap_or(false)
}

fn answer(good: bool, yes: &'static str, no: &'static str) -> Response<Body> {
    let mut response = if good {
        response::plain(StatusCode::OK, yes)
    } else {
        response::plain(StatusCode::SERVICE_UNAVAILABLE, no)
    };
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
