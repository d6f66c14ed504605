//! Runs one str0m instance: the part of the browser stand-ins that both kinds share.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use str0m::format::CodecConfig;
use str0m::media::{Mid, Pt};
use str0m::net::{Protocol, Receive};
use str0m::rtp::Extension;
use str0m::{Candidate, Event, IceConnectionState, Input, Output, Rtc, RtcConfig};

use crate::codec::Codec;
use crate::descriptor;
use crate::node::Datagram;
use crate::own_rtcp::OwnRtcp;
use crate::own_rtp::{OpenedPacket, OwnRtp};

/// One ICE and DTLS association of a browser stand-in.
#[derive(Debug)]
pub(crate) struct Engine {
    rtc: Rtc,
    address: SocketAddr,
    timeout: Option<Instant>,
    outgoing: VecDeque<Datagram>,
    events: VecDeque<Event>,
    ice: IceConnectionState,
    has_dtls: bool,
    is_closed: bool,
    /// Reports beside those of the engine, if there are to be any.
    own_rtcp: Option<OwnRtcp>,
    /// And RTP as it comes.
    own_rtp: Option<OwnRtp>,
    opened: VecDeque<OpenedPacket>,
    /// Under which SSRCs it sends packets again, and how many bytes it has sent: the first time, and
    /// again.
    repairs: Vec<u32>,
    sent_media: [u64; 2],
    /// How many bytes of RTP were sent, padding included, since this was last asked.
    sent_bytes: usize,
    /// From where to where the engine sent its latest report.
    path: Option<(SocketAddr, SocketAddr)>,
}

/// How a receiver tells its sender how much the way between them can carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Feedback {
    /// When each packet arrived; the sender estimates.
    TransportWide,
    /// A bit rate that the receiver estimates.
    Remb,
}

/// What a stand-in offers and accepts.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Formats<'a> {
    pub(crate) codecs: &'a [Codec],
    pub(crate) rtx: bool,
    /// Redundant audio (RFC 2198).
    pub(crate) red: bool,
}

/// Browsers begin to send with so many bits a second.
pub(crate) const START_BITRATE: u64 = 300_000;

/// How often a sender that estimates looks at its estimate. libwebrtc does with each feedback, which comes
/// every 50 to 100 ms.
const ESTIMATE_INTERVAL: Duration = Duration::from_millis(100);

/// So much output in a row is taken from the engine after one input. A large burst is a few hundred
/// datagrams; more than this is an endless loop.
const MAX_OUTPUTS: u32 = 100_000;

impl Engine {
    /// Returns an engine that speaks these codecs.
    pub(crate) fn new(now: Instant, address: SocketAddr, formats: Formats<'_>) -> Self {
        Self::with_config(now, address, base_config(formats))
    }

    /// Returns an engine that gives and takes feedback in this way, and that estimates how much it may
    /// send if it `sends`.
    pub(crate) fn adaptive(
        now: Instant,
        address: SocketAddr,
        formats: Formats<'_>,
        feedback: Feedback,
        sends: bool,
    ) -> Self {
        let interval = match feedback {
            Feedback::TransportWide if sends => ESTIMATE_INTERVAL,
            Feedback::TransportWide | Feedback::Remb => Duration::from_secs(1),
        };
        let mut config = base_config(formats).set_stats_interval(Some(interval));
        match feedback {
            Feedback::TransportWide if sends => {
                config = config.enable_bwe(Some(START_BITRATE.into()));
            }
            Feedback::TransportWide => {}
            Feedback::Remb => config = without_transport_wide_feedback(config),
        }
        if sends {
            return Self::with_config(now, address, config);
        }
        let (mut engine, own_rtcp) = OwnRtcp::beside(|provider| {
            Self::with_config(now, address, config.set_crypto_provider(provider))
        });
        engine.own_rtp = Some(OwnRtp::new(own_rtcp.keys()));
        engine.own_rtcp = Some(own_rtcp);
        engine
    }

    /// Returns an engine that sends, and what opens the reports that come to it. It estimates by itself if it
    /// is told where to begin, in bits per second.
    pub(crate) fn reported_to(
        now: Instant,
        address: SocketAddr,
        formats: Formats<'_>,
        estimates_from: Option<u64>,
    ) -> (Self, OwnRtcp) {
        let mut config = base_config(formats).set_stats_interval(Some(ESTIMATE_INTERVAL));
        if let Some(start) = estimates_from {
            config = config.enable_bwe(Some(start.into()));
        }
        OwnRtcp::beside(|provider| {
            Self::with_config(now, address, config.set_crypto_provider(provider))
        })
    }

