//! What the receivers of this shard can take, each over all its transports.
//!
//! A client has one link, however many transports it has here, so there is one estimate for it. It is fed
//! by transport-wide feedback, where the client gives that; without, what counts is what it says of each
//! transport itself ([`ReceiverRate`](galene_congestion::ReceiverRate)).

use std::cmp::{Ordering, Reverse};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use galene_congestion::{Estimator, TransportFeedback};

use crate::EncodingChoice;
use crate::allocation::{allocate, next_budget, taken};
use crate::choose::{Limit, choose};
use crate::demux::Slot;
use crate::draining::{Drained, Draining};
use crate::egress::Way;
use crate::ladder::Rung;
use crate::patience::Patience;
use crate::repair_room::RepairRoom;
use crate::sfu::Sfu;
use crate::subscription::{Section, Subscription};
use crate::track::SubscriberSection;
use crate::transport::Role;
use crate::{ClientId, MediaKind, Priority};

/// The clients that have a transport here. Each goes with its last one.
pub(crate) type Clients = BTreeMap<ClientId, Client>;

/// Who receives over one or more transports.
#[derive(Debug, Default)]
pub(crate) struct Client {
    estimator: Estimator,
    transports: Vec<Slot>,
    sums: Sums,
    summed: Option<Instant>,
    patience: Patience,
    pub(crate) draining: Draining,
    /// When a queue last came about of whose length nothing is told.
    flooded: Option<Instant>,
    repairs: RepairRoom,
    /// Some of its videos may be limited.
    is_limited: bool,
}

/// What is known of what a client's link carries.
#[derive(Debug, Clone, Copy, Default)]
struct Link {
    /// For pictures, in bits per second.
    budget: u64,
    /// It was found too full just now.
    is_full: bool,
    /// It was found too full lately.
    is_narrow: bool,
    /// It was found too full once.
    was_full: bool,
    /// It was found too full just now by a receiver that also lost much; how long its queue is nobody tells.
    is_flooded: bool,
    /// It carries all that it is given and nobody knows how much more it could: that has to be tried.
    may_have_more: bool,
}

/// What a client is being sent over all its transports.
#[derive(Debug, Clone, Copy, Default)]
struct Sums {
    /// In bits per second, sound included.
    sent: u64,
    /// The sound of that, with its headers: they add two fifths to 40 kbit/s in packets of 20 ms.
    sound: u64,
    /// What might be sent if there were room for it.
    wanted: u64,
    /// How many media sections with video are in use.
    videos: u64,
}

/// How long a queue takes to empty of which nothing is known.
const FULL_QUEUE: Duration = Duration::from_millis(900);

/// A link that was found too full so recently is full.
const FULL: Duration = Duration::from_secs(1);

/// One that was found too full so recently is known to be narrow: what it lost was too much for it.
pub(crate) const NARROW: Duration = Duration::from_secs(5);

/// How often the sums are made anew: more often than rates are measured.
const SUM_INTERVAL: Duration = Duration::from_millis(200);

/// So much is tried to find room for per video whose publisher may send more than it does now: what
/// browsers send of 1,080 lines.
const MAX_EXPECTED_RATE: u64 = 4_000_000;

/// So much in any case, for the first few videos: what browsers send of 720 lines. A publisher may send
/// little only because it does not know of room for more.
const EXPECTED_RATE: u64 = 2_500_000;
const MAX_EXPECTING: u64 = 2;

impl Sfu {
    /// A transport of this client has been opened.
    pub(crate) fn join_client(&mut self, id: ClientId, slot: Slot) {
        self.clients.entry(id).or_default().transports.push(slot);
    }

    /// A transport of this client is gone.
    pub(crate) fn leave_client(&mut self, id: ClientId, slot: Slot) {
        let Some(client) = self.clients.get_mut(&id) else {
            return;
        };
        client.transports.retain(|other| *other != slot);
        client.estimator.remove_transport(slot as u64);
        if client.transports.is_empty() {
            self.clients.remove(&id);
        } else {
            self.share_out(id, false);
        }
    }

