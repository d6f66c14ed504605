//! The media plane as the rest of the server sees it.

use std::fmt;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Instant;

use galene_sfu::{Command, Event, Sfu, SfuConfig};
use tokio::sync::mpsc;

use crate::MediaConfig;
use crate::addresses::LocalAddresses;
use crate::socket::{BindError, MediaSocket, SocketPair};
use crate::worker::Worker;

/// How many commands may wait for a shard. A shard takes 64 at a time between two batches of packets,
/// so they wait only while it is overloaded; then whoever gives commands has to wait too.
const MAX_COMMANDS: usize = 1024;

/// Takes the events of a shard, given its number. Called on the media thread, so it must not block.
pub type EventSink = dyn Fn(u16, Event) + Send + Sync;

/// The running media plane.
///
/// Ends when every sender of commands is dropped, [`commands`](Self::commands) included; what is then
/// still to be sent is sent.
pub struct MediaPlane {
    shards: Vec<Shard>,
}

#[derive(Debug)]
struct Shard {
    commands: mpsc::Sender<Command>,
    addresses: Vec<SocketAddr>,
    thread: JoinHandle<()>,
}

impl MediaPlane {
    /// Binds the sockets and starts the shards, at present one.
    ///
    /// # Errors
    ///
    /// [`StartError::AddressInUse`] if every port of the range is taken; others if the host has no
    /// network or no thread to give.
    pub fn start(config: &MediaConfig, events: Arc<EventSink>) -> Result<MediaPlane, StartError> {
        Ok(MediaPlane { shards: vec![Shard::start(0, config, events)?] })
    }

    /// Returns where to send the commands for each shard, in the order of their numbers.
    ///
    /// A full channel means that the shard is overloaded, and a closed one that it is gone.
    pub fn commands(&self) -> Vec<mpsc::Sender<Command>> {
        self.shards.iter().map(|shard| shard.commands.clone()).collect()
    }

    /// Returns the candidates that peers are offered from the start, all shards together. Addresses that
    /// the host gets later are offered too.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.shards.iter().flat_map(|shard| shard.addresses.iter().copied()).collect()
    }

    /// Waits till the shards have sent what is left and ended, which they do once all senders of
    /// commands are dropped. Blocks.
    ///
    /// # Errors
    ///
    /// [`ShardPanicked`] if one of them ended before that, by a panic.
    pub fn join(self) -> Result<(), ShardPanicked> {
        let mut result = Ok(());
        for (number, shard) in (0..).zip(self.shards) {
            drop(shard.commands);
            if shard.thread.join().is_err() {
                result = Err(ShardPanicked(number));
            }
        }
        result
    }
}

impl fmt::Debug for MediaPlane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MediaPlane").field("shards", &self.shards).finish()
    }
}

impl Shard {
    fn start(
        number: u16,
        config: &MediaConfig,
        events: Arc<EventSink>,
    ) -> Result<Shard, StartError> {
        let sockets = SocketPair::bind(config.ports)?;
        let local = LocalAddresses::of_host(&config.advertise).map_err(StartError::Interfaces)?;
        let port = sockets.port;
        let addresses: Vec<SocketAddr> = local
            .candidates()
            .iter()
            .filter(|ip| ip.is_ipv4() || sockets.v6.is_some())
            .map(|&ip| SocketAddr::new(ip, port))
            .collect();

        // The standard library seeds its hash maps from the operating system.
        let seed = RandomState::new().build_hasher().finish();
        let sfu = Sfu::new(SfuConfig::new(addresses.clone(), seed), Instant::now());
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(StartError::Runtime)?;
        let (v4, v6) = {
            let _guard = runtime.enter();
            let v6 = sockets.v6.map(MediaSocket::new).transpose().map_err(StartError::Runtime)?;
            (MediaSocket::new(sockets.v4).map_err(StartError::Runtime)?, v6)
        };
        let (commands, receiver) = mpsc::channel(MAX_COMMANDS);
        let worker = Worker {
            shard: number,
            sfu,
            v4,
            v6,
            port,
            addresses: local,
            advertise: config.advertise.clone(),
            commands: receiver,
            events,
        };
        let thread = std::thread::Builder::new()
            .name(format!("media-{number}"))
            .spawn(move || runtime.block_on(worker.run()))
            .map_err(StartError::Runtime)?;
        Ok(Shard { commands, addresses, thread })
    }
}

/// Why the media plane could not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// No port of the range is free. The address is the last one tried.
    #[error("UDP address {0} is already in use (-udp-range chooses another port)")]
    AddressInUse(SocketAddr),
    /// The kernel refuses the address for another reason.
    #[error("cannot listen on UDP address {address}")]
    Bind {
        /// The address that was asked for.
        address: SocketAddr,
        /// What the kernel said.
        source: io::Error,
    },
    /// The host's addresses cannot be read.
    #[error("cannot list the network interfaces")]
    Interfaces(#[source] io::Error),
    /// The kernel gave no thread or no event queue.
    #[error("cannot start the media thread")]
    Runtime(#[source] io::Error),
}

impl From<BindError> for StartError {
    fn from(BindError { address, source }: BindError) -> StartError {
        if source.kind() == io::ErrorKind::AddrInUse {
            StartError::AddressInUse(address)
        } else {
            StartError::Bind { address, source }
        }
    }
}

/// A shard ended by a panic, and with it all that it forwarded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("media shard {0} panicked")]
pub struct ShardPanicked(pub u16);
