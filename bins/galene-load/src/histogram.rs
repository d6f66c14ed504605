//! Counts how often values occur, in bounded memory.

/// Values within one power of two are told apart in so many steps: an error of at most 1.6 %.
const STEPS: u64 = 64;
const STEP_BITS: u32 = STEPS.trailing_zeros();
/// All values of 64 bits have their place.
const BUCKETS: usize = (64 - STEP_BITS as usize + 1) * STEPS as usize;

/// How often values occurred: log-linear buckets, 30 kB however many values are recorded.
#[derive(Debug, Clone)]
pub(crate) struct Histogram {
    buckets: Box<[u64]>,
    count: u64,
    sum: u128,
    max: u64,
}

impl Histogram {
    /// Counts a value.
    pub(crate) fn record(&mut self, value: u64) {
        self.buckets[bucket(value)] += 1;
        self.count += 1;
        self.sum += u128::from(value);
        self.max = self.max.max(value);
    }

    /// Adds what another histogram counted.
    pub(crate) fn merge(&mut self, other: &Self) {
        for (own, theirs) in self.buckets.iter_mut().zip(&other.buckets) {
            *own += theirs;
        }
        self.count += other.count;
        self.sum += other.sum;
        self.max = self.max.max(other.max);
    }

    /// Returns how many values were recorded.
    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    /// Returns the largest value, exactly; 0 if there is none.
    pub(crate) fn max(&self) -> u64 {
        self.max
    }

    /// Returns the mean, exactly; 0 if there is no value.
    #[expect(clippy::cast_precision_loss, reason = "a mean for people")]
    pub(crate) fn mean(&self) -> f64 {
        if self.count == 0 { 0.0 } else { self.sum as f64 / self.count as f64 }
    }

    /// Returns the value that so many of a thousand values do not exceed; 0 if there is none.
    pub(crate) fn permille(&self, permille: u64) -> u64 {
        let rank = (u128::from(self.count) * u128::from(permille)).div_ceil(1000);
        let mut seen = 0;
        for (index, count) in self.buckets.iter().enumerate() {
            seen += u128::from(*count);
            if seen >= rank && seen > 0 {
                return highest(index).min(self.max);
            }
        }
        0
    }
}

impl Default for Histogram {
    fn default() -> Self {
        Self { buckets: vec![0; BUCKETS].into(), count: 0, sum: 0, max: 0 }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "the index is below BUCKETS")]
fn bucket(value: u64) -> usize {
    if value < STEPS {
        return value as usize;
    }
    let shift = value.ilog2() - STEP_BITS;
    (u64::from(shift + 1) * STEPS + (value >> shift) - STEPS) as usize
}

/// Returns the largest value that belongs to a bucket.
fn highest(bucket: usize) -> u64 {
    let bucket = bucket as u64;
    if bucket < STEPS {
        return bucket;
    }
    let shift = bucket / STEPS - 1;
    let lowest = (bucket % STEPS + STEPS) << shift;
    lowest + ((1 << shift) - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_values_are_exact() {
        let mut histogram = Histogram::default();
        (1..=50).for_each(|value| histogram.record(value));
        assert_eq!(histogram.permille(500), 25);
        assert_eq!(histogram.permille(1000), 50);
        assert_eq!(histogram.permille(0), 1);
    }

    #[test]
    fn percentiles_are_within_two_percent_at_any_size() {
        let mut value = 1_u64;
        while value < u64::MAX / 3 {
            let mut histogram = Histogram::default();
            histogram.record(value);
            histogram.record(value * 3);
            let median = histogram.permille(500);
            assert!(median >= value && median - value <= value / 50, "{median} for {value}");
            assert_eq!(histogram.permille(1000), value * 3);
            value += value / 3 * 2 + 1;
        }
    }

    #[test]
    fn each_bucket_ends_where_the_next_begins() {
        for index in 0..BUCKETS - 1 {
            let last = highest(index);
            assert_eq!((bucket(last), bucket(last + 1)), (index, index + 1));
        }
        assert_eq!(bucket(u64::MAX), BUCKETS - 1);
    }

    #[test]
    fn merging_counts_everything_once() {
        let (mut all, mut one, mut two) =
            (Histogram::default(), Histogram::default(), Histogram::default());
        for value in 0..10_000_u64 {
            all.record(value * value);
            if value % 3 == 0 { &mut one } else { &mut two }.record(value * value);
        }
        one.merge(&two);
        assert_eq!(one.count(), all.count());
        assert_eq!(one.max(), all.max());
        assert!((one.mean() - all.mean()).abs() < 1e-6);
        for permille in [0, 10, 500, 990, 999, 1000] {
            assert_eq!(one.permille(permille), all.permille(permille));
        }
    }

    #[test]
    fn an_empty_histogram_says_zero() {
        let histogram = Histogram::default();
        assert_eq!((histogram.permille(990), histogram.max(), histogram.count()), (0, 0, 0));
    }
}
