//! A group and its members.

mod chat;
mod data;
mod gate;
mod moderation;
mod streams;
mod tokens;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::SystemTime;

use galene_protocol::{
    ClientId, Data, GroupName, GroupStatus, Membership, Permission, RtcConfiguration,
    ServerMessage, StreamId, UserUpdate,
};

pub use self::gate::JoinRefusal;
pub use self::moderation::{PermissionChange, PermissionsChanged, check_note};
pub use self::tokens::{TokenEdit, TokenRefused};
use crate::history::ChatHistory;
use crate::{
    Action, ActionRequest, Authorizer, Description, GaleneRules, Member, MemberId, Newcomer,
    Notice, Refusal,
};

/// A group in memory: who is in it, who may do what, what was said, who publishes which streams.
///
/// After each call, take what members have to be told with [`poll_notice`](Self::poll_notice).
#[derive(Debug)]
pub struct Group {
    name: GroupName,
    description: Arc<Description>,
    authorizer: Arc<dyn Authorizer>,
    members: BTreeMap<MemberId, Member>,
    by_client: BTreeMap<ClientId, MemberId>,
    streams: BTreeMap<StreamId, MemberId>,
    data: Arc<Data>,
    history: ChatHistory,
    lock: Option<Lock>,
    notices: VecDeque<Notice>,
}

/// A lock on a group, with what those are told who are kept out.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Lock {
    message: String,
}

/// What a group cannot know about the server but has to tell its members.
#[derive(Debug, Clone, Copy)]
pub struct ServerFacts<'a> {
    /// What clients configure their transports with.
    pub rtc_configuration: &'a RtcConfiguration,
    /// Whether members can change their password.
    pub can_change_password: bool,
}

impl Group {
    /// Makes a group without members. A group with `autolock` starts locked.
    pub fn new(name: GroupName, description: Arc<Description>) -> Self {
        let mut group = Self {
            name,
            description,
            authorizer: Arc::new(GaleneRules),
            members: BTreeMap::new(),
            by_client: BTreeMap::new(),
            streams: BTreeMap::new(),
            data: Arc::default(),
            history: ChatHistory::default(),
            lock: None,
            notices: VecDeque::new(),
        };
        group.autolock();
        group
    }

    /// Makes a group in which somebody else decides what members may do.
    #[must_use]
    pub fn with_authorizer(self, authorizer: Arc<dyn Authorizer>) -> Self {
        Self { authorizer, ..self }
    }

    /// Lets somebody in who has passed the [gate](Self::check_gate).
    ///
    /// The newcomer hears, in this order, that it joined, what was said so far, that it is a member
    /// itself, and who else is; the others hear of the newcomer. All that in one step, so that nothing
    /// said meanwhile is heard twice or too early.
    ///
    /// # Errors
    ///
    /// [`JoinRefusal`] if the gate is closed to it or its id is taken.
    pub fn join(
        &mut self,
        member: MemberId,
        newcomer: Newcomer,
        now: SystemTime,
    ) -> Result<(), JoinRefusal> {
        self.check_gate(&newcomer.permissions, now)?;
        if self.by_client.contains_key(&newcomer.client) || self.members.contains_key(&member) {
            return Err(JoinRefusal::DuplicateId);
        }
        crate::dictionary::check_size(&newcomer.data)?;

        let others: Vec<MemberId> = self.members.keys().copied().collect();
        let newcomer = Member::new(newcomer);
        let introduction = newcomer.introduction();
        self.notices.push_back(Notice::Joined { to: member });
        for message in self.history.replay(self.description.max_history_age, now) {
            self.notices.push_back(Notice::Send { to: vec![member], message });
        }
        let before = self.members.values().map(Member::introduction);
        for message in std::iter::once(Arc::clone(&introduction)).chain(before) {
            self.notices.push_back(Notice::Send { to: vec![member], message });
        }
        self.send(others, introduction);

        self.by_client.insert(newcomer.client().clone(), member);
        self.members.insert(member, newcomer);
        Ok(())
    }

    /// Lets a member go: the others hear of it, and its streams are forgotten. Returns what it was.
    ///
    /// Afterwards, call [`members_to_kick`](Self::members_to_kick).
    pub fn leave(&mut self, member: MemberId) -> Option<Member> {
        let gone = self.members.remove(&member)?;
        self.by_client.remove(gone.client());
        for stream in &gone.streams {
            self.streams.remove(stream);
        }
        let delete =
            UserUpdate::Delete { id: gone.client().clone(), username: gone.username().clone() };
        self.send_to_all(ServerMessage::User(delete));
        self.autolock();
        Some(gone)
    }

    /// Lets everybody go at once, without a word to anybody. Returns who was there.
    pub fn disband(&mut self) -> Vec<MemberId> {
        let members = std::mem::take(&mut self.members).into_keys().collect();
        self.by_client.clear();
        self.streams.clear();
        self.autolock();
        members
    }

