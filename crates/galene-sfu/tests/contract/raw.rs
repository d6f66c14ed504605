//! A peer that does what browsers never do: the engine, with all its handles in the open.

use std::collections::{BTreeSet, VecDeque};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use galene_sfu::{Command, TransportId};
use galene_testkit::{Datagram, Node, NodeKey, address};
use str0m::change::{SdpAnswer, SdpOffer, SdpPendingOffer};
use str0m::format::{Codec, FormatParams};
use str0m::media::{Direction, Frequency, KeyframeRequestKind, MediaKind, Mid, Pt, Rid};
use str0m::net::{Protocol, Receive};
use str0m::rtp::{RtpWrite, Ssrc};
use str0m::{Candidate, Event, Input, Output, Rtc, RtcConfig};

use crate::room::{Room, host};

/// An engine on the virtual network.
pub(crate) struct RawPeer {
    pub(crate) rtc: Rtc,
    pub(crate) events: Vec<Event>,
    outgoing: VecDeque<Datagram>,
    timeout: Option<Instant>,
    now: Instant,
}

/// The payload types of a raw peer: they differ from those of the core.
pub(crate) const VP8: u8 = 120;
pub(crate) const VP8_RTX: u8 = 121;
pub(crate) const OPUS: u8 = 109;

/// Returns the settings of a peer that speaks VP8 and Opus.
pub(crate) fn vp8_and_opus() -> RtcConfig {
    let mut config = RtcConfig::new().clear_codecs().set_rtp_mode(true);
    let codecs = config.codec_config();
    let (pt, rtx) = (VP8.into(), Some(VP8_RTX.into()));
    let none = FormatParams::default();
    codecs.add_config(pt, rtx, Codec::Vp8, Frequency::NINETY_KHZ, None, none);
    let opus = FormatParams { min_p_time: Some(10), ..none };
    codecs.add_config(OPUS.into(), None, Codec::Opus, Frequency::FORTY_EIGHT_KHZ, Some(2), opus);
    config
}

#[expect(clippy::wildcard_enum_match_arm, reason = "the engine has many events")]
fn rtp(event: &Event) -> Option<&str0m::rtp::RtpPacket> {
    match event {
        Event::RtpPacket(packet) => Some(packet),
        _ => None,
    }
}

impl RawPeer {
    fn new(now: Instant, at: SocketAddr, config: RtcConfig) -> Self {
        let mut rtc = config.build(now);
        rtc.add_local_candidate(Candidate::host(at, "udp").expect("a usable address"));
        let (events, outgoing) = (Vec::new(), VecDeque::new());
        let mut peer = Self { rtc, events, outgoing, timeout: None, now };
        peer.settle();
        peer
    }

    /// Lets the engine act on what was done to it.
    pub(crate) fn settle(&mut self) {
        self.rtc.handle_input(Input::Timeout(self.now)).expect("the peer's own engine goes on");
        self.drain();
    }

    /// Sends an RTP packet on the stream with this SSRC.
    pub(crate) fn write(&mut self, ssrc: u32, packet: RtpWrite) {
        let mut api = self.rtc.direct_api();
        let stream = api.stream_tx(&ssrc.into()).expect("a stream with this SSRC");
        stream.write_rtp(packet);
        self.settle();
    }

    /// Gives the stream of a section this SSRC instead of another, whatever was declared.
    pub(crate) fn take_ssrc(&mut self, mid: Mid, old: u32, new: u32, rid: Option<Rid>) {
        let mut api = self.rtc.direct_api();
        api.remove_stream_tx(old.into());
        api.declare_stream_tx(new.into(), None, mid, rid);
    }

    pub(crate) fn is_connected(&self) -> bool {
        self.rtc.is_connected()
    }

