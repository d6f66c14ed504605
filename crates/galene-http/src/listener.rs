//! Accepts connections: TLS, limits on those that say nothing, a stop in good order.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{mpsc, watch};
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;

use crate::half_open::HalfOpen;
use crate::impatient::Impatient;
use crate::listen::{Accepted, Accepting};
use crate::service::{Peer, Service};
use crate::watched::Watched;

/// How long a connection may take till its first request is there, and TLS before that.
const FIRST_REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a connection is kept for the next request. Proxies keep those that they may use again for up to a
/// minute or so, and must not find them ended when they do.
const IDLE_TIMEOUT: Duration = Duration::from_secs(120);
/// The most bytes of headers.
const MAX_HEADER_BYTES: usize = 32 << 10;
/// How many requests one HTTP/2 connection may have at once: a page's modules in one go.
const MAX_STREAMS: u32 = 128;
/// How often an HTTP/2 peer that says nothing is asked whether it is there, and how long it has.
const KEEP_ALIVE: Duration = Duration::from_secs(30);
/// How long nothing is accepted after the kernel had no file descriptor to give.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

/// Tells all connections when to end, and knows when all have.
#[derive(Debug, Clone)]
pub(crate) struct Lifetime {
    pub(crate) stop: watch::Receiver<bool>,
    /// Never sent on: when all are dropped, all connections have ended.
    pub(crate) _alive: mpsc::Sender<()>,
}

/// Accepts connections till the stop.
pub(crate) async fn accept(
    listener: Accepting,
    tls: Option<TlsAcceptor>,
    service: Arc<Service>,
    mut lifetime: Lifetime,
) {
    let half_open = HalfOpen::default();
    let mut short_of_files = false;
    loop {
        let accepted = tokio::select! {
            biased;
            _ = lifetime.stop.wait_for(|stop| *stop) => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok(accepted) => {
                short_of_files = false;
                let connection = |address| Connection {
                    tls: tls.clone(),
                    service: Arc::clone(&service),
                    half_open: half_open.clone(),
                    address,
                    lifetime: lifetime.clone(),
                };
                match accepted {
                    // Signalling is small messages that someone waits for. If that cannot be said to
                    // the kernel, the connection is gone already.
                    Accepted::Tcp(stream, _) if stream.set_nodelay(true).is_err() => {}
                    Accepted::Tcp(stream, address) => {
                        // IPv4 clients of a socket for both families have addresses of IPv6's form.
                        let address = SocketAddr::new(address.ip().to_canonical(), address.port());
                        tokio::spawn(connection(Some(address)).run(impatient(stream)));
                    }
                    Accepted::Unix(stream) => {
                        tokio::spawn(connection(None).run(impatient(stream)));
                    }
                }
            }
            Err(error) if is_about_the_peer(&error) => {}
            Err(error) => {
                if !short_of_files {
                    tracing::warn!(%error, "no new connections can be accepted for now");
                }
                short_of_files = true;
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

fn impatient<T>(stream: T) -> Watched<T, Impatient> {
    Watched::new(stream, Impatient::default())
}

/// Whether accepting failed because the one who connected is gone again.
fn is_about_the_peer(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    [ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted].contains(&error.kind())
}

struct Connection {
    tls: Option<TlsAcceptor>,
    service: Arc<Service>,
    half_open: HalfOpen,
    /// `None` if it came through a socket in the file system.
    address: Option<SocketAddr>,
    lifetime: Lifetime,
}

impl Connection {
    async fn run<T>(self, stream: T)
    where
        T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let mut stop = self.lifetime.stop.clone();
        // Those of this host count as one.
        let ip = self.address.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |address| address.ip());
        let entered = tokio::select! {
            entered = timeout(FIRST_REQUEST_TIMEOUT, self.half_open.enter(ip)) => entered,
            _ = stop.wait_for(|stop| *stop) => return,
        };
        let Ok(Some(guard)) = entered else {
            tracing::debug!(address = ?self.address, "too many connections that say nothing");
            return;
        };
        let Some(tls) = self.tls.clone() else {
            return self.serve(stream, false, false, guard).await;
        };
        let accepted = tokio::select! {
            accepted = timeout(FIRST_REQUEST_TIMEOUT, tls.accept(stream)) => accepted,
            _ = stop.wait_for(|stop| *stop) => return,
        };
        match accepted {
            Ok(Ok(stream)) => {
                let http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
                self.serve(stream, true, http2, guard).await;
            }
            Ok(Err(error)) => tracing::debug!(%error, "a TLS handshake failed"),
            Err(_) => {}
        }
    }

    async fn serve<T>(
        self,
        io: T,
        secure: bool,
        http2: bool,
        guard: crate::half_open::HalfOpenGuard,
    ) where
        T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (asked, mut requests) = watch::channel(());
        let mut stop = self.lifetime.stop.clone();
        let peer = Peer { address: self.address, secure };
        let service = service_fn(|request| {
            asked.send_replace(());
            let service = Arc::clone(&self.service);
            let lifetime = self.lifetime.clone();
            async move {
                Ok::<_, std::convert::Infallible>(service.respond(request, peer, lifetime).await)
            }
        });
        let mut http = auto::Builder::new(TokioExecutor::new());
        http.http1()
            .timer(TokioTimer::new())
            .header_read_timeout(IDLE_TIMEOUT)
            .max_buf_size(MAX_HEADER_BYTES);
        http.http2()
            .timer(TokioTimer::new())
            .max_concurrent_streams(MAX_STREAMS)
            .max_header_list_size(MAX_HEADER_BYTES as u32)
            .keep_alive_interval(KEEP_ALIVE)
            .keep_alive_timeout(KEEP_ALIVE);
        let http = if http2 { http.http2_only() } else { http.http1_only() };
        let mut connection = pin!(http.serve_connection_with_upgrades(TokioIo::new(io), service));

        tokio::select! {
            // An error here is a client that went away or does not speak HTTP.
            _ = connection.as_mut() => return,
            first = timeout(FIRST_REQUEST_TIMEOUT, requests.changed()) => {
                if first.is_err() {
                    return;
                }
            }
            _ = stop.wait_for(|stop| *stop) => return,
        }
        drop(guard);
        let idle =
            async { while let Ok(Ok(())) = timeout(IDLE_TIMEOUT, requests.changed()).await {} };
        tokio::select! {
            _ = connection.as_mut() => return,
            () = idle => {}
            _ = stop.wait_for(|stop| *stop) => {}
        }
        // What is still being answered goes on.
        connection.as_mut().graceful_shutdown();
        // The same.
        let _ended: Result<(), _> = connection.await;
    }
}