    /// A client says when packets over one of its transports arrived.
    pub(crate) fn handle_transport_feedback(
        &mut self,
        slot: Slot,
        feedback: &TransportFeedback<'_>,
    ) {
        let transport = &mut self.transports[slot];
        let Role::Subscriber(subscription) = &mut transport.role else {
            return;
        };
        let Some(client) = self.clients.get_mut(&subscription.client) else {
            return;
        };
        let (id, now) = (subscription.client, self.now);
        let reports = &mut self.reports_room;
        subscription.egress.read_feedback(feedback, now, reports);
        let before = client.estimator.estimate();
        // What a full link drops is no reason to send it more.
        if !client.is_narrow(now) {
            subscription.redundancy.handle_feedback(reports, now);
        }
        client.estimator.handle_feedback(slot as u64, reports.drain(..), now);
        let has_fallen = client.estimator.estimate() < before - before / 20;
        if self.sum_up(id) || has_fallen {
            self.share_out(id, has_fallen);
        }
        self.probe(id, slot);
    }

    /// A client says what it can take over one of its transports.
    pub(crate) fn handle_receiver_estimate(&mut self, slot: Slot, rate: u64) {
        let Some(Role::Subscriber(subscription)) =
            self.transports.get_mut(slot).map(|t| &mut t.role)
        else {
            return;
        };
        let sent = subscription.sent_rate();
        let has_fallen = subscription.rate.handle_remb(rate, sent, self.now);
        let id = subscription.client;
        let is_fed = self.clients.get(&id).is_some_and(|c| c.estimator.is_fed(self.now));
        if !is_fed && (self.sum_up(id) || has_fallen) {
            self.share_out(id, has_fallen);
        }
    }

    /// A client that tells little has told something: a pause may have to begin or be over.
    pub(crate) fn handle_sign(&mut self, id: ClientId) {
        let matters = |client: &Client| {
            let is_flooded = client.draining.is_on() || self.link(client).is_flooded;
            is_flooded && !client.estimator.is_fed(self.now)
        };
        if self.clients.get(&id).is_some_and(matters) {
            self.share_out(id, false);
        }
    }

    /// Returns whether what a subscriber's link carries is shared out among its videos, so that each is
    /// replaced by a smaller encoding if there is no room.
    pub(crate) fn is_shared_out(&self, subscription: &Subscription) -> bool {
        let client = self.clients.get(&subscription.client);
        client.is_some_and(|client| client.estimator.is_fed(self.now))
            || subscription.rate.is_told(self.now)
    }

    /// Returns what is known of a client's link.
    fn link(&self, client: &Client) -> Link {
        let estimator = &client.estimator;
        if client.goes_by_feedback(self.now) {
            return Link {
                budget: estimator.estimate().saturating_sub(client.sums.sound),
                is_full: client.was_full_within(FULL, self.now),
                is_narrow: client.is_narrow(self.now),
                was_full: estimator.last_overuse().is_some(),
                ..Link::default()
            };
        }
        let mut link = Link { may_have_more: true, ..Link::default() };
        for slot in &client.transports {
            let Some(Role::Subscriber(subscription)) = self.transports.get(*slot).map(|t| &t.role)
            else {
                continue;
            };
            // Of sound alone receivers estimate nothing.
            let is_video = |s: &Section| s.format.codec.kind() == MediaKind::Video;
            if !subscription.sections.iter().any(|s| s.is_in_use() && is_video(s)) {
                continue;
            }
            let (rate, sent) = (&subscription.rate, subscription.sent_rate());
            link.budget += rate.bearable(sent, self.now);
            link.is_full |= rate.is_full(self.now, FULL);
            link.is_narrow |= rate.is_full(self.now, NARROW);
            link.was_full |= rate.was_full();
            link.is_flooded |= rate.is_flooded(self.now);
            link.may_have_more &= rate.may_have_more(self.now);
        }
        link
    }

    /// Returns what a subscriber may be sent in one of its sections, in bits per second.
    pub(crate) fn allowed_rate(&self, subscription: &Subscription, section: &Section) -> u64 {
        let (rate, sent) = (&subscription.rate, subscription.sent_rate());
        let client = self.clients.get(&subscription.client);
        match client.filter(|client| client.estimator.is_fed(self.now)) {
            None => rate.allowed(sent, self.now),
            Some(client) => {
                let share = client.share(subscription.rate_of(section));
                rate.reported(sent, self.now).map_or(share, |reported| reported.min(share))
            }
        }
    }

