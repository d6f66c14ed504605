//! Stands in for a browser that publishes.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use str0m::bwe::BweKind;
use str0m::change::{SdpAnswer, SdpApi, SdpPendingOffer};
use str0m::media::{Direction, Mid, Pt, Rid, Simulcast, SimulcastLayer};
use str0m::rtp::{ExtensionValues, RtpWrite, SeqNo};
use str0m::{Event, IceConnectionState};

use crate::codec::{Codec, MediaKind};
use crate::congestion_window::CongestionWindow;
use crate::descriptor::DescriptorValue;
use crate::engine::{Engine, Feedback, Formats, START_BITRATE};
use crate::node::{Datagram, Node};
use crate::rate_controller::{Bounds, RateController, share};
use crate::redundant;
use crate::scalability::Scalability;
use crate::sdp;
use crate::source::{Source, SourceCounts};

/// An `RTCPeerConnection` that offers to send camera and microphone.
///
/// [`offer`](Self::offer) and [`handle_answer`](Self::handle_answer) negotiate; candidates go both ways
/// by [`candidates`](Self::candidates) and [`add_candidate`](Self::add_candidate). From the moment at
/// which it is connected it sends media by itself, answers keyframe requests and NACKs, and keeps to
/// the bit rate of REMB.
pub struct PublisherPeer {
    engine: Engine,
    config: PublisherConfig,
    tracks: Vec<Track>,
    pending: Option<SdpPendingOffer>,
    ice: IceConnectionState,
    is_connected: bool,
    is_closed: bool,
    rate: RateController,
    /// What was reported lost of each encoding's packets in the last second.
    losses: Vec<f64>,
    /// How often packets of each encoding were asked for, and whether they were in the last second.
    nacks: HashMap<(Mid, Option<Rid>), u64>,
    has_nacks: bool,
    window: CongestionWindow,
    /// When losses and repairs are looked at next, and whether they are now.
    next_count: Option<Instant>,
    is_counting: bool,
}

/// What a [`PublisherPeer`] is and does.
#[derive(Debug, Clone)]
pub struct PublisherConfig {
    address: SocketAddr,
    codecs: Vec<Codec>,
    rtx: bool,
    red: bool,
    stream_id: String,
    tracks: Vec<TrackSpec>,
    feedback: Option<Feedback>,
}

/// A track to publish.
#[derive(Debug, Clone)]
pub struct TrackSpec {
    kind: MediaKind,
    stream: u32,
    bitrate: u64,
    encodings: usize,
    is_camera: bool,
    scalability: Scalability,
    start: Option<(u16, u32)>,
}

/// A media section that is offered.
#[derive(Debug)]
struct Track {
    spec: TrackSpec,
    mid: Mid,
    /// What it was agreed to send, if anything.
    codec: Option<(Codec, Pt)>,
    /// Redundant audio, if that is what the answer prefers: libwebrtc then sends it.
    red: Option<Red>,
    encodings: Vec<Encoding>,
    /// What is said of each packet of sound, in dBov (RFC 6464).
    level: i8,
    /// When frames were captured of which any encoding was sent.
    captures: Vec<Instant>,
    /// How much of the sound gets lost, smoothed.
    loss: f64,
}

#[derive(Debug)]
struct Red {
    payload_type: Pt,
    /// Timestamp and payload of the packet before.
    before: Option<(u32, Arc<[u8]>)>,
}

#[derive(Debug)]
struct Encoding {
    rid: Option<Rid>,
    bounds: Bounds,
    is_wanted: bool,
    source: Source,
}

/// How loud speech is, in dBov; this is what everybody says until told otherwise.
const SPEECH: i8 = -30;

/// What sound takes, in bits per second; the bit rate of REMB includes it.
const AUDIO_BITRATE: u64 = 40_000;

/// The smallest encoding of a track is never sent at less.
const MIN_VIDEO_BITRATE: u64 = 30_000;

/// Each simulcast encoding has so many times the bit rate of the next smaller one.
const SMALLER_BY: u64 = 4;