    fn drain(&mut self) {
        for _ in 0..100_000 {
            match self.rtc.poll_output().expect("the peer's own engine goes on") {
                Output::Timeout(at) => {
                    self.timeout = self.rtc.is_alive().then_some(at);
                    return;
                }
                Output::Transmit(t) => {
                    let (source, destination) = (t.source, t.destination);
                    let contents = Vec::from(t.contents).into();
                    self.outgoing.push_back(Datagram { source, destination, contents });
                }
                Output::Event(event) => self.events.push(event),
            }
        }
        panic!("the peer's own engine never comes to rest");
    }
}

impl Node for RawPeer {
    fn handle_datagram(&mut self, now: Instant, datagram: &Datagram) {
        self.now = now;
        let Datagram { source, destination, contents } = datagram;
        if let Ok(receive) = Receive::new(Protocol::Udp, *source, *destination, contents) {
            let input = Input::Receive(now, receive);
            if self.rtc.accepts(&input) {
                self.rtc.handle_input(input).expect("the peer's own engine goes on");
                self.drain();
            }
        }
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.now = now;
        self.settle();
    }

    fn poll_transmit(&mut self) -> Option<Datagram> {
        self.outgoing.pop_front()
    }

    fn poll_timeout(&mut self) -> Option<Instant> {
        self.timeout
    }
}

/// A raw peer that publishes one section of video.
pub(crate) struct RawPublisher {
    pub(crate) key: NodeKey<RawPeer>,
    pub(crate) mid: Mid,
    /// The SSRC that the offer declared.
    pub(crate) ssrc: u32,
    pub(crate) pt: Pt,
    /// The offer, as it was sent.
    pub(crate) sdp: String,
    sequence: u64,
    picture: u16,
}

impl RawPublisher {
    /// Connects a peer with these settings, with an offer that `edit` may change.
    pub(crate) fn connect(
        room: &mut Room,
        id: u64,
        config: RtcConfig,
        edit: impl FnOnce(String) -> String,
    ) -> Self {
        let (key, pending, sdp, mid) = offer_video(room, id, config);
        let sdp = edit(sdp);
        room.offer_text(id, &sdp);
        let answer = room.last_answer(id);
        let peer = room.simulation.get_mut(key);
        let answer = SdpAnswer::from_sdp_string(&answer).expect("a good answer");
        peer.rtc.sdp_api().accept_answer(pending, answer).expect("a good answer");
        peer.settle();
        room.wait("the raw publisher connects", |room| room.simulation.get(key).is_connected());
        let peer = room.simulation.get_mut(key);
        let pt = peer.rtc.media(mid).expect("negotiated").remote_pts()[0];
        let ssrc = *peer.rtc.direct_api().stream_tx_by_mid(mid, None).expect("it sends").ssrc();
        Self { key, mid, ssrc, pt, sdp, sequence: 1_000, picture: 100 }
    }

    /// Sends a frame of one packet under the next number.
    pub(crate) fn send_frame(&mut self, room: &mut Room, keyframe: bool) {
        self.sequence += 1;
        self.send_numbered(room, self.ssrc, self.sequence, keyframe);
    }

    /// Sends a frame of one packet under this SSRC and number.
    pub(crate) fn send_numbered(&mut self, room: &mut Room, ssrc: u32, at: u64, keyframe: bool) {
        self.picture += 1;
        let payload = vp8_frame(self.picture, keyframe, 200);
        self.send_payload(room, ssrc, at, payload);
    }

    /// Sends a payload under this SSRC and number.
    pub(crate) fn send_payload(&mut self, room: &mut Room, ssrc: u32, at: u64, payload: Vec<u8>) {
        let now = room.now();
        let time = u32::from(self.picture) * 3_000;
        let packet = RtpWrite::new(self.pt, at.into(), time, now, payload).marker(true);
        room.simulation.get_mut(self.key).write(ssrc, packet);
    }

    /// Changes to another SSRC, as a browser does that starts its encoder anew.
    pub(crate) fn take_ssrc(&mut self, room: &mut Room, ssrc: u32) {
        self.take_rid(room, ssrc, None);
    }

