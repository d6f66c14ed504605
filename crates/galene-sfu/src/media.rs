//! From a publisher's packet to its subscribers, and their feedback back.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use galene_rtp::RedPayload;
use str0m::bwe::BweKind;
use str0m::format::PayloadParams;
use str0m::media::SenderFeedback;
use str0m::rtp::RtpPacket;
use str0m::stats::MediaEgressStats;

use crate::clients::NARROW;
use crate::clock::Report;
use crate::demand::Demand;
use crate::demux::Slot;
use crate::direct::DirectEgress;
use crate::egress::Way;
use crate::formats::Format;
use crate::ladder::Ladder;
use crate::packet::{MAX_PAYLOAD, Packet, Received};
use crate::publication::PublishedStream;
use crate::resends;
use crate::rtcp::{self, Feedback};
use crate::sfu::Sfu;
use crate::srtp::SessionKeys;
use crate::subscription::{Pick, RepairLimits};
use crate::track::{Arrival, Encoding, Origin, PublishedTypes, Track, TrackKey};
use crate::transport::{Role, Transport};
use crate::{Event, MediaKind, ReceptionReport, TrackId};

/// Where a publisher's packet belongs.
struct Place {
    stream: PublishedStream,
    key: TrackKey,
    is_new_stream: bool,
    is_new_track: bool,
}

impl Sfu {
    /// Takes in a packet that a publisher sent.
    pub(crate) fn handle_rtp(&mut self, slot: Slot, packet: RtpPacket) {
        let Some(Place { stream, key, is_new_stream, is_new_track }) = self.place(slot, &packet)
        else {
            return;
        };
        self.counters.published += 1;
        if is_new_track {
            self.offer_to_waiting(key);
            self.export_to_waiting(key);
        }
        let received = Received::new(packet, self.tracks[key].format.codec);
        self.take_in(slot, stream, key, is_new_stream, received);
    }

    /// Lets a packet be forwarded that is of a stream of a track.
    pub(crate) fn take_in(
        &mut self,
        slot: Slot,
        stream: PublishedStream,
        key: TrackKey,
        is_new_stream: bool,
        mut packet: Received,
    ) {
        let Some(transport) = self.transports.get_mut(slot) else {
            return;
        };
        let Role::Publisher(publication) = &mut transport.role else {
            return;
        };
        let track = &mut self.tracks[key];
        let codec = track.format.codec;
        let Some(encoding) = track.encodings.get_mut(stream.encoding) else {
            return;
        };
        let Origin::Publisher(types) = track.origin else {
            return;
        };
        if !types.contain(packet.payload_type)
            || packet.payload.len() > MAX_PAYLOAD
            || !encoding.admit(stream.ssrc, is_new_stream, self.now)
        {
            return;
        }
        // Redundant audio ends here: each subscriber is sent as much of it as its own link needs.
        let received = packet.payload.clone();
        let mut red = None;
        if types.red == Some(packet.payload_type) {
            let Some(parsed) = RedPayload::parse(&received)
                .ok()
                .filter(|red| red.primary().payload_type == *types.own)
            else {
                return;
            };
            packet.payload = Arc::from(parsed.primary().payload);
            red = Some(parsed);
        }
        let captured = publication.clock.captured(
            stream.report,
            packet.timestamp,
            codec.clock_rate_hz(),
            packet.arrived,
        );
        encoding.last_arrival = Some(packet.arrived);
        let level = packet.level;
        let descriptors = &mut encoding.descriptors;
        let packet = Packet::new(codec, encoding.run, packet, captured, descriptors);
        let starts_keyframe = packet.starts_keyframe == Some(true);
        if starts_keyframe {
            encoding.keyframes.handle_keyframe();
        }
        // Of sound nothing is asked for again; every packet stands for itself.
        if codec.kind() == MediaKind::Video {
            let losses = &mut encoding.losses;
            let took = losses.handle_packet(packet.sequence, starts_keyframe, self.now);
            took.into_iter().for_each(|took| transport.round_trip.handle_sample(took));
            if let Some(at) = losses.first_due(self.now)
                && let Some(repairs) = &mut publication.repairs
                && repairs.wake_at(at)
            {
                self.aftermath.arm(slot, transport, self.now);
            }
        }
        let (spatial, temporal) = (packet.scaling.spatial, packet.scaling.temporal);
        encoding.meter.count(spatial, temporal, packet.payload.len());
        let number = (encoding.run, packet.sequence);
        let clock_rate_hz = codec.clock_rate_hz();
        encoding.reception.count(number, packet.timestamp, clock_rate_hz, packet.arrived);
        if track.arrivals.is_empty() {
            self.arrived.push(key);
        }
        if codec.kind() == MediaKind::Audio {
            let news = level.and_then(|level| encoding.loudness.handle_packet(level, self.now));
            if let Some(level) = news {
                self.events.push_back(Event::Speech { track: track.id, level });
            }
            let copies = red.as_ref().map(RedPayload::copies).unwrap_or_default();
            let lost = encoding.restorer.handle_packet(&packet, copies, *types.own);
            for restored in lost.map(|lost| packet.restore(lost, codec)) {
                let index = encoding.ring.push(restored);
                track.arrivals.push(Arrival { encoding: stream.encoding, index, padding: 0 });
            }
        }
        let index = encoding.ring.push(packet);
        let is_met = |encoding: &Encoding| encoding.keyframes.due().is_none();
        if starts_keyframe && !self.wishes.is_empty() && track.encodings.iter().all(is_met) {
            self.wishes.remove(&key);
        }
        track.arrivals.push(Arrival { encoding: stream.encoding, index, padding: 0 });
    }