/// The rates of three encodings of a camera, the largest first, in thousandths of the largest: at most,
/// and at least.
const THREE_ENCODINGS: [(u64, u64); 3] = [(1_000, 400), (300, 100), (100, 20)];

/// The rate of a camera of 1280 by 720 at 30 frames in a second.
const CAMERA_BITRATE: u64 = 1_500_000;

/// A publisher that adapts keeps packets for this long, and so many, to send them again.
const RESEND_MEMORY: (usize, Duration) = (2_048, Duration::from_secs(3));

/// And of all that it sends, this share is sent again at most: libwebrtc lets that have as much as its
/// whole target (`retransmission_rate_limiter`).
const MOST_RESENT: f32 = 0.5;

/// Receiver reports come about once a second.
const COUNT_INTERVAL: Duration = Duration::from_secs(1);

/// With more loss than this, sound is sent with a copy of each packet in the next one (libopus).
const FEC_LOSS: f64 = 0.01;

/// Each report counts so much in the loss of sound.
const LOSS_WEIGHT: f64 = 0.3;

impl TrackSpec {
    /// Returns a microphone, whose packets say that they come from `stream`.
    pub fn audio(stream: u32) -> Self {
        Self { kind: MediaKind::Audio, bitrate: AUDIO_BITRATE, ..Self::video(stream) }
    }

    /// Returns a camera at 500 kbit/s, whose packets say that they come from `stream`.
    pub fn video(stream: u32) -> Self {
        let (kind, scalability) = (MediaKind::Video, Scalability::L1T1);
        Self {
            kind,
            stream,
            bitrate: 500_000,
            encodings: 1,
            is_camera: false,
            scalability,
            start: None,
        }
    }

    /// Returns a camera of 1280 by 720 at up to 1.5 Mbit/s, whose frames vary in size as a camera's do.
    pub fn camera(stream: u32) -> Self {
        Self { bitrate: CAMERA_BITRATE, is_camera: true, ..Self::video(stream) }
    }

    /// Sets how many bits a second to send, if REMB allows that much.
    #[must_use]
    pub fn bitrate(mut self, bitrate: u64) -> Self {
        self.bitrate = bitrate;
        self
    }

    /// Sends two encodings: `h` at the full bit rate, `l` at a quarter.
    #[must_use]
    pub fn simulcast(self) -> Self {
        self.encodings(2)
    }

    /// Sends so many encodings, at most three: each at a quarter of the bit rate of the one before, and
    /// three of a camera at 3/10 and 1/10 of the largest.
    #[must_use]
    pub fn encodings(mut self, count: usize) -> Self {
        self.encodings = count;
        self
    }

    /// Divides frames into layers, which VP8 has of time and VP9 and AV1 of size too.
    #[must_use]
    pub fn scalability(mut self, mode: Scalability) -> Self {
        self.scalability = mode;
        self
    }

    /// Starts with this sequence number and timestamp instead of random ones.
    #[must_use]
    pub fn starting_at(mut self, sequence: u16, timestamp: u32) -> Self {
        self.start = Some((sequence, timestamp));
        self
    }
}

impl PublisherConfig {
    /// Returns a browser at `address` that offers all codecs and RTX, and nothing to send yet.
    pub fn new(address: SocketAddr) -> Self {
        let stream_id = "camera".to_owned();
        let (codecs, tracks) = (Codec::ALL.to_vec(), Vec::new());
        Self { address, codecs, rtx: true, red: false, stream_id, tracks, feedback: None }
    }

    /// Offers these codecs only, the most preferred first.
    #[must_use]
    pub fn codecs(mut self, codecs: &[Codec]) -> Self {
        self.codecs = codecs.to_vec();
        self
    }

    /// Offers no RTX.
    #[must_use]
    pub fn without_rtx(mut self) -> Self {
        self.rtx = false;
        self
    }

    /// Offers redundant audio after Opus, as Chromium does and Firefox does not, and sends it if the answer
    /// prefers it.
    #[must_use]
    pub fn red(mut self) -> Self {
        self.red = true;
        self
    }

