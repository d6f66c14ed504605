//! Messages of a client that has just connected.
#![no_main]

use galene_protocol::ClientMessage;

libfuzzer_sys::fuzz_target!(|text: &[u8]| drop(ClientMessage::decode(text)));
