//! CPU time and memory of a process, as Linux tells them.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde::Serialize;

/// Watches a process.
///
/// CPU time is read thread by thread from `schedstat`, which counts nanoseconds; what a thread that
/// ends did after the last [`sample`](Self::sample) is not seen.
#[derive(Debug)]
pub(crate) struct ProcessMeter {
    directory: PathBuf,
    threads: BTreeMap<u32, Thread>,
    begun: Option<Instant>,
}

#[derive(Debug)]
struct Thread {
    name: String,
    first: Spent,
    latest: Spent,
}

/// What a thread has spent since it began.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Spent {
    on_cpu: Duration,
    /// Ready to run while something else had the CPU.
    waiting: Duration,
}

/// What a process used since [`ProcessMeter::restart`].
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub(crate) struct CpuUse {
    /// The time of all threads together.
    pub(crate) cpu: Duration,
    /// How long threads were ready to run while something else had the CPU, all together.
    pub(crate) waiting: Duration,
    /// How long was measured.
    pub(crate) elapsed: Duration,
    /// The threads that did anything, the busiest first; those of one name are added up.
    pub(crate) threads: Vec<ThreadUse>,
}

/// What the threads of one name used.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub(crate) struct ThreadUse {
    pub(crate) name: String,
    pub(crate) threads: usize,
    /// All of them together, in percent of a core.
    pub(crate) percent: f64,
    /// The busiest of them.
    pub(crate) max_percent: f64,
    /// The one that waited longest for a CPU, in percent of the time.
    pub(crate) max_waiting_percent: f64,
}

impl ProcessMeter {
    /// Watches another process.
    pub(crate) fn of(pid: u32) -> io::Result<Self> {
        Self::at(PathBuf::from(format!("/proc/{pid}")))
    }

    /// Watches this process.
    pub(crate) fn of_this_process() -> io::Result<Self> {
        Self::at(PathBuf::from("/proc/self"))
    }

    fn at(directory: PathBuf) -> io::Result<Self> {
        let mut meter = Self { directory, threads: BTreeMap::new(), begun: None };
        meter.restart()?;
        Ok(meter)
    }

    /// Measures from now on.
    pub(crate) fn restart(&mut self) -> io::Result<()> {
        self.sample()?;
        self.threads.values_mut().for_each(|thread| thread.first = thread.latest);
        self.begun = Some(Instant::now());
        Ok(())
    }

    /// Looks at the process; to be done often enough to see threads that end soon.
    pub(crate) fn sample(&mut self) -> io::Result<()> {
        for entry in fs::read_dir(self.directory.join("task"))? {
            let path = entry?.path();
            let tid = path.file_name().and_then(|name| name.to_str()?.parse().ok());
            let Some(tid) = tid else { continue };
            // A thread may end while it is looked at.
            let Ok(schedstat) = fs::read_to_string(path.join("schedstat")) else { continue };
            let latest = spent(&schedstat)?;
            let first = Spent::default();
            let fresh = Thread { name: String::new(), first, latest };
            let thread = self.threads.entry(tid).or_insert(fresh);
            thread.latest = latest;
            // A thread that has just begun gets its name a moment later.
            if let Ok(name) = fs::read_to_string(path.join("comm")) {
                name.trim_end().clone_into(&mut thread.name);
            }
        }
        if self.threads.is_empty() {
            return Err(io::Error::other("the kernel keeps no schedstat"));
        }
        Ok(())
    }

    /// Returns what was used since the last [`restart`](Self::restart).
    pub(crate) fn used(&mut self) -> io::Result<CpuUse> {
        self.sample()?;
        let elapsed = self.begun.map(|begun| begun.elapsed()).unwrap_or_default();
        let mut by_name: BTreeMap<String, ThreadUse> = BTreeMap::new();
        let (mut cpu, mut waiting) = (Duration::ZERO, Duration::ZERO);
        for thread in self.threads.values().filter(|thread| thread.latest != thread.first) {
            let Thread { name, first, latest } = thread;
            let used = latest.on_cpu.saturating_sub(first.on_cpu);
            let waited = latest.waiting.saturating_sub(first.waiting);
            cpu += used;
            waiting += waited;
            let (percent, waited) = (percent(used, elapsed), self::percent(waited, elapsed));
            let fresh = ThreadUse { name: name.clone(), ..ThreadUse::default() };
            let sum = by_name.entry(thread.name.clone()).or_insert(fresh);
            sum.threads += 1;
            sum.percent += percent;
            sum.max_percent = sum.max_percent.max(percent);
            sum.max_waiting_percent = sum.max_waiting_percent.max(waited);
        }
        let mut threads: Vec<_> = by_name.into_values().collect();
        threads.sort_by(|a, b| b.percent.total_cmp(&a.percent));
        Ok(CpuUse { cpu, waiting, elapsed, threads })
    }

    /// Returns how many bytes of memory the process has in use (VmRSS).
    pub(crate) fn resident(&self) -> io::Result<u64> {
        resident(&fs::read_to_string(self.directory.join("status"))?)
    }
}

impl CpuUse {
    /// Returns the time of all threads, in percent of a core.
    pub(crate) fn percent(&self) -> f64 {
        percent(self.cpu, self.elapsed)
    }
}

fn percent(cpu: Duration, elapsed: Duration) -> f64 {
    if elapsed.is_zero() { 0.0 } else { cpu.as_secs_f64() / elapsed.as_secs_f64() * 100.0 }
}

/// The first of the three numbers is the time on a CPU, the second that of waiting for one, both in
/// nanoseconds.
fn spent(schedstat: &str) -> io::Result<Spent> {
    let mut numbers = schedstat.split(' ').map_while(|number| number.parse().ok());
    let mut next = || numbers.next().map(Duration::from_nanos);
    next()
        .zip(next())
        .map(|(on_cpu, waiting)| Spent { on_cpu, waiting })
        .ok_or_else(|| io::Error::other("unknown form of schedstat"))
}

fn resident(status: &str) -> io::Result<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<u64>().ok());
    kib.map(|kib| kib * 1024).ok_or_else(|| io::Error::other("no VmRSS: has the process ended?"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_files_of_the_kernel_are_understood() {
        let expected =
            Spent { on_cpu: Duration::from_nanos(123_456_789), waiting: Duration::from_nanos(42) };
        assert_eq!(spent("123456789 42 7\n").expect("valid"), expected);
        assert!(spent("").is_err() && spent("1\n").is_err());
        let status = "Name:\tx\nVmRSS:\t   12345 kB\nThreads:\t1\n";
        assert_eq!(resident(status).expect("valid"), 12_345 * 1024);
        assert!(resident("Name:\tx\n").is_err());
    }

    #[test]
    fn this_process_uses_time_and_memory() {
        let mut meter = ProcessMeter::of_this_process().expect("it exists");
        let mut x = 1_u64;
        let used = loop {
            (0..100_000).for_each(|i| x = std::hint::black_box(x.wrapping_mul(31) + i));
            let used = meter.used().expect("it exists");
            if !used.cpu.is_zero() {
                break used;
            }
        };
        assert!(used.percent() > 0.0 && !used.threads.is_empty());
        assert!(meter.resident().expect("it exists") > 0);
    }

    #[test]
    fn a_process_that_does_not_exist_is_an_error() {
        assert!(ProcessMeter::of(u32::MAX).is_err());
    }
}
