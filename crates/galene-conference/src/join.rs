//! Becoming a member of a group, and ceasing to be one.
//!
//! A join takes two questions to the shell: how the group is defined, and whether the credentials are
//! right. Only when both are answered is the state of the group looked at, and then the client is let
//! in, or not, in one step. Until then it is nobody: it has neither name nor permissions.

use galene_auth::{AuthoriseError, AuthoriseRequest, Credentials, Grant, Refusal};
use galene_group::{GroupLookup, JoinRefusal, LookupError, Member, Newcomer};
use galene_protocol::{
    Data, GroupName, Join, JoinError, Joined, Permission, ServerMessage, StreamRequest,
};

use crate::conference::Timer;
use crate::groups::{GroupInMemory, log_unknown_codecs};
use crate::guessing::Login;
use crate::limits::REFUSAL_DELAY;
use crate::session::Phase;
use crate::{Conference, Now, Output, SessionId, Ticket};

/// A client that wants to become a member.
#[derive(Debug)]
pub(crate) struct Joining {
    /// The group's name as the client gave it.
    group: String,
    data: Data,
    step: Step,
}

/// What a joining client waits for.
#[derive(Debug)]
enum Step {
    /// The definition of the group.
    Loading { ticket: Ticket, credentials: Credentials },
    /// The judgement on its credentials.
    Authorising { ticket: Ticket, lookup: GroupLookup, has_token: bool },
    /// The end of other logins, for too many of those that are under way may be wrong.
    Waiting(Box<Login>),
    /// The refusal of its credentials, in these words.
    Refused { text: String },
}

/// What is said about wrong credentials. Which words it is depends on what the client gave, and never on
/// what was wrong with it.
const WRONG_PASSWORD: &str = "wrong username or password";
const WRONG_TOKEN: &str = "this invitation is not valid, or not any more: ask for a new one";

/// What members and strangers are told about a group file that cannot be used.
const MISCONFIGURED: &str = "this group is misconfigured; the administrator has been told";

impl Joining {
    /// Returns the ticket of the question that is to be answered next.
    pub(crate) fn ticket(&self) -> Option<Ticket> {
        match self.step {
            Step::Loading { ticket, .. } | Step::Authorising { ticket, .. } => Some(ticket),
            Step::Refused { .. } | Step::Waiting(_) => None,
        }
    }

    /// Returns the login that waits for others.
    pub(crate) fn waiting_login(&self) -> Option<&Login> {
        match &self.step {
            Step::Waiting(login) => Some(login),
            Step::Loading { .. } | Step::Authorising { .. } | Step::Refused { .. } => None,
        }
    }
}

impl Conference {
    pub(crate) fn join(&mut self, session: SessionId, join: Join, now: Now) {
        let Some(state) = self.sessions.get(&session) else { return };
        if state.group().is_some() {
            return self.protocol_error(session, "already in a group", now);
        }
        let Join { group, username, password, token, data } = join;
        let name = match GroupName::parse(&group) {
            Ok(name) => name,
            Err(error) => return self.fail(session, group, None, error.to_string()),
        };
        let credentials = Credentials { username, password, token };
        let ticket = self.new_ticket();
        self.tickets.insert(ticket, session);
        self.set_joining(
            session,
            Joining { group, data, step: Step::Loading { ticket, credentials } },
        );
        self.output(Output::LoadGroup { ticket, group: name });
    }

    pub(crate) fn group_loaded(
        &mut self,
        ticket: Ticket,
        result: Result<GroupLookup, LookupError>,
        now: Now,
    ) {
        match &result {
            Ok(lookup) => self.refresh_group(lookup, now),
            // Anybody can ask for a group that does not exist.
            Err(LookupError::NotFound) => {}
            Err(error) => tracing::warn!(%error, "a group cannot be joined"),
        }
        let Some((session, joining)) = self.take_joining(ticket) else { return };
        let Joining { group, data, step: Step::Loading { credentials, .. } } = joining else {
            return;
        };
        match result {
            Ok(lookup) => {
                let policy = lookup.description.policy.clone();
                let has_token = credentials.token.as_ref().is_some_and(|token| !token.is_empty());
                let host = self.config.site.canonical_host.clone();
                let request = AuthoriseRequest::new(lookup.name.clone(), policy, host, credentials);
                self.log_in(session, Login { group, data, lookup, request, has_token }, now);
            }
            Err(error) => {
                if let (LookupError::NotFound, Ok(name)) = (&error, GroupName::parse(&group)) {
                    self.group_removed(&name);
                }
                let text = if matches!(error, LookupError::Misconfigured(_)) {
                    MISCONFIGURED.to_owned()
                } else {
                    error.to_string()
                };
                self.fail(session, group, None, text);
                self.resume(session, now);
            }
        }
    }

