//! Stands in for somebody who sends pictures over one link, as much as an estimate of the link allows.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use str0m::Event;
use str0m::change::{SdpAnswer, SdpPendingOffer};
use str0m::media::{Direction, MediaKind, Mid};
use str0m::rtp::{RtpWrite, SeqNo};

use crate::camera::Camera;
use crate::codec::Codec;
use crate::engine::{Engine, Formats, is_rtp};
use crate::node::{Datagram, Node};
use crate::own_rtcp::OwnRtcp;
use crate::sdp;

/// Estimates what a link carries, from what its receiver reports.
pub trait LinkEstimator: 'static {
    /// A datagram of so many bytes was sent; the first has the transport-wide number 0. It may be part of a
    /// probe of this number.
    fn handle_sent(&mut self, now: Instant, bytes: usize, probe: Option<u8>);

    /// Transport-wide feedback came: what follows the two SSRCs of its RTCP packet.
    fn handle_feedback(&mut self, now: Instant, information: &[u8]);

    /// Returns how many bits a second the link carries.
    fn estimate(&self) -> u64;

    /// Returns the number of a probe that is to be sent now, and of how many bytes it is.
    fn poll_probe(&mut self, now: Instant) -> Option<(u8, usize)>;
}

/// A datagram of RTP that was sent, padding included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sent {
    /// When.
    pub at: Instant,
    /// Its length.
    pub bytes: usize,
    /// What tells it from all others: its SSRC and its sequence number.
    pub key: (u32, u16),
    /// Whether it is part of a picture, and not padding.
    pub is_picture: bool,
}

/// Sends 30 pictures a second that are as large as the estimate allows.
pub(crate) struct LinkSender {
    engine: Engine,
    reports: OwnRtcp,
    /// `None` if the engine estimates by itself, and then also paces and probes.
    estimator: Option<Box<dyn LinkEstimator>>,
    estimate: u64,
    /// How many bits a second the pictures have if the link carries them.
    wanted: u64,
    pending: Option<SdpPendingOffer>,
    mid: Mid,
    camera: Camera,
    next_frame: Option<Instant>,
    sequence: u64,
    timestamp: u32,
    outgoing: VecDeque<Datagram>,
    sent: Vec<Sent>,
}

/// What is agreed on.
const FORMATS: Formats<'_> = Formats { codecs: &[Codec::Vp8], rtx: true, red: false };

/// What stands in front of each packet: when its picture was made, in nanoseconds since the epoch, or
/// nothing but zeros in padding.
pub(crate) const STAMP: usize = 8;

/// The most that is put into a packet, and into one of a probe, which a server makes of RTP padding.
const PAYLOAD: usize = 1_150;
const PROBE_PAYLOAD: usize = 255;

/// A packet has so many bytes beside its payload: header, extensions, tag.
pub(crate) const OVERHEAD: usize = 48;

const INTERVAL: Duration = Duration::from_micros(33_333);
const TICKS: u32 = 3_000;

impl LinkSender {
    pub(crate) fn new(
        now: Instant,
        address: SocketAddr,
        seed: u64,
        wanted: u64,
        start: u64,
        estimator: Option<Box<dyn LinkEstimator>>,
    ) -> (Self, String) {
        let own = estimator.is_none().then_some(start);
        let (mut engine, reports) = Engine::reported_to(now, address, FORMATS, own);
        engine.rtc().bwe().set_bitrate(0.into(), wanted.into());
        let mut api = engine.rtc().sdp_api();
        let mid = api.add_media(MediaKind::Video, Direction::SendOnly, None, None, None);
        let (offer, pending) = api.apply().expect("something to offer");
        let offer = sdp::without_candidates(&offer.to_sdp_string());
        let sender = Self {
            engine,
            reports,
            estimate: estimator.as_ref().map_or(start, |estimator| estimator.estimate()),
            estimator,
            wanted,
            pending: Some(pending),
            mid,
            camera: Camera::new(seed),
            next_frame: None,
            sequence: 0,
            timestamp: 0,
            outgoing: VecDeque::new(),
            sent: Vec::new(),
        };
        (sender, offer)
    }

    pub(crate) fn handle_answer(&mut self, now: Instant, answer: &str) {
        let pending = self.pending.take().expect("an offer waits for its answer");
        let answer = SdpAnswer::from_sdp_string(answer).expect("a good answer");
        self.engine.rtc().sdp_api().accept_answer(pending, answer).expect("a good answer");
        self.engine.settle(now);
    }

    pub(crate) fn engine(&mut self) -> &mut Engine {
        &mut self.engine
    }

    pub(crate) fn sent(&self) -> &[Sent] {
        &self.sent
    }

