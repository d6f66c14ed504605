//! What was measured, for people and for programs.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::io;
use std::path::Path;

use serde::Serialize;

use crate::histogram::Histogram;
use crate::process::CpuUse;

/// A table of figures, and what is wrong with them.
///
/// The figures go to JSON under their keys; the table shows them with labels and units.
#[derive(Debug, Default)]
pub(crate) struct Report {
    figures: serde_json::Map<String, serde_json::Value>,
    rows: Vec<Row>,
    warnings: Vec<String>,
    failures: Vec<String>,
}

#[derive(Debug)]
enum Row {
    Title(String),
    Line(String, String),
}

/// Percentiles of times, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(crate) struct Times {
    pub(crate) count: u64,
    pub(crate) mean_ms: f64,
    pub(crate) p50_ms: f64,
    pub(crate) p95_ms: f64,
    pub(crate) p99_ms: f64,
    pub(crate) max_ms: f64,
}

impl From<&Histogram> for Times {
    #[expect(clippy::cast_precision_loss, reason = "times far below 2^53 ns")]
    fn from(histogram: &Histogram) -> Self {
        let ms = |nanos: u64| nanos as f64 / 1e6;
        Self {
            count: histogram.count(),
            mean_ms: histogram.mean() / 1e6,
            p50_ms: ms(histogram.permille(500)),
            p95_ms: ms(histogram.permille(950)),
            p99_ms: ms(histogram.permille(990)),
            max_ms: ms(histogram.max()),
        }
    }
}

impl fmt::Display for Times {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { p50_ms, p95_ms, p99_ms, max_ms, .. } = self;
        write!(f, "p50 {p50_ms:.2}  p95 {p95_ms:.2}  p99 {p99_ms:.2}  max {max_ms:.2} ms")
    }
}

impl Report {
    /// Begins a part of the table.
    pub(crate) fn title(&mut self, title: &str) {
        self.rows.push(Row::Title(title.to_owned()));
    }

    /// Adds a figure to JSON alone.
    ///
    /// # Panics
    ///
    /// Panics if the value has no form in JSON, as maps with keys other than strings.
    pub(crate) fn figure(&mut self, key: &str, value: impl Serialize) {
        let value = serde_json::to_value(value).expect("a figure has a form in JSON");
        self.figures.insert(key.to_owned(), value);
    }

    /// Adds a line to the table alone.
    pub(crate) fn line(&mut self, label: &str, text: impl Into<String>) {
        self.rows.push(Row::Line(label.to_owned(), text.into()));
    }

    /// Adds a whole number to both.
    pub(crate) fn count(&mut self, key: &str, label: &str, count: u64) {
        self.figure(key, count);
        self.line(label, grouped(count));
    }

    /// Adds a number with so many decimals to both.
    pub(crate) fn number(
        &mut self,
        key: &str,
        label: &str,
        number: f64,
        decimals: usize,
        unit: &str,
    ) {
        self.figure(key, number);
        self.line(label, format!("{number:.decimals$} {unit}").trim_end().to_owned());
    }

    /// Adds percentiles to both.
    pub(crate) fn times(&mut self, key: &str, label: &str, histogram: &Histogram) {
        let times = Times::from(histogram);
        self.figure(key, times);
        if times.count > 0 {
            self.line(label, times.to_string());
        }
    }

    /// Adds the CPU time of a process to both.
    pub(crate) fn cpu(&mut self, key: &str, label: &str, used: &CpuUse) {
        self.figure(&format!("{key}_cpu_percent"), used.percent());
        self.figure(&format!("{key}_cpu_ns"), u64::try_from(used.cpu.as_nanos()).ok());
        self.figure(&format!("{key}_waiting_ns"), u64::try_from(used.waiting.as_nanos()).ok());
        self.figure(&format!("{key}_threads"), &used.threads);
        self.line(label, format!("{:.1} % of a core", used.percent()));
        for thread in used.threads.iter().filter(|thread| thread.percent >= 0.05) {
            let mut text = format!("{:.1} %", thread.percent);
            if thread.threads > 1 {
                let (threads, max) = (thread.threads, thread.max_percent);
                write!(text, " ({threads} threads, at most {max:.1} % each)")
                    .expect("strings take everything");
            }
            let waiting = thread.max_waiting_percent;
            write!(text, ", {waiting:.1} % waiting for a CPU").expect("strings take everything");
            self.line(&format!("  {}", thread.name), text);
        }
    }

    /// Adds errors by their texts to both.
    pub(crate) fn errors(&mut self, errors: &BTreeMap<String, u64>) {
        self.figure("errors", errors);
        if !errors.is_empty() {
            self.title("errors");
            for (text, count) in errors {
                self.line(&grouped(*count), text.clone());
            }
        }
    }

