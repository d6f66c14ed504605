//! The groups in memory: when they come, change and go, and what is told about them.

use std::num::NonZeroUsize;
use std::time::Instant;

use galene_group::{Group, GroupLookup, Member, MemberId, Notice, Refusal, ServerFacts};
use galene_protocol::{
    GroupName, GroupStatus, Joined, Membership, Permission, ServerMessage, UserMessage,
};
use galene_sfu::{Codec, ShardId, TransportId};

use crate::limits::MAX_IDLE_GROUPS;
use crate::{Conference, Now, SessionId};

/// A group and when it was last used.
#[derive(Debug)]
pub(crate) struct GroupInMemory {
    pub(crate) group: Group,
    /// Where its latest stream came to: its streams stay together if they can.
    pub(crate) shard: Option<ShardId>,
    /// The cameras of those who spoke last, if not all are shown: as many as are, and one more.
    pub(crate) cameras: Vec<TransportId>,
    /// How many of them everybody is shown, as it was when that was last looked at.
    pub(crate) camera_limit: Option<NonZeroUsize>,
    /// When the last member left, if nobody is in it.
    idle_since: Option<Instant>,
    /// Whether its file cannot be used at present.
    has_problem: bool,
}

impl GroupInMemory {
    pub(crate) fn new(group: Group) -> Self {
        Self {
            group,
            shard: None,
            cameras: Vec::new(),
            camera_limit: None,
            idle_since: None,
            has_problem: false,
        }
    }

    /// Notes that somebody came or went.
    pub(crate) fn touch(&mut self, now: Instant) {
        self.idle_since = self.group.is_empty().then_some(now);
    }

    /// Returns whether the group has anything to lose.
    pub(crate) fn is_worth_keeping(&self) -> bool {
        !self.group.is_empty() || self.idle_since.is_some() || self.group.description().public
    }

    fn is_unused(&self, now: Instant) -> bool {
        let max_age = self.group.description().max_history_age;
        let idle = self.idle_since.map(|since| now.saturating_duration_since(since));
        !self.group.description().public
            && self.group.is_empty()
            && idle.is_none_or(|idle| idle > max_age)
    }
}

impl Conference {
    /// Returns what anybody is told about a group that exists, in memory or not.
    pub fn group_status(&self, lookup: &GroupLookup) -> GroupStatus {
        match self.groups.get(&lookup.name) {
            Some(known) => known.group.status_for_strangers(),
            None => {
                Group::new(lookup.name.clone(), lookup.description.clone()).status_for_strangers()
            }
        }
    }

    /// Returns what anybody is told about each public group, in the order of their names.
    pub fn public_groups(&self) -> Vec<GroupStatus> {
        let public = self.groups.values().filter(|known| known.group.description().public);
        public.map(|known| known.group.status_for_strangers()).collect()
    }

    /// Returns how many members a group has.
    pub fn member_count(&self, group: &GroupName) -> usize {
        self.groups.get(group).map_or(0, |known| known.group.members().len())
    }

    /// Returns the groups in memory, in the order of their names.
    pub fn groups(&self) -> impl Iterator<Item = &Group> {
        self.groups.values().map(|known| &known.group)
    }

    /// Takes in the present definition of a group, which was looked up for whatever reason.
    pub(crate) fn refresh_group(&mut self, lookup: &GroupLookup, now: Now) {
        let Some(known) = self.groups.get_mut(&lookup.name) else { return };
        let is_changed = known.group.redefine(lookup.description.clone());
        if is_changed {
            log_unknown_codecs(&known.group);
            self.changed_cameras.insert(lookup.name.clone());
        }
        let Some(known) = self.groups.get_mut(&lookup.name) else { return };
        let has_problem = lookup.problem.is_some();
        let had_problem = std::mem::replace(&mut known.has_problem, has_problem);
        let news = has_problem && !had_problem;
        let operators = known.group.members_who_may(&Permission::Op);
        self.deliver(&lookup.name);
        if let (true, Some(problem)) = (news, &lookup.problem) {
            tracing::debug!(%problem, "a group file cannot be used; its last good content stays in force");
            let message = format!("this group's file cannot be used: {problem}");
            let warning = ServerMessage::UserMessage(UserMessage::Warning { dest: None, message });
            self.send(operators, warning);
        }
        self.kick_unattended(&lookup.name, now);
    }

