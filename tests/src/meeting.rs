//! A whole server without its shell: control plane and forwarding core, and clients that speak JSON.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use galene_conference::{Conference, Config, Input, NoTokens, Now, Output, Outside, SessionId};
use galene_group::{Description, GroupLookup, Loaded, resolve};
use galene_protocol::{ClientMessage, GroupName};
use galene_sfu::EgressKind;
use galene_testkit::{
    NodeKey, PublisherConfig, PublisherPeer, Report, Simulation, SubscriberPeer, epoch,
};
use serde_json::{Value, json};

use crate::client::HOSTS_PER_CLIENT;
use crate::{CORE, Client, SfuNode};

/// A server with groups, and its clients.
#[derive(Debug)]
pub struct Meeting {
    simulation: Simulation,
    sfu: NodeKey<SfuNode>,
    control: Conference,
    groups: BTreeMap<String, Arc<Description>>,
    clients: BTreeMap<SessionId, Client>,
    /// What is on its way or takes its time, by when it is there and a counter.
    pending: BTreeMap<(Instant, u64), Pending>,
    counter: u64,
}

/// Something that will happen.
#[derive(Debug)]
enum Pending {
    /// A WebSocket message to the server.
    ToServer(SessionId, String),
    /// A WebSocket message to a client.
    ToClient(SessionId, String),
    /// The server closes a connection.
    Close(SessionId, u16, String),
    /// The answer to a question of the control plane.
    Answer(Input),
}

/// How long a WebSocket message travels.
const SIGNAL_DELAY: Duration = Duration::from_millis(20);

/// How long reading a file or hashing a password takes.
const WORK_DELAY: Duration = Duration::from_millis(3);

/// Steps of control plane and media plane at one instant that answer one another. A few are normal;
/// more than this is an endless loop.
const MAX_ROUNDS: u32 = 10_000;

impl Meeting {
    /// Returns a server with so many shards and these groups, each with its definition as in a group file.
    ///
    /// # Panics
    ///
    /// Panics if a definition is wrong.
    pub fn new(shards: u16, seed: u64, groups: &[(&str, Value)]) -> Self {
        let mut simulation = Simulation::new(seed);
        let sfu = simulation
            .add(&[CORE], SfuNode::new(CORE, shards, EgressKind::default(), seed, epoch()));
        let groups = groups.iter().map(|(name, definition)| {
            let description =
                Description::parse(&definition.to_string()).expect("a good definition");
            ((*name).to_owned(), Arc::new(description))
        });
        Self {
            simulation,
            sfu,
            control: Conference::new(Config { shards, ..Config::default() }, seed),
            groups: groups.collect(),
            clients: BTreeMap::new(),
            pending: BTreeMap::new(),
            counter: 0,
        }
    }

    /// Connects a client that wants to join a group. It knows Galène's protocol and no more.
    pub fn join(&mut self, group: &str, username: &str, password: &str) -> SessionId {
        self.join_with(&[], group, username, password)
    }

    /// Connects a client that wants to join a group, and that understands these features.
    pub fn join_with(
        &mut self,
        features: &[&str],
        group: &str,
        username: &str,
        password: &str,
    ) -> SessionId {
        let number = u16::try_from(self.clients.len()).expect("a few clients");
        let session = SessionId(u64::from(number) + 1);
        let id = format!("client{number}");
        let client = Client::new(&id, 1_000 + number * HOSTS_PER_CLIENT);
        self.clients.insert(session, client);
        self.input(Input::SessionOpened { session, address: None });
        let mut handshake = json!({ "type": "handshake", "version": ["2"], "id": id });
        if !features.is_empty() {
            handshake["features"] = features.into();
        }
        self.send(session, handshake);
        self.send(
            session,
            json!({
                "type": "join", "kind": "join", "group": group,
                "username": username, "password": password,
            }),
        );
        session
    }

    /// Connects a client, and waits until it has joined the group and asked for everything.
    ///
    /// # Panics
    ///
    /// Panics if it may not join.
    pub fn enter(&mut self, group: &str, username: &str, password: &str) -> SessionId {
        self.enter_with(&[], group, username, password)
    }

    /// Connects a client that understands these features, and waits likewise.
    ///
    /// # Panics
    ///
    /// Panics if it may not join.
    pub fn enter_with(
        &mut self,
        features: &[&str],
        group: &str,
        username: &str,
        password: &str,
    ) -> SessionId {
        let session = self.join_with(features, group, username, password);
        let limit = Duration::from_secs(2);
        assert!(self.run_until(limit, |m| m.client(session).joined().is_some()), "no answer");
        let joined = self.client(session).joined().expect("it has just come");
        assert_eq!(joined["kind"], "join", "{joined}");
        self.send(session, json!({ "type": "request", "request": { "": ["audio", "video"] } }));
        session
    }

