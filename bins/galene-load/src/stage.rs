//! What all scenarios need: the server's endpoint, threads with clients, and meters.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

use galene_protocol::GroupStatus;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::arguments::Target;
use crate::client::{self, ClientConfig};
use crate::clock::Clock;
use crate::connection::{ConnectError, Connector, Trust};
use crate::process::{CpuUse, ProcessMeter, ThreadUse};
use crate::report::Report;
use crate::tally::Tally;
use crate::url::{Url, UrlError};
use crate::window::Window;
use crate::worker::{Progress, Shared, WorkerThread};

/// How often is looked whether everybody has arrived.
const LOOK_INTERVAL: Duration = Duration::from_millis(10);
/// After the end nothing more is waited for when nothing came for so long: several times that which a
/// packet takes that is sent again.
const SILENCE: Duration = Duration::from_secs(1);
/// How long is waited at most; a server that is behind by more than this is overloaded anyway.
const MAX_DRAIN: Duration = Duration::from_secs(15);
/// How long publishers send before others come. Servers learn of a track by its first packet, so a stream
/// takes a moment to be whole; and the original server forgets to tell those of the tracks that follow who
/// come within the 200 ms for which it collects them.
const PUBLISHERS_AHEAD: Duration = Duration::from_millis(500);
/// How often the meters are read while measuring, so that threads that end are seen.
const SAMPLE_INTERVAL: Duration = Duration::from_millis(500);
/// A thread that is busier than this delays what it measures.
const BUSY_PERCENT: f64 = 85.0;
/// A thread that waits for a CPU for more of the time than this is late with all that it does.
const WAITING_PERCENT: f64 = 10.0;

/// Where a scenario takes place.
pub(crate) struct Stage {
    pub(crate) shared: Arc<Shared>,
    server: Option<ProcessMeter>,
    generator: ProcessMeter,
    publishers: WorkerThread,
    subscribers: Vec<WorkerThread>,
    clients: Vec<JoinHandle<()>>,
    next: u32,
    target: Target,
}

