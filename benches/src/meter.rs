//! What a piece of work costs.

use std::alloc::System;
use std::hint::black_box;
use std::time::{Duration, Instant};

use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Adds up what pieces of work cost; what is done in between is not counted.
#[derive(Debug, Default)]
pub struct Meter {
    cost: Cost,
    is_off: bool,
}

/// What some operations cost together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Cost {
    /// How many operations it was.
    pub operations: u64,
    /// How long they took.
    pub time: Duration,
    /// How often memory was allocated, or a piece of it resized.
    pub allocations: u64,
    /// How many bytes that was.
    pub bytes: u64,
}

impl Meter {
    /// Returns a meter that counts nothing, for what only has to be done.
    pub fn off() -> Self {
        Self { is_off: true, ..Self::default() }
    }

    /// Does a piece of work and adds what it costs. The clock and the allocator's counts add about 60 ns.
    pub fn measure<T>(&mut self, work: impl FnOnce() -> T) -> T {
        if self.is_off {
            return work();
        }
        let (mut work, mut result) = (Some(work), None);
        let region = Region::new(ALLOCATOR);
        #[expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]
        let start = Instant::now();
        collected(&mut || result = work.take().map(|work| work()));
        self.cost.time += start.elapsed();
        let change = region.change();
        self.cost.allocations += (change.allocations + change.reallocations) as u64;
        self.cost.bytes += change.bytes_allocated as u64;
        result.expect("the work was done just now")
    }

    /// Notes that so many operations have been measured.
    pub fn count(&mut self, operations: u64) {
        self.cost.operations += operations;
    }

    /// Returns what it all cost.
    pub fn cost(&self) -> Cost {
        self.cost
    }
}

/// Does the work. Callgrind is told to count only what happens inside of this function, by its name.
#[inline(never)]
fn collected(work: &mut dyn FnMut()) {
    work();
    // Keeps the call from becoming a jump, after which this function would not be on the stack.
    black_box(());
}

impl Cost {
    /// Returns the nanoseconds of one operation.
    pub fn nanoseconds(&self) -> f64 {
        self.per_operation(self.time.as_nanos() as f64)
    }

    /// Returns how often one operation allocates.
    pub fn allocations(&self) -> f64 {
        self.per_operation(self.allocations as f64)
    }

    /// Returns how many bytes one operation allocates.
    pub fn bytes(&self) -> f64 {
        self.per_operation(self.bytes as f64)
    }

    fn per_operation(&self, sum: f64) -> f64 {
        sum / self.operations.max(1) as f64
    }
}
