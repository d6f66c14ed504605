//! Figures beside promises, as Markdown.

use std::fmt::{self, Write};
use std::time::Duration;

use super::{Figures, Row, Setup};

/// The figures of all rows in one set-up.
#[derive(Debug)]
pub struct Table {
    /// Who took part, and whose link was bad.
    pub setup: Setup,
    /// Each row with its figures, and what a publisher sends with nothing wrong.
    pub rows: Vec<(Row, Figures)>,
    /// How many bits a second the publisher sends when nothing is wrong with any link.
    pub undisturbed: f64,
}

/// A figure and whether it is as promised.
#[derive(Debug, Clone, PartialEq)]
pub struct Cell {
    /// What the figure is of.
    pub name: &'static str,
    text: String,
    /// Whether it is as promised; `None` if nothing was.
    pub is_kept: Option<bool>,
}

/// Figures are compared as they are printed, to a hundredth of a percent.
const ROUNDING: f64 = 0.000_05;

const COLUMNS: [&str; 9] = [
    "frames",
    "per second",
    "still",
    "sound made up",
    "keyframes asked/min",
    "kbit/s",
    "largest",
    "adapts",
    "promise",
];

impl Table {
    /// Returns each cell of a row with a figure.
    pub fn cells(&self, row: &Row, figures: &Figures) -> Vec<Cell> {
        let promise = &row.promise;
        let at_least = |value: f64, least: Option<f64>| least.map(|l| value >= l - ROUNDING);
        let at_most = |value: f64, most: Option<f64>| most.map(|m| value <= m + ROUNDING);
        let in_time = |took: Option<Duration>, most: Option<Duration>| {
            most.map(|most| took.is_some_and(|took| took <= most))
        };
        let percent = |value: f64| format!("{:.2} %", value * 100.0);
        let bounded = |text: String, sign: &str, bound: Option<String>| match bound {
            Some(bound) => format!("{text} ({sign} {bound})"),
            None => text,
        };
        let short = |value: f64| {
            let text = format!("{:.1}", value * 100.0);
            text.trim_end_matches(".0").to_owned()
        };
        let mut cells = vec![
            Cell {
                name: "frames",
                text: bounded(percent(figures.frames), "≥", promise.frames.map(short)),
                is_kept: at_least(figures.frames, promise.frames),
            },
            Cell {
                name: "frames per second",
                text: bounded(
                    format!("{:.1}", figures.frames_per_second),
                    "≥",
                    promise.frames_per_second.map(|v| v.to_string()),
                ),
                is_kept: at_least(figures.frames_per_second, promise.frames_per_second),
            },
            Cell {
                name: "still",
                text: bounded(percent(figures.freeze), "≤", promise.freeze.map(short)),
                is_kept: at_most(figures.freeze, promise.freeze),
            },
            Cell {
                name: "sound",
                text: bounded(percent(figures.concealed), "≤", promise.concealed.map(short)),
                is_kept: at_most(figures.concealed, promise.concealed),
            },
            Cell {
                name: "keyframes",
                text: bounded(
                    format!("{:.0}", figures.keyframes),
                    "≤",
                    promise.keyframes.map(|v| v.to_string()),
                ),
                is_kept: at_most(figures.keyframes, promise.keyframes),
            },
            Cell {
                name: "rate",
                text: format!("{:.0}", figures.received / 1_000.0),
                is_kept: None,
            },
            Cell {
                name: "largest",
                text: if self.setup.is_simulcast {
                    format!("{:.0} %", figures.largest * 100.0)
                } else {
                    "–".to_owned()
                },
                is_kept: None,
            },
        ];
        for (name, took, most) in [
            ("down", figures.down, promise.down),
            ("up", figures.up, promise.up),
            ("back", figures.back, promise.back),
        ] {
            let Some(limit) = most else { continue };
            let text =
                took.map_or("never".to_owned(), |took| format!("{:.1} s", took.as_secs_f64()));
            let text = format!("{name} {text} (≤ {} s)", limit.as_secs_f64());
            cells.push(Cell { name, text, is_kept: in_time(took, most) });
        }
        if let Some(least) = promise.publisher {
            let share = figures.published / self.undisturbed.max(1.0);
            let text = format!("publisher at {} (≥ {})", percent(share), short(least));
            cells.push(Cell { name: "publisher", text, is_kept: Some(share >= least) });
        }
        if figures.faults > 0.0 {
            let text = format!("{} faults in the packets", figures.faults);
            cells.push(Cell { name: "packets", text, is_kept: Some(false) });
        }
        cells
    }

    /// Returns how many rows keep all that is promised, and how many rows there are.
    pub fn kept(&self) -> (usize, usize) {
        let kept = self.rows.iter().filter(|(row, figures)| {
            self.cells(row, figures).iter().all(|cell| cell.is_kept != Some(false))
        });
        (kept.count(), self.rows.len())
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "| | what is wrong | {} |", COLUMNS.join(" | "))?;
        writeln!(f, "| --- | --- |{}", " --- |".repeat(COLUMNS.len()))?;
        for (row, figures) in &self.rows {
            let cells = self.cells(row, figures);
            let (main, rest) = cells.split_at(COLUMNS.len() - 2);
            let mut line = format!("| {} | {} |", row.id, row.condition);
            let show = |cell: &Cell| match cell.is_kept {
                Some(false) => format!("**{}**", cell.text),
                Some(true) | None => cell.text.clone(),
            };
            main.iter().try_for_each(|cell| write!(line, " {} |", show(cell)))?;
            let rest: Vec<_> = rest.iter().map(show).collect();
            write!(line, " {} |", rest.join("; "))?;
            let missed: Vec<_> =
                cells.iter().filter(|c| c.is_kept == Some(false)).map(|c| c.name).collect();
            match missed.as_slice() {
                [] => writeln!(f, "{line} kept |")?,
                missed => writeln!(f, "{line} missed: {} |", missed.join(", "))?,
            }
        }
        Ok(())
    }
}
