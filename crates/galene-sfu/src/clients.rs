//! What the receivers of this shard can take, each over all its transports.
//!
//! A client has one link, however many transports it has here, so there is one estimate for it. It is fed
//! by transport-wide feedback, where the client gives that; without, what counts is what it says of each
//! transport itself ([`ReceiverRate`](galene_congestion::ReceiverRate)).

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use galene_congestion::{Estimator, TransportFeedback};

use crate::demux::Slot;
use crate::egress::Way;
use crate::sfu::Sfu;
use crate::subscription::{Section, Subscription};
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
}

/// What a client is being sent over all its transports.
#[derive(Debug, Clone, Copy, Default)]
struct Sums {
    /// In bits per second, sound included.
    sent: u64,
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
        client.estimator.handle_feedback(slot as u64, reports.drain(..), now);
        self.sum_up(id);
        self.probe(id, slot);
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

    /// Finds out what a client is being sent, once in a while.
    fn sum_up(&mut self, id: ClientId) {
        let Some(client) = self.clients.get_mut(&id) else {
            return;
        };
        let elapsed = client.summed.map(|at| self.now.saturating_duration_since(at));
        if elapsed.is_some_and(|elapsed| elapsed < SUM_INTERVAL) {
            return;
        }
        client.summed = Some(self.now);
        let mut sums = Sums::default();
        for slot in &client.transports {
            let Some(Role::Subscriber(subscription)) = self.transports.get(*slot).map(|t| &t.role)
            else {
                continue;
            };
            for section in subscription.sections.iter().filter(|s| s.live) {
                let sent = subscription.rate_of(section);
                sums.sent += sent;
                if section.format.codec.kind() == MediaKind::Audio {
                    sums.wanted += sent;
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