    /// Finds out to which track a packet belongs; the first one makes the track.
    fn place(&mut self, slot: Slot, packet: &RtpPacket) -> Option<Place> {
        let transport = self.transports.get_mut(slot)?;
        let ssrc = packet.header.ssrc;
        let Role::Publisher(publication) = &transport.role else {
            return None;
        };
        let known = publication.stream(ssrc);
        let names = match known {
            Some(_) => None,
            None => {
                let is_asked_here = publication.repairs.is_some();
                let names = self.aftermath.touch(slot, transport, |rtc| {
                    let mut api = rtc.direct_api();
                    let stream = api.stream_rx(&ssrc)?;
                    if is_asked_here {
                        stream.suppress_nack(true);
                    }
                    Some((stream.mid(), stream.rid()))
                });
                names.flatten()
            }
        };
        let Role::Publisher(publication) = &mut transport.role else {
            return None;
        };
        let stream = match (known, names) {
            (Some(stream), _) => stream,
            (None, Some((mid, rid))) => publication.add_stream(ssrc, mid, rid)?,
            (None, None) => return None,
        };
        let is_new_stream = known.is_none();
        let section = &mut publication.sections[stream.section];
        if let Some(key) = section.track {
            return Some(Place { stream, key, is_new_stream, is_new_track: false });
        }
        let kind = section.kind?;
        let payload_type = packet.header.payload_type;
        let params = transport.engine.rtc().codec_config().params();
        let is_sent = |p: &&PayloadParams| p.pt() == payload_type || p.red() == Some(payload_type);
        let negotiated = params.iter().find(is_sent)?;
        let types = PublishedTypes { own: negotiated.pt(), red: negotiated.red() };
        let format = Format::of(&negotiated.spec()).filter(|f| f.codec.kind() == kind)?;
        let id = TrackId { transport: transport.id, section: u16::try_from(stream.section).ok()? };
        let (encodings, has_rtx) = (section.rids.len().max(1), section.has_rtx);
        let key = self.tracks.insert(Track {
            id,
            format,
            origin: Origin::Publisher(types),
            msid: section.msid.clone(),
            encodings: (0..encodings).map(|_| Encoding::new(kind, has_rtx)).collect(),
            ladder: Ladder::new(encodings),
            subscribers: Vec::new(),
            demand: Demand::default(),
            exports: Vec::new(),
            arrivals: Vec::new(),
        });
        section.track = Some(key);
        self.by_track_id.insert(id, key);
        if kind == MediaKind::Video && publication.next_rate.is_none() {
            publication.next_rate = Some(self.now);
            self.aftermath.arm(slot, transport, self.now);
        }
        self.events.push_back(Event::TrackStarted { track: id, codec: format.codec });
        self.note_demand(key);
        Some(Place { stream, key, is_new_stream, is_new_track: true })
    }

