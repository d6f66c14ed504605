//! Asks publishers to send again what got lost, and takes in what comes too late for the engine.
//!
//! The engine asks five times at most, and passes over what comes after a hundred newer packets: half a
//! second of a good picture, which is one round trip over a long path. So its requests are left to
//! [`Losses`](crate::losses::Losses), and a packet that was sent again (RFC 4588) and did not come out of
//! the engine is opened here, if it is one that is still missing.

use std::sync::Arc;
use std::time::Instant;

use str0m::Rtc;
use str0m::media::{Mid, Pt};

use crate::Codec;
use crate::demux::Slot;
use crate::descriptors;
use crate::engine::Path;
use crate::extensions;
use crate::packet::Received;
use crate::publication::{Publication, PublishedStream};
use crate::rtcp;
use crate::rtp_header::RtpHeader;
use crate::sfu::Sfu;
use crate::srtp::{RtpOpener, Sealer, SessionKeys};
use crate::transport::{Role, Transport};

/// What it takes to talk to one publisher beside the engine.
#[derive(Debug)]
pub(crate) struct Repairs {
    sealer: Sealer,
    opener: RtpOpener,
    path: Path,
    /// When a stream next has something to ask for, or to give up.
    next: Option<Instant>,
    /// What to ask for, and the report that says so.
    missing: Vec<u64>,
    report: Vec<u8>,
    /// Where packets are opened.
    opened: Vec<u8>,
}

impl Repairs {
    /// Returns when [`Sfu::repair_streams`] is due.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.next
    }

    /// Sends by another way from now on.
    pub(crate) fn set_path(&mut self, path: Path) {
        self.path = path;
    }

    /// Sees to it that [`Sfu::repair_streams`] is due by then. Returns whether that is sooner than it was.
    pub(crate) fn wake_at(&mut self, at: Instant) -> bool {
        let is_sooner = self.next.is_none_or(|next| at < next);
        if is_sooner {
            self.next = Some(at);
        }
        is_sooner
    }
}

impl Sfu {
    /// Takes asking for lost packets into our own hands.
    pub(crate) fn take_over_repairs(&mut self, slot: Slot) {
        let transport = &mut self.transports[slot];
        let Role::Publisher(publication) = &mut transport.role else {
            return;
        };
        let keys = transport.engine.master_keys();
        let keys = keys.and_then(|keys| SessionKeys::derive(&self.crypto.provider, keys));
        let Some(SessionKeys { sealer, rtp_opener, .. }) = keys else {
            return;
        };
        let path = transport.engine.nominated_path(&mut self.aftermath.out);
        if let Ok(Some(path)) = path {
            publication.repairs = Some(Box::new(Repairs {
                sealer,
                opener: rtp_opener,
                path,
                next: None,
                missing: Vec::new(),
                report: Vec::new(),
                opened: Vec::new(),
            }));
        }
        self.aftermath.settle(slot, transport, self.now, path.map(drop));
    }

    /// Asks a publisher for what is missing of its streams, and gives up what is not coming any more.
    pub(crate) fn repair_streams(&mut self, slot: Slot) {
        let Some(transport) = self.transports.get_mut(slot).filter(|t| t.is_reachable()) else {
            return;
        };
        let round_trip = transport.round_trip;
        let Role::Publisher(Publication { sections, streams, repairs: Some(repairs), .. }) =
            &mut transport.role
        else {
            return;
        };
        if repairs.next.is_none_or(|at| at > self.now) {
            return;
        }
        repairs.next = None;
        for stream in streams.iter() {
            let Some(key) = sections[stream.section].track else {
                continue;
            };
            let track = &mut self.tracks[key];
            let is_wanted = track.is_wanted();
            let Some(encoding) = track.encodings.get_mut(stream.encoding) else {
                continue;
            };
            if encoding.ssrc != Some(stream.ssrc) || encoding.losses.is_empty() {
                continue;
            }
            if !is_wanted {
                // Whoever comes starts with a keyframe.
                encoding.losses.forget();
                continue;
            }
            repairs.missing.clear();
            if encoding.losses.poll(self.now, round_trip, &mut repairs.missing) {
                encoding.keyframes.request();
                self.wishes.insert(key);
            }
            if let Some(due) = encoding.losses.next_due(round_trip) {
                repairs.wake_at(due);
            }
            if !repairs.missing.is_empty() {
                repairs.report.clear();
                rtcp::write_nack(&mut repairs.report, *stream.ssrc, &repairs.missing);
                if repairs.sealer.seal_rtcp(&mut repairs.report).is_some() {
                    let Path { source, destination } = repairs.path;
                    self.aftermath.out.queue.push(source, destination, &repairs.report);
                }
            }
        }
    }

