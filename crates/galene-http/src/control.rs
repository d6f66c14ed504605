//! The one task that owns the [`Conference`]: everything that happens reaches it through channels, and
//! what the conference wants done is done from here.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use galene_auth::{AuthoriseError, AuthoriseRequest, Grant, TokenStore};
use galene_conference::{
    Command, Conference, Event, GroupOverview, Input, MAX_REPORTED, MediaCommand, Now, Output,
    SessionId, ShardId, Site, Ticket, TransportId, TransportStatistics,
};
use galene_group::{GroupLookup, LookupError};
use galene_protocol::{
    ClientMessage, DecodeError, GroupName, GroupStatus, RtcConfiguration, ServerMessage,
};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio_tungstenite::tungstenite::Utf8Bytes;

use crate::authoriser::Authoriser;
use crate::encodings::Encodings;
use crate::groups::{GroupStore, look_up};
use crate::outbox::{Close, Outbox, Unsent};
use crate::recent_lookups::RecentLookups;

/// How much may wait for the control task. It handles tens of thousands of messages a second; when
/// there are more, those who send them wait.
const MAX_ARRIVALS: usize = 1024;
/// How many questions may wait for shards. Each takes the place of a command, and those come first.
const MAX_REPORTS: usize = 16;
/// How much is taken in before what it caused is done.
const MAX_BATCH: usize = 64;
/// For how long news about others waits for more of the same, if nothing more important comes before.
/// Each write to a client costs several microseconds, and of those who come and go nobody minds hearing
/// a moment later.
const NEWS_INTERVAL: Duration = Duration::from_millis(20);

/// The channels to and from the media plane.
#[derive(Debug)]
pub struct MediaLink {
    /// Takes the commands for each shard, in the order of their numbers. If a shard is so busy that its
    /// channel is full, the control plane waits.
    pub commands: Vec<mpsc::Sender<Command>>,
    /// What the shards report. Not bounded, for the media plane must wait for nobody: each event answers
    /// a command, and those are bounded, or tells of a change of a transport, and those are spaced out
    /// by ICE's timers.
    pub events: mpsc::UnboundedReceiver<(ShardId, Event)>,
}

/// The running control task.
#[derive(Debug)]
pub struct Control {
    handle: ControlHandle,
    task: JoinHandle<()>,
}

/// Where the control task can be reached. Cheap to clone.
#[derive(Debug, Clone)]
pub struct ControlHandle {
    arrivals: mpsc::Sender<Arrival>,
    authoriser: Authoriser,
}

/// Something that reaches the control task.
#[derive(Debug)]
pub(crate) enum Arrival {
    /// A client connected.
    Opened { session: SessionId, address: Option<SocketAddr>, outbox: Outbox },
    /// Anything else that the conference is told.
    Input(Box<Input>),
    /// What was found about a group, and when it was asked for.
    Loaded { ticket: Ticket, asked: Instant, result: Result<GroupLookup, LookupError> },
    /// Somebody wants to know about groups that exist.
    Statuses { lookups: Vec<GroupLookup>, answer: oneshot::Sender<Vec<GroupStatus>> },
    /// Somebody wants to know whether there is anybody.
    Ping { answer: oneshot::Sender<()> },
    /// Somebody wants to know who is in which group.
    Overview { answer: oneshot::Sender<Vec<GroupOverview>> },
    /// Somebody wants to know what these transports of a shard carry. If the shard has too much to do,
    /// nobody answers.
    Report {
        shard: ShardId,
        transports: Vec<TransportId>,
        answer: oneshot::Sender<Vec<TransportStatistics>>,
    },
    /// Somebody wants to know which groups are in memory.
    Groups { answer: oneshot::Sender<Vec<GroupName>> },
    /// Clients are to be told something else about their transports.
    RtcConfiguration(Box<RtcConfiguration>),
    /// The administrator set something.
    Site(Box<Site>),
    /// Nothing more is to come.
    End,
}

impl Control {
    /// Starts the task, which must be done within a runtime.
    pub fn start(
        conference: Conference,
        groups: Arc<dyn GroupStore>,
        tokens: Arc<dyn TokenStore>,
        media: MediaLink,
    ) -> Control {
        let (handle, arrivals) = ControlHandle::channel(Authoriser::new(tokens));
        let driver = Driver {
            conference,
            groups,
            commands: media.commands,
            sessions: HashMap::new(),
            encodings: Encodings::new(),
            reports: HashMap::new(),
            last_report: 0,
            recent: RecentLookups::new(Instant::now()),
            answers: VecDeque::new(),
            news: Vec::new(),
            news_due: None,
            handle: handle.clone(),
        };
        let task = tokio::spawn(driver.run(arrivals, media.events));
        Control { handle, task }
    }