    /// Lets a client send a message, which arrives after a while.
    pub fn send(&mut self, session: SessionId, message: Value) {
        self.after(SIGNAL_DELAY, Pending::ToServer(session, message.to_string()));
    }

    /// Lets a client publish a stream; `replace` names one of its streams whose place it takes.
    pub fn publish(
        &mut self,
        session: SessionId,
        (id, label): (&str, &str),
        replace: Option<&str>,
        configure: impl FnOnce(PublisherConfig) -> PublisherConfig,
    ) {
        let client = self.clients.get_mut(&session).expect("a client of this meeting");
        let address = client.next_address();
        let config = configure(PublisherConfig::new(address));
        let peer = PublisherPeer::new(self.simulation.now(), config);
        let messages = client.publish(&mut self.simulation, (id, label, replace), (address, peer));
        self.send_all(session, messages);
    }

    /// Lets a client end a stream that it publishes.
    pub fn unpublish(&mut self, session: SessionId, id: &str) {
        let client = self.clients.get_mut(&session).expect("a client of this meeting");
        let messages = client.unpublish(&mut self.simulation, id);
        self.send_all(session, messages);
    }

    /// Cuts a client's connection, as if its machine had lost power; the WebSocket notices at once.
    pub fn kill(&mut self, session: SessionId) {
        let client = self.client(session);
        let ups: Vec<_> = client.ups().filter_map(|id| client.up(id)).collect();
        let downs: Vec<_> = client.downs().filter_map(|id| client.down(id)).collect();
        for key in ups {
            self.simulation.remove(key);
        }
        for key in downs {
            self.simulation.remove(key);
        }
        self.clients.remove(&session);
        self.input(Input::SessionClosed { session });
    }

    /// Advances by `duration`.
    pub fn run_for(&mut self, duration: Duration) {
        let until = self.simulation.now() + duration;
        while self.step(until) {}
    }

    /// Advances until `condition` holds; returns whether it did within `limit`.
    #[must_use]
    pub fn run_until(&mut self, limit: Duration, mut condition: impl FnMut(&Self) -> bool) -> bool {
        let until = self.simulation.now() + limit;
        while !condition(self) {
            if !self.step(until) {
                return condition(self);
            }
        }
        true
    }

    /// Returns a client.
    pub fn client(&self, session: SessionId) -> &Client {
        &self.clients[&session]
    }

    /// Returns the transport over which a client publishes a stream.
    ///
    /// # Panics
    ///
    /// Panics if it publishes no such stream.
    pub fn publisher_mut(&mut self, session: SessionId, id: &str) -> &mut PublisherPeer {
        let key = self.client(session).up(id).expect("a stream that is published");
        self.simulation.get_mut(key)
    }

    /// Returns the transport over which a client receives a stream, if it does.
    pub fn subscriber(&self, session: SessionId, id: &str) -> Option<&SubscriberPeer> {
        self.client(session).down(id).map(|key| self.simulation.get(key))
    }

    /// Returns what a client has got of the track with these stamps so far, if anything.
    pub fn report(&self, session: SessionId, stream: u32) -> Option<Report> {
        let peers = self.client(session).all_downs().map(|(_, key)| self.simulation.get(key));
        let mut tracks = peers.filter_map(|peer| peer.track_from(stream));
        tracks.next().map(|track| track.checker().report())
    }

    /// Returns how many frames or packets of a track a client could present so far.
    pub fn rendered(&self, session: SessionId, stream: u32) -> u64 {
        self.report(session, stream).map_or(0, |report| report.frames_rendered)
    }

    /// Returns the numbers of all tracks of which a client has ever got any packet.
    pub fn streams(&self, session: SessionId) -> BTreeSet<u32> {
        let peers = self.client(session).all_downs().map(|(_, key)| self.simulation.get(key));
        peers.flat_map(SubscriberPeer::tracks).flat_map(|t| t.checker().report().streams).collect()
    }

    /// Returns the forwarding core.
    pub fn core(&self) -> &SfuNode {
        self.simulation.get(self.sfu)
    }

    /// Returns the virtual network, time and nodes.
    pub fn simulation(&mut self) -> &mut Simulation {
        &mut self.simulation
    }

    /// Checks all that each client ever received. To be called at the end of each test.
    ///
    /// # Panics
    ///
    /// Panics if a stream has faults, or if any transport of the core had one.
    pub fn assert_clean(&self) {
        for client in self.clients.values() {
            for (id, key) in client.all_downs() {
                for track in self.simulation.get(key).tracks() {
                    let faults = track.checker().faults();
                    let faults: Vec<_> =
                        faults.iter().map(|fault| format!("\n  {fault}")).collect();
                    let (name, codec) = (client.id(), track.codec());
                    let (report, faults) = (track.checker().report(), faults.concat());
                    assert!(faults.is_empty(), "{name}, {codec} of {id}: {report}:{faults}");
                }
            }
        }
        assert_eq!(self.core().counters().faults, 0, "transports failed");
    }

