//! What a stand-in that publishes is and does.

use std::net::SocketAddr;

use crate::codec::Codec;
use crate::engine::Feedback;
use crate::track_spec::TrackSpec;

/// What a [`PublisherPeer`](crate::PublisherPeer) is and does.
#[derive(Debug, Clone)]
pub struct PublisherConfig {
    pub(crate) address: SocketAddr,
    pub(crate) codecs: Vec<Codec>,
    pub(crate) rtx: bool,
    pub(crate) red: bool,
    pub(crate) stream_id: String,
    pub(crate) tracks: Vec<TrackSpec>,
    pub(crate) feedback: Option<Feedback>,
}

impl PublisherConfig {
    /// Returns a browser at `address` that offers all codecs and RTX, and nothing to send yet.
    pub fn new(address: SocketAddr) -> Self {
        let stream_id = "camera".to_owned();
        let (codecs, tracks) = (Codec::ALL.to_vec(), Vec::new());
        Self { address, codecs, rtx: true, red: false, stream_id, tracks, feedback: None }
    }

    /// Offers these codecs only, the most preferred first.
    #[must_use]
    pub fn codecs(mut self, codecs: &[Codec]) -> Self {
        self.codecs = codecs.to_vec();
        self
    }

    /// Offers no RTX.
    #[must_use]
    pub fn without_rtx(mut self) -> Self {
        self.rtx = false;
        self
    }

    /// Offers redundant audio after Opus, as Chromium does and Firefox does not, and sends it if the answer
    /// prefers it.
    #[must_use]
    pub fn red(mut self) -> Self {
        self.red = true;
        self
    }

    /// Adapts to the way to the other side as a browser does: begins low, estimates the way from
    /// transport-wide feedback, or from loss and REMB if it is given only that, and protects sound where
    /// packets get lost. Without this, it sends all it has at once, and only REMB lowers that.
    #[must_use]
    pub fn adaptive(mut self, feedback: Feedback) -> Self {
        self.feedback = Some(feedback);
        self
    }

    /// Sets the `MediaStream` id that the offer names. By default it is `camera`.
    #[must_use]
    pub fn stream_id(mut self, stream_id: &str) -> Self {
        stream_id.clone_into(&mut self.stream_id);
        self
    }

    /// Offers one more track.
    #[must_use]
    pub fn track(mut self, track: TrackSpec) -> Self {
        self.tracks.push(track);
        self
    }
}
