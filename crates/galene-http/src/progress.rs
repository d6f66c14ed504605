//! How much a peer takes of what it is sent.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use crate::watched::WatchWrites;

/// Counts the bytes written.
#[derive(Debug)]
pub(crate) struct Progress(Arc<AtomicU64>);

impl Progress {
    /// The second value counts.
    pub(crate) fn new() -> (Progress, Arc<AtomicU64>) {
        let written = Arc::new(AtomicU64::new(0));
        (Progress(Arc::clone(&written)), written)
    }
}

impl WatchWrites for Progress {
    fn written(
        &mut self,
        _cx: &mut Context<'_>,
        result: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        if let Poll::Ready(Ok(bytes)) = result {
            self.0.fetch_add(bytes as u64, Ordering::Relaxed);
        }
        result
    }
}
