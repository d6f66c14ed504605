//! Tells somebody at a terminal how far long work is.

use std::io::{IsTerminal, Write, stderr};

/// From how many steps on there is something to tell.
const LONG: usize = 20;

/// Tells how far long work is, on standard error if that is a terminal.
#[derive(Debug)]
pub(crate) struct Progress {
    done: usize,
    all: usize,
    is_shown: bool,
}

impl Progress {
    pub(crate) fn new(all: usize) -> Progress {
        Progress { done: 0, all, is_shown: all >= LONG && stderr().is_terminal() }
    }

    /// Takes note that one step is done.
    pub(crate) fn step(&mut self) {
        self.done += 1;
        if self.is_shown {
            // Nobody is hurt if it cannot be told.
            let _untold = write!(stderr(), "\r{}/{}", self.done, self.all);
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.is_shown {
            // The line is empty again.
            let _untold = write!(stderr(), "\r\x1b[K");
        }
    }
}
