//! When is measured.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// The time in which packets must have been sent to count. Closed until it is opened.
#[derive(Debug)]
pub(crate) struct Window {
    start: AtomicU64,
    end: AtomicU64,
}

impl Window {
    /// Returns a window that has not begun.
    pub(crate) const fn new() -> Self {
        Self { start: AtomicU64::new(u64::MAX), end: AtomicU64::new(u64::MAX) }
    }

    /// Measures what is sent from this time on, by the [`Clock`](crate::clock::Clock) of this process.
    pub(crate) fn open(&self, now: u64) {
        self.start.store(now, Relaxed);
    }

    /// Measures nothing that is sent at this time or later.
    pub(crate) fn close(&self, now: u64) {
        self.end.store(now, Relaxed);
    }

    /// Returns whether what was sent at a time counts.
    pub(crate) fn contains(&self, sent: u64) -> bool {
        sent >= self.start.load(Relaxed) && sent < self.end.load(Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_contains_its_start_and_not_its_end() {
        let window = Window::new();
        assert!(!window.contains(5));
        window.open(5);
        assert!(!window.contains(4) && window.contains(5) && window.contains(1_000));
        window.close(10);
        assert!(window.contains(9) && !window.contains(10));
    }
}
