//! What a stand-in that watches is and does.

use std::net::SocketAddr;
use std::time::Duration;

use crate::codec::Codec;
use crate::engine::Feedback;

/// What a [`SubscriberPeer`](crate::SubscriberPeer) is and does.
#[derive(Debug, Clone)]
pub struct SubscriberConfig {
    pub(crate) address: SocketAddr,
    pub(crate) codecs: Vec<Codec>,
    pub(crate) rtx: bool,
    pub(crate) red: bool,
    pub(crate) remb: Option<u64>,
    pub(crate) may_miss_start: bool,
    pub(crate) give_up_after: Option<Duration>,
    pub(crate) playing: Option<Feedback>,
}

impl SubscriberConfig {
    /// Returns a browser at `address` that accepts all codecs and RTX.
    pub fn new(address: SocketAddr) -> Self {
        let codecs = Codec::ALL.to_vec();
        let (remb, give_up_after) = (None, None);
        let (rtx, may_miss_start, playing) = (true, false, None);
        let red = false;
        Self { address, codecs, rtx, red, remb, may_miss_start, give_up_after, playing }
    }

    /// Accepts these codecs only.
    #[must_use]
    pub fn codecs(mut self, codecs: &[Codec]) -> Self {
        self.codecs = codecs.to_vec();
        self
    }

    /// Accepts no RTX, and hence sends no NACK.
    #[must_use]
    pub fn without_rtx(mut self) -> Self {
        self.rtx = false;
        self
    }

    /// Accepts redundant audio, as Chromium does and Firefox does not.
    #[must_use]
    pub fn red(mut self) -> Self {
        self.red = true;
        self
    }

    /// Reports by REMB that it can receive so many bits a second.
    #[must_use]
    pub fn remb(mut self, bits_per_second: u64) -> Self {
        self.remb = Some(bits_per_second);
        self
    }

    /// Waits this long for packets of pictures to be sent again, instead of half a second: for a peer far
    /// away.
    #[must_use]
    pub fn give_up_after(mut self, give_up_after: Duration) -> Self {
        self.give_up_after = Some(give_up_after);
        self
    }

    /// Plays what it receives, as a browser does: keyframes are asked for by a
    /// [`Decoder`](crate::Decoder), and the sender is told by this feedback, where it understands it, how
    /// much the way between the two can carry.
    #[must_use]
    pub fn playing(mut self, feedback: Feedback) -> Self {
        self.playing = Some(feedback);
        self
    }

    /// Accepts that streams begin with something else than a keyframe, because the network may have
    /// lost that.
    #[must_use]
    pub fn may_miss_start(mut self) -> Self {
        self.may_miss_start = true;
        self
    }
}
