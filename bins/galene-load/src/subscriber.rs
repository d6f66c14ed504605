//! A transport that receives and verifies.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use fastrand::Rng;
use galene_protocol::{Answer, ClientBody, StreamId};
use str0m::change::SdpOffer;
use str0m::format::Codec;
use str0m::media::{KeyframeRequestKind, Pt};
use str0m::rtp::RtpPacket;
use str0m::{Event, IceConnectionState, Rtc};
use tokio::sync::mpsc;
use tokio::time::Instant as TokioInstant;

use crate::attendance::Attendance;
use crate::publisher::ToTransport;
use crate::source::Kind;
use crate::track::{Packet, ReceivedTrack};
use crate::transport::{Arrival, Transport, TransportError};
use crate::worker::Worker;

/// Browsers report about once a second what they can receive.
const REMB_INTERVAL: Duration = Duration::from_secs(1);
/// A stream that does not begin with a keyframe is asked for one after this time, and again. A keyframe
/// of many packets takes some time to come, and a server asks by itself when somebody joins.
const KEYFRAME_PATIENCE: Duration = Duration::from_millis(500);
/// A browser has few tracks in a transport, each with few SSRCs in its life.
const MAX_TRACKS: usize = 16;

/// What a subscriber does.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct SubscriberConfig {
    /// What it reports by REMB, in bits per second.
    pub(crate) remb: u64,
    /// How many of the packets with media it loses, from 0 to 1.
    pub(crate) loss: f64,
    /// The kernel notes when packets arrive, so that the generator's own delays do not count.
    pub(crate) has_times: bool,
}

/// A transport that receives one stream.
pub(crate) struct Subscriber {
    transport: Transport,
    worker: Arc<Worker>,
    attendance: Arc<Attendance>,
    id: StreamId,
    config: SubscriberConfig,
    tracks: Vec<Track>,
    is_connected: bool,
    next_remb: Instant,
    rng: Rng,
}

/// What is looked at of a packet.
struct Incoming {
    ssrc: u32,
    payload_type: Pt,
    sequence: u64,
    timestamp: u32,
    payload: Arc<[u8]>,
}

#[derive(Debug)]
struct Track {
    ssrc: u32,
    since: Instant,
    keyframe_requested: Option<Instant>,
    /// Something came since the last report.
    is_alive: bool,
    received: ReceivedTrack,
}

impl Subscriber {
    /// Returns a subscriber that has not been offered anything yet. Must be called within a runtime.
    pub(crate) fn new(
        worker: Arc<Worker>,
        attendance: Arc<Attendance>,
        local: std::net::IpAddr,
        id: StreamId,
        config: SubscriberConfig,
        rng: Rng,
    ) -> Result<Self, TransportError> {
        let now = Instant::now();
        Ok(Self {
            transport: Transport::new(local, config.has_times, now)?,
            worker,
            attendance,
            id,
            config,
            tracks: Vec::new(),
            is_connected: false,
            next_remb: now + REMB_INTERVAL,
            rng,
        })
    }

    /// Receives until nobody can tell it anything any more; what it says goes to `replies`.
    pub(crate) async fn run(
        mut self,
        mut orders: mpsc::Receiver<ToTransport>,
        replies: mpsc::Sender<ClientBody>,
    ) {
        let result = self.attend(&mut orders, &replies).await;
        if self.is_connected {
            self.worker.shared.progress.connected.fetch_sub(1, Relaxed);
        }
        let mut tally = self.worker.tally();
        for track in &mut self.tracks {
            track.received.finish(&mut tally);
        }
        self.transport.end(result, &mut tally);
    }

