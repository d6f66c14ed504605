//! Tracks of publishers on other shards that this shard has subscribers for.

use crate::cursor::{Arrived, Cursor};
use crate::demand::Demand;
use crate::ladder::Ladder;
use crate::media::MAX_ENCODINGS;
use crate::rate::Allowed;
use crate::relay::{Activity, Body, EncodingSet, RelayMessage, RelayedPacket, TrackDescription};
use crate::sfu::Sfu;
use crate::track::{Arrival, Encoding, Origin, Track, TrackKey};
use crate::transport::Role;
use crate::{MediaKind, ShardId, TrackId, TrackRequest};

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// What is wanted from other shards, by track.
pub(crate) type Imports = BTreeMap<TrackId, Wanted>;

/// How many transports have a track of another shard in their list.
#[derive(Debug)]
pub(crate) struct Wanted {
    from: ShardId,
    by: usize,
}

/// Where an imported track comes from.
#[derive(Debug)]
pub(crate) struct Import {
    pub(crate) from: ShardId,
    /// What the publisher's shard was told.
    wanted: EncodingSet,
    /// The best encoding that anybody here asked for, as the publisher's shard was told.
    pub(crate) asked: Option<usize>,
    cursors: [Cursor; MAX_ENCODINGS],
    /// When the publisher's shard was last told what receivers here can take.
    told: Option<Instant>,
}

/// So long that shard is told nothing new of a track but from time to time: any receiver can change what it can
/// take with each datagram.
const RATES_PAUSE: Duration = Duration::from_millis(50);

impl Import {
    /// Returns whether the publisher's shard was told that the encoding is wanted.
    pub(crate) fn has(&self, encoding: usize) -> bool {
        self.wanted.contains(encoding)
    }
}

impl Sfu {
    /// Takes in what another shard says.
    ///
    /// Messages of one shard must come in the order in which it gave them.
    pub fn handle_relay(&mut self, now: Instant, from: ShardId, message: RelayMessage) {
        self.advance(now);
        let RelayMessage { track: id, body } = message;
        match body {
            Body::Want(wanted) => self.handle_want(from, id, wanted),
            Body::Unwant => self.handle_unwant(from, id),
            Body::Keyframe { encoding } => self.handle_relayed_wish(id, encoding),
            Body::Missing { encoding, first, count } => {
                self.handle_missing(from, id, encoding, first, count);
            }
            Body::Asked(best) => self.handle_asked(from, id, best),
            Body::Rates(allowed) => self.handle_relayed_rates(from, id, allowed),
            Body::Started(description) => self.start_import(from, id, &description),
            Body::Packets(packets) => self.handle_relayed(from, id, packets),
            Body::Activity(activity) => self.handle_activity(from, id, activity),
            Body::Ended => {
                if let Some(key) = self.imported(from, id) {
                    self.remove_track(key);
                }
            }
        }
        self.process();
    }

    /// Subscribers want these tracks; those of other shards have to be imported.
    pub(crate) fn acquire(&mut self, tracks: &[TrackRequest]) {
        let own = self.config.shard;
        for request in tracks.iter().filter(|request| request.shard != own) {
            let (id, from) = (request.track, request.shard);
            let wanted = self.exchange.imports.entry(id).or_insert(Wanted { from, by: 0 });
            wanted.by += 1;
            if wanted.by == 1 {
                self.exchange.say(from, id, Body::Want(EncodingSet::default()));
                self.exchange.start_ticking(self.now);
            }
        }
    }

    /// A subscriber does not want these tracks any more.
    pub(crate) fn release(&mut self, tracks: &[TrackRequest]) {
        let own = self.config.shard;
        for request in tracks.iter().filter(|request| request.shard != own) {
            let id = request.track;
            let Some(wanted) = self.exchange.imports.get_mut(&id) else {
                continue;
            };
            wanted.by -= 1;
            if wanted.by > 0 {
                continue;
            }
            let from = wanted.from;
            self.exchange.imports.remove(&id);
            self.exchange.say(from, id, Body::Unwant);
            if let Some(key) = self.imported(from, id) {
                self.remove_track(key);
            }
        }
    }

    fn imported(&self, from: ShardId, id: TrackId) -> Option<TrackKey> {
        let key = *self.by_track_id.get(&id)?;
        matches!(&self.tracks[key].origin, Origin::Shard(i) if i.from == from).then_some(key)
    }

    fn start_import(&mut self, from: ShardId, id: TrackId, description: &TrackDescription) {
        let is_wanted = self.exchange.imports.get(&id).is_some_and(|wanted| wanted.from == from);
        if !is_wanted || self.by_track_id.contains_key(&id) {
            return;
        }
        let kind = description.format.codec.kind();
        let encodings = (0..description.encodings).map(|_| Encoding::new(kind, false));
        let cursors = std::array::from_fn(|_| Cursor::default());
        let wanted = EncodingSet::default();
        let import = Import { from, wanted, asked: None, cursors, told: None };
        let key = self.tracks.insert(Track {
            id,
            format: description.format,
            origin: Origin::Shard(Box::new(import)),
            msid: description.msid.clone(),
            encodings: encodings.collect(),
            ladder: Ladder::new(description.encodings),
            subscribers: Vec::new(),
            demand: Demand::default(),
            exports: Vec::new(),
            arrivals: Vec::new(),
        });
        self.by_track_id.insert(id, key);
        self.offer_to_waiting(key);
    }

