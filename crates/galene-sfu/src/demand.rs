//! Which encodings of a track its publisher need not send.
//!
//! A publisher spends most of its link and of its processor on the largest encodings. If nobody asked for
//! them, here or on another shard, it is told so and can stop sending them (some call it *dynacast*).
//! Encodings below one that somebody asked for stay: whoever's link gets narrow needs one at once. So
//! does the smallest in any case, that a newcomer has a picture at once.
//!
//! What was asked for counts and not what a link carries at the moment, which changes from one second to
//! the next.

use std::time::{Duration, Instant};

use str0m::media::Rid;

use crate::relay::Body;
use crate::sfu::{Sfu, find};
use crate::track::{Origin, Track, TrackKey};
use crate::transport::Role;
use crate::{EncodingDemand, Event, MediaKind, TransportId};

/// So long nobody has asked for an encoding before its publisher hears of it: somebody who only looks
/// around comes back before that, and it costs the publisher a keyframe each time.
const UNUSED_AFTER: Duration = Duration::from_secs(4);

/// What the publisher of a track knows of the encodings that are asked for.
#[derive(Debug, Default)]
pub(crate) struct Demand {
    /// The best encoding that it is to send, if it was told anything; it sends all until then.
    told: Option<usize>,
    /// The best that was asked for since less than that is, and when this is to be told.
    less: Option<(usize, Instant)>,
}

impl Demand {
    /// Takes note of the best encoding that is asked for now, as its place in the publisher's list;
    /// returns the best that the publisher is to send if it has to hear of it.
    fn update(&mut self, best: usize, now: Instant) -> Option<usize> {
        let Some(told) = self.told else {
            // Whoever is about to ask for more needs time for it, too.
            self.told = Some(0);
            self.less = (best > 0).then_some((best, now + UNUSED_AFTER));
            return self.told;
        };
        if best <= told {
            self.less = None;
            self.told = Some(best);
            return (best < told).then_some(best);
        }
        let (least, at) = self.less.unwrap_or((best, now + UNUSED_AFTER));
        let least = least.min(best);
        if now < at {
            self.less = Some((least, at));
            return None;
        }
        self.told = Some(least);
        self.less = (best > least).then_some((best, now + UNUSED_AFTER));
        self.told
    }

    /// Returns the best encoding that the publisher is to send.
    pub(crate) fn best(&self) -> usize {
        self.told.unwrap_or_default()
    }

    /// Returns when to look at it again if nothing else happens.
    fn deadline(&self) -> Option<Instant> {
        self.less.map(|(_, at)| at)
    }
}

impl Sfu {
    /// Something else may be asked for of a track than before.
    pub(crate) fn note_demand(&mut self, key: TrackKey) {
        self.demands.insert((self.now, key));
    }

    /// Returns when somebody has to hear of what is asked for.
    pub(crate) fn next_demand(&self) -> Option<Instant> {
        self.demands.first().map(|(at, _)| *at)
    }

    /// Tells publishers, and other shards, what is asked for, as far as they do not know.
    pub(crate) fn settle_demands(&mut self) {
        while let Some((at, key)) = self.demands.first().copied().filter(|(at, _)| *at <= self.now)
        {
            self.demands.remove(&(at, key));
            self.settle_demand(key);
        }
    }

    fn settle_demand(&mut self, key: TrackKey) {
        let asked = self.asked(key);
        let Some(track) = self.tracks.get_mut(key) else {
            return;
        };
        if track.format.codec.kind() == MediaKind::Audio {
            return;
        }
        match &mut track.origin {
            Origin::Shard(import) => {
                if std::mem::replace(&mut import.asked, asked) != asked {
                    self.exchange.say(import.from, track.id, Body::Asked(asked));
                    self.report_rates(key);
                }
            }
            Origin::Publisher(_) => {
                let smallest = track.encodings.len() - 1;
                let told = track.demand.update(asked.unwrap_or(smallest).min(smallest), self.now);
                if let Some(at) = track.demand.deadline() {
                    self.demands.insert((at, key));
                }
                if let Some(best) = told {
                    let track = &self.tracks[key];
                    let encodings = encodings(self.rids_of(track), track, best);
                    let event = Event::EncodingsAsked { track: track.id, encodings };
                    let publisher = track.id.transport;
                    self.events.push_back(event);
                    self.hasten_rate(publisher);
                }
            }
        }
    }

