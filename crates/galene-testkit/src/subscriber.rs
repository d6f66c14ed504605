//! Stands in for a browser that watches.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use str0m::Event;
use str0m::change::SdpOffer;
use str0m::rtp::RtpPacket;

use crate::codec::MediaKind;
use crate::engine::{Engine, Formats, mid};
use crate::node::{Datagram, Node};
use crate::receive_estimator::ReceiveEstimator;
use crate::received_track::ReceivedTrack;
use crate::sdp::{self, Section};
use crate::subscriber_config::SubscriberConfig;

/// An `RTCPeerConnection` that answers offers, receives, and checks each RTP stream.
///
/// It requests keyframes as a browser does: when something is missing that was waited for long enough.
#[derive(Debug)]
pub struct SubscriberPeer {
    engine: Engine,
    config: SubscriberConfig,
    sections: Vec<Section>,
    tracks: BTreeMap<u32, ReceivedTrack>,
    now: Instant,
    next_remb: Option<Instant>,
    /// Estimates how much the way here can carry, if that is to be reported.
    estimator: Option<ReceiveEstimator>,
}

/// The bytes of a packet beside its payload: headers of IP, UDP and RTP, extensions, and the tag of SRTP.
const RTP_OVERHEAD: usize = 20 + 8 + 12 + 12 + 16;

/// libwebrtc's receivers look at their estimate every 200 ms, and report it as often; one that has fallen by
/// 3 % they report at once.
const REMB_INTERVAL: Duration = Duration::from_millis(200);

impl SubscriberPeer {
    /// Returns a peer that has not been offered anything yet.
    pub fn new(now: Instant, config: SubscriberConfig) -> Self {
        let formats = Formats { codecs: &config.codecs, rtx: config.rtx, red: config.red };
        let engine = match config.playing {
            None => Engine::new(now, config.address, formats),
            Some(feedback) => Engine::adaptive(now, config.address, formats, feedback, false),
        };
        Self {
            engine,
            config,
            sections: Vec::new(),
            tracks: BTreeMap::new(),
            now,
            next_remb: None,
            estimator: None,
        }
    }

    /// Takes in an offer, the first or a later one, and returns the answer, without candidates.
    ///
    /// # Errors
    ///
    /// What is wrong with the offer.
    pub fn handle_offer(&mut self, now: Instant, sdp: &str) -> Result<String, String> {
        // A browser that may choose answers as DTLS client (RFC 8842 §5.3); the engine would be server.
        let as_client = sdp.replace("a=setup:actpass", "a=setup:passive");
        let offer = SdpOffer::from_sdp_string(&as_client).map_err(|error| error.to_string())?;
        let answer = self.engine.rtc().sdp_api().accept_offer(offer);
        let answer = answer.map_err(|error| error.to_string())?;
        self.sections = sdp::sections(sdp);
        self.handle_timeout(now);
        let answer = sdp::without_candidates(&answer.to_sdp_string());
        let is_transport_wide = sdp::sections(&answer).iter().any(|s| s.has_transport_cc);
        if self.config.playing.is_none() || is_transport_wide {
            self.estimator = None;
        } else {
            self.estimator.get_or_insert_with(ReceiveEstimator::new);
        }
        Ok(answer)
    }

    /// Moves to another network; the next offer with an ICE restart will be answered from there.
    pub fn move_to(&mut self, address: SocketAddr) {
        self.engine.add_address(address);
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

    /// Reports another bit rate by REMB, or none.
    pub fn set_remb(&mut self, bits_per_second: Option<u64>) {
        self.config.remb = bits_per_second;
        self.next_remb = None;
    }

    /// Requests a keyframe of each video track, needed or not.
    pub fn request_keyframes(&mut self, now: Instant) {
        for track in self.tracks.values_mut().filter(|t| t.codec().kind() == MediaKind::Video) {
            track.request_keyframe(now, &mut self.engine);
        }
        self.engine.settle(now);
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

    /// Returns the media sections of the latest offer.
    pub fn sections(&self) -> &[Section] {
        &self.sections
    }

    /// Returns the streams that anything was received of, by SSRC.
    pub fn tracks(&self) -> impl Iterator<Item = &ReceivedTrack> {
        self.tracks.values()
    }

    /// Returns the streams of a media section, which counts from 0.
    pub fn tracks_of(&self, section: usize) -> impl Iterator<Item = &ReceivedTrack> {
        self.tracks().filter(move |track| track.section() == section)
    }

    /// Returns the stream whose packets come from the publisher's track of this number.
    pub fn track_from(&self, stream: u32) -> Option<&ReceivedTrack> {
        self.tracks().find(|track| track.checker().has_seen(stream))
    }

    /// # Panics
    ///
    /// Panics if anything was wrong with any stream, and says what.
    #[track_caller]
    pub fn assert_clean(&self) {
        self.tracks().for_each(|track| track.checker().assert_clean());
    }

    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "most of the engine's events are about what this peer does not do"
    )]
    fn handle_events(&mut self, now: Instant) {
        while let Some(event) = self.engine.poll_event() {
            match event {
                Event::RtpPacket(packet) => {
                    self.estimate(now, &packet);
                    self.handle_rtp(now, &packet);
                }
                Event::SenderFeedback(feedback) => {
                    let info = feedback.sender_info;
                    if let Some(track) = self.tracks.get_mut(&*info.ssrc) {
                        #[expect(clippy::cast_possible_truncation, reason = "it was extended")]
                        let timestamp = info.rtp_time.numer() as u32;
                        track.handle_sender_report(info.ntp_time, timestamp);
                    }
                }
                _ => {}
            }
        }
    }

