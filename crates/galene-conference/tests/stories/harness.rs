//! A shell and a media plane for tests: they answer at once, or when the story says so.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant, UNIX_EPOCH};

use galene_auth::{AuthoriseRequest, Outside, TokenOperation};
use galene_conference::{
    Conference, Config, Input, MediaCommand, Now, Output, SessionId, ShardId, Ticket,
};
use galene_group::{Description, GroupLookup, Loaded, LookupError, Misconfiguration, resolve};
use galene_protocol::{ClientMessage, GroupName, ServerMessage};
use galene_sfu::{Codec, Command, Event, TrackId, TrackRequest, TransportId};
use serde_json::{Value, json};

use crate::token_store::Tokens;

/// A group in which most stories happen.
pub(crate) const LOUNGE: &str = r#"{
    "allow-recording": true,
    "users": {
        "olga": {"password": "op", "permissions": "op"},
        "vera": {"password": "view", "permissions": "observe"}
    },
    "wildcard-user": {"password": "secret", "permissions": "present"}
}"#;

/// A connected client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Client(pub(crate) SessionId);

pub(crate) struct Server {
    pub(crate) conference: Conference,
    start: Instant,
    elapsed: Duration,
    files: BTreeMap<String, String>,
    last_good: BTreeMap<String, Arc<Description>>,
    sessions: u64,
    heard: BTreeMap<SessionId, VecDeque<Value>>,
    closed: BTreeMap<SessionId, (u16, String)>,
    /// Whether the shell answers only when the story says so.
    pub(crate) slow_shell: bool,
    /// Whether the media plane answers only when the story says so.
    pub(crate) slow_media: bool,
    loads: VecDeque<(Ticket, GroupName)>,
    authorisations: VecDeque<(Ticket, AuthoriseRequest)>,
    pub(crate) tokens: Tokens,
    token_questions: VecDeque<(Ticket, TokenOperation)>,
    media: VecDeque<MediaCommand>,
    /// How many messages were given to the shell, each for any number of receivers.
    pub(crate) sends: usize,
}

impl Server {
    pub(crate) fn new() -> Self {
        Self::with_config(Config::default())
    }

    #[expect(clippy::disallowed_methods, reason = "an arbitrary origin of time")]
    pub(crate) fn with_config(config: Config) -> Self {
        let mut server = Self {
            conference: Conference::new(config, 42),
            start: Instant::now(),
            elapsed: Duration::ZERO,
            files: BTreeMap::new(),
            last_good: BTreeMap::new(),
            sessions: 0,
            heard: BTreeMap::new(),
            closed: BTreeMap::new(),
            slow_shell: false,
            slow_media: false,
            loads: VecDeque::new(),
            authorisations: VecDeque::new(),
            tokens: Tokens::default(),
            token_questions: VecDeque::new(),
            media: VecDeque::new(),
            sends: 0,
        };
        server.write("lounge", LOUNGE);
        server
    }

    // The shell.

    /// Writes a group file; the conference is not told.
    pub(crate) fn write(&mut self, group: &str, file: &str) {
        self.files.insert(group.to_owned(), file.to_owned());
    }

    pub(crate) fn delete(&mut self, group: &str) {
        self.files.remove(group);
        self.last_good.remove(group);
    }

    pub(crate) fn look_up(&mut self, group: &str) -> Result<GroupLookup, LookupError> {
        let Self { files, last_good, .. } = self;
        resolve(&name(group), |name| {
            let Some(text) = files.get(name.as_str()) else { return Ok(None) };
            match Description::parse(text) {
                Ok(description) => {
                    let description = Arc::new(description);
                    last_good.insert(name.to_string(), description.clone());
                    Ok(Some(Loaded { description, problem: None }))
                }
                Err(error) => {
                    let problem =
                        Arc::new(Misconfiguration { file: format!("groups/{name}.json"), error });
                    match last_good.get(name.as_str()).cloned() {
                        Some(description) => {
                            Ok(Some(Loaded { description, problem: Some(problem) }))
                        }
                        None => Err(LookupError::Misconfigured(problem)),
                    }
                }
            }
        })
    }

    pub(crate) fn now(&self) -> Now {
        // Some time in 2023, so that times on the wire look like times.
        let wall = UNIX_EPOCH + Duration::from_secs(1_700_000_000) + self.elapsed;
        Now { instant: self.start + self.elapsed, wall }
    }

