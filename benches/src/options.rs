//! What a benchmark is told on its command line.

/// How much is measured, of what, and how it is printed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Options {
    /// `cargo bench` runs it; otherwise a test only wants to see it run.
    pub(crate) measures: bool,
    /// One round and no other: for a tool that counts instructions.
    pub(crate) once: bool,
    /// Print a line per figure instead of a table.
    pub(crate) lines: bool,
    /// Print the names of the cases and run none.
    pub(crate) lists: bool,
    /// Which cases are wanted; all if there is none.
    filters: Vec<String>,
}

impl Options {
    /// Reads the arguments after the program's name. Unknown options are passed over, for `cargo` passes
    /// those of its test harness on to everything.
    pub(crate) fn parse(arguments: impl Iterator<Item = String>) -> Self {
        let mut options = Self::default();
        for argument in arguments {
            match argument.as_str() {
                "--bench" => options.measures = true,
                "--once" => options.once = true,
                "--lines" => options.lines = true,
                "--list" => options.lists = true,
                option if option.starts_with('-') => {}
                _ => options.filters.push(argument),
            }
        }
        options
    }

    /// Returns whether a case is wanted: its name contains the words of a filter, whole and in a row.
    pub(crate) fn wants(&self, name: &str) -> bool {
        let within = format!("/{name}/");
        let matches = |filter: &String| within.contains(&format!("/{filter}/"));
        self.filters.is_empty() || self.filters.iter().any(matches)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(arguments: &str) -> Options {
        Options::parse(arguments.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn filters_match_whole_words_of_a_name() {
        let options = parse("--bench direct/100 audio");
        assert!(options.measures && !options.once);
        assert!(options.wants("camera/direct/100"));
        assert!(options.wants("audio/direct/10"));
        assert!(!options.wants("camera/direct/1000"));
        assert!(!options.wants("camera/reference/100"));
    }

    #[test]
    fn without_a_filter_everything_is_wanted() {
        let options = parse("--quiet --lines");
        assert!(options.lines && !options.measures);
        assert!(options.wants("camera/direct/1000"));
    }
}
