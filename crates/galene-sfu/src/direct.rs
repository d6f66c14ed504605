//! Sends RTP without the engine: headers, sealing, retransmissions and sender reports are our own.
//!
//! The engine still does the handshake and ICE, and takes in connectivity checks. What it would send as
//! RTP or RTCP is kept back, so that a number is never used twice with a key (see `srtp.rs`).
//!
//! A stream that is sent here is taken from the engine, where it would take more than four kilobytes. It is
//! lent to the engine while there is something to negotiate, for the SSRCs stand in descriptions.

use std::time::{Duration, Instant};

use galene_congestion::{PacketReport, Probe, SentPackets, TransportFeedback};
use galene_rtp::Vp8Descriptor;
use smallvec::SmallVec;
use str0m::Rtc;
use str0m::media::{Mid, Pt};
use str0m::rtp::Extension;

use crate::descriptors::{self, OutgoingDescriptor};
use crate::egress::{Egress, Next, Outgoing, Way};
use crate::engine::Path;
use crate::extensions;
use crate::resend_budget::ResendBudget;
use crate::rtcp::{self, Reception, SenderReport};
use crate::srtp::Sealer;

/// How often a stream that is being sent is reported on (RFC 3550 §6.2 allows less than five seconds for
/// sessions of this kind, RFC 8834 §4.1).
const REPORT_INTERVAL: Duration = Duration::from_secs(1);

/// No link takes longer than this there and back.
const MAX_ROUND_TRIP: Duration = Duration::from_secs(60);

const HEADER_BYTES: usize = 12;

/// A header extension of one element of up to three bytes (RFC 8285 §4.2).
const EXTENSION_BYTES: usize = 8;

/// How much padding a packet has that is nothing else: what its last byte can count.
const MAX_PADDING: u8 = 255;

/// Says that the last byte of the payload counts the bytes of padding (RFC 3550 §5.1).
const PADDING_BIT: u8 = 0x20;

/// The original sequence number in front of a retransmitted payload (RFC 4588 §4).
const OSN_BYTES: usize = 2;

/// Seals and sends for one transport.
#[derive(Debug)]
pub(crate) struct DirectEgress {
    sealer: Sealer,
    path: Path,
    /// Sound and picture as a rule; they stand here so that they are found without another look-up of memory.
    streams: SmallVec<[Stream; 2]>,
    resends: ResendBudget,
    /// What was sent when, once a packet has a transport-wide number.
    sent: Option<SentPackets>,
    /// A stream that was silent has to be reported on again.
    has_new_report: bool,
    /// Where our NTP time starts; only differences count.
    epoch: Instant,
    /// Where reports and redundant audio are put together.
    scratch: Vec<u8>,
}

/// What is sent under one SSRC, and its retransmissions under another.
#[derive(Debug)]
struct Stream {
    mid: Mid,
    ssrc: u32,
    /// The SSRC that the engine has for retransmissions, whether they are used or not.
    rtx_ssrc: Option<u32>,
    rtx: Option<Rtx>,
    timing: Option<Timing>,
    /// The number of the dependency descriptor's header extension.
    descriptor_id: Option<u8>,
    cname: String,
    clock_rate_hz: u32,
    newest: Option<(u32, Instant)>,
    packets: u32,
    octets: u32,
    next_report: Option<Instant>,
    /// Octets at the last report, and the rate since the one before, in bits per second.
    reported_octets: u32,
    rate: u64,
    /// How many packets were sent again.
    resent: u64,
}

/// What the peer wants to see in front of each packet, so as to find out what the link carries, with the
/// number of the header extension under which it was negotiated.
#[derive(Debug, Clone, Copy)]
enum Timing {
    /// The transport-wide number: the peer reports arrivals, and we estimate
    /// (draft-holmer-rmcat-transport-wide-cc-extensions-01 §2).
    Number(u8),
    /// When it was sent: the peer estimates (abs-send-time, for REMB).
    SendTime(u8),
}

#[derive(Debug)]
struct Rtx {
    ssrc: u32,
    payload_type: Pt,
    next: u64,
}

impl DirectEgress {
    pub(crate) fn new(sealer: Sealer, path: Path, epoch: Instant) -> Self {
        Self {
            sealer,
            path,
            streams: SmallVec::new(),
            resends: ResendBudget::default(),
            sent: None,
            has_new_report: false,
            epoch,
            scratch: Vec::new(),
        }
    }