    /// Looks at a packet of a publisher after the engine did; `is_taken` tells whether the engine handed
    /// it on.
    pub(crate) fn follow_repairs(&mut self, slot: Slot, datagram: &[u8], is_taken: bool) {
        let Some(Transport { engine, role, .. }) =
            self.transports.get_mut(slot).filter(|t| !t.failed)
        else {
            return;
        };
        let Role::Publisher(publication) = role else {
            return;
        };
        let Publication { sections, streams, repairs: Some(repairs), .. } = publication else {
            return;
        };
        let Some(header) = RtpHeader::read(datagram) else {
            return;
        };
        let at = match streams.iter().position(|s| s.rtx.is_some_and(|rtx| *rtx == header.ssrc)) {
            Some(at) => at,
            None if streams.iter().any(|s| *s.ssrc == header.ssrc) => return,
            None => match engine.touch(|rtc| find_repaired(rtc, streams, header.ssrc)) {
                Ok(Some(at)) => at,
                Ok(None) => return,
                Err(fault) => {
                    let transport = &mut self.transports[slot];
                    return self.aftermath.fail(slot, transport, fault);
                }
            },
        };
        let stream = &mut streams[at];
        stream.rtx = Some(header.ssrc.into());
        if is_taken {
            stream.repaired.record(stream.repaired.extend(header.number));
            return;
        }
        let Some(key) = sections[stream.section].track else {
            return;
        };
        let track = &self.tracks[key];
        let Some(encoding) = track.encodings.get(stream.encoding) else {
            return;
        };
        if encoding.losses.is_empty() {
            return;
        }
        let Some(payload) = repairs.open(stream, &header, datagram) else {
            return;
        };
        let Some((number, payload)) = payload.split_first_chunk() else {
            return;
        };
        let Some(sequence) = encoding.losses.find(u16::from_be_bytes(*number)) else {
            return;
        };
        let payload = Arc::from(payload);
        let (codec, mid) = (track.format.codec, sections[stream.section].mid);
        let named = engine.touch(|rtc| Named::find(rtc, &header, codec, mid));
        let Ok(Some(Named { payload_type, descriptor })) = named else {
            return;
        };
        let received = Received {
            level: None,
            payload_type,
            sequence,
            timestamp: header.timestamp,
            marker: header.marker,
            payload,
            arrived: self.now,
            descriptor,
        };
        let stream = *stream;
        self.counters.published += 1;
        self.take_in(slot, stream, key, false, received);
    }
}

impl Repairs {
    /// Opens a packet that was sent again, unless it was seen before, and returns its payload.
    fn open(
        &mut self,
        stream: &mut PublishedStream,
        header: &RtpHeader<'_>,
        datagram: &[u8],
    ) -> Option<&[u8]> {
        let index = stream.repaired.extend(header.number);
        if !stream.repaired.is_new(index) {
            return None;
        }
        let padded = self.opener.open(datagram, header.len, index, &mut self.opened)?;
        stream.repaired.record(index);
        let padding = match padded.last() {
            Some(last) if header.has_padding => usize::from(*last),
            _ => 0,
        };
        padded.get(..padded.len().checked_sub(padding)?)
    }
}

/// Finds the stream whose packets are sent again under an SSRC.
fn find_repaired(rtc: &mut Rtc, streams: &[PublishedStream], ssrc: u32) -> Option<usize> {
    let mut api = rtc.direct_api();
    streams.iter().position(|stream| {
        let rtx = api.stream_rx(&stream.ssrc).and_then(|known| known.rtx());
        rtx.is_some_and(|rtx| *rtx == ssrc)
    })
}

/// What the engine knows of the names in a packet.
struct Named {
    payload_type: Pt,
    descriptor: Option<Arc<[u8]>>,
}

impl Named {
    fn find(rtc: &mut Rtc, header: &RtpHeader<'_>, codec: Codec, mid: Mid) -> Option<Self> {
        let params = rtc.codec_config().params();
        let is_repair = |resend: Pt| *resend == header.payload_type;
        let payload_type = params.iter().find(|p| p.resend().is_some_and(is_repair))?.pt();
        let id = match codec {
            Codec::Av1 => rtc.media(mid)?.remote_extmap().id_of(descriptors::extension()),
            Codec::G722
            | Codec::H264
            | Codec::Opus
            | Codec::Pcma
            | Codec::Pcmu
            | Codec::Vp8
            | Codec::Vp9 => None,
        };
        let descriptor = id.and_then(|id| extensions::find(header.extension, id)).map(Arc::from);
        Some(Self { payload_type, descriptor })
    }
}
