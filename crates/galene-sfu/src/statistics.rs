//! What explains how a stream looks and sounds, for whoever asks.

use std::time::{Duration, Instant};

use str0m::media::{Mid, Rid};

use crate::choose::Why;
use crate::ladder::Ladder;
use crate::publication::Publication;
use crate::rtcp::Reception;
use crate::sfu::Sfu;
use crate::subscription::{Section, Subscription};
use crate::track::{Encoding, Track};
use crate::transport::{Role, Transport};
use crate::{Codec, Layer, MediaKind, TrackId, TransportId};

/// How many transports one [`Command::Report`](crate::Command::Report) may name. What each takes is a
/// few look-ups for each of its tracks, so that a shard has gathered so many within a millisecond and
/// goes on forwarding.
pub const MAX_REPORTED: usize = 128;

/// A subscriber's report says how its link was so long ago at most; then it says nothing any more.
const REPORT_LIFE: Duration = Duration::from_secs(30);

/// What a transport carries.
///
/// Rates are averages of about a second, of payloads, in bits per second.
#[derive(Debug, Clone, PartialEq)]
pub struct TransportStatistics {
    /// Which transport.
    pub transport: TransportId,
    /// Whether media can flow.
    pub is_connected: bool,
    /// What the link carries, in bits per second. For a publisher, what it is asked to send at most; for
    /// a subscriber what all transports of its client may carry together, if that is estimated.
    pub available: Option<u64>,
    /// What it carries.
    pub tracks: Tracks,
}

/// The tracks of a transport, by which way they go.
#[derive(Debug, Clone, PartialEq)]
pub enum Tracks {
    /// A publisher sends them to us.
    Received(Vec<ReceivedEncoding>),
    /// We send them to a subscriber.
    Sent(Vec<SentTrack>),
}

/// An encoding of a track that a publisher sends.
#[derive(Debug, Clone, PartialEq)]
pub struct ReceivedEncoding {
    /// Of which track.
    pub track: TrackId,
    /// In which codec it is sent.
    pub codec: Codec,
    /// Its name, if the track is sent in several (RFC 8851).
    pub rid: Option<String>,
    /// Whether anybody asked for it or for a better one.
    pub is_asked_for: bool,
    /// What arrives; 0 while it is switched off.
    pub bitrate: u64,
    /// What the publisher is asked to send at most.
    pub max_bitrate: u64,
    /// Which part did not arrive, repaired packets not counted: from 0 to 1, over a second.
    pub loss: f64,
    /// RFC 3550 §6.4.1.
    pub jitter: Duration,
    /// How many packets arrived so far, repaired ones included.
    pub packets: u64,
    /// How many did not.
    pub lost: u64,
    /// How many keyframes arrived so far.
    pub keyframes: u64,
    /// How often a keyframe was asked for.
    pub keyframe_requests: u64,
}

/// A track that is sent to a subscriber.
#[derive(Debug, Clone, PartialEq)]
pub struct SentTrack {
    /// Which track.
    pub track: TrackId,
    /// In which codec it is sent.
    pub codec: Codec,
    /// What is sent, without what is sent again.
    pub bitrate: u64,
    /// What may be sent of it.
    pub max_bitrate: u64,
    /// What the subscriber reported last (RFC 3550 §6.4.1), unless that was long ago.
    pub report: Option<ReceptionReport>,
    /// The layers that are sent, if any are.
    pub sent: Option<LayerNumbers>,
    /// The best layers that the publisher sends.
    pub best: LayerNumbers,
    /// Why it is not more.
    pub limit: LayerLimit,
    /// How many packets were sent again because the subscriber missed them.
    pub retransmissions: u64,
    /// How many packets the subscriber reported as missing, each time that it did.
    pub nacked: u64,
    /// How often the subscriber asked for a keyframe.
    pub keyframe_requests: u64,
    /// How often the picture stood still, as far as that can be told from here: the subscriber could not
    /// decode what it had, and asked for a keyframe after at least a second in which it did not.
    pub freezes: u64,
}

/// How a subscriber receives a track, as it says.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ReceptionReport {
    /// Which part did not arrive, from 0 to 1, between the last two reports.
    pub loss: f64,
    /// RFC 3550 §6.4.1.
    pub jitter: Duration,
    /// The time there and back, if the subscriber has seen a sender report.
    pub round_trip: Option<Duration>,
}

/// A step of quality, counted from the lowest: 0.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LayerNumbers {
    /// The encoding of a track with several, or else the spatial layer.
    pub spatial: u8,
    /// The temporal layer.
    pub temporal: u8,
}

/// Why a subscriber is sent the layers that it is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LayerLimit {
    /// It asked for no more.
    Asked,
    /// Its link does not carry more.
    Bandwidth,
    /// The publisher does not send more.
    Publisher,
}

