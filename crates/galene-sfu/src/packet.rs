//! A packet of a publisher, and the ring that keeps the latest of an encoding for all its subscribers.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use galene_rtp::{Codec, MediaKind, Vp8Descriptor, is_keyframe_start};
use str0m::media::Pt;
use str0m::rtp::RtpPacket;

use crate::descriptors::{DescriptorReader, RawDescriptor};
use crate::restorer::Lost;
use crate::scaling::Scaling;

/// An RTP packet as the publisher sent it, decrypted and looked at once.
#[derive(Debug, Clone)]
pub(crate) struct Packet {
    /// Which of the encoding's runs it belongs to.
    pub(crate) run: u32,
    /// The extended sequence number: 16 bits from the packet and the number of wraps.
    pub(crate) sequence: u64,
    pub(crate) timestamp: u32,
    pub(crate) marker: bool,
    /// Whether it is the last of its frame. A packet of sound is a frame of its own.
    pub(crate) ends_frame: bool,
    pub(crate) payload: Arc<[u8]>,
    /// When its sample was captured, on our clock.
    pub(crate) captured: Instant,
    pub(crate) arrived: Instant,
    /// Whether it is the first of a keyframe; `None` if it does not tell.
    pub(crate) starts_keyframe: Option<bool>,
    /// The payload descriptor, where a switch has to make its picture numbers go on.
    pub(crate) vp8: Option<Vp8Descriptor>,
    /// Where it stands among the layers of its encoding.
    pub(crate) scaling: Scaling,
    /// AV1's dependency descriptor, as it came.
    pub(crate) descriptor: Option<Arc<[u8]>>,
}

/// A packet of a publisher, decrypted and not looked at yet.
#[derive(Debug)]
pub(crate) struct Received {
    pub(crate) payload_type: Pt,
    /// The extended sequence number.
    pub(crate) sequence: u64,
    pub(crate) timestamp: u32,
    pub(crate) marker: bool,
    /// Without padding.
    pub(crate) payload: Arc<[u8]>,
    pub(crate) arrived: Instant,
    /// AV1's dependency descriptor.
    pub(crate) descriptor: Option<Arc<[u8]>>,
    /// How loud the sound in it is, in dBov (RFC 6464).
    pub(crate) level: Option<i8>,
}

impl Received {
    /// Takes over a packet that the engine decrypted.
    pub(crate) fn new(packet: RtpPacket, codec: Codec) -> Self {
        let descriptor = match codec {
            Codec::Av1 => packet.header.ext_vals.user_values.get::<RawDescriptor>(),
            Codec::G722
            | Codec::H264
            | Codec::Opus
            | Codec::Pcma
            | Codec::Pcmu
            | Codec::Vp8
            | Codec::Vp9 => None,
        };
        let descriptor = descriptor.map(|RawDescriptor(value)| value.clone());
        Self {
            level: packet.header.ext_vals.audio_level,
            payload_type: packet.header.payload_type,
            sequence: *packet.seq_no,
            timestamp: packet.header.timestamp,
            marker: packet.header.marker,
            payload: packet.payload,
            arrived: packet.timestamp,
            descriptor,
        }
    }
}

impl Packet {
    /// Looks at what the publisher sent.
    pub(crate) fn new(
        codec: Codec,
        run: u32,
        packet: Received,
        captured: Instant,
        descriptors: &mut DescriptorReader,
    ) -> Self {
        let descriptor = packet.descriptor;
        let described = descriptor.as_deref().and_then(|value| descriptors.read(value));
        let vp8 = (codec == Codec::Vp8).then(|| Vp8Descriptor::parse(&packet.payload).ok());
        let vp8 = vp8.flatten();
        Self {
            run,
            sequence: packet.sequence,
            timestamp: packet.timestamp,
            marker: packet.marker,
            ends_frame: packet.marker || codec.kind() == MediaKind::Audio,
            captured,
            arrived: packet.arrived,
            starts_keyframe: Self::inspect(codec, &packet.payload),
            scaling: described.unwrap_or_else(|| Scaling::of(codec, &packet.payload, vp8.as_ref())),
            vp8,
            descriptor,
            payload: packet.payload,
        }
    }

    /// Returns a lost packet of sound, of which this one had a copy.
    pub(crate) fn restore(&self, lost: Lost<'_>, codec: Codec) -> Self {
        let age = f64::from(lost.copy.age) / f64::from(codec.clock_rate_hz());
        let age = Duration::from_secs_f64(age);
        Self {
            sequence: lost.sequence,
            timestamp: self.timestamp.wrapping_sub(lost.copy.age.into()),
            payload: Arc::from(lost.copy.payload),
            captured: self.captured.checked_sub(age).unwrap_or(self.captured),
            marker: false,
            ..self.clone()
        }
    }

    /// Returns whether a payload can start a keyframe in this codec, as `None` if every one can:
    /// sound has no keyframes.
    fn inspect(codec: Codec, payload: &[u8]) -> Option<bool> {
        match codec.kind() {
            MediaKind::Audio => Some(true),
            MediaKind::Video => is_keyframe_start(codec, payload),
        }
    }
}

/// The latest packets of one encoding, in the order in which they came.
///
/// Payloads are shared with whoever still sends them.
#[derive(Debug)]
pub(crate) struct PacketRing {
    capacity: usize,
    packets: VecDeque<Packet>,
    /// How many packets were ever pushed; the index of the next one.
    end: u64,
    keyframe: Option<u64>,
}