    /// Advances to whatever happens next; returns whether that was not after `until`.
    fn step(&mut self, until: Instant) -> bool {
        let next_pending = self.pending.first_key_value().map(|((at, _), _)| *at);
        let own = [next_pending, self.control.poll_timeout()].into_iter().flatten().min();
        let has_stepped = self.simulation.step(own.map_or(until, |at| at.min(until)));
        let now = self.simulation.now();
        let is_due = own.is_some_and(|at| at <= now);
        if self.control.poll_timeout().is_some_and(|at| at <= now) {
            self.input(Input::Timeout);
        }
        while let Some(entry) = self.pending.first_entry().filter(|entry| entry.key().0 <= now) {
            let pending = entry.remove();
            self.happen(pending);
        }
        self.exchange();
        has_stepped || is_due
    }

    fn happen(&mut self, pending: Pending) {
        match pending {
            Pending::ToServer(session, text) => {
                let input = match ClientMessage::decode(text.as_bytes()) {
                    Ok(message) => Input::Message { session, message },
                    Err(error) => Input::Malformed { session, error },
                };
                self.input(input);
            }
            Pending::ToClient(session, text) => {
                let message = serde_json::from_str(&text).expect("the server sends JSON");
                if let Some(client) = self.clients.get_mut(&session)
                    && client.closed().is_none()
                {
                    let answers = client.handle(&mut self.simulation, message);
                    self.send_all(session, answers);
                }
            }
            Pending::Close(session, code, reason) => {
                if let Some(client) = self.clients.get_mut(&session) {
                    client.handle_close(&mut self.simulation, code, reason);
                }
            }
            Pending::Answer(input) => self.input(input),
        }
    }

    fn input(&mut self, input: Input) {
        let now = self.now();
        self.control.handle_input(input, now);
        self.exchange();
    }

    /// Lets control plane and media plane talk until both have said everything.
    fn exchange(&mut self) {
        for _ in 0..MAX_ROUNDS {
            if let Some(output) = self.control.poll_output() {
                self.act(output);
            } else if let Some((shard, event)) = self.simulation.get_mut(self.sfu).poll_event() {
                let now = self.now();
                self.control.handle_input(Input::Media { shard, event }, now);
            } else {
                return;
            }
        }
        panic!("control plane and media plane never come to rest");
    }

    fn act(&mut self, output: Output) {
        match output {
            Output::Send { sessions, message } => {
                let text = message.encode();
                for session in sessions {
                    self.after(SIGNAL_DELAY, Pending::ToClient(session, text.clone()));
                }
            }
            Output::Close { session, code, reason } => {
                self.after(SIGNAL_DELAY, Pending::Close(session, code, reason));
            }
            Output::Media(media) => {
                let now = self.simulation.now();
                self.simulation.get_mut(self.sfu).handle_command(now, media.shard, media.command);
            }
            Output::LoadGroup { ticket, group } => {
                let result = self.load(&group);
                let answer = Input::GroupLoaded { ticket, result };
                self.after(WORK_DELAY, Pending::Answer(answer));
            }
            Output::Authorise { ticket, request } => {
                let outside = Outside { now: self.now().wall, tokens: &NoTokens };
                let answer = Input::Authorised { ticket, result: request.run(outside) };
                self.after(WORK_DELAY, Pending::Answer(answer));
            }
            other @ (Output::Tokens { .. } | _) => {
                panic!("the meeting does not know how to do {other:?}")
            }
        }
    }

    fn load(&self, group: &GroupName) -> Result<GroupLookup, galene_group::LookupError> {
        resolve(group, |name| {
            let description = self.groups.get(name.as_str()).cloned();
            Ok(description.map(|description| Loaded { description, problem: None }))
        })
    }

    fn send_all(&mut self, session: SessionId, messages: Vec<Value>) {
        for message in messages {
            self.send(session, message);
        }
    }

    fn after(&mut self, delay: Duration, pending: Pending) {
        self.counter += 1;
        self.pending.insert((self.simulation.now() + delay, self.counter), pending);
    }

    fn now(&self) -> Now {
        let wall = SystemTime::UNIX_EPOCH + WALL_CLOCK + self.simulation.elapsed();
        Now { instant: self.simulation.now(), wall }
    }
}

/// When the simulation starts, by the wall clock: some day in 2026.
const WALL_CLOCK: Duration = Duration::from_secs(1_780_000_000);
