//! Sequence numbers that do not wrap.

/// How far behind the newest a packet may be and still count as late; one that is further behind
/// means that the source may have started anew. An eighth of the sequence space: at 1,000 packets a
/// second, 8 s, which is longer than any receiver waits.
const MAX_LATE: u16 = 8192;

/// Half of the sequence space: a number that is less than this ahead is newer (RFC 1982 §3.2).
const HALF: u16 = 0x8000;

/// Extends the 16-bit sequence numbers of one RTP stream to 64 bits, in which they do not wrap.
///
/// The low 16 bits of an extended number are the number on the wire. The first packet gets a number
/// from 65,536 to 131,071, so that packets from before it have numbers too.
///
/// Packets up to 32,767 numbers ahead are newer, and up to 8,192 behind are late. As every packet
/// has passed SRTP's authentication, a jump ahead is believed at once. A number that is further
/// behind is believed when the number after it follows, as in RFC 3550 appendix A.1; extended numbers
/// then go on upwards, so that none ever means two packets.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ExtendedSequence {
    highest: Option<u64>,
    /// The number that would confirm that the source has started anew.
    confirms_restart: Option<u16>,
}

impl ExtendedSequence {
    /// Creates the state of a stream of which no packet has arrived.
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns the extended number of a packet that arrived, or `None` if it is to be passed over
    /// because it is out of all order and no other packet confirms it.
    pub fn extend(&mut self, sequence: u16) -> Option<u64> {
        let Some(highest) = self.highest else {
            let first = 0x1_0000 + u64::from(sequence);
            self.highest = Some(first);
            return Some(first);
        };
        let ahead = sequence.wrapping_sub(highest as u16);
        let behind = ahead.wrapping_neg();
        if ahead >= HALF && behind <= MAX_LATE {
            self.confirms_restart = None;
            return Some(highest - u64::from(behind));
        }
        if ahead >= HALF && self.confirms_restart != Some(sequence) {
            self.confirms_restart = Some(sequence.wrapping_add(1));
            return None;
        }
        self.confirms_restart = None;
        let extended = highest + u64::from(ahead);
        self.highest = Some(extended);
        Some(extended)
    }

    /// Returns the highest extended number so far.
    pub fn highest(&self) -> Option<u64> {
        self.highest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_go_on_upwards_where_the_wire_wraps() {
        let mut sequence = ExtendedSequence::new();
        assert_eq!(sequence.extend(65_534), Some(0x1_fffe));
        assert_eq!(sequence.extend(65_535), Some(0x1_ffff));
        assert_eq!(sequence.extend(0), Some(0x2_0000));
        assert_eq!(sequence.extend(65_535), Some(0x1_ffff), "late, across the wrap");
        assert_eq!(sequence.extend(1), Some(0x2_0001));
        assert_eq!(sequence.highest(), Some(0x2_0001));
    }

    #[test]
    fn a_packet_from_before_the_first_has_a_number() {
        let mut sequence = ExtendedSequence::new();
        assert_eq!(sequence.extend(0), Some(0x1_0000));
        assert_eq!(sequence.extend(65_535), Some(0xffff));
        assert_eq!(sequence.extend(0u16.wrapping_sub(MAX_LATE)), Some(0x1_0000 - 8192));
    }

    #[test]
    fn a_jump_ahead_is_believed_at_once() {
        let mut sequence = ExtendedSequence::new();
        sequence.extend(0);
        assert_eq!(sequence.extend(32_767), Some(0x1_7fff));
        assert_eq!(sequence.extend(65_534), Some(0x1_fffe));
    }

    #[test]
    fn a_jump_far_back_is_believed_when_the_next_number_follows() {
        let mut sequence = ExtendedSequence::new();
        sequence.extend(20_000);
        assert_eq!(sequence.extend(100), None);
        assert_eq!(sequence.extend(101), Some(0x2_0065));
        assert_eq!(sequence.extend(102), Some(0x2_0066));
        assert_eq!(sequence.extend(100), Some(0x2_0064), "now merely late");
    }

    #[test]
    fn a_single_packet_out_of_all_order_changes_nothing() {
        let mut sequence = ExtendedSequence::new();
        sequence.extend(20_000);
        assert_eq!(sequence.extend(100), None);
        assert_eq!(sequence.extend(20_001), Some(0x1_4e21));
        assert_eq!(sequence.extend(101), None);
        assert_eq!(sequence.extend(20_001), Some(0x1_4e21));
    }
}
