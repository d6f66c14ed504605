//! Spreads what a narrow link cannot take at once over some milliseconds.
//!
//! A keyframe has eight to ten times the size of an average frame. In front of a link that carries not
//! much more than the stream, it would wait in a queue that is made for less, and its end would be lost
//! there. So what exceeds 40 ms of the link waits here, for about as long as it would
//! have waited there. What waits has no numbers yet and stays in the ring of its encoding; sound and what is
//! sent again go past it.
//!
//! A link that was never too full has nothing of all this, and its packets are not looked at.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::demux::Slot;
use crate::egress::Way;
use crate::packet::{Packet, VIDEO_CAPACITY};
use crate::sfu::Sfu;
use crate::subscription::{Pick, Section, Subscription};
use crate::track::Track;
use crate::transport::Role;
use crate::{Layer, MediaKind};

/// So much is sent at once, as the time that the link takes for it. A frame of average size takes less, and
/// the queues in front of links hold more.
const AT_ONCE: Duration = Duration::from_millis(40);

/// So many bytes are sent at once in any case: a frame of a small picture.
const LEAST_AT_ONCE: u64 = 6_000;

/// What is sent beyond that is sent faster than the link is thought to be, by one part in so many: where
/// that is too little, the picture is not to wait for nothing.
const HASTE: u64 = 10;

/// Nothing waits longer than this, whatever is thought of the link.
pub(crate) const MAX_WAIT: Duration = Duration::from_millis(500);

/// So many packets of a section wait at most: what came before those has left the ring.
const MAX_WAITING: usize = VIDEO_CAPACITY;

/// Headers, tag, and what UDP and IP add to a payload.
const OVERHEAD: u64 = 60;

/// What a narrow link is busy with.
#[derive(Debug)]
pub(crate) struct Spread {
    /// What is sent over it when there is much to send, in bits per second.
    rate: u64,
    /// When all that was sent will have been carried at that rate.
    busy_until: Instant,
}

impl Spread {
    fn new(now: Instant) -> Self {
        Self { rate: 0, busy_until: now }
    }

    /// Takes note of what the link carries, in bits per second.
    fn set_rate(&mut self, rate: u64) {
        self.rate = (rate + rate / HASTE).max(1);
    }

    /// Takes note of a payload that is sent.
    pub(crate) fn count(&mut self, bytes: usize, now: Instant) {
        let most = now + self.at_once() + MAX_WAIT;
        let busy_until = self.busy_until.max(now) + self.time_for(bytes as u64 + OVERHEAD);
        self.busy_until = busy_until.min(most);
    }

    /// Returns from when on more can be sent.
    fn free_at(&self) -> Instant {
        self.busy_until.checked_sub(self.at_once()).unwrap_or(self.busy_until)
    }

    fn at_once(&self) -> Duration {
        AT_ONCE.max(self.time_for(LEAST_AT_ONCE))
    }

    fn time_for(&self, bytes: u64) -> Duration {
        Duration::from_micros(bytes * 8_000_000 / self.rate)
    }
}

/// A packet that waits, by its place in the ring of its encoding.
#[derive(Debug, Clone, Copy)]
struct Held {
    encoding: usize,
    index: u64,
    padding: u8,
    since: Instant,
}

/// What waits to be sent in one section, in the order in which it came.
#[derive(Debug, Default)]
pub(crate) struct Waiting {
    packets: VecDeque<Held>,
}

impl Waiting {
    pub(crate) fn is_empty(&self) -> bool {
        self.packets.is_empty()
    }

    /// Drops what waits. It has no numbers, so nobody misses it.
    pub(crate) fn clear(&mut self) {
        self.packets.clear();
    }

    /// Returns whether a keyframe of an encoding is among it.
    pub(crate) fn has_keyframe_of(&self, encoding: usize, track: &Track) -> bool {
        let mut packets = self.packets.iter().filter(|held| held.encoding == encoding);
        packets.any(|held| held.find(track).is_some_and(|p| p.starts_keyframe == Some(true)))
    }

    fn push(&mut self, pick: &Pick<'_>, now: Instant) {
        if self.packets.len() == MAX_WAITING {
            self.packets.pop_front();
        }
        let Pick { encoding, index, padding, .. } = *pick;
        self.packets.push_back(Held { encoding, index, padding, since: now });
    }

