//! What operators do to the group and to its members.

use galene_group::{Action, Group, PermissionChange, check_note};
use galene_protocol::{
    ClientId, Data, GroupAction, Kicker, Relayed, ServerMessage, Timestamp, UserAction,
    UserActionKind, UserInfo, UserMessage, Username,
};
use serde_json::Value;

use crate::{Conference, Now, SessionId};

/// What is said about recording, which this server knows but cannot do.
const NO_RECORDING: &str = "this server does not record";

impl Conference {
    pub(crate) fn group_action(&mut self, session: SessionId, action: GroupAction, now: Now) {
        match action {
            GroupAction::ClearChat(which) => {
                self.act(session, |group, member| group.clear_chat(member, which));
            }
            GroupAction::Lock { message } => {
                self.act(session, |group, member| group.lock(member, message));
            }
            GroupAction::Unlock => {
                self.act(session, Group::unlock);
            }
            GroupAction::SetData(patch) => {
                self.act(session, |group, member| group.set_data(member, &patch));
            }
            GroupAction::Subgroups => self.list_subgroups(session, now),
            GroupAction::Record => {
                let may = self.act(session, |group, member| group.check(member, Action::Record));
                if may.is_some() {
                    self.tell_error(session, NO_RECORDING);
                }
            }
            // Nothing is being recorded, and to stop that is no error.
            GroupAction::Unrecord => {
                self.act(session, |group, member| group.check(member, Action::Record));
            }
            GroupAction::MakeToken(template) => self.make_token(session, template, now),
            GroupAction::EditToken(template) => self.edit_token(session, template, now),
            GroupAction::ListTokens => self.list_tokens(session),
            GroupAction::Unknown { kind } => {
                self.tell_error(session, format!("unknown group action {kind:?}"));
            }
        }
    }

    pub(crate) fn user_action(&mut self, session: SessionId, action: UserAction, now: Now) {
        let UserAction { dest, kind } = action;
        let change = match kind {
            UserActionKind::Op => PermissionChange::Op,
            UserActionKind::Unop => PermissionChange::Unop,
            UserActionKind::Present => PermissionChange::Present,
            UserActionKind::Unpresent => PermissionChange::Unpresent,
            UserActionKind::Shutup => PermissionChange::Shutup,
            UserActionKind::Unshutup => PermissionChange::Unshutup,
            UserActionKind::Identify => return self.identify(session, dest),
            UserActionKind::Kick { message } => {
                return self.kick_member(session, dest, message, now);
            }
            UserActionKind::SetData(patch) => return self.set_user_data(session, dest, &patch),
            UserActionKind::Unknown { kind } => {
                return self.tell_error(session, format!("unknown user action {kind:?}"));
            }
        };
        let Some(dest) = self.named(session, dest) else { return };
        let changed =
            self.act(session, |group, member| group.change_permissions(member, &dest, change));
        let Some(changed) = changed else { return };
        if changed.lost_present {
            self.stop_publishing(changed.member.into());
        }
        self.act(session, |group, _| {
            group.announce(changed.member);
            Ok(())
        });
        if let Some(name) = self.group_of(session).map(|group| group.name().clone()) {
            self.kick_unattended(&name, now);
        }
    }

    fn kick_member(
        &mut self,
        session: SessionId,
        dest: Option<ClientId>,
        message: Option<String>,
        now: Now,
    ) {
        let Some(dest) = self.named(session, dest) else { return };
        let found = self.act(session, |group, member| {
            check_note(message.as_deref().unwrap_or_default())?;
            group.find_target(member, Action::Kick, &dest).map(|(target, _)| target)
        });
        if let (Some(target), Some(by)) = (found, self.member(session)) {
            let by = Kicker { id: by.client().clone(), username: by.username().clone() };
            self.kick(target.into(), Some(by), message, now);
        }
    }

    /// Tells an operator where a member is connected from, and the member that it was told.
    fn identify(&mut self, session: SessionId, dest: Option<ClientId>) {
        let Some(dest) = self.named(session, dest) else { return };
        let found = self.act(session, |group, member| {
            let (target, known) = group.find_target(member, Action::Identify, &dest)?;
            Ok((SessionId::from(target), known.username().clone()))
        });
        let Some((target, username)) = found else { return };
        let Some(asker) = self.member(session).map(|asker| asker.username().clone()) else {
            return;
        };
        let address = self.sessions.get(&target).and_then(|state| state.address);
        let address = address.map(|address| address.to_string());
        let info = UserInfo { id: dest, username: Some(username), address };
        self.tell(session, ServerMessage::UserMessage(UserMessage::UserInfo(info)));
        self.warn(target, format!("your IP address was disclosed to {asker}"));
    }

    fn set_user_data(&mut self, session: SessionId, dest: Option<ClientId>, patch: &Data) {
        let Some(dest) = self.named(session, dest) else { return };
        self.act(session, |group, member| group.set_user_data(member, &dest, patch));
    }

    fn list_subgroups(&mut self, session: SessionId, now: Now) {
        if self.act(session, |group, member| group.check(member, Action::ListSubgroups)).is_none() {
            return;
        }
        let Some(name) = self.group_of(session).map(Group::name) else { return };
        let mut list = String::new();
        for group in self.groups().filter(|group| group.name().is_below(name) && !group.is_empty())
        {
            let count = group.members().len();
            let clients = if count == 1 { "client" } else { "clients" };
            list.push_str(&format!("{} ({count} {clients})\n", group.name()));
        }
        let reply = Relayed {
            id: None,
            source: None,
            username: Username::parse("Server").ok(),
            dest: self.sessions.get(&session).and_then(|state| state.client.clone()),
            privileged: false,
            time: Timestamp::from(now.wall).whole_seconds(),
            kind: String::new(),
            noecho: false,
            value: Some(Value::from(list)),
        };
        self.tell(session, ServerMessage::Chat(reply));
    }

    /// Returns the member that an action is about; without one, tells the asker so.
    fn named(&mut self, session: SessionId, dest: Option<ClientId>) -> Option<ClientId> {
        if dest.is_none() {
            self.tell_error(session, "no user given");
        }
        dest
    }
}