    /// Finds the stream of a media section; the first packet opens it.
    fn stream(&mut self, engine: &mut Rtc, packet: &Outgoing<'_>) -> Option<usize> {
        if let Some(at) = self.streams.iter().position(|s| s.mid == packet.mid) {
            return Some(at);
        }
        let media = engine.media(packet.mid)?;
        let id_of = |extension| media.remote_extmap().id_of(extension);
        let number = id_of(Extension::TransportSequenceNumber);
        let send_time = id_of(Extension::AbsoluteSendTime);
        let descriptor_id = id_of(descriptors::extension());
        let cname = media.cname().to_owned();
        let params = engine.codec_config().params();
        let params = params.iter().find(|p| p.pt() == packet.payload_type)?;
        let rtx_type = params.resend();
        let timing = number
            .filter(|_| params.fb_transport_cc())
            .map(Timing::Number)
            .or(send_time.map(Timing::SendTime));
        let mut api = engine.direct_api();
        let stream = api.stream_tx_by_mid(packet.mid, None)?;
        let (ssrc, rtx_ssrc) = (stream.ssrc(), stream.rtx());
        let rtx = rtx_ssrc.zip(rtx_type).filter(|_| packet.repairable);
        api.remove_stream_tx(ssrc);
        self.streams.push(Stream {
            mid: packet.mid,
            ssrc: *ssrc,
            rtx_ssrc: rtx_ssrc.map(|ssrc| *ssrc),
            rtx: rtx.map(|(ssrc, payload_type)| Rtx { ssrc: *ssrc, payload_type, next: 0 }),
            timing,
            descriptor_id,
            cname,
            clock_rate_hz: packet.clock_rate_hz,
            newest: None,
            packets: 0,
            octets: 0,
            next_report: None,
            reported_octets: 0,
            rate: 0,
            resent: 0,
        });
        Some(self.streams.len() - 1)
    }

    /// Returns what goes in front of a packet with so many bytes after its header, and takes note of it.
    fn element(
        &mut self,
        stream: usize,
        bytes: usize,
        descriptor: Option<(u8, OutgoingDescriptor<'_>)>,
        now: Instant,
    ) -> Option<Element> {
        match self.streams[stream].timing? {
            Timing::Number(id) => {
                let epoch = self.epoch;
                let sent = self.sent.get_or_insert_with(|| SentPackets::new(epoch));
                let descriptor = descriptor.map(|(id, descriptor)| (id, descriptor.value.len()));
                let extension = extensions::len([(id, 2)].into_iter().chain(descriptor));
                let bytes = bytes + HEADER_BYTES + extension + self.sealer.tag_bytes();
                let [high, low] = sent.record(now, bytes).to_be_bytes();
                Some(Element { id, value: [high, low, 0], len: 2 })
            }
            Timing::SendTime(id) => Some(Element { id, value: self.send_time(now), len: 3 }),
        }
    }

    /// Time since the epoch as NTP has it: seconds in 32.32 bits (RFC 5905 §6).
    fn ntp(&self, now: Instant) -> u64 {
        // Some time in 2020, so that nobody takes it for a clock that was never set.
        const START: u64 = 3_800_000_000;
        let elapsed = now.saturating_duration_since(self.epoch);
        let fraction = (u64::from(elapsed.subsec_nanos()) << 32) / 1_000_000_000;
        (START + elapsed.as_secs()) << 32 | fraction
    }

    /// The header extension's 24 bits: seconds in 6.18 bits.
    fn send_time(&self, now: Instant) -> [u8; 3] {
        let [_, high, middle, low] = ((self.ntp(now) >> 14) as u32).to_be_bytes();
        [high, middle, low]
    }
}

impl Stream {
    /// Returns whether the peer reports on padding, and would not take it for anything else.
    fn can_probe(&self) -> bool {
        let has_number = matches!(self.timing, Some(Timing::Number(_)));
        has_number && self.rtx.is_some() && self.newest.is_some()
    }
}

/// An element of the header extension.
#[derive(Debug, Clone, Copy)]
struct Element {
    id: u8,
    /// Followed by zeros.
    value: [u8; 3],
    len: u8,
}

impl Element {
    fn value(&self) -> &[u8] {
        &self.value[..usize::from(self.len)]
    }

