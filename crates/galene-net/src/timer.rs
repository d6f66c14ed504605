//! Wakes a worker that waits.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;

use tokio::time::Sleep;

/// The one timer of a worker.
///
/// A deadline that is put off is not put off in the runtime: the timer then goes off early, which costs a
/// round with nothing to do, and setting it anew in every round would cost more.
#[derive(Debug)]
pub(crate) struct Timer(Pin<Box<Sleep>>);

impl Timer {
    /// Must be called within the worker's runtime.
    pub(crate) fn new(deadline: Instant) -> Timer {
        Timer(Box::pin(tokio::time::sleep_until(deadline.into())))
    }

    /// Lets the timer go off at this time at the latest.
    pub(crate) fn set(&mut self, deadline: Instant) {
        if self.0.is_elapsed() || self.0.deadline().into_std() > deadline {
            self.0.as_mut().reset(deadline.into());
        }
    }

    /// Is ready when the timer has gone off.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.0.as_mut().poll(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use std::future::poll_fn;
    use std::time::Duration;

    #[tokio::test]
    async fn a_timer_that_has_gone_off_can_be_set_again_and_an_earlier_deadline_counts() {
        let start = Instant::now();
        let mut timer = Timer::new(start + Duration::from_secs(3_600));
        for n in 1..=3 {
            let deadline = start + Duration::from_millis(n);
            timer.set(deadline);
            poll_fn(|cx| timer.poll(cx)).await;
            assert!(Instant::now() >= deadline);
            timer.set(start + Duration::from_secs(3_600));
        }
    }
}
