//! Datagrams of strangers to a core with transports, and descriptions of ill-behaved members.
#![no_main]

libfuzzer_sys::fuzz_target!(|datagrams: &[u8]| galene_sfu::fuzzing::route(datagrams));