    /// Returns the next packet of a stream, with its SSRC and the number that it was first sent under.
    /// Packets that are sent again are among them, however late, and some come twice.
    pub(crate) fn poll_packet(&mut self, streams: &[u32]) -> Option<OpenedPacket> {
        while let Some(packet) = self.opened.pop_front() {
            if streams.contains(&packet.ssrc) {
                return Some(packet);
            }
            let mut api = self.rtc.direct_api();
            let mut repairs =
                |ssrc: u32| api.stream_rx(&ssrc.into())?.rtx().filter(|rtx| **rtx == packet.ssrc);
            let original = streams.iter().copied().find(|&ssrc| repairs(ssrc).is_some());
            // RFC 4588 §4: the original sequence number comes first.
            if let Some((ssrc, own)) = original.zip(self.own_rtp.as_ref())
                && let Some((&short, payload)) = packet.payload.split_first_chunk()
            {
                let sequence = own.extend(ssrc, u16::from_be_bytes(short));
                return Some(OpenedPacket { ssrc, sequence, payload: payload.to_vec() });
            }
        }
        None
    }

    /// Sends a report of our own to where the engine sends, if it is connected.
    pub(crate) fn send_report(&mut self, report: &[u8]) {
        let sealed = self.own_rtcp.as_mut().and_then(|own| own.seal(report));
        if let Some((contents, (source, destination))) = sealed.zip(self.path) {
            let contents = contents.into();
            self.outgoing.push_back(Datagram { source, destination, contents });
        }
    }

    fn with_config(now: Instant, address: SocketAddr, config: RtcConfig) -> Self {
        let mut engine = Self {
            rtc: config.build(now),
            address,
            timeout: None,
            outgoing: VecDeque::new(),
            events: VecDeque::new(),
            ice: IceConnectionState::New,
            has_dtls: false,
            is_closed: false,
            own_rtcp: None,
            own_rtp: None,
            opened: VecDeque::new(),
            repairs: Vec::new(),
            sent_media: [0; 2],
            sent_bytes: 0,
            path: None,
        };
        engine.add_address(address);
        engine.settle(now);
        engine
    }

    /// Counts what is sent under this SSRC as sent again.
    pub(crate) fn add_repair(&mut self, ssrc: u32) {
        if !self.repairs.contains(&ssrc) {
            self.repairs.push(ssrc);
        }
    }

    /// Returns how many bytes of RTP were sent since this was last asked, padding included.
    pub(crate) fn take_sent_bytes(&mut self) -> usize {
        std::mem::take(&mut self.sent_bytes)
    }

    /// Returns how many bytes of RTP were sent for the first time and again since this was last asked.
    pub(crate) fn take_sent_media(&mut self) -> [u64; 2] {
        std::mem::take(&mut self.sent_media)
    }

    fn count_media(&mut self, contents: &[u8]) {
        if is_rtp(contents)
            && let Some(ssrc) = contents.get(8..).and_then(|rest| rest.first_chunk())
        {
            let ssrc = u32::from_be_bytes(*ssrc);
            self.sent_bytes += contents.len();
            let is_repair = self.repairs.contains(&ssrc);
            self.sent_media[usize::from(is_repair)] += contents.len() as u64;
        }
    }

    /// Moves to another address, which takes effect with an ICE restart.
    pub(crate) fn add_address(&mut self, address: SocketAddr) {
        let candidate = Candidate::host(address, Protocol::Udp).expect("a usable address");
        self.rtc.add_local_candidate(candidate);
        self.address = address;
    }

    pub(crate) fn handle_datagram(&mut self, now: Instant, datagram: &Datagram) {
        let Datagram { source, destination, contents } = datagram;
        let opened = self.own_rtp.as_mut().and_then(|own| own.open(contents));
        self.opened.extend(opened);
        // What cannot be parsed is no concern of a peer's.
        if let Ok(receive) = Receive::new(Protocol::Udp, *source, *destination, contents) {
            let input = Input::Receive(now, receive);
            // Peers drop what does not belong to them; a server has to sort it out by itself.
            if self.rtc.accepts(&input) {
                self.rtc.handle_input(input).expect("the engine of a stand-in does not fail");
                self.drain();
            }
        }
    }

    /// Lets the engine act on what was changed, and on the time.
    pub(crate) fn settle(&mut self, now: Instant) {
        self.rtc.handle_input(Input::Timeout(now)).expect("the engine of a stand-in does not fail");
        self.drain();
    }

