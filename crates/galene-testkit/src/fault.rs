//! What a forwarder must never do to an RTP stream.

use std::fmt;

use crate::stamp::{Stamp, StampError};

/// Something wrong with an RTP stream that a subscriber received.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fault {
    /// The extended sequence number of the packet at which it was noticed.
    pub sequence: u64,
    /// What is wrong.
    pub kind: FaultKind,
}

/// What can be wrong with an RTP stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultKind {
    /// The payload is not what the publisher sent.
    Payload(StampError),
    /// A sequence number came twice.
    SequenceRepeated,
    /// The sequence numbers jumped further than any loss explains.
    SequenceJumped {
        /// The number that was expected.
        expected: u64,
    },
    /// A packet of the source is missing although the sequence numbers have no gap.
    InvisibleLoss {
        /// The packet before.
        before: Stamp,
        /// The packet after.
        after: Stamp,
    },
    /// An older packet of the source follows a newer one in sequence.
    SourceWentBack {
        /// The newer packet, which has the lower sequence number.
        before: Stamp,
        /// The older packet.
        after: Stamp,
    },
    /// The timestamp is before that of the packet before.
    TimestampWentBack {
        /// By how many ticks.
        ticks: u32,
    },
    /// Two frames have the same timestamp, or two packets of a frame have different ones.
    TimestampNotPerFrame,
    /// The timestamp did not advance by what the publisher's advanced by.
    TimestampDistorted {
        /// By how much the publisher's timestamp advanced.
        expected: u32,
        /// By how much this one did.
        actual: u32,
    },
    /// The marker is missing at the end of a frame, or set elsewhere.
    Marker,
    /// The first video packet of the stream, or of another source, does not begin a keyframe.
    StartsWithoutKeyframe(Stamp),
    /// A frame refers to one that was left out, or to spatial layers that were.
    Undecodable(Stamp),
    /// The VP8 payload descriptor cannot be read, or denies what the packet is.
    Vp8Descriptor(Stamp),
    /// The VP8 PictureID does not follow on the one before.
    PictureId {
        /// The PictureID of the packet before.
        before: u16,
        /// The PictureID found.
        after: u16,
    },
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sequence number {}: {}", self.sequence, self.kind)
    }
}

impl fmt::Display for FaultKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Payload(error) => error.fmt(f),
            Self::SequenceRepeated => f.write_str("came twice"),
            Self::SequenceJumped { expected } => {
                write!(f, "jumped here from {expected}, further than loss explains")
            }
            Self::InvisibleLoss { before, after } => write!(
                f,
                "{after} follows {before}, so something is missing, but the sequence numbers have \
                 no gap"
            ),
            Self::SourceWentBack { before, after } => {
                write!(f, "{after} follows {before}, which is newer")
            }
            Self::TimestampWentBack { ticks } => write!(f, "the timestamp went back by {ticks}"),
            Self::TimestampNotPerFrame => {
                f.write_str("frames and timestamps do not change together")
            }
            Self::TimestampDistorted { expected, actual } => write!(
                f,
                "the timestamp advanced by {actual}, while that of the publisher advanced by \
                 {expected}"
            ),
            Self::Marker => f.write_str("the marker is not where the frame ends"),
            Self::StartsWithoutKeyframe(stamp) => {
                write!(f, "the stream begins with {stamp} instead of a keyframe")
            }
            Self::Undecodable(stamp) => write!(f, "what {stamp} refers to was left out"),
            Self::Vp8Descriptor(stamp) => write!(f, "the VP8 descriptor does not fit {stamp}"),
            Self::PictureId { before, after } => {
                write!(f, "PictureID {after} follows PictureID {before}")
            }
        }
    }
}
