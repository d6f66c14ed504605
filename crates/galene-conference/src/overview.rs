//! What an administrator sees of the conference as it is now.

use std::net::SocketAddr;

use galene_group::MemberId;
use galene_protocol::{ClientId, GroupName, Permissions, StreamId, Username};
use galene_sfu::{ShardId, TransportId};

use crate::session::Session;
use crate::{Conference, Now, SessionId};

/// A group in memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupOverview {
    /// The group's name.
    pub name: GroupName,
    /// Its members, in the order of their ids.
    pub members: Vec<MemberOverview>,
}

/// A member of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberOverview {
    /// The id that the client chose for itself.
    pub client: ClientId,
    /// The name under which it is known.
    pub username: Username,
    /// What it may do.
    pub permissions: Permissions,
    /// Where it connected from, if that is known.
    pub address: Option<SocketAddr>,
    /// The streams that it publishes, in order.
    pub ups: Vec<StreamOverview>,
    /// The streams that it receives, in order.
    pub downs: Vec<StreamOverview>,
}

/// A stream of a member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamOverview {
    /// Its id.
    pub id: StreamId,
    /// The shard that has its transport.
    pub shard: ShardId,
    /// The transport of this member.
    pub transport: TransportId,
}

impl MemberOverview {
    /// Returns the streams that it publishes and those that it receives.
    pub fn streams(&self) -> impl Iterator<Item = &StreamOverview> {
        self.ups.iter().chain(&self.downs)
    }
}

impl Conference {
    /// Returns all groups in memory, in the order of their names.
    pub fn overview(&self) -> Vec<GroupOverview> {
        self.groups.keys().filter_map(|name| self.group_overview(name)).collect()
    }

    /// Returns one group, if it is in memory.
    pub fn group_overview(&self, name: &GroupName) -> Option<GroupOverview> {
        let group = &self.groups.get(name)?.group;
        let mut members: Vec<MemberOverview> = group
            .members()
            .map(|(id, member)| {
                let session = self.sessions.get(&SessionId::from(id));
                MemberOverview {
                    client: member.client().clone(),
                    username: member.username().clone(),
                    permissions: member.permissions().clone(),
                    address: session.and_then(|session| session.address),
                    ups: session.map(|s| self.ups_of(s)).unwrap_or_default(),
                    downs: session.map(|s| self.downs_of(s)).unwrap_or_default(),
                }
            })
            .collect();
        members.sort_by(|a, b| a.client.cmp(&b.client));
        Some(GroupOverview { name: name.clone(), members })
    }

    fn ups_of(&self, session: &Session) -> Vec<StreamOverview> {
        let streams = session.ups.iter().filter_map(|(id, transport)| {
            let shard = self.ups.get(transport)?.shard;
            Some(StreamOverview { id: id.clone(), shard, transport: *transport })
        });
        streams.collect()
    }

    fn downs_of(&self, session: &Session) -> Vec<StreamOverview> {
        let streams = session.downs.iter().filter_map(|(id, transport)| {
            let shard = self.downs.get(transport)?.shard;
            Some(StreamOverview { id: id.clone(), shard, transport: *transport })
        });
        streams.collect()
    }

    /// Lets a member go on behalf of the server.
    pub(crate) fn kick_client(
        &mut self,
        group: &GroupName,
        client: &ClientId,
        message: Option<String>,
        now: Now,
    ) {
        let Some(known) = self.groups.get(group) else { return };
        let Ok(member): Result<MemberId, _> = known.group.find(client) else { return };
        self.kick(member.into(), None, message, now);
    }
}
