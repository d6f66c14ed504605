//! How much a publisher is asked to send.
//!
//! An encoding for which there is no smaller one must suit the slowest of its receivers. Of one that can
//! be replaced by a smaller one, as much is asked for as the best of them can take: the others get the
//! smaller one. Little is asked for when nobody receives.

/// What a publisher is asked for while nobody receives: enough to start with, little to waste. In bits per
/// second, as all rates here.
pub(crate) const MIN_RATE: u64 = 204_800;

/// The least that a publisher is asked for. With sound and what repairs take, it still goes through 200 kbit/s.
pub(crate) const LEAST_RATE: u64 = 102_400;

/// What is left for sound when a publisher sends it beside pictures: what is asked for is for the whole
/// transport, and receivers estimate for pictures alone.
pub(crate) const AUDIO_RATE: u64 = 65_536;

/// What the smallest of several simulcast encodings is counted with.
pub(crate) const LOWEST_ENCODING_RATE: u64 = 102_400;

/// What the receivers of one encoding may be sent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Allowed {
    /// The least of those that get this encoding whatever it takes.
    least: Option<u64>,
    /// The most of those that get a smaller encoding if this one takes too much.
    most: Option<u64>,
}

impl Allowed {
    /// Counts a receiver.
    pub(crate) fn add(&mut self, rate: u64, has_smaller: bool) {
        if has_smaller {
            self.most = self.most.max(Some(rate));
        } else {
            self.least = Some(self.least.map_or(rate, |least| least.min(rate)));
        }
    }

    /// Counts the receivers of another shard.
    pub(crate) fn merge(&mut self, other: Self) {
        if let Some(rate) = other.least {
            self.add(rate, false);
        }
        if let Some(rate) = other.most {
            self.add(rate, true);
        }
    }

    /// Returns what to ask the publisher for.
    pub(crate) fn rate(self) -> u64 {
        let rates = [self.least, self.most].into_iter().flatten();
        rates.map(|rate| rate.max(LEAST_RATE)).min().unwrap_or(MIN_RATE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(receivers: &[(u64, bool)]) -> u64 {
        let mut allowed = Allowed::default();
        receivers.iter().for_each(|(rate, has_smaller)| allowed.add(*rate, *has_smaller));
        allowed.rate()
    }

    #[test]
    fn the_slowest_receiver_counts_and_nobody_is_asked_for_less_than_the_floor() {
        assert_eq!(asked(&[(900_000, false), (400_000, false)]), 400_000);
        assert_eq!(asked(&[(900_000, false), (50_000, false)]), LEAST_RATE);
        assert_eq!(asked(&[]), MIN_RATE);
    }

    #[test]
    fn whoever_can_have_something_smaller_slows_nobody_down() {
        assert_eq!(asked(&[(900_000, true), (400_000, true)]), 900_000);
        assert_eq!(asked(&[(900_000, true), (400_000, false)]), 400_000);
    }

    #[test]
    fn the_receivers_of_another_shard_count_as_if_they_were_here() {
        let (mut here, mut there) = (Allowed::default(), Allowed::default());
        here.add(900_000, true);
        there.add(1_200_000, true);
        here.merge(there);
        assert_eq!(here.rate(), 1_200_000);
        there.add(500_000, false);
        here.merge(there);
        assert_eq!(here.rate(), 500_000);
    }
}