    pub(crate) fn handle_sender_report(&mut self, slot: Slot, feedback: &SenderFeedback) {
        let Role::Publisher(publication) = &mut self.transports[slot].role else {
            return;
        };
        let info = &feedback.sender_info;
        // The engine extends the 32 bits of the report to 64; the lower half is what was sent.
        let report = Report { wall: info.ntp_time, timestamp: info.rtp_time.numer() as u32 };
        publication.handle_report(info.ssrc, report, feedback.received_at);
    }

    pub(crate) fn handle_estimate(&mut self, slot: Slot, estimate: &BweKind) {
        if let BweKind::Remb { estimate, .. } = estimate {
            self.handle_receiver_estimate(slot, estimate.as_u64());
        }
    }

    /// Takes sending into our own hands, if the handshake agreed upon a cipher that we have.
    pub(crate) fn take_over_egress(&mut self, slot: Slot) {
        let transport = &mut self.transports[slot];
        let Role::Subscriber(subscription) = &mut transport.role else {
            return;
        };
        let keys = transport.engine.master_keys();
        let keys = keys.and_then(|keys| SessionKeys::derive(&self.crypto.provider, keys));
        let Some(SessionKeys { sealer, opener, .. }) = keys else {
            return;
        };
        let path = transport.engine.nominated_path(&mut self.aftermath.out);
        if let Ok(Some(path)) = path {
            transport.engine.mute();
            subscription.egress = Box::new(DirectEgress::new(sealer, path, self.epoch));
            subscription.reports = Some(opener);
        }
        self.aftermath.settle(slot, transport, self.now, path.map(drop));
    }

    /// Follows the path that ICE has nominated since, after a connectivity check from `source` to our
    /// `destination`.
    pub(crate) fn update_path(&mut self, slot: Slot, source: SocketAddr, destination: SocketAddr) {
        let Some(transport) = self.transports.get_mut(slot).filter(|t| t.is_reachable()) else {
            return;
        };
        let sends_beside_engine = match &transport.role {
            Role::Publisher(publication) => publication.repairs.is_some(),
            Role::Subscriber(subscription) => subscription.reports.is_some(),
        };
        if sends_beside_engine && transport.engine.doubts_path(source, destination, self.now) {
            let path = transport.engine.nominated_path(&mut self.aftermath.out);
            if let Some(path) = transport.engine.path() {
                transport.set_path(path);
            }
            self.aftermath.settle(slot, transport, self.now, path.map(drop));
        }
    }

    /// Sends to where the peer now sends from, after something that only it can have sealed came from
    /// `source` to our `destination`.
    pub(crate) fn follow_peer(&mut self, slot: Slot, source: SocketAddr, destination: SocketAddr) {
        if let Some(transport) = self.transports.get_mut(slot)
            && let Some(path) = transport.engine.follow(source, destination, self.now)
        {
            transport.set_path(path);
        }
    }

    /// Takes in reports of a subscriber to which the engine does not send. Returns whether they are
    /// authentic.
    pub(crate) fn handle_rtcp(&mut self, slot: Slot, datagram: &[u8]) -> bool {
        if datagram.len() > MAX_REPORT_BYTES {
            return false;
        }
        let mut room = std::mem::take(&mut self.rtcp_room);
        let mut is_authentic = false;
        if let Some(Role::Subscriber(subscription)) =
            self.transports.get_mut(slot).map(|t| &mut t.role)
            && let Some(opener) = &mut subscription.reports
            && let Some(compound) = opener.open(datagram, &mut room)
        {
            is_authentic = true;
            let mut estimate = None;
            for feedback in rtcp::read(compound) {
                match feedback {
                    // Each is acted upon at some cost, and only the last one still holds.
                    Feedback::Remb { rate } => estimate = Some(rate),
                    other @ (Feedback::Reception(_)
                    | Feedback::Nack { .. }
                    | Feedback::Keyframe { .. }
                    | Feedback::TransportWide(_)) => self.handle_feedback(slot, other),
                }
            }
            if let Some(rate) = estimate {
                self.handle_receiver_estimate(slot, rate);
            }
            if let Some(Role::Subscriber(subscription)) =
                self.transports.get_mut(slot).map(|t| &mut t.role)
            {
                subscription.redundancy.handle_report_end(self.now);
            }
        }
        self.rtcp_room = room;
        is_authentic
    }