    /// Returns when the first of it has to be sent, given when the link is free.
    fn due(&self, free_at: Instant) -> Option<Instant> {
        self.packets.front().map(|held| free_at.min(held.since + MAX_WAIT))
    }
}

impl Held {
    fn find<'a>(&self, track: &'a Track) -> Option<&'a Packet> {
        track.encodings.get(self.encoding)?.ring.get(self.index)
    }
}

impl Subscription {
    /// Takes note of what the client's link carries, which is known to be narrow, in bits per second.
    pub(crate) fn set_link_rate(&mut self, rate: u64, now: Instant) {
        self.spread.get_or_insert_with(|| Box::new(Spread::new(now))).set_rate(rate);
    }

    /// Returns whether what is forwarded in a section may have to wait.
    pub(crate) fn spreads(&self, section: usize) -> bool {
        self.spread.is_some() && self.sections[section].format.codec.kind() == MediaKind::Video
    }

    /// Returns whether a packet has to wait, and keeps it if it is of use.
    pub(crate) fn holds(
        &mut self,
        section: usize,
        target: Layer,
        pick: &Pick<'_>,
        now: Instant,
    ) -> bool {
        let Some(spread) = &self.spread else {
            return false;
        };
        let section = &mut self.sections[section];
        if section.waiting.is_empty() && spread.free_at() <= now {
            return false;
        }
        let current = section.forward.current();
        if pick.encoding == target.encoding || current == Some(pick.encoding) {
            section.waiting.push(pick, now);
        }
        true
    }

    /// Returns when the first packet that waits is due.
    pub(crate) fn next_release(&self) -> Option<Instant> {
        let free_at = self.spread.as_ref()?.free_at();
        self.sections.iter().filter_map(|section| section.waiting.due(free_at)).min()
    }

    /// Sends what is due of what waits in a section; returns how many packets.
    fn release_waiting(
        &mut self,
        way: &mut Way<'_>,
        section: usize,
        target: Layer,
        track: &Track,
    ) -> u64 {
        let mut sent = 0;
        while let Some(spread) = &self.spread {
            let waiting = &mut self.sections[section].waiting;
            if waiting.due(spread.free_at()).is_none_or(|at| at > way.now) {
                break;
            }
            let held = waiting.packets.pop_front();
            if let Some(held) = held
                && let Some(packet) = held.find(track)
            {
                let Held { encoding, index, padding, .. } = held;
                let pick = Pick { encoding, index, packet, padding };
                sent += self.pass(way, section, target, track, pick);
            }
        }
        sent
    }
}

impl Section {
    /// Returns whether what the section lacks waits to be sent.
    pub(crate) fn holds_keyframe_of(&self, encoding: usize, track: &Track) -> bool {
        !self.waiting.is_empty() && self.waiting.has_keyframe_of(encoding, track)
    }
}