    async fn attend(
        &mut self,
        orders: &mut mpsc::Receiver<ToTransport>,
        replies: &mpsc::Sender<ClientBody>,
    ) -> Result<(), TransportError> {
        // Re-armed only when it is too late or has fired: that saves work on each packet.
        let mut sleep = pin!(tokio::time::sleep_until(TokioInstant::now()));
        loop {
            let wake = TokioInstant::from_std(self.transport.deadline().min(self.next_remb));
            if wake < sleep.deadline() || sleep.is_elapsed() {
                sleep.as_mut().reset(wake);
            }
            tokio::select! {
                biased;
                // The kernel has no other errors here than those that receiving tells too.
                _ = self.transport.readable() => self.receive()?,
                order = orders.recv() => match order {
                    Some(ToTransport::Offer(sdp)) => {
                        let sdp = self.answer(&sdp)?;
                        let answer = ClientBody::Answer(Answer { id: self.id.clone(), sdp });
                        if replies.send(answer).await.is_err() {
                            return Ok(());
                        }
                    }
                    Some(ToTransport::Candidate(candidate)) => {
                        self.transport.add_candidate(&candidate);
                        self.settle()?;
                    }
                    // Answers are for publishers.
                    Some(ToTransport::Answer(_)) => {}
                    None => return Ok(()),
                },
                () = &mut sleep => self.settle()?,
            }
        }
    }

    fn answer(&mut self, sdp: &str) -> Result<String, TransportError> {
        let refused = |error: String| TransportError::Description(error);
        // A browser that may choose answers as DTLS client (RFC 8842 §5.3); the engine would be server.
        let as_client = sdp.replace("a=setup:actpass", "a=setup:passive");
        let offer = SdpOffer::from_sdp_string(&as_client).map_err(|e| refused(e.to_string()))?;
        let answer = self.transport.rtc().sdp_api().accept_offer(offer);
        let answer = answer.map_err(|e| refused(e.to_string()))?;
        self.settle()?;
        Ok(answer.to_sdp_string())
    }

    fn receive(&mut self) -> Result<(), TransportError> {
        let Self { transport, rng, config, tracks, worker, attendance, .. } = self;
        let mut has_connected = false;
        let (mut dropped, mut strangers) = (0, Vec::new());
        let is_lost = |contents: &[u8]| {
            let is_lost = config.loss > 0.0 && is_media(contents) && rng.f64() < config.loss;
            dropped += u64::from(is_lost);
            is_lost
        };
        {
            let buffer = &mut worker.buffer();
            transport.receive(buffer, is_lost, |arrival, event| {
                if let Event::RtpPacket(packet) = event {
                    let packet = Incoming::from(packet);
                    if !handle_packet(tracks, worker, arrival, &packet) {
                        strangers.push((arrival, packet));
                    }
                } else {
                    has_connected |= matches!(event, Event::Connected);
                    note_breakage(worker, event);
                }
            })?;
        }
        if dropped > 0 {
            worker.tally().dropped_on_purpose += dropped;
        }
        for (arrival, packet) in strangers {
            if add_track(tracks, transport.rtc(), arrival.now, &packet) {
                worker.shared.progress.live_tracks.fetch_add(1, Relaxed);
                attendance.note_media(arrival.now, &mut worker.tally());
            }
            handle_packet(tracks, worker, arrival, &packet);
        }
        if has_connected {
            self.note_connected();
        }
        self.ask_for_keyframes()
    }

    fn settle(&mut self) -> Result<(), TransportError> {
        let now = Instant::now();
        if self.next_remb <= now {
            self.next_remb = now + REMB_INTERVAL;
            let remb = self.config.remb;
            let mut api = self.transport.rtc().direct_api();
            for track in self.tracks.iter_mut().filter(|t| t.received.kind() == Kind::Video) {
                // Where nothing comes there is nothing to estimate.
                if std::mem::take(&mut track.is_alive)
                    && let Some(stream) = api.stream_rx(&track.ssrc.into())
                {
                    stream.request_remb(remb.into());
                }
            }
        }
        let mut has_connected = false;
        let worker = &self.worker;
        self.transport.settle(now, |event| {
            has_connected |= matches!(event, Event::Connected);
            note_breakage(worker, event);
        })?;
        if has_connected {
            self.note_connected();
        }
        Ok(())
    }

    fn note_connected(&mut self) {
        if !self.is_connected {
            self.is_connected = true;
            self.worker.shared.progress.connected.fetch_add(1, Relaxed);
            self.attendance.note_connected(Instant::now(), &mut self.worker.tally());
        }
    }

