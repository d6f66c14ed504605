//! The side of a transport on which tracks are forwarded to its peer.

use std::collections::BTreeSet;
use std::sync::{Arc, LazyLock};
use std::time::Instant;

use galene_congestion::ReceiverRate;
use smallvec::SmallVec;
use str0m::change::SdpPendingOffer;
use str0m::media::{Mid, Pt};

use crate::allowance::{Allowance, NACKS};
use crate::choose::Limit;
use crate::descriptors::OutgoingDescriptor;
use crate::egress::{Egress, Outgoing, Way};
use crate::formats::Format;
use crate::forward::Forward;
use crate::numbers::Numbers;
use crate::packet::Packet;
use crate::redundancy::Redundancy;
use crate::resends::Resends;
use crate::round_trip::RoundTrip;
use crate::selection::Selection;
use crate::service::ToldService;
use crate::spread::{Spread, Waiting};
use crate::srtp::RtcpOpener;
use crate::statistics::Feedbacks;
use crate::track::{Track, TrackKey};
use crate::{ClientId, EncodingChoice, Layer, MediaKind, Priority, TrackRequest};

/// What a transport forwards to its peer.
#[derive(Debug)]
pub(crate) struct Subscription {
    /// Under which `MediaStream` the peer sees tracks whose publisher gave none.
    pub(crate) stream_id: String,
    pub(crate) client: ClientId,
    pub(crate) wanted: Vec<TrackRequest>,
    /// Sound and picture as a rule; they stand here so that they are found without another look-up of memory.
    pub(crate) sections: SmallVec<[Section; 2]>,
    pub(crate) negotiation: Negotiation,
    pub(crate) restart_wanted: bool,
    pub(crate) rate: ReceiverRate,
    /// What the link is busy with, once it was found to be narrow.
    pub(crate) spread: Option<Box<Spread>>,
    /// How much of the sound before is sent once more.
    pub(crate) redundancy: Redundancy,
    pub(crate) egress: Box<dyn Egress>,
    /// Set while the peer's reports are read here and not by the engine.
    pub(crate) reports: Option<RtcpOpener>,
}

/// Whether an offer of ours waits for its answer.
pub(crate) enum Negotiation {
    Idle,
    Offered(SdpPendingOffer),
}

impl Negotiation {
    pub(crate) fn is_offered(&self) -> bool {
        matches!(self, Self::Offered(_))
    }
}

impl std::fmt::Debug for Negotiation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Idle => "Idle",
            Self::Offered(_) => "Offered",
        })
    }
}

/// One media section of our offer.
#[derive(Debug)]
pub(crate) struct Section {
    pub(crate) mid: Mid,
    pub(crate) format: Format,
    /// What it forwards; none while it is inactive.
    pub(crate) track: Option<TrackKey>,
    /// How much of that.
    pub(crate) selection: Selection,
    /// How much it matters among all that the client is sent.
    pub(crate) priority: Priority,
    /// What the peer knows of how much that leaves.
    pub(crate) service: ToldService,
    /// Whether our last offer says that it sends.
    pub(crate) offered: bool,
    /// Set once packets are handed on.
    pub(crate) live: bool,
    /// The peer has seen this section.
    pub(crate) answered: bool,
    /// The peer rejected this section for good: nothing can ever be sent in it (RFC 8829 §5.3.1).
    pub(crate) refused: bool,
    /// Set while the peer accepts what is sent.
    pub(crate) outlet: Option<Outlet>,
    pub(crate) forward: Forward,
    /// What the peer said of what it received.
    pub(crate) feedbacks: Feedbacks,
    /// What the peer was sent again.
    pub(crate) resends: Resends,
    /// When the latest keyframe began to be sent.
    pub(crate) keyframe_sent: Option<Instant>,
    /// How often the peer may ask for one.
    pub(crate) keyframe_allowance: Allowance,
    /// How many packets the peer may miss.
    pub(crate) nack_allowance: Allowance,
    /// How many NACKs the peer had sent by the last report on them.
    pub(crate) nacks: u64,
    /// How many bytes had been sent by then, and when that was.
    pub(crate) sent: Option<(u64, Instant)>,
    /// What was sent in the last second, in bits per second.
    pub(crate) sent_rate: u64,
    /// What waits until the link is free.
    pub(crate) waiting: Waiting,
}

/// A packet of a track that may be forwarded.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pick<'a> {
    pub(crate) encoding: usize,
    /// Its index in the ring of the encoding.
    pub(crate) index: u64,
    pub(crate) packet: &'a Packet,
    /// The padding that it gets.
    pub(crate) padding: u8,
}

/// How the peer wants to get a section's packets.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Outlet {
    pub(crate) payload_type: Pt,
    /// Whether lost packets can be sent again (RFC 4588).
    pub(crate) has_rtx: bool,
    /// The payload type of redundant audio, if the peer takes it (RFC 2198).
    pub(crate) red: Option<Pt>,
}