    fn handle_relayed(&mut self, from: ShardId, id: TrackId, packets: Vec<RelayedPacket>) {
        let Some(key) = self.imported(from, id) else {
            return;
        };
        let track = &mut self.tracks[key];
        let Origin::Shard(import) = &mut track.origin else {
            return;
        };
        for RelayedPacket { encoding: at, index, packet } in packets {
            let Some(encoding) = track.encodings.get_mut(at) else {
                continue;
            };
            match import.cursors[at].handle_packet(index, self.now) {
                Arrived::Twice => continue,
                Arrived::Due => {}
                Arrived::After { first, count } => {
                    self.exchange.say(from, id, Body::Missing { encoding: at, first, count });
                }
                Arrived::Far => {
                    if track.format.codec.kind() == MediaKind::Video {
                        encoding.keyframes.request();
                        self.wishes.insert(key);
                    }
                }
            }
            if packet.run > encoding.run {
                encoding.run = packet.run;
                encoding.ring.forget_keyframe();
            }
            encoding.last_arrival = encoding.last_arrival.max(Some(packet.arrived));
            if packet.starts_keyframe == Some(true) {
                encoding.keyframes.handle_keyframe();
            }
            let index = encoding.ring.push(packet);
            if track.arrivals.is_empty() {
                self.arrived.push(key);
            }
            track.arrivals.push(Arrival { encoding: at, index, padding: 0 });
        }
        for (encoding, cursor) in import.cursors.iter_mut().enumerate() {
            if let Some((first, count)) = cursor.retry(self.now) {
                self.exchange.say(from, id, Body::Missing { encoding, first, count });
            }
        }
    }

    fn handle_activity(&mut self, from: ShardId, id: TrackId, activity: Activity) {
        if let Some(key) = self.imported(from, id) {
            let track = &mut self.tracks[key];
            for (encoding, arrival) in track.encodings.iter_mut().zip(activity.last_arrivals) {
                encoding.last_arrival = encoding.last_arrival.max(arrival);
            }
            let has_other_layers = track.ladder.replace(activity.rungs);
            self.refresh_import(key);
            if has_other_layers {
                self.note_services(key);
            }
        }
    }

    /// Tells the publisher's shard what the subscribers here have and want, if that has changed.
    pub(crate) fn refresh_import(&mut self, key: TrackKey) {
        let Some(track) = self.tracks.get(key) else {
            return;
        };
        let mut wanted = EncodingSet::default();
        if let Origin::Shard(_) = &track.origin {
            for subscriber in &track.subscribers {
                let Some(Role::Subscriber(subscription)) =
                    self.transports.get(subscriber.slot).map(|t| &t.role)
                else {
                    continue;
                };
                let section = &subscription.sections[subscriber.section];
                let choice = section.selection.peek(&track.ladder);
                if let Some(layer) = choice.layer.filter(|_| section.live) {
                    wanted.insert(layer.encoding);
                    section.forward.current().inspect(|current| wanted.insert(*current));
                }
            }
            self.want_import(key, wanted);
        }
    }

    /// Tells the publisher's shard that these encodings are wanted, if it does not know.
    pub(crate) fn want_import(&mut self, key: TrackKey, wanted: EncodingSet) {
        let track = &mut self.tracks[key];
        let Origin::Shard(import) = &mut track.origin else {
            return;
        };
        let before = std::mem::replace(&mut import.wanted, wanted);
        if before == wanted {
            return;
        }
        for encoding in wanted.without(before) {
            import.cursors[encoding].resume();
        }
        let from = import.from;
        self.exchange.say(from, track.id, Body::Want(wanted));
        self.report_rates(key);
    }

    /// Tells the publisher's shard what the receivers of a track here can take.
    pub(crate) fn report_rates(&mut self, key: TrackKey) {
        let track = &self.tracks[key];
        if let Origin::Shard(import) = &track.origin
            && track.format.codec.kind() == MediaKind::Video
        {
            let (from, id) = (import.from, track.id);
            let mut allowed = [Allowed::default(); MAX_ENCODINGS];
            for (at, allowed) in allowed.iter_mut().enumerate().take(track.encodings.len()) {
                *allowed = self.allowed_rates(track, at);
            }
            self.exchange.say(from, id, Body::Rates(allowed));
            if let Origin::Shard(import) = &mut self.tracks[key].origin {
                import.told = Some(self.now);
            }
        }
    }

    /// Tells it that at once, since it has changed much.
    pub(crate) fn hurry_rates(&mut self, key: TrackKey) {
        let Origin::Shard(import) = &self.tracks[key].origin else {
            return;
        };
        let elapsed = import.told.map(|at| self.now.saturating_duration_since(at));
        if elapsed.is_none_or(|elapsed| elapsed >= RATES_PAUSE) {
            self.report_rates(key);
        }
    }

    /// Tells other shards what they have to know from time to time.
    pub(crate) fn tick_exchange(&mut self) {
        if !self.exchange.take_tick(self.now) {
            return;
        }
        let keys: Vec<TrackKey> = self.tracks.iter().map(|(key, _)| key).collect();
        let mut is_used = !self.exchange.imports.is_empty();
        for key in keys {
            is_used |= !self.tracks[key].exports.is_empty();
            self.export_activity(key);
            self.refresh_import(key);
            self.report_rates(key);
        }
        if is_used {
            self.exchange.start_ticking(self.now);
        }
    }
}
