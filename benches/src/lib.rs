//! What the benchmarks share; each of them is a file beside this folder and answers one question.
//!
//! `cargo bench --bench forward` measures, and `cargo bench --bench forward -- direct/100` only the cases
//! whose names contain these parts. Without the `--bench` that `cargo bench` adds, as in `cargo test`,
//! each case runs once with tiny numbers, which shows that it still works.

mod bench;
mod lecture;
mod meeting;
mod meter;
mod options;
mod seal;

pub use bench::Bench;
pub use lecture::{Lecture, Media, Stages};
pub use meeting::{Delivery, Meeting, encode};
pub use meter::{Cost, Meter};
pub use seal::{Cipher, SealFloor};
