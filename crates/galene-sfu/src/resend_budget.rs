//! How much is sent again because a peer asks for it.
//!
//! One request of 1,200 bytes can name thousands of packets, and the engine answers every one. So what
//! a peer gets again is bounded by what it is sent anyway.

/// Counts what was sent once against what was sent again.
#[derive(Debug)]
pub(crate) struct ResendBudget {
    credit: u32,
}

/// What one packet that is sent again costs, in packets that were sent once: half of all packets can be
/// repaired, which is more loss than any call survives.
const PRICE: u32 = 2;

/// All that the engine keeps of one stream may be asked for at once.
const MAX_CREDIT: u32 = PRICE * crate::transport::RTX_CACHE_PACKETS as u32;

impl Default for ResendBudget {
    /// The first keyframe can be repaired.
    fn default() -> Self {
        Self { credit: MAX_CREDIT / 4 }
    }
}

impl ResendBudget {
    /// A packet is sent for the first time.
    pub(crate) fn handle_sent(&mut self) {
        self.credit = MAX_CREDIT.min(self.credit + 1);
    }

    /// Returns whether one packet may be sent again, and counts it.
    pub(crate) fn take(&mut self) -> bool {
        let left = self.credit.checked_sub(PRICE);
        self.credit = left.unwrap_or(self.credit);
        left.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_than_half_of_what_is_sent_is_sent_again() {
        let mut budget = ResendBudget::default();
        while budget.take() {}
        let again = (0..10_000).filter(|_| {
            budget.handle_sent();
            budget.take()
        });
        assert_eq!(again.count(), 5_000);
    }

    #[test]
    fn after_a_while_a_burst_is_repaired_at_once() {
        let mut budget = ResendBudget::default();
        (0..100_000).for_each(|_| budget.handle_sent());
        let burst = std::iter::repeat_with(|| budget.take()).take_while(|taken| *taken).count();
        assert_eq!(burst, crate::transport::RTX_CACHE_PACKETS);
    }
}
