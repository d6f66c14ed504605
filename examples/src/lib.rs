//! Examples of embedding; each is a file in `examples/` and runs from the root: `cargo run --example NAME`.
//!
//! What they share is the least of an HTTP server, so that they can be tried without a web framework, and
//! the signing of tokens.

mod http;
mod signer;

pub use http::Exchange;
pub use signer::Signer;
