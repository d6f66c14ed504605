//! What comes in place of a report from an address that is known: it may be cut, changed or repeated.
#![no_main]

libfuzzer_sys::fuzz_target!(|datagrams: &[u8]| galene_sfu::fuzzing::open_reports(datagrams));