    /// Returns where the task can be reached.
    pub fn handle(&self) -> &ControlHandle {
        &self.handle
    }

    /// Tells everybody that the server stops, and lets them go.
    pub async fn shut_down(&self, message: &str) {
        self.handle.input(Input::Shutdown { message: message.into() }).await;
    }

    /// Ends the task once it has done what was asked of it before.
    pub async fn end(self) {
        // If it has ended already, all the better.
        let _ended: Result<(), _> = self.handle.arrivals.send(Arrival::End).await;
        let _panicked: Result<(), _> = self.task.await;
    }

    /// Waits till the task ends by itself, which means that the server cannot go on.
    pub async fn ended(&mut self) {
        if let Err(error) = (&mut self.task).await {
            tracing::error!(%error, "the control plane failed");
        }
    }
}

impl ControlHandle {
    /// Makes the channel that leads to the control task.
    pub(crate) fn channel(authoriser: Authoriser) -> (ControlHandle, mpsc::Receiver<Arrival>) {
        let (sender, arrivals) = mpsc::channel(MAX_ARRIVALS);
        (ControlHandle { arrivals: sender, authoriser }, arrivals)
    }

    /// Tells the conference that the definition of a group has changed.
    pub async fn group_changed(&self, lookup: GroupLookup) {
        self.input(Input::GroupChanged { lookup }).await;
    }

    /// Tells the conference that a group is no longer defined.
    pub async fn group_removed(&self, group: GroupName) {
        self.input(Input::GroupRemoved { group }).await;
    }

    /// Returns who is in which group; nothing if the server is stopping.
    pub(crate) async fn overview(&self) -> Option<Vec<GroupOverview>> {
        let (answer, overview) = oneshot::channel();
        self.arrive(Arrival::Overview { answer }).await;
        overview.await.ok()
    }

    /// Returns what transports carry, each asked for at its shard; nothing if a shard has too much to do.
    ///
    /// Each shard is asked for a few at a time, so that it forwards in between.
    pub(crate) async fn statistics(
        &self,
        places: BTreeMap<ShardId, Vec<TransportId>>,
    ) -> Option<HashMap<TransportId, TransportStatistics>> {
        let mut all = HashMap::new();
        for (shard, transports) in places {
            for some in transports.chunks(MAX_REPORTED) {
                let (answer, statistics) = oneshot::channel();
                let transports = some.to_vec();
                self.arrive(Arrival::Report { shard, transports, answer }).await;
                let statistics = statistics.await.ok()?;
                all.extend(statistics.into_iter().map(|known| (known.transport, known)));
            }
        }
        Some(all)
    }

    /// Tells the conference what an administrator wants.
    pub(crate) async fn tell(&self, input: Input) {
        self.input(input).await;
    }

    /// Returns whether the control task answers.
    pub(crate) async fn ping(&self) -> bool {
        let (answer, pong) = oneshot::channel();
        self.arrive(Arrival::Ping { answer }).await && pong.await.is_ok()
    }

    /// Returns the groups that are in memory.
    pub async fn groups(&self) -> Vec<GroupName> {
        let (answer, groups) = oneshot::channel();
        self.arrive(Arrival::Groups { answer }).await;
        groups.await.unwrap_or_default()
    }

    /// Changes what clients configure their transports with from now on.
    pub async fn set_rtc_configuration(&self, rtc_configuration: RtcConfiguration) {
        self.arrive(Arrival::RtcConfiguration(Box::new(rtc_configuration))).await;
    }

    /// Checks credentials, in turn with those of everybody who joins.
    pub(crate) async fn authorise(
        &self,
        request: AuthoriseRequest,
    ) -> Result<Grant, AuthoriseError> {
        self.authoriser.run(request).await
    }

    /// Changes what the administrator set for all groups.
    pub async fn set_site(&self, site: Site) {
        self.arrive(Arrival::Site(Box::new(site))).await;
    }

    /// Returns what strangers may know of groups that exist, in the same order; nothing if the server
    /// is stopping.
    pub(crate) async fn statuses(&self, lookups: Vec<GroupLookup>) -> Vec<GroupStatus> {
        let (answer, statuses) = oneshot::channel();
        self.arrive(Arrival::Statuses { lookups, answer }).await;
        statuses.await.unwrap_or_default()
    }

    /// A client connected. Returns whether anybody listens to it.
    pub(crate) async fn open(
        &self,
        session: SessionId,
        address: Option<SocketAddr>,
        outbox: Outbox,
    ) -> bool {
        self.arrive(Arrival::Opened { session, address, outbox }).await
    }