impl Subscription {
    pub(crate) fn new(stream_id: String, client: ClientId, egress: Box<dyn Egress>) -> Self {
        Self {
            stream_id,
            client,
            wanted: Vec::new(),
            sections: SmallVec::new(),
            negotiation: Negotiation::Idle,
            restart_wanted: false,
            rate: ReceiverRate::default(),
            spread: None,
            redundancy: Redundancy::default(),
            egress,
            reports: None,
        }
    }

    /// Sets what the peer is to have, each track once.
    /// Returns what it was to have before.
    pub(crate) fn want(&mut self, mut tracks: Vec<TrackRequest>) -> Vec<TrackRequest> {
        let mut seen = BTreeSet::new();
        tracks.retain(|request| seen.insert(request.track));
        std::mem::replace(&mut self.wanted, tracks)
    }

    /// Returns the ids of a track's `MediaStream` and of the track itself for the peer: the publisher's
    /// own, as far as it gave any (RFC 8830 §2).
    pub(crate) fn names_of(&self, track: &Track) -> (String, String) {
        let (stream, name) = track.msid.clone().unwrap_or_default();
        let kind = match track.format.codec.kind() {
            MediaKind::Audio => "audio",
            MediaKind::Video => "video",
        };
        let first = |names: [&str; 2]| names.into_iter().map(token).find(|name| !name.is_empty());
        let stream = if stream == "-" { "" } else { &stream };
        let stream = first([stream, &self.stream_id]).unwrap_or_else(|| "stream".to_owned());
        (stream, first([&name, kind]).unwrap_or_else(|| kind.to_owned()))
    }

    /// Returns the section of this kind of which packets are sent under an SSRC.
    pub(crate) fn section_of(&self, ssrc: u32, kind: MediaKind) -> Option<usize> {
        let mid = self.egress.mid_of(ssrc)?;
        self.sections.iter().position(|s| s.mid == mid && s.format.codec.kind() == kind)
    }

    /// Returns how much is being sent in a section, in bits per second.
    pub(crate) fn rate_of(&self, section: &Section) -> u64 {
        self.egress.rate(section.mid).unwrap_or(section.sent_rate)
    }

    /// Returns how much video the peer is being sent, in bits per second. Browsers leave sound out of
    /// their estimates.
    pub(crate) fn sent_rate(&self) -> u64 {
        let video = self.sections.iter().filter(|s| s.format.codec.kind() == MediaKind::Video);
        video.map(|s| self.rate_of(s)).sum()
    }

    /// Forwards those packets of a track that the section is to have, and returns how many. They leave
    /// when the engine is next told the time. What is too much for a narrow link waits.
    pub(crate) fn forward_all<'a>(
        &mut self,
        way: &mut Way<'_>,
        section: usize,
        target: Layer,
        packets: impl Iterator<Item = Pick<'a>>,
        track: &'a Track,
    ) -> u64 {
        let spreads = self.spreads(section);
        let mut sent = 0;
        for pick in packets {
            if !spreads || !self.holds(section, target, &pick, way.now) {
                sent += self.pass(way, section, target, track, pick);
            }
        }
        sent
    }

    /// Forwards a packet, if the section is to have it, and what follows from it; returns how many.
    pub(crate) fn pass(
        &mut self,
        way: &mut Way<'_>,
        section: usize,
        target: Layer,
        track: &Track,
        pick: Pick<'_>,
    ) -> u64 {
        let mut sent = u64::from(self.forward(way, section, target, track, pick));
        if let Some(encoding) = self.sections[section].forward.take_catch_up() {
            // It is all that is of use now; what waits is among it, or of the encoding before.
            self.sections[section].waiting.clear();
            for (index, packet) in track.encodings[encoding].ring.replay(way.now) {
                let pick = Pick { encoding, index, packet, padding: 0 };
                let begins = self.sections[section].forward.current() != Some(encoding);
                let waits = !begins && self.spreads(section);
                if !waits || !self.holds(section, target, &pick, way.now) {
                    sent += u64::from(self.forward(way, section, target, track, pick));
                }
            }
        }
        sent
    }

    fn forward(
        &mut self,
        way: &mut Way<'_>,
        section: usize,
        target: Layer,
        track: &Track,
        Pick { encoding, packet, padding, .. }: Pick<'_>,
    ) -> bool {
        let section = &mut self.sections[section];
        let Some(outlet) = section.outlet else {
            return false;
        };
        let Some(numbers) = section.forward.accept(encoding, target, packet) else {
            return false;
        };
        if packet.starts_keyframe == Some(true) && !numbers.is_vacant {
            section.keyframe_sent = Some(way.now);
        }
        let ring = &track.encodings[encoding].ring;
        let redundant =
            outlet.red.and_then(|red| self.redundancy.copies(ring, packet, red, outlet));
        let outgoing = Outgoing::new(section, outlet, &numbers, packet);
        self.egress.send(way, Outgoing { padding, redundant, ..outgoing });
        if let Some(spread) = &mut self.spread {
            spread.count(packet.payload.len(), way.now);
        }
        true
    }

    /// Sends again what the peer misses of a section, as far as it is still there and the limits admit it;
    /// returns how many bytes.
    pub(crate) fn repair(
        &mut self,
        way: &mut Way<'_>,
        section: usize,
        missing: impl Iterator<Item = u16>,
        track: &Track,
        limits: RepairLimits,
    ) -> usize {
        let section = &mut self.sections[section];
        let Some(outlet) = section.outlet else {
            return 0;
        };
        let mut sent_bytes = 0;
        for number in missing {
            if !section.nack_allowance.take(&NACKS, way.now) {
                break;
            }
            let Some(sent) = section.forward.find(number) else {
                continue;
            };
            let encoding = track.encodings.get(sent.encoding);
            let packet = encoding.and_then(|e| e.ring.find(sent.run, sent.sequence));
            let Some(packet) = packet else {
                continue;
            };
            if sent_bytes + packet.payload.len() > limits.room {
                break;
            }
            if section.resends.admit(sent.outgoing(), limits.round_trip, way.now) {
                let numbers = sent.numbers(packet);
                for _ in 0..limits.copies {
                    sent_bytes += packet.payload.len();
                    self.egress.resend(way, Outgoing::new(section, outlet, &numbers, packet));
                    if let Some(spread) = &mut self.spread {
                        spread.count(packet.payload.len(), way.now);
                    }
                }
            }
        }
        sent_bytes
    }
}

