//! Which sequence numbers of a stream were used.
//!
//! A cipher in counter mode gives its key away when two packets are sealed under one number (RFC 7714
//! §8.3), and a publisher can try to bring that about: by sending a packet twice, two streams as one,
//! or numbers that start anew. Whatever the maps before it made of that, this is the last word.

/// The latest numbers of one stream, and whether they were used.
#[derive(Debug, Default)]
pub(crate) struct SentNumbers {
    /// One more than the highest number.
    end: u64,
    /// Bit `n % 64` of word `n / 64 % WORDS` stands for the number `n`, for the latest `WINDOW`.
    used: [u64; WORDS],
}

/// A late packet is at most three seconds behind, and browsers take none in that is later than this
/// (libsrtp's window, as libwebrtc sets it).
const WORDS: usize = 16;
const WINDOW: u64 = 64 * WORDS as u64;

impl SentNumbers {
    /// Returns whether a number may be used, and takes note that it is. One that is too old to be
    /// remembered may not.
    pub(crate) fn insert(&mut self, number: u64) -> bool {
        if number >= self.end {
            // What comes into the window has not been used.
            for fresh in self.end.max((number + 1).saturating_sub(WINDOW))..number {
                self.clear(fresh);
            }
            self.end = number + 1;
            self.clear(number);
        } else if number + WINDOW < self.end {
            return false;
        }
        let (word, bit) = place(number);
        let is_fresh = self.used[word] & bit == 0;
        self.used[word] |= bit;
        is_fresh
    }

    fn clear(&mut self, number: u64) {
        let (word, bit) = place(number);
        self.used[word] &= !bit;
    }
}

fn place(number: u64) -> (usize, u64) {
    ((number / 64) as usize % WORDS, 1 << (number % 64))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_number_is_used_once() {
        let mut sent = SentNumbers::default();
        assert!(sent.insert(1_000));
        assert!(!sent.insert(1_000));
        assert!(sent.insert(1_002));
        assert!(sent.insert(1_001), "late");
        assert!(!sent.insert(1_001));
        assert!(sent.insert(1_002 + WINDOW));
        assert!(!sent.insert(1_002), "forgotten");
        assert!(sent.insert(1_003), "just remembered, and not used");
        assert!(sent.insert(1_000_000));
        assert!(sent.insert(999_999));
    }

    #[test]
    fn no_order_of_numbers_gets_one_used_twice() {
        let mut random = fastrand::Rng::with_seed(1);
        let mut sent = SentNumbers::default();
        let mut used = BTreeSet::new();
        let mut around = 5_000u64;
        for _ in 0..100_000 {
            around += random.u64(0..3);
            let number = (around + random.u64(0..1_300)).saturating_sub(1_200);
            let is_new = !used.contains(&number);
            if sent.insert(number) {
                assert!(used.insert(number), "{number} was used");
            } else if is_new {
                let newest = used.last().copied().unwrap_or_default();
                assert!(number + WINDOW <= newest, "{number} was refused at {newest}");
            }
        }
    }
}
