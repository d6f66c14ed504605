//! Reading the reports of subscribers, and writing sender reports, where the engine is not asked.
//!
//! Everything read here is authentic but not trustworthy: a member can send whatever it likes. Lengths
//! are checked, and a packet of a compound that makes no sense ends the reading of that compound.

use galene_congestion::TransportFeedback;

/// What a subscriber reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Feedback<'a> {
    /// How one of our RTP streams arrives (RFC 3550 §6.4.1).
    Reception(Reception),
    /// Packets that are missing (RFC 4585 §6.2.1).
    Nack { ssrc: u32, missing: Missing<'a> },
    /// The picture cannot be decoded any more: PLI (RFC 4585 §6.3.1) or FIR (RFC 5104 §4.3.1).
    Keyframe { ssrc: u32 },
    /// How much can be received, in bits per second (draft-alvestrand-rmcat-remb-03 §2.2).
    Remb { rate: u64 },
    /// When packets arrived (draft-holmer-rmcat-transport-wide-cc-extensions-01 §3.1).
    TransportWide(TransportFeedback<'a>),
}

/// A report block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Reception {
    pub(crate) ssrc: u32,
    /// Of what was expected since the last report, in 1/256.
    pub(crate) fraction_lost: u8,
    /// How unevenly packets arrive, in units of the RTP timestamp (RFC 3550 §6.4.1).
    pub(crate) jitter: u32,
    /// The middle 32 bits of the NTP time of the last sender report seen, 0 if none was.
    pub(crate) last_sender_report: u32,
    /// How long ago that was, in 1/65536 s.
    pub(crate) delay: u32,
}

/// The sequence numbers that a NACK names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Missing<'a>(&'a [u8]);

impl Missing<'_> {
    /// Returns the numbers in the order in which they are named.
    pub(crate) fn numbers(&self) -> impl Iterator<Item = u16> {
        self.0.chunks_exact(4).flat_map(|entry| {
            let first = u16::from_be_bytes([entry[0], entry[1]]);
            let more = u16::from_be_bytes([entry[2], entry[3]]);
            let following = (0..16).filter(move |bit| more & (1 << bit) != 0);
            std::iter::once(first).chain(following.map(move |bit| first.wrapping_add(bit + 1)))
        })
    }
}

const SENDER_REPORT: u8 = 200;
const RECEIVER_REPORT: u8 = 201;
const SOURCE_DESCRIPTION: u8 = 202;
const TRANSPORT_FEEDBACK: u8 = 205;
const PAYLOAD_FEEDBACK: u8 = 206;

/// Reads a compound RTCP packet.
pub(crate) fn read(compound: &[u8]) -> impl Iterator<Item = Feedback<'_>> {
    packets(compound).flat_map(|packet| {
        let blocks = match packet.kind {
            SENDER_REPORT => packet.body.get(24..).unwrap_or_default(),
            RECEIVER_REPORT => packet.body.get(4..).unwrap_or_default(),
            _ => &[],
        };
        let receptions = blocks.chunks_exact(24).take(usize::from(packet.count)).map(reception);
        let requests = fir_entries(&packet);
        receptions.chain(requests).chain(feedback(&packet))
    })
}

struct Packet<'a> {
    kind: u8,
    count: u8,
    /// What follows the first word.
    body: &'a [u8],
}

fn packets(mut rest: &[u8]) -> impl Iterator<Item = Packet<'_>> {
    std::iter::from_fn(move || {
        let (head, tail) = rest.split_first_chunk::<4>()?;
        let words = usize::from(u16::from_be_bytes([head[2], head[3]]));
        if head[0] >> 6 != 2 {
            return None;
        }
        let (body, next) = tail.split_at_checked(words * 4)?;
        rest = next;
        Some(Packet { kind: head[1], count: head[0] & 0x1f, body })
    })
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(*bytes.get(at..)?.first_chunk()?))
}

fn reception(block: &[u8]) -> Feedback<'_> {
    let word = |at| word(block, at).unwrap_or_default();
    Feedback::Reception(Reception {
        ssrc: word(0),
        fraction_lost: block[4],
        jitter: word(12),
        last_sender_report: word(16),
        delay: word(20),
    })
}

const FIR: u8 = 4;

fn fir_entries<'a>(packet: &Packet<'a>) -> impl Iterator<Item = Feedback<'a>> + use<'a> {
    let is_fir = packet.kind == PAYLOAD_FEEDBACK && packet.count == FIR;
    let entries = if is_fir { packet.body.get(8..) } else { None }.unwrap_or_default();
    entries.chunks_exact(8).filter_map(|entry| Some(Feedback::Keyframe { ssrc: word(entry, 0)? }))
}

