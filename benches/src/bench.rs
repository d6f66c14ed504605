//! Runs the cases of a benchmark and prints what they cost.

#![expect(clippy::print_stdout, reason = "the figures are the purpose of these programs")]

use std::array;
use std::collections::BTreeMap;
use std::time::Duration;

use crate::meter::{Cost, Meter};
use crate::options::Options;

/// One benchmark: the cases in which its question is answered.
#[derive(Debug)]
pub struct Bench {
    name: &'static str,
    options: Options,
    /// The nanoseconds of each case so far.
    times: BTreeMap<String, f64>,
}

/// How often each case is measured. The best round counts, since whatever else the machine does can only
/// add to the time.
const ROUNDS: usize = 5;

impl Bench {
    /// Starts a benchmark by the arguments of the program.
    pub fn new(name: &'static str, question: &str) -> Self {
        let options = Options::parse(std::env::args().skip(1));
        let bench = Self { name, options, times: BTreeMap::new() };
        if bench.prints_table() {
            println!("{name}: {question} Best of {ROUNDS} rounds.");
            println!(
                "{:<28} {:>12} {:>12} {:>10} {:>12}",
                "case", "operations", "ns each", "allocs", "bytes"
            );
        }
        bench
    }

    /// Returns for which numbers to measure: the given ones, or a tiny one if this is only a test.
    pub fn numbers(&self, numbers: &[u16]) -> Vec<u16> {
        if self.options.measures { numbers.to_vec() } else { vec![2] }
    }

    /// Returns whether a case is to run that prints figures by itself.
    pub fn runs(&self, name: &str) -> bool {
        self.options.wants(name) && !self.options.lists
    }

    /// Returns how much conference makes a round.
    pub fn round(&self) -> Duration {
        Duration::from_millis(if self.options.measures { 2_000 } else { 100 })
    }

    /// Returns how many operations make a round, of those that take microseconds.
    pub fn repetitions(&self, repetitions: u64) -> u64 {
        if self.options.measures { repetitions } else { 1 }
    }

    /// Measures what `prepare` makes, in units of `operation`.
    pub fn case<R>(&mut self, name: &str, operation: &str, prepare: impl FnOnce() -> R)
    where
        R: FnMut(&mut Meter),
    {
        if self.options.lists {
            println!("{name}");
        } else {
            self.run([(name, operation)], || {
                let mut round = prepare();
                move |[meter]: &mut [Meter; 1]| round(meter)
            });
        }
    }

    /// Measures several stages of the same work, each a case of its own.
    pub fn stages<R, const N: usize>(
        &mut self,
        names: [(&str, &str); N],
        prepare: impl FnOnce() -> R,
    ) where
        R: FnMut(&mut [Meter; N]),
    {
        if !self.options.lists {
            self.run(names, prepare);
        }
    }

    fn run<R, const N: usize>(&mut self, names: [(&str, &str); N], prepare: impl FnOnce() -> R)
    where
        R: FnMut(&mut [Meter; N]),
    {
        if !names.iter().any(|(name, _)| self.options.wants(name)) {
            return;
        }
        let mut round = prepare();
        let mut measure = || {
            let mut meters = array::from_fn(|_| Meter::default());
            round(&mut meters);
            meters.map(|meter| meter.cost())
        };
        let mut costs: [Vec<Cost>; N] = array::from_fn(|_| Vec::new());
        let repeats = self.options.measures && !self.options.once;
        if repeats {
            measure(); // the caches of the processor fill
        }
        for _ in 0..if repeats { ROUNDS } else { 1 } {
            for (all, cost) in costs.iter_mut().zip(measure()) {
                all.push(cost);
            }
        }
        for ((name, operation), costs) in names.into_iter().zip(costs) {
            let best = costs.into_iter().min_by(|a, b| a.nanoseconds().total_cmp(&b.nanoseconds()));
            self.print(name, operation, best.unwrap_or_default());
        }
    }

    fn print(&mut self, name: &str, operation: &str, cost: Cost) {
        assert!(cost.operations > 0, "{name}: nothing was done");
        let Cost { operations, .. } = cost;
        let (time, allocations, bytes) = (cost.nanoseconds(), cost.allocations(), cost.bytes());
        self.times.insert(name.to_owned(), time);
        if self.options.lines {
            let name = format!("{}/{name}", self.name);
            println!("{name}/operations {operations} {operation}");
            println!("{name}/time {time:.1} ns/{operation}");
            println!("{name}/allocations {allocations:.4} /{operation}");
            println!("{name}/allocated {bytes:.1} B/{operation}");
        } else if self.options.measures {
            println!(
                "{name:<28} {operations:>12} {time:>12.0} {allocations:>10.3} {bytes:>12.0}  per {operation}"
            );
        }
    }

    /// Returns the nanoseconds of a case, if it was measured.
    pub fn time(&self, name: &str) -> Option<f64> {
        self.times.get(name).copied()
    }

    /// Prints a figure that follows from others.
    pub fn figure(&self, name: &str, value: f64, unit: &str) {
        if self.options.lines {
            println!("{}/{name} {value:.3} {unit}", self.name);
        } else if self.options.measures {
            println!("{name:<28} {value:>25.2}  {unit}");
        }
    }

    /// Prints how many times what another case takes one takes, if both were measured.
    pub fn ratio(&self, name: &str, floor: &str) {
        if let (Some(time), Some(least)) = (self.time(name), self.time(floor)) {
            self.figure(&format!("{name}/ratio"), time / least, &format!("x {floor}"));
        }
    }

    fn prints_table(&self) -> bool {
        self.options.measures && !self.options.lines && !self.options.lists
    }
}
