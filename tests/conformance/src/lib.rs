//! What any server that is compatible with Galène does, seen from outside: HTTP and WebSocket alone.
//!
//! The tests in `tests/suite/` are written from a specification and not from this server. They start the
//! `galene-server` that was built beside them, or speak to any other server:
//!
//! ```text
//! cargo build -p galene-server && cargo test -p galene-conformance
//!
//! CONFORMANCE_URL=http://localhost:8443 CONFORMANCE_GROUPS=/srv/galene/groups \
//!     CONFORMANCE_DATA=/srv/galene/data cargo test -p galene-conformance
//! ```
//!
//! The other server has to serve plain HTTP (`-insecure`), and the tests write files into its
//! directories. Where this server does something else on purpose, the test says which defect it mends
//! ([`Target::differs`]) and leaves other servers alone.

#![expect(clippy::print_stdout, reason = "who compares servers reads what was left out")]

mod client;
mod connect;
mod credentials;
mod http;
mod process;
mod room;
mod sdp;
mod target;

pub use client::{Client, End};
pub use credentials::{basic, bearer, hs256_jwt};
pub use http::{Reply, Request};
pub use process::example;
pub use room::{ADMIN_PASSWORD, OP_PASSWORD, Room};
pub use sdp::OFFER;
pub use target::Target;
