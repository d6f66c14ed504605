//! Stands in for a browser that watches.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant, SystemTime};

use str0m::change::SdpOffer;
use str0m::media::KeyframeRequestKind;
use str0m::rtp::RtpPacket;
use str0m::{Event, IceConnectionState};

use crate::checker::{EgressChecker, ReceivedPacket};
use crate::codec::{Codec, MediaKind};
use crate::decoder::Decoder;
use crate::descriptor::DescriptorValue;
use crate::engine::{Engine, Feedback, Formats, mid};
use crate::listener::Listener;
use crate::nack::{NackRequester, write_nack};
use crate::node::{Datagram, Node};
use crate::own_rtp::OpenedPacket;
use crate::receive_estimator::ReceiveEstimator;
use crate::redundant::{self, Block};
use crate::sdp::{self, Section};
use crate::stamp::Stamp;

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
    ice: IceConnectionState,
    is_connected: bool,
    is_closed: bool,
    next_remb: Option<Instant>,
    /// Estimates how much the way here can carry, if that is to be reported.
    estimator: Option<ReceiveEstimator>,
}

/// What a [`SubscriberPeer`] is and does.
#[derive(Debug, Clone)]
pub struct SubscriberConfig {
    address: SocketAddr,
    codecs: Vec<Codec>,
    rtx: bool,
    red: bool,
    remb: Option<u64>,
    may_miss_start: bool,
    give_up_after: Option<Duration>,
    playing: Option<Feedback>,
}

/// An RTP stream that a [`SubscriberPeer`] receives.
#[derive(Debug)]
pub struct ReceivedTrack {
    section: usize,
    ssrc: u32,
    codec: Codec,
    checker: EgressChecker,
    playback: Playback,
    keyframe_requested: Option<Instant>,
    keyframe_requests: u64,
    /// How many packets came with a dependency descriptor, and the frame number in the latest.
    descriptors: u64,
    descriptor_frame: Option<u16>,
    stray_descriptors: u64,
    /// How many packets came with copies of earlier ones, and how many of the copies are not what they
    /// say.
    redundant: u64,
    stray_copies: u64,
    /// From the latest sender report: wall-clock time and RTP timestamp.
    sender_report: Option<(SystemTime, u32)>,
    sender_reports: u64,
    stray_sender_reports: u64,
}

/// What becomes of the media after it was checked.
#[derive(Debug)]
enum Playback {
    Nothing,
    Pictures(Decoder, NackRequester),
    Sound(Listener),
}

/// A sender report whose timestamp is further than this from the media is of no use for lip-sync. The
/// media may pause for some seconds before a report.
const MAX_REPORT_DISTANCE: Duration = Duration::from_secs(10);

/// libwebrtc repeats a keyframe request after this time.
const KEYFRAME_REQUEST_INTERVAL: Duration = Duration::from_millis(200);

/// Without RTX nothing can be waited for but packets that were overtaken.
const GIVE_UP_WITHOUT_RTX: Duration = Duration::from_millis(60);

/// The bytes of a packet beside its payload: headers of IP, UDP and RTP, extensions, and the tag of SRTP.
const RTP_OVERHEAD: usize = 20 + 8 + 12 + 12 + 16;

/// Browsers send REMB about once a second.
const REMB_INTERVAL: Duration = Duration::from_secs(1);

impl SubscriberConfig {
    /// Returns a browser at `address` that accepts all codecs and RTX.
    pub fn new(address: SocketAddr) -> Self {
        let codecs = Codec::ALL.to_vec();
        let (remb, give_up_after) = (None, None);
        let (rtx, may_miss_start, playing) = (true, false, None);
        let red = false;
        Self { address, codecs, rtx, red, remb, may_miss_start, give_up_after, playing }
    }

    /// Accepts these codecs only.
    #[must_use]
    pub fn codecs(mut self, codecs: &[Codec]) -> Self {
        self.codecs = codecs.to_vec();
        self
    }

    /// Accepts no RTX, and hence sends no NACK.
    #[must_use]
    pub fn without_rtx(mut self) -> Self {
        self.rtx = false;
        self
    }

    /// Accepts redundant audio, as Chromium does and Firefox does not.
    #[must_use]
    pub fn red(mut self) -> Self {
        self.red = true;
        self
    }

