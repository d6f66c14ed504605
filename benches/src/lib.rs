//! Benchmarks of forwarding and signalling.
