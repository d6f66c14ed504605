//! How good the picture and the sound are over links that are not: what is promised, and what is measured.
//!
//! A [`Row`] is a link and what is promised over it. A [`Setup`] says who sends over it and how the peers
//! tell each other what it can carry. [`measure`] runs the two together, in virtual time, and returns
//! [`Figures`]; a [`Table`] sets the medians of several runs beside the promises.
//!
//! A [`Contest`] sets two estimators side by side on some of the same links.

mod contest;
mod figures;
mod row;
mod run;
mod setup;
mod table;

pub use contest::{Contender, Contest, Outcome, contest_summary, contest_table};
pub use figures::{Figures, median};
pub use row::{Promise, Row, Step, StepKind};
pub use run::measure;
pub use setup::{Leg, Setup};
pub use table::{Cell, Table};