    pub(crate) fn poll_transmit(&mut self) -> Option<Datagram> {
        self.outgoing.pop_front()
    }

    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "most events say nothing of whether there is a connection"
    )]
    pub(crate) fn poll_event(&mut self) -> Option<Event> {
        let event = self.events.pop_front()?;
        match &event {
            Event::Connected => self.has_dtls = true,
            Event::IceConnectionStateChange(state) => self.ice = *state,
            Event::Closed => self.is_closed = true,
            _ => {}
        }
        Some(event)
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.timeout
    }

    /// Adds a candidate of the other side.
    pub(crate) fn add_candidate(&mut self, now: Instant, candidate: &str) -> Result<(), String> {
        let parsed = Candidate::from_sdp_string(candidate)
            .map_err(|error| format!("bad candidate {candidate:?}: {error}"))?;
        self.rtc.add_remote_candidate(parsed);
        self.settle(now);
        Ok(())
    }

    /// Returns the candidates that a browser would trickle after a description: one with a name that
    /// nobody can resolve, the real one, and the empty one that ends the list.
    pub(crate) fn candidates(&self, description: &str) -> Vec<String> {
        let ufrag = description.lines().find_map(|line| line.strip_prefix("a=ice-ufrag:"));
        let ufrag = ufrag.unwrap_or_default();
        let (ip, port) = (self.address.ip(), self.address.port());
        let rest = format!("{port} typ host generation 0 ufrag {ufrag} network-cost 999");
        let hidden = "c0ffee00-1234-4321-8888-0123456789ab.local";
        vec![
            format!("candidate:1 1 udp 2113937151 {hidden} {rest}"),
            format!("candidate:2 1 udp 2113937151 {ip} {rest}"),
            String::new(),
        ]
    }

    /// Closes the connection, as by `RTCPeerConnection.close()`.
    pub(crate) fn close(&mut self, now: Instant) {
        // An engine that is closed already needs no closing.
        if self.rtc.is_alive() && self.rtc.close().is_ok() {
            self.settle(now);
        }
    }

    /// Returns whether ICE and DTLS are up, as far as the events tell that were taken.
    pub(crate) fn is_connected(&self) -> bool {
        self.is_open() && self.ice.is_connected()
    }

    /// Returns whether DTLS has come up and nobody has closed it, be there a path at present or not.
    pub(crate) fn is_open(&self) -> bool {
        self.has_dtls && !self.is_closed
    }

    /// Returns whether the other side closed the connection.
    pub(crate) fn is_closed(&self) -> bool {
        self.is_closed
    }

    /// Gives access to the engine; to be followed by [`settle`](Self::settle).
    pub(crate) fn rtc(&mut self) -> &mut Rtc {
        &mut self.rtc
    }

    /// Returns the codec that a payload type stands for, be it by itself or as redundant audio.
    pub(crate) fn codec_of(&self, payload_type: u8) -> Option<Codec> {
        let mut params = self.rtc.codec_config().params().iter();
        let is_it = |pt: Option<Pt>| pt.is_some_and(|pt| *pt == payload_type);
        let param = params.find(|param| is_it(Some(param.pt())) || is_it(param.red()))?;
        Codec::from_engine(param.spec().codec)
    }

    /// Returns the payload type of the codec that stands as redundant audio under this one.
    pub(crate) fn within_red(&self, payload_type: u8) -> Option<Pt> {
        let mut params = self.rtc.codec_config().params().iter();
        let param = params.find(|param| param.red().is_some_and(|red| *red == payload_type))?;
        Some(param.pt())
    }

    fn drain(&mut self) {
        for _ in 0..MAX_OUTPUTS {
            match self.rtc.poll_output().expect("the engine of a stand-in does not fail") {
                Output::Timeout(timeout) => {
                    self.timeout = self.rtc.is_alive().then_some(timeout);
                    return;
                }
                Output::Transmit(transmit) => {
                    let (source, destination) = (transmit.source, transmit.destination);
                    let mut contents = Vec::from(transmit.contents);
                    if let Some(own) = &mut self.own_rtcp
                        && OwnRtcp::is_rtcp(&contents)
                    {
                        contents = own.reseal(&contents);
                        self.path = Some((source, destination));
                    }
                    self.count_media(&contents);
                    let contents = contents.into();
                    self.outgoing.push_back(Datagram { source, destination, contents });
                }
                Output::Event(event) => self.events.push_back(event),
            }
        }
        panic!("the engine of a stand-in never comes to rest");
    }
}

fn base_config(Formats { codecs, rtx, red }: Formats<'_>) -> RtcConfig {
    let mut config = RtcConfig::new()
        .clear_codecs()
        .set_rtp_mode(true)
        .set_extension(descriptor::EXTENSION_ID, descriptor::extension());
    for codec in codecs {
        codec.configure(config.codec_config(), rtx, red);
    }
    config
}

/// What a browser has agreed on if the other side knows nothing of such feedback.
fn without_transport_wide_feedback(mut config: RtcConfig) -> RtcConfig {
    let mut codecs = config.codec_config().params().to_vec();
    codecs.iter_mut().for_each(|params| params.set_fb_transport_cc(false));
    *config.codec_config() = CodecConfig::new_from_payload_params(codecs);
    let extensions = [
        (1, Extension::AudioLevel),
        (2, Extension::AbsoluteSendTime),
        (4, Extension::RtpMid),
        (10, Extension::RtpStreamId),
        (11, Extension::RepairedRtpStreamId),
        (descriptor::EXTENSION_ID, descriptor::extension()),
        (13, Extension::VideoOrientation),
    ];
    extensions
        .into_iter()
        .fold(config.clear_extension_map(), |config, (id, ext)| config.set_extension(id, ext))
}

/// Returns whether a datagram is RTP (RFC 7983 §7 and RFC 5761 §4).
pub(crate) fn is_rtp(datagram: &[u8]) -> bool {
    matches!(datagram, [128..=191, second, ..] if !(192..=223).contains(second))
}

/// Returns the engine's form of a MID.
pub(crate) fn mid(mid: &str) -> Mid {
    Mid::from(mid)
}