    /// Puts a new definition in the place of the present one. Members keep their permissions; if
    /// anything changed, they hear of it. Returns whether anything did.
    pub fn redefine(&mut self, description: Arc<Description>) -> bool {
        let changed =
            !Arc::ptr_eq(&self.description, &description) && self.description != description;
        if changed {
            self.description = description;
            if !self.autolock() {
                self.tell_all_of_change();
            }
        }
        changed
    }

    /// Returns the next thing to tell members.
    pub fn poll_notice(&mut self) -> Option<Notice> {
        self.notices.pop_front()
    }

    /// Returns the group's name.
    pub fn name(&self) -> &GroupName {
        &self.name
    }

    /// Returns the group's definition.
    pub fn description(&self) -> &Arc<Description> {
        &self.description
    }

    /// Returns the members in the order of their ids.
    pub fn members(&self) -> impl ExactSizeIterator<Item = (MemberId, &Member)> {
        self.members.iter().map(|(id, member)| (*id, member))
    }

    /// Returns one member.
    pub fn member(&self, member: MemberId) -> Option<&Member> {
        self.members.get(&member)
    }

    /// Returns the members whose permissions include `permission`.
    pub fn members_who_may(&self, permission: &Permission) -> Vec<MemberId> {
        self.members.iter().filter(|(_, m)| m.may(permission)).map(|(id, _)| *id).collect()
    }

    /// Finds a member by the id that the client chose for itself.
    ///
    /// # Errors
    ///
    /// [`Refusal::NoSuchUser`] if there is none.
    pub fn find(&self, client: &ClientId) -> Result<MemberId, Refusal> {
        self.by_client.get(client).copied().ok_or_else(|| Refusal::NoSuchUser(client.clone()))
    }

    /// Returns whether nobody is in the group.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// Returns whether only operators can join.
    pub fn is_locked(&self) -> bool {
        self.lock.is_some()
    }

    /// Returns the group's data.
    pub fn data(&self) -> &Data {
        &self.data
    }

    /// Returns what a member knows about its membership, or `None` if it is none.
    pub fn membership(&self, member: MemberId, server: ServerFacts<'_>) -> Option<Membership> {
        self.members.get(&member).map(|member| self.membership_of(member, server))
    }

    /// Returns what somebody who just left is told about the group.
    pub fn past_membership(&self, member: &Member, server: ServerFacts<'_>) -> Membership {
        Membership { permissions: [].into(), ..self.membership_of(member, server) }
    }

    fn membership_of(&self, member: &Member, server: ServerFacts<'_>) -> Membership {
        Membership {
            group: self.name.clone(),
            username: member.username().clone(),
            permissions: member.permissions().clone(),
            status: self.status_for_members(server.can_change_password),
            data: Arc::clone(&self.data),
            rtc_configuration: server.rtc_configuration.clone(),
        }
    }

    /// Returns what members are told about the group.
    pub fn status_for_members(&self, can_change_password: bool) -> GroupStatus {
        GroupStatus {
            locked: self.is_locked(),
            client_count: Some(self.members.len()),
            can_change_password,
            ..self.description.status(&self.name)
        }
    }

    /// Returns what anybody is told about the group: how many are in it, and whether it is locked, only
    /// if it is public.
    pub fn status_for_strangers(&self) -> GroupStatus {
        let status = self.description.status(&self.name);
        if !self.description.public || self.description.redirect.is_some() {
            return status;
        }
        GroupStatus { locked: self.is_locked(), client_count: Some(self.members.len()), ..status }
    }

    fn acting(&self, member: MemberId) -> Result<&Member, Refusal> {
        self.members.get(&member).ok_or(Refusal::NotAMember)
    }

    /// Checks that a member may do something, upon another member perhaps.
    fn allowed(
        &self,
        asker: MemberId,
        action: Action,
        target: Option<MemberId>,
    ) -> Result<&Member, Refusal> {
        let member = self.acting(asker)?;
        let target = target.and_then(|target| self.members.get(&target)).map(Member::state);
        let request = ActionRequest { group: &self.name, member: member.state(), action, target };
        if self.authorizer.allows(&request) {
            Ok(member)
        } else {
            Err(Refusal::NotAuthorised { missing: self.authorizer.missing(&request) })
        }
    }

    /// Finds the member that another wants to do something to. Whoever may not learns nothing of it.
    fn target(
        &self,
        asker: MemberId,
        action: Action,
        client: &ClientId,
    ) -> Result<MemberId, Refusal> {
        let target = self.find(client);
        self.allowed(asker, action, target.as_ref().ok().copied())?;
        target
    }

    fn send_to_all(&mut self, message: ServerMessage) {
        let to = self.members.keys().copied().collect();
        self.send(to, Arc::new(message));
    }

    fn send(&mut self, to: Vec<MemberId>, message: Arc<ServerMessage>) {
        if !to.is_empty() {
            self.notices.push_back(Notice::Send { to, message });
        }
    }

    fn tell_all_of_change(&mut self) {
        if !self.members.is_empty() {
            self.notices.push_back(Notice::Changed { to: self.members.keys().copied().collect() });
        }
    }
}
