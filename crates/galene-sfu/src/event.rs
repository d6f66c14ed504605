//! What the forwarding core reports, as plain data that can cross a thread or a network.

use crate::{Codec, TrackId, TransportId, TransportStatistics};

/// Something that happened on a transport.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// The answer to [`Command::Offer`](crate::Command::Offer). It carries our candidates.
    Answer {
        /// The transport that was offered.
        transport: TransportId,
        /// The answer, SDP as text.
        sdp: String,
    },
    /// An offer for the peer, to be answered by [`Command::Answer`](crate::Command::Answer). It carries
    /// our candidates. There is never a second offer before the answer to the first.
    Offer {
        /// The transport that is offered.
        transport: TransportId,
        /// The offer, SDP as text.
        sdp: String,
    },
    /// A local candidate that came up after the last description was sent.
    Candidate {
        /// The transport that the candidate is for.
        transport: TransportId,
        /// The candidate, with its `candidate:` prefix.
        candidate: String,
    },
    /// An offer or answer of the peer could not be used. After a bad answer, or a bad first offer, the
    /// transport is gone; after a later bad offer it goes on as it was, until ICE notices if the offer
    /// was to restart that.
    NegotiationFailed {
        /// The transport that was negotiated.
        transport: TransportId,
        /// What is wrong with the description, for the peer's eyes.
        reason: String,
    },
    /// ICE and DTLS are up: media can flow. Comes again when ICE finds a path after
    /// [`Disconnected`](Self::Disconnected).
    Connected {
        /// The transport that connected.
        transport: TransportId,
    },
    /// ICE found no working path (any more), and nothing but connectivity checks is sent. The transport
    /// stays, and an ICE restart may bring it back.
    Disconnected {
        /// The transport that lost its peer.
        transport: TransportId,
    },
    /// The transport ended by itself and is gone, and so are its tracks.
    Closed {
        /// The transport that ended.
        transport: TransportId,
        /// Why.
        reason: CloseReason,
    },
    /// The first RTP packet of a track arrived: it can be subscribed to.
    TrackStarted {
        /// The track.
        track: TrackId,
        /// In which codec it is sent.
        codec: Codec,
    },
    /// Somebody speaks in a track, or has stopped. Who speaks is reported once a second, and up to three
    /// times if the level changes; who stops, once. Tracks that end have stopped without a word.
    ///
    /// It is the publisher's word (RFC 6464): good for showing, and for nothing that must be true.
    Speech {
        /// The track.
        track: TrackId,
        /// How loud, in dBov from -127 to 0; `None` if nobody speaks any more.
        level: Option<i8>,
    },
    /// The publisher took the track out of its offer.
    TrackEnded {
        /// The track.
        track: TrackId,
    },
    /// Other encodings of a published video track are asked for than before. Its publisher may stop
    /// sending those that are not, and must begin again when they are.
    ///
    /// Comes once when the track has started, and then whenever it changes: when more is asked for at
    /// once, and when less is, after four seconds.
    EncodingsAsked {
        /// The track.
        track: TrackId,
        /// All its encodings, by decreasing quality. Those below one that is asked for are, too, and so
        /// is the smallest in any case.
        encodings: Vec<EncodingDemand>,
    },
    /// More or less of a video track is sent to a subscriber than before, because of what its link
    /// carries. It was [`Service::Full`] at first.
    ///
    /// Less is told once it has lasted for a second, more at once.
    ServiceChanged {
        /// The subscriber's transport.
        transport: TransportId,
        /// The track.
        track: TrackId,
        /// How much of what it wants is sent now.
        service: Service,
    },
    /// The answer to [`Command::Report`](crate::Command::Report).
    Report {
        /// That of the question.
        ticket: u64,
        /// What those of the transports carry that exist, in the order in which they were asked for.
        statistics: Vec<TransportStatistics>,
    },
}

/// Whether anybody may come to watch an encoding of a track.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EncodingDemand {
    /// Its name in the publisher's offer (RFC 8851), if the track is sent in several.
    pub rid: Option<String>,
    /// Whether it should be sent.
    pub is_asked_for: bool,
}

/// How much of a track is sent to a subscriber, compared with what it wants; the greater, the more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Service {
    /// Nothing for now.
    Paused,
    /// A smaller picture, or fewer pictures a second.
    Reduced,
    /// All that it wants, as far as the publisher sends it.
    #[default]
    Full,
}

/// Why a transport ended by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CloseReason {
    /// The engine failed or panicked on this transport; no other transport is affected.
    Fault,
    /// The peer closed its side (DTLS `close_notify`).
    Peer,
}
