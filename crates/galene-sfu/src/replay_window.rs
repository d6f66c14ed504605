//! Tells packets that were seen from new ones (RFC 3711 §3.3.2).

/// The latest numbers of one stream of packets, and whether they were seen.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct ReplayWindow {
    /// One more than the highest index seen.
    end: u64,
    /// Bit n: the index n + 1 below `end` was seen.
    seen: u64,
}

impl ReplayWindow {
    /// Returns whether an index was not seen, and is not too old to tell.
    pub(crate) fn is_new(&self, index: u64) -> bool {
        match self.end.checked_sub(index) {
            None | Some(0) => true,
            Some(behind) => behind <= u64::BITS.into() && self.seen & (1 << (behind - 1)) == 0,
        }
    }

    /// Takes note of an index.
    pub(crate) fn record(&mut self, index: u64) {
        let shifted =
            |word: u64, by: u64| u32::try_from(by).ok().and_then(|by| word.checked_shl(by));
        if index >= self.end {
            self.seen = shifted(self.seen, index - self.end + 1).unwrap_or(0) | 1;
            self.end = index + 1;
        } else if let Some(bit) = shifted(1, self.end - index - 1) {
            self.seen |= bit;
        }
    }

    /// Returns the index closest to the highest so far that ends in these 16 bits.
    pub(crate) fn extend(&self, number: u16) -> u64 {
        let Some(highest) = self.end.checked_sub(1) else {
            return number.into();
        };
        let ahead = number.wrapping_sub(highest as u16);
        let candidate = highest + u64::from(ahead);
        if ahead < 0x8000 {
            candidate
        } else {
            candidate.checked_sub(0x1_0000).unwrap_or(candidate)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_index_is_new_once() {
        let mut window = ReplayWindow::default();
        for index in [5, 3, 4, 100, 99, 37, 1 << 40] {
            assert!(window.is_new(index), "{index}");
            window.record(index);
            assert!(!window.is_new(index), "{index}");
        }
        assert!(!window.is_new(100), "too old to tell");
    }

    #[test]
    fn a_number_is_extended_to_the_closest_index() {
        let mut window = ReplayWindow::default();
        assert_eq!(window.extend(65_000), 65_000);
        window.record(65_000);
        assert_eq!(window.extend(64_000), 64_000);
        assert_eq!(window.extend(10), 65_546);
        window.record(65_546);
        assert_eq!(window.extend(65_530), 65_530);
    }
}