fn feedback<'a>(packet: &Packet<'a>) -> Option<Feedback<'a>> {
    let ssrc = word(packet.body, 4);
    match (packet.kind, packet.count) {
        (TRANSPORT_FEEDBACK, 1) => {
            Some(Feedback::Nack { ssrc: ssrc?, missing: Missing(packet.body.get(8..)?) })
        }
        (TRANSPORT_FEEDBACK, 15) => {
            TransportFeedback::parse(packet.body.get(8..)?).ok().map(Feedback::TransportWide)
        }
        (PAYLOAD_FEEDBACK, 1) => Some(Feedback::Keyframe { ssrc: ssrc? }),
        (PAYLOAD_FEEDBACK, 15) => {
            let remb = packet.body.get(8..)?.strip_prefix(b"REMB")?;
            let bits = word(remb, 0)? & 0x00ff_ffff;
            let (exponent, mantissa) = (bits >> 18, u64::from(bits & 0x0003_ffff));
            let rate = mantissa.checked_shl(exponent).filter(|r| r >> exponent == mantissa);
            Some(Feedback::Remb { rate: rate.unwrap_or(u64::MAX) })
        }
        _ => None,
    }
}

/// Writes a NACK for these packets, in ascending order (RFC 4585 §6.2.1).
pub(crate) fn write_nack(out: &mut Vec<u8>, ssrc: u32, missing: &[u64]) {
    let start = out.len();
    out.extend_from_slice(&[0x81, TRANSPORT_FEEDBACK, 0, 0]);
    out.extend_from_slice(&OUR_SSRC.to_be_bytes());
    out.extend_from_slice(&ssrc.to_be_bytes());
    let mut rest = missing;
    while let Some((&first, after)) = rest.split_first() {
        let following = after.iter().take_while(|number| *number - first <= 16).count();
        let mask =
            after[..following].iter().fold(0u16, |mask, number| mask | 1 << (number - first - 1));
        out.extend_from_slice(&(first as u16).to_be_bytes());
        out.extend_from_slice(&mask.to_be_bytes());
        rest = &after[following..];
    }
    let words = u16::try_from((out.len() - start) / 4 - 1).unwrap_or(u16::MAX);
    out[start + 2..start + 4].copy_from_slice(&words.to_be_bytes());
}

/// Whose reports ours are: nobody's that sends.
const OUR_SSRC: u32 = 1;

/// What a sender report says (RFC 3550 §6.4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SenderReport {
    pub(crate) ssrc: u32,
    /// Seconds, in 32.32 bits.
    pub(crate) ntp: u64,
    pub(crate) timestamp: u32,
    pub(crate) packets: u32,
    pub(crate) octets: u32,
}

