//! One writer at a time, between processes too.

use std::fs::{File, TryLockError};
use std::io;
use std::path::Path;
use std::time::Duration;

/// How long another process may hold the lock. A write takes milliseconds; a process that was stopped in
/// the middle of one must not stop us for ever.
const MAX_WAIT: Duration = Duration::from_secs(5);
/// How often the lock is tried. The kernel can wait for a lock only for ever.
const INTERVAL: Duration = Duration::from_millis(10);

/// An advisory lock on a directory: whoever changes a file in it by this crate holds it.
///
/// It is the directory that is locked (`flock`), so nothing is left behind. Galène knows of no locks:
/// while it runs, nobody else should write its files.
#[derive(Debug)]
pub struct DirectoryLock {
    /// Closing it gives up the lock.
    _directory: File,
}

impl DirectoryLock {
    /// Waits for the lock on a directory, at most five seconds.
    ///
    /// # Errors
    ///
    /// `ErrorKind::TimedOut` if another process does not give it up, or what the kernel says.
    pub fn acquire(directory: &Path) -> io::Result<DirectoryLock> {
        let directory = File::open(directory)?;
        let mut tries = MAX_WAIT.as_millis() / INTERVAL.as_millis();
        loop {
            match directory.try_lock() {
                Ok(()) => return Ok(DirectoryLock { _directory: directory }),
                Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Unsupported => {
                    // Some file systems, mostly remote ones, have no locks.
                    return Ok(DirectoryLock { _directory: directory });
                }
                Err(TryLockError::Error(error)) => return Err(error),
                Err(TryLockError::WouldBlock) if tries == 0 => {
                    let reason = "another process has kept the directory locked for five seconds";
                    return Err(io::Error::new(io::ErrorKind::TimedOut, reason));
                }
                Err(TryLockError::WouldBlock) => tries -= 1,
            }
            #[expect(clippy::disallowed_methods, reason = "there is no event to wait for")]
            std::thread::sleep(INTERVAL);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_holds_the_lock_keeps_others_out_till_it_is_dropped() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let lock = DirectoryLock::acquire(directory.path()).expect("nobody has it");
        let other = File::open(directory.path()).expect("it is there");
        assert!(matches!(other.try_lock(), Err(TryLockError::WouldBlock)));
        drop(lock);
        assert!(other.try_lock().is_ok());
    }
}