    /// A client said something. Returns whether anybody listens.
    pub(crate) async fn message(
        &self,
        session: SessionId,
        message: Result<ClientMessage, DecodeError>,
    ) -> bool {
        self.input(match message {
            Ok(message) => Input::Message { session, message },
            Err(error) => Input::Malformed { session, error },
        })
        .await
    }

    /// A client is gone.
    pub(crate) async fn close(&self, session: SessionId) {
        self.input(Input::SessionClosed { session }).await;
    }

    async fn input(&self, input: Input) -> bool {
        self.arrive(Arrival::Input(Box::new(input))).await
    }

    async fn arrive(&self, arrival: Arrival) -> bool {
        self.arrivals.send(arrival).await.is_ok()
    }
}

struct Driver {
    conference: Conference,
    groups: Arc<dyn GroupStore>,
    commands: Vec<mpsc::Sender<Command>>,
    sessions: HashMap<SessionId, Outbox>,
    encodings: Encodings,
    /// Who waits for what a shard has to report. Each asker waits for one answer at a time.
    reports: HashMap<u64, oneshot::Sender<Vec<TransportStatistics>>>,
    last_report: u64,
    recent: RecentLookups,
    /// What the conference is told next: answers that were at hand, and sessions that were cut off.
    answers: VecDeque<Input>,
    /// Sessions for which there was news since it was last sent, each once.
    news: Vec<SessionId>,
    /// When the news is sent at the latest.
    news_due: Option<Instant>,
    handle: ControlHandle,
}

/// There is no media plane any more.
struct MediaIsGone;

impl Driver {
    async fn run(
        mut self,
        mut arrivals: mpsc::Receiver<Arrival>,
        mut events: mpsc::UnboundedReceiver<(ShardId, Event)>,
    ) {
        loop {
            let deadline = self.conference.poll_timeout().into_iter().chain(self.news_due).min();
            let timeout = async {
                match deadline {
                    Some(at) => tokio::time::sleep_until(at.into()).await,
                    None => std::future::pending().await,
                }
            };
            let mut ends = false;
            tokio::select! {
                arrival = arrivals.recv() => {
                    ends = arrival.is_none_or(|arrival| self.take_in(arrival));
                    for _ in 1..MAX_BATCH {
                        let Ok(next) = arrivals.try_recv() else { break };
                        ends |= self.take_in(next);
                    }
                }
                Some((shard, event)) = events.recv() => {
                    self.hear(shard, event);
                    for _ in 1..MAX_BATCH {
                        let Ok((shard, event)) = events.try_recv() else { break };
                        self.hear(shard, event);
                    }
                }
                () = timeout => self.input(Input::Timeout),
            }
            if self.news_due.is_some_and(|due| due <= Instant::now()) {
                self.send_news();
            }
            if self.act().await.is_err() {
                tracing::error!("the media plane is gone");
                return;
            }
            if ends {
                return;
            }
        }
    }

    /// Takes in what arrived. Returns whether it is the last thing.
    fn take_in(&mut self, arrival: Arrival) -> bool {
        match arrival {
            Arrival::Opened { session, address, outbox } => {
                self.sessions.insert(session, outbox);
                self.input(Input::SessionOpened { session, address });
            }
            Arrival::Input(input) => {
                if let Input::SessionClosed { session } = &*input {
                    self.sessions.remove(session);
                }
                if matches!(*input, Input::GroupChanged { .. } | Input::GroupRemoved { .. }) {
                    self.recent.forget(Instant::now());
                }
                self.input(*input);
            }
            Arrival::Loaded { ticket, asked, result } => {
                if let Ok(lookup) = &result {
                    self.recent.note(lookup, asked);
                }
                self.input(Input::GroupLoaded { ticket, result });
            }
            // Whoever asked may have given up meanwhile.
            Arrival::Statuses { lookups, answer } => {
                let statuses = lookups.iter().map(|lookup| self.conference.group_status(lookup));
                drop(answer.send(statuses.collect()));
            }
            Arrival::Overview { answer } => drop(answer.send(self.conference.overview())),
            Arrival::Report { shard, transports, answer } => self.ask(shard, transports, answer),
            Arrival::Ping { answer } => drop(answer.send(())),
            Arrival::Groups { answer } => {
                let names = self.conference.groups().map(|group| group.name().clone());
                drop(answer.send(names.collect()));
            }
            Arrival::RtcConfiguration(configuration) => {
                self.conference.set_rtc_configuration(*configuration);
            }
            Arrival::Site(site) => self.conference.set_site(*site),
            Arrival::End => return true,
        }
        false
    }

    /// Takes in what a shard says.
    fn hear(&mut self, shard: ShardId, event: Event) {
        if let Event::Report { ticket, statistics } = event {
            if let Some(answer) = self.reports.remove(&ticket) {
                // Whoever asked may have given up meanwhile.
                drop(answer.send(statistics));
            }
        } else {
            self.input(Input::Media { shard, event });
        }
    }

