//! Letting members go who would rather stay.

use std::sync::Arc;

use galene_protocol::{CloseCode, GroupName, Kicker, ServerMessage, UserMessage};

use crate::session::SERVICE_RESTART;
use crate::{Conference, Now, SessionId};

/// What a member is told who is kicked without a reason.
const KICKED: &str = "you have been kicked out";

/// What members are told when a group that needs an operator has none.
const NO_OPERATORS: &str = "there are no operators in this group";

impl Conference {
    /// Tells a member that it is kicked, and closes its connection. `by` is `None` for the server.
    pub(crate) fn kick(
        &mut self,
        session: SessionId,
        by: Option<Kicker>,
        message: Option<String>,
        now: Now,
    ) {
        let message = message.filter(|message| !message.is_empty());
        let mut reason = KICKED.to_owned();
        if let Some(by) = by.as_ref().filter(|by| !by.username.is_empty()) {
            reason = format!("{reason} by {}", by.username);
        }
        if let Some(message) = &message {
            reason = format!("{reason}: {message}");
        }
        let message = message.unwrap_or_else(|| KICKED.to_owned());
        let dest = self.sessions.get(&session).and_then(|state| state.client.clone());
        let kicked = UserMessage::Kicked { by, dest, message };
        self.tell(session, ServerMessage::UserMessage(kicked));
        self.break_off(session, CloseCode::Normal.into(), &reason, now);
    }

    /// Kicks everybody if the group may not be without an operator and is.
    pub(crate) fn kick_unattended(&mut self, name: &GroupName, now: Now) {
        let group = self.groups.get(name).map(|known| &known.group);
        if group.is_some_and(|group| !group.members_to_kick().is_empty()) {
            self.kick_all(name, CloseCode::Normal.into(), NO_OPERATORS);
            if let Some(known) = self.groups.get_mut(name) {
                known.touch(now.instant);
            }
        }
    }

    /// Tells everybody that the server stops, and closes all connections.
    pub(crate) fn shut_down(&mut self, message: Arc<str>) {
        let groups: Vec<GroupName> = self.groups.keys().cloned().collect();
        for name in groups {
            self.kick_all(&name, SERVICE_RESTART, &message);
        }
        self.groups.clear();
        let outsiders: Vec<SessionId> = self.sessions.keys().copied().collect();
        for session in outsiders {
            self.remove_session(session);
            self.close_connection(session, SERVICE_RESTART, &message);
        }
        self.stopping = Some(message);
    }

    /// Tells all members of a group that they are kicked, and closes their connections. They do not hear
    /// of each other's going, which would take a message for each pair of them.
    fn kick_all(&mut self, name: &GroupName, code: u16, message: &str) {
        let Some(known) = self.groups.get_mut(name) else { return };
        let members = known.group.disband();
        let kicked = UserMessage::Kicked { by: None, dest: None, message: message.to_owned() };
        self.send(members.clone(), ServerMessage::UserMessage(kicked));
        for member in &members {
            self.close_connection(SessionId::from(*member), code, message);
        }
        for member in members {
            self.remove_session(member.into());
        }
    }
}