    pub(crate) fn authorised(
        &mut self,
        ticket: Ticket,
        result: Result<Grant, AuthoriseError>,
        now: Now,
    ) {
        self.login_ended(ticket, &result, now);
        let Some((session, joining)) = self.take_joining(ticket) else { return };
        let Joining { group, data, step: Step::Authorising { lookup, has_token, .. } } = joining
        else {
            return;
        };
        match result {
            Ok(grant) => self.admit(session, group, data, lookup, grant, now),
            Err(AuthoriseError::NotAuthorised(refusal)) => {
                tracing::debug!(
                    session = session.0,
                    group,
                    error = &refusal as &dyn std::error::Error,
                    "refused"
                );
                // Everybody may know which names there cannot be.
                let text = if let Refusal::Username(error) = &refusal {
                    error.to_string()
                } else if has_token {
                    WRONG_TOKEN.to_owned()
                } else {
                    WRONG_PASSWORD.to_owned()
                };
                self.set_joining(session, Joining { group, data, step: Step::Refused { text } });
                self.timers.arm(Timer::Refusal(session), now.instant + REFUSAL_DELAY);
                return;
            }
            Err(error) => {
                if matches!(error, AuthoriseError::Misconfigured { .. }) {
                    tracing::warn!(
                        group,
                        error = &error as &dyn std::error::Error,
                        "a user cannot join"
                    );
                }
                let code = if matches!(error, AuthoriseError::NeedUsername) {
                    Some(JoinError::NeedUsername)
                } else if matches!(error, AuthoriseError::DuplicateUsername) {
                    Some(JoinError::DuplicateUsername)
                } else {
                    None
                };
                self.fail(session, group, code, error.to_string());
            }
        }
        self.resume(session, now);
    }

    /// Refuses wrong credentials, once they have waited for it.
    pub(crate) fn refuse_credentials(&mut self, session: SessionId, now: Now) {
        let Some(state) = self.sessions.get_mut(&session) else { return };
        if let Phase::Joining(joining) = &mut state.phase
            && let Step::Refused { text } = &mut joining.step
        {
            let (group, text) = (std::mem::take(&mut joining.group), std::mem::take(text));
            self.fail(session, group, None, text);
            self.resume(session, now);
        }
    }

    /// Lets somebody in whose credentials are right, unless the group's state forbids it.
    fn admit(
        &mut self,
        session: SessionId,
        group: String,
        data: Data,
        lookup: GroupLookup,
        grant: Grant,
        now: Now,
    ) {
        let GroupLookup { name, description, problem } = lookup;
        // While the credentials were checked, the group may have been redefined.
        let present = self.groups.get(&name).map(|known| known.group.description());
        let redirect = present.unwrap_or(&description).redirect.clone();
        if let Some(url) = redirect {
            let redirect = Joined::Redirect { group: name, username: grant.username, url };
            self.set_outside(session);
            return self.tell(session, ServerMessage::Joined(redirect));
        }
        let Some(client) = self.sessions.get(&session).and_then(|state| state.client.clone())
        else {
            return self.fail(session, group, None, JoinRefusal::NoId.to_string());
        };
        let Grant { username, permissions } = grant;
        let is_operator = permissions.contains(&Permission::Op);
        let newcomer = Newcomer { client, username, permissions, data };
        // A group comes into memory with its first member, so those who are refused cannot fill it.
        let known = self.groups.remove(&name);
        let is_new = known.is_none();
        let fresh = || GroupInMemory::new(self.new_group(&name, &description));
        let mut in_memory = known.unwrap_or_else(fresh);
        let result = in_memory.group.join(session.into(), newcomer, now.wall);
        if is_new && result.is_ok() {
            log_unknown_codecs(&in_memory.group);
        }
        if result.is_ok() {
            in_memory.touch(now.instant);
        }
        if result.is_ok() || in_memory.is_worth_keeping() {
            self.groups.insert(name.clone(), in_memory);
        }
        if let Err(refusal) = result {
            return self.fail(session, group, None, refusal.to_string());
        }
        if let Some(state) = self.sessions.get_mut(&session) {
            state.phase = Phase::Member(name.clone());
        }
        self.deliver(&name);
        if let Some(problem) = problem {
            let text = if is_operator {
                format!("{MISCONFIGURED} ({problem})")
            } else {
                MISCONFIGURED.to_owned()
            };
            self.warn(session, text);
        }
    }

