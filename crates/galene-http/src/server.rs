//! The HTTP server as the rest of the program sees it.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use rustls::ServerConfig;
use rustls::crypto::CryptoProvider;
use rustls::server::ResolvesServerCert;
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

use crate::api::AdminFiles;
use crate::control::ControlHandle;
use crate::disk::Disk;
use crate::front::Front;
use crate::groups::GroupStore;
use crate::guard::Guard;
use crate::listen::{Accepting, Listener};
use crate::listener::{self, Lifetime};
use crate::recordings::Recordings;
use crate::service::Service;
use crate::settings::SiteSettings;

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
    /// What the administrative interface reads and changes. Without it there is none.
    pub admin: Option<AdminFiles>,
    /// The directory of recordings, with a directory for each group that has some. It need not exist.
    pub recordings: Option<PathBuf>,
    /// The operator's settings, which may change.
    pub settings: watch::Receiver<Arc<SiteSettings>>,
}

impl HttpConfig {
    /// Plain HTTP, the embedded client, no administration, no recordings.
    pub fn new(
        groups: Arc<dyn GroupStore>,
        settings: watch::Receiver<Arc<SiteSettings>>,
    ) -> HttpConfig {
        HttpConfig { tls: None, directory: None, groups, admin: None, recordings: None, settings }
    }
}

/// A running HTTP server.
#[derive(Debug)]
pub struct HttpServer {
    stop: watch::Sender<bool>,
    alive: mpsc::Receiver<()>,
    address: Option<SocketAddr>,
}

impl HttpServer {
    /// Starts to accept connections, which must be done within a runtime.
    ///
    /// # Errors
    ///
    /// If the listener cannot be used, or the directory not be read.
    pub fn start(
        listener: impl Into<Listener>,
        config: HttpConfig,
        control: ControlHandle,
    ) -> io::Result<HttpServer> {
        let disk = Disk::new();
        let front = Front::open(config.directory.as_deref(), disk.clone())?;
        let listener = Accepting::new(listener.into())?;
        let address = listener.address()?;
        let service = Service {
            control,
            front,
            recordings: config.recordings.map(|root| Recordings::new(root, disk.clone())),
            admin: config.admin,
            disk,
            guard: Guard::default(),
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

    /// Returns where the server listens, if that is not a socket in the file system.
    pub fn address(&self) -> Option<SocketAddr> {
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