    /// Reports by REMB that it can receive so many bits a second.
    #[must_use]
    pub fn remb(mut self, bits_per_second: u64) -> Self {
        self.remb = Some(bits_per_second);
        self
    }

    /// Waits this long for packets of pictures to be sent again, instead of half a second: for a peer far
    /// away.
    #[must_use]
    pub fn give_up_after(mut self, give_up_after: Duration) -> Self {
        self.give_up_after = Some(give_up_after);
        self
    }

    /// Plays what it receives, as a browser does: keyframes are asked for by a [`Decoder`], and the sender
    /// is told by this feedback, where it understands it, how much the way between the two can carry.
    #[must_use]
    pub fn playing(mut self, feedback: Feedback) -> Self {
        self.playing = Some(feedback);
        self
    }

    /// Accepts that streams begin with something else than a keyframe, because the network may have
    /// lost that.
    #[must_use]
    pub fn may_miss_start(mut self) -> Self {
        self.may_miss_start = true;
        self
    }
}

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
            ice: IceConnectionState::New,
            is_connected: false,
            is_closed: false,
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
        for track in self.tracks.values_mut().filter(|t| t.codec.kind() == MediaKind::Video) {
            track.request_keyframe(now, &mut self.engine);
        }
        self.engine.settle(now);
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
        self.tracks().filter(move |track| track.section == section)
    }

    /// Returns the stream whose packets come from the publisher's track of this number.
    pub fn track_from(&self, stream: u32) -> Option<&ReceivedTrack> {
        self.tracks().find(|track| track.checker.has_seen(stream))
    }

    /// # Panics
    ///
    /// Panics if anything was wrong with any stream, and says what.
    #[track_caller]
    pub fn assert_clean(&self) {
        self.tracks().for_each(|track| track.checker.assert_clean());
    }

    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "most of the engine's events are about what this peer does not do"
    )]
    fn handle_events(&mut self, now: Instant) {
        while let Some(event) = self.engine.poll_event() {
            match event {
                Event::Connected => self.is_connected = true,
                Event::IceConnectionStateChange(state) => self.ice = state,
                Event::Closed => self.is_closed = true,
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
        let header = &packet.header;
        let ssrc = *header.ssrc;
        if !self.tracks.contains_key(&ssrc) {
            let track = self.new_track(ssrc, *header.payload_type);
            self.tracks.extend(track.map(|track| (ssrc, track)));
        }
        let Some(track) = self.tracks.get_mut(&ssrc) else { return };
        if let Some(DescriptorValue(value)) = header.ext_vals.user_values.get() {
            track.handle_descriptor(value);
        }
        let mut payload = &packet.payload[..];
        if let Some(own) = self.engine.within_red(*header.payload_type) {
            let blocks = redundant::read(payload)
                .filter(|blocks| blocks.iter().all(|block| block.payload_type == *own));
            // What cannot be read carries no stamp, which the checker notes.
            if let Some((last, copies)) = blocks.as_deref().and_then(<[_]>::split_last) {
                payload = last.payload;
                track.redundant += u64::from(!copies.is_empty());
                copies.iter().for_each(|copy| track.play_copy(now, last, copy));
            }
        }
        track.play(now, payload);
        track.checker.handle_packet(
            now,
            ReceivedPacket {
                sequence: *packet.seq_no,
                timestamp: header.timestamp,
                marker: header.marker,
                payload,
            },
        );
    }

    fn new_track(&mut self, ssrc: u32, payload_type: u8) -> Option<ReceivedTrack> {
        let codec = self.engine.codec_of(payload_type)?;
        let mut api = self.engine.rtc().direct_api();
        let stream = api.stream_rx(&ssrc.into())?;
        // Who plays asks for lost packets as browsers do, in place of the engine.
        stream.suppress_nack(self.config.playing.is_some());
        let mid = stream.mid();
        let section = self.sections.iter().position(|section| self::mid(&section.mid) == mid)?;
        let mut checker = EgressChecker::new(codec);
        if !self.config.rtx {
            checker = checker.give_up_after(GIVE_UP_WITHOUT_RTX);
        }
        if let (Some(give_up_after), MediaKind::Video) = (self.config.give_up_after, codec.kind()) {
            checker = checker.give_up_after(give_up_after);
        }
        if self.config.may_miss_start {
            checker = checker.may_miss_start();
        }
        Some(ReceivedTrack {
            section,
            ssrc,
            codec,
            checker,
            playback: match (self.config.playing, codec.kind()) {
                (None, _) => Playback::Nothing,
                (Some(_), MediaKind::Video) => {
                    Playback::Pictures(Decoder::new(), NackRequester::default())
                }
                (Some(_), MediaKind::Audio) => Playback::Sound(Listener::new()),
            },
            keyframe_requested: None,
            keyframe_requests: 0,
            descriptors: 0,
            descriptor_frame: None,
            stray_descriptors: 0,
            redundant: 0,
            stray_copies: 0,
            sender_report: None,
            sender_reports: 0,
            stray_sender_reports: 0,
        })
    }

    fn send_feedback(&mut self, now: Instant) {
        let mut has_sent = false;
        for track in self.tracks.values_mut() {
            track.checker.handle_timeout(now);
            if let Playback::Pictures(_, nack) = &mut track.playback {
                let wanted = nack.poll(now);
                if !wanted.is_empty() {
                    self.engine.send_report(&write_nack(track.ssrc, &wanted));
                }
            }
            if track.wants_keyframe(now) {
                track.request_keyframe(now, &mut self.engine);
                has_sent = true;
            }
        }
        if let Some(remb) = self.config.remb
            && self.is_connected
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

impl ReceivedTrack {
    /// Returns the number of the media section, from 0.
    pub fn section(&self) -> usize {
        self.section
    }

    /// Returns the SSRC.
    pub fn ssrc(&self) -> u32 {
        self.ssrc
    }

    /// Returns the codec of the first packet.
    pub fn codec(&self) -> Codec {
        self.codec
    }

    /// Returns what was found out about the stream.
    pub fn checker(&self) -> &EgressChecker {
        &self.checker
    }

    /// Returns what was shown, if it is a picture and the peer plays what it receives.
    pub fn decoder(&self) -> Option<&Decoder> {
        match &self.playback {
            Playback::Pictures(decoder, _) => Some(decoder),
            Playback::Nothing | Playback::Sound(_) => None,
        }
    }

    /// Returns what was heard, if it is sound and the peer plays what it receives.
    pub fn listener(&self) -> Option<&Listener> {
        match &self.playback {
            Playback::Sound(listener) => Some(listener),
            Playback::Nothing | Playback::Pictures(..) => None,
        }
    }

    /// Returns how many keyframes were requested.
    pub fn keyframe_requests(&self) -> u64 {
        self.keyframe_requests
    }

    /// Returns how many packets came with a dependency descriptor.
    pub fn descriptors(&self) -> u64 {
        self.descriptors
    }

    /// Returns how many of them numbered their frame far from the one before.
    pub fn stray_descriptors(&self) -> u64 {
        self.stray_descriptors
    }

    /// Returns how many packets came with copies of earlier ones.
    pub fn redundant(&self) -> u64 {
        self.redundant
    }

    /// Returns how many of the copies were not those that they were said to be.
    pub fn stray_copies(&self) -> u64 {
        self.stray_copies
    }

    /// Returns how many sender reports were received.
    pub fn sender_reports(&self) -> u64 {
        self.sender_reports
    }

    /// Returns how many of them gave a timestamp that has nothing to do with those of the packets.
    pub fn stray_sender_reports(&self) -> u64 {
        self.stray_sender_reports
    }

    /// Returns what is to be added to the time of capture to get the wall-clock time that sender report
    /// and timestamp give the latest packet. Lip-sync is that it is the same for sound and pictures.
    pub fn presentation_offset(&self) -> Option<Duration> {
        let ((timestamp, captured), (ntp, reported)) =
            self.checker.latest().zip(self.sender_report)?;
        let since_unix = ntp.duration_since(SystemTime::UNIX_EPOCH).ok()?;
        let ticks = timestamp.wrapping_sub(reported);
        let clock = f64::from(self.codec.clock_rate_hz());
        let presented = if ticks < u32::MAX / 2 {
            since_unix + Duration::from_secs_f64(f64::from(ticks) / clock)
        } else {
            since_unix - Duration::from_secs_f64(f64::from(ticks.wrapping_neg()) / clock)
        };
        presented.checked_sub(captured)
    }

    fn handle_descriptor(&mut self, value: &[u8]) {
        self.descriptors += 1;
        let [_, high, low, ..] = *value else { return };
        let frame = u16::from_be_bytes([high, low]);
        let last = self.descriptor_frame.replace(frame);
        // Frames may be left out and packets overtaken; more is a number of another source.
        let is_near = |last: u16| frame.wrapping_sub(last).cast_signed().unsigned_abs() < 64;
        self.stray_descriptors += u64::from(last.is_some_and(|last| !is_near(last)));
    }

    fn handle_sender_report(&mut self, ntp: SystemTime, timestamp: u32) {
        self.sender_report = Some((ntp, timestamp));
        self.sender_reports += 1;
        if let Some((latest, _)) = self.checker.latest() {
            let ticks = timestamp.wrapping_sub(latest).cast_signed().unsigned_abs();
            let distance = f64::from(ticks) / f64::from(self.codec.clock_rate_hz());
            if distance > MAX_REPORT_DISTANCE.as_secs_f64() {
                self.stray_sender_reports += 1;
            }
        }
    }

    /// Shows a packet that may have been sent again.
    fn show(&mut self, now: Instant, packet: &OpenedPacket) {
        let Playback::Pictures(decoder, nack) = &mut self.playback else { return };
        if !nack.handle_packet(packet.sequence) {
            decoder.need_keyframe();
        }
        if packet.payload.is_empty() {
            decoder.handle_vacant(now, packet.sequence);
        } else if let Ok(stamp) = Stamp::read(&packet.payload) {
            // What carries no stamp is a fault, which the checker notes.
            decoder.handle_packet(now, packet.sequence, &stamp);
        }
        if let Some(next) = decoder.next_sequence() {
            nack.forget_before(next);
        }
    }

    fn play(&mut self, now: Instant, payload: &[u8]) {
        // What carries no stamp is a fault, which the checker notes.
        let Ok(stamp) = Stamp::read(payload) else { return };

        match &mut self.playback {
            Playback::Nothing => {}
            // They come by another way, which the engine does not cut short.
            Playback::Pictures(..) => {}
            Playback::Sound(listener) => listener.handle_packet(now, &stamp),
        }
    }

    /// Takes in the copy of an earlier packet that came with a packet.
    fn play_copy(&mut self, now: Instant, own: &Block<'_>, copy: &Block<'_>) {
        let (Ok(own), Ok(stamp)) = (Stamp::read(own.payload), Stamp::read(copy.payload)) else {
            self.stray_copies += 1;
            return;
        };
        let is_told_right =
            own.has_source_of(&stamp) && own.timestamp.wrapping_sub(stamp.timestamp) == copy.age;
        self.stray_copies += u64::from(!is_told_right);
        if let Playback::Sound(listener) = &mut self.playback {
            listener.handle_copy(now, &stamp);
        }
    }

    fn wants_keyframe(&mut self, now: Instant) -> bool {
        match &mut self.playback {
            Playback::Pictures(decoder, _) => decoder.poll_keyframe_request(now),
            Playback::Nothing | Playback::Sound(_) => {
                self.next_keyframe_request(now).is_some_and(|at| at <= now)
            }
        }
    }

    fn next_keyframe_request(&self, now: Instant) -> Option<Instant> {
        if let Playback::Pictures(decoder, _) = &self.playback {
            return decoder.next_request(now);
        }
        let last = self.keyframe_requested;
        self.checker
            .wants_keyframe()
            .then(|| last.map_or_else(crate::epoch, |last| last + KEYFRAME_REQUEST_INTERVAL))
    }

    fn request_keyframe(&mut self, now: Instant, engine: &mut Engine) {
        self.keyframe_requested = Some(now);
        if let Some(stream) = engine.rtc().direct_api().stream_rx(&self.ssrc.into()) {
            stream.request_keyframe(KeyframeRequestKind::Pli);
            self.keyframe_requests += 1;
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
        let tracks = self.tracks.values();
        let checkers =
            tracks.flat_map(|t| [t.checker.poll_timeout(), t.next_keyframe_request(self.now)]);
        let remb = self.next_remb.filter(|_| self.config.remb.is_some());
        let nacks = self.tracks.values().map(|track| match &track.playback {
            Playback::Pictures(_, nack) => nack.poll_timeout(),
            Playback::Nothing | Playback::Sound(_) => None,
        });
        checkers.chain(nacks).chain([self.engine.poll_timeout(), remb]).flatten().min()
    }
}