    /// Asks a shard what transports carry, unless too much waits for it already.
    fn ask(
        &mut self,
        shard: ShardId,
        transports: Vec<TransportId>,
        answer: oneshot::Sender<Vec<TransportStatistics>>,
    ) {
        if self.reports.len() >= MAX_REPORTS {
            return;
        }
        self.last_report += 1;
        let ticket = self.last_report;
        let commands = self.commands.get(usize::from(shard.0));
        if commands.is_some_and(|c| c.try_send(Command::Report { ticket, transports }).is_ok()) {
            self.reports.insert(ticket, answer);
        }
    }

    fn input(&mut self, input: Input) {
        let now = Now { instant: Instant::now(), wall: SystemTime::now() };
        self.conference.handle_input(input, now);
    }

    /// Does all that the conference wants done.
    async fn act(&mut self) -> Result<(), MediaIsGone> {
        let now = Instant::now();
        loop {
            while let Some(output) = self.conference.poll_output() {
                self.carry_out(output, now).await?;
            }
            let Some(answer) = self.answers.pop_front() else { return Ok(()) };
            self.input(answer);
        }
    }

    async fn carry_out(&mut self, output: Output, now: Instant) -> Result<(), MediaIsGone> {
        match output {
            Output::Send { sessions, message } => {
                let text = self.encodings.encode(&message);
                let is_news = matches!(&*message, ServerMessage::User(_));
                for session in sessions {
                    self.send(session, text.clone(), is_news, now);
                }
            }
            Output::Close { session, code, reason } => {
                if let Some(outbox) = self.sessions.remove(&session) {
                    outbox.close(Close { code, reason });
                }
            }
            Output::Media(MediaCommand { shard, command }) => {
                let shard = self.commands.get(usize::from(shard.0)).ok_or(MediaIsGone)?;
                shard.send(command).await.map_err(|_| MediaIsGone)?;
            }
            Output::LoadGroup { ticket, group } => match self.recent.ask(&group, now) {
                Some(lookup) => {
                    let result = Ok(lookup);
                    self.answers.push_back(Input::GroupLoaded { ticket, result });
                }
                None => self.load(ticket, group, now),
            },
            Output::Authorise { ticket, request } => {
                if let Some(result) = self.handle.authoriser.run_at_once(&request) {
                    self.answers.push_back(Input::Authorised { ticket, result });
                    return Ok(());
                }
                let handle = self.handle.clone();
                tokio::spawn(async move {
                    let result = handle.authorise(request).await;
                    handle.input(Input::Authorised { ticket, result }).await;
                });
            }
            Output::Tokens { ticket, operation } => {
                let handle = self.handle.clone();
                tokio::spawn(async move {
                    let result = handle.authoriser.run_on_tokens(operation).await;
                    handle.input(Input::TokensAnswered { ticket, result }).await;
                });
            }
            _ => tracing::error!("the conference wants something that this shell does not know"),
        }
        Ok(())
    }

    fn send(&mut self, session: SessionId, text: Utf8Bytes, is_news: bool, now: Instant) {
        let Some(outbox) = self.sessions.get_mut(&session) else { return };
        let sent = if is_news {
            if !std::mem::replace(&mut outbox.is_listed, true) {
                self.news.push(session);
                self.news_due.get_or_insert(now + NEWS_INTERVAL);
            }
            outbox.send_later(text, now)
        } else {
            outbox.send(text, now)
        };
        if let Err(unsent) = sent {
            match unsent {
                Unsent::Slow => tracing::info!(
                    session = session.0,
                    "a client that takes messages too slowly is cut off"
                ),
                Unsent::Gone => tracing::debug!(session = session.0, "a client is gone"),
            }
            if let Some(outbox) = self.sessions.remove(&session) {
                outbox.cut();
            }
            self.answers.push_back(Input::SessionClosed { session });
        }
    }

    /// Sends the news that waited.
    fn send_news(&mut self) {
        self.news_due = None;
        for session in self.news.drain(..) {
            // It may have gone with something more important, and the session may be over.
            if let Some(outbox) = self.sessions.get_mut(&session) {
                outbox.is_listed = false;
                outbox.flush();
            }
        }
    }

    fn load(&self, ticket: Ticket, group: GroupName, asked: Instant) {
        let (groups, handle) = (Arc::clone(&self.groups), self.handle.clone());
        tokio::spawn(async move {
            let result: Result<GroupLookup, LookupError> = look_up(&groups, group).await;
            handle.arrive(Arrival::Loaded { ticket, asked, result }).await;
        });
    }
}
