//! Token buckets: how much one client may ask for.

use std::time::{Duration, Instant};

/// How fast something may be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rate {
    /// How often per second in the long run.
    pub(crate) per_second: u32,
    /// How often at once, after a pause.
    pub(crate) burst: u32,
}

/// What a bucket says to one more request, from mild to severe.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Verdict {
    /// Within the rate.
    Pass,
    /// Too fast: refuse it.
    Refuse,
    /// So fast that it can only be an attack or a defect: cut the client off.
    Cut,
}

/// A client that asks for this many times what it may is cut off; one that is merely too eager is
/// refused.
const CUT_FACTOR: u32 = 10;

/// Holds one client to one [`Rate`].
#[derive(Debug)]
pub(crate) struct Bucket {
    allowed: Level,
    attempted: Level,
}

/// A level that rises with time up to a cap, in thousandths of a request.
#[derive(Debug)]
struct Level {
    per_second: u64,
    cap: u64,
    level: u64,
    at: Instant,
}

impl Bucket {
    pub(crate) fn new(rate: Rate, now: Instant) -> Self {
        let faster = Rate {
            per_second: rate.per_second.saturating_mul(CUT_FACTOR),
            burst: rate.burst.saturating_mul(CUT_FACTOR),
        };
        Self { allowed: Level::full(rate, now), attempted: Level::full(faster, now) }
    }

    /// Takes one request out, if there is room.
    pub(crate) fn take(&mut self, now: Instant) -> Verdict {
        self.take_many(1, now)
    }

    /// Takes so many out, if there is room for all.
    pub(crate) fn take_many(&mut self, count: usize, now: Instant) -> Verdict {
        if !self.attempted.take(count, now) {
            return Verdict::Cut;
        }
        if self.allowed.take(count, now) { Verdict::Pass } else { Verdict::Refuse }
    }
}

impl Level {
    const ONE: u64 = 1000;

    fn full(rate: Rate, now: Instant) -> Self {
        let cap = u64::from(rate.burst.max(1)) * Self::ONE;
        Self { per_second: u64::from(rate.per_second), cap, level: cap, at: now }
    }

    fn take(&mut self, count: usize, now: Instant) -> bool {
        let passed = now.saturating_duration_since(self.at);
        let passed = u64::try_from(passed.as_millis()).unwrap_or(u64::MAX);
        // One thousandth of a request per millisecond and request per second; what is less than a
        // millisecond stays in `at`, so that many calls in a short time lose nothing.
        self.level =
            self.level.saturating_add(passed.saturating_mul(self.per_second)).min(self.cap);
        self.at += Duration::from_millis(passed);
        let wanted = u64::try_from(count).unwrap_or(u64::MAX).saturating_mul(Self::ONE);
        let enough = self.level >= wanted;
        if enough {
            self.level -= wanted;
        }
        enough
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: Rate = Rate { per_second: 10, burst: 30 };

    #[expect(clippy::disallowed_methods, reason = "an arbitrary origin of time")]
    fn t0() -> Instant {
        Instant::now()
    }

    #[test]
    fn a_burst_passes_and_what_is_more_is_refused() {
        let t0 = t0();
        let mut bucket = Bucket::new(RATE, t0);
        for _ in 0..30 {
            assert_eq!(bucket.take(t0), Verdict::Pass);
        }
        assert_eq!(bucket.take(t0), Verdict::Refuse);
    }

    #[test]
    fn the_steady_rate_passes_for_ever() {
        let t0 = t0();
        let mut bucket = Bucket::new(RATE, t0);
        for n in 0..10_000 {
            assert_eq!(bucket.take(t0 + Duration::from_millis(100 * n)), Verdict::Pass);
        }
    }

    #[test]
    fn no_request_is_won_by_asking_often() {
        let t0 = t0();
        let mut bucket = Bucket::new(RATE, t0);
        // Five times the rate for ten seconds: the burst and ten seconds' worth pass, no more.
        let passed = (0..50 * 10)
            .filter(|n| bucket.take(t0 + Duration::from_millis(20 * n)) == Verdict::Pass)
            .count();
        assert!((129..=130).contains(&passed), "{passed} passed");
    }

    #[test]
    fn ten_times_the_rate_is_cut_off() {
        let t0 = t0();
        let mut bucket = Bucket::new(RATE, t0);
        let verdicts: Vec<Verdict> = (0..301).map(|_| bucket.take(t0)).collect();
        assert_eq!(verdicts[299], Verdict::Refuse);
        assert_eq!(verdicts[300], Verdict::Cut);
    }
}
