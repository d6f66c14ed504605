//! The tests of `build/imports.rs`, which as a part of the build script cannot run its own.

#[path = "../build/imports.rs"]
mod imports;