/// Why a scenario could not begin.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StageError {
    #[error(transparent)]
    Connect(#[from] ConnectError),
    #[error("the server names an endpoint that is none: {0}")]
    Endpoint(#[from] UrlError),
    #[error("the URL is not that of a group: http://HOST:PORT/group/NAME/ is")]
    Group,
    #[error("several groups need {{n}} in the name of the group")]
    Groups,
    #[error("the process cannot be measured: {0}")]
    Meter(#[source] io::Error),
    #[error("the status of the group cannot be understood: {0}")]
    Status(#[source] serde_json::Error),
    #[error("a thread cannot be started: {0}")]
    Thread(#[source] io::Error),
}

impl Stage {
    /// Finds the server and starts the threads.
    pub(crate) async fn set_up(target: &Target, groups: usize) -> Result<Self, StageError> {
        if groups > 1 && target.url == target.url.numbered(0) {
            return Err(StageError::Groups);
        }
        let trust = match &target.certificate {
            _ if target.insecure => Trust::All,
            Some(file) => Trust::File(file),
            None => Trust::None,
        };
        let connector = Connector::new(trust)?;
        let page = target.url.numbered(0).status().ok_or(StageError::Group)?;
        let status = connector.get(&page).await?;
        let status: GroupStatus = serde_json::from_slice(&status).map_err(StageError::Status)?;
        let endpoint = match status.endpoint {
            Some(endpoint) => endpoint.parse()?,
            None => Url { path: "/ws".to_owned(), ..target.url.clone() },
        };
        let shared = Arc::new(Shared {
            clock: Clock::start(),
            connector,
            endpoint,
            window: Window::new(),
            progress: Progress::default(),
            is_muted: AtomicBool::new(false),
            leave: watch::Sender::new(false),
        });
        let thread = |name: &str, naps| WorkerThread::start(name, shared.clone(), naps);
        let publishers = thread("publishers", false).map_err(StageError::Thread)?;
        let subscribers = (0..target.threads).map(|i| thread(&format!("subscribers-{i}"), true));
        let subscribers = subscribers.collect::<io::Result<_>>().map_err(StageError::Thread)?;
        let server = target.server_pid.map(ProcessMeter::of).transpose();
        Ok(Self {
            server: server.map_err(StageError::Meter)?,
            generator: ProcessMeter::of_this_process().map_err(StageError::Meter)?,
            shared,
            publishers,
            subscribers,
            clients: Vec::new(),
            next: 0,
            target: target.clone(),
        })
    }

    /// Returns a client of the group of this number, with a number of its own.
    pub(crate) fn client(&mut self, group: usize) -> ClientConfig {
        let number = self.next;
        self.next += 1;
        let url = self.target.url.numbered(group);
        ClientConfig {
            number,
            group: url.group().unwrap_or_default().to_owned(),
            username: self.target.username.replace("{n}", &number.to_string()),
            password: self.target.password.clone(),
            publish: None,
            subscribe: None,
            chat: None,
            leaves_with_media: false,
        }
    }

    /// Lets a client attend until everybody leaves.
    pub(crate) fn admit(&mut self, client: ClientConfig) {
        let mut left = self.shared.leave.subscribe();
        let leave = async move {
            // The other side says so, or is gone, which says the same.
            let _said = left.wait_for(|leave| *leave).await;
        };
        let client = self.spawn(client, leave);
        self.clients.push(client);
    }

    /// Lets a client attend until `leave` ends.
    pub(crate) fn spawn(
        &self,
        client: ClientConfig,
        leave: impl Future<Output = ()> + Send + 'static,
    ) -> JoinHandle<()> {
        let thread = if client.publish.is_some() {
            &self.publishers
        } else {
            &self.subscribers[client.number as usize % self.subscribers.len()]
        };
        thread.spawn(client::run(client, thread.worker().clone(), leave))
    }

    /// Waits until `has_come` or until patience ends, and returns whether it has. Ends at once when a
    /// client has failed.
    pub(crate) async fn wait_until(&mut self, has_come: impl Fn(&Progress) -> bool) -> bool {
        let begun = Instant::now();
        loop {
            if has_come(&self.shared.progress) {
                return true;
            }
            let has_failed = self.shared.progress.failed.load(Relaxed) > 0;
            if has_failed || begun.elapsed() > self.target.patience {
                return false;
            }
            tokio::time::sleep(LOOK_INTERVAL).await;
        }
    }

    /// Waits until so many publishers send, and then for as long as it takes servers to know all of their
    /// tracks. Returns whether they do.
    pub(crate) async fn wait_for_publishers(&mut self, publishers: usize) -> bool {
        let has_come = self.wait_until(|p| p.publishing.load(Relaxed) >= publishers).await;
        if has_come {
            tokio::time::sleep(PUBLISHERS_AHEAD).await;
        }
        has_come
    }

    /// Measures for a while: opens the window, restarts the meters, and closes the window.
    pub(crate) async fn measure(&mut self, duration: Duration) -> Result<(), StageError> {
        self.restart_meters()?;
        self.shared.window.open(self.shared.clock.nanos());
        let end = Instant::now() + duration;
        while Instant::now() < end {
            let left = end.saturating_duration_since(Instant::now());
            tokio::time::sleep(left.min(SAMPLE_INTERVAL)).await;
            self.sample_meters()?;
        }
        self.shared.window.close(self.shared.clock.nanos());
        Ok(())
    }

    pub(crate) fn restart_meters(&mut self) -> Result<(), StageError> {
        if let Some(server) = &mut self.server {
            server.restart().map_err(StageError::Meter)?;
        }
        self.generator.restart().map_err(StageError::Meter)
    }

    pub(crate) fn sample_meters(&mut self) -> Result<(), StageError> {
        if let Some(server) = &mut self.server {
            server.sample().map_err(StageError::Meter)?;
        }
        self.generator.sample().map_err(StageError::Meter)
    }

    /// Returns the memory of the server, if its process is known.
    pub(crate) fn resident(&self) -> Result<Option<u64>, StageError> {
        self.server.as_ref().map(ProcessMeter::resident).transpose().map_err(StageError::Meter)
    }

    /// Returns what the server used since measuring began, if its process is known.
    pub(crate) fn server_used(&mut self) -> Result<Option<CpuUse>, StageError> {
        let used = self.server.as_mut().map(ProcessMeter::used).transpose();
        used.map_err(StageError::Meter)
    }

    /// Returns what the generator used since measuring began.
    pub(crate) fn generator_used(&mut self) -> Result<CpuUse, StageError> {
        self.generator.used().map_err(StageError::Meter)
    }

    /// Waits for packets that are still under way: until `is_all` is content with what was counted, or
    /// until nothing more comes.
    pub(crate) async fn drain(&self, is_all: impl Fn(&Tally) -> bool) {
        let mut latest = (0, Instant::now());
        let begun = Instant::now();
        while latest.1.elapsed() < SILENCE && begun.elapsed() < MAX_DRAIN {
            tokio::time::sleep(LOOK_INTERVAL).await;
            let mut sum = Tally::default();
            for thread in self.subscribers.iter().chain([&self.publishers]) {
                let tally = thread.worker().tally();
                sum.sent.merge(&tally.sent);
                sum.received.merge(&tally.received);
            }
            if is_all(&sum) {
                return;
            }
            if sum.received.packets() != latest.0 {
                latest = (sum.received.packets(), Instant::now());
            }
        }
    }

    /// Lets everybody leave, and returns what was counted.
    pub(crate) async fn strike(self) -> Tally {
        self.shared.leave.send_replace(true);
        let mut tally = Tally::default();
        for client in self.clients {
            if client.await.is_err() {
                tally.error("a client of the generator panicked");
            }
        }
        for thread in self.subscribers.into_iter().chain([self.publishers]) {
            tally.merge(&thread.join());
        }
        tally
    }
}

/// Reports what the server used, and warns if the machine held it up.
pub(crate) fn report_server(report: &mut Report, used: &CpuUse) {
    report.title("server");
    report.cpu("server", "CPU", used);
    warn_of_waiting(report, "server", used);
}

/// Reports what the generator itself used, and warns if that was too much.
pub(crate) fn report_generator(report: &mut Report, used: &CpuUse) {
    report.title("generator");
    report.cpu("generator", "CPU", used);
    warn_of_waiting(report, "generator", used);
    for thread in used.threads.iter().filter(|thread| thread.max_percent > BUSY_PERCENT) {
        report.warn(format!(
            "the generator's thread {} is {:.0} % busy: it delays what it measures (--threads)",
            thread.name, thread.max_percent
        ));
    }
}

fn warn_of_waiting(report: &mut Report, whose: &str, used: &CpuUse) {
    let is_waiting = |thread: &&ThreadUse| thread.max_waiting_percent > WAITING_PERCENT;
    for ThreadUse { name, max_waiting_percent, .. } in used.threads.iter().filter(is_waiting) {
        report.warn(format!(
            "the {whose}'s thread {name} was ready to run but had no CPU for {max_waiting_percent:.0} % \
             of the time: the machine is too busy to measure delays"
        ));
    }
}
