//! Puts the server together, runs it, and takes it down in good order.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::{self, Write};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use galene_conference::{Conference, Config, ShardId};
use galene_http::{AdminFiles, Control, HttpConfig, HttpServer, Listener, MediaLink};
use galene_net::{MediaConfig, MediaPlane};
use galene_store::{ConfigFile, FileError, GroupFiles, TokenFile};
use rustls::crypto::CryptoProvider;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;

use crate::arguments::{Arguments, HttpAddress};
use crate::banner::Banner;
use crate::certificate::{Certificate, CertificateError};
use crate::first_start::{self, FirstStartError};
use crate::ice_servers::IceServersFile;
use crate::site::{self, SiteError};

/// What members are told when the server stops.
const GOODBYE: &str = "the server is shutting down";
/// How long the media plane has to send its last packets.
const MEDIA_TIMEOUT: Duration = Duration::from_secs(1);

/// Runs the server till a signal ends it.
pub(crate) async fn run(arguments: Arguments) -> Result<(), RunError> {
    let mut terminate = signal(SignalKind::terminate()).map_err(RunError::Signals)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(RunError::Signals)?;
    if arguments.turn != "auto" && !arguments.turn.is_empty() {
        tracing::warn!(
            "there is no built-in TURN server yet; -turn {} has no effect",
            arguments.turn
        );
    }

    if arguments.mdns {
        tracing::warn!("names of the local network are not resolved yet; -mdns has no effect");
    }
    if arguments.relay_only {
        tracing::warn!("there is no relaying yet; -relay-only has no effect");
    }

    // What can fail because another server runs comes first, so that it leaves nothing behind.
    let listener = listen(&arguments.http)?;
    let (report, events) = mpsc::unbounded_channel();
    let media = MediaConfig {
        ports: arguments.udp_range,
        advertise: arguments.advertise.clone(),
        shards: arguments.shards,
        offload: !arguments.no_offload,
    };
    let media = MediaPlane::start(
        &media,
        Arc::new(move |shard, event| {
            // When the control plane is gone, nobody wants to know.
            let _gone: Result<(), _> = report.send((ShardId(shard), event));
        }),
    )
    .map_err(RunError::Media)?;
    tracing::debug!(candidates = ?media.addresses(), "media plane started");

    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ConfigFile::new(arguments.data.join("config.json"));
    let settings = config.read_if_changed().map_err(RunError::Config)?.unwrap_or_default();
    let (of_groups, roles) = (site::of_groups(&settings), settings.roles.clone());
    let settings = site::settings(&settings).map_err(RunError::Site)?;
    let password = first_start::make_group(&arguments.groups, &provider)
        .map_err(|source| RunError::FirstGroup { directory: arguments.groups.clone(), source })?;
    let files = Arc::new(GroupFiles::new(arguments.groups.clone()));
    files.set_roles(Arc::new(roles));
    // What is wrong with the files is better said now than when somebody wants to join.
    let names = check_groups(&files).await;
    let (tls, self_made) =
        if arguments.insecure { (None, None) } else { tls(&arguments.data, &provider)? };

    let mut ice_servers = IceServersFile::new(arguments.data.join("ice-servers.json"));
    let commands = media.commands();
    let conference = Config {
        rtc_configuration: ice_servers.poll(SystemTime::now()).unwrap_or_default(),
        shards: u16::try_from(commands.len()).unwrap_or(u16::MAX),
        site: of_groups,
    };
    let conference = Conference::new(conference, RandomState::new().build_hasher().finish());
    let tokens = Arc::new(TokenFile::new(arguments.data.join("var/tokens.jsonl")));
    let mut control =
        Control::start(conference, files.clone(), tokens.clone(), MediaLink { commands, events });
    let (sender, settings) = watch::channel(Arc::new(settings));
    let http = HttpConfig {
        tls,
        directory: arguments.r#static.clone(),
        recordings: Some(arguments.recordings.clone()),
        admin: Some(AdminFiles { groups: files.clone(), tokens: tokens.clone() }),
        ..HttpConfig::new(files.clone(), settings)
    };
    let http = HttpServer::start(listener, http, control.handle().clone())
        .map_err(|source| RunError::Front { directory: arguments.r#static.clone(), source })?;
    tokio::spawn(crate::watch::expire(tokens));
    tokio::spawn(crate::watch::watch(files, control.handle().clone(), config, ice_servers, sender));

    let banner = Banner {
        address: match (&arguments.http, http.address()) {
            (_, Some(address)) => Ok(address),
            (HttpAddress::Unix(path), None) => Err(path),
            (HttpAddress::Everywhere(_) | HttpAddress::On(_), None) => {
                return Err(RunError::Failed);
            }
        },
        insecure: arguments.insecure,
        host: reachable_addresses(),
        self_made: self_made.as_deref(),
        groups: &names,
        directory: &arguments.groups,
        password: password.as_deref(),
    };
    // Whoever started the server may not read what it prints.
    let _unread: io::Result<()> = print(&banner.text());

    let failed = tokio::select! {
        _ = terminate.recv() => false,
        _ = interrupt.recv() => false,
        () = control.ended() => true,
    };
    if failed {
        return Err(RunError::Failed);
    }
    tracing::info!("stopping");
    http.stop_accepting();
    control.shut_down(GOODBYE).await;
    control.end().await;
    if !http.drain().await {
        tracing::info!("some clients did not close their connections in time");
    }
    let media = tokio::task::spawn_blocking(move || media.join());
    match timeout(MEDIA_TIMEOUT, media).await {
        Ok(Ok(Err(error))) => tracing::error!(%error, "the media plane failed"),
        Ok(Ok(Ok(())) | Err(_)) => {}
        Err(_) => tracing::warn!("the media plane did not stop in time"),
    }
    Ok(())
}

fn listen(address: &HttpAddress) -> Result<Listener, RunError> {
    let (listener, address) = match address {
        HttpAddress::Everywhere(port) => {
            (galene_http::listen_everywhere(*port).map(Listener::from), format!(":{port}"))
        }
        HttpAddress::On(address) => {
            (galene_http::listen(*address).map(Listener::from), address.to_string())
        }
        HttpAddress::Unix(path) => (galene_http::listen_unix(path), path.display().to_string()),
    };
    listener.map_err(|source| {
        if source.kind() == io::ErrorKind::AddrInUse {
            RunError::AddressInUse(address)
        } else {
            RunError::Listen { address, source }
        }
    })
}

/// Reads all group files once, which logs what is wrong with them, and returns the groups' names.
async fn check_groups(files: &Arc<GroupFiles>) -> Vec<galene_protocol::GroupName> {
    let files = Arc::clone(files);
    let checked = tokio::task::spawn_blocking(move || {
        drop(files.public_groups());
        files.names()
    });
    checked.await.unwrap_or_default()
}

type Tls = (Option<Arc<rustls::ServerConfig>>, Option<PathBuf>);

fn tls(data: &Path, provider: &Arc<CryptoProvider>) -> Result<Tls, RunError> {
    let certificate =
        Certificate::open(data, Arc::clone(provider)).map_err(RunError::Certificate)?;
    let self_made = certificate.is_self_made().then(|| data.join("cert.pem"));
    let config = galene_http::tls_config(Arc::clone(provider), Arc::new(certificate))
        .map_err(RunError::Tls)?;
    Ok((Some(config), self_made))
}

/// The addresses of this host that other machines may know it by.
fn reachable_addresses() -> Vec<IpAddr> {
    let interfaces = if_addrs::get_if_addrs().unwrap_or_default();
    let addresses =
        interfaces.iter().filter(|interface| !interface.is_loopback()).map(if_addrs::Interface::ip);
    let mut addresses: Vec<IpAddr> =
        addresses.filter(|ip| !crate::certificate::is_link_local(*ip)).collect();
    addresses.sort();
    addresses
}

fn print(text: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(text.as_bytes())?;
    stdout.flush()
}

/// Why the server does not run.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RunError {
    /// Something else listens there, probably another server.
    #[error("HTTP address {0} is already in use (-http chooses another one)")]
    AddressInUse(String),
    /// There is no usable certificate.
    #[error("cannot serve HTTPS")]
    Certificate(#[source] CertificateError),
    /// The site's configuration is broken.
    #[error("the configuration cannot be used")]
    Config(#[source] FileError),
    /// A part of the server failed; the log says which.
    #[error("the server failed")]
    Failed,
    /// The first group cannot be made.
    #[error("cannot make a first group in {}", directory.display())]
    FirstGroup { directory: PathBuf, source: FirstStartError },
    /// The web client cannot be served.
    #[error("cannot serve the web client{}", directory.as_deref().map(|d| format!(" in {}", d.display())).unwrap_or_default())]
    Front { directory: Option<PathBuf>, source: io::Error },
    /// The address cannot be listened on.
    #[error("cannot listen on {address}")]
    Listen { address: String, source: io::Error },
    /// The media plane did not start.
    #[error(transparent)]
    Media(galene_net::StartError),
    /// A part of the site's configuration is wrong.
    #[error("the configuration cannot be used")]
    Site(#[source] SiteError),
    /// Signals cannot be received.
    #[error("cannot wait for signals")]
    Signals(#[source] io::Error),
    /// TLS cannot be set up.
    #[error("cannot set up TLS")]
    Tls(#[source] rustls::Error),
}