    fn ask_for_keyframes(&mut self) -> Result<(), TransportError> {
        let mut now = None;
        for track in &mut self.tracks {
            let has_wish = track.received.take_keyframe_wish();
            if !has_wish && !track.received.lacks_keyframe() {
                continue;
            }
            let now = *now.get_or_insert_with(Instant::now);
            let last = track.keyframe_requested.unwrap_or(track.since);
            if now < last + KEYFRAME_PATIENCE {
                continue;
            }
            track.keyframe_requested = Some(now);
            self.worker.tally().keyframe_requests += 1;
            let mut api = self.transport.rtc().direct_api();
            if let Some(stream) = api.stream_rx(&track.ssrc.into()) {
                stream.request_keyframe(KeyframeRequestKind::Pli);
            }
        }
        if now.is_some() { self.settle() } else { Ok(()) }
    }
}

impl std::fmt::Debug for Subscriber {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Subscriber").field("id", &self.id).finish_non_exhaustive()
    }
}

impl From<&RtpPacket> for Incoming {
    fn from(packet: &RtpPacket) -> Self {
        Self {
            ssrc: *packet.header.ssrc,
            payload_type: packet.header.payload_type,
            sequence: *packet.seq_no,
            timestamp: packet.header.timestamp,
            payload: packet.payload.clone(),
        }
    }
}

/// Returns whether a datagram is SRTP and not SRTCP (RFC 7983 §7, RFC 5761 §4).
fn is_media(contents: &[u8]) -> bool {
    matches!(contents, [128..192, second, ..] if !(192..224).contains(second))
}

/// Counts transports that lose their way to the server, or that it closes.
fn note_breakage(worker: &Worker, event: &Event) {
    if let Event::IceConnectionStateChange(IceConnectionState::Disconnected) = event {
        worker.tally().error("ICE lost the connection of a subscriber");
    } else if matches!(event, Event::Closed) {
        worker.tally().error("the server closed a transport before its stream");
    }
}

/// Returns whether the packet belongs to a track that is known.
fn handle_packet(
    tracks: &mut [Track],
    worker: &Worker,
    arrival: Arrival,
    packet: &Incoming,
) -> bool {
    let Incoming { ssrc, sequence, timestamp, ref payload, .. } = *packet;
    let Some(track) = tracks.iter_mut().find(|track| track.ssrc == ssrc) else { return false };
    let shared = &worker.shared;
    let packet = Packet { sequence, timestamp, payload };
    track.is_alive = true;
    let mut tally = worker.tally();
    let mut at = shared.clock.at(arrival.now);
    if let Some(age) = arrival.age {
        let age = u64::try_from(age.as_nanos()).unwrap_or(u64::MAX);
        tally.dispatch.record(age);
        at = at.saturating_sub(age);
    }
    track.received.handle(at, packet, &shared.window, &mut tally);
    true
}

/// Returns whether there is a new track.
fn add_track(tracks: &mut Vec<Track>, rtc: &mut Rtc, now: Instant, packet: &Incoming) -> bool {
    let ssrc = packet.ssrc;
    if tracks.len() >= MAX_TRACKS || tracks.iter().any(|track| track.ssrc == ssrc) {
        return false;
    }
    let pt = packet.payload_type;
    let format = rtc.codec_config().params().iter().find(|param| param.pt() == pt);
    let kind = match format.map(|param| param.spec().codec) {
        Some(Codec::Vp8) => Kind::Video,
        _ => Kind::Audio,
    };
    let received = ReceivedTrack::new(kind);
    tracks.push(Track { ssrc, since: now, keyframe_requested: None, is_alive: true, received });
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_packets_of_media_are_lost_on_purpose() {
        assert!(is_media(&[0x80, 120]) && is_media(&[0x90, 128 | 109]));
        for other in [&[0x80, 200][..], &[0, 1], &[22, 254], &[0x80], &[]] {
            assert!(!is_media(other), "{other:?}");
        }
    }
}