    /// Adapts to the way to the other side as a browser does: begins low, estimates the way from
    /// transport-wide feedback, or from loss and REMB if it is given only that, and protects sound where
    /// packets get lost. Without this, it sends all it has at once, and only REMB lowers that.
    #[must_use]
    pub fn adaptive(mut self, feedback: Feedback) -> Self {
        self.feedback = Some(feedback);
        self
    }

    /// Sets the `MediaStream` id that the offer names. By default it is `camera`.
    #[must_use]
    pub fn stream_id(mut self, stream_id: &str) -> Self {
        stream_id.clone_into(&mut self.stream_id);
        self
    }

    /// Offers one more track.
    #[must_use]
    pub fn track(mut self, track: TrackSpec) -> Self {
        self.tracks.push(track);
        self
    }
}

impl PublisherPeer {
    /// Returns a peer that has not offered anything yet.
    pub fn new(now: Instant, config: PublisherConfig) -> Self {
        let formats = Formats { codecs: &config.codecs, rtx: config.rtx, red: config.red };
        let (engine, rate) = match config.feedback {
            None => (Engine::new(now, config.address, formats), RateController::default()),
            Some(feedback) => (
                Engine::adaptive(now, config.address, formats, feedback, true),
                RateController::starting_at(START_BITRATE),
            ),
        };
        Self {
            engine,
            config,
            tracks: Vec::new(),
            pending: None,
            ice: IceConnectionState::New,
            is_connected: false,
            is_closed: false,
            rate,
            losses: Vec::new(),
            nacks: HashMap::new(),
            has_nacks: false,
            window: CongestionWindow::default(),
            next_count: None,
            is_counting: false,
        }
    }

    /// Adds a track, to be part of the next offer.
    pub fn add_track(&mut self, track: TrackSpec) {
        self.config.tracks.push(track);
    }

    /// Stops sending a track for good, as by `RTCRtpTransceiver.stop()`, and returns the offer that says
    /// so. `section` counts from 0.
    ///
    /// # Panics
    ///
    /// Panics if there is no such track, or if an offer waits for its answer.
    pub fn stop_track(&mut self, section: usize) -> String {
        let mid = self.tracks[section].mid;
        self.negotiate(|api| api.stop_media(mid))
    }

    /// Returns an offer of all tracks that were added since the last one, besides those before; without
    /// candidates.
    ///
    /// # Panics
    ///
    /// Panics if there is nothing to offer, or if an offer waits for its answer.
    pub fn offer(&mut self) -> String {
        self.negotiate(|_| {})
    }

    /// Returns an offer with new ICE credentials.
    ///
    /// # Panics
    ///
    /// Panics if an offer waits for its answer.
    pub fn restart_ice(&mut self) -> String {
        self.negotiate(|api| drop(api.ice_restart(true)))
    }

    /// Moves to another network, and returns the offer of an ICE restart from there.
    ///
    /// # Panics
    ///
    /// Panics if an offer waits for its answer.
    pub fn move_to(&mut self, address: SocketAddr) -> String {
        self.engine.add_address(address);
        self.negotiate(|api| drop(api.ice_restart(true)))
    }

    /// Takes in the answer to the offer.
    ///
    /// # Errors
    ///
    /// What is wrong with the answer.
    ///
    /// # Panics
    ///
    /// Panics if no offer waits for an answer.
    pub fn handle_answer(&mut self, now: Instant, sdp: &str) -> Result<(), String> {
        let pending = self.pending.take().expect("an offer waits for its answer");
        let answer = SdpAnswer::from_sdp_string(sdp).map_err(|error| error.to_string())?;
        let accepted = self.engine.rtc().sdp_api().accept_answer(pending, answer);
        accepted.map_err(|error| error.to_string())?;
        for (track, section) in self.tracks.iter_mut().zip(sdp::sections(sdp)) {
            let own = |pt: u8| self.engine.within_red(pt).map_or(pt, |own| *own);
            let agreed = section.payload_types.iter().find_map(|&pt| {
                let codec = self.engine.codec_of(pt).filter(|c| c.kind() == track.spec.kind)?;
                Some((codec, Pt::from(own(pt))))
            });
            let preferred = section.payload_types.first();
            track.red = preferred
                .filter(|&&pt| own(pt) != pt)
                .map(|&pt| Red { payload_type: pt.into(), before: None });
            let is_wanted = !section.is_stopped && section.direction == "recvonly";
            let codec = agreed.filter(|_| is_wanted);
            if track.codec != codec {
                track.codec = codec;
                track.encodings.clear();
                track.start(now, &section.rids);
                track.keep_more(&mut self.engine, self.config.feedback.is_some());
            }
        }
        self.allocate();
        self.handle_timeout(now);
        Ok(())
    }