    /// Takes what the engine has to send, and notes what of it is RTP.
    fn collect(&mut self, now: Instant, probe: Option<u8>) {
        while let Some(datagram) = self.engine.poll_transmit() {
            let contents = &datagram.contents;
            if is_rtp(contents)
                && let Some(&[_, kind, high, low, _, _, _, _, a, b, c, d]) = contents.first_chunk()
            {
                let key = (u32::from_be_bytes([a, b, c, d]), u16::from_be_bytes([high, low]));
                let is_picture = kind & 0x7f == VP8 && probe.is_none();
                self.sent.push(Sent { at: now, bytes: contents.len(), key, is_picture });
                if let Some(estimator) = &mut self.estimator {
                    estimator.handle_sent(now, contents.len(), probe);
                }
            }
            self.outgoing.push_back(datagram);
        }
    }

    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "most of the engine's events are about what this peer does not do"
    )]
    fn handle_events(&mut self, now: Instant) {
        while let Some(event) = self.engine.poll_event() {
            match event {
                Event::Connected => self.next_frame = Some(now),
                Event::PeerStats(stats) if self.estimator.is_none() => {
                    self.estimate = stats.bwe_tx.map_or(self.estimate, |rate| rate.as_u64());
                }
                _ => {}
            }
        }
    }

    fn send_frame(&mut self, now: Instant) {
        let share = PAYLOAD as f64 / (PAYLOAD + OVERHEAD) as f64;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "positive")]
        let rate = (self.wanted.min(self.estimate) as f64 * share) as u64;
        self.timestamp = self.timestamp.wrapping_add(TICKS);
        let is_first = self.sequence == 0;
        let size = self.camera.frame_size(rate, INTERVAL.as_secs_f64(), is_first);
        let mut left = size.unwrap_or(0);
        let made = u64::try_from((now - crate::epoch()).as_nanos()).expect("a few minutes");
        while left > 0 {
            let mut payload = vec![0; left.clamp(STAMP, PAYLOAD)];
            payload[..STAMP].copy_from_slice(&made.to_be_bytes());
            left = left.saturating_sub(payload.len());
            self.write(now, payload, left == 0);
        }
        self.engine.settle(now);
        self.collect(now, None);
    }

    fn send_probe(&mut self, now: Instant, number: u8, bytes: usize) {
        for _ in 0..bytes.div_ceil(PROBE_PAYLOAD) {
            self.write(now, vec![0; PROBE_PAYLOAD], false);
        }
        self.engine.settle(now);
        self.collect(now, Some(number));
    }

    fn write(&mut self, now: Instant, payload: Vec<u8>, marker: bool) {
        let mut api = self.engine.rtc().direct_api();
        let stream = api.stream_tx_by_mid(self.mid, None).expect("what was agreed on");
        let sequence = SeqNo::from(self.sequence);
        self.sequence += 1;
        let payload_type = VP8.into();
        let write = RtpWrite::new(payload_type, sequence, self.timestamp, now, payload);
        stream.write_rtp(write.marker(marker).nackable(false));
    }
}

/// The payload type under which [`Codec::Vp8`] is offered.
const VP8: u8 = 120;

impl Node for LinkSender {
    fn handle_datagram(&mut self, now: Instant, datagram: &Datagram) {
        if let Some(estimator) = &mut self.estimator
            && OwnRtcp::is_rtcp(&datagram.contents)
            && let Some(report) = self.reports.open(&datagram.contents)
        {
            for information in transport_wide_feedback(&report) {
                estimator.handle_feedback(now, information);
            }
            self.estimate = estimator.estimate();
        }
        self.engine.handle_datagram(now, datagram);
        self.handle_events(now);
        self.collect(now, None);
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.engine.settle(now);
        self.handle_events(now);
        self.collect(now, None);
        if let Some(next) = self.next_frame.filter(|next| *next <= now) {
            self.next_frame = Some(next + INTERVAL);
            self.send_frame(now);
        }
        let probe = self.estimator.as_mut().and_then(|estimator| estimator.poll_probe(now));
        if let Some((number, bytes)) = probe.filter(|_| self.next_frame.is_some()) {
            self.send_probe(now, number, bytes);
        }
    }

    fn poll_transmit(&mut self) -> Option<Datagram> {
        self.outgoing.pop_front()
    }

    fn poll_timeout(&mut self) -> Option<Instant> {
        [self.engine.poll_timeout(), self.next_frame].into_iter().flatten().min()
    }
}

/// Returns what each transport-wide feedback in a compound RTCP packet says.
fn transport_wide_feedback(mut compound: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        // RFC 3550 §6.4.1: the length is in words, less one.
        let &[first, kind, high, low] = compound.first_chunk()?;
        let len = 4 * (usize::from(u16::from_be_bytes([high, low])) + 1);
        let (packet, rest) = compound.split_at_checked(len)?;
        compound = rest;
        Some(packet.get(12..).filter(|_| kind == 205 && first & 0x1f == 15))
    })
    .flatten()
}

impl std::fmt::Debug for LinkSender {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LinkSender")
            .field("estimate", &self.estimate)
            .field("wanted", &self.wanted)
            .field("sent", &self.sent.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_transport_wide_feedback_is_read_of_a_compound_packet() {
        let report = [0x80, 201, 0, 1, 0, 0, 0, 1];
        let feedback = [0x8f, 205, 0, 4, 0, 0, 0, 1, 0, 0, 0, 2, 1, 2, 3, 4, 5, 6, 7, 8];
        let nack = [0x81, 205, 0, 3, 0, 0, 0, 1, 0, 0, 0, 2, 1, 2, 3, 4];
        let compound = [&report[..], &feedback, &nack, &feedback, &feedback[..18]].concat();
        let found: Vec<_> = transport_wide_feedback(&compound).collect();
        assert_eq!(found, [[1, 2, 3, 4, 5, 6, 7, 8]; 2]);
    }
}
