//! Logins of one address that go wrong too often, and those that wait until it is known how the ones
//! before them end.

use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use galene_auth::{
    Admission, AuthoriseError, AuthoriseRequest, Cost, Grant, Guesses, Outcome, network,
};
use galene_group::GroupLookup;
use galene_protocol::{Data, GroupName};

use crate::{Conference, Now, SessionId, Ticket};

/// What is known about logins that may be guesses.
#[derive(Debug, Default)]
pub(crate) struct Logins {
    guesses: Guesses,
    /// Those that are under way, each with its question to the shell. They count even if the client
    /// hangs up before the answer.
    under_way: BTreeMap<Ticket, Origin>,
    /// Who waits, in order. Each session waits at most once.
    waiting: BTreeMap<Origin, VecDeque<SessionId>>,
}

/// From which network somebody logs in to which group.
type Origin = (IpAddr, GroupName);

/// A login that waits for its turn.
#[derive(Debug)]
pub(crate) struct Login {
    pub(crate) group: String,
    pub(crate) data: Data,
    pub(crate) lookup: GroupLookup,
    pub(crate) request: AuthoriseRequest,
    pub(crate) has_token: bool,
}

impl Conference {
    /// Has credentials looked at, as soon as that may be and if it may be at all.
    pub(crate) fn log_in(&mut self, session: SessionId, login: Login, now: Now) {
        let address = self.sessions.get(&session).and_then(|state| state.address);
        // What is not compared with anything cannot be guessed, and what comes from nowhere cannot be told
        // from anything else.
        let guessable = matches!(login.request.cost(), Cost::Hash | Cost::LookUp);
        let Some(address) = address.filter(|_| guessable) else {
            self.have_judged(session, login);
            return;
        };
        let origin = (network(address.ip()), login.lookup.name.clone());
        match self.logins.guesses.begin(origin.0, origin.1.as_str(), now.instant) {
            Admission::Go => {
                let ticket = self.have_judged(session, login);
                self.logins.under_way.insert(ticket, origin);
            }
            Admission::Refused(wait) => {
                self.fail(session, login.group, None, too_often(wait));
                self.resume(session, now);
            }
            Admission::Wait => {
                self.set_waiting(session, login);
                self.logins.waiting.entry(origin).or_default().push_back(session);
            }
        }
    }

    /// Takes in what came of a login, and lets those try who waited for that.
    pub(crate) fn login_ended(
        &mut self,
        ticket: Ticket,
        result: &Result<Grant, AuthoriseError>,
        now: Now,
    ) {
        let Some(origin) = self.logins.under_way.remove(&ticket) else { return };
        let outcome = if matches!(result, Err(AuthoriseError::NotAuthorised(_))) {
            Outcome::Wrong
        } else {
            Outcome::Harmless
        };
        self.logins.guesses.end(origin.0, origin.1.as_str(), outcome, now.instant);
        let mut waiting = self.logins.waiting.remove(&origin).unwrap_or_default();
        while let Some(session) = waiting.pop_front() {
            let Some(login) = self.take_waiting(session) else { continue };
            self.log_in(session, login, now);
            // Whoever has to wait again is first in line again, and all others behind.
            if let Some(line) = self.logins.waiting.get_mut(&origin) {
                line.append(&mut waiting);
            }
        }
    }
}

impl Logins {
    /// Takes a session that is gone out of the line that it waits in.
    pub(crate) fn forget(&mut self, session: SessionId, address: SocketAddr, login: &Login) {
        let origin = (network(address.ip()), login.lookup.name.clone());
        let Some(line) = self.waiting.get_mut(&origin) else { return };
        line.retain(|waiting| *waiting != session);
        if line.is_empty() {
            self.waiting.remove(&origin);
        }
    }
}

fn too_often(wait: Duration) -> String {
    let seconds = wait.as_secs() + 1;
    format!("too many failed attempts; try again in {seconds} seconds")
}