    /// Returns the candidates to trickle after a description that this peer made.
    pub fn candidates(&self, description: &str) -> Vec<String> {
        self.engine.candidates(description)
    }

    /// Takes in a candidate of the other side.
    ///
    /// # Errors
    ///
    /// What is wrong with the candidate.
    pub fn add_candidate(&mut self, now: Instant, candidate: &str) -> Result<(), String> {
        self.engine.add_candidate(now, candidate)
    }

    /// Sends an encoding of a track or does not, as if the browser had decided so. `section` counts
    /// from 0; encoding 0 is the largest.
    ///
    /// # Panics
    ///
    /// Panics if there is no such encoding.
    pub fn set_encoding_active(&mut self, section: usize, encoding: usize, is_active: bool) {
        self.tracks[section].encodings[encoding].is_wanted = is_active;
        self.allocate();
    }

    /// Sends these encodings of its video tracks and no others: one word for each encoding, in the order
    /// of the description.
    ///
    /// # Panics
    ///
    /// Panics if it has fewer or more encodings.
    pub fn set_encodings_active(&mut self, are_active: &[bool]) {
        let video = self.tracks.iter_mut().filter(|track| track.spec.kind == MediaKind::Video);
        let encodings: Vec<_> = video.flat_map(|track| &mut track.encodings).collect();
        assert_eq!(encodings.len(), are_active.len(), "one word for each encoding");
        for (encoding, is_active) in encodings.into_iter().zip(are_active) {
            encoding.is_wanted = *is_active;
        }
        self.allocate();
    }

    /// Speaks at this level from now on, in dBov: -127 is silence. `section` counts from 0.
    ///
    /// # Panics
    ///
    /// Panics if there is no such track.
    pub fn set_level(&mut self, section: usize, level: i8) {
        self.tracks[section].level = level;
    }

    /// Closes the connection, as by `RTCPeerConnection.close()`.
    pub fn close(&mut self, now: Instant) {
        // An engine that is closed already needs no closing.
        if self.engine.is_alive() && self.engine.rtc().close().is_ok() {
            self.engine.settle(now);
        }
    }

    /// Returns whether ICE and DTLS are up.
    pub fn is_connected(&self) -> bool {
        self.is_connected && !self.is_closed && self.ice.is_connected()
    }

    /// Returns whether the other side closed the connection.
    pub fn is_closed(&self) -> bool {
        self.is_closed
    }

    /// Returns in which codec a track is sent, if the answer accepted it. `section` counts from 0.
    ///
    /// # Panics
    ///
    /// Panics if no such section was offered.
    pub fn codec(&self, section: usize) -> Option<Codec> {
        self.tracks[section].codec.map(|(codec, _)| codec)
    }

    /// Returns what was sent of an encoding. `section` counts from 0; encoding 0 is the largest.
    ///
    /// # Panics
    ///
    /// Panics if there is no such encoding.
    pub fn counts(&self, section: usize, encoding: usize) -> SourceCounts {
        self.tracks[section].encodings[encoding].source.counts()
    }

    /// Returns how many bits a second the other side last allowed by REMB.
    pub fn remb(&self) -> Option<u64> {
        self.rate.remb()
    }

    /// Returns when the frames of a track were captured of which any encoding was sent. `section` counts
    /// from 0.
    ///
    /// # Panics
    ///
    /// Panics if no such section was offered.
    pub fn captures(&self, section: usize) -> &[Instant] {
        &self.tracks[section].captures
    }