    /// Changes to another SSRC, whose packets carry the name of an encoding.
    pub(crate) fn take_rid(&mut self, room: &mut Room, ssrc: u32, rid: Option<&str>) {
        let old = std::mem::replace(&mut self.ssrc, ssrc);
        let rid = rid.map(Rid::from);
        room.simulation.get_mut(self.key).take_ssrc(self.mid, old, ssrc, rid);
    }
}

/// Adds a raw peer with an offer of one section of video.
pub(crate) fn offer_video(
    room: &mut Room,
    id: u64,
    config: RtcConfig,
) -> (NodeKey<RawPeer>, SdpPendingOffer, String, Mid) {
    let at = address(host(id));
    let peer = RawPeer::new(room.now(), at, config);
    let key = room.simulation.add(&[at], peer);
    let peer = room.simulation.get_mut(key);
    let mut api = peer.rtc.sdp_api();
    let stream = Some("stream".to_owned());
    let mid =
        api.add_media(MediaKind::Video, Direction::SendOnly, stream, Some("v".to_owned()), None);
    let (offer, pending) = api.apply().expect("something to offer");
    (key, pending, offer.to_sdp_string(), mid)
}

/// A raw peer that subscribes.
pub(crate) struct RawSubscriber {
    pub(crate) key: NodeKey<RawPeer>,
    pub(crate) id: u64,
}

impl RawSubscriber {
    /// Adds a peer that has not been offered anything; the test has to hold its transport.
    pub(crate) fn new(room: &mut Room, id: u64, config: RtcConfig) -> Self {
        let at = address(host(id));
        let peer = RawPeer::new(room.now(), at, config);
        room.hold(id);
        Self { key: room.simulation.add(&[at], peer), id }
    }

    /// Answers the last offer, with an answer that `edit` may change.
    pub(crate) fn answer(&self, room: &mut Room, edit: impl FnOnce(String) -> String) {
        let offer = room.last_offer(self.id);
        let peer = room.simulation.get_mut(self.key);
        let offer = SdpOffer::from_sdp_string(&offer).expect("a good offer");
        let answer = peer.rtc.sdp_api().accept_offer(offer).expect("a good offer");
        let sdp = edit(answer.to_sdp_string());
        peer.settle();
        room.command(Command::Answer { transport: TransportId(self.id), sdp });
    }

    /// Asks for a keyframe of everything that arrives.
    pub(crate) fn request_keyframe(&self, room: &mut Room) {
        let ssrcs: BTreeSet<u32> = self.packets(room).map(|p| *p.header.ssrc).collect();
        let peer = room.simulation.get_mut(self.key);
        for ssrc in ssrcs {
            if let Some(stream) = peer.rtc.direct_api().stream_rx(&ssrc.into()) {
                stream.request_keyframe(KeyframeRequestKind::Pli);
            }
        }
        peer.settle();
    }

    /// Returns the RTP packets that arrived.
    pub(crate) fn packets<'a>(
        &self,
        room: &'a Room,
    ) -> impl Iterator<Item = &'a str0m::rtp::RtpPacket> {
        room.simulation.get(self.key).events.iter().filter_map(rtp)
    }
}

/// Returns a VP8 frame in one packet (RFC 7741 §4.2, RFC 6386 §9.1).
pub(crate) fn vp8_frame(picture: u16, keyframe: bool, len: usize) -> Vec<u8> {
    let [high, low] = picture.to_be_bytes();
    let mut payload = vec![0x90, 0x80, 0x80 | high, low];
    if keyframe {
        payload.extend([0x10, 0x02, 0x00, 0x9d, 0x01, 0x2a, 0x80, 0x02, 0x68, 0x01]);
    } else {
        payload.extend([0x31, 0x02, 0x00]);
    }
    payload.resize(len.max(payload.len()), low);
    payload
}

/// The distance of two frames.
pub(crate) const FRAME: Duration = Duration::from_millis(33);

/// Names an SSRC that nobody declared.
pub(crate) fn other_ssrc(ssrc: u32) -> u32 {
    *Ssrc::from(ssrc ^ 0x5555_5555)
}
