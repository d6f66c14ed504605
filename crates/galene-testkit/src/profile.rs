//! What one direction of a link does to the datagrams that cross it.

use std::time::Duration;

use str0m_netem::{Bitrate, DataSize, GilbertElliot, NetemConfig, Probability, RandomLoss};

/// How one direction of a link treats datagrams.
///
/// Starts from [`Profile::ideal`]; each method changes one property and returns the profile.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Profile {
    delay: Duration,
    jitter: Duration,
    loss: Loss,
    duplicate: f32,
    reorder: Option<Reorder>,
    bottleneck: Option<Bottleneck>,
}

/// How datagrams get lost.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Loss {
    None,
    Random(f32),
    Bursts { mean_good: f32, mean_bad: f32 },
}

/// Some datagrams arrive later than those sent after them.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Reorder {
    probability: f32,
    by: Duration,
}

/// The narrowest place of the path, and the queue in front of it.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Bottleneck {
    bits_per_second: u64,
    queue_bytes: u32,
}

/// The delay of [`Profile::ideal`]: that of a good local network, and not zero, so that causes come
/// before effects.
const IDEAL_DELAY: Duration = Duration::from_millis(1);

impl Profile {
    /// Returns a link that delays by one millisecond and does nothing else.
    pub const fn ideal() -> Self {
        Self {
            delay: IDEAL_DELAY,
            jitter: Duration::ZERO,
            loss: Loss::None,
            duplicate: 0.0,
            reorder: None,
            bottleneck: None,
        }
    }

    /// Delays each datagram by this much.
    #[must_use]
    pub const fn delay(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    /// Varies the delay by up to this much in both directions. Datagrams stay in order.
    #[must_use]
    pub const fn jitter(mut self, jitter: Duration) -> Self {
        self.jitter = jitter;
        self
    }

    /// Loses each datagram with this probability.
    #[must_use]
    pub const fn loss(mut self, probability: f32) -> Self {
        self.loss = Loss::Random(probability);
        self
    }

    /// Loses datagrams in bursts (Gilbert-Elliott): on average `mean_good` datagrams get through, then
    /// `mean_bad` are lost.
    #[must_use]
    pub const fn bursts(mut self, mean_good: f32, mean_bad: f32) -> Self {
        self.loss = Loss::Bursts { mean_good, mean_bad };
        self
    }

    /// Loses everything.
    #[must_use]
    pub const fn dead(self) -> Self {
        self.loss(1.0)
    }

    /// Delivers each datagram twice with this probability.
    #[must_use]
    pub const fn duplicate(mut self, probability: f32) -> Self {
        self.duplicate = probability;
        self
    }

    /// Holds each datagram back for `by` with this probability, so that later ones overtake it. What
    /// is held back passes beside the bottleneck, if there is one.
    #[must_use]
    pub const fn reorder(mut self, probability: f32, by: Duration) -> Self {
        self.reorder = Some(Reorder { probability, by });
        self
    }

    /// Lets through so many bits in a second; more waits in a queue, and what does not fit is lost.
    #[must_use]
    pub const fn rate(mut self, bits_per_second: u64, queue_bytes: u32) -> Self {
        self.bottleneck = Some(Bottleneck { bits_per_second, queue_bytes });
        self
    }

    /// Returns the probability with which a datagram takes the way of [`Self::late_netem`].
    pub(crate) fn reorder_probability(&self) -> f32 {
        self.reorder.map_or(0.0, |r| r.probability)
    }

    /// Returns the emulation of the ordinary way.
    pub(crate) fn netem(&self, seed: u64) -> NetemConfig {
        let config = self.late_netem(seed).latency(self.delay);
        match self.bottleneck {
            None => config,
            Some(Bottleneck { bits_per_second, queue_bytes }) => {
                config.link(Bitrate::bps(bits_per_second), DataSize::bytes(queue_bytes.into()))
            }
        }
    }

    /// Returns the emulation of the way that held-back datagrams take.
    pub(crate) fn late_netem(&self, seed: u64) -> NetemConfig {
        let config = NetemConfig::new()
            .latency(self.delay + self.reorder.map_or(Duration::ZERO, |r| r.by))
            .jitter(self.jitter)
            .duplicate(Probability::new(self.duplicate))
            .seed(seed);
        match self.loss {
            Loss::None => config,
            Loss::Random(probability) => {
                config.loss(RandomLoss::new(Probability::new(probability)))
            }
            Loss::Bursts { mean_good, mean_bad } => config.loss(
                GilbertElliot::new()
                    .good_duration(mean_good)
                    .bad_duration(mean_bad)
                    .loss_in_bad(Probability::ONE),
            ),
        }
    }
}

impl Default for Profile {
    fn default() -> Self {
        Self::ideal()
    }
}