    /// Returns how many bits a second the peer sends at most, if that is limited. `None` before the
    /// other side said anything, unless it estimates by itself.
    pub fn target(&self) -> Option<u64> {
        Some(self.rate.target()).filter(|target| *target < u64::MAX)
    }

    fn negotiate(&mut self, change: impl FnOnce(&mut SdpApi<'_>)) -> String {
        assert!(self.pending.is_none(), "an offer waits for its answer");
        let mut api = self.engine.rtc().sdp_api();
        change(&mut api);
        for (section, spec) in self.config.tracks.drain(..).enumerate() {
            let kind = match spec.kind {
                MediaKind::Audio => str0m::media::MediaKind::Audio,
                MediaKind::Video => str0m::media::MediaKind::Video,
            };
            let simulcast = (spec.encodings > 1).then(|| Simulcast {
                send: rids_of(spec.encodings).iter().copied().map(SimulcastLayer::new).collect(),
                recv: Vec::new(),
            });
            let track_id = format!("track{}", self.tracks.len() + section);
            let stream_id = Some(self.config.stream_id.clone());
            let direction = Direction::SendOnly;
            let mid = api.add_media(kind, direction, stream_id, Some(track_id), simulcast);
            self.tracks.push(Track {
                spec,
                mid,
                codec: None,
                red: None,
                encodings: Vec::new(),
                level: SPEECH,
                captures: Vec::new(),
                loss: 0.0,
            });
        }
        let (offer, pending) = api.apply().expect("something to offer");
        self.pending = Some(pending);
        let offer = sdp::without_simulcast_ssrcs(&sdp::without_candidates(&offer.to_sdp_string()));
        let offer = sdp::with_red_last(&offer);
        if self.config.rtx { offer } else { sdp::without_rtx_ssrcs(&offer) }
    }

    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "most of the engine's events are about what this peer does not do"
    )]
    fn handle_events(&mut self, now: Instant) {
        while let Some(event) = self.engine.poll_event() {
            match event {
                Event::Connected => {
                    self.is_connected = true;
                    if self.config.feedback == Some(Feedback::Remb) {
                        self.rate.begin();
                    }
                    for encoding in self.tracks.iter_mut().flat_map(|t| &mut t.encodings) {
                        encoding.source.begin(now);
                    }
                }
                Event::IceConnectionStateChange(state) => self.ice = state,
                Event::Closed => self.is_closed = true,
                Event::KeyframeRequest(request) => {
                    let track = self.tracks.iter_mut().find(|track| track.mid == request.mid);
                    for encoding in track.into_iter().flat_map(|track| &mut track.encodings) {
                        if request.rid.is_none() || request.rid == encoding.rid {
                            encoding.source.request_keyframe();
                        }
                    }
                }
                Event::EgressBitrateEstimate(BweKind::Remb { estimate, .. }) => {
                    self.rate.handle_remb(now, estimate.as_u64());
                    self.allocate();
                }
                Event::MediaEgressStats(stats) if self.is_counting => {
                    // Without requests, what is sent again is padding, to find out what the way carries.
                    let before = self.nacks.insert((stats.mid, stats.rid), stats.nacks);
                    self.has_nacks |= before.unwrap_or(0) < stats.nacks;
                    let Some(loss) = stats.loss.map(f64::from) else { continue };
                    self.losses.push(loss);
                    let track = self.tracks.iter_mut().find(|track| track.mid == stats.mid);
                    track.into_iter().for_each(|track| track.handle_loss(loss));
                }
                Event::PeerStats(stats) => {
                    // The engine's event of an estimate tells the average of the last three seconds, with
                    // which a sender would go on for as long after its link has become narrow. libwebrtc goes
                    // by the estimate itself.
                    stats.rtt.inspect(|rtt| self.window.handle_round_trip(*rtt));
                    if let Some(estimate) = stats.bwe_tx {
                        self.rate.handle_estimate(estimate.as_u64());
                        self.allocate();
                    }
                    // What was counted of each encoding follows.
                    self.is_counting = self.next_count.is_none_or(|at| now >= at);
                    if self.is_counting {
                        self.next_count = Some(now + COUNT_INTERVAL);
                        self.handle_losses(now);
                        self.handle_repairs();
                    }
                }
                _ => {}
            }
        }
    }

    /// Adapts to what got lost, if nothing better is known.
    fn handle_losses(&mut self, now: Instant) {
        let losses = std::mem::take(&mut self.losses);
        if self.config.feedback == Some(Feedback::Remb) {
            if !losses.is_empty() {
                self.rate.handle_loss(now, losses.iter().sum::<f64>() / losses.len() as f64);
            }
            self.rate.handle_second(now);
            self.allocate();
        }
    }

    /// Leaves room for what is sent again, as far as the other side asks for it.
    fn handle_repairs(&mut self) {
        let [first, again] = self.engine.take_sent_media();
        let is_asked_for = std::mem::take(&mut self.has_nacks);
        if self.config.feedback.is_some() {
            self.rate.handle_sent([first, if is_asked_for { again } else { 0 }]);
            self.allocate();
        }
    }

    /// Shares out what may be sent as libwebrtc does: sound first, then pictures from the smallest
    /// encoding to the largest. The limit is that of the whole connection.
    fn allocate(&mut self) {
        let mut left = self.rate.target();
        let active = self.tracks.iter_mut().filter(|track| track.codec.is_some());
        let (audio, video): (Vec<_>, Vec<_>) =
            active.partition(|track| track.spec.kind == MediaKind::Audio);
        let audio = audio.into_iter().flat_map(|track| {
            let copies = if track.red.is_some() { 2 } else { 1 };
            track.encodings.iter_mut().map(move |encoding| (encoding, copies))
        });
        for (encoding, copies) in audio {
            left = left.saturating_sub(encoding.bounds.most * copies);
            encoding.source.set_active(encoding.is_wanted);
        }
        let left = self.rate.without_repairs(left);
        let wanted = video.into_iter().flat_map(|track| &mut track.encodings);
        let mut encodings: Vec<_> = wanted.collect();
        encodings.sort_by_key(|encoding| encoding.bounds.most);
        let bounds: Vec<_> = encodings.iter().map(|encoding| encoding.bounds).collect();
        let mut desired = AUDIO_BITRATE;
        for (encoding, granted) in encodings.into_iter().zip(share(left, &bounds)) {
            let granted = granted.filter(|_| encoding.is_wanted);
            encoding.bounds.is_sent = granted.is_some();
            encoding.source.set_active(granted.is_some());
            if let Some(granted) = granted {
                encoding.source.set_bitrate(granted.max(MIN_VIDEO_BITRATE));
            }
            if encoding.is_wanted {
                desired += encoding.bounds.most;
            }
        }
        if self.config.feedback == Some(Feedback::TransportWide) {
            self.engine.rtc().bwe().set_bitrate(0.into(), desired.into());
        }
    }

    /// Returns whether so much is on its way that the next frame is better left out.
    fn is_congested(&mut self, now: Instant) -> bool {
        self.window.handle_sent(now, self.engine.take_sent_bytes());
        self.target().is_some_and(|target| self.window.is_full(now, target))
    }

    /// Sends the frames that are due.
    fn capture(&mut self, now: Instant) {
        if !self.is_connected || self.is_closed {
            return;
        }
        let mut has_written = false;
        let is_congested = self.is_congested(now);
        for track in &mut self.tracks {
            let Some((codec, pt)) = track.codec else { continue };
            for encoding in &mut track.encodings {
                if is_congested && codec.kind() == MediaKind::Video {
                    encoding.source.leave_out(now);
                }
                let Some(frame) = encoding.source.poll(now) else { continue };
                if track.captures.last() != Some(&frame.captured) {
                    track.captures.push(frame.captured);
                }
                let mut api = self.engine.rtc().direct_api();
                let Some(stream) = api.stream_tx_by_mid(track.mid, encoding.rid) else { continue };
                let is_video = codec.kind() == MediaKind::Video;
                let last = frame.payloads.len() - 1;
                let packets = frame.payloads.into_iter().zip(frame.descriptors);
                for (i, (sequence, packet)) in (frame.sequence..).zip(packets).enumerate() {
                    let (payload, descriptor) = packet;
                    let mut extensions = ExtensionValues {
                        audio_level: (!is_video).then_some(track.level),
                        voice_activity: (!is_video).then_some(track.level >= SPEECH),
                        ..ExtensionValues::default()
                    };
                    if let Some(value) = descriptor {
                        extensions.user_values.set(DescriptorValue(value.into()));
                    }
                    let (sequence, timestamp) = (SeqNo::from(sequence), frame.timestamp);
                    let (pt, payload) = match &mut track.red {
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
        }
        if has_written {
            self.engine.settle(now);
        }
    }
}

/// Returns the names of the simulcast encodings, the largest first: of two as Galène's page chooses them.
fn rids_of(encodings: usize) -> &'static [&'static str] {
    match encodings {
        0..=2 => &["h", "l"],
        _ => &["h", "m", "l"],
    }
}

impl TrackSpec {
    /// Returns what an encoding needs and can use, 0 being the largest.
    fn bounds(&self, encoding: u8, is_smallest: bool) -> Bounds {
        let (most, least) = if self.is_camera && self.encodings == 3 {
            let (most, least) = THREE_ENCODINGS[usize::from(encoding)];
            (self.bitrate * most / 1_000, self.bitrate * least / 1_000)
        } else {
            let most = self.bitrate / SMALLER_BY.pow(encoding.into());
            (most, most / 2)
        };
        Bounds { least, most, is_smallest, is_sent: true }
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

impl Track {
    /// Begins to make frames. `rids` are those that the answer accepted.
    fn start(&mut self, now: Instant, rids: &[String]) {
        let Some((codec, _)) = self.codec else { return };
        let is_simulcast = self.spec.encodings > 1;
        let names: &[_] = if is_simulcast { rids_of(self.spec.encodings) } else { &[] };
        let names = (0..).zip(names.iter().copied());
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

    /// Lets the engine keep as much for retransmission as a browser keeps, if it is to adapt like one.
    fn keep_more(&self, engine: &mut Engine, is_adaptive: bool) {
        let is_video = self.spec.kind == MediaKind::Video;
        for encoding in self.encodings.iter().filter(|_| is_adaptive && is_video) {
            let mut api = engine.rtc().direct_api();
            if let Some(stream) = api.stream_tx_by_mid(self.mid, encoding.rid) {
                let (packets, age) = RESEND_MEMORY;
                stream.set_rtx_cache(packets, age, Some(MOST_RESENT));
                let repair = stream.rtx().map(|rtx| *rtx);
                repair.into_iter().for_each(|ssrc| engine.add_repair(ssrc));
            }
        }
    }

    /// Protects sound while packets get lost.
    fn handle_loss(&mut self, loss: f64) {
        if self.spec.kind == MediaKind::Audio {
            self.loss += LOSS_WEIGHT * (loss - self.loss);
            for encoding in &mut self.encodings {
                encoding.source.set_fec(self.loss >= FEC_LOSS);
            }
        }
    }
}

impl Node for PublisherPeer {
    fn handle_datagram(&mut self, now: Instant, datagram: &Datagram) {
        self.engine.handle_datagram(now, datagram);
        self.handle_events(now);
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.engine.settle(now);
        self.handle_events(now);
        self.capture(now);
        self.handle_events(now);
    }

    fn poll_transmit(&mut self) -> Option<Datagram> {
        self.engine.poll_transmit()
    }

    fn poll_timeout(&mut self) -> Option<Instant> {
        let sends = self.is_connected && !self.is_closed;
        let tracks = self.tracks.iter().filter(|track| sends && track.codec.is_some());
        let sources = tracks.flat_map(|track| &track.encodings).map(|e| e.source.poll_timeout());
        sources.chain(self.engine.poll_timeout()).min()
    }
}

impl std::fmt::Debug for PublisherPeer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PublisherPeer")
            .field("config", &self.config)
            .field("tracks", &self.tracks)
            .field("ice", &self.ice)
            .finish_non_exhaustive()
    }
}