    pub(crate) fn input(&mut self, input: Input) {
        self.conference.handle_input(input, self.now());
        self.drain();
    }

    /// Lets time pass, with a wake-up whenever the conference asked for one.
    pub(crate) fn advance(&mut self, duration: Duration) {
        let end = self.elapsed + duration;
        while let Some(due) =
            self.conference.poll_timeout().map(|due| due.duration_since(self.start))
        {
            if due > end {
                break;
            }
            self.elapsed = self.elapsed.max(due);
            self.input(Input::Timeout);
        }
        self.elapsed = end;
        self.input(Input::Timeout);
    }

    /// Lets time pass while the process does not run.
    pub(crate) fn stands_still(&mut self, duration: Duration) {
        self.elapsed += duration;
        self.input(Input::Timeout);
    }

    pub(crate) fn millis(&mut self, millis: u64) {
        self.advance(Duration::from_millis(millis));
    }

    /// The shell answers the oldest question about a group's definition.
    pub(crate) fn answer_load(&mut self) {
        let (ticket, group) = self.loads.pop_front().expect("a question about a group");
        let result = self.look_up(group.as_str());
        self.input(Input::GroupLoaded { ticket, result });
    }

    /// Returns how many questions about credentials wait.
    pub(crate) fn open_questions(&self) -> usize {
        self.authorisations.len()
    }

    /// The shell answers the oldest question about credentials.
    pub(crate) fn answer_authorise(&mut self) {
        let (ticket, request) =
            self.authorisations.pop_front().expect("a question about credentials");
        let outside = Outside { now: self.now().wall, tokens: &self.tokens };
        let result = request.run(outside);
        self.input(Input::Authorised { ticket, result });
    }

    /// The shell does the oldest thing that it was asked to do to tokens.
    pub(crate) fn answer_tokens(&mut self) {
        let (ticket, operation) = self.token_questions.pop_front().expect("something about tokens");
        let random = [self.tokens.count() as u8 + 1; 8];
        let result = operation.run(&self.tokens, random);
        self.input(Input::TokensAnswered { ticket, result });
    }

    /// The shell notices that a group file changed.
    pub(crate) fn notice_change(&mut self, group: &str) {
        let lookup = self.look_up(group).unwrap();
        self.input(Input::GroupChanged { lookup });
    }

    /// The shell answers one question, if there is any.
    pub(crate) fn answer_something(&mut self, load: bool) {
        if load && !self.loads.is_empty() {
            self.answer_load();
        } else if !self.authorisations.is_empty() {
            self.answer_authorise();
        }
    }

    fn drain(&mut self) {
        while let Some(output) = self.conference.poll_output() {
            match output {
                Output::Send { sessions, message } => {
                    assert!(!sessions.is_empty(), "a message to nobody");
                    self.sends += 1;
                    // Through the wire and back, so that it is known to be readable.
                    let text = message.encode();
                    ServerMessage::decode(text.as_bytes()).unwrap();
                    let value: Value = serde_json::from_str(&text).unwrap();
                    for session in sessions {
                        assert!(!self.closed.contains_key(&session), "{text} after the end");
                        self.heard.entry(session).or_default().push_back(value.clone());
                    }
                }
                Output::Close { session, code, reason } => {
                    assert!(reason.len() <= 123, "the reason does not fit");
                    assert_eq!(self.closed.insert(session, (code, reason)), None, "closed twice");
                }
                Output::Media(command) => {
                    self.media.push_back(command.clone());
                    if !self.slow_media {
                        self.obey(command);
                    }
                }
                Output::LoadGroup { ticket, group } => {
                    self.loads.push_back((ticket, group));
                    if !self.slow_shell {
                        self.answer_load();
                    }
                }
                Output::Authorise { ticket, request } => {
                    self.authorisations.push_back((ticket, request));
                    if !self.slow_shell {
                        self.answer_authorise();
                    }
                }
                Output::Tokens { ticket, operation } => {
                    self.token_questions.push_back((ticket, operation));
                    if !self.slow_shell {
                        self.answer_tokens();
                    }
                }
                other => panic!("unexpected {other:?}"),
            }
        }
    }

    // The media plane.