    /// Finds out what a client is being sent, once in a while; returns whether it was time.
    fn sum_up(&mut self, id: ClientId) -> bool {
        let Some(client) = self.clients.get_mut(&id) else {
            return false;
        };
        let elapsed = client.summed.map(|at| self.now.saturating_duration_since(at));
        if elapsed.is_some_and(|elapsed| elapsed < SUM_INTERVAL) {
            return false;
        }
        client.summed = Some(self.now);
        let mut sums = Sums::default();
        for slot in &client.transports {
            let Some(Role::Subscriber(subscription)) = self.transports.get(*slot).map(|t| &t.role)
            else {
                continue;
            };
            for section in subscription.sections.iter().filter(|s| s.is_in_use()) {
                let sent = if section.live { subscription.rate_of(section) } else { 0 };
                if section.format.codec.kind() == MediaKind::Audio {
                    let whole = sent + sent / 5 * 2;
                    sums.sent += whole;
                    sums.wanted += whole;
                    sums.sound += whole;
                    continue;
                }
                sums.sent += sent;
                sums.videos += 1;
                let track = section.track.and_then(|key| self.tracks.get(key));
                let best = track.and_then(|track| track.ladder.rungs().last());
                let best = best.map_or(0, |rung| rung.bitrate + rung.bitrate / 5);
                let expected = if sums.videos <= MAX_EXPECTING { EXPECTED_RATE } else { 0 };
                sums.wanted += best.max((2 * sent).clamp(expected, MAX_EXPECTED_RATE));
            }
        }
        client.sums = sums;
        client.estimator.set_wanted(sums.wanted);
        true
    }

    /// Returns how many bytes a subscriber may be sent again now: any number unless its link was too full
    /// lately.
    pub(crate) fn repair_room(&mut self, id: ClientId) -> usize {
        let Some(client) = self.clients.get(&id) else {
            return usize::MAX;
        };
        // What waits already is all that the link can take.
        if client.draining.is_on() {
            return 0;
        }
        let link = self.link(client);
        match self.clients.get_mut(&id).filter(|_| link.is_narrow) {
            Some(client) => {
                let rate = link.budget + client.sums.sound;
                client.repairs.fill(rate, client.sums.sent, self.now)
            }
            None => usize::MAX,
        }
    }

    /// A subscriber is sent so many bytes again.
    pub(crate) fn count_repairs(&mut self, id: ClientId, bytes: usize) {
        if let Some(client) = self.clients.get_mut(&id) {
            client.repairs.take(bytes);
        }
    }

    /// Looks at the queue in front of a client's link.
    fn update_draining(&mut self, id: ClientId, link: Link) -> Drained {
        let Some(client) = self.clients.get(&id) else {
            return Drained::No;
        };
        let bytes: usize = client
            .transports
            .iter()
            .filter_map(|slot| match &self.transports.get(*slot)?.role {
                Role::Subscriber(subscription) => Some(subscription.egress.in_flight()),
                Role::Publisher(_) => None,
            })
            .sum();
        let Some(client) = self.clients.get_mut(&id) else {
            return Drained::No;
        };
        let estimator = &client.estimator;
        let queued = if client.goes_by_feedback(self.now) && !estimator.is_fed(self.now) {
            // What was not reported on in all that time is lost, the end of the queue most of all.
            Duration::ZERO
        } else if client.goes_by_feedback(self.now) {
            let takes = Duration::from_secs_f64(bytes as f64 * 8.0 / estimator.estimate() as f64);
            takes.saturating_sub(estimator.least_round_trip())
        } else {
            // Nobody tells how long the queue is. Where much gets lost it is full, and most hold about a second.
            let elapsed = client.flooded.map(|at| self.now.saturating_duration_since(at));
            let is_new = elapsed.is_none_or(|elapsed| elapsed > FULL_QUEUE * 3);
            if is_new && link.is_flooded {
                client.flooded = Some(self.now);
                FULL_QUEUE
            } else {
                elapsed.map_or(Duration::ZERO, |elapsed| FULL_QUEUE.saturating_sub(elapsed))
            }
        };
        client.draining.update(queued, link.is_full || link.is_flooded, self.now)
    }

