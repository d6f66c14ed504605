//! Whole conferences, simulated and over loopback.