/// One and a half seconds at 2.5 Mbit/s: as much as a retransmission over a long path can ask for.
pub(crate) const VIDEO_CAPACITY: usize = 384;

/// The largest payload that is forwarded. Nothing larger fits into a frame of Ethernet, and what comes near to that
/// only where the way to the receiver takes more: headers and seal are some 100 bytes. The engine
/// takes up to 2,000 bytes in and could not send them on with its own header extensions.
pub(crate) const MAX_PAYLOAD: usize = 1_500;

/// Two thirds of a second of 20 ms packets.
const AUDIO_CAPACITY: usize = 32;

/// How much a newcomer is sent at once, from the last keyframe on: about 75 kB, a fifth of a second on
/// a link of 3 Mbit/s. Beyond, a fresh keyframe costs less than what it saves.
const MAX_REPLAY: usize = 64;

/// A keyframe older than this is not replayed: the newcomer would watch the past.
const MAX_REPLAY_AGE: Duration = Duration::from_secs(2);

impl PacketRing {
    pub(crate) fn new(kind: MediaKind) -> Self {
        let capacity = match kind {
            MediaKind::Audio => AUDIO_CAPACITY,
            MediaKind::Video => VIDEO_CAPACITY,
        };
        Self { capacity, packets: VecDeque::new(), end: 0, keyframe: None }
    }

    /// Adds a packet and returns its index.
    pub(crate) fn push(&mut self, packet: Packet) -> u64 {
        if self.packets.len() == self.capacity {
            self.packets.pop_front();
        }
        if packet.starts_keyframe == Some(true) {
            self.keyframe = Some(self.end);
        }
        self.packets.push_back(packet);
        self.end += 1;
        self.end - 1
    }

    /// Lets nobody start with what is in the ring: the source goes on under other numbers.
    pub(crate) fn forget_keyframe(&mut self) {
        self.keyframe = None;
    }

    /// Returns a packet by its index, unless it fell out of the ring.
    pub(crate) fn get(&self, index: u64) -> Option<&Packet> {
        let start = self.end - self.packets.len() as u64;
        self.packets.get(usize::try_from(index.checked_sub(start)?).ok()?)
    }

    /// Finds a packet by the publisher's number for it, among those of one run.
    pub(crate) fn find(&self, run: u32, sequence: u64) -> Option<&Packet> {
        self.packets.iter().rev().find(|p| p.run == run && p.sequence == sequence)
    }

    /// Returns the packets with which a newcomer can start to watch now, with their indexes, or none if
    /// it has to wait for a keyframe.
    pub(crate) fn replay(&self, now: Instant) -> impl Iterator<Item = (u64, &Packet)> {
        let count = self.keyframe.map_or(0, |at| self.end - at);
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        let first = self.packets.len().checked_sub(count);
        let fresh = first.and_then(|f| self.packets.get(f)).is_some_and(|p| {
            count <= MAX_REPLAY && now.saturating_duration_since(p.arrived) <= MAX_REPLAY_AGE
        });
        let skip = first.filter(|_| fresh).unwrap_or(self.packets.len());
        let start = self.end - self.packets.len() as u64;
        (start..).zip(&self.packets).skip(skip)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Packet {
        /// Returns a packet without anything in it.
        pub(crate) fn for_tests() -> Self {
            Self {
                run: 0,
                sequence: 0,
                timestamp: 0,
                marker: false,
                ends_frame: false,
                payload: Arc::from([]),
                captured: galene_testkit::epoch(),
                arrived: galene_testkit::epoch(),
                starts_keyframe: None,
                vp8: None,
                scaling: Scaling::NONE,
                descriptor: None,
            }
        }
    }

    fn packet(sequence: u64, keyframe: bool, arrived: Instant) -> Packet {
        Packet { sequence, arrived, starts_keyframe: Some(keyframe), ..Packet::for_tests() }
    }

    fn replayed(ring: &PacketRing, now: Instant) -> Vec<u64> {
        ring.replay(now).map(|(_, p)| p.sequence).collect()
    }

    #[test]
    fn a_newcomer_starts_at_the_last_keyframe() {
        let now = galene_testkit::epoch();
        let mut ring = PacketRing::new(MediaKind::Video);
        assert_eq!(replayed(&ring, now), [0; 0]);
        for sequence in 0..10 {
            ring.push(packet(sequence, sequence == 2 || sequence == 7, now));
        }
        assert_eq!(replayed(&ring, now), [7, 8, 9]);
        assert_eq!(replayed(&ring, now + Duration::from_secs(3)), [0; 0], "too old");
        for sequence in 10..200 {
            ring.push(packet(sequence, false, now));
        }
        assert_eq!(replayed(&ring, now), [0; 0], "too much");
    }

    #[test]
    fn the_ring_keeps_the_latest_packets_by_index() {
        let now = galene_testkit::epoch();
        let mut ring = PacketRing::new(MediaKind::Audio);
        for sequence in 0..100 {
            assert_eq!(ring.push(packet(sequence, false, now)), sequence);
        }
        assert!(ring.get(67).is_none());
        assert_eq!(ring.get(68).map(|p| p.sequence), Some(68));
        assert_eq!(ring.get(99).map(|p| p.sequence), Some(99));
        assert!(ring.get(100).is_none());
        assert_eq!(ring.packets.len(), AUDIO_CAPACITY);
    }
}