    fn handle_feedback(&mut self, slot: Slot, feedback: Feedback<'_>) {
        let transport = &mut self.transports[slot];
        let Role::Subscriber(subscription) = &mut transport.role else {
            return;
        };
        match feedback {
            Feedback::Reception(reception) => {
                subscription.note_report(&reception, self.now);
                let loss = f64::from(reception.fraction_lost) / 256.0;
                if subscription.section_of(reception.ssrc, MediaKind::Video).is_some() {
                    let sent = subscription.sent_rate();
                    subscription.rate.handle_loss(loss, sent, self.now);
                }
                let client = subscription.client;
                // What happens to pictures on this link happens to sound, and is reported more often. What a
                // full link drops is no reason to send it more.
                let is_narrow = subscription.rate.is_full(self.now, NARROW)
                    || self.clients.get(&client).is_some_and(|client| client.is_narrow(self.now));
                if subscription.egress.mid_of(reception.ssrc).is_some() && !is_narrow {
                    subscription.redundancy.note_loss(loss);
                }
                self.handle_sign(client);
            }
            Feedback::Nack { ssrc, missing } => {
                let Some(section) = subscription.section_of(ssrc, MediaKind::Video) else {
                    return;
                };
                let Some(key) = subscription.sections[section].track else {
                    return;
                };
                let nacked = missing.numbers().count() as u64;
                subscription.sections[section].feedbacks.nacked += nacked;
                if subscription.sections[section].outlet.is_some_and(|o| !o.has_rtx) {
                    let mid = subscription.sections[section].mid;
                    return self.handle_keyframe_request(slot, mid);
                }
                let client = subscription.client;
                let room = self.repair_room(client);
                let transport = &mut self.transports[slot];
                let Role::Subscriber(subscription) = &mut transport.role else {
                    return;
                };
                let (track, now) = (&self.tracks[key], self.now);
                let copies = resends::copies(subscription.redundancy.loss());
                let limits = RepairLimits { room, round_trip: transport.round_trip, copies };
                let queue = &mut self.aftermath.out.queue;
                let repaired = transport.engine.touch(|engine| {
                    let mut way = Way { engine, queue, now };
                    subscription.repair(&mut way, section, missing.numbers(), track, limits)
                });
                match repaired {
                    Ok(bytes) => self.count_repairs(client, bytes),
                    Err(fault) => self.aftermath.fail(slot, transport, fault),
                }
            }
            Feedback::Keyframe { ssrc } => {
                if let Some(mid) = subscription.egress.mid_of(ssrc) {
                    subscription.note_keyframe_request(mid, self.now);
                    self.handle_keyframe_request(slot, mid);
                }
            }
            Feedback::Remb { rate } => self.handle_receiver_estimate(slot, rate),
            Feedback::TransportWide(feedback) => self.handle_transport_feedback(slot, &feedback),
        }
    }

    /// Sends the sender reports of a subscriber that are due.
    pub(crate) fn send_reports(&mut self, slot: Slot) {
        let Some(transport) = self.transports.get_mut(slot).filter(|t| t.is_reachable()) else {
            return;
        };
        let Role::Subscriber(subscription) = &mut transport.role else {
            return;
        };
        if subscription.egress.next_report().is_some_and(|at| at <= self.now) {
            let (now, queue) = (self.now, &mut self.aftermath.out.queue);
            let sent = transport.engine.touch(|engine| {
                subscription.egress.send_reports(&mut Way { engine, queue, now });
            });
            if let Err(fault) = sent {
                self.aftermath.fail(slot, transport, fault);
            }
        }
    }

    /// Takes in what the engine counted of a section in the last second.
    pub(crate) fn handle_egress_stats(&mut self, slot: Slot, stats: &MediaEgressStats) {
        let Role::Subscriber(subscription) = &mut self.transports[slot].role else {
            return;
        };
        let Some(section) = subscription.sections.iter_mut().find(|s| s.mid == stats.mid) else {
            return;
        };
        let before = section.sent.replace((stats.bytes, stats.timestamp));
        if let Some((bytes, at)) = before {
            let seconds = stats.timestamp.saturating_duration_since(at).as_secs_f64().max(0.1);
            let bits = stats.bytes.saturating_sub(bytes) * 8;
            section.sent_rate = (bits as f64 / seconds) as u64;
        }
        if let Some(loss) = stats.loss {
            // The engine does not say how uneven it is.
            let (jitter, round_trip) = (Duration::ZERO, stats.rtt);
            let report = ReceptionReport { loss: f64::from(loss), jitter, round_trip };
            section.feedbacks.handle_report(report, self.now);
        }
        if let (Some(loss), MediaKind::Video) = (stats.loss, section.format.codec.kind()) {
            subscription.rate.handle_loss(f64::from(loss), section.sent_rate, self.now);
        }
        let nacks = std::mem::replace(&mut section.nacks, stats.nacks);
        let unrepaired = stats.nacks > nacks && section.outlet.is_some_and(|o| !o.has_rtx);
        if unrepaired {
            // A packet is never sealed twice under one number (RFC 7714 §8.4), so without RTX
            // (RFC 4588) what was lost stays lost, and only a keyframe helps.
            self.handle_keyframe_request(slot, stats.mid);
        }
    }

