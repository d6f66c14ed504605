//! Benchmarks of forwarding and signalling; each is a file beside this folder and answers one question.
