//! Reading transport-wide feedback (draft-holmer-rmcat-transport-wide-cc-extensions-01 §3.1).
//!
//! All is checked before anything is handed out. A message of a few bytes can speak of 65,535 packets, so
//! whoever goes through them stops where the packets end that were sent.

/// One feedback message: which packets arrived, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TransportFeedback<'a> {
    first: u16,
    count: u16,
    /// In 64 ms, of the receiver's clock, modulo 2^24.
    reference: u32,
    chunks: &'a [u8],
    deltas: &'a [u8],
}

/// Why a feedback message cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum FeedbackError {
    /// A chunk speaks of no packet, or of a status that does not exist.
    Malformed,
    /// It ends before all that it announces is said.
    TooShort,
}

impl std::fmt::Display for FeedbackError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Malformed => "a status chunk makes no sense",
            Self::TooShort => "the message ends too early",
        })
    }
}

impl std::error::Error for FeedbackError {}

/// What follows the two SSRCs before the first chunk.
const HEAD_BYTES: usize = 8;

/// How many quarters of a millisecond a reference time counts as: 64 ms.
const REFERENCE_TICKS: i64 = 256;

impl<'a> TransportFeedback<'a> {
    /// Reads the feedback control information: what follows the two SSRCs of an RTCP packet of type 205
    /// and format 15.
    ///
    /// # Errors
    ///
    /// [`FeedbackError`] if it is too short for what it announces or makes no sense.
    pub fn parse(information: &'a [u8]) -> Result<Self, FeedbackError> {
        let (head, body) =
            information.split_first_chunk::<HEAD_BYTES>().ok_or(FeedbackError::TooShort)?;
        let first = u16::from_be_bytes([head[0], head[1]]);
        let count = u16::from_be_bytes([head[2], head[3]]);
        let reference = u32::from_be_bytes([0, head[4], head[5], head[6]]);

        let (mut left, mut delta_bytes, mut end) = (usize::from(count), 0, 0);
        while left > 0 {
            let bytes = body.get(end..end + 2).ok_or(FeedbackError::TooShort)?;
            end += 2;
            let chunk = Chunk::read(u16::from_be_bytes([bytes[0], bytes[1]]));
            let covered = chunk.len().min(left);
            if covered == 0 {
                return Err(FeedbackError::Malformed);
            }
            delta_bytes += chunk.delta_bytes(covered).ok_or(FeedbackError::Malformed)?;
            left -= covered;
        }
        let (chunks, deltas) = body.split_at(end);
        let deltas = deltas.get(..delta_bytes).ok_or(FeedbackError::TooShort)?;
        Ok(Self { first, count, reference, chunks, deltas })
    }

    /// Returns the transport-wide number of the first packet that this is about.
    pub fn first(&self) -> u16 {
        self.first
    }

    /// Returns of how many packets in a row this tells.
    pub fn count(&self) -> u16 {
        self.count
    }

    /// Returns the time from which arrivals are counted, in 64 ms of the receiver's clock, modulo 2^24.
    pub(crate) fn reference(&self) -> u32 {
        self.reference
    }

    /// Returns for each packet from [`first`](Self::first) on when it arrived, in quarters of a
    /// millisecond since the reference time; `None` for those that have not.
    pub fn arrivals(&self) -> Arrivals<'a> {
        Arrivals {
            left: usize::from(self.count),
            chunks: self.chunks,
            chunk: Chunk::Run { status: 0, len: 0 },
            at: 0,
            deltas: self.deltas,
            time: 0,
        }
    }
}

/// Returns a reference time in quarters of a millisecond, so that it goes on after the one before.
pub(crate) fn unwrap_reference(reference: u32, before: Option<i64>) -> i64 {
    let Some(before) = before else {
        return i64::from(reference) * REFERENCE_TICKS;
    };
    let steps_before = before.div_euclid(REFERENCE_TICKS);
    // The 24 bits of the difference, sign-extended.
    let difference = (reference.wrapping_sub(steps_before as u32) << 8).cast_signed() >> 8;
    (steps_before + i64::from(difference)) * REFERENCE_TICKS
}

/// The arrivals that a [`TransportFeedback`] tells of.
#[derive(Debug, Clone)]
pub struct Arrivals<'a> {
    left: usize,
    chunks: &'a [u8],
    chunk: Chunk,
    /// The next place in `chunk`.
    at: usize,
    deltas: &'a [u8],
    time: i64,
}

impl Iterator for Arrivals<'_> {
    type Item = Option<i64>;

    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        if self.at == self.chunk.len() {
            let (bytes, rest) = self.chunks.split_first_chunk()?;
            self.chunk = Chunk::read(u16::from_be_bytes(*bytes));
            self.chunks = rest;
            self.at = 0;
        }
        let status = self.chunk.status(self.at);
        self.at += 1;
        let delta = match status {
            SMALL => {
                let (delta, rest) = self.deltas.split_first()?;
                self.deltas = rest;
                i64::from(*delta)
            }
            LARGE => {
                let (delta, rest) = self.deltas.split_first_chunk()?;
                self.deltas = rest;
                i64::from(i16::from_be_bytes(*delta))
            }
            _ => return Some(None),
        };
        self.time += delta;
        Some(Some(self.time))
    }
}