    /// Returns the header extension that has no other element.
    fn alone(&self) -> [u8; EXTENSION_BYTES] {
        let [first, second, third] = self.value;
        [0xbe, 0xde, 0, 1, self.id << 4 | (self.len - 1), first, second, third]
    }
}

/// The numbers under which a packet is written.
struct Head<'a> {
    payload_type: Pt,
    marker: bool,
    sequence: u64,
    timestamp: u32,
    ssrc: u32,
    /// What the peer or we estimate with.
    element: Option<Element>,
    /// The dependency descriptor, with the number of its extension.
    descriptor: Option<(u8, OutgoingDescriptor<'a>)>,
    /// The sequence number that a retransmission repeats.
    original: Option<u16>,
    /// How many bytes of padding follow the payload.
    padding: u8,
}

impl Head<'_> {
    /// Writes a packet where it waits to be sent, and seals it.
    fn send(
        &self,
        sealer: &Sealer,
        path: Path,
        way: &mut Way<'_>,
        payload: &[u8],
        vp8: Option<&Vp8Descriptor>,
    ) {
        if let Some(descriptor) = self.descriptor {
            // Few packets have one, and the others need not pay for so much room.
            let mut room = [0; HEADER_BYTES + extensions::MAX_BYTES + OSN_BYTES];
            let len = self.write_extensions(&mut room[HEADER_BYTES..], descriptor);
            return self.send_with(sealer, path, way, (payload, vp8), (&mut room, len));
        }
        let mut room = [0; HEADER_BYTES + EXTENSION_BYTES + OSN_BYTES];
        let mut len = 0;
        if let Some(element) = self.element {
            room[HEADER_BYTES..HEADER_BYTES + EXTENSION_BYTES].copy_from_slice(&element.alone());
            len = EXTENSION_BYTES;
        }
        self.send_with(sealer, path, way, (payload, vp8), (&mut room, len));
    }

    /// Writes the header extensions of a packet with a dependency descriptor; returns their length.
    fn write_extensions(&self, room: &mut [u8], descriptor: (u8, OutgoingDescriptor<'_>)) -> usize {
        let (id, descriptor) = descriptor;
        let mut value = descriptors::ROOM;
        let descriptor = descriptor.write(&mut value).map(|value| (id, value));
        let element = self.element.as_ref().map(|element| (element.id, element.value()));
        extensions::write(room, element.into_iter().chain(descriptor))
    }

    /// Does the rest, given the room for the header with so many bytes of extensions in it.
    fn send_with(
        &self,
        sealer: &Sealer,
        path: Path,
        way: &mut Way<'_>,
        (payload, vp8): (&[u8], Option<&Vp8Descriptor>),
        (room, extension_bytes): (&mut [u8], usize),
    ) {
        room[0] = 0x80;
        room[1] = *self.payload_type | if self.marker { 0x80 } else { 0 };
        room[2..4].copy_from_slice(&(self.sequence as u16).to_be_bytes());
        room[4..8].copy_from_slice(&self.timestamp.to_be_bytes());
        room[8..12].copy_from_slice(&self.ssrc.to_be_bytes());
        if extension_bytes > 0 {
            room[0] |= 0x10;
        }
        let header = HEADER_BYTES + extension_bytes;
        let mut front = header;
        if let Some(original) = self.original {
            room[front..front + OSN_BYTES].copy_from_slice(&original.to_be_bytes());
            front += OSN_BYTES;
        }
        let padding = usize::from(self.padding);
        if padding > 0 {
            room[0] |= PADDING_BIT;
        }
        let parts = [&room[..front], payload];
        let after = padding + sealer.tag_bytes();
        let packet = way.queue.append(path.source, path.destination, parts, after);
        let end = front + payload.len();
        if padding > 0 {
            packet[end + padding - 1] = self.padding;
        }
        if let Some(descriptor) = vp8 {
            descriptor.write_to(&mut packet[front..end]);
        }
        sealer.seal_rtp(packet, header, self.ssrc, self.sequence);
    }
}

impl Egress for DirectEgress {
    fn send(&mut self, way: &mut Way<'_>, packet: Outgoing<'_>) {
        let Some(at) = self.stream(way.engine, &packet) else {
            return;
        };
        let (mut payload_type, mut payload) = (packet.payload_type, &packet.payload[..]);
        let mut room = std::mem::take(&mut self.scratch);
        if let Some(redundant) = packet.redundant {
            room.clear();
            redundant.write(payload_type, payload, &mut room);
            (payload_type, payload) = (redundant.payload_type(), &room);
        }
        let bytes = payload.len() + usize::from(packet.padding);
        let descriptor = self.streams[at].descriptor_id.zip(packet.descriptor);
        let element = self.element(at, bytes, descriptor, way.now);
        let stream = &mut self.streams[at];
        let head = Head {
            payload_type,
            marker: packet.marker,
            sequence: packet.sequence,
            timestamp: packet.timestamp,
            ssrc: stream.ssrc,
            element,
            descriptor,
            original: None,
            padding: packet.padding,
        };
        head.send(&self.sealer, self.path, way, payload, packet.vp8.as_ref());
        stream.newest = Some((packet.timestamp, packet.captured));
        stream.packets = stream.packets.wrapping_add(1);
        stream.octets = stream.octets.wrapping_add(payload.len() as u32);
        if stream.next_report.is_none() {
            stream.next_report = Some(way.now);
            self.has_new_report = true;
        }
        self.scratch = room;
        self.resends.handle_sent();
    }

