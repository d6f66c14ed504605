//! How much a publisher is asked to send.
//!
//! Without layers the publisher must satisfy its slowest receiver, so it is asked for no more than that
//! one can take, and for little when nobody receives.

/// The least that a publisher is asked for, and what it is asked for while nobody receives: enough to
/// start with, little to waste. In bits per second, as all rates here.
pub(crate) const MIN_RATE: u64 = 204_800;

/// What is left for sound when a publisher sends it beside pictures: what is asked for is for the whole
/// transport, and receivers estimate for pictures alone.
pub(crate) const AUDIO_RATE: u64 = 65_536;

/// What the smallest of several simulcast encodings is counted with.
pub(crate) const LOWEST_ENCODING_RATE: u64 = 102_400;

/// Returns what to ask of one encoding, given what its receivers may be sent.
pub(crate) fn encoding_rate(allowed: impl Iterator<Item = u64>) -> u64 {
    allowed.map(|rate| rate.max(MIN_RATE)).min().unwrap_or(MIN_RATE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slowest_receiver_counts_and_nobody_is_asked_for_less_than_the_floor() {
        assert_eq!(encoding_rate([900_000, 400_000].into_iter()), 400_000);
        assert_eq!(encoding_rate([900_000, 50_000].into_iter()), MIN_RATE);
        assert_eq!(encoding_rate([].into_iter()), MIN_RATE);
    }
}