/// Writes a sender report with the canonical name that belongs to it (RFC 3550 §6.1).
pub(crate) fn write_sender_report(out: &mut Vec<u8>, report: &SenderReport, cname: &str) {
    out.extend_from_slice(&[0x80, SENDER_REPORT, 0, 6]);
    out.extend_from_slice(&report.ssrc.to_be_bytes());
    out.extend_from_slice(&report.ntp.to_be_bytes());
    out.extend_from_slice(&report.timestamp.to_be_bytes());
    out.extend_from_slice(&report.packets.to_be_bytes());
    out.extend_from_slice(&report.octets.to_be_bytes());

    // A chunk: SSRC, the item CNAME with its length, and at least one zero up to the next word.
    let name = &cname.as_bytes()[..cname.len().min(255)];
    let chunk = (4 + 2 + name.len() + 1).next_multiple_of(4);
    let words = u16::try_from(chunk / 4).expect("a name of 255 bytes at most");
    out.extend_from_slice(&[0x81, SOURCE_DESCRIPTION]);
    out.extend_from_slice(&words.to_be_bytes());
    let end = out.len() + chunk;
    out.extend_from_slice(&report.ssrc.to_be_bytes());
    out.extend_from_slice(&[1, u8::try_from(name.len()).expect("cut to 255")]);
    out.extend_from_slice(name);
    out.resize(end, 0);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_compound_of_everything_is_read_in_order() {
        let mut compound = vec![0x81, RECEIVER_REPORT, 0, 7, 0, 0, 0, 1];
        compound.extend([0, 0, 0, 42, 64, 0, 0, 9, 0, 0, 1, 2, 0, 0, 0, 5]);
        compound.extend([1, 2, 3, 4, 0, 1, 0, 0]);
        compound.extend([0x81, TRANSPORT_FEEDBACK, 0, 3, 0, 0, 0, 1, 0, 0, 0, 42]);
        compound.extend([0xff, 0xff, 0b1000_0000, 0b0000_0001]);
        compound.extend([0x81, PAYLOAD_FEEDBACK, 0, 2, 0, 0, 0, 1, 0, 0, 0, 42]);
        compound.extend([0x84, PAYLOAD_FEEDBACK, 0, 4, 0, 0, 0, 1, 0, 0, 0, 0]);
        compound.extend([0, 0, 0, 43, 7, 0, 0, 0]);
        compound.extend([0x8f, PAYLOAD_FEEDBACK, 0, 5, 0, 0, 0, 1, 0, 0, 0, 0]);
        compound.extend(b"REMB");
        compound.extend([1, 0b0000_1010, 0x01, 0x00, 0, 0, 0, 42]);

        let read: Vec<_> = read(&compound).collect();
        assert_eq!(read.len(), 5);
        let reception = Reception {
            ssrc: 42,
            fraction_lost: 64,
            jitter: 5,
            last_sender_report: 0x0102_0304,
            delay: 0x0001_0000,
        };
        assert_eq!(read[0], Feedback::Reception(reception));
        let Feedback::Nack { ssrc: 42, missing } = read[1] else { panic!("{:?}", read[1]) };
        assert_eq!(missing.numbers().collect::<Vec<_>>(), [0xffff, 0, 15]);
        assert_eq!(read[2], Feedback::Keyframe { ssrc: 42 });
        assert_eq!(read[3], Feedback::Keyframe { ssrc: 43 });
        assert_eq!(read[4], Feedback::Remb { rate: (0x2_0100) << 2 });
    }

    #[test]
    fn surprise_58_a_full_intra_request_counts_whatever_its_number() {
        // RFC 5104 §4.3.1.2: the number tells a repetition from a new command. What is asked for too
        // often is merged later, so neither the number 0 nor one that came before is special.
        for number in [0, 1, 1, 255] {
            let mut request = vec![0x84, PAYLOAD_FEEDBACK, 0, 4, 0, 0, 0, 1, 0, 0, 0, 0];
            request.extend([0, 0, 0, 43, number, 0, 0, 0]);
            assert_eq!(read(&request).collect::<Vec<_>>(), [Feedback::Keyframe { ssrc: 43 }]);
        }
    }

    #[test]
    fn a_nack_names_what_is_missing_and_nothing_else() {
        for numbers in [
            &[7][..],
            &[65_535, 65_536, 65_551, 65_552, 65_600],
            &(1_000..1_256).collect::<Vec<_>>(),
            &(0..256).map(|at| 3_000 + at * 17).collect::<Vec<_>>(),
        ] {
            let mut out = Vec::new();
            write_nack(&mut out, 42, numbers);
            let found: Vec<_> = read(&out).collect();
            let [Feedback::Nack { ssrc: 42, missing }] = found[..] else { panic!("{found:?}") };
            let expected: Vec<_> = numbers.iter().map(|number| *number as u16).collect();
            assert_eq!(missing.numbers().collect::<Vec<_>>(), expected);
            assert!(out.len() <= 1_100, "it fits into a packet: {}", out.len());
        }
    }

    #[test]
    fn no_bytes_make_it_panic_or_run_on() {
        let mut random = fastrand::Rng::with_seed(7);
        for _ in 0..20_000 {
            let mut bytes: Vec<u8> = (0..random.usize(0..120)).map(|_| random.u8(..)).collect();
            if let [first, kind, high, ..] = bytes.as_mut_slice() {
                (*first, *kind, *high) = (0x80 | random.u8(0..32), random.u8(198..208), 0);
            }
            let found = read(&bytes).count();
            assert!(found <= bytes.len());
            for feedback in read(&bytes) {
                if let Feedback::Nack { missing, .. } = feedback {
                    assert!(missing.numbers().count() <= bytes.len() * 17 / 4);
                }
            }
        }
    }

    #[test]
    fn transport_wide_feedback_is_read_and_what_is_cut_off_is_not() {
        // Two packets from number 7 on, 4 and 12 quarters of a millisecond after the reference time.
        let mut bytes = vec![0x8f, 205, 0, 5, 0, 0, 0, 1, 0, 0, 0, 2, 0, 7, 0, 2, 0, 0, 9, 0];
        bytes.extend([0x20, 2, 4, 8]);
        let found: Vec<_> = read(&bytes).collect();
        let [Feedback::TransportWide(feedback)] = found[..] else {
            panic!("{found:?}");
        };
        assert_eq!((feedback.first(), feedback.count()), (7, 2));
        assert_eq!(feedback.arrivals().collect::<Vec<_>>(), [Some(4), Some(12)]);
        bytes[15] = 200;
        assert_eq!(read(&bytes).count(), 0, "it tells of more than it has room for");
    }

    #[test]
    fn a_sender_report_carries_its_name_in_whole_words() {
        let report =
            SenderReport { ssrc: 7, ntp: 5 << 32, timestamp: 1234, packets: 10, octets: 9_999 };
        for (name, words) in [("", 2), ("a", 2), ("ab", 3), ("camera-1234", 5)] {
            let mut out = Vec::new();
            write_sender_report(&mut out, &report, name);
            let (sender, description) = out.split_at(28);
            let mut expected = vec![0x80, 200, 0, 6, 0, 0, 0, 7, 0, 0, 0, 5, 0, 0, 0, 0];
            expected.extend([0, 0, 0x04, 0xd2, 0, 0, 0, 10, 0, 0, 0x27, 0x0f]);
            assert_eq!(sender, expected);
            assert_eq!(description[..4], [0x81, 202, 0, words]);
            assert_eq!(description.len(), 4 + 4 * usize::from(words));
            assert_eq!(description[4..8], [0, 0, 0, 7]);
            assert_eq!(description[8..10], [1, name.len() as u8]);
            assert_eq!(description[10..10 + name.len()], *name.as_bytes());
            let end = &description[10 + name.len()..];
            assert!(
                !end.is_empty() && end.iter().all(|byte| *byte == 0),
                "a chunk ends with zeros"
            );
        }
    }
}
