//! A source that a publisher sends, with its simulcast encodings and whoever it is forwarded to.

use std::time::{Duration, Instant};

use str0m::media::Pt;
use str0m::rtp::Ssrc;

use crate::demand::Demand;
use crate::demux::Slot;
use crate::descriptors::DescriptorReader;
use crate::exports::Export;
use crate::formats::Format;
use crate::imports::Import;
use crate::keyframes::KeyframeRequests;
use crate::ladder::Ladder;
use crate::layer_meter::LayerMeter;
use crate::losses::Losses;
use crate::loudness::Loudness;
use crate::packet::PacketRing;
use crate::reception::ReceptionMeter;
use crate::restorer::Restorer;
use crate::{MediaKind, TrackId};

/// The place of a track in its shard.
pub(crate) type TrackKey = usize;

/// One media section of a subscriber's transport.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct SubscriberSection {
    pub(crate) slot: Slot,
    pub(crate) section: usize,
}

#[derive(Debug)]
pub(crate) struct Track {
    pub(crate) id: TrackId,
    pub(crate) format: Format,
    pub(crate) origin: Origin,
    /// The ids of its `MediaStream` and track in the publisher's offer.
    pub(crate) msid: Option<(String, String)>,
    /// By decreasing quality, as the publisher's `a=simulcast` lists them.
    pub(crate) encodings: Vec<Encoding>,
    /// What of that is being sent.
    pub(crate) ladder: Ladder,
    pub(crate) subscribers: Vec<SubscriberSection>,
    /// What its publisher knows of what they ask for, if it is on this shard.
    pub(crate) demand: Demand,
    /// The other shards that have subscribers.
    pub(crate) exports: Vec<Export>,
    /// What arrived since the last forwarding, in the order of arrival.
    pub(crate) arrivals: Vec<Arrival>,
}

/// Where the packets of a track come from.
#[derive(Debug)]
pub(crate) enum Origin {
    /// Over a transport of this shard.
    Publisher(PublishedTypes),
    /// From the publisher's shard.
    Shard(Box<Import>),
}

/// The payload types in which a publisher sends a track.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PublishedTypes {
    pub(crate) own: Pt,
    /// That of redundant audio, which has packets of the other in it (RFC 2198).
    pub(crate) red: Option<Pt>,
}

/// A packet of a track: which encoding, its index in that encoding's ring, and how many bytes of padding
/// it gets.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Arrival {
    pub(crate) encoding: usize,
    pub(crate) index: u64,
    pub(crate) padding: u8,
}

/// One RTP stream of a track.
#[derive(Debug)]
pub(crate) struct Encoding {
    pub(crate) ssrc: Option<Ssrc>,
    /// Counts the SSRCs under which it came. Numbers of different runs have nothing to do with each
    /// other.
    pub(crate) run: u32,
    pub(crate) ring: PacketRing,
    pub(crate) keyframes: KeyframeRequests,
    pub(crate) losses: Losses,
    pub(crate) last_arrival: Option<Instant>,
    pub(crate) meter: LayerMeter,
    pub(crate) reception: ReceptionMeter,
    pub(crate) descriptors: DescriptorReader,
    pub(crate) restorer: Restorer,
    pub(crate) loudness: Loudness,
}

/// An encoding that sent nothing for this long is taken to be switched off. A browser at one frame per
/// second still sends more often.
const PAUSED_AFTER: Duration = Duration::from_millis(1_500);

impl Encoding {
    pub(crate) fn new(kind: MediaKind, has_rtx: bool) -> Self {
        Self {
            ssrc: None,
            run: 0,
            ring: PacketRing::new(kind),
            keyframes: KeyframeRequests::default(),
            losses: Losses::new(has_rtx),
            last_arrival: None,
            meter: LayerMeter::new(),
            reception: ReceptionMeter::default(),
            descriptors: DescriptorReader::default(),
            restorer: Restorer::default(),
            loudness: Loudness::default(),
        }
    }

    /// Decides whether a packet of the stream with this SSRC belongs to the encoding.
    ///
    /// A publisher that starts its encoder anew may take another SSRC, and with it other numbers. The
    /// latest one counts. One that was left can come back only when the latest has fallen silent, so
    /// that two streams sent at a time do not end up as one.
    pub(crate) fn admit(&mut self, ssrc: Ssrc, is_new: bool, now: Instant) -> bool {
        if self.ssrc == Some(ssrc) {
            return true;
        }
        if !is_new && self.is_alive(now) {
            return false;
        }
        if self.ssrc.replace(ssrc).is_some() {
            self.run += 1;
            self.ring.forget_keyframe();
            self.losses.reset();
            self.descriptors.reset();
            self.restorer = Restorer::default();
        }
        true
    }

    /// Returns whether the publisher is sending this encoding.
    pub(crate) fn is_alive(&self, now: Instant) -> bool {
        self.last_arrival.is_some_and(|at| now.saturating_duration_since(at) < PAUSED_AFTER)
    }
}

impl PublishedTypes {
    pub(crate) fn contain(&self, payload_type: Pt) -> bool {
        payload_type == self.own || self.red == Some(payload_type)
    }
}

impl Track {
    /// Returns whether somebody is to get it, here or on another shard.
    pub(crate) fn is_wanted(&self) -> bool {
        !self.subscribers.is_empty() || !self.exports.is_empty()
    }
}
