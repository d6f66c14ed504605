//! Work with files, on threads that may block, so much at a time and no more.

use std::io;
use std::sync::Arc;

use tokio::sync::Semaphore;

/// How many requests may use the disk at once; the others take turns. A disk that hangs thus holds up
/// files, and neither signalling nor the checking of passwords, which have threads of their own.
const MAX_AT_ONCE: usize = 32;

/// Runs what reads or writes files. Cheap to clone; all clones share their turns.
#[derive(Debug, Clone)]
pub(crate) struct Disk {
    turns: Arc<Semaphore>,
}

impl Disk {
    pub(crate) fn new() -> Disk {
        Disk { turns: Arc::new(Semaphore::new(MAX_AT_ONCE)) }
    }

    /// Runs something that may block. Fails only if that panics.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> io::Result<T> {
        let turn = Arc::clone(&self.turns).acquire_owned().await.map_err(io::Error::other)?;
        let done = tokio::task::spawn_blocking(move || {
            let done = work();
            drop(turn);
            done
        });
        done.await.map_err(io::Error::other)
    }
}
