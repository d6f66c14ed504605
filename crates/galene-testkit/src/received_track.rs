//! An RTP stream as a stand-in receives it.

use std::time::{Duration, Instant, SystemTime};

use str0m::media::KeyframeRequestKind;
use str0m::rtp::RtpPacket;

use crate::checker::{EgressChecker, ReceivedPacket};
use crate::codec::{Codec, MediaKind};
use crate::decoder::Decoder;
use crate::descriptor::DescriptorValue;
use crate::engine::Engine;
use crate::listener::Listener;
use crate::nack::{NackRequester, write_nack};
use crate::own_rtp::OpenedPacket;
use crate::redundant::{self, Block};
use crate::stamp::Stamp;
use crate::subscriber_config::SubscriberConfig;

/// An RTP stream that a [`SubscriberPeer`](crate::SubscriberPeer) receives.
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

impl ReceivedTrack {
    /// Begins with a stream's first packet. `section` counts from 0.
    pub(crate) fn new(section: usize, ssrc: u32, codec: Codec, config: &SubscriberConfig) -> Self {
        let mut checker = EgressChecker::new(codec);
        if !config.rtx {
            checker = checker.give_up_after(GIVE_UP_WITHOUT_RTX);
        }
        if let (Some(give_up_after), MediaKind::Video) = (config.give_up_after, codec.kind()) {
            checker = checker.give_up_after(give_up_after);
        }
        if config.may_miss_start {
            checker = checker.may_miss_start();
        }
        Self {
            section,
            ssrc,
            codec,
            checker,
            playback: match (config.playing, codec.kind()) {
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
        }
    }

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

    /// Checks a packet that came in its turn, and plays it if that is to be done. `within_red` is the payload
    /// type of what it holds if it is redundant audio.
    pub(crate) fn handle_packet(
        &mut self,
        now: Instant,
        packet: &RtpPacket,
        within_red: Option<u8>,
    ) {
        let header = &packet.header;
        if let Some(DescriptorValue(value)) = header.ext_vals.user_values.get() {
            self.handle_descriptor(value);
        }
        let mut payload = &packet.payload[..];
        if let Some(own) = within_red {
            let blocks = redundant::read(payload)
                .filter(|blocks| blocks.iter().all(|block| block.payload_type == own));
            // What cannot be read carries no stamp, which the checker notes.
            if let Some((last, copies)) = blocks.as_deref().and_then(<[_]>::split_last) {
                payload = last.payload;
                self.redundant += u64::from(!copies.is_empty());
                copies.iter().for_each(|copy| self.play_copy(now, last, copy));
            }
        }
        self.play(now, payload);
        self.checker.handle_packet(
            now,
            ReceivedPacket {
                sequence: *packet.seq_no,
                timestamp: header.timestamp,
                marker: header.marker,
                payload,
            },
        );
    }

    pub(crate) fn handle_sender_report(&mut self, ntp: SystemTime, timestamp: u32) {
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
    pub(crate) fn show(&mut self, now: Instant, packet: &OpenedPacket) {
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

    /// Asks for what is missing: for packets, or else for a keyframe. Returns whether the engine has something
    /// to send.
    pub(crate) fn send_feedback(&mut self, now: Instant, engine: &mut Engine) -> bool {
        self.checker.handle_timeout(now);
        if let Playback::Pictures(_, nack) = &mut self.playback {
            let wanted = nack.poll(now);
            if !wanted.is_empty() {
                engine.send_report(&write_nack(self.ssrc, &wanted));
            }
        }
        let wants_keyframe = self.wants_keyframe(now);
        if wants_keyframe {
            self.request_keyframe(now, engine);
        }
        wants_keyframe
    }

    pub(crate) fn request_keyframe(&mut self, now: Instant, engine: &mut Engine) {
        self.keyframe_requested = Some(now);
        if let Some(stream) = engine.rtc().direct_api().stream_rx(&self.ssrc.into()) {
            stream.request_keyframe(KeyframeRequestKind::Pli);
            self.keyframe_requests += 1;
        }
    }

    /// Returns when [`send_feedback`](Self::send_feedback) may have something to do.
    pub(crate) fn poll_timeout(&self, now: Instant) -> Option<Instant> {
        let nack = match &self.playback {
            Playback::Pictures(_, nack) => nack.poll_timeout(),
            Playback::Nothing | Playback::Sound(_) => None,
        };
        let due = [self.checker.poll_timeout(), self.next_keyframe_request(now), nack];
        due.into_iter().flatten().min()
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
}
