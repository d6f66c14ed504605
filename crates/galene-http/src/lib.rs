//! HTTP and WebSocket in front of galene-conference.
//!
//! [`Control`] is the one task that owns the conference; [`HttpServer`] accepts connections, serves
//! pages, and connects each WebSocket to the control task with a bounded queue of its own. A client
//! that takes messages too slowly is cut off and holds up nobody.
#![expect(clippy::disallowed_methods, reason = "the shell reads the clock for the pure crates")]

mod api;
mod authoriser;
mod authorization;
mod body;
mod client_address;
mod conditions;
mod control;
mod directory;
mod disk;
mod encodings;
mod file_response;
mod form;
mod front;
mod groups;
mod guard;
mod half_open;
mod health;
mod impatient;
mod listen;
mod listener;
mod outbox;
mod pace;
mod path;
mod progress;
mod random;
mod receive;
mod recent_lookups;
mod recording_pages;
mod recordings;
mod response;
mod route;
mod server;
mod service;
mod session;
mod settings;
mod upgrade;
mod watched;

pub use api::AdminFiles;
pub use client_address::{ParseTrustedProxyError, TrustedProxy};
// Where tokens are kept is for whoever starts the control task to say.
pub use control::{Control, ControlHandle, MediaLink};
pub use galene_auth::{NoTokens, TokenStore};
pub use groups::GroupStore;
pub use listen::{Listener, UnixSocket, listen, listen_everywhere, listen_unix};
pub use server::{HttpConfig, HttpServer, tls_config};
pub use settings::{ParseProxyUrlError, ProxyUrl, SiteSettings};
