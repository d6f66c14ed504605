//! Tracks of this shard that other shards have subscribers for.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::media::MAX_ENCODINGS;
use crate::packet::Packet;
use crate::rate::Allowed;
use crate::relay::{Activity, Body, EncodingSet, RelayedPacket, TrackDescription};
use crate::sfu::Sfu;
use crate::track::{Arrival, Track, TrackKey};
use crate::{ShardId, TrackId};

/// A shard that a track goes to.
#[derive(Debug)]
pub(crate) struct Export {
    pub(crate) to: ShardId,
    pub(crate) wanted: EncodingSet,
    /// The best encoding that anybody there asked for, be it sent or not.
    pub(crate) asked: Option<usize>,
    /// What the slowest receiver there of each encoding may be sent, in bits per second.
    pub(crate) allowed: [Allowed; MAX_ENCODINGS],
}

/// Which shards wait for tracks that have not started, or have ended and may start again.
///
/// An entry goes with the last subscriber there, so there are no more than other shards have imports.
pub(crate) type Awaited = BTreeMap<TrackId, Vec<ShardId>>;

impl Sfu {
    /// Another shard wants these encodings of a track.
    pub(crate) fn handle_want(&mut self, from: ShardId, id: TrackId, wanted: EncodingSet) {
        let Some(key) = self.by_track_id.get(&id).copied() else {
            let waiting = self.exchange.awaited.entry(id).or_default();
            if !waiting.contains(&from) {
                waiting.push(from);
            }
            return;
        };
        let Some(at) = self.tracks[key].exports.iter().position(|e| e.to == from) else {
            return self.start_export(key, from);
        };
        let track = &mut self.tracks[key];
        let before = std::mem::replace(&mut track.exports[at].wanted, wanted);
        for encoding in wanted.without(before) {
            self.replay_to(key, from, encoding);
        }
    }

    /// Another shard wants nothing of a track any more.
    pub(crate) fn handle_unwant(&mut self, from: ShardId, id: TrackId) {
        if let Some(waiting) = self.exchange.awaited.get_mut(&id) {
            waiting.retain(|shard| *shard != from);
            if waiting.is_empty() {
                self.exchange.awaited.remove(&id);
            }
        }
        if let Some(key) = self.by_track_id.get(&id) {
            let key = *key;
            self.tracks[key].exports.retain(|export| export.to != from);
            self.note_demand(key);
        }
    }

    /// Somebody on another shard needs a keyframe.
    pub(crate) fn handle_relayed_wish(&mut self, id: TrackId, encoding: usize) {
        let Some((key, track)) = self.track_by_id(id) else {
            return;
        };
        if let Some(encoding) = track.encodings.get_mut(encoding) {
            encoding.keyframes.request();
            self.wishes.insert(key);
        }
    }

    /// Takes note of what receivers on another shard ask for.
    pub(crate) fn handle_asked(&mut self, from: ShardId, id: TrackId, best: Option<usize>) {
        if let Some((key, track)) = self.track_by_id(id)
            && let Some(export) = track.exports.iter_mut().find(|export| export.to == from)
        {
            export.asked = best;
            self.note_demand(key);
        }
    }

    /// Takes note of what receivers on another shard can take.
    pub(crate) fn handle_relayed_rates(
        &mut self,
        from: ShardId,
        id: TrackId,
        allowed: [Allowed; MAX_ENCODINGS],
    ) {
        if let Some((_, track)) = self.track_by_id(id)
            && let Some(export) = track.exports.iter_mut().find(|export| export.to == from)
        {
            export.allowed = allowed;
        }
    }

    /// Sends again what got lost on the way to another shard, as far as it is still there.
    pub(crate) fn handle_missing(
        &mut self,
        from: ShardId,
        id: TrackId,
        encoding: usize,
        first: u64,
        count: u64,
    ) {
        let Some((_, track)) = self.track_by_id(id) else {
            return;
        };
        let Some(ring) = track.encodings.get(encoding).map(|e| &e.ring) else {
            return;
        };
        let again = (first..first.saturating_add(count))
            .take(crate::cursor::MAX_MISSING)
            .filter_map(|index| Some(relayed(encoding, index, ring.get(index)?)));
        let packets = again.collect();
        self.counters.relayed += self.exchange.relay(from, id, packets);
    }

