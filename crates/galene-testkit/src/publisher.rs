//! Stands in for a browser that publishes.

use std::net::SocketAddr;
use std::time::Instant;

use str0m::bwe::BweKind;
use str0m::change::{SdpAnswer, SdpApi, SdpPendingOffer};
use str0m::media::{Direction, Mid, Pt, Rid, Simulcast, SimulcastLayer};
use str0m::rtp::{ExtensionValues, RtpWrite, SeqNo};
use str0m::{Event, IceConnectionState};

use crate::codec::{Codec, MediaKind};
use crate::engine::Engine;
use crate::node::{Datagram, Node};
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
    remb: Option<u64>,
}

/// What a [`PublisherPeer`] is and does.
#[derive(Debug, Clone)]
pub struct PublisherConfig {
    address: SocketAddr,
    codecs: Vec<Codec>,
    rtx: bool,
    stream_id: String,
    tracks: Vec<TrackSpec>,
}

/// A track to publish.
#[derive(Debug, Clone)]
pub struct TrackSpec {
    kind: MediaKind,
    stream: u32,
    bitrate: u64,
    encodings: usize,
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
    encodings: Vec<Encoding>,
}

#[derive(Debug)]
struct Encoding {
    rid: Option<Rid>,
    bitrate: u64,
    is_wanted: bool,
    source: Source,
}

/// What sound takes, in bits per second; the bit rate of REMB includes it.
const AUDIO_BITRATE: u64 = 40_000;

/// The smallest encoding of a track is never sent at less.
const MIN_VIDEO_BITRATE: u64 = 30_000;

/// Each simulcast encoding has so many times the bit rate of the next smaller one.
const SMALLER_BY: u64 = 4;

impl TrackSpec {
    /// Returns a microphone, whose packets say that they come from `stream`.
    pub fn audio(stream: u32) -> Self {
        Self { kind: MediaKind::Audio, bitrate: AUDIO_BITRATE, ..Self::video(stream) }
    }

    /// Returns a camera at 500 kbit/s, whose packets say that they come from `stream`.
    pub fn video(stream: u32) -> Self {
        let (kind, scalability) = (MediaKind::Video, Scalability::L1T1);
        Self { kind, stream, bitrate: 500_000, encodings: 1, scalability, start: None }
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

    /// Sends so many encodings, at most three: each at a quarter of the bit rate of the one before.
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
        Self { address, codecs: Codec::ALL.to_vec(), rtx: true, stream_id, tracks: Vec::new() }
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
        Self {
            engine: Engine::new(now, config.address, &config.codecs, config.rtx),
            config,
            tracks: Vec::new(),
            pending: None,
            ice: IceConnectionState::New,
            is_connected: false,
            is_closed: false,
            remb: None,
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
            let agreed = section.payload_types.iter().find_map(|&pt| {
                let codec = self.engine.codec_of(pt).filter(|c| c.kind() == track.spec.kind)?;
                Some((codec, Pt::from(pt)))
            });
            let is_wanted = !section.is_stopped && section.direction == "recvonly";
            let codec = agreed.filter(|_| is_wanted);
            if track.codec != codec {
                track.codec = codec;
                track.encodings.clear();
                track.start(now, &section.rids);
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
        self.remb
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
            self.tracks.push(Track { spec, mid, codec: None, encodings: Vec::new() });
        }
        let (offer, pending) = api.apply().expect("something to offer");
        self.pending = Some(pending);
        let offer = sdp::without_simulcast_ssrcs(&sdp::without_candidates(&offer.to_sdp_string()));
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
                    self.remb = Some(estimate.as_u64());
                    self.allocate();
                }
                _ => {}
            }
        }
    }

    /// Shares out what REMB allows as libwebrtc does: sound first, then pictures from the smallest
    /// encoding to the largest. It takes the latest REMB as the limit of the whole connection.
    fn allocate(&mut self) {
        let mut left = self.remb.unwrap_or(u64::MAX);
        let active = self.tracks.iter_mut().filter(|track| track.codec.is_some());
        let (audio, video): (Vec<_>, Vec<_>) =
            active.partition(|track| track.spec.kind == MediaKind::Audio);
        for encoding in audio.into_iter().flat_map(|track| &mut track.encodings) {
            left = left.saturating_sub(encoding.bitrate);
            encoding.source.set_active(encoding.is_wanted);
        }
        let mut encodings: Vec<_> = video
            .into_iter()
            .flat_map(|track| track.encodings.iter_mut().rev().enumerate())
            .collect();
        encodings.sort_by_key(|(_, encoding)| encoding.bitrate);
        for (rank, encoding) in encodings {
            let is_smallest = rank == 0;
            let granted = encoding.bitrate.min(left);
            let is_worth_it = is_smallest || granted >= encoding.bitrate / 2;
            encoding.source.set_active(encoding.is_wanted && is_worth_it);
            if encoding.is_wanted && is_worth_it {
                encoding.source.set_bitrate(granted.max(MIN_VIDEO_BITRATE));
                left -= granted;
            }
        }
    }

    /// Sends the frames that are due.
    fn capture(&mut self, now: Instant) {
        if !self.is_connected || self.is_closed {
            return;
        }
        let mut has_written = false;
        for track in &mut self.tracks {
            let Some((codec, pt)) = track.codec else { continue };
            for encoding in &mut track.encodings {
                let Some(frame) = encoding.source.poll(now) else { continue };
                let mut api = self.engine.rtc().direct_api();
                let Some(stream) = api.stream_tx_by_mid(track.mid, encoding.rid) else { continue };
                let is_video = codec.kind() == MediaKind::Video;
                let last = frame.payloads.len() - 1;
                for (i, (sequence, payload)) in (frame.sequence..).zip(frame.payloads).enumerate() {
                    let extensions = ExtensionValues {
                        audio_level: (!is_video).then_some(-30),
                        voice_activity: (!is_video).then_some(true),
                        ..ExtensionValues::default()
                    };
                    let (sequence, timestamp) = (SeqNo::from(sequence), frame.timestamp);
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

impl Track {
    /// Begins to make frames. `rids` are those that the answer accepted.
    fn start(&mut self, now: Instant, rids: &[String]) {
        let Some((codec, _)) = self.codec else { return };
        let is_simulcast = self.spec.encodings > 1 && !rids.is_empty();
        let names: &[_] = if is_simulcast { rids_of(self.spec.encodings) } else { &[""] };
        for (encoding, name) in (0..).zip(names) {
            if is_simulcast && !rids.iter().any(|rid| rid == name) {
                continue;
            }
            let rid = is_simulcast.then_some(*name);
            let bitrate = self.spec.bitrate / SMALLER_BY.pow(encoding.into());
            let stream = self.spec.stream;
            let mut source = Source::new(codec, stream, encoding, bitrate, now);
            source.set_scalability(self.spec.scalability);
            if let Some((sequence, timestamp)) = self.spec.start {
                source.start_at(sequence, timestamp);
            }
            let rid = rid.map(Rid::from);
            self.encodings.push(Encoding { rid, bitrate, is_wanted: true, source });
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
