//! Forwarding: what arrived together of a track goes to one subscriber after the other.

use crate::egress::Way;
use crate::relay::EncodingSet;
use crate::runs;
use crate::sfu::Sfu;
use crate::subscription::Pick;
use crate::track::{Arrival, Origin, TrackKey};
use crate::transport::Role;

/// What arrived together of a track, on its way to the subscribers.
#[derive(Debug)]
pub(crate) struct Batch {
    key: TrackKey,
    arrivals: Vec<Arrival>,
    /// The next subscriber, by its place in the track's list.
    next: usize,
    /// The encodings of which subscribers wait for a keyframe.
    wanted: EncodingSet,
    /// Those, and what is being forwarded.
    in_use: EncodingSet,
}

/// So much is sealed before it is sent: then it is still in a core's own cache, and a flood of packets for
/// hundreds of subscribers, or a picture for as many newcomers, takes no more memory than this and the most that
/// one of them gets.
const MAX_UNSENT_BYTES: usize = 128 << 10;

impl Sfu {
    /// Forwards what has arrived, starts what can start, and asks for keyframes, till there is enough to
    /// be sent.
    pub(crate) fn flush(&mut self) {
        self.flush_up_to(MAX_UNSENT_BYTES);
    }

    /// Does the same till about so many bytes wait to be sent.
    pub(crate) fn flush_up_to(&mut self, limit: usize) {
        loop {
            for key in std::mem::take(&mut self.arrived) {
                self.begin_batch(key);
            }
            while let Some(mut batch) = self.batches.pop_front() {
                if !self.forward_batch(&mut batch, limit) {
                    self.batches.push_front(batch);
                    return;
                }
                self.end_batch(batch);
            }
            if self.starting.is_empty() {
                break;
            }
            while let Some(slot) = self.starting.pop_front() {
                if self.aftermath.out.queue.len() >= limit {
                    self.starting.push_front(slot);
                    return;
                }
                self.start_sections(slot);
            }
            self.process();
        }
        self.process();
        // This is asked with every datagram that is polled, and mostly answered at once.
        if self.next_keyframe_request().is_some_and(|at| at <= self.now) {
            self.send_keyframe_requests();
        }
        self.settle_demands();
        self.settle_services();
    }

    /// Takes up what has arrived of a track. Other shards get it at once, so that they need not wait for
    /// the subscribers here.
    fn begin_batch(&mut self, key: TrackKey) {
        let Some(track) = self.tracks.get_mut(key) else {
            return;
        };
        let mut arrivals = std::mem::take(&mut track.arrivals);
        let length = |arrival: &Arrival| {
            let packet = track.encodings[arrival.encoding].ring.get(arrival.index);
            packet.map_or(0, |packet| packet.payload.len())
        };
        runs::equalise(&mut arrivals, length);
        let has_other_layers = matches!(track.origin, Origin::Publisher(_))
            && track.ladder.refresh(&mut track.encodings, self.now);
        if has_other_layers {
            self.export_activity(key);
            self.note_services(key);
        }
        self.export_arrivals(key, &arrivals);
        self.batches.push_back(Batch {
            key,
            arrivals,
            next: 0,
            wanted: EncodingSet::default(),
            in_use: EncodingSet::default(),
        });
    }

    /// Forwards a batch to one subscriber after the other; returns whether to all of them.
    fn forward_batch(&mut self, batch: &mut Batch, limit: usize) -> bool {
        let track = &self.tracks[batch.key];
        while let Some(subscriber) = track.subscribers.get(batch.next) {
            if self.aftermath.out.queue.len() >= limit {
                return false;
            }
            batch.next += 1;
            let transport = self.transports.get_mut(subscriber.slot).filter(|t| !t.failed);
            let Some(transport) = transport else {
                continue;
            };
            let Role::Subscriber(subscription) = &mut transport.role else {
                continue;
            };
            let section = &mut subscription.sections[subscriber.section];
            if !section.live {
                continue;
            }
            let Some(target) = section.selection.choose(&track.ladder).layer else {
                continue;
            };
            let packets = batch.arrivals.iter().filter_map(|arrival| {
                let packet = track.encodings[arrival.encoding].ring.get(arrival.index)?;
                let Arrival { encoding, index, padding } = *arrival;
                Some(Pick { encoding, index, packet, padding })
            });
            let (now, queue) = (self.now, &mut self.aftermath.out.queue);
            let sent = transport.engine.touch(|engine| {
                let mut way = Way { engine, queue, now };
                subscription.forward_all(&mut way, subscriber.section, target, packets, track)
            });
            let section = &mut subscription.sections[subscriber.section];
            let forward = &mut section.forward;
            let current = forward.current();
            let lacks_keyframe = current != Some(target.encoding)
                || (forward.has_left_out() && forward.lacks(target, &track.ladder, now));
            if lacks_keyframe && !section.holds_keyframe_of(target.encoding, track) {
                batch.wanted.insert(target.encoding);
            }
            batch.in_use.insert(target.encoding);
            current.into_iter().for_each(|current| batch.in_use.insert(current));
            let written = self.aftermath.release(subscriber.slot, transport, self.now, sent);
            self.counters.forwarded += written;
        }
        true
    }

    fn end_batch(&mut self, batch: Batch) {
        let Batch { key, mut arrivals, wanted, in_use, next: _ } = batch;
        let track = &mut self.tracks[key];
        for (at, encoding) in track.encodings.iter_mut().enumerate() {
            if wanted.contains(at) {
                encoding.keyframes.request();
                self.wishes.insert(key);
            }
        }
        // The list itself goes back, so that the next packets need no new one.
        arrivals.clear();
        track.arrivals = arrivals;
        self.want_import(key, in_use);
    }
}
