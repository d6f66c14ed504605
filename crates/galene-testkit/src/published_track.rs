//! A track as its publisher sends it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use str0m::change::SdpApi;
use str0m::media::{Direction, Mid, Pt, Rid, Simulcast, SimulcastLayer};
use str0m::rtp::{ExtensionValues, RtpWrite, SeqNo};

use crate::codec::{Codec, MediaKind};
use crate::descriptor::DescriptorValue;
use crate::engine::Engine;
use crate::rate_controller::Bounds;
use crate::redundant;
use crate::sdp::Section;
use crate::source::Source;
use crate::track_spec::TrackSpec;

/// A media section that is offered.
#[derive(Debug)]
pub(crate) struct PublishedTrack {
    pub(crate) spec: TrackSpec,
    pub(crate) mid: Mid,
    /// What it was agreed to send, if anything.
    pub(crate) codec: Option<(Codec, Pt)>,
    /// Redundant audio, if that is what the answer prefers: libwebrtc then sends it.
    red: Option<Red>,
    pub(crate) encodings: Vec<Encoding>,
    /// What is said of each packet of sound, in dBov (RFC 6464).
    pub(crate) level: i8,
    /// When frames were captured of which any encoding was sent.
    pub(crate) captures: Vec<Instant>,
    /// How much of the sound gets lost, smoothed.
    loss: f64,
}

/// One of the ways in which a track is sent.
#[derive(Debug)]
pub(crate) struct Encoding {
    pub(crate) rid: Option<Rid>,
    pub(crate) bounds: Bounds,
    pub(crate) is_wanted: bool,
    pub(crate) source: Source,
}

#[derive(Debug)]
struct Red {
    payload_type: Pt,
    /// Timestamp and payload of the packet before.
    before: Option<(u32, Arc<[u8]>)>,
}

/// How loud speech is, in dBov; this is what everybody says until told otherwise.
const SPEECH: i8 = -30;

/// A publisher that adapts keeps packets for this long, and so many, to send them again.
const RESEND_MEMORY: (usize, Duration) = (2_048, Duration::from_secs(3));

/// And of all that it sends, this share is sent again at most: libwebrtc lets that have as much as its
/// whole target (`retransmission_rate_limiter`).
const MOST_RESENT: f32 = 0.5;

/// With more loss than this, sound is sent with a copy of each packet in the next one (libopus).
const FEC_LOSS: f64 = 0.01;

/// Each report counts so much in the loss of sound.
const LOSS_WEIGHT: f64 = 0.3;

impl PublishedTrack {
    /// Adds a track to an offer. `number` is part of its id.
    pub(crate) fn offer(
        spec: TrackSpec,
        number: usize,
        stream_id: &str,
        api: &mut SdpApi<'_>,
    ) -> Self {
        let kind = match spec.kind {
            MediaKind::Audio => str0m::media::MediaKind::Audio,
            MediaKind::Video => str0m::media::MediaKind::Video,
        };
        let simulcast = (spec.encodings > 1).then(|| Simulcast {
            send: spec.rids().iter().copied().map(SimulcastLayer::new).collect(),
            recv: Vec::new(),
        });
        let (stream_id, track_id) = (stream_id.to_owned(), format!("track{number}"));
        let direction = Direction::SendOnly;
        let mid = api.add_media(kind, direction, Some(stream_id), Some(track_id), simulcast);
        Self {
            spec,
            mid,
            codec: None,
            red: None,
            encodings: Vec::new(),
            level: SPEECH,
            captures: Vec::new(),
            loss: 0.0,
        }
    }

    /// Takes in what the answer says of the track. One that is to adapt like a browser's keeps as much for
    /// retransmission as a browser does.
    pub(crate) fn handle_answer(
        &mut self,
        now: Instant,
        section: &Section,
        engine: &mut Engine,
        is_adaptive: bool,
    ) {
        let own = |pt: u8| engine.within_red(pt).map_or(pt, |own| *own);
        let agreed = section.payload_types.iter().find_map(|&pt| {
            let codec = engine.codec_of(pt).filter(|c| c.kind() == self.spec.kind)?;
            Some((codec, Pt::from(own(pt))))
        });
        let preferred = section.payload_types.first();
        self.red = preferred
            .filter(|&&pt| own(pt) != pt)
            .map(|&pt| Red { payload_type: pt.into(), before: None });
        let is_wanted = !section.is_stopped && section.direction == "recvonly";
        let codec = agreed.filter(|_| is_wanted);
        if self.codec != codec {
            self.codec = codec;
            self.encodings.clear();
            self.start(now, &section.rids);
            if is_adaptive {
                self.keep_more(engine);
            }
        }
    }

