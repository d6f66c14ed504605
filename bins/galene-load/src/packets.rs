//! Cuts frames into RTP payloads as browsers do.

use std::sync::Arc;

use crate::stamp::{STAMP_LEN, Stamp};

/// The longest payload. With the RTP header, the extensions that browsers send, the two bytes of RTX and
/// the tag of SRTP this makes datagrams of about 1,200 bytes.
pub(crate) const MAX_PAYLOAD: usize = 1_160;
/// How many packets a frame may have, so that a receiver can keep book of a frame in a few words.
pub(crate) const MAX_PACKETS: usize = 256;

/// VP8's payload descriptor with a PictureID of 15 bits (RFC 7741 §4.2).
const DESCRIPTOR_LEN: usize = 4;
/// The frame header of a keyframe (RFC 6386 §9.1); others have its first three bytes.
const KEYFRAME_HEADER_LEN: usize = 10;
/// The shortest payload of video, which holds all headers and a stamp.
const MIN_VIDEO: usize = DESCRIPTOR_LEN + KEYFRAME_HEADER_LEN + STAMP_LEN;
/// The shortest payload of audio: the byte that starts an Opus packet, and a stamp.
const MIN_AUDIO: usize = 1 + STAMP_LEN;

/// Cuts a frame of VP8 of about `size` bytes into payloads that differ in length by a byte at most.
///
/// `first` is the stamp of the first packet; its number of packets is not looked at.
pub(crate) fn video(first: &Stamp, picture_id: u16, size: usize) -> Vec<Arc<[u8]>> {
    let count = size.div_ceil(MAX_PAYLOAD).clamp(1, MAX_PACKETS);
    let size = size.clamp(count * MIN_VIDEO, count * MAX_PAYLOAD);
    let packets = u16::try_from(count).expect("MAX_PACKETS fits");
    let payload = |packet: u16| {
        // The first packets take what is left over.
        let is_longer = usize::from(packet) < size % count;
        let len = size / count + usize::from(is_longer);
        let number = first.number.wrapping_add(packet.into());
        let stamp = Stamp { packet, packets, number, ..*first };
        let mut payload = Vec::with_capacity(len);
        append_vp8_headers(&mut payload, &stamp, picture_id);
        let filler = len - payload.len() - STAMP_LEN;
        stamp.append(&mut payload, filler);
        payload.into()
    };
    (0..packets).map(payload).collect()
}

/// Makes a packet of Opus of about `size` bytes.
pub(crate) fn audio(stamp: &Stamp, size: usize) -> Arc<[u8]> {
    let len = size.clamp(MIN_AUDIO, MAX_PAYLOAD);
    let mut payload = Vec::with_capacity(len);
    // Hybrid mode at full band, 20 ms, two channels, one frame (RFC 6716 §3.1).
    payload.push(0x7c);
    Stamp { packet: 0, packets: 1, ..*stamp }.append(&mut payload, len - MIN_AUDIO);
    payload.into()
}

/// Returns where the stamp is in a payload of VP8, or `None` if the payload is no VP8.
///
/// A forwarder may rewrite the descriptor, so its length is taken from its bits (RFC 7741 §4.2).
pub(crate) fn after_vp8_headers(payload: &[u8]) -> Option<&[u8]> {
    let first = *payload.first()?;
    let mut len = 1;
    if first & 0x80 != 0 {
        let extensions = *payload.get(1)?;
        len += 1;
        if extensions & 0x80 != 0 {
            let is_long = payload.get(len)? & 0x80 != 0;
            len += 1 + usize::from(is_long);
        }
        len += usize::from(extensions & 0x40 != 0);
        len += usize::from(extensions & 0x30 != 0);
    }
    // S is set and PID is 0: the frame begins here.
    if first & 0x17 == 0x10 {
        let is_keyframe = payload.get(len)? & 1 == 0;
        len += if is_keyframe { KEYFRAME_HEADER_LEN } else { 3 };
    }
    payload.get(len..)
}

/// Returns where the stamp is in a payload of Opus.
pub(crate) fn after_opus_header(payload: &[u8]) -> Option<&[u8]> {
    payload.get(1..)
}

fn append_vp8_headers(payload: &mut Vec<u8>, stamp: &Stamp, picture_id: u16) {
    let is_first = stamp.packet == 0;
    let [high, low] = (picture_id & 0x7fff).to_be_bytes();
    payload.extend([0x80 | if is_first { 0x10 } else { 0 }, 0x80, 0x80 | high, low]);
    match (is_first, stamp.is_keyframe) {
        // Shown, version 0, then the start code and 1280 by 720.
        (true, true) => payload.extend([0x10, 0, 0, 0x9d, 0x01, 0x2a, 0x00, 0x05, 0xd0, 0x02]),
        (true, false) => payload.extend([0x11, 0, 0]),
        (false, _) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamp(is_keyframe: bool) -> Stamp {
        Stamp {
            track: 1,
            encoding: 0,
            is_keyframe,
            packet: 0,
            packets: 0,
            frame: 5,
            number: u32::MAX - 2,
            sent: 42,
        }
    }

    #[test]
    fn packets_of_a_frame_differ_by_a_byte_at_most_and_fill_it() {
        for size in [1, 200, 1_160, 1_161, 6_251, 40_000, 296_960] {
            let payloads = video(&stamp(size > 6_000), 9, size);
            let lens: Vec<_> = payloads.iter().map(|payload| payload.len()).collect();
            let (min, max) = (lens.iter().min().expect("one"), lens.iter().max().expect("one"));
            assert!(max - min <= 1 && *max <= MAX_PAYLOAD, "{size}: {lens:?}");
            assert_eq!(lens.iter().sum::<usize>(), size.max(lens.len() * MIN_VIDEO));
            assert_eq!(lens.len(), size.div_ceil(MAX_PAYLOAD));
        }
    }

    #[test]
    fn a_frame_that_is_too_large_is_cut_off() {
        assert_eq!(video(&stamp(true), 0, 10_000_000).len(), MAX_PACKETS);
    }

    #[test]
    fn stamps_are_found_behind_the_headers() {
        for is_keyframe in [false, true] {
            let payloads = video(&stamp(is_keyframe), 0x7abc, 3_000);
            for (i, payload) in payloads.iter().enumerate() {
                let behind = after_vp8_headers(payload).expect("VP8");
                let read = Stamp::read(behind).expect("a stamp");
                assert_eq!((usize::from(read.packet), read.packets), (i, 3));
                assert_eq!(read.number, (u32::MAX - 2).wrapping_add(u32::from(read.packet)));
                assert_eq!((read.is_keyframe, read.sent), (is_keyframe, 42));
            }
        }
        let payload = audio(&stamp(false), 90);
        assert_eq!(payload.len(), 90);
        assert!(Stamp::read(after_opus_header(&payload).expect("Opus")).is_some());
    }

    #[test]
    fn descriptors_of_every_form_are_passed() {
        // X with I of 7 bits, L and T; no X; X with nothing.
        for header in [&[0x80, 0xe0, 0x11, 0x22, 0x33][..], &[0x00], &[0x80, 0x00]] {
            let payload = [header, b"rest"].concat();
            assert_eq!(after_vp8_headers(&payload), Some(&b"rest"[..]), "{header:x?}");
        }
        for cut in [&[][..], &[0x80], &[0x80, 0x80], &[0x10], &[0x10, 0x01]] {
            assert_eq!(after_vp8_headers(cut), None, "{cut:x?}");
        }
    }
}
