//! What the forwarding core can be told to do, as plain data that can cross a thread or a network.

use crate::{ClientId, Codec, Layer, ShardId, TrackId, TransportId};

/// A wish of the control plane.
///
/// Commands about a transport that does not exist (any more) do nothing: events and commands cross
/// on their way, so that is normal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// The peer offers to publish. Opens the transport if it is new; otherwise renegotiates it, which
    /// includes an ICE restart if the offer has new ICE credentials.
    ///
    /// Answered by [`Event::Answer`](crate::Event::Answer) or
    /// [`Event::NegotiationFailed`](crate::Event::NegotiationFailed).
    Offer {
        /// The transport that the offer is for.
        transport: TransportId,
        /// The offer, SDP as text.
        sdp: String,
        /// The codecs that may be published. Fixed by the first offer.
        codecs: Vec<Codec>,
    },
    /// Sets the whole list of tracks that the transport forwards to its peer. Opens the transport if
    /// it is new.
    ///
    /// If media sections have to be added, removed or changed, [`Event::Offer`](crate::Event::Offer)
    /// follows, as soon as no earlier offer waits for its answer. Another choice of encoding for the
    /// same tracks needs no negotiation. A track that is unknown is left out until it starts.
    Subscribe {
        /// The transport that forwards.
        transport: TransportId,
        /// Who receives. What a client can take is estimated over all its transports on a shard; it
        /// stays what the first command for a transport says.
        client: ClientId,
        /// The `MediaStream` id under which the peer sees the tracks if the publisher gave none.
        stream_id: String,
        /// The tracks wanted, audio before video.
        tracks: Vec<TrackRequest>,
    },
    /// The peer's answer to [`Event::Offer`](crate::Event::Offer), SDP as text.
    Answer {
        /// The transport that the answer is for.
        transport: TransportId,
        /// The answer, SDP as text.
        sdp: String,
    },
    /// A candidate of the peer, as in the `candidate` member of `RTCIceCandidateInit`. Candidates may
    /// come before the offer or answer that they belong to; empty ones, unresolvable `.local` ones and
    /// ones that cannot be parsed are passed over.
    AddCandidate {
        /// The transport that the candidate is for.
        transport: TransportId,
        /// The candidate, with its `candidate:` prefix.
        candidate: String,
    },
    /// Offers again with new ICE credentials; only for a transport where we offer.
    RestartIce {
        /// The transport to restart.
        transport: TransportId,
    },
    /// Closes the transport. Its tracks stop; no event follows.
    Close {
        /// The transport to close.
        transport: TransportId,
    },
    /// Asks what these transports carry: [`MAX_REPORTED`](crate::MAX_REPORTED) of them at most, further
    /// ones are left out. Answered by [`Event::Report`](crate::Event::Report).
    Report {
        /// Goes into the answer.
        ticket: u64,
        /// Which transports.
        transports: Vec<TransportId>,
    },
}

/// A track that a subscriber wants, and how much of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TrackRequest {
    /// Which track.
    pub track: TrackId,
    /// The shard of its publisher. From another shard than one's own it is
    /// [relayed](crate::RelayMessage).
    pub shard: ShardId,
    /// Which of its simulcast encodings and layers.
    pub encoding: EncodingChoice,
    /// How much it matters where a link does not carry everything. Sound always comes first.
    pub priority: Priority,
}

impl TrackRequest {
    /// Asks for a track that matters as much as others do.
    pub fn new(track: TrackId, shard: ShardId, encoding: EncodingChoice) -> Self {
        Self { track, shard, encoding, priority: Priority::Normal }
    }
}

/// How much a picture matters among those that share a link. Of two that matter alike, large ones come
/// before those of which only the small picture is wanted, and older ones before newer ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Priority {
    /// As much as most.
    #[default]
    Normal,
    /// It gets all its layers before any that matters less gets more than its lowest one, and it pauses
    /// after them.
    High,
}

/// How much of a track is wanted. What is not sent is replaced by the next smaller, or else by the least
/// that there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EncodingChoice {
    /// The best that there is.
    Best,
    /// The smallest picture that there is (`video-low`): the smallest simulcast encoding, and of it the
    /// lowest spatial layer, with all frames.
    Lowest,
    /// This layer and those below it.
    AtMost(Layer),
    /// Nothing for now. The media section stays, and another choice needs no negotiation.
    Nothing,
}
