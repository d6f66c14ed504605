//! Who takes part, and whose link is bad.

use std::fmt;

use galene_testkit::Feedback;

/// The two ends of a measurement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Setup {
    /// Whose link the row describes; the other's is ideal.
    pub leg: Leg,
    /// Whether the publisher sends three encodings, or one.
    pub is_simulcast: bool,
    /// How the peers learn what their links can carry.
    pub feedback: Feedback,
}

/// One of the two links that media crosses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Leg {
    /// From the server to a receiver.
    Receiver,
    /// From the publisher to the server.
    Publisher,
}

impl Setup {
    /// Returns all set-ups.
    pub fn all() -> impl Iterator<Item = Self> {
        [Leg::Receiver, Leg::Publisher].into_iter().flat_map(|leg| {
            [true, false].into_iter().flat_map(move |is_simulcast| {
                [Feedback::TransportWide, Feedback::Remb].into_iter().map(move |feedback| Self {
                    leg,
                    is_simulcast,
                    feedback,
                })
            })
        })
    }
}

impl fmt::Display for Setup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let leg = match self.leg {
            Leg::Receiver => "receiver's link",
            Leg::Publisher => "publisher's link",
        };
        let encodings = if self.is_simulcast { "three encodings" } else { "one encoding" };
        let feedback = match self.feedback {
            Feedback::TransportWide => "transport-wide feedback",
            Feedback::Remb => "REMB",
        };
        write!(f, "{leg}, {encodings}, {feedback}")
    }
}
