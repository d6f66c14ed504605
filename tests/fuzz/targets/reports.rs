//! Reports of a member, after decryption: authentic, and as wrong as can be.
#![no_main]

libfuzzer_sys::fuzz_target!(|compound: &[u8]| galene_sfu::fuzzing::read_reports(compound));
