//! One client: its signalling, and the transports that come of it.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use fastrand::Rng;
use galene_protocol::{
    ClientBody, Data, Handshake, Join, Joined, Post, Relayed, Secret, ServerMessage, StreamId,
    StreamRequest, UserMessage, VERSION, Wanted,
};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::Instant as TokioInstant;

use crate::attendance::Attendance;
use crate::publisher::{Publisher, PublisherConfig, ToTransport, answered};
use crate::route;
use crate::signalling::{Heard, Signalling, SignallingError};
use crate::subscriber::{Subscriber, SubscriberConfig};
use crate::transport::TransportError;
use crate::worker::Worker;

/// How long joining may take till it counts as failed.
const JOIN_TIMEOUT: Duration = Duration::from_secs(30);
/// A transport is told a description and a few candidates.
const MAX_ORDERS: usize = 64;
/// Transports answer offers, one for each stream of the group at once.
const MAX_REPLIES: usize = 256;
/// What chat messages begin with; the time of sending follows.
const CHAT: &str = "galene-load ";

/// What a client is and does.
#[derive(Debug, Clone)]
pub(crate) struct ClientConfig {
    /// Tells clients apart.
    pub(crate) number: u32,
    /// The name of the group.
    pub(crate) group: String,
    pub(crate) username: String,
    pub(crate) password: String,
    pub(crate) publish: Option<PublisherConfig>,
    pub(crate) subscribe: Option<SubscriberConfig>,
    /// How long between two chat messages, and how long before the first.
    pub(crate) chat: Option<(Duration, Duration)>,
    /// It leaves when it has received its first packet of media.
    pub(crate) leaves_with_media: bool,
}

