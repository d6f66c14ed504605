//! The threads that carry the clients.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicUsize};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::runtime::{Builder, Handle};
use tokio::sync::watch;

use crate::clock::Clock;
use crate::connection::Connector;
use crate::socket::ReceiveBuffer;
use crate::tally::Tally;
use crate::url::Url;
use crate::window::Window;

/// What all clients share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) clock: Clock,
    pub(crate) connector: Connector,
    /// The server's WebSocket.
    pub(crate) endpoint: Url,
    pub(crate) window: Window,
    pub(crate) progress: Progress,
    /// Publishers send nothing while this is set.
    pub(crate) is_muted: AtomicBool,
    /// Set when clients are to leave.
    pub(crate) leave: watch::Sender<bool>,
}

/// How far the clients are.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    /// Clients that are members of their groups.
    pub(crate) joined: AtomicUsize,
    /// Publishers whose transport is connected.
    pub(crate) publishing: AtomicUsize,
    /// Transports of subscribers that are connected.
    pub(crate) connected: AtomicUsize,
    /// Tracks of which a first packet came, all subscribers together.
    pub(crate) live_tracks: AtomicUsize,
    /// Clients that failed to join or were thrown out.
    pub(crate) failed: AtomicUsize,
}

/// What the clients of one thread share.
#[derive(Debug)]
pub(crate) struct Worker {
    pub(crate) shared: Arc<Shared>,
    tally: Mutex<Tally>,
    buffer: Mutex<ReceiveBuffer>,
}

/// A thread that runs the tasks of its clients.
#[derive(Debug)]
pub(crate) struct WorkerThread {
    worker: Arc<Worker>,
    handle: Handle,
    stop: watch::Sender<bool>,
    thread: JoinHandle<()>,
}

/// How long a thread naps. Latencies are told by when the kernel received a packet.
const NAP: Duration = Duration::from_millis(1);

/// How often is looked whether it is time for naps.
const LOOK_INTERVAL: Duration = Duration::from_millis(10);

/// How many steps of clients follow each other before a nap is due: all that there can be.
const STEPS_BEFORE_NAP: u32 = 1 << 16;

/// Lets the thread sleep whenever there is nothing to do, while it is measured what the server does.
#[expect(clippy::disallowed_methods, reason = "nothing is to wake the thread")]
async fn nap(shared: &Shared) {
    loop {
        if shared.window.contains(shared.clock.nanos()) {
            tokio::task::yield_now().await;
            std::thread::sleep(NAP);
        } else {
            tokio::time::sleep(LOOK_INTERVAL).await;
        }
    }
}

impl Worker {
    /// Gives access to the counts of the thread; not to be held for long.
    pub(crate) fn tally(&self) -> MutexGuard<'_, Tally> {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives access to the memory that the thread receives into.
    pub(crate) fn buffer(&self) -> MutexGuard<'_, ReceiveBuffer> {
        self.buffer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl WorkerThread {
    /// Starts a thread. One that naps looks at its sockets from time to time, instead of being woken by
    /// each packet: waking it would be the server's work, which a network card saves it.
    pub(crate) fn start(name: &str, shared: Arc<Shared>, naps: bool) -> io::Result<Self> {
        let mut runtime = Builder::new_current_thread();
        if naps {
            runtime.event_interval(STEPS_BEFORE_NAP);
        }
        let runtime = runtime.enable_all().build()?;
        let worker = Arc::new(Worker {
            shared,
            tally: Mutex::default(),
            buffer: Mutex::new(ReceiveBuffer::new()),
        });
        let shared = worker.shared.clone();
        let handle = runtime.handle().clone();
        let (stop, mut stopped) = watch::channel(false);
        let run = move || {
            runtime.block_on(async {
                tokio::select! {
                    biased;
                    // The other side says so, or is gone, which says the same.
                    _said = stopped.wait_for(|stopped| *stopped) => {}
                    () = nap(&shared), if naps => {}
                }
            });
        };
        let thread = std::thread::Builder::new().name(name.to_owned()).spawn(run)?;
        Ok(Self { worker, handle, stop, thread })
    }

    /// Returns what the clients of this thread share.
    pub(crate) fn worker(&self) -> &Arc<Worker> {
        &self.worker
    }

    /// Runs a client on this thread.
    pub(crate) fn spawn(
        &self,
        client: impl Future<Output = ()> + Send + 'static,
    ) -> tokio::task::JoinHandle<()> {
        self.handle.spawn(client)
    }

    /// Ends the thread and returns what was counted on it.
    pub(crate) fn join(self) -> Tally {
        self.stop.send_replace(true);
        let has_panicked = self.thread.join().is_err();
        let mut tally = std::mem::take(&mut *self.worker.tally());
        if has_panicked {
            tally.error("a thread of the generator panicked");
        }
        tally
    }
}
