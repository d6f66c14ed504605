//! The HTTP server as the rest of the program sees it.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use rustls::ServerConfig;
use rustls::crypto::CryptoProvider;
use rustls::server::ResolvesServerCert;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

use crate::control::ControlHandle;
use crate::front::Front;
use crate::groups::GroupStore;
use crate::listener::{self, Lifetime};
use crate::service::Service;
use crate::settings::SiteSettings;

/// How many connections may wait to be accepted.
const BACKLOG: i32 = 1024;
/// How long connections have to end, their queues included.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(2);

/// What the server serves, and how.
#[derive(Debug)]
pub struct HttpConfig {
    /// How TLS is done; plain HTTP if `None`.
    pub tls: Option<Arc<ServerConfig>>,
    /// A directory with a web client to serve instead of the embedded one.
    pub directory: Option<PathBuf>,
    /// Where the groups are defined.
    pub groups: Arc<dyn GroupStore>,
    /// The operator's settings, which may change.
    pub settings: watch::Receiver<Arc<SiteSettings>>,
}

/// A running HTTP server.
#[derive(Debug)]
pub struct HttpServer {
    stop: watch::Sender<bool>,
    alive: mpsc::Receiver<()>,
    address: SocketAddr,
}

impl HttpServer {
    /// Starts to accept connections, which must be done within a runtime.
    ///
    /// # Errors
    ///
    /// If the listener cannot be used, or the directory not be read.
    pub fn start(
        listener: std::net::TcpListener,
        config: HttpConfig,
        control: ControlHandle,
    ) -> io::Result<HttpServer> {
        let front = Front::open(config.directory.as_deref())?;
        let listener = TcpListener::from_std(listener)?;
        let address = listener.local_addr()?;
        let service = Service {
            control,
            front,
            groups: config.groups,
            settings: config.settings,
            next_session: AtomicU64::new(1),
        };
        let (stop, stopped) = watch::channel(false);
        let (guard, alive) = mpsc::channel(1);
        let lifetime = Lifetime { stop: stopped, _alive: guard };
        let tls = config.tls.map(TlsAcceptor::from);
        tokio::spawn(listener::accept(listener, tls, Arc::new(service), lifetime));
        Ok(HttpServer { stop, alive, address })
    }

    /// Returns where the server listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Accepts no more connections, and ends those that are only waiting for requests. WebSockets stay
    /// till the control plane closes them.
    pub fn stop_accepting(&self) {
        self.stop.send_replace(true);
    }

    /// Waits till all connections have ended, but not for ever. Returns whether they have.
    pub async fn drain(mut self) -> bool {
        self.stop_accepting();
        timeout(DRAIN_TIMEOUT, self.alive.recv()).await.is_ok()
    }
}

/// Binds to an address; to both families if it is the unspecified address of IPv6 and there is IPv4.
///
/// # Errors
///
/// What the kernel says, `AddrInUse` for instance.
pub fn listen(address: SocketAddr) -> io::Result<std::net::TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        socket.set_only_v6(address.ip() != Ipv6Addr::UNSPECIFIED)?;
    }
    // Connections of an earlier process that are still winding down do not keep the port.
    #[cfg(unix)]
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// Binds to a port on every address of the host.
///
/// # Errors
///
/// What the kernel says, `AddrInUse` for instance.
pub fn listen_everywhere(port: u16) -> io::Result<std::net::TcpListener> {
    match listen(SocketAddr::from((Ipv6Addr::UNSPECIFIED, port))) {
        Ok(listener) => Ok(listener),
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => Err(error),
        // A host without IPv6.
        Err(_) => listen(SocketAddr::from((Ipv4Addr::UNSPECIFIED, port))),
    }
}

/// Returns how TLS is done: versions 1.2 and 1.3, HTTP/2 and HTTP/1.1.
///
/// # Errors
///
/// If the provider of the cryptography does not support that.
pub fn tls_config(
    provider: Arc<CryptoProvider>,
    certificate: Arc<dyn ResolvesServerCert>,
) -> Result<Arc<ServerConfig>, rustls::Error> {
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_cert_resolver(certificate);
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}
