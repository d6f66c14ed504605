//! Streams: what members publish ("up") and what each of them receives ("down").
//!
//! Each stream has one transport per direction and client. Its id is chosen by the publisher and is the
//! same for all receivers.

mod cameras;
mod down;
mod events;
mod ice;
mod push;
mod replace;
mod selection;
mod speakers;
mod status;
mod up;

use std::collections::{BTreeMap, BTreeSet};

use galene_protocol::{EncodingUse, ServerMessage, StreamId, StreamStatus, Wanted};
use galene_sfu::{Command, MediaKind, Service, TrackId, TrackRequest, TransportId};

pub(crate) use self::speakers::Speakers;
use self::speakers::Voice;
use crate::conference::Timer;
use crate::{Conference, MediaCommand, Output, SessionId, ShardId};

/// A stream that a member publishes.
#[derive(Debug)]
pub(crate) struct Up {
    owner: SessionId,
    stream: StreamId,
    /// What the stream shows, by the publisher's first offer.
    label: String,
    pub(crate) shard: ShardId,
    /// Whether an offer was ever answered.
    negotiated: bool,
    /// The tracks that send, by their place in the publisher's SDP.
    tracks: BTreeMap<u16, MediaKind>,
    /// Which encodings of its video tracks are asked for, by the same places.
    encodings: BTreeMap<u16, Vec<EncodingUse>>,
    voice: Voice,
    /// Whether the stream was shown to the others.
    pushed: bool,
    /// Its predecessors, which receivers keep until it can take their place.
    replaces: Vec<StreamId>,
    /// The transports of all receivers, those of its predecessors included.
    downs: BTreeSet<TransportId>,
    /// How many candidates came with the present description.
    candidates: usize,
}

/// A stream that a member receives.
#[derive(Debug)]
pub(crate) struct Down {
    receiver: SessionId,
    /// The transport of the publisher, or of the stream that is about to take this one's place.
    up: TransportId,
    stream: StreamId,
    pub(crate) shard: ShardId,
    /// What the receiver wants of this stream, if it said so.
    wanted: Option<Wanted>,
    /// The tracks that are forwarded.
    tracks: Vec<TrackRequest>,
    /// How much of each of those is sent, where that is known.
    services: BTreeMap<TrackId, Service>,
    /// What the receiver was told of that.
    status: StreamStatus,
    /// Whether the receiver knows of the stream.
    announced: bool,
    awaits_answer: bool,
    /// The streams to be closed once the receiver knows of this one.
    replaces: Vec<StreamId>,
    /// How many candidates came with the present description.
    candidates: usize,
}

/// Whether the receiver of a stream is told that it is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Farewell {
    /// The receiver knows, or soon will.
    Silent,
    /// The receiver is told.
    Told,
}

impl Conference {
    /// Closes streams that a session published and received.
    pub(crate) fn close_streams(
        &mut self,
        ups: BTreeMap<StreamId, TransportId>,
        downs: BTreeMap<StreamId, TransportId>,
    ) {
        for transport in ups.into_values() {
            self.close_up(transport);
        }
        for transport in downs.into_values() {
            self.close_down(transport, Farewell::Silent);
        }
    }

    /// Ends a stream that somebody publishes. Its receivers are told, and those of its predecessors.
    pub(crate) fn close_up(&mut self, transport: TransportId) {
        let Some(up) = self.ups.remove(&transport) else { return };
        self.forget_up(transport, &up);
        for down in up.downs {
            self.close_down(down, Farewell::Told);
        }
    }

    /// Removes the traces of a published stream, except at its receivers.
    fn forget_up(&mut self, transport: TransportId, up: &Up) {
        self.timers.cancel(Timer::HungUp(transport));
        self.timers.cancel(Timer::Push(transport));
        self.timers.cancel(Timer::Replacement(transport));
        self.forget_voice(transport);
        self.command(up.shard, Command::Close { transport });
        self.placement.release(up.shard);
        let Some(state) = self.sessions.get_mut(&up.owner) else { return };
        state.ups.remove(&up.stream);
        if let Some(known) = state.group().and_then(|name| self.groups.get_mut(name)) {
            known.group.unpublish(up.owner.into(), &up.stream);
        }
    }

    /// Ends a stream that somebody receives, and those that it was to take the place of.
    fn close_down(&mut self, transport: TransportId, farewell: Farewell) {
        let Some(down) = self.downs.remove(&transport) else { return };
        self.timers.cancel(Timer::Answer(transport));
        self.command(down.shard, Command::Close { transport });
        self.placement.release(down.shard);
        if let Some(up) = self.ups.get_mut(&down.up) {
            up.downs.remove(&transport);
        }
        let Some(state) = self.sessions.get_mut(&down.receiver) else { return };
        if state.downs.get(&down.stream) == Some(&transport) {
            state.downs.remove(&down.stream);
        }
        let replaced: Vec<_> =
            down.replaces.iter().filter_map(|id| state.downs.get(id).copied()).collect();
        if farewell == Farewell::Told && down.announced {
            self.tell(down.receiver, ServerMessage::Close { id: down.stream });
        }
        for predecessor in replaced {
            self.close_down(predecessor, farewell);
        }
    }

    /// Gives up a stream about which a client sent something unusable: one that it publishes, or wanted
    /// to, is aborted, and one that it receives is closed.
    pub(crate) fn give_up_stream(&mut self, session: SessionId, stream: &StreamId) {
        let Some(state) = self.sessions.get(&session) else { return };
        match state.downs.get(stream).copied() {
            Some(transport) => self.close_down(transport, Farewell::Told),
            None => self.tell(session, ServerMessage::Abort { id: stream.clone() }),
        }
    }

    fn command(&mut self, shard: ShardId, command: Command) {
        self.output(Output::Media(MediaCommand { shard, command }));
    }
}