    /// Does as a media plane would whose peers are well.
    fn obey(&mut self, MediaCommand { shard, command }: MediaCommand) {
        let event = match command {
            Command::Offer { transport, sdp, .. } => {
                Event::Answer { transport, sdp: format!("answer to {sdp}") }
            }
            Command::Subscribe { transport, tracks, .. } => {
                Event::Offer { transport, sdp: describe(&tracks) }
            }
            Command::RestartIce { transport } => {
                Event::Offer { transport, sdp: "fresh".to_owned() }
            }
            Command::Answer { .. }
            | Command::AddCandidate { .. }
            | Command::Close { .. }
            | Command::Report { .. } => return,
        };
        self.conference.handle_input(Input::Media { shard, event }, self.now());
    }

    pub(crate) fn media(&mut self, event: Event) {
        self.input(Input::Media { shard: ShardId(0), event });
    }

    /// Returns what the media plane was told since the last time.
    pub(crate) fn commands(&mut self) -> Vec<Command> {
        self.media.drain(..).map(|command| command.command).collect()
    }

    pub(crate) fn shard_commands(&mut self) -> Vec<MediaCommand> {
        self.media.drain(..).collect()
    }

    pub(crate) fn track_starts(&mut self, transport: TransportId, section: u16, codec: Codec) {
        self.media(Event::TrackStarted { track: TrackId { transport, section }, codec });
    }

    // Clients.

    /// Connects a client and shakes hands; its id is its name.
    pub(crate) fn connect(&mut self, id: &str) -> Client {
        let client = self.open();
        self.says(client, json!({"type": "handshake", "version": ["2"], "id": id}));
        assert_eq!(self.hears(client), [json!({"type": "handshake", "version": ["2"]})]);
        client
    }

    /// Connects a client that says nothing.
    pub(crate) fn open(&mut self) -> Client {
        let address = format!("192.0.2.{}:4000", self.sessions + 1);
        self.open_from(&address)
    }

    /// Connects a client from this address.
    pub(crate) fn open_from(&mut self, address: &str) -> Client {
        self.sessions += 1;
        let session = SessionId(self.sessions);
        let address = address.parse().ok();
        self.input(Input::SessionOpened { session, address });
        Client(session)
    }

    pub(crate) fn says(&mut self, client: Client, message: Value) {
        let input = match ClientMessage::decode(message.to_string().as_bytes()) {
            Ok(message) => Input::Message { session: client.0, message },
            Err(error) => Input::Malformed { session: client.0, error },
        };
        self.input(input);
    }

    /// Returns all that a client heard since the last time.
    pub(crate) fn hears(&mut self, client: Client) -> Vec<Value> {
        self.heard.remove(&client.0).unwrap_or_default().into()
    }

    /// Returns the one thing that a client heard.
    #[track_caller]
    pub(crate) fn hears_one(&mut self, client: Client) -> Value {
        let mut heard = self.hears(client);
        assert_eq!(heard.len(), 1, "{heard:#?}");
        heard.remove(0)
    }

    /// Returns type and kind of all that a client heard since the last time.
    pub(crate) fn hears_kinds(&mut self, client: Client) -> Vec<String> {
        self.hears(client).iter().map(kind).collect()
    }

    pub(crate) fn nobody_hears_anything(&mut self) -> bool {
        self.heard.values().all(VecDeque::is_empty)
    }

    /// Everybody forgets what they heard.
    pub(crate) fn forget(&mut self) {
        self.heard.clear();
        self.media.clear();
    }

    pub(crate) fn close_of(&self, client: Client) -> Option<(u16, &str)> {
        self.closed.get(&client.0).map(|(code, reason)| (*code, reason.as_str()))
    }

    pub(crate) fn is_open(&self, client: Client) -> bool {
        self.close_of(client).is_none()
    }

    /// The client's connection is lost.
    pub(crate) fn hangs_up(&mut self, client: Client) {
        self.input(Input::SessionClosed { session: client.0 });
    }

    pub(crate) fn tries_to_join(
        &mut self,
        client: Client,
        group: &str,
        username: &str,
        password: &str,
    ) {
        let join = json!({
            "type": "join", "kind": "join", "group": group, "username": username, "password": password
        });
        self.says(client, join);
    }

