//! Stands in for a browser that publishes.

use std::net::SocketAddr;
use std::time::Instant;

use str0m::Event;
use str0m::bwe::BweKind;
use str0m::change::{SdpAnswer, SdpApi, SdpPendingOffer};

use crate::allocation::allocate;
use crate::codec::{Codec, MediaKind};
use crate::congestion_window::CongestionWindow;
use crate::egress_counts::{EgressCounts, Second};
use crate::engine::{Engine, Feedback, Formats, START_BITRATE};
use crate::node::{Datagram, Node};
use crate::published_track::PublishedTrack;
use crate::publisher_config::PublisherConfig;
use crate::rate_controller::RateController;
use crate::sdp;
use crate::source::SourceCounts;
use crate::track_spec::TrackSpec;

/// An `RTCPeerConnection` that offers to send camera and microphone.
///
/// [`offer`](Self::offer) and [`handle_answer`](Self::handle_answer) negotiate; candidates go both ways
/// by [`candidates`](Self::candidates) and [`add_candidate`](Self::add_candidate). From the moment at
/// which it is connected it sends media by itself, answers keyframe requests and NACKs, and keeps to
/// the bit rate of REMB.
pub struct PublisherPeer {
    engine: Engine,
    config: PublisherConfig,
    tracks: Vec<PublishedTrack>,
    pending: Option<SdpPendingOffer>,
    rate: RateController,
    counts: EgressCounts,
    window: CongestionWindow,
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
            rate,
            counts: EgressCounts::default(),
            window: CongestionWindow::default(),
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
            track.handle_answer(now, &section, &mut self.engine, self.config.feedback.is_some());
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
        self.engine.close(now);
    }

    /// Returns whether ICE and DTLS are up.
    pub fn is_connected(&self) -> bool {
        self.engine.is_connected()
    }

    /// Returns whether the other side closed the connection.
    pub fn is_closed(&self) -> bool {
        self.engine.is_closed()
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
        for spec in self.config.tracks.drain(..) {
            let (number, stream_id) = (self.tracks.len(), &self.config.stream_id);
            self.tracks.push(PublishedTrack::offer(spec, number, stream_id, &mut api));
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
                    if self.config.feedback == Some(Feedback::Remb) {
                        self.rate.begin();
                    }
                    for encoding in self.tracks.iter_mut().flat_map(|t| &mut t.encodings) {
                        encoding.source.begin(now);
                    }
                }
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
                Event::MediaEgressStats(stats) => {
                    let track = self.tracks.iter_mut().find(|track| track.mid == stats.mid);
                    let loss = self.counts.handle_encoding(&stats);
                    track.zip(loss).into_iter().for_each(|(track, loss)| track.handle_loss(loss));
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
                    if let Some(second) = self.counts.poll(now) {
                        self.handle_second(now, second);
                    }
                }
                _ => {}
            }
        }
    }

    /// Adapts to what got lost, if nothing better is known, and leaves room for what is sent again, as far as
    /// the other side asks for it.
    fn handle_second(&mut self, now: Instant, second: Second) {
        if self.config.feedback == Some(Feedback::Remb) {
            second.loss.inspect(|loss| self.rate.handle_loss(now, *loss));
            self.rate.handle_second(now);
            self.allocate();
        }
        let [first, again] = self.engine.take_sent_media();
        if self.config.feedback.is_some() {
            self.rate.handle_sent([first, if second.has_nacks { again } else { 0 }]);
            self.allocate();
        }
    }

    /// Shares out what may be sent.
    fn allocate(&mut self) {
        let desired = allocate(&self.rate, &mut self.tracks);
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
        if !self.engine.is_open() {
            return;
        }
        let is_congested = self.is_congested(now);
        let mut has_written = false;
        for track in &mut self.tracks {
            has_written |= track.capture(now, is_congested, &mut self.engine);
        }
        if has_written {
            self.engine.settle(now);
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
        let sends = self.engine.is_open();
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
            .field("is_connected", &self.is_connected())
            .finish_non_exhaustive()
    }
}
