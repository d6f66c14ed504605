//! The media plane as the rest of the server sees it.

use std::collections::VecDeque;
use std::fmt;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::thread::JoinHandle;
use std::time::Instant;

use galene_sfu::{Command, Event, Sfu, SfuConfig, ShardId};
use tokio::sync::{mpsc, watch};

use crate::addresses::LocalAddresses;
use crate::calm::Calm;
#[cfg(any(target_os = "linux", target_os = "android"))]
use crate::kernel_drops::{KernelDrops, Watching};
use crate::mail::{Mail, Outbox};
use crate::mailbox::Mailbox;
use crate::ports::{self, BindError, SocketPair};
use crate::socket::MediaSocket;
use crate::steering::Steering;
use crate::worker::{OwnMailbox, Worker};
use crate::{MediaConfig, ShardStatistics};

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
    #[cfg(any(target_os = "linux", target_os = "android"))]
    _watching: Option<Watching>,
}

#[derive(Debug)]
struct Shard {
    commands: mpsc::Sender<Command>,
    addresses: Vec<SocketAddr>,
    statistics: watch::Receiver<ShardStatistics>,
    thread: JoinHandle<()>,
}

impl MediaPlane {
    /// Binds the sockets and starts the shards.
    ///
    /// # Errors
    ///
    /// [`StartError::AddressInUse`] if every port of the range is taken; others if the host has no
    /// network or no thread to give.
    pub fn start(config: &MediaConfig, events: Arc<EventSink>) -> Result<MediaPlane, StartError> {
        let sockets = ports::bind(config.ports, config.shard_count())?;
        let local = LocalAddresses::of_host(&config.advertise).map_err(StartError::Interfaces)?;
        let kernel_drops: Vec<_> = sockets.iter().map(|_| Arc::default()).collect();
        #[cfg(any(target_os = "linux", target_os = "android"))]
        let watching = watch_drops(&sockets, &kernel_drops)
            .inspect_err(|error| tracing::warn!(%error, "lost packets are not counted"))
            .ok();
        let start = Start {
            config,
            local,
            ports: sockets.iter().map(|pair| pair.port).collect(),
            mailboxes: sockets.iter().map(|_| Arc::new(Mailbox::new())).collect(),
            kernel_drops,
            events,
        };
        let shards = (0..).zip(sockets).map(|(number, pair)| start.shard(ShardId(number), pair));
        Ok(MediaPlane {
            shards: shards.collect::<Result<_, _>>()?,
            #[cfg(any(target_os = "linux", target_os = "android"))]
            _watching: watching,
        })
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
        let mut addresses = Vec::new();
        for address in self.shards.iter().flat_map(|shard| &shard.addresses) {
            if !addresses.contains(address) {
                addresses.push(*address);
            }
        }
        addresses
    }

    /// Returns where to read what each shard has done, in the order of their numbers.
    pub fn statistics(&self) -> Vec<watch::Receiver<ShardStatistics>> {
        self.shards.iter().map(|shard| shard.statistics.clone()).collect()
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

/// What is needed to start a shard.
struct Start<'a> {
    config: &'a MediaConfig,
    local: LocalAddresses,
    /// The port of each shard, in the order of their numbers, as all that follow.
    ports: Vec<u16>,
    mailboxes: Vec<Arc<Mailbox<Mail>>>,
    kernel_drops: Vec<Arc<AtomicU64>>,
    events: Arc<EventSink>,
}

impl Start<'_> {
    fn shard(&self, shard: ShardId, sockets: SocketPair) -> Result<Shard, StartError> {
        let port = sockets.port;
        let candidates = self.local.candidates().iter();
        let addresses: Vec<SocketAddr> = candidates
            .filter(|ip| ip.is_ipv4() || sockets.v6.is_some())
            .map(|&ip| SocketAddr::new(ip, port))
            .collect();

        // The standard library seeds its hash maps from the operating system.
        let seed = RandomState::new().build_hasher().finish();
        let now = Instant::now();
        let mut config = SfuConfig::new(addresses.clone(), seed);
        config.shard = shard;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(StartError::Runtime)?;
        let (v4, v6) = {
            let _guard = runtime.enter();
            let open =
                |socket| MediaSocket::new(socket, self.config.offload).map_err(StartError::Runtime);
            (open(sockets.v4)?, sockets.v6.map(open).transpose()?)
        };
        let (commands, receiver) = mpsc::channel(MAX_COMMANDS);
        let (published, statistics) = watch::channel(ShardStatistics::default());
        let number = usize::from(shard.0);
        let worker = Worker {
            shard,
            sfu: Sfu::new(config, now),
            v4,
            v6,
            port,
            addresses: self.local.clone(),
            advertise: self.config.advertise.clone(),
            commands: receiver,
            events: Arc::clone(&self.events),
            mailbox: OwnMailbox(Arc::clone(&self.mailboxes[number])),
            inbox: VecDeque::new(),
            outbox: Outbox::new(shard, &self.mailboxes),
            steering: self.steering(shard, now),
            kernel_drops: Arc::clone(&self.kernel_drops[number]),
            statistics: ShardStatistics::default(),
            published,
            calm: Calm::new(now),
        };
        let thread = std::thread::Builder::new()
            .name(format!("media-{}", shard.0))
            .spawn(move || runtime.block_on(worker.run()))
            .map_err(StartError::Runtime)?;
        Ok(Shard { commands, addresses, statistics, thread })
    }

    /// What a shard needs if others have the same port.
    fn steering(&self, shard: ShardId, now: Instant) -> Option<Steering> {
        let port = self.ports[usize::from(shard.0)];
        let same = (0..).map(ShardId).zip(&self.ports).filter(|(_, p)| **p == port);
        let others: Vec<_> = same.map(|(other, _)| other).filter(|o| *o != shard).collect();
        (!others.is_empty()).then(|| Steering::new(others, now))
    }
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn watch_drops(sockets: &[SocketPair], totals: &[Arc<AtomicU64>]) -> io::Result<Watching> {
    let mut drops = KernelDrops::default();
    for (pair, total) in sockets.iter().zip(totals) {
        for socket in [Some(&pair.v4), pair.v6.as_ref()].into_iter().flatten() {
            drops.add(socket, total)?;
        }
    }
    drops.watch()
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
    fn from(error: BindError) -> StartError {
        let is_in_use = error.is_in_use();
        let BindError { address, source } = error;
        if is_in_use {
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