    fn after_sending(&mut self) -> Next {
        if std::mem::take(&mut self.has_new_report) { Next::Timer } else { Next::Nothing }
    }

    fn resend(&mut self, way: &mut Way<'_>, packet: Outgoing<'_>) {
        let Some(at) = self.stream(way.engine, &packet) else {
            return;
        };
        if self.streams[at].rtx.is_none() || !self.resends.take() {
            return;
        }
        let descriptor = self.streams[at].descriptor_id.zip(packet.descriptor);
        let element = self.element(at, packet.payload.len() + OSN_BYTES, descriptor, way.now);
        let Some(rtx) = &mut self.streams[at].rtx else {
            return;
        };
        let head = Head {
            payload_type: rtx.payload_type,
            marker: packet.marker,
            sequence: rtx.next,
            timestamp: packet.timestamp,
            ssrc: rtx.ssrc,
            element,
            descriptor,
            original: Some(packet.sequence as u16),
            padding: 0,
        };
        rtx.next += 1;
        head.send(&self.sealer, self.path, way, packet.payload, packet.vp8.as_ref());
        self.streams[at].resent += 1;
    }

    fn read_feedback(
        &mut self,
        feedback: &TransportFeedback<'_>,
        now: Instant,
        reports: &mut Vec<PacketReport>,
    ) {
        if let Some(sent) = &mut self.sent {
            sent.handle_feedback(feedback, now, |report| reports.push(report));
        }
    }

    fn in_flight(&self) -> usize {
        self.sent.as_ref().map_or(0, SentPackets::in_flight)
    }

    fn can_probe(&self) -> bool {
        self.streams.iter().any(Stream::can_probe)
    }

    fn send_probe(&mut self, way: &mut Way<'_>, probe: Probe) {
        let Some(at) = self.streams.iter().position(Stream::can_probe) else {
            return;
        };
        let set_probe = |egress: &mut Self, number| {
            if let Some(sent) = &mut egress.sent {
                sent.set_probe(number);
            }
        };
        set_probe(self, probe.number);
        for _ in 0..probe.bytes.div_ceil(usize::from(MAX_PADDING)) {
            let element = self.element(at, usize::from(MAX_PADDING), None, way.now);
            let stream = &mut self.streams[at];
            let (Some(rtx), Some((timestamp, _))) = (&mut stream.rtx, stream.newest) else {
                break;
            };
            // Where retransmissions go, a packet of nothing but padding takes no number from the media.
            let head = Head {
                payload_type: rtx.payload_type,
                marker: false,
                sequence: rtx.next,
                timestamp,
                ssrc: rtx.ssrc,
                element,
                descriptor: None,
                original: None,
                padding: MAX_PADDING,
            };
            rtx.next += 1;
            head.send(&self.sealer, self.path, way, &[], None);
        }
        set_probe(self, 0);
    }

    fn lend_streams(&self, engine: &mut Rtc) {
        for stream in &self.streams {
            if engine.media(stream.mid).is_some() {
                let rtx = stream.rtx_ssrc.map(Into::into);
                engine.direct_api().declare_stream_tx(stream.ssrc.into(), rtx, stream.mid, None);
            }
        }
    }

    fn take_streams(&self, engine: &mut Rtc) {
        let mut api = engine.direct_api();
        for stream in &self.streams {
            api.remove_stream_tx(stream.ssrc.into());
        }
    }

    fn mid_of(&self, ssrc: u32) -> Option<Mid> {
        self.streams.iter().find(|s| s.ssrc == ssrc).map(|s| s.mid)
    }

