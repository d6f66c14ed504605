//! Publishing.

use std::collections::{BTreeMap, BTreeSet};

use galene_group::{Action, Refusal};
use galene_protocol::{ClientOffer, ServerMessage, StreamId};
use galene_sfu::{Codec, Command, TransportId};

use super::{Up, Voice};
use crate::conference::Timer;
use crate::{Conference, Now, SessionId};

/// What may be published if the group's definition does not say.
const DEFAULT_CODECS: [Codec; 2] = [Codec::Vp8, Codec::Opus];

impl Conference {
    /// A client publishes a stream, or changes one that it publishes already.
    pub(crate) fn client_offer(&mut self, session: SessionId, offer: ClientOffer, now: Now) {
        let ClientOffer { id, label, replace, sdp } = offer;
        let Some(state) = self.sessions.get(&session) else { return };
        let mut known = state.ups.get(&id).copied();
        let predecessor =
            replace.filter(|old| *old != id).and_then(|old| state.ups.get(&old).copied());
        // Who hung up and offers the same stream again begins anew.
        if let Some(gone) = known.take_if(|known| self.timers.is_armed(Timer::HungUp(*known))) {
            self.close_up(gone);
        }
        match self.accept_offer(session, &id, known, predecessor) {
            Ok(()) => {}
            Err(refusal) => {
                // The client has let go of the stream that was to be replaced.
                if let Some(predecessor) = predecessor {
                    self.close_up(predecessor);
                }
                self.tell(session, ServerMessage::Abort { id });
                return self.tell_error(session, refusal.to_string());
            }
        }
        let transport = known.unwrap_or_else(|| self.new_up(session, id, label));
        if let Some(predecessor) = predecessor {
            self.take_over(transport, predecessor, now);
        }
        let codecs = self.codecs(session);
        let Some(up) = self.ups.get_mut(&transport) else { return };
        up.candidates = 0;
        let shard = up.shard;
        self.command(shard, Command::Offer { transport, sdp, codecs });
    }

    /// Checks whether a member may publish a stream, and if so gives it the stream's id.
    fn accept_offer(
        &mut self,
        session: SessionId,
        id: &StreamId,
        known: Option<TransportId>,
        predecessor: Option<TransportId>,
    ) -> Result<(), Refusal> {
        let predecessor = predecessor.and_then(|transport| self.ups.get(&transport));
        let predecessor = predecessor.map(|up| up.stream.clone());
        let name = self.sessions.get(&session).and_then(|state| state.group());
        let known_group =
            name.and_then(|name| self.groups.get_mut(name)).ok_or(Refusal::NotAMember)?;
        let (group, member) = (&mut known_group.group, session.into());
        group.check(member, Action::Publish)?;
        // A stream that is replaced does not count any more.
        if let Some(predecessor) = predecessor {
            group.unpublish(member, &predecessor);
        }
        if known.is_some() { Ok(()) } else { group.publish(member, id.clone()) }
    }

    fn new_up(&mut self, owner: SessionId, stream: StreamId, label: String) -> TransportId {
        let name = self.sessions.get(&owner).and_then(|state| state.group());
        let group = name.and_then(|name| self.groups.get_mut(name));
        let near = group.as_ref().and_then(|group| group.shard);
        let (shard, transport) = self.placement.place(near);
        if let Some(group) = group {
            group.shard = Some(shard);
        }
        if let Some(state) = self.sessions.get_mut(&owner) {
            state.ups.insert(stream.clone(), transport);
        }
        let up = Up {
            owner,
            stream,
            label,
            shard,
            negotiated: false,
            tracks: BTreeMap::new(),
            encodings: BTreeMap::new(),
            voice: Voice::default(),
            pushed: false,
            replaces: Vec::new(),
            downs: BTreeSet::new(),
            candidates: 0,
        };
        self.ups.insert(transport, up);
        transport
    }

    /// A client ends a stream that it publishes. One that it does not publish (any more) is none.
    pub(crate) fn client_close(&mut self, session: SessionId, stream: &StreamId) {
        let published =
            self.sessions.get(&session).and_then(|state| state.ups.get(stream).copied());
        if let Some(transport) = published {
            self.close_up(transport);
        }
    }

    /// Ends all streams of a member who may no longer publish.
    pub(crate) fn stop_publishing(&mut self, session: SessionId) {
        let Some(state) = self.sessions.get(&session) else { return };
        let ups = state.ups.clone();
        for (id, transport) in &ups {
            self.close_up(*transport);
            self.tell(session, ServerMessage::Abort { id: id.clone() });
        }
        if !ups.is_empty() {
            self.tell_error(session, "you may no longer publish streams");
        }
    }

    /// Ends a stream for a reason that its publisher has to be told.
    pub(super) fn abort_up(&mut self, transport: TransportId, reason: &str) {
        let Some(up) = self.ups.get(&transport) else { return };
        let (owner, id) = (up.owner, up.stream.clone());
        self.close_up(transport);
        self.tell(owner, ServerMessage::Abort { id });
        self.tell_error(owner, reason);
    }

    /// Returns the codecs that may be published in a member's group.
    fn codecs(&self, session: SessionId) -> Vec<Codec> {
        let names = self.group_of(session).and_then(|group| group.description().codecs.as_ref());
        match names {
            Some(names) => names.iter().filter_map(|name| Codec::from_name(name)).collect(),
            None => DEFAULT_CODECS.into(),
        }
    }
}
