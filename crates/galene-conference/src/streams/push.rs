//! Showing published streams to those who want them.

use std::collections::BTreeMap;

use galene_protocol::{StreamId, StreamStatus, Wanted};
use galene_sfu::{ClientId, Command, TransportId};

use super::selection::{priority, select};
use super::{Down, Farewell};
use crate::conference::Timer;
use crate::limits::ANSWER_TIMEOUT;
use crate::{Conference, Now, SessionId};

impl Conference {
    /// Shows a stream as it is now to all others in the group. A stream that never sent anything has
    /// nothing to show.
    pub(crate) fn push(&mut self, transport: TransportId, now: Now) {
        let Some(up) = self.ups.get_mut(&transport) else { return };
        if up.tracks.is_empty() && !up.pushed {
            return;
        }
        up.pushed = true;
        let owner = up.owner;
        self.timers.cancel(Timer::Replacement(transport));
        self.cameras_changed(owner);
        self.settle_cameras(now);
        let Some(group) = self.group_of(owner) else { return };
        let members: Vec<SessionId> = group.members().map(|(member, _)| member.into()).collect();
        for receiver in members.into_iter().filter(|receiver| *receiver != owner) {
            self.evaluate(receiver, transport, now);
        }
        if let Some(up) = self.ups.get_mut(&transport) {
            up.replaces.clear();
        }
    }

    /// Evaluates all streams of the group anew for one receiver.
    pub(super) fn evaluate_all(&mut self, receiver: SessionId, now: Now) {
        let Some(group) = self.group_of(receiver) else { return };
        let transport = |(stream, publisher): (&StreamId, _)| {
            self.sessions.get(&SessionId::from(publisher))?.ups.get(stream).copied()
        };
        let others =
            group.streams().filter(|(_, publisher)| SessionId::from(*publisher) != receiver);
        let streams: Vec<TransportId> = others.filter_map(transport).collect();
        for transport in streams {
            self.evaluate(receiver, transport, now);
        }
    }

    /// Brings what one receiver gets of one stream in line with what it wants of it.
    pub(super) fn evaluate(&mut self, receiver: SessionId, transport: TransportId, now: Now) {
        let Some(up) = self.ups.get(&transport) else { return };
        let Some(state) = self.sessions.get(&receiver) else { return };
        let of_this =
            |down: &TransportId| self.downs.get(down).is_some_and(|down| down.up == transport);
        let own = state.downs.get(&up.stream).copied();
        let held: Vec<TransportId> = up
            .replaces
            .iter()
            .filter_map(|id| state.downs.get(id).copied())
            .filter(of_this)
            .collect();
        let said = own
            .iter()
            .chain(&held)
            .find_map(|down| self.downs.get(down).and_then(|down| down.wanted));
        let wanted = said.unwrap_or_else(|| state.request.wanted(&up.label));

        if !up.pushed {
            // It has nothing to show yet, and its predecessors stay, unless nothing is wanted any more.
            if wanted.is_nothing() {
                self.close_downs(held);
            }
            return;
        }
        if let Some(stale) = own.filter(|down| !of_this(down)) {
            // The id had another owner until just now.
            self.close_down(stale, Farewell::Told);
            return self.evaluate(receiver, transport, now);
        }
        let mut tracks = select(transport, up.shard, &up.tracks, wanted, priority(&up.label));
        self.hold_back(receiver, transport, &mut tracks);
        if tracks.is_empty() {
            self.close_downs(own);
            self.close_downs(held);
            return;
        }
        let down = own.unwrap_or_else(|| self.new_down(receiver, transport, said, now));
        self.hand_over(down, held);
        let Some(state) = self.downs.get_mut(&down) else { return };
        if state.tracks != tracks {
            state.tracks.clone_from(&tracks);
            let (shard, stream_id) = (state.shard, state.stream.to_string());
            let client = ClientId(receiver.0);
            self.command(shard, Command::Subscribe { transport: down, client, stream_id, tracks });
            self.tell_status(down);
        }
    }

    fn new_down(
        &mut self,
        receiver: SessionId,
        up_transport: TransportId,
        wanted: Option<Wanted>,
        now: Now,
    ) -> TransportId {
        let up = self.ups.get_mut(&up_transport).expect("the caller has just looked at it");
        // Where the receiver has others, so that its link is seen as one; or else with the publisher.
        let other = self.sessions.get(&receiver).and_then(|state| state.downs.values().next());
        let other = other.and_then(|down| self.downs.get(down)).map(|down| down.shard);
        let (shard, transport) = self.placement.place(other.into_iter().chain([up.shard]));
        up.downs.insert(transport);
        let down = Down {
            receiver,
            up: up_transport,
            stream: up.stream.clone(),
            shard,
            wanted,
            tracks: Vec::new(),
            services: BTreeMap::new(),
            status: StreamStatus::Full,
            announced: false,
            awaits_answer: false,
            replaces: Vec::new(),
            candidates: 0,
        };
        if let Some(state) = self.sessions.get_mut(&receiver) {
            state.downs.insert(up.stream.clone(), transport);
        }
        self.downs.insert(transport, down);
        // From now on the media plane has the word, and then the client; neither is waited for longer.
        self.timers.arm(Timer::Answer(transport), now.instant + ANSWER_TIMEOUT);
        transport
    }

    /// Lets a received stream take the place of others: when it is offered, if it still is to be.
    fn hand_over(&mut self, down: TransportId, held: Vec<TransportId>) {
        let streams: Vec<StreamId> =
            held.iter().filter_map(|held| Some(self.downs.get(held)?.stream.clone())).collect();
        match self.downs.get_mut(&down) {
            Some(state) if !state.announced => state.replaces.extend(streams),
            Some(_) | None => self.close_downs(held),
        }
    }

    fn close_downs(&mut self, downs: impl IntoIterator<Item = TransportId>) {
        for down in downs {
            self.close_down(down, Farewell::Told);
        }
    }
}