    /// Sends the frames that are due, or leaves pictures out where so much is on its way already. Returns
    /// whether anything was sent.
    pub(crate) fn capture(
        &mut self,
        now: Instant,
        is_congested: bool,
        engine: &mut Engine,
    ) -> bool {
        let Some((codec, pt)) = self.codec else { return false };
        let is_video = codec.kind() == MediaKind::Video;
        let mut has_written = false;
        for encoding in &mut self.encodings {
            if is_congested && is_video {
                encoding.source.leave_out(now);
            }
            let Some(frame) = encoding.source.poll(now) else { continue };
            if self.captures.last() != Some(&frame.captured) {
                self.captures.push(frame.captured);
            }
            let mut api = engine.rtc().direct_api();
            let Some(stream) = api.stream_tx_by_mid(self.mid, encoding.rid) else { continue };
            let last = frame.payloads.len() - 1;
            let packets = frame.payloads.into_iter().zip(frame.descriptors);
            for (i, (sequence, packet)) in (frame.sequence..).zip(packets).enumerate() {
                let (payload, descriptor) = packet;
                let mut extensions = ExtensionValues {
                    audio_level: (!is_video).then_some(self.level),
                    voice_activity: (!is_video).then_some(self.level >= SPEECH),
                    ..ExtensionValues::default()
                };
                if let Some(value) = descriptor {
                    extensions.user_values.set(DescriptorValue(value.into()));
                }
                let (sequence, timestamp) = (SeqNo::from(sequence), frame.timestamp);
                let (pt, payload) = match &mut self.red {
                    Some(red) => red.wrap(pt, timestamp, payload),
                    None => (pt, payload),
                };
                let write = RtpWrite::new(pt, sequence, timestamp, frame.captured, payload)
                    .marker(is_video && i == last)
                    .ext_vals(extensions)
                    .nackable(is_video);
                stream.write_rtp(write);
            }
            has_written = true;
        }
        has_written
    }

    /// Protects sound while packets get lost.
    pub(crate) fn handle_loss(&mut self, loss: f64) {
        if self.spec.kind == MediaKind::Audio {
            self.loss += LOSS_WEIGHT * (loss - self.loss);
            for encoding in &mut self.encodings {
                encoding.source.set_fec(self.loss >= FEC_LOSS);
            }
        }
    }

    /// Returns how often each packet of sound is sent: twice if the next one has it too.
    pub(crate) fn copies(&self) -> u64 {
        if self.red.is_some() { 2 } else { 1 }
    }

    /// Begins to make frames. `rids` are those that the answer accepted.
    fn start(&mut self, now: Instant, rids: &[String]) {
        let Some((codec, _)) = self.codec else { return };
        let names = (0..).zip(self.spec.rids().iter().copied());
        let accepted = names.filter(|(_, rid)| rids.iter().any(|r| r == rid));
        let mut encodings: Vec<(u8, Option<&str>)> =
            accepted.map(|(number, rid)| (number, Some(rid))).collect();
        if encodings.is_empty() {
            encodings.push((0, None));
        }
        let smallest = encodings.len() - 1;
        for (i, (number, rid)) in encodings.into_iter().enumerate() {
            let bounds = self.spec.bounds(number, i == smallest);
            let mut source = Source::new(codec, self.spec.stream, number, bounds.most, now);
            source.set_scalability(self.spec.scalability);
            if self.spec.is_camera {
                source.use_camera();
            }
            if let Some((sequence, timestamp)) = self.spec.start {
                source.start_at(sequence, timestamp);
            }
            let rid = rid.map(Rid::from);
            self.encodings.push(Encoding { rid, bounds, is_wanted: true, source });
        }
    }

    /// Lets the engine keep as much for retransmission as a browser keeps.
    fn keep_more(&self, engine: &mut Engine) {
        let is_video = self.spec.kind == MediaKind::Video;
        for encoding in self.encodings.iter().filter(|_| is_video) {
            let mut api = engine.rtc().direct_api();
            if let Some(stream) = api.stream_tx_by_mid(self.mid, encoding.rid) {
                let (packets, age) = RESEND_MEMORY;
                stream.set_rtx_cache(packets, age, Some(MOST_RESENT));
                let repair = stream.rtx().map(|rtx| *rtx);
                repair.into_iter().for_each(|ssrc| engine.add_repair(ssrc));
            }
        }
    }
}

impl Red {
    /// Puts the packet before into a packet.
    fn wrap(&mut self, own: Pt, timestamp: u32, payload: Arc<[u8]>) -> (Pt, Arc<[u8]>) {
        let before = self.before.replace((timestamp, payload.clone()));
        let before = before.as_ref().map(|(at, old)| (timestamp.wrapping_sub(*at), &old[..]));
        let payload = redundant::write((*own, &payload), before);
        (self.payload_type, payload.into())
    }
}
