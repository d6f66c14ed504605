//! What a member sends as retransmissions: headers and extensions in the clear, and sealed payloads.
#![no_main]

libfuzzer_sys::fuzz_target!(|datagrams: &[u8]| galene_sfu::fuzzing::open_media(datagrams));
