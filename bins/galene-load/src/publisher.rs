//! A transport that sends.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Instant;

use fastrand::Rng;
use galene_protocol::{Answer, ClientBody, ClientOffer, StreamId};
use str0m::Event;
use str0m::change::{SdpAnswer, SdpPendingOffer};
use str0m::media::{
    Direction, KeyframeRequest, MediaKind, Mid, Pt, Rid, Simulcast, SimulcastLayer,
};
use str0m::rtp::{ExtensionValues, RtpWrite, SeqNo};
use tokio::sync::mpsc;

use crate::source::{Format, Frame, Kind, LATE, Source};
use crate::transport::{Transport, TransportError};
use crate::worker::Worker;

/// The names of simulcast encodings, the largest first, by how many there are.
const RIDS: [&[&str]; 4] = [&[], &[], &["h", "l"], &["h", "m", "l"]];
/// So many encodings of a track are sent at most.
pub(crate) const MAX_ENCODINGS: usize = RIDS.len() - 1;
/// Each encoding has a quarter of the pixels of the next larger one, and so much of its rate.
const ENCODING_SHARE: u64 = 3;

/// What a publisher sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PublisherConfig {
    /// Bits per second of the largest encoding; no video if 0.
    pub(crate) video_bitrate: u64,
    pub(crate) fps: u32,
    pub(crate) audio: bool,
    /// How many encodings; 1 without simulcast.
    pub(crate) encodings: usize,
}

/// What a publisher is told.
#[derive(Debug)]
pub(crate) enum ToTransport {
    Answer(String),
    Candidate(String),
    Offer(String),
}

/// A transport that sends one stream.
pub(crate) struct Publisher {
    transport: Transport,
    worker: Arc<Worker>,
    id: StreamId,
    config: PublisherConfig,
    /// Tells the tracks of all publishers apart.
    number: u32,
    mids: Vec<(Mid, Kind)>,
    pending: Option<SdpPendingOffer>,
    senders: Vec<Sender>,
    is_connected: bool,
    rng: Rng,
}

/// One encoding of one track.
#[derive(Debug)]
struct Sender {
    mid: Mid,
    rid: Option<Rid>,
    payload_type: Pt,
    source: Source,
}

impl PublisherConfig {
    /// Returns how many tracks there are.
    pub(crate) fn tracks(&self) -> usize {
        usize::from(self.audio) + usize::from(self.video_bitrate > 0)
    }
}

impl Publisher {
    /// Returns a publisher and its offer. Must be called within a runtime.
    pub(crate) fn new(
        worker: Arc<Worker>,
        local: std::net::IpAddr,
        id: StreamId,
        number: u32,
        config: PublisherConfig,
    ) -> Result<(Self, ClientBody), TransportError> {
        let mut transport = Transport::new(local, false, Instant::now())?;
        let mut api = transport.rtc().sdp_api();
        let mut mids = Vec::new();
        let stream = || Some(format!("camera{number}"));
        if config.audio {
            let track = Some(format!("audio{number}"));
            let mid = api.add_media(MediaKind::Audio, Direction::SendOnly, stream(), track, None);
            mids.push((mid, Kind::Audio));
        }
        if config.video_bitrate > 0 {
            let rids = RIDS[config.encodings];
            let simulcast = (!rids.is_empty()).then(|| Simulcast {
                send: rids.iter().copied().map(SimulcastLayer::new).collect(),
                recv: Vec::new(),
            });
            let track = Some(format!("video{number}"));
            let mid =
                api.add_media(MediaKind::Video, Direction::SendOnly, stream(), track, simulcast);
            mids.push((mid, Kind::Video));
        }
        let Some((offer, pending)) = api.apply() else {
            return Err(TransportError::Description("there is nothing to offer".to_owned()));
        };
        let mut sdp = offer.to_sdp_string();
        if config.encodings > 1 {
            sdp = without_simulcast_ssrcs(&sdp);
        }
        let offer = ClientOffer { id: id.clone(), label: "camera".to_owned(), replace: None, sdp };
        let publisher = Self {
            transport,
            worker,
            id,
            config,
            number,
            mids,
            pending: Some(pending),
            senders: Vec::new(),
            is_connected: false,
            rng: Rng::with_seed(number.into()),
        };
        Ok((publisher, ClientBody::Offer(offer)))
    }