    /// Tells a client that it did not become a member; it may try again.
    pub(crate) fn fail(
        &mut self,
        session: SessionId,
        group: String,
        error: Option<JoinError>,
        message: String,
    ) {
        self.set_outside(session);
        let fail = Joined::Fail { group, username: None, error, message };
        self.tell(session, ServerMessage::Joined(fail));
    }

    pub(crate) fn leave(&mut self, session: SessionId, group: &str, now: Now) {
        let Some(state) = self.sessions.get(&session) else { return };
        let Some(name) = state.group().filter(|name| name.as_str() == group).cloned() else {
            return self.tell_error(session, "you are not in this group");
        };
        let member = self.leave_group(session, &name, now);
        self.set_outside(session);
        let group = self.groups.get(&name);
        if let (Some(member), Some(group)) = (member, group) {
            let left = group.group.past_membership(&member, self.facts());
            self.tell(session, ServerMessage::Joined(Joined::Leave(left)));
        }
    }

    /// Takes a member and its streams out of its group; the others hear first that its streams are
    /// gone.
    pub(crate) fn leave_group(
        &mut self,
        session: SessionId,
        name: &GroupName,
        now: Now,
    ) -> Option<Member> {
        if let Some(state) = self.sessions.get_mut(&session) {
            state.phase = Phase::Outside;
            state.request = StreamRequest::default();
            let (ups, downs) = (std::mem::take(&mut state.ups), std::mem::take(&mut state.downs));
            self.close_streams(ups, downs);
        }
        let in_memory = self.groups.get_mut(name)?;
        let member = in_memory.group.leave(session.into());
        in_memory.touch(now.instant);
        self.deliver(name);
        self.kick_unattended(name, now);
        self.forget_surplus_groups();
        member
    }

    /// Asks the shell whether credentials are right; returns the question's ticket.
    pub(crate) fn have_judged(&mut self, session: SessionId, login: Login) -> Ticket {
        let Login { group, data, lookup, request, has_token } = login;
        let ticket = self.new_ticket();
        self.tickets.insert(ticket, session);
        let step = Step::Authorising { ticket, lookup, has_token };
        self.set_joining(session, Joining { group, data, step });
        self.output(Output::Authorise { ticket, request });
        ticket
    }

    pub(crate) fn set_waiting(&mut self, session: SessionId, login: Login) {
        let step = Step::Waiting(Box::new(login));
        self.set_joining(session, Joining { group: String::new(), data: Data::new(), step });
    }

    /// Takes out the login of a session that waits, if it still does.
    pub(crate) fn take_waiting(&mut self, session: SessionId) -> Option<Login> {
        let state = self.sessions.get_mut(&session)?;
        match std::mem::replace(&mut state.phase, Phase::Outside) {
            Phase::Joining(joining) if matches!(joining.step, Step::Waiting(_)) => {
                let Step::Waiting(login) = joining.step else { return None };
                Some(*login)
            }
            other @ (Phase::Greeting | Phase::Outside | Phase::Joining(_) | Phase::Member(_)) => {
                state.phase = other;
                None
            }
        }
    }

    fn set_joining(&mut self, session: SessionId, joining: Joining) {
        if let Some(state) = self.sessions.get_mut(&session) {
            state.phase = Phase::Joining(Box::new(joining));
        }
    }

    fn set_outside(&mut self, session: SessionId) {
        if let Some(state) = self.sessions.get_mut(&session) {
            state.phase = Phase::Outside;
        }
    }

    /// Takes out the join that waits for the answer to `ticket`, if it still does.
    fn take_joining(&mut self, ticket: Ticket) -> Option<(SessionId, Joining)> {
        let session = self.tickets.remove(&ticket)?;
        let state = self.sessions.get_mut(&session)?;
        match std::mem::replace(&mut state.phase, Phase::Outside) {
            Phase::Joining(joining) if joining.ticket() == Some(ticket) => {
                Some((session, *joining))
            }
            other @ (Phase::Greeting | Phase::Outside | Phase::Joining(_) | Phase::Member(_)) => {
                state.phase = other;
                None
            }
        }
    }
}