impl Sfu {
    /// Sends what is due of what waits for a subscriber's link.
    pub(crate) fn release_waiting(&mut self, slot: Slot) {
        let Some(transport) = self.transports.get_mut(slot).filter(|t| t.is_reachable()) else {
            return;
        };
        let Role::Subscriber(subscription) = &mut transport.role else {
            return;
        };
        if subscription.next_release().is_none_or(|at| at > self.now) {
            return;
        }
        let mut sent = Ok(0);
        for index in 0..subscription.sections.len() {
            let section = &mut subscription.sections[index];
            let track = section.track.and_then(|key| self.tracks.get(key));
            let Some(track) = track.filter(|_| !section.waiting.is_empty()) else {
                continue;
            };
            let Some(target) = section.selection.choose(&track.ladder).layer else {
                continue;
            };
            let (now, queue) = (self.now, &mut self.aftermath.out.queue);
            let released = transport.engine.touch(|engine| {
                let mut way = Way { engine, queue, now };
                subscription.release_waiting(&mut way, index, target, track)
            });
            sent = sent.and_then(|sum| released.map(|more| sum + more));
        }
        self.counters.forwarded += self.aftermath.release(slot, transport, self.now, sent);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use galene_testkit::{SubscriberPeer, TrackSpec};

    use crate::call::{Call, MS, VICTIM};
    use crate::choose::Limit;
    use crate::track::SubscriberSection;

    /// The network between core and subscribers loses nothing, so whatever the checker misses was not sent.
    #[test]
    fn what_waits_comes_whole_and_in_order_however_often_the_choice_changes() {
        for rate in [50_000, 200_000] {
            let mut call = Call::connect_to(TrackSpec::video(11).bitrate(400_000).simulcast());
            let slot = call.sfu.by_id[&VICTIM];
            let mut most = 0;
            for step in 0..240 {
                let now = call.now;
                let subscription = subscription(&mut call, slot);
                subscription.set_link_rate(rate, now);
                most = most.max(subscription.sections[0].waiting.packets.len());
                let limit = match step % 24 {
                    0 => Limit::None,
                    9 => Limit::UpTo(Layer::whole(1)),
                    15 => Limit::Paused,
                    _ => subscription.sections[0].selection.current_limit(),
                };
                call.sfu.limit_section(SubscriberSection { slot, section: 0 }, limit);
                call.run(MS * 47);
            }
            assert!(most > 5, "{most} packets waited");
            assert!(call.frames()[0] > 60, "{:?}", call.frames());
            call.subscribers.iter().for_each(SubscriberPeer::assert_clean);
            let report = call.subscribers[0].track_from(11).expect("a picture").checker().report();
            assert!(
                report.packets_lost <= 10,
                "one for each frame that a pause breaks off: {report}"
            );
        }
    }

    #[test]
    fn a_keyframe_can_be_had_though_something_waits_all_the_time() {
        let mut call = Call::connect_to(TrackSpec::video(11).bitrate(400_000));
        let slot = call.sfu.by_id[&VICTIM];
        let (mut asked, mut made) = (0, 0);
        for _ in 0..60 {
            let now = call.now;
            let subscription = subscription(&mut call, slot);
            subscription.set_link_rate(20_000, now);
            let section = &subscription.sections[0];
            let (mid, key) = (section.mid, section.track.expect("a camera"));
            if !section.waiting.is_empty() {
                asked += 1;
                call.sfu.handle_keyframe_request(slot, mid);
                made += u32::from(call.sfu.tracks[key].encodings[0].keyframes.is_wanted());
            }
            call.run(MS * 47);
        }
        assert!(asked > 30, "something waited {asked} times");
        assert!(made > 0, "none was asked of the publisher");
    }

    fn subscription(call: &mut Call, slot: Slot) -> &mut Subscription {
        match &mut call.sfu.transports[slot].role {
            Role::Subscriber(subscription) => subscription,
            Role::Publisher(_) => unreachable!("it subscribes"),
        }
    }

    #[test]
    fn a_frame_that_takes_long_is_sent_in_part_and_the_rest_a_little_faster_than_the_link() {
        let t0 = galene_testkit::epoch();
        let mut spread = Spread::new(t0);
        spread.set_rate(2_000_000); // 2.2 Mbit/s are sent, 11,000 bytes at once
        let mut sent = 0;
        while spread.free_at() <= t0 {
            spread.count(1_190, t0);
            sent += 1_250;
        }
        assert_eq!(sent, 11_250);
        let millis = |ms| t0 + Duration::from_millis(ms);
        assert!(spread.free_at() < millis(1), "what was too much");
        for _ in 0..22 {
            spread.count(1_190, spread.free_at());
        }
        // The link itself takes 110 ms for these 27,500 bytes.
        assert!((millis(100)..millis(102)).contains(&spread.free_at()));
    }

    #[test]
    fn what_was_sent_too_much_is_not_remembered_for_long() {
        let t0 = galene_testkit::epoch();
        let mut spread = Spread::new(t0);
        spread.set_rate(100_000);
        (0..1_000).for_each(|_| spread.count(1_200, t0));
        assert!(spread.free_at() <= t0 + MAX_WAIT);
        spread.set_rate(0);
        spread.count(1_200, t0);
        assert!(spread.free_at() <= t0 + MAX_WAIT, "though nothing is known of the link");
    }
}
