//! Examples of embedding; each is a file in `examples/` and runs from the root: `cargo run --example NAME`.
//!
//! What they share is the least of an HTTP server, so that they can be tried without a web framework.

mod http;

pub use http::Exchange;
