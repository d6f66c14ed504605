//! The web client, embedded.