/// Why a client gave up.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ClientError {
    #[error("the server ended the connection: {0}")]
    Ended(String),
    #[error("joining took too long")]
    JoinTimeout,
    #[error("the server refuses to let a client join: {0}")]
    Refused(String),
    #[error(transparent)]
    Signalling(#[from] SignallingError),
    #[error(transparent)]
    Transport(#[from] TransportError),
}

/// A client that is a member of its group.
struct Client {
    config: ClientConfig,
    worker: Arc<Worker>,
    attendance: Arc<Attendance>,
    local: IpAddr,
    transports: BTreeMap<StreamId, TransportTask>,
    replies: mpsc::Sender<ClientBody>,
}

struct TransportTask {
    orders: mpsc::Sender<ToTransport>,
    task: JoinHandle<()>,
}

/// Attends a conference until `leave` ends.
pub(crate) async fn run(
    config: ClientConfig,
    worker: Arc<Worker>,
    leave: impl Future<Output = ()>,
) {
    if let Err(error) = attend(config, &worker, leave).await {
        worker.shared.progress.failed.fetch_add(1, Relaxed);
        worker.tally().error(&error.to_string());
    }
}

async fn attend(
    config: ClientConfig,
    worker: &Arc<Worker>,
    leave: impl Future<Output = ()>,
) -> Result<(), ClientError> {
    let attendance = Arc::new(Attendance::begin(Instant::now()));
    let joining = tokio::time::timeout(JOIN_TIMEOUT, join(&config, worker));
    let mut signalling = joining.await.map_err(|_| ClientError::JoinTimeout)??;
    worker.shared.progress.joined.fetch_add(1, Relaxed);
    attendance.note_joined(Instant::now(), &mut worker.tally());

    let (replies, mut said) = mpsc::channel(MAX_REPLIES);
    let local = signalling.local();
    let transports = BTreeMap::new();
    let mut client =
        Client { config, worker: worker.clone(), attendance, local, transports, replies };
    let result = client.take_part(&mut signalling, &mut said, leave).await;
    worker.shared.progress.joined.fetch_sub(1, Relaxed);
    // All transports close while the server is told; it would wait for a client that listens no more.
    let transports = std::mem::take(&mut client.transports).into_values();
    let tasks: Vec<_> = transports.map(|transport| transport.task).collect();
    signalling.close().await;
    for task in tasks {
        if task.await.is_err() {
            worker.tally().error("a transport of the generator panicked");
        }
    }
    result
}

/// Becomes a member.
async fn join(config: &ClientConfig, worker: &Worker) -> Result<Signalling, ClientError> {
    let shared = &worker.shared;
    let mut signalling = Signalling::connect(&shared.connector, &shared.endpoint).await?;
    let id = format!("galene-load-{}-{}", std::process::id(), config.number);
    let version = vec![VERSION.to_owned()];
    let handshake = Handshake { version, id: id.try_into().ok(), ..Handshake::default() };
    signalling.say(ClientBody::Handshake(handshake)).await?;
    let join = Join {
        group: config.group.clone(),
        username: Some(config.username.clone()),
        password: Secret::from(config.password.clone()),
        token: None,
        data: Data::default(),
    };
    signalling.say(ClientBody::Join(join)).await?;
    loop {
        match signalling.hear().await? {
            Heard::Message(message) => {
                let ServerMessage::Joined(joined) = *message else {
                    note_problem(worker, &message);
                    continue;
                };
                match joined {
                    Joined::Join(_) => return Ok(signalling),
                    Joined::Fail { message, .. } => return Err(ClientError::Refused(message)),
                    Joined::Redirect { url, .. } => {
                        return Err(ClientError::Refused(format!("the group is at {url}")));
                    }
                    Joined::Change(_) | Joined::Leave(_) => {}
                }
            }
            Heard::User => worker.tally().user_messages += 1,
            Heard::End(why) => return Err(ClientError::Ended(why)),
        }
    }
}

impl Client {
    async fn take_part(
        &mut self,
        signalling: &mut Signalling,
        said: &mut mpsc::Receiver<ClientBody>,
        leave: impl Future<Output = ()>,
    ) -> Result<(), ClientError> {
        if self.config.subscribe.is_some() {
            let request = StreamRequest::from_iter([("", Wanted::EVERYTHING)]);
            signalling.say(ClientBody::Request(request)).await?;
        }
        if let Some(publish) = self.config.publish {
            let offer = self.publish(publish)?;
            signalling.say(offer).await?;
        }
        let mut leave = std::pin::pin!(leave);
        let attendance = self.attendance.clone();
        let (interval, first) = self.config.chat.unwrap_or_default();
        let mut chat_at = TokioInstant::now() + first;
        loop {
            tokio::select! {
                () = &mut leave => return Ok(()),
                () = attendance.first_media(), if self.config.leaves_with_media => {
                    return Ok(());
                }
                heard = signalling.hear() => match heard? {
                    Heard::Message(message) => self.handle(*message, signalling).await?,
                    Heard::User => self.worker.tally().user_messages += 1,
                    Heard::End(why) => return Err(ClientError::Ended(why)),
                },
                Some(body) = said.recv() => signalling.say(body).await?,
                () = tokio::time::sleep_until(chat_at), if self.config.chat.is_some() => {
                    chat_at += interval;
                    signalling.say(self.chat()).await?;
                }
            }
        }
    }

    /// Starts to publish, and returns the offer.
    fn publish(&mut self, config: PublisherConfig) -> Result<ClientBody, ClientError> {
        let number = self.config.number;
        let id = StreamId::try_from(format!("load-{number}")).expect("it is not empty");
        let (publisher, offer) =
            Publisher::new(self.worker.clone(), self.local, id.clone(), number, config)?;
        let (orders, ordered) = mpsc::channel(MAX_ORDERS);
        let task = tokio::spawn(publisher.run(ordered));
        self.transports.insert(id, TransportTask { orders, task });
        Ok(offer)
    }

    async fn handle(
        &mut self,
        message: ServerMessage,
        signalling: &mut Signalling,
    ) -> Result<(), ClientError> {
        match message {
            ServerMessage::Offer(offer) => {
                if let Some(replaced) = offer.replace {
                    self.end(&replaced).await;
                }
                self.offered(offer.id, offer.sdp).await?;
            }
            ServerMessage::Answer(answer) => {
                self.tell(&answer.id.clone(), answered(answer)).await;
            }
            ServerMessage::Ice(ice) => {
                self.tell(&ice.id, ToTransport::Candidate(ice.candidate.candidate)).await;
            }
            ServerMessage::Close { id } => self.end(&id).await,
            ServerMessage::Ping => signalling.say(ClientBody::Pong).await?,
            ServerMessage::Chat(chat) => self.note_chat(&chat),
            ServerMessage::Abort { .. } => {
                self.worker.tally().error("the server refuses a stream");
            }
            other @ (ServerMessage::ChatHistory(_)
            | ServerMessage::Encodings { .. }
            | ServerMessage::Handshake { .. }
            | ServerMessage::Joined(_)
            | ServerMessage::Pong
            | ServerMessage::Renegotiate { .. }
            | ServerMessage::Speakers(_)
            | ServerMessage::StreamStatus { .. }
            | ServerMessage::User(_)
            | ServerMessage::UserMessage(_)) => note_problem(&self.worker, &other),
        }
        Ok(())
    }

    async fn offered(&mut self, id: StreamId, sdp: String) -> Result<(), ClientError> {
        let Some(config) = self.config.subscribe else {
            self.worker.tally().error("the server offers a stream that was not requested");
            return Ok(());
        };
        self.attendance.note_offered(Instant::now(), &mut self.worker.tally());
        if !self.transports.contains_key(&id) {
            let subscriber = Subscriber::new(
                self.worker.clone(),
                self.attendance.clone(),
                route::to_first_candidate(&sdp).unwrap_or(self.local),
                id.clone(),
                config,
                Rng::with_seed(self.config.number.into()),
            )?;
            let (orders, ordered) = mpsc::channel(MAX_ORDERS);
            let task = tokio::spawn(subscriber.run(ordered, self.replies.clone()));
            self.transports.insert(id.clone(), TransportTask { orders, task });
        }
        self.tell(&id, ToTransport::Offer(sdp)).await;
        Ok(())
    }

    async fn tell(&mut self, id: &StreamId, order: ToTransport) {
        if let Some(transport) = self.transports.get(id) {
            // A transport that has failed has said why.
            let _failed = transport.orders.send(order).await;
        }
    }

    async fn end(&mut self, id: &StreamId) {
        if let Some(TransportTask { orders, task }) = self.transports.remove(id) {
            drop(orders);
            if task.await.is_err() {
                self.worker.tally().error("a transport of the generator panicked");
            }
        }
    }

    fn chat(&self) -> ClientBody {
        let shared = &self.worker.shared;
        let sent = shared.clock.nanos();
        self.worker.tally().chat_sent += u64::from(shared.window.contains(sent));
        let value = Some(format!("{CHAT}{sent}").into());
        ClientBody::Chat(Post { value, ..Post::default() })
    }

    fn note_chat(&self, chat: &Relayed) {
        let text = chat.value.as_ref().and_then(|value| value.as_str());
        let sent = text.and_then(|text| text.strip_prefix(CHAT)?.parse().ok());
        let shared = &self.worker.shared;
        if let Some(sent) = sent.filter(|&sent| shared.window.contains(sent)) {
            let latency = shared.clock.nanos().saturating_sub(sent);
            self.worker.tally().chat_latency.record(latency);
        }
    }
}

/// Counts what the server complains about.
fn note_problem(worker: &Worker, message: &ServerMessage) {
    if let ServerMessage::UserMessage(
        UserMessage::Error { message, .. } | UserMessage::Warning { message, .. },
    ) = message
    {
        worker.tally().error(&format!("the server says: {message}"));
    }
}