    /// Decides which layers of what it wants a client can have. Before its link has ever been too full,
    /// it can have all: what has not been tried cannot be known. `has_fallen` says that its estimate has just
    /// become much lower.
    pub(crate) fn share_out(&mut self, id: ClientId, has_fallen: bool) {
        let Some(client) = self.clients.get(&id) else {
            return;
        };
        let link = self.link(client);
        if !link.was_full {
            return self.lift_limits(id);
        }
        let rate = link.budget + client.sums.sound;
        for slot in &client.transports {
            if let Some(Role::Subscriber(subscription)) =
                self.transports.get_mut(*slot).map(|t| &mut t.role)
            {
                subscription.set_link_rate(rate, self.now);
            }
        }
        let drained = self.update_draining(id, link);
        self.note_pause(id);
        let Some(client) = self.clients.get(&id) else {
            return;
        };
        let mut videos = Vec::new();
        for slot in &client.transports {
            let Some(Role::Subscriber(subscription)) = self.transports.get(*slot).map(|t| &t.role)
            else {
                continue;
            };
            for (at, section) in subscription.sections.iter().enumerate() {
                let track = section.track.and_then(|key| self.tracks.get(key));
                let Some(track) = track.filter(|_| {
                    section.is_in_use() && section.format.codec.kind() == MediaKind::Video
                }) else {
                    continue;
                };
                let wanted = section.selection.wanted();
                let best = choose(&track.ladder, wanted, Limit::None).layer;
                let rungs = track.ladder.rungs().iter().copied();
                let rungs = rungs.filter(|rung| Some(rung.layer) <= best);
                let absent = (wanted == EncodingChoice::Best).then(|| track.ladder.absent());
                videos.push(Video {
                    at: SubscriberSection { slot: *slot, section: at },
                    priority: section.priority,
                    is_small: wanted == EncodingChoice::Lowest,
                    limit: section.selection.current_limit(),
                    rungs: rungs.chain(absent.flatten()).collect(),
                });
            }
        }
        // Of two that are wanted alike, the one that was there first matters more.
        videos.sort_by_key(|video| (Reverse(video.priority), video.is_small));
        let favoured = videos.iter().filter(|video| video.priority == Priority::High).count();
        let rungs: Vec<&[Rung]> = videos.iter().map(|video| video.rungs.as_slice()).collect();
        let changes = |budget: u64, to: Ordering| -> Vec<(SubscriberSection, Limit)> {
            let limits = videos.iter().zip(allocate(budget, &rungs, favoured));
            let changed = limits.filter(|(video, limit)| limit.cmp(&video.limit) == to);
            changed.map(|(video, limit)| (video.at, limit)).collect()
        };
        let Some(client) = self.clients.get_mut(&id) else {
            return;
        };
        client.is_limited = true;
        let (patience, now) = (&mut client.patience, self.now);
        let mut changed = changes(link.budget, Ordering::Less);
        if drained == Drained::Empties {
            let playing = videos.iter().filter(|video| video.limit != Limit::Paused);
            changed = playing.map(|video| (video.at, Limit::Paused)).collect();
        } else if drained == Drained::IsEmpty {
            let limits = allocate(link.budget, &rungs, favoured);
            changed = videos.iter().map(|v| v.at).zip(limits).collect();
            patience.handle_decrease(now);
        } else if changed.is_empty() {
            patience.handle_enough();
            if patience.may_raise(now) {
                changed = changes(link.budget - link.budget / 10, Ordering::Greater);
                if changed.is_empty() && link.may_have_more {
                    let limits: Vec<Limit> = videos.iter().map(|video| video.limit).collect();
                    changed = changes(next_budget(&rungs, &limits), Ordering::Greater);
                }
                if !changed.is_empty() {
                    patience.handle_raise(now);
                }
            }
        } else {
            let needed = videos.iter().map(|video| taken(&video.rungs, video.limit)).sum();
            if patience.must_lower(needed, link.budget, link.is_full, now) {
                patience.handle_decrease(now);
            } else {
                changed.clear();
            }
        }
        // What others gave way to may be gone. Without a picture there may be nothing that tells of the link.
        let limit_of = |video: &Video| {
            let new = changed.iter().find(|(at, _)| *at == video.at);
            new.map_or(video.limit, |(_, limit)| *limit)
        };
        if drained != Drained::Empties && videos.iter().all(|v| limit_of(v) == Limit::Paused) {
            let first = videos.iter().zip(allocate(link.budget, &rungs, favoured)).next();
            changed.extend(first.map(|(video, limit)| (video.at, limit)));
        }
        if has_fallen {
            videos.iter().for_each(|video| self.hurry_rate(video.at));
        }
        for (at, limit) in changed {
            self.limit_section(at, limit);
            self.hurry_rate(at);
        }
    }