    fn show_packets(&mut self, now: Instant) {
        let streams: Vec<_> = self.tracks.keys().copied().collect();
        while let Some(packet) = self.engine.poll_packet(&streams) {
            if let Some(track) = self.tracks.get_mut(&packet.ssrc) {
                track.show(now, &packet);
            }
        }
    }

    /// Learns from the packet how much the way here can carry.
    fn estimate(&mut self, now: Instant, packet: &RtpPacket) {
        let Some(estimator) = &mut self.estimator else { return };
        let Some(sent) = packet.header.ext_vals.abs_send_time else { return };
        let has_fallen = estimator.handle_packet(now, sent, packet.payload.len() + RTP_OVERHEAD);
        self.config.remb = Some(estimator.estimate());
        if has_fallen {
            self.next_remb = None;
        }
    }

    fn handle_rtp(&mut self, now: Instant, packet: &RtpPacket) {
        let (ssrc, payload_type) = (*packet.header.ssrc, *packet.header.payload_type);
        if !self.tracks.contains_key(&ssrc) {
            let track = self.new_track(ssrc, payload_type);
            self.tracks.extend(track.map(|track| (ssrc, track)));
        }
        let within_red = self.engine.within_red(payload_type).map(|own| *own);
        if let Some(track) = self.tracks.get_mut(&ssrc) {
            track.handle_packet(now, packet, within_red);
        }
    }

    fn new_track(&mut self, ssrc: u32, payload_type: u8) -> Option<ReceivedTrack> {
        let codec = self.engine.codec_of(payload_type)?;
        let mut api = self.engine.rtc().direct_api();
        let stream = api.stream_rx(&ssrc.into())?;
        // Who plays asks for lost packets as browsers do, in place of the engine.
        stream.suppress_nack(self.config.playing.is_some());
        let mid = stream.mid();
        let section = self.sections.iter().position(|section| self::mid(&section.mid) == mid)?;
        Some(ReceivedTrack::new(section, ssrc, codec, &self.config))
    }

    fn send_feedback(&mut self, now: Instant) {
        let mut has_sent = false;
        for track in self.tracks.values_mut() {
            has_sent |= track.send_feedback(now, &mut self.engine);
        }
        if let Some(remb) = self.config.remb
            && self.engine.is_open()
            && self.next_remb.is_none_or(|at| at <= now)
        {
            self.next_remb = Some(now + REMB_INTERVAL);
            for ssrc in self.tracks.keys() {
                if let Some(stream) = self.engine.rtc().direct_api().stream_rx(&(*ssrc).into()) {
                    stream.request_remb(remb.into());
                    has_sent = true;
                }
            }
        }
        if has_sent {
            self.engine.settle(now);
        }
    }
}

impl Node for SubscriberPeer {
    fn handle_datagram(&mut self, now: Instant, datagram: &Datagram) {
        self.now = now;
        self.engine.handle_datagram(now, datagram);
        self.handle_events(now);
        self.show_packets(now);
        self.send_feedback(now);
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.now = now;
        self.engine.settle(now);
        self.handle_events(now);
        self.send_feedback(now);
    }

    fn poll_transmit(&mut self) -> Option<Datagram> {
        self.engine.poll_transmit()
    }

    fn poll_timeout(&mut self) -> Option<Instant> {
        let tracks = self.tracks.values().map(|track| track.poll_timeout(self.now));
        let remb = self.next_remb.filter(|_| self.config.remb.is_some() && self.engine.is_open());
        tracks.chain([self.engine.poll_timeout(), remb]).flatten().min()
    }
}
