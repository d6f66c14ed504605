//! Runs the tests at the foot of the example. `test = true` would do so too, but then `cargo test` builds
//! the example as a test alone, and the conformance suite needs the program.

#[path = "../examples/auth_portal.rs"]
#[expect(dead_code, reason = "tests do not run the program")]
mod auth_portal;