    fn next_report(&self) -> Option<Instant> {
        self.streams.iter().filter_map(|s| s.next_report).min()
    }

    fn send_reports(&mut self, way: &mut Way<'_>) {
        let ntp = self.ntp(way.now);
        for stream in &mut self.streams {
            if stream.next_report.is_none_or(|at| at > way.now) {
                continue;
            }
            let octets = stream.octets.wrapping_sub(stream.reported_octets);
            stream.reported_octets = stream.octets;
            stream.rate = u64::from(octets) * 8;
            // A stream that is silent is not reported on; the next packet begins again.
            stream.next_report = (octets > 0).then_some(way.now + REPORT_INTERVAL);
            let Some((timestamp, captured)) = stream.newest.filter(|_| octets > 0) else {
                continue;
            };
            let age = way.now.saturating_duration_since(captured);
            let ticks = age.as_nanos() * u128::from(stream.clock_rate_hz) / 1_000_000_000;
            let report = SenderReport {
                ssrc: stream.ssrc,
                ntp,
                timestamp: timestamp.wrapping_add(ticks as u32),
                packets: stream.packets,
                octets: stream.octets,
            };
            self.scratch.clear();
            rtcp::write_sender_report(&mut self.scratch, &report, &stream.cname);
            if self.sealer.seal_rtcp(&mut self.scratch).is_some() {
                way.queue.push(self.path.source, self.path.destination, &self.scratch);
            }
        }
    }

    fn rate(&self, mid: Mid) -> Option<u64> {
        self.streams.iter().find(|s| s.mid == mid).map(|s| s.rate)
    }

    fn resent(&self, mid: Mid) -> u64 {
        self.streams.iter().find(|s| s.mid == mid).map_or(0, |s| s.resent)
    }

    fn round_trip(&self, reception: &Reception, now: Instant) -> Option<Duration> {
        if reception.last_sender_report == 0 {
            return None;
        }
        // All three are the middle 32 bits of NTP times: seconds in 16.16 bits (RFC 3550 §6.4.1).
        let arrived = (self.ntp(now) >> 16) as u32;
        let units =
            arrived.wrapping_sub(reception.last_sender_report).wrapping_sub(reception.delay);
        let round_trip = Duration::from_secs_f64(f64::from(units) / 65_536.0);
        // A peer that says that it answered before it was told, or after an hour, says nothing.
        (round_trip < MAX_ROUND_TRIP).then_some(round_trip)
    }

    fn set_path(&mut self, path: Path) {
        self.path = path;
    }
}

#[cfg(test)]
mod tests {
    use crate::Command;
    use crate::call::{Call, MS, VICTIM};
    use crate::sfu::find;
    use crate::transport::{Role, Transport};

    /// Returns whether the engine of a subscriber has a stream in its only section.
    fn engine_has_stream(call: &mut Call) -> bool {
        let found = find(&call.sfu.by_id, &mut call.sfu.transports, VICTIM);
        let (_, Transport { engine, role: Role::Subscriber(subscription), .. }) =
            found.expect("it is there")
        else {
            unreachable!("it subscribes")
        };
        let mid = subscription.sections[0].mid;
        let has_stream = engine.touch(|rtc| rtc.direct_api().stream_tx_by_mid(mid, None).is_some());
        has_stream.expect("a sound engine")
    }

    #[test]
    fn the_engine_has_a_stream_only_while_it_describes_it_and_under_the_same_ssrc() {
        let mut call = Call::connect();
        assert!(!engine_has_stream(&mut call));
        let before = call.frames();

        call.sfu.handle_command(Command::RestartIce { transport: VICTIM }, call.now);
        assert!(engine_has_stream(&mut call), "an offer waits for its answer");
        call.run(MS * 1_000);
        assert!(!engine_has_stream(&mut call));
        let ssrcs = |sdp: &str| -> Vec<String> {
            let lines = sdp.lines().filter(|line| line.starts_with("a=ssrc"));
            lines.map(str::to_owned).collect()
        };
        let [first, second] = call.offers(VICTIM)[..] else { unreachable!("two offers") };
        assert!(ssrcs(first).len() >= 3, "a stream, its retransmissions, and which is which");
        assert_eq!(ssrcs(first), ssrcs(second));
        assert!(call.frames()[0] > before[0] + 20, "pictures go on");
    }
}
