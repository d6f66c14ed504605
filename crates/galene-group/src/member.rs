//! One member of a group.

use std::collections::BTreeSet;
use std::sync::Arc;

use galene_protocol::{
    ClientId, Data, Permission, Permissions, ServerMessage, StreamId, UserState, UserUpdate,
    Username,
};

/// Names a member towards whoever drives the group: the number of its connection, for instance. It
/// must not be used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MemberId(pub u64);

/// Somebody who wants to become a member and whose credentials were accepted.
#[derive(Debug, Clone, PartialEq)]
pub struct Newcomer {
    /// The id that the client chose for itself.
    pub client: ClientId,
    /// Under what name it will be known.
    pub username: Username,
    /// What it may do.
    pub permissions: Permissions,
    /// What it tells the others about itself.
    pub data: Data,
}

/// A member of a group.
#[derive(Debug)]
pub struct Member {
    state: UserState,
    /// The `user` message of kind `add` about this member, kept because everybody who joins gets it.
    introduction: Arc<ServerMessage>,
    pub(crate) streams: BTreeSet<StreamId>,
}

impl Member {
    pub(crate) fn new(newcomer: Newcomer) -> Self {
        let Newcomer { client, username, permissions, data } = newcomer;
        let state = UserState { id: client, username, permissions, data };
        let introduction = introduction(&state);
        Self { state, introduction, streams: BTreeSet::new() }
    }

    /// Changes what the others know about the member.
    pub(crate) fn update<T>(&mut self, change: impl FnOnce(&mut UserState) -> T) -> T {
        let result = change(&mut self.state);
        self.introduction = introduction(&self.state);
        result
    }

    /// Returns the id that the client chose for itself.
    pub fn client(&self) -> &ClientId {
        &self.state.id
    }

    /// Returns the name under which the member is known.
    pub fn username(&self) -> &Username {
        &self.state.username
    }

    /// Returns what the member may do.
    pub fn permissions(&self) -> &Permissions {
        &self.state.permissions
    }

    /// Returns what the member tells about itself.
    pub fn data(&self) -> &Data {
        &self.state.data
    }

    /// Returns everything that the others know about the member.
    pub fn state(&self) -> &UserState {
        &self.state
    }

    /// Returns the ids under which the member publishes.
    pub fn streams(&self) -> &BTreeSet<StreamId> {
        &self.streams
    }

    /// Returns whether the member may do something.
    pub fn may(&self, permission: &Permission) -> bool {
        self.state.permissions.contains(permission)
    }

    pub(crate) fn introduction(&self) -> Arc<ServerMessage> {
        Arc::clone(&self.introduction)
    }
}

fn introduction(state: &UserState) -> Arc<ServerMessage> {
    Arc::new(ServerMessage::User(UserUpdate::Add(state.clone())))
}