    /// Lets a publisher hear now how much to send. It was allowed little of an encoding that nobody asked
    /// for, and browsers begin no encoding for which there is not enough.
    fn hasten_rate(&mut self, publisher: TransportId) {
        if let Some((slot, transport)) = find(&self.by_id, &mut self.transports, publisher)
            && let Role::Publisher(publication) = &mut transport.role
            && publication.next_rate.is_some()
        {
            publication.next_rate = Some(self.now);
            self.aftermath.arm(slot, transport, self.now);
        }
    }

    /// Returns the best encoding of a track that anybody asked for.
    fn asked(&self, key: TrackKey) -> Option<usize> {
        let track = self.tracks.get(key)?;
        let here = track.subscribers.iter().filter_map(|at| {
            let transport = self.transports.get(at.slot)?;
            let Role::Subscriber(subscription) = &transport.role else { return None };
            let section = subscription.sections.get(at.section).filter(|s| !s.refused)?;
            section.selection.asked_encoding(track.encodings.len())
        });
        here.chain(track.exports.iter().filter_map(|export| export.asked)).min()
    }

    fn rids_of(&self, track: &Track) -> &[Rid] {
        let slot = self.by_id.get(&track.id.transport);
        match slot.and_then(|slot| self.transports.get(*slot)).map(|t| &t.role) {
            Some(Role::Publisher(publication)) => publication
                .sections
                .get(usize::from(track.id.section))
                .map_or(&[], |section| &section.rids),
            Some(Role::Subscriber(_)) | None => &[],
        }
    }
}

fn encodings(rids: &[Rid], track: &Track, best: usize) -> Vec<EncodingDemand> {
    let places = 0..track.encodings.len();
    let rid = |at: usize| rids.get(at).map(|rid| rid.to_string());
    places.map(|at| EncodingDemand { rid: rid(at), is_asked_for: at >= best }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn more_is_told_at_once_and_less_after_a_while() {
        let t0 = galene_testkit::epoch();
        let mut demand = Demand::default();
        assert_eq!(demand.update(2, t0), Some(0), "at first all are to be sent");
        assert_eq!(demand.update(2, t0 + SECOND * 3), None);
        assert_eq!(demand.deadline(), Some(t0 + UNUSED_AFTER));
        assert_eq!(demand.update(2, t0 + UNUSED_AFTER), Some(2));
        assert_eq!(demand.deadline(), None);
        assert_eq!(demand.update(1, t0 + SECOND * 5), Some(1));
        assert_eq!(demand.update(0, t0 + SECOND * 5), Some(0));
        assert_eq!(demand.update(0, t0 + SECOND * 6), None);
    }

    #[test]
    fn who_comes_back_in_time_is_not_noticed() {
        let t0 = galene_testkit::epoch();
        let mut demand = Demand::default();
        demand.update(0, t0);
        assert_eq!(demand.update(1, t0 + SECOND), None);
        assert_eq!(demand.update(0, t0 + SECOND * 4), None);
        assert_eq!(demand.deadline(), None);
        assert_eq!(demand.update(1, t0 + SECOND * 5), None, "the time begins anew");
        assert_eq!(demand.update(1, t0 + SECOND * 9), Some(1));
    }

    #[test]
    fn what_was_asked_for_meanwhile_gets_its_own_time() {
        let t0 = galene_testkit::epoch();
        let mut demand = Demand::default();
        demand.update(0, t0);
        assert_eq!(demand.update(1, t0), None);
        assert_eq!(demand.update(2, t0 + SECOND * 3), None);
        assert_eq!(demand.update(2, t0 + SECOND * 4), Some(1));
        assert_eq!(demand.update(2, t0 + SECOND * 8), Some(2));
    }
}
