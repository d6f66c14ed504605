//! HTTP and WebSocket in front of galene-conference.
//!
//! [`Control`] is the one task that owns the conference; [`HttpServer`] accepts connections, serves
//! pages, and connects each WebSocket to the control task with a bounded queue of its own. A client
//! that takes messages too slowly is cut off and holds up nobody.
#![expect(clippy::disallowed_methods, reason = "the shell reads the clock for the pure crates")]

mod authoriser;
mod control;
mod directory;
mod encodings;
mod front;
mod groups;
mod half_open;
mod listener;
mod outbox;
mod pace;
mod path;
mod progress;
mod response;
mod route;
mod server;
mod service;
mod session;
mod settings;
mod upgrade;

// Where tokens are kept is for whoever starts the control task to say.
pub use control::{Control, ControlHandle, MediaLink};
pub use galene_auth::{NoTokens, TokenStore};
pub use groups::GroupStore;
pub use server::{HttpConfig, HttpServer, listen, listen_everywhere, tls_config};
pub use settings::{ParseProxyUrlError, ProxyUrl, SiteSettings};