/// Arrived, with a delta of one byte.
const SMALL: u16 = 1;
/// Arrived, with a delta of two bytes, which may be negative.
const LARGE: u16 = 2;
const RESERVED: u16 = 3;

/// What one chunk says about packets in a row (§3.1.3 and §3.1.4).
#[derive(Debug, Clone, Copy)]
enum Chunk {
    /// The same about all of them.
    Run { status: u16, len: u16 },
    /// A bit for each of 14.
    OneBit(u16),
    /// Two bits for each of 7.
    TwoBits(u16),
}

impl Chunk {
    fn read(word: u16) -> Self {
        match word >> 14 {
            0 | 1 => Self::Run { status: word >> 13 & 3, len: word & 0x1fff },
            2 => Self::OneBit(word),
            _ => Self::TwoBits(word),
        }
    }

    fn len(self) -> usize {
        match self {
            Self::Run { len, .. } => usize::from(len),
            Self::OneBit(_) => 14,
            Self::TwoBits(_) => 7,
        }
    }

    fn status(self, at: usize) -> u16 {
        match self {
            Self::Run { status, .. } => status,
            Self::OneBit(word) => word >> (13 - at.min(13)) & 1,
            Self::TwoBits(word) => word >> (12 - 2 * at.min(6)) & 3,
        }
    }

    /// Returns how many bytes of deltas belong to the first packets; `None` if a status is unknown.
    fn delta_bytes(self, covered: usize) -> Option<usize> {
        match self {
            Self::Run { status: RESERVED, .. } => None,
            Self::Run { status, .. } => Some(usize::from(status) * covered),
            Self::OneBit(_) | Self::TwoBits(_) => (0..covered).try_fold(0, |sum, at| {
                let status = self.status(at);
                (status != RESERVED).then(|| sum + usize::from(status))
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn message(first: u16, count: u16, reference: u32, rest: &[u8]) -> Vec<u8> {
        let [_, high, middle, low] = reference.to_be_bytes();
        let mut bytes = Vec::new();
        bytes.extend(first.to_be_bytes());
        bytes.extend(count.to_be_bytes());
        bytes.extend([high, middle, low, 0]);
        bytes.extend(rest);
        bytes
    }

    fn arrivals(bytes: &[u8]) -> Vec<Option<i64>> {
        TransportFeedback::parse(bytes).expect("a message that is whole").arrivals().collect()
    }

    #[test]
    fn each_kind_of_chunk_tells_its_packets() {
        // Three in a row with small deltas.
        let run = message(7, 3, 5, &[0x20, 3, 4, 8, 12]);
        assert_eq!(arrivals(&run), [Some(4), Some(12), Some(24)]);
        // The first and the third of three, of 14.
        let bits = message(7, 3, 5, &[0b1010_1000, 0, 4, 8]);
        assert_eq!(arrivals(&bits), [Some(4), None, Some(12)]);
        // Small, large and negative, lost.
        let pairs = message(7, 3, 5, &[0b1101_1000, 0, 4, 0xff, 0xfe]);
        assert_eq!(arrivals(&pairs), [Some(4), Some(2), None]);
    }

    #[test]
    fn what_is_cut_off_or_makes_no_sense_is_refused() {
        let whole = message(7, 3, 5, &[0x20, 3, 4, 8, 12]);
        for end in 0..whole.len() {
            assert_eq!(TransportFeedback::parse(&whole[..end]), Err(FeedbackError::TooShort));
        }
        let reserved = message(7, 1, 5, &[0x60, 1, 0, 0, 0]);
        assert_eq!(TransportFeedback::parse(&reserved), Err(FeedbackError::Malformed));
        let empty_run = message(7, 1, 5, &[0x20, 0, 1]);
        assert_eq!(TransportFeedback::parse(&empty_run), Err(FeedbackError::Malformed));
    }

    #[test]
    fn bytes_after_the_last_delta_are_padding() {
        let padded = message(7, 2, 5, &[0x20, 2, 4, 8, 0, 0, 2]);
        assert_eq!(arrivals(&padded), [Some(4), Some(12)]);
    }

    #[test]
    fn a_reference_time_goes_on_after_its_24_bits_are_used_up() {
        let end = (1 << 24) - 1;
        let before = unwrap_reference(end, None);
        assert_eq!(unwrap_reference(1, Some(before)), before + 2 * REFERENCE_TICKS);
        let back = unwrap_reference(end, Some(unwrap_reference(1, Some(before))));
        assert_eq!(back, before, "and an older one lies before it");
    }

    proptest! {
        #[test]
        fn no_bytes_lead_outside_a_message(bytes: Vec<u8>) {
            if let Ok(feedback) = TransportFeedback::parse(&bytes) {
                prop_assert_eq!(feedback.arrivals().count(), usize::from(feedback.count()));
            }
        }
    }
}
