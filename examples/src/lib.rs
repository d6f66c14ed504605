//! Examples of embedding; each is a file in `examples/` and runs from the root: `cargo run --example NAME`.