    pub(crate) fn group_changed(&mut self, lookup: GroupLookup, now: Now) {
        if lookup.description.public && !self.groups.contains_key(&lookup.name) {
            let group = self.new_group(&lookup.name, &lookup.description);
            log_unknown_codecs(&group);
            self.groups.insert(lookup.name.clone(), GroupInMemory::new(group));
        }
        self.refresh_group(&lookup, now);
    }

    /// Takes in that a group has no definition any more. Those who are in it stay.
    pub(crate) fn group_removed(&mut self, name: &GroupName) {
        if self.groups.get(name).is_some_and(|known| known.group.is_empty()) {
            self.groups.remove(name);
        }
    }

    pub(crate) fn forget_unused_groups(&mut self, now: Now) {
        self.groups.retain(|_, known| !known.is_unused(now.instant));
    }

    /// Forgets the groups that have been empty longest if there are too many.
    pub(crate) fn forget_surplus_groups(&mut self) {
        if self.groups.len() <= MAX_IDLE_GROUPS {
            return;
        }
        let idle = self.groups.iter().filter(|(_, known)| !known.group.description().public);
        let idle = idle.filter_map(|(name, known)| Some((known.idle_since?, name)));
        let surplus = idle.clone().count().saturating_sub(MAX_IDLE_GROUPS);
        if surplus > 0 {
            let mut idle: Vec<_> = idle.map(|(since, name)| (since, name.clone())).collect();
            idle.sort();
            for (_, name) in idle.into_iter().take(surplus) {
                self.groups.remove(&name);
            }
        }
    }

    /// Lets a member do something in its group; tells it if it may not.
    pub(crate) fn act<T>(
        &mut self,
        session: SessionId,
        act: impl FnOnce(&mut Group, MemberId) -> Result<T, Refusal>,
    ) -> Option<T> {
        let Some(name) = self.sessions.get(&session).and_then(|state| state.group()).cloned()
        else {
            self.tell_error(session, Refusal::NotAMember.to_string());
            return None;
        };
        let known = self.groups.get_mut(&name)?;
        let result = act(&mut known.group, session.into());
        self.deliver(&name);
        match result {
            Ok(done) => Some(done),
            Err(refusal) => {
                self.tell_error(session, refusal.to_string());
                None
            }
        }
    }

    /// Returns the group that a session is in.
    pub(crate) fn group_of(&self, session: SessionId) -> Option<&Group> {
        let name = self.sessions.get(&session)?.group()?;
        self.groups.get(name).map(|known| &known.group)
    }

    /// Returns the member that a session is.
    pub(crate) fn member(&self, session: SessionId) -> Option<&Member> {
        self.group_of(session)?.member(session.into())
    }

    pub(crate) fn facts(&self) -> ServerFacts<'_> {
        ServerFacts {
            rtc_configuration: &self.config.rtc_configuration,
            can_change_password: self.config.site.can_change_password,
        }
    }

    /// Passes on what a group has to tell its members.
    pub(crate) fn deliver(&mut self, name: &GroupName) {
        while let Some(notice) =
            self.groups.get_mut(name).and_then(|known| known.group.poll_notice())
        {
            match notice {
                Notice::Joined { to } => {
                    self.tell_membership(name, to, Joined::Join);
                    self.tell_newcomer_of_speakers(name, to.into());
                }
                Notice::Changed { to } => {
                    for member in to {
                        self.tell_membership(name, member, Joined::Change);
                    }
                }
                Notice::Send { to, message } => {
                    let sessions = to.into_iter().map(SessionId::from).collect();
                    self.send_to(sessions, message);
                }
            }
        }
    }

    fn tell_membership(
        &mut self,
        name: &GroupName,
        member: MemberId,
        kind: impl FnOnce(Membership) -> Joined,
    ) {
        let group = self.groups.get(name).map(|known| &known.group);
        if let Some(membership) = group.and_then(|group| group.membership(member, self.facts())) {
            self.tell(member.into(), ServerMessage::Joined(kind(membership)));
        }
    }

    pub(crate) fn send(&mut self, to: Vec<MemberId>, message: ServerMessage) {
        if !to.is_empty() {
            let sessions = to.into_iter().map(SessionId::from).collect();
            self.send_to(sessions, message.into());
        }
    }
}

/// Tells the log of codecs that the group's definition names and nobody knows; they are passed over.
pub(crate) fn log_unknown_codecs(group: &Group) {
    for codec in group.description().codecs.iter().flatten() {
        if Codec::from_name(codec).is_none() {
            tracing::warn!(group = %group.name(), codec, "unknown codec in a group file");
        }
    }
}