    /// Lets a subscriber have what it negotiated, from the last keyframe on if that is not long ago.
    pub(crate) fn start_sections(&mut self, slot: Slot) {
        let Some(transport) = self.transports.get_mut(slot).filter(|t| t.is_reachable()) else {
            return;
        };
        let Role::Subscriber(subscription) = &mut transport.role else {
            return;
        };
        let (mut sent, mut started) = (Ok(0), Vec::new());
        for index in 0..subscription.sections.len() {
            let section = &mut subscription.sections[index];
            let starts = section.outlet.is_some() && !section.live;
            let Some(key) = section.track.filter(|_| starts) else {
                continue;
            };
            let track = &self.tracks[key];
            let Some(target) = section.selection.choose(&track.ladder).layer else {
                continue;
            };
            section.live = true;
            let (now, encoding) = (self.now, target.encoding);
            let packets = track.encodings[encoding].ring.replay(now);
            let packets =
                packets.map(|(index, packet)| Pick { encoding, index, packet, padding: 0 });
            let mut packets = packets.peekable();
            // Whoever has seen more recent pictures already would watch the past again.
            let is_past = packets.peek().is_some_and(|p| section.forward.has_passed(p.packet));
            let packets = packets.filter(|_| !is_past);
            let queue = &mut self.aftermath.out.queue;
            let replayed = transport.engine.touch(|engine| {
                let mut way = Way { engine, queue, now };
                subscription.forward_all(&mut way, index, target, packets, track)
            });
            sent = sent.and_then(|sum| replayed.map(|more| sum + more));
            if sent.is_err() {
                break;
            }
            started.push(key);
            // A shard that is told that an encoding is wanted now sees to a keyframe itself.
            let is_on_its_way = matches!(&track.origin, Origin::Shard(i) if !i.has(encoding));
            let section = &subscription.sections[index];
            let has_it =
                section.forward.current().is_some() || section.holds_keyframe_of(encoding, track);
            if !has_it && !is_on_its_way {
                self.tracks[key].encodings[encoding].keyframes.request();
                self.wishes.insert(key);
            }
        }
        self.counters.forwarded += self.aftermath.release(slot, transport, self.now, sent);
        for key in started {
            self.refresh_import(key);
        }
    }

    /// Forgets a track that its publisher took back.
    pub(crate) fn end_track(&mut self, key: TrackKey) {
        if let Some(track) = self.remove_track(key) {
            self.events.push_back(Event::TrackEnded { track: track.id });
        }
    }

    pub(crate) fn remove_track(&mut self, key: TrackKey) -> Option<Track> {
        let track = self.tracks.try_remove(key)?;
        self.by_track_id.remove(&track.id);
        self.end_exports(&track);
        self.wishes.remove(&key);
        self.arrived.retain(|k| *k != key);
        let mut clients = BTreeSet::new();
        for subscriber in &track.subscribers {
            if let Some(Transport { role: Role::Subscriber(s), .. }) =
                self.transports.get_mut(subscriber.slot)
            {
                s.sections[subscriber.section].release();
                clients.insert(s.client);
            }
        }
        // There is more room for what else they get.
        for client in clients {
            self.share_out(client, false);
        }
        Some(track)
    }
}

/// The longest compound of reports that is read: what fits into a frame of Ethernet. Nobody sends longer ones, and
/// what one asks for can be a hundred times as much work as it is long.
const MAX_REPORT_BYTES: usize = 1_500;

/// How many simulcast encodings of a track are told apart; browsers send up to three.
pub(crate) const MAX_ENCODINGS: usize = 4;