/// What has been counted of a section, apart from packets.
#[derive(Debug, Default)]
pub(crate) struct Feedbacks {
    pub(crate) nacked: u64,
    keyframe_requests: u64,
    freezes: u64,
    last_keyframe_request: Option<Instant>,
    report: Option<(ReceptionReport, Instant)>,
}

/// So long a subscriber must not have asked for a keyframe for the next wish to mean that its picture
/// stands still anew. Browsers repeat a wish several times a second until it is met.
const NEW_FREEZE_AFTER: Duration = Duration::from_secs(1);

impl Feedbacks {
    /// The subscriber asked for a keyframe, `is_shown` tells of a picture that it had before.
    pub(crate) fn handle_keyframe_request(&mut self, is_shown: bool, now: Instant) {
        self.keyframe_requests += 1;
        let before = self.last_keyframe_request.replace(now);
        let is_new =
            before.is_none_or(|before| now.saturating_duration_since(before) >= NEW_FREEZE_AFTER);
        self.freezes += u64::from(is_new && is_shown);
    }

    /// The subscriber said how the section's packets arrive.
    pub(crate) fn handle_report(&mut self, report: ReceptionReport, now: Instant) {
        self.report = Some((report, now));
    }

    fn report(&self, now: Instant) -> Option<ReceptionReport> {
        let is_recent = |at: Instant| now.saturating_duration_since(at) < REPORT_LIFE;
        self.report.filter(|(_, at)| is_recent(*at)).map(|(report, _)| report)
    }
}

impl Sfu {
    /// Returns what these transports carry; those that do not exist are left out.
    ///
    /// Costs a few look-ups for each track, and nothing while nobody asks.
    pub fn statistics(&self, transports: &[TransportId]) -> Vec<TransportStatistics> {
        let known = transports.iter().filter_map(|id| self.transports.get(*self.by_id.get(id)?));
        known.map(|transport| self.statistics_of(transport)).collect()
    }

    fn statistics_of(&self, transport: &Transport) -> TransportStatistics {
        let (available, tracks) = match &transport.role {
            Role::Publisher(publication) => {
                (publication.asked, Tracks::Received(self.received(publication)))
            }
            Role::Subscriber(subscription) => {
                let available = self.clients.get(&subscription.client);
                let available = available.and_then(|client| client.available(self.now));
                (available, Tracks::Sent(self.sent(subscription)))
            }
        };
        let (transport, is_connected) = (transport.id, transport.is_reachable());
        TransportStatistics { transport, is_connected, available, tracks }
    }

    fn received(&self, publication: &Publication) -> Vec<ReceivedEncoding> {
        let mut received = Vec::new();
        for section in &publication.sections {
            let Some(track) = section.track.and_then(|key| self.tracks.get(key)) else {
                continue;
            };
            let best = track.demand.best();
            for (at, encoding) in track.encodings.iter().enumerate() {
                received.push(ReceivedEncoding {
                    track: track.id,
                    codec: track.format.codec,
                    rid: section.rids.get(at).map(Rid::to_string),
                    is_asked_for: at >= best,
                    bitrate: self.bitrate(encoding),
                    max_bitrate: self.asked_rate(track, at),
                    loss: encoding.reception.loss(),
                    jitter: encoding.reception.jitter(track.format.codec.clock_rate_hz()),
                    packets: encoding.reception.packets(),
                    lost: encoding.reception.lost(),
                    keyframes: encoding.keyframes.arrived(),
                    keyframe_requests: encoding.keyframes.sent(),
                });
            }
        }
        received
    }

    fn bitrate(&self, encoding: &Encoding) -> u64 {
        if !encoding.is_alive(self.now) {
            return 0;
        }
        encoding.meter.bitrate(Layer::MAX_SPATIAL, Layer::MAX_TEMPORAL)
    }

    fn sent(&self, subscription: &Subscription) -> Vec<SentTrack> {
        let sections = subscription.sections.iter().filter_map(|section| {
            let track = self.tracks.get(section.track?)?;
            Some(self.sent_track(subscription, section, track))
        });
        sections.collect()
    }

    fn sent_track(
        &self,
        subscription: &Subscription,
        section: &Section,
        track: &Track,
    ) -> SentTrack {
        let is_video = track.format.codec.kind() == MediaKind::Video;
        let choice = section.selection.peek(&track.ladder);
        let sent = section.forward.current().filter(|_| section.live);
        // While it waits for a keyframe of another encoding, it is still sent what it was.
        let sent = sent.map(|encoding| match choice.layer {
            Some(layer) if layer.encoding == encoding => layer,
            Some(_) | None => Layer::whole(encoding),
        });
        let rate = subscription.rate_of(section);
        SentTrack {
            track: track.id,
            codec: track.format.codec,
            bitrate: if section.live { rate } else { 0 },
            max_bitrate: if is_video { self.allowed_rate(subscription, section) } else { 0 },
            report: section.feedbacks.report(self.now),
            sent: sent.map(|layer| numbers(&track.ladder, layer)),
            best: numbers(&track.ladder, Layer::whole(0)),
            limit: match choice.why {
                Why::Wanted => LayerLimit::Asked,
                Why::Limited => LayerLimit::Bandwidth,
                Why::Unavailable => LayerLimit::Publisher,
            },
            retransmissions: subscription.egress.resent(section.mid),
            nacked: section.feedbacks.nacked,
            keyframe_requests: section.feedbacks.keyframe_requests,
            freezes: section.feedbacks.freezes,
        }
    }
}

