//! Which cores of this machine the server gets, and which the generator.
//!
//! Left to themselves, the threads of both change places all the time, and one waits for the other while the
//! next core has nothing to do.

use std::io;

use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;

/// Disjoint cores for both.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cores {
    all: CpuSet,
    server: CpuSet,
    generator: CpuSet,
}

impl Cores {
    /// Sets the first `count` cores that this process may use aside for the server, if any are left then for
    /// the generator. Otherwise they share all.
    pub(crate) fn set_aside(count: usize) -> io::Result<Self> {
        let all = sched_getaffinity(THIS_THREAD)?;
        let usable = |at: &usize| all.is_set(*at).unwrap_or(false);
        let usable: Vec<usize> = (0..CpuSet::count()).filter(usable).collect();
        let shared = Self { all, server: all, generator: all };
        let Some((server, generator)) = usable.split_at_checked(count) else { return Ok(shared) };
        if server.is_empty() || generator.is_empty() {
            return Ok(shared);
        }
        Ok(Self { all, server: set(server)?, generator: set(generator)? })
    }

    /// Does something on the server's cores; what is started by it stays there.
    pub(crate) fn as_server<T>(&self, action: impl FnOnce() -> T) -> io::Result<T> {
        self.on(&self.server, action)
    }

    /// Does something on the generator's cores; threads that are started by it stay there.
    pub(crate) fn as_generator<T>(&self, action: impl FnOnce() -> T) -> io::Result<T> {
        self.on(&self.generator, action)
    }

    /// From now on this thread, and threads that it starts, are the generator's.
    pub(crate) fn become_generator(&self) -> io::Result<()> {
        Ok(sched_setaffinity(THIS_THREAD, &self.generator)?)
    }

    /// From now on this thread may use all cores again.
    pub(crate) fn share(&self) -> io::Result<()> {
        Ok(sched_setaffinity(THIS_THREAD, &self.all)?)
    }

    fn on<T>(&self, cores: &CpuSet, action: impl FnOnce() -> T) -> io::Result<T> {
        let before = sched_getaffinity(THIS_THREAD)?;
        sched_setaffinity(THIS_THREAD, cores)?;
        let result = action();
        sched_setaffinity(THIS_THREAD, &before)?;
        Ok(result)
    }
}

/// The kernel's name for whoever asks.
const THIS_THREAD: Pid = Pid::from_raw(0);

fn set(cores: &[usize]) -> io::Result<CpuSet> {
    let mut set = CpuSet::new();
    for core in cores {
        set.set(*core)?;
    }
    Ok(set)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(set: &CpuSet) -> usize {
        (0..CpuSet::count()).filter(|at| set.is_set(*at).unwrap_or(false)).count()
    }

    #[test]
    fn both_have_cores_of_their_own_where_there_are_enough() {
        let all = count(&sched_getaffinity(THIS_THREAD).expect("Linux"));
        for wanted in 0..=all + 1 {
            let cores = Cores::set_aside(wanted).expect("Linux");
            let expected =
                if (1..all).contains(&wanted) { (wanted, all - wanted) } else { (all, all) };
            assert_eq!((count(&cores.server), count(&cores.generator)), expected);
        }
    }

    #[test]
    fn a_thread_is_on_the_cores_of_its_side_and_then_where_it_was() {
        let here = || sched_getaffinity(THIS_THREAD).expect("Linux");
        let (cores, before) = (Cores::set_aside(1).expect("Linux"), here());
        assert_eq!(cores.as_server(here).expect("Linux"), cores.server);
        assert_eq!(cores.as_generator(here).expect("Linux"), cores.generator);
        assert_eq!(here(), before);
    }
}