    /// A client becomes a member of the lounge; what everybody hears of it is forgotten.
    pub(crate) fn arrives(&mut self, username: &str) -> Client {
        self.arrives_in("lounge", username)
    }

    pub(crate) fn arrives_in(&mut self, group: &str, username: &str) -> Client {
        let password = match username {
            "olga" => "op",
            "vera" => "view",
            _ => "secret",
        };
        let client = self.connect(username);
        self.tries_to_join(client, group, username, password);
        let heard = self.hears_kinds(client);
        assert_eq!(heard.first().map(String::as_str), Some("joined/join"), "{heard:?}");
        self.forget();
        client
    }

    /// A member who wants to receive everything.
    pub(crate) fn watches(&mut self, username: &str) -> Client {
        let client = self.arrives(username);
        self.requests(client, json!({"": ["audio", "video"]}));
        client
    }

    pub(crate) fn requests(&mut self, client: Client, request: Value) {
        self.says(client, json!({"type": "request", "request": request}));
    }

    /// A member offers a stream; returns the transport that was opened for it.
    #[track_caller]
    pub(crate) fn offers(&mut self, client: Client, stream: &str) -> TransportId {
        self.offers_as(client, json!({"id": stream, "label": "camera"}))
    }

    #[track_caller]
    pub(crate) fn offers_as(&mut self, client: Client, mut offer: Value) -> TransportId {
        offer["type"] = "offer".into();
        offer["sdp"] = "offer".into();
        self.media.clear();
        self.says(client, offer);
        let offered = self.media.iter().find_map(|command| match &command.command {
            Command::Offer { transport, .. } => Some(*transport),
            Command::Subscribe { .. }
            | Command::Answer { .. }
            | Command::AddCandidate { .. }
            | Command::RestartIce { .. }
            | Command::Close { .. }
            | Command::Report { .. } => None,
        });
        offered.expect("the offer goes to the media plane")
    }

    /// A member publishes a stream with sound and pictures, and everybody who wants it is offered it.
    #[track_caller]
    pub(crate) fn publishes(&mut self, client: Client, stream: &str) -> TransportId {
        let transport = self.offers(client, stream);
        self.track_starts(transport, 0, Codec::Opus);
        self.track_starts(transport, 1, Codec::Vp8);
        self.millis(200);
        transport
    }

    /// A receiver answers an offer.
    pub(crate) fn answers(&mut self, client: Client, stream: &str) {
        self.says(client, json!({"type": "answer", "id": stream, "sdp": "answer"}));
    }

    /// Returns the transports by which subscribers were last served, in order.
    #[track_caller]
    pub(crate) fn subscriptions(&mut self) -> Vec<(TransportId, Vec<TrackRequest>)> {
        let commands = self.commands();
        let subscriptions = commands.into_iter().filter_map(|command| match command {
            Command::Subscribe { transport, tracks, .. } => Some((transport, tracks)),
            Command::Offer { .. }
            | Command::Answer { .. }
            | Command::AddCandidate { .. }
            | Command::RestartIce { .. }
            | Command::Close { .. }
            | Command::Report { .. } => None,
        });
        subscriptions.collect()
    }
}

/// Returns type and kind of a message, or type and stream.
pub(crate) fn kind(message: &Value) -> String {
    let text = |key: &str| message.get(key).and_then(Value::as_str);
    let word = text("type").unwrap();
    match (word, text("kind"), text("id")) {
        ("offer" | "answer" | "close" | "abort" | "renegotiate" | "ice", _, Some(id)) => {
            format!("{word}/{id}")
        }
        (_, Some(kind), _) => format!("{word}/{kind}"),
        _ => word.to_owned(),
    }
}

pub(crate) fn name(group: &str) -> GroupName {
    GroupName::parse(group).unwrap()
}

/// Writes down which sections of which transport a subscription forwards.
pub(crate) fn describe(tracks: &[TrackRequest]) -> String {
    let tracks = tracks
        .iter()
        .map(|t| format!("{}:{}:{:?}", t.track.transport.0, t.track.section, t.encoding));
    tracks.collect::<Vec<_>>().join(" ")
}

/// Returns the text of an error message.
#[track_caller]
pub(crate) fn error_text(message: &Value) -> &str {
    assert_eq!(kind(message), "usermessage/error", "{message}");
    assert_eq!(message["privileged"], true);
    message["value"].as_str().unwrap()
}