/// The payload of a packet that has nothing but its numbers. Receivers take note of such packets, which
/// senders use as padding, and pass over them.
static NOTHING: LazyLock<Arc<[u8]>> = LazyLock::new(|| Arc::from([]));

/// What limits how much is sent again.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RepairLimits {
    /// How many bytes the link has room for.
    pub(crate) room: usize,
    /// No packet is sent again twice in this time.
    pub(crate) round_trip: RoundTrip,
    /// How many copies of each are sent at a time.
    pub(crate) copies: usize,
}

impl<'a> Outgoing<'a> {
    fn new(section: &Section, outlet: Outlet, numbers: &Numbers, packet: &'a Packet) -> Self {
        Self {
            mid: section.mid,
            clock_rate_hz: section.format.codec.clock_rate_hz(),
            payload_type: outlet.payload_type,
            sequence: numbers.sequence,
            timestamp: numbers.timestamp,
            marker: numbers.marker,
            captured: packet.captured,
            payload: if numbers.is_vacant { &NOTHING } else { &packet.payload },
            vp8: numbers.vp8,
            descriptor: packet
                .descriptor
                .as_ref()
                .filter(|_| !numbers.is_vacant)
                .map(|value| OutgoingDescriptor { value, shift: numbers.frames }),
            padding: 0,
            redundant: None,
            repairable: outlet.has_rtx,
        }
    }
}

/// Returns what of a name can stand in `a=msid` (RFC 8830 §2, `token-char` of RFC 8866 §9).
fn token(name: &str) -> String {
    let is_token = |c: &char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`{|}~".contains(*c);
    name.chars().filter(is_token).take(64).collect()
}

impl Section {
    /// Returns a section that our next offer adds.
    pub(crate) fn new(mid: Mid, format: Format, forward: Forward) -> Self {
        Self {
            mid,
            format,
            track: None,
            selection: Selection::new(EncodingChoice::Best),
            priority: Priority::default(),
            service: ToldService::default(),
            offered: false,
            live: false,
            answered: false,
            refused: false,
            outlet: None,
            forward,
            feedbacks: Feedbacks::default(),
            resends: Resends::default(),
            keyframe_sent: None,
            keyframe_allowance: Allowance::default(),
            nack_allowance: Allowance::default(),
            nacks: 0,
            sent: None,
            sent_rate: 0,
            waiting: Waiting::default(),
        }
    }

    /// Returns whether packets are handed on, or would be if there were room for them.
    pub(crate) fn is_in_use(&self) -> bool {
        self.live || (self.outlet.is_some() && self.selection.current_limit() == Limit::Paused)
    }

    /// Returns whether the section can take a track of this format.
    pub(crate) fn is_idle(&self, format: Format) -> bool {
        self.track.is_none() && !self.refused && self.format == format
    }

    /// Lets go of the track. The section can take another one of the same format, which the peer has
    /// to agree to first.
    pub(crate) fn release(&mut self) {
        self.track = None;
        self.outlet = None;
        self.service = ToldService::default();
        self.feedbacks = Feedbacks::default();
        self.keyframe_allowance = Allowance::default();
        // What the link had no room for may be small in the next one.
        self.selection.limit(Limit::None);
        self.pause();
        self.forward.release();
    }

    /// Hands on no more packets before a keyframe. The same track may go on later.
    pub(crate) fn pause(&mut self) {
        self.live = false;
        self.waiting.clear();
        self.forward.detach();
    }
}
