//! HTTP and WebSocket in front of galene-conference.
