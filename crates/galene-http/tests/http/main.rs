//! The HTTP server and the control task over real sockets.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod admin;
mod limits;
mod media;
mod office;
mod openapi;
mod pages;
mod proxies;
mod recordings;
mod signalling;
mod statistics;
mod stop;
mod support;
mod tls;