    /// Sends until nobody can tell it anything any more.
    pub(crate) async fn run(mut self, mut orders: mpsc::Receiver<ToTransport>) {
        let result = self.send(&mut orders).await;
        self.transport.end(result, &mut self.worker.tally());
    }

    async fn send(
        &mut self,
        orders: &mut mpsc::Receiver<ToTransport>,
    ) -> Result<(), TransportError> {
        loop {
            let sources = self.senders.iter().filter(|_| self.is_connected);
            let wake = sources.map(|sender| sender.source.next_at());
            let wake = wake.fold(self.transport.deadline(), Instant::min);
            tokio::select! {
                order = orders.recv() => match order {
                    Some(order) => self.obey(order)?,
                    None => return Ok(()),
                },
                // The kernel has no other errors here than those that receiving tells too.
                _ = self.transport.readable() => self.receive()?,
                () = tokio::time::sleep_until(wake.into()) => {}
            }
            self.capture()?;
        }
    }

    fn obey(&mut self, order: ToTransport) -> Result<(), TransportError> {
        match order {
            ToTransport::Answer(sdp) => self.accept(&sdp)?,
            ToTransport::Candidate(candidate) => self.transport.add_candidate(&candidate),
            ToTransport::Offer(_) => {
                let text = "the server offers a stream under the id of a published one";
                return Err(TransportError::Description(text.to_owned()));
            }
        }
        self.settle()
    }

    fn accept(&mut self, sdp: &str) -> Result<(), TransportError> {
        let refused = |error: String| TransportError::Description(error);
        let Some(pending) = self.pending.take() else {
            return Err(refused("an answer without an offer".to_owned()));
        };
        let answer = SdpAnswer::from_sdp_string(sdp).map_err(|e| refused(e.to_string()))?;
        let rtc = self.transport.rtc();
        rtc.sdp_api().accept_answer(pending, answer).map_err(|e| refused(e.to_string()))?;
        let now = Instant::now();
        for (index, &(mid, kind)) in (0..).zip(&self.mids) {
            let pts = rtc.media(mid).map(|media| media.remote_pts().to_vec()).unwrap_or_default();
            let Some(&payload_type) = pts.first() else {
                return Err(refused(format!("the server refuses to receive {kind:?}")));
            };
            let encodings = if kind == Kind::Video { self.config.encodings } else { 1 };
            let track = self.number * 2 + index;
            let mut bitrate = self.config.video_bitrate;
            for encoding in 0..encodings {
                let format = match kind {
                    Kind::Audio => Format::Opus,
                    Kind::Video => Format::Vp8 { bitrate, fps: self.config.fps },
                };
                bitrate /= ENCODING_SHARE;
                let rid = RIDS[encodings].get(encoding).map(|rid| Rid::from(*rid));
                let encoding = u8::try_from(encoding).expect("MAX_ENCODINGS is small");
                let source = Source::new(format, track, encoding, self.rng.fork(), now);
                self.senders.push(Sender { mid, rid, payload_type, source });
            }
        }
        Ok(())
    }

    fn receive(&mut self) -> Result<(), TransportError> {
        let mut news = News::default();
        let on_event = |_, event: &Event| news.note(event);
        self.transport.receive(&mut self.worker.buffer(), |_| false, on_event)?;
        self.handle(news);
        Ok(())
    }

    fn settle(&mut self) -> Result<(), TransportError> {
        let mut news = News::default();
        self.transport.settle(Instant::now(), |event| news.note(event))?;
        self.handle(news);
        Ok(())
    }

    fn handle(&mut self, news: News) {
        for (mid, rid) in news.keyframes_wanted {
            self.worker.tally().keyframes_wanted += 1;
            let wanted = self.senders.iter_mut().filter(|sender| sender.mid == mid);
            for sender in wanted.filter(|sender| rid.is_none() || sender.rid == rid) {
                sender.source.request_keyframe();
            }
        }
        if news.has_connected && !self.is_connected {
            self.is_connected = true;
            self.worker.shared.progress.publishing.fetch_add(1, Relaxed);
            let now = Instant::now();
            self.senders.iter_mut().for_each(|sender| sender.source.skip(now));
        }
    }