/// Returns where these layers stand among those that there are.
fn numbers(ladder: &Ladder, layer: Layer) -> LayerNumbers {
    let below = |rung: &&crate::ladder::Rung| rung.layer.encoding >= layer.encoding;
    let top = ladder.top(layer).or_else(|| ladder.rungs().iter().rev().find(below));
    let Some(top) = top.map(|rung| rung.layer) else {
        return LayerNumbers::default();
    };
    let spatial = match ladder.encodings() {
        0 | 1 => top.spatial,
        encodings => u8::try_from(encodings - 1 - top.encoding).unwrap_or(u8::MAX),
    };
    LayerNumbers { spatial, temporal: top.temporal }
}

impl Subscription {
    /// The peer said how one of its RTP streams arrives.
    pub(crate) fn note_report(&mut self, reception: &Reception, now: Instant) {
        let round_trip = self.egress.round_trip(reception, now);
        let mid = self.egress.mid_of(reception.ssrc);
        let Some(section) = self.sections.iter_mut().find(|s| Some(s.mid) == mid) else {
            return;
        };
        let clock_rate = f64::from(section.format.codec.clock_rate_hz().max(1));
        let report = ReceptionReport {
            loss: f64::from(reception.fraction_lost) / 256.0,
            jitter: Duration::from_secs_f64(f64::from(reception.jitter) / clock_rate),
            round_trip,
        };
        section.feedbacks.handle_report(report, now);
    }

    /// The peer cannot decode what it has of a section, or has nothing yet.
    pub(crate) fn note_keyframe_request(&mut self, mid: Mid, now: Instant) {
        if let Some(section) = self.sections.iter_mut().find(|s| s.mid == mid) {
            let is_shown = section.forward.current().is_some();
            section.feedbacks.handle_keyframe_request(is_shown, now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wishes_that_are_repeated_are_one_freeze() {
        let t0 = galene_testkit::epoch();
        let at = |ms| t0 + Duration::from_millis(ms);
        let mut feedbacks = Feedbacks::default();
        feedbacks.handle_keyframe_request(false, at(0));
        assert_eq!(feedbacks.freezes, 0, "it has shown nothing yet");
        for ms in [5_000, 5_300, 5_600, 6_500, 9_000] {
            feedbacks.handle_keyframe_request(true, at(ms));
        }
        assert_eq!((feedbacks.keyframe_requests, feedbacks.freezes), (6, 2));
    }

    #[test]
    fn a_report_is_forgotten_when_it_is_old() {
        let t0 = galene_testkit::epoch();
        let report = ReceptionReport { loss: 0.5, jitter: Duration::ZERO, round_trip: None };
        let mut feedbacks = Feedbacks::default();
        feedbacks.handle_report(report, t0);
        assert_eq!(feedbacks.report(t0 + REPORT_LIFE / 2), Some(report));
        assert_eq!(feedbacks.report(t0 + REPORT_LIFE), None);
    }

    #[test]
    fn layers_are_counted_from_the_lowest() {
        let rung = |encoding, spatial, temporal| crate::ladder::Rung {
            layer: Layer { encoding, spatial, temporal },
            bitrate: 0,
        };
        let at = |spatial, temporal| LayerNumbers { spatial, temporal };
        let mut simulcast = Ladder::new(3);
        assert_eq!(numbers(&simulcast, Layer::whole(0)), at(0, 0), "nothing is there");
        simulcast.replace(vec![rung(2, 0, 0), rung(1, 0, 0), rung(1, 0, 1)]);
        assert_eq!(numbers(&simulcast, Layer::whole(0)), at(1, 1), "the best that there is");
        assert_eq!(numbers(&simulcast, Layer::whole(2)), at(0, 0));
        let mut scalable = Ladder::new(1);
        scalable.replace(vec![rung(0, 0, 0), rung(0, 0, 1), rung(0, 1, 0), rung(0, 1, 1)]);
        assert_eq!(numbers(&scalable, Layer::whole(0)), at(1, 1));
        assert_eq!(numbers(&scalable, Layer { encoding: 0, spatial: 0, temporal: 3 }), at(0, 1));
    }
}