    /// Nothing is known any more of a link that was too full: those transports of the client are gone.
    fn lift_limits(&mut self, id: ClientId) {
        let Some(client) = self.clients.get_mut(&id).filter(|client| client.is_limited) else {
            return;
        };
        client.is_limited = false;
        client.draining = Draining::default();
        for slot in client.transports.clone() {
            let Some(Role::Subscriber(subscription)) = self.transports.get(slot).map(|t| &t.role)
            else {
                continue;
            };
            for section in 0..subscription.sections.len() {
                let at = SubscriberSection { slot, section };
                self.limit_section(at, Limit::None);
            }
        }
    }

    /// Finds out whether a client's link carries more, if that is of use.
    fn probe(&mut self, id: ClientId, slot: Slot) {
        let transport = &mut self.transports[slot];
        let Role::Subscriber(subscription) = &mut transport.role else {
            return;
        };
        let can_probe = subscription.egress.can_probe() && !transport.lost;
        let Some(client) = self.clients.get_mut(&id).filter(|_| can_probe) else {
            return;
        };
        if let Some(probe) = client.estimator.poll_probe(self.now) {
            let (now, queue) = (self.now, &mut self.aftermath.out.queue);
            let sent = transport.engine.touch(|engine| {
                subscription.egress.send_probe(&mut Way { engine, queue, now }, probe);
            });
            if let Err(fault) = sent {
                self.aftermath.fail(slot, transport, fault);
            }
        }
    }
}

/// A video that a client receives or has to do without.
struct Video {
    at: SubscriberSection,
    priority: Priority,
    is_small: bool,
    limit: Limit,
    /// The layers of it that are wanted and sent, the lowest first, and what is to be expected above them.
    rungs: Vec<Rung>,
}

impl Client {
    /// Returns what all transports of the client may carry together, in bits per second, as long as it
    /// says how packets arrive.
    pub(crate) fn available(&self, now: Instant) -> Option<u64> {
        self.estimator.is_fed(now).then(|| self.estimator.estimate())
    }

    /// Returns whether the link was found too full lately, as far as the client says how packets arrive.
    pub(crate) fn is_narrow(&self, now: Instant) -> bool {
        self.was_full_within(NARROW, now)
    }

    /// Returns whether what is known of the link is what the client says of how packets arrive. While its pictures
    /// pause it may have nothing to say that of.
    fn goes_by_feedback(&self, now: Instant) -> bool {
        let is_paused = self.draining.is_on() && self.estimator.last_overuse().is_some();
        is_paused || self.estimator.is_fed(now)
    }

    fn was_full_within(&self, time: Duration, now: Instant) -> bool {
        let overuse = self.estimator.last_overuse();
        overuse.is_some_and(|at| now.saturating_duration_since(at) < time)
    }

    /// Returns what may be sent in a section in which `own` is sent now: if all do not fit, each gives up
    /// the same part, and what is left over is shared equally.
    fn share(&self, own: u64) -> u64 {
        let Sums { sent, videos, .. } = self.sums;
        // Rates are measured without headers, which add about a sixteenth.
        let estimate = self.estimator.estimate() / 17 * 16;
        match estimate.checked_sub(sent.max(own)) {
            Some(left) => own + left / videos.max(1),
            None => (own as f64 * estimate as f64 / sent.max(own) as f64) as u64,
        }
    }
}