    /// Sends the frames that are due.
    fn capture(&mut self) -> Result<(), TransportError> {
        let now = Instant::now();
        if self.is_connected {
            let is_muted = self.worker.shared.is_muted.load(Relaxed);
            for index in 0..self.senders.len() {
                let source = &mut self.senders[index].source;
                if is_muted {
                    source.skip(now);
                    continue;
                }
                let sent = self.worker.shared.clock.at(now);
                if let Some(frame) = source.poll(now, sent) {
                    self.write(index, now, sent, frame);
                }
            }
        }
        // Deadlines of the engine are settled here as well.
        self.settle()
    }

    fn write(&mut self, index: usize, now: Instant, sent: u64, frame: Frame) {
        let Sender { mid, rid, payload_type, ref source } = self.senders[index];
        let kind = source.kind();
        let mut api = self.transport.rtc().direct_api();
        let Some(stream) = api.stream_tx_by_mid(mid, rid) else {
            self.worker.tally().error("an encoding was not accepted by the server");
            return;
        };
        let mut tally = self.worker.tally();
        if self.worker.shared.window.contains(sent) {
            let packets = frame.payloads.len() as u64;
            match kind {
                Kind::Audio => tally.sent.audio += packets,
                Kind::Video => tally.sent.video += packets,
            }
            tally.sent.frames += u64::from(kind == Kind::Video);
            tally.sent.bytes += frame.payloads.iter().map(|p| p.len() as u64).sum::<u64>();
            tally.sent.late += u64::from(frame.late > LATE);
            let late = u64::try_from(frame.late.as_nanos()).unwrap_or(u64::MAX);
            tally.lateness.record(late);
        }
        drop(tally);
        let is_video = kind == Kind::Video;
        let last = frame.payloads.len() - 1;
        for (i, (sequence, payload)) in (frame.sequence..).zip(frame.payloads).enumerate() {
            let extensions = ExtensionValues {
                audio_level: (!is_video).then_some(-30),
                voice_activity: (!is_video).then_some(true),
                ..ExtensionValues::default()
            };
            let sequence = SeqNo::from(sequence);
            let packet = RtpWrite::new(payload_type, sequence, frame.timestamp, now, payload)
                .marker(is_video && i == last)
                .ext_vals(extensions)
                .nackable(is_video);
            stream.write_rtp(packet);
        }
    }
}

/// What the engine told.
#[derive(Debug, Default)]
struct News {
    has_connected: bool,
    keyframes_wanted: Vec<(Mid, Option<Rid>)>,
}

impl News {
    fn note(&mut self, event: &Event) {
        if let Event::KeyframeRequest(KeyframeRequest { mid, rid, .. }) = event {
            self.keyframes_wanted.push((*mid, *rid));
        }
        self.has_connected |= matches!(event, Event::Connected);
    }
}

impl std::fmt::Debug for Publisher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Publisher").field("id", &self.id).finish_non_exhaustive()
    }
}

/// Returns what the answer to a stream's offer means for its transport.
pub(crate) fn answered(answer: Answer) -> ToTransport {
    ToTransport::Answer(answer.sdp)
}

/// Takes the SSRCs out of sections with simulcast: browsers identify encodings by RID alone.
fn without_simulcast_ssrcs(sdp: &str) -> String {
    let mut kept = String::with_capacity(sdp.len());
    let mut section: Vec<&str> = Vec::new();
    let mut flush = |section: &mut Vec<&str>| {
        let is_simulcast = section.iter().any(|line| line.starts_with("a=simulcast:"));
        for line in section.drain(..) {
            if !(is_simulcast && line.starts_with("a=ssrc")) {
                kept.push_str(line);
                kept.push_str("\r\n");
            }
        }
    };
    for line in sdp.lines() {
        if line.starts_with("m=") {
            flush(&mut section);
        }
        section.push(line);
    }
    flush(&mut section);
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_sections_with_simulcast_lose_their_ssrcs() {
        let sdp = "v=0\r\nm=audio\r\na=ssrc:1 cname:x\r\nm=video\r\na=ssrc-group:FID 2 3\r\na=simulcast:send h;l\r\n";
        let expected = "v=0\r\nm=audio\r\na=ssrc:1 cname:x\r\nm=video\r\na=simulcast:send h;l\r\n";
        assert_eq!(without_simulcast_ssrcs(sdp), expected);
    }
}
