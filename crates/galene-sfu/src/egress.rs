//! What leaves for a subscriber.
//!
//! The reference implementation hands packets to the engine, which seals them, keeps them for
//! retransmission and reports on them. It is correct and not fast; whatever replaces it is measured
//! against it and falls back to it.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use galene_congestion::{PacketReport, Probe, TransportFeedback};
use galene_rtp::Vp8Descriptor;
use str0m::Rtc;
use str0m::media::{Mid, Pt};
use str0m::rtp::{RtpWrite, Vp8Patch};

use crate::descriptors::OutgoingDescriptor;
use crate::engine::Path;
use crate::redundancy::Redundant;
use crate::rtcp::Reception;
use crate::send_queue::SendQueue;

/// A packet as one subscriber gets it: the publisher's payload under the subscriber's numbers.
#[derive(Debug)]
pub(crate) struct Outgoing<'a> {
    pub(crate) mid: Mid,
    pub(crate) payload_type: Pt,
    pub(crate) clock_rate_hz: u32,
    /// The extended sequence number; it starts below 65,536, so that the number of wraps is what the
    /// subscriber counts too (RFC 3711 §3.3.1).
    pub(crate) sequence: u64,
    pub(crate) timestamp: u32,
    pub(crate) marker: bool,
    pub(crate) captured: Instant,
    pub(crate) payload: &'a Arc<[u8]>,
    /// The VP8 payload descriptor to send in place of the payload's own, which is as long.
    pub(crate) vp8: Option<Vp8Descriptor>,
    /// The dependency descriptor, for whoever negotiated it.
    pub(crate) descriptor: Option<OutgoingDescriptor<'a>>,
    /// How many bytes of RTP padding make it as long as its neighbours (RFC 3550 §5.1), where padding is
    /// supported: it has no meaning.
    pub(crate) padding: u8,
    /// The sound of packets before it, to be sent with it. The engine leaves it out.
    pub(crate) redundant: Option<Redundant<'a>>,
    /// Whether a lost packet is sent again when the subscriber asks.
    pub(crate) repairable: bool,
}

/// Sends packets to the peer of one transport.
pub(crate) trait Egress: fmt::Debug + Send {
    /// Sends a packet, at the latest when the engine is next told the time.
    fn send(&mut self, way: &mut Way<'_>, packet: Outgoing<'_>);

    /// Returns what has to follow after packets were sent. If the engine does not send them, whoever
    /// does also has to repair and to report, by what stands below.
    fn after_sending(&mut self) -> Next;

    /// Sends a packet again under the numbers that it had (RFC 4588).
    fn resend(&mut self, _way: &mut Way<'_>, _packet: Outgoing<'_>) {}

    /// Lets the engine have the streams that it does not send, so that it can describe them.
    fn lend_streams(&self, _engine: &mut Rtc) {}

    /// Takes them back.
    fn take_streams(&self, _engine: &mut Rtc) {}

    /// Returns the media section of which packets are sent under this SSRC.
    fn mid_of(&self, _ssrc: u32) -> Option<Mid> {
        None
    }

    /// Returns when [`send_reports`](Self::send_reports) is due.
    fn next_report(&self) -> Option<Instant> {
        None
    }

    /// Sends the sender reports that are due.
    fn send_reports(&mut self, _way: &mut Way<'_>) {}

    /// Returns how much is being sent of a media section, in bits per second, if it is counted here.
    fn rate(&self, _mid: Mid) -> Option<u64> {
        None
    }

    /// Returns how many packets of a media section were sent again, if it is counted here.
    fn resent(&self, _mid: Mid) -> u64 {
        0
    }

    /// Returns the time there and back that a report of the peer tells of, which arrives now.
    fn round_trip(&self, _reception: &Reception, _now: Instant) -> Option<Duration> {
        None
    }

    /// Reads what the peer says of the packets of this transport into `reports`.
    fn read_feedback(
        &mut self,
        _feedback: &TransportFeedback<'_>,
        _now: Instant,
        _reports: &mut Vec<PacketReport>,
    ) {
    }

    /// Returns how many bytes the peer has not reported on yet, as far as it does so.
    fn in_flight(&self) -> usize {
        0
    }

    /// Returns whether [`send_probe`](Self::send_probe) can send anything.
    fn can_probe(&self) -> bool {
        false
    }

    /// Sends padding to find out what the link carries.
    fn send_probe(&mut self, _way: &mut Way<'_>, _probe: Probe) {}

    /// Sends by another way from now on.
    fn set_path(&mut self, _path: Path) {}
}

/// What has to follow after packets were sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    /// The engine is to be told the time: only then do they leave.
    Engine,
    /// Something is due sooner than it was: a report, or what waits for the link.
    Timer,
    Nothing,
}

/// Where packets go out.
pub(crate) struct Way<'a> {
    pub(crate) engine: &'a mut Rtc,
    pub(crate) queue: &'a mut SendQueue,
    pub(crate) now: Instant,
}

/// Sends through the engine's own RTP stack.
#[derive(Debug)]
pub(crate) struct ReferenceEgress;

impl Egress for ReferenceEgress {
    fn after_sending(&mut self) -> Next {
        Next::Engine
    }

    fn send(&mut self, way: &mut Way<'_>, packet: Outgoing<'_>) {
        let mut api = way.engine.direct_api();
        let Some(stream) = api.stream_tx_by_mid(packet.mid, None) else {
            return;
        };
        let mut write = RtpWrite::new(
            packet.payload_type,
            packet.sequence.into(),
            packet.timestamp,
            packet.captured,
            packet.payload.clone(),
        )
        .marker(packet.marker)
        .nackable(packet.repairable);
        if let Some(patch) = packet.vp8.and_then(|d| vp8_patch(packet.payload, &d)) {
            write = write.vp8_patch(patch);
        }
        if let Some(descriptor) = packet.descriptor {
            write = write.ext_vals(descriptor.to_values());
        }
        stream.write_rtp(write);
    }
}

fn vp8_patch(payload: &[u8], outgoing: &Vp8Descriptor) -> Option<Vp8Patch> {
    let mut patch = str0m::rtp::Vp8Descriptor::parse(payload).ok()?.patch();
    if let Some(id) = outgoing.picture_id() {
        patch = patch.picture_id(id.value());
    }
    if let Some(index) = outgoing.tl0_pic_idx() {
        patch = patch.tl0_pic_idx(index);
    }
    patch.build().ok()
}