    /// A track has started: shards that wait for it get it.
    pub(crate) fn export_to_waiting(&mut self, key: TrackKey) {
        let waiting = self.exchange.awaited.remove(&self.tracks[key].id);
        for shard in waiting.unwrap_or_default() {
            self.start_export(key, shard);
        }
    }

    fn start_export(&mut self, key: TrackKey, to: ShardId) {
        let track = &mut self.tracks[key];
        let (wanted, allowed) = (EncodingSet::default(), [Allowed::default(); MAX_ENCODINGS]);
        track.exports.push(Export { to, wanted, asked: None, allowed });
        let description = TrackDescription {
            format: track.format,
            msid: track.msid.clone(),
            encodings: track.encodings.len(),
        };
        let (id, activity) = (track.id, activity(track));
        self.exchange.say(to, id, Body::Started(Arc::new(description)));
        self.exchange.say(to, id, Body::Activity(activity));
        self.exchange.start_ticking(self.now);
    }

    /// Hands another shard what it can start to watch with, as a newcomer here would be.
    fn replay_to(&mut self, key: TrackKey, to: ShardId, encoding: usize) {
        let track = &mut self.tracks[key];
        let Some(state) = track.encodings.get_mut(encoding) else {
            return;
        };
        // What has arrived and is not forwarded yet goes out with the rest.
        let pending = track.arrivals.iter().find(|a| a.encoding == encoding).map(|a| a.index);
        let packets = state.ring.replay(self.now);
        let packets = packets.filter(|(index, _)| pending.is_none_or(|first| *index < first));
        let packets: Vec<_> = packets.map(|(at, packet)| relayed(encoding, at, packet)).collect();
        if packets.is_empty() && state.keyframes.due().is_none() {
            state.keyframes.request();
            self.wishes.insert(key);
        }
        self.counters.relayed += self.exchange.relay(to, track.id, packets);
    }

    /// Hands what has arrived of a track to the shards that want it.
    pub(crate) fn export_arrivals(&mut self, key: TrackKey, arrivals: &[Arrival]) {
        let track = &self.tracks[key];
        for export in &track.exports {
            let wanted = arrivals.iter().filter(|a| export.wanted.contains(a.encoding));
            let packets = wanted.filter_map(|a| {
                let packet = track.encodings[a.encoding].ring.get(a.index)?;
                Some(relayed(a.encoding, a.index, packet))
            });
            self.counters.relayed += self.exchange.relay(export.to, track.id, packets.collect());
        }
    }

    /// Tells other shards which layers of a track are sent.
    pub(crate) fn export_activity(&mut self, key: TrackKey) {
        let track = &self.tracks[key];
        for export in &track.exports {
            self.exchange.say(export.to, track.id, Body::Activity(activity(track)));
        }
    }

    /// A track is gone: the shards that had it wait for it to start again.
    pub(crate) fn end_exports(&mut self, track: &Track) {
        for export in &track.exports {
            self.exchange.say(export.to, track.id, Body::Ended);
        }
        if !track.exports.is_empty() {
            let waiting = track.exports.iter().map(|export| export.to).collect();
            self.exchange.awaited.insert(track.id, waiting);
        }
    }

    pub(crate) fn track_by_id(&mut self, id: TrackId) -> Option<(TrackKey, &mut Track)> {
        let key = *self.by_track_id.get(&id)?;
        Some((key, self.tracks.get_mut(key)?))
    }
}

fn activity(track: &Track) -> Activity {
    Activity {
        last_arrivals: std::array::from_fn(|at| {
            track.encodings.get(at).and_then(|e| e.last_arrival)
        }),
        rungs: track.ladder.rungs().to_vec(),
    }
}

fn relayed(encoding: usize, index: u64, packet: &Packet) -> RelayedPacket {
    RelayedPacket { encoding, index, packet: packet.clone() }
}