    /// Returns a figure that is a number; `a/b` is figure `b` within `a`.
    pub(crate) fn get(&self, key: &str) -> Option<f64> {
        let (key, within) = key.split_once('/').map_or((key, None), |(a, b)| (a, Some(b)));
        let figure = self.figures.get(key)?;
        within.map_or(Some(figure), |within| figure.get(within))?.as_f64()
    }

    /// Returns the share of the busiest thread whose name starts like this, in percent of a core, from
    /// the list of threads under `key`.
    pub(crate) fn busiest(&self, key: &str, name: &str) -> Option<f64> {
        let threads = self.figures.get(key)?.as_array()?;
        let is_one = |thread: &&serde_json::Value| {
            thread.get("name").and_then(|n| n.as_str()).is_some_and(|n| n.starts_with(name))
        };
        let share = |thread: &serde_json::Value| thread.get("max_percent")?.as_f64();
        threads.iter().filter(is_one).filter_map(share).reduce(f64::max)
    }

    /// Adds a number of another report to both.
    pub(crate) fn copy(&mut self, of: &Self, key: &str, label: &str, decimals: usize, unit: &str) {
        if let Some(number) = of.get(key) {
            self.number(key, label, number, decimals, unit);
        }
    }

    /// Returns why figures are not to be trusted.
    pub(crate) fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// Returns what did not come about.
    pub(crate) fn failures(&self) -> &[String] {
        &self.failures
    }

    /// Says that figures are not to be trusted.
    pub(crate) fn warn(&mut self, text: String) {
        self.warnings.push(text);
    }

    /// Says that what was to be measured did not come about.
    pub(crate) fn fail(&mut self, text: String) {
        self.failures.push(text);
    }

    /// Returns whether something did not come about.
    pub(crate) fn has_failed(&self) -> bool {
        !self.failures.is_empty()
    }

    /// Writes the figures to a file, as JSON.
    pub(crate) fn write_json(&self, path: &Path) -> io::Result<()> {
        let mut figures = self.figures.clone();
        figures.insert("warnings".to_owned(), self.warnings.clone().into());
        figures.insert("failures".to_owned(), self.failures.clone().into());
        let mut text = serde_json::to_string_pretty(&figures)?;
        text.push('\n');
        std::fs::write(path, text)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for row in &self.rows {
            match row {
                Row::Title(title) => writeln!(f, "\n{title}")?,
                Row::Line(label, text) => writeln!(f, "  {label:<34} {text}")?,
            }
        }
        for warning in &self.warnings {
            writeln!(f, "\nWARNING: {warning}")?;
        }
        for failure in &self.failures {
            writeln!(f, "\nFAILED: {failure}")?;
        }
        Ok(())
    }
}

/// Writes 1234567 as 1,234,567.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped() {
        for (number, text) in [(0, "0"), (999, "999"), (1000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(grouped(number), text);
        }
    }

    #[test]
    fn figures_stand_in_the_table_and_in_json() {
        let mut report = Report::default();
        let mut histogram = Histogram::default();
        (1..=1000).for_each(|ms| histogram.record(ms * 1_000_000));
        report.title("forwarding");
        report.count("received", "packets received", 12_345);
        report.number("rate", "rate", 1.25, 1, "Mbit/s");
        report.times("latency", "latency", &histogram);
        report.times("nothing", "nothing", &Histogram::default());
        report.warn("too busy".to_owned());
        assert!(!report.has_failed());
        report.fail("nobody came".to_owned());
        assert!(report.has_failed());

        let table = report.to_string();
        for text in ["\nforwarding\n", "12,345", "1.2 Mbit/s", "p50 50", "WARNING: too busy"] {
            assert!(table.contains(text), "{text:?} in {table}");
        }
        assert!(table.contains("FAILED: nobody came") && !table.contains("nothing"));
        let file = std::env::temp_dir().join(format!("galene-load-{}.json", std::process::id()));
        report.write_json(&file).expect("a writable folder");
        let json = std::fs::read_to_string(&file).expect("it was just written");
        std::fs::remove_file(&file).expect("it was just written");
        let json: serde_json::Value = serde_json::from_str(&json).expect("JSON");
        assert_eq!(json["received"], 12_345);
        assert_eq!(json["latency"]["count"], 1000);
        assert_eq!(json["latency"]["max_ms"], 1000.0);
        assert_eq!(json["warnings"][0], "too busy");
        assert_eq!(json["failures"][0], "nobody came");
    }
}
