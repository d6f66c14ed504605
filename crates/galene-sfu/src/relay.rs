//! What shards say to each other, so that a track can have subscribers on other shards than its
//! publisher's (RFC 7667 §3.7 calls each of them a middlebox; here they share one process or one house).
//!
//! A shard whose subscribers want a track *imports* it: it says which encodings it needs and is handed
//! their packets, each once, however many subscribers it has. The publisher's shard *exports* the track.
//! Feedback goes the other way, merged: wishes for keyframes, what the slowest receiver can take, and
//! packets that got lost between the shards.
//!
//! Packets are shared by reference. They may be dropped on the way when the receiving shard is
//! overloaded, and are then asked for again; all other messages must arrive, in order.

use std::sync::Arc;
use std::time::Instant;

use crate::TrackId;
use crate::formats::Format;
use crate::ladder::Rung;
use crate::media::MAX_ENCODINGS;
use crate::packet::Packet;
use crate::rate::Allowed;

/// Something that one shard says to another, from [`Sfu::poll_relay`](crate::Sfu::poll_relay) to
/// [`Sfu::handle_relay`](crate::Sfu::handle_relay) of the other.
#[derive(Debug)]
pub struct RelayMessage {
    pub(crate) track: TrackId,
    pub(crate) body: Body,
}

impl RelayMessage {
    /// Returns how many packets of the track this carries. A message with packets may be dropped
    /// where too many wait; one without may not.
    pub fn packet_count(&self) -> usize {
        match &self.body {
            Body::Packets(packets) => packets.len(),
            Body::Want(_)
            | Body::Unwant
            | Body::Keyframe { .. }
            | Body::Missing { .. }
            | Body::Asked(_)
            | Body::Rates(_)
            | Body::Started(_)
            | Body::Activity(_)
            | Body::Ended => 0,
        }
    }
}

#[derive(Debug)]
pub(crate) enum Body {
    // To the shard of the publisher:
    /// The packets of these encodings are wanted, none at first: the track must be known to choose.
    Want(EncodingSet),
    /// Nothing of the track is wanted any more.
    Unwant,
    /// Somebody needs a keyframe.
    Keyframe { encoding: usize },
    /// Packets that did not arrive, by their places in the publisher's ring.
    Missing { encoding: usize, first: u64, count: u64 },
    /// The best encoding that anybody asks for, be it sent at present or not.
    Asked(Option<usize>),
    /// What the receivers of each encoding may be sent.
    Rates([Allowed; MAX_ENCODINGS]),

    // From the shard of the publisher:
    /// The track is there.
    Started(Arc<TrackDescription>),
    /// Packets in the order of their arrival.
    Packets(Vec<RelayedPacket>),
    /// What is being sent, be it wanted or not.
    Activity(Activity),
    /// The track is gone. It may start again.
    Ended,
}

/// What must be known of a track to forward it.
#[derive(Debug)]
pub(crate) struct TrackDescription {
    pub(crate) format: Format,
    pub(crate) msid: Option<(String, String)>,
    pub(crate) encodings: usize,
}

/// What a publisher sends of a track.
#[derive(Debug)]
pub(crate) struct Activity {
    /// When each encoding last sent something.
    pub(crate) last_arrivals: [Option<Instant>; MAX_ENCODINGS],
    /// The track's ladder.
    pub(crate) rungs: Vec<Rung>,
}

/// A packet on its way to another shard.
#[derive(Debug)]
pub(crate) struct RelayedPacket {
    pub(crate) encoding: usize,
    /// Its place in the ring of the publisher's shard. There are no gaps between places.
    pub(crate) index: u64,
    pub(crate) packet: Packet,
}

/// Some of a track's encodings.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct EncodingSet(u8);

impl EncodingSet {
    pub(crate) fn insert(&mut self, encoding: usize) {
        if encoding < MAX_ENCODINGS {
            self.0 |= 1 << encoding;
        }
    }

    pub(crate) fn contains(self, encoding: usize) -> bool {
        encoding < MAX_ENCODINGS && self.0 & (1 << encoding) != 0
    }

    /// Returns those that are in this set and not in the other, in order.
    pub(crate) fn without(self, other: Self) -> impl Iterator<Item = usize> {
        (0..MAX_ENCODINGS).filter(move |&e| self.contains(e) && !other.contains(e))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_holds_what_was_put_in_and_knows_what_is_new() {
        let mut old = EncodingSet::default();
        old.insert(1);
        let mut new = old;
        new.insert(0);
        new.insert(3);
        new.insert(MAX_ENCODINGS + 9);
        assert!(new.contains(1) && new.contains(3) && !new.contains(2));
        assert!(!new.contains(MAX_ENCODINGS + 9));
        assert_eq!(new.without(old).collect::<Vec<_>>(), [0, 3]);
    }
}
