//! What the receivers of this shard can take, each over all its transports.
//!
//! A client has one link, however many transports it has here, so there is one estimate for it. It is fed
//! by transport-wide feedback, where the client gives that; without, what counts is what it says of each
//! transport itself ([`ReceiverRate`](galene_congestion::ReceiverRate)).

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use galene_congestion::{Estimator, TransportFeedback};

use crate::EncodingChoice;
use crate::allocation::{allocate, taken};
use crate::choose::{Limit, choose};
use crate::demux::Slot;
use crate::egress::Way;
use crate::ladder::Rung;
use crate::patience::Patience;
use crate::sfu::Sfu;
use crate::subscription::{Section, Subscription};
use crate::track::SubscriberSection;
use crate::transport::Role;
use crate::{ClientId, MediaKind};

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
}

/// What a client is being sent over all its transports.
#[derive(Debug, Clone, Copy, Default)]
struct Sums {
    /// In bits per second, sound included.
    sent: u64,
    /// The sound of that.
    sound: u64,
    /// What might be sent if there were room for it.
    wanted: u64,
    /// How many media sections with video are in use.
    videos: u64,
}

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
        subscription.redundancy.handle_feedback(reports, now);
        client.estimator.handle_feedback(slot as u64, reports.drain(..), now);
        if self.sum_up(id) {
            self.share_out(id);
        }
        self.probe(id, slot);
    }

    /// Returns whether what a subscriber's link carries is shared out among its videos, so that each is
    /// replaced by a smaller encoding if there is no room.
    pub(crate) fn is_shared_out(&self, subscription: &Subscription) -> bool {
        let client = self.clients.get(&subscription.client);
        client.is_some_and(|client| client.estimator.is_fed(self.now))
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
                sums.sent += sent;
                if section.format.codec.kind() == MediaKind::Audio {
                    sums.wanted += sent;
                    sums.sound += sent;
                    continue;
                }
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

    /// Decides which layers of what it wants a client can have. Before its link has ever been too full,
    /// it can have all: what has not been tried cannot be known.
    fn share_out(&mut self, id: ClientId) {
        let Some(client) = self.clients.get(&id) else {
            return;
        };
        if client.estimator.last_overuse().is_none() {
            return;
        }
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
                videos.push(Video {
                    at: SubscriberSection { slot: *slot, section: at },
                    is_small: wanted == EncodingChoice::Lowest,
                    limit: section.selection.current_limit(),
                    rungs: rungs.filter(|rung| Some(rung.layer) <= best).collect(),
                });
            }
        }
        // Of two that are wanted alike, the one that was there first matters more.
        videos.sort_by_key(|video| video.is_small);
        let rungs: Vec<&[Rung]> = videos.iter().map(|video| video.rungs.as_slice()).collect();
        let changes = |budget: u64, to: Ordering| -> Vec<(SubscriberSection, Limit)> {
            let limits = videos.iter().zip(allocate(budget, &rungs));
            let changed = limits.filter(|(video, limit)| limit.cmp(&video.limit) == to);
            changed.map(|(video, limit)| (video.at, limit)).collect()
        };
        let Some(client) = self.clients.get_mut(&id) else {
            return;
        };
        let budget = client.estimator.estimate().saturating_sub(client.sums.sound);
        let mut changed = changes(budget, Ordering::Less);
        if changed.is_empty() {
            client.patience.handle_enough();
            changed = changes(budget - budget / 10, Ordering::Greater);
            if changed.is_empty() || !client.patience.may_raise(self.now) {
                return;
            }
            client.patience.handle_raise(self.now);
        } else {
            let needed = videos.iter().map(|video| taken(&video.rungs, video.limit)).sum();
            if !client.patience.must_lower(needed, budget, self.now) {
                return;
            }
            client.patience.handle_decrease(self.now);
        }
        for (at, limit) in changed {
            self.limit_section(at, limit);
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
    is_small: bool,
    limit: Limit,
    /// The layers of it that are wanted and sent, the lowest first.
    rungs: Vec<Rung>,
}

impl Client {
    /// Returns what may be sent in a section in which `own` is sent now: if all do not fit, each gives up
    /// the same part, and what is left over is shared equally.
    fn share(&self, own: u64) -> u64 {
        let Sums { sent, videos, .. } = self.sums;
        let estimate = self.estimator.estimate();
        match estimate.checked_sub(sent.max(own)) {
            Some(left) => own + left / videos.max(1),
            None => (own as f64 * estimate as f64 / sent.max(own) as f64) as u64,
        }
    }
}
