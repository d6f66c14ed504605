//! The state of the whole server, and the way in and out.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use galene_group::{Authorizer, Description, GaleneRules, Group};
use galene_protocol::{GroupName, RtcConfiguration};
use galene_sfu::TransportId;

use crate::groups::GroupInMemory;
use crate::guessing::Logins;
use crate::limits::HOUSEKEEPING_INTERVAL;
use crate::placement::Placement;
use crate::session::Session;
use crate::streams::{Down, Speakers, Up};
use crate::timers::Timers;
use crate::tokens::TokenQuestion;
use crate::{Config, Input, Now, Output, SessionId, Site, Ticket};

/// The control plane of a whole server.
///
/// After each [`handle_input`](Self::handle_input), call [`poll_output`](Self::poll_output) until it
/// returns `None`, and come back with [`Input::Timeout`] at [`poll_timeout`](Self::poll_timeout) unless
/// something else happens before.
#[derive(Debug)]
pub struct Conference {
    pub(crate) config: Config,
    /// Decides what members may do.
    authorizer: Arc<dyn Authorizer>,
    pub(crate) random: fastrand::Rng,
    pub(crate) now: Option<Now>,
    pub(crate) sessions: BTreeMap<SessionId, Session>,
    pub(crate) groups: BTreeMap<GroupName, GroupInMemory>,
    /// Who waits for the answers to questions about joining.
    pub(crate) tickets: BTreeMap<Ticket, SessionId>,
    pub(crate) logins: Logins,
    pub(crate) token_questions: BTreeMap<Ticket, TokenQuestion>,
    last_ticket: u64,
    pub(crate) placement: Placement,
    pub(crate) ups: BTreeMap<TransportId, Up>,
    pub(crate) downs: BTreeMap<TransportId, Down>,
    pub(crate) speakers: Speakers,
    /// The groups in which others may have come to the front.
    pub(crate) changed_cameras: BTreeSet<GroupName>,
    pub(crate) timers: Timers<Timer>,
    /// When sessions are looked at whether their clients are still there.
    pub(crate) liveness: Timers<SessionId>,
    /// What clients are told once the server is about to stop.
    pub(crate) stopping: Option<Arc<str>>,
    outputs: VecDeque<Output>,
}

/// What a deadline is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Timer {
    /// The client has not answered the offer of a stream.
    Answer(TransportId),
    /// The client has not sent its handshake.
    Handshake(SessionId),
    /// It is time to look for groups that nobody uses.
    Housekeeping,
    /// The publisher has closed its side of a stream, and did not say what becomes of it.
    HungUp(TransportId),
    /// It is time to look at how long the client has been silent.
    /// It is time to show a published stream to the others.
    Push(TransportId),
    /// Wrong credentials have waited for their refusal.
    Refusal(SessionId),
    /// The stream has not taken the place of the one that it replaces.
    Replacement(TransportId),
    /// It is time to tell groups who speaks.
    Speakers,
}

impl Conference {
    /// Starts without sessions and groups. All randomness derives from `seed`.
    pub fn new(config: Config, seed: u64) -> Self {
        Self {
            placement: Placement::new(config.shards),
            config,
            authorizer: Arc::new(GaleneRules),
            random: fastrand::Rng::with_seed(seed),
            now: None,
            sessions: BTreeMap::new(),
            groups: BTreeMap::new(),
            tickets: BTreeMap::new(),
            logins: Logins::default(),
            token_questions: BTreeMap::new(),
            last_ticket: 0,
            ups: BTreeMap::new(),
            downs: BTreeMap::new(),
            speakers: Speakers::default(),
            changed_cameras: BTreeSet::new(),
            timers: Timers::new(),
            liveness: Timers::new(),
            stopping: None,
            outputs: VecDeque::new(),
        }
    }

    /// Lets somebody else than [`GaleneRules`] decide what members may do.
    #[must_use]
    pub fn with_authorizer(self, authorizer: Arc<dyn Authorizer>) -> Self {
        Self { authorizer, ..self }
    }

    /// Changes what clients configure their transports with, for those who join and for messages about
    /// memberships from now on.
    pub fn set_rtc_configuration(&mut self, rtc_configuration: RtcConfiguration) {
        self.config.rtc_configuration = rtc_configuration;
    }

    /// Changes what the administrator set, for all that happens from now on.
    pub fn set_site(&mut self, site: Site) {
        self.config.site = site;
    }

    /// Takes in something that happened at `now`. Time does not run backwards: an earlier instant than
    /// the last counts as the last.
    pub fn handle_input(&mut self, input: Input, now: Now) {
        let instant = self.now.map_or(now.instant, |last| last.instant.max(now.instant));
        let now = Now { instant, wall: now.wall };
        self.now = Some(now);
        match input {
            Input::SessionOpened { session, address } => self.open_session(session, address, now),
            Input::Message { session, message } => self.receive(session, message, now),
            Input::Malformed { session, error } => self.malformed(session, &error, now),
            Input::SessionClosed { session } => self.forget_session(session, now),
            Input::Media { shard: _, event } => self.media_event(event, now),
            Input::GroupLoaded { ticket, result } => self.group_loaded(ticket, result, now),
            Input::GroupChanged { lookup } => self.group_changed(lookup, now),
            Input::GroupRemoved { group } => self.group_removed(&group),
            Input::Authorised { ticket, result } => self.authorised(ticket, result, now),
            Input::TokensAnswered { ticket, result } => self.tokens_answered(ticket, result),
            Input::Kick { group, client, message } => {
                self.kick_client(&group, &client, message, now);
            }
            Input::Shutdown { message } => self.shut_down(message),
            Input::Timeout => {}
        }
        if !self.timers.is_armed(Timer::Housekeeping) {
            self.timers.arm(Timer::Housekeeping, instant + HOUSEKEEPING_INTERVAL);
        }
        while let Some(timer) = self.timers.pop_due(instant) {
            self.expire(timer, now);
        }
        self.check_due_liveness(now);
        self.settle_cameras(now);
    }

    fn expire(&mut self, timer: Timer, now: Now) {
        match timer {
            Timer::Answer(transport) => self.answer_overdue(transport),
            Timer::Handshake(session) => self.handshake_overdue(session, now),
            Timer::Housekeeping => {
                self.forget_unused_groups(now);
                self.timers.arm(Timer::Housekeeping, now.instant + HOUSEKEEPING_INTERVAL);
            }
            Timer::HungUp(transport) => self.close_up(transport),
            Timer::Push(transport) => self.push(transport, now),
            Timer::Refusal(session) => self.refuse_credentials(session, now),
            Timer::Replacement(transport) => self.replacement_overdue(transport),
            Timer::Speakers => self.tell_speakers(now),
        }
    }

    /// Returns the next thing to do.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// Returns when to come back at the latest.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.timers.next().into_iter().chain(self.liveness.next()).min()
    }

    /// Returns how many clients are connected, members or not.
    pub fn session_count(&self) -> usize {
        self.sessions.len()
    }

    pub(crate) fn new_group(&self, name: &GroupName, description: &Arc<Description>) -> Group {
        Group::new(name.clone(), Arc::clone(description))
            .with_authorizer(Arc::clone(&self.authorizer))
    }

    pub(crate) fn output(&mut self, output: Output) {
        self.outputs.push_back(output);
    }

    pub(crate) fn new_ticket(&mut self) -> Ticket {
        self.last_ticket += 1;
        Ticket(self.last_ticket)
    }
}
