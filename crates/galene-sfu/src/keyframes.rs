//! Turns subscribers' wishes for a keyframe into feedback to the publisher.
//!
//! A subscriber that joins, switches encoding or loses what cannot be repaired needs a keyframe. Passing
//! on each wish would keep the publisher's encoder producing nothing else, so wishes are merged: an
//! encoding gets at most one PLI per interval (RFC 4585 §6.3.1), repeated until a keyframe comes.

use std::time::{Duration, Instant};

use str0m::media::{KeyframeRequestKind, Mid};
use str0m::rtp::Ssrc;

use crate::allowance::KEYFRAMES;
use crate::demux::Slot;
use crate::relay::Body;
use crate::sfu::{Sfu, find};
use crate::spread::MAX_WAIT;
use crate::track::{Origin, TrackKey};
use crate::transport::{Role, Transport};

/// How long a PLI has to take effect before it is repeated. A keyframe takes a round trip and the
/// sending of some tens of packets.
pub(crate) const MIN_PLI_INTERVAL: Duration = Duration::from_millis(500);

/// The wish for a keyframe of one encoding.
#[derive(Debug, Default)]
pub(crate) struct KeyframeRequests {
    wanted: bool,
    last_pli: Option<Instant>,
    /// How many keyframes began to arrive.
    arrived: u64,
    /// How many PLIs were sent.
    sent: u64,
}

impl KeyframeRequests {
    /// Somebody needs a keyframe.
    pub(crate) fn request(&mut self) {
        self.wanted = true;
    }

    /// Returns whether somebody needs a keyframe and none has come yet.
    pub(crate) fn is_wanted(&self) -> bool {
        self.wanted
    }

    /// A keyframe begins to arrive: all wishes are met.
    pub(crate) fn handle_keyframe(&mut self) {
        self.wanted = false;
        self.arrived += 1;
    }

    /// Returns whether to send a PLI now, and takes note of it.
    pub(crate) fn poll(&mut self, now: Instant) -> bool {
        let due = self.due().is_some_and(|at| at.is_none_or(|at| at <= now));
        if due {
            self.last_pli = Some(now);
            self.sent += 1;
        }
        due
    }

    /// Returns how many keyframes began to arrive so far.
    pub(crate) fn arrived(&self) -> u64 {
        self.arrived
    }

    /// Returns how often one was asked for so far.
    pub(crate) fn sent(&self) -> u64 {
        self.sent
    }

    /// Returns the time of the next PLI, if one is wanted; `Some(None)` means at once.
    pub(crate) fn due(&self) -> Option<Option<Instant>> {
        self.wanted.then(|| self.last_pli.map(|at| at + MIN_PLI_INTERVAL))
    }
}

impl Sfu {
    /// A subscriber asks for a keyframe.
    pub(crate) fn handle_keyframe_request(&mut self, slot: Slot, mid: Mid) {
        let Transport { role: Role::Subscriber(subscription), round_trip, .. } =
            &mut self.transports[slot]
        else {
            return;
        };
        let Some(section) = subscription.sections.iter_mut().find(|s| s.mid == mid) else {
            return;
        };
        // Browsers repeat their request until they have what they asked for, and this one was sent before
        // that came there. What waits for the link may be what completes it, but only for so long: over a
        // link that is thought to be too narrow for everything, something waits all the time.
        let wait = if section.waiting.is_empty() { Duration::ZERO } else { MAX_WAIT };
        if section.keyframe_sent.is_some_and(|at| self.now < at + round_trip.get() + wait) {
            return;
        }
        if let Some(key) = section.track {
            let track = &mut self.tracks[key];
            let target = section.selection.peek(&track.ladder).layer.map(|layer| layer.encoding);
            if let Some(encoding) = section.forward.current().or(target)
                && !section.holds_keyframe_of(encoding, track)
                && let Some(encoding) = track.encodings.get_mut(encoding)
                // One that is about to be made is for everybody.
                && !encoding.keyframes.is_wanted()
                && section.keyframe_allowance.take(&KEYFRAMES, self.now)
            {
                encoding.keyframes.request();
                self.wishes.insert(key);
            }
        }
    }

    /// Asks publishers for the keyframes that are due.
    pub(crate) fn send_keyframe_requests(&mut self) {
        let wishes: Vec<TrackKey> = self.wishes.iter().copied().collect();
        for key in wishes {
            let Some(track) = self.tracks.get_mut(key) else {
                self.wishes.remove(&key);
                continue;
            };
            let encodings = track.encodings.iter_mut().enumerate();
            let due = encodings
                .filter_map(|(at, e)| {
                    (e.is_alive(self.now) && e.keyframes.poll(self.now)).then_some((at, e.ssrc))
                })
                .collect::<Vec<_>>();
            if track.encodings.iter().all(|e| e.keyframes.due().is_none()) {
                self.wishes.remove(&key);
            }
            if let Origin::Shard(import) = &track.origin {
                for (encoding, _) in due {
                    self.exchange.say(import.from, track.id, Body::Keyframe { encoding });
                }
                continue;
            }
            let publisher = track.id.transport;
            let due: Vec<Ssrc> = due.into_iter().filter_map(|(_, ssrc)| ssrc).collect();
            if due.is_empty() {
                continue;
            }
            let Some((slot, transport)) = find(&self.by_id, &mut self.transports, publisher) else {
                continue;
            };
            self.aftermath.touch(slot, transport, |rtc| {
                let mut api = rtc.direct_api();
                for ssrc in due {
                    if let Some(stream) = api.stream_rx(&ssrc) {
                        stream.request_keyframe(KeyframeRequestKind::Pli);
                    }
                }
            });
            self.aftermath.drive(slot, transport, self.now);
        }
        self.process();
    }

    /// Returns when a keyframe has to be asked for (again). A publisher that is silent is not asked
    /// before it sends: there is no encoder at work that could answer.
    pub(crate) fn next_keyframe_request(&self) -> Option<Instant> {
        let tracks = self.wishes.iter().filter_map(|key| self.tracks.get(*key));
        let encodings = tracks.flat_map(|t| &t.encodings).filter(|e| e.is_alive(self.now));
        encodings.filter_map(|e| e.keyframes.due()).map(|at| at.unwrap_or(self.now)).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_of_wishes_costs_one_pli_per_interval_until_the_keyframe_comes() {
        let t0 = galene_testkit::epoch();
        let at = |ms| t0 + Duration::from_millis(ms);
        let mut requests = KeyframeRequests::default();
        assert!(!requests.poll(at(0)), "nobody asked");

        requests.request();
        assert!(requests.poll(at(0)));
        requests.request();
        assert!(!requests.poll(at(499)));
        assert!(requests.poll(at(500)), "none came, so it is asked for again");
        requests.handle_keyframe();
        assert_eq!(requests.due(), None);

        requests.request();
        assert!(!requests.poll(at(900)), "still within the interval");
        assert!(requests.poll(at(1_000)));
    }
}
