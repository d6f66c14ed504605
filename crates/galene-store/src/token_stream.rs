//! The text of the token file: JSON objects, one after the other.

use std::path::Path;

use galene_group::DescriptionError;
use galene_protocol::Token;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::FileError;
use crate::json::{layout, raw};

/// A token and its text, which may have members that we know nothing of.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) token: Token,
    /// On one line.
    line: String,
}

/// What a file holds.
#[derive(Debug, Default)]
pub(crate) struct Contents {
    /// In the order of the file; a later one of the same name replaces an earlier one.
    pub(crate) entries: Vec<Entry>,
    /// Whether the last line is a part of a token: a crash cut off its writing, so nobody was told that
    /// it is kept. It cannot be appended to.
    pub(crate) is_torn: bool,
    /// Whether the last line has its end.
    pub(crate) ends_line: bool,
}

impl Entry {
    pub(crate) fn new(token: Token) -> Entry {
        let line = raw(&token).get().to_owned();
        Entry { token, line }
    }

    /// Returns the line that stands for the token, with its end.
    pub(crate) fn line(&self) -> String {
        format!("{}\n", self.line)
    }
}

/// Reads a file.
///
/// An unfinished value at the end of a file that does not end in a new line is passed over: it is what a
/// crash leaves of an append. Anything else that is wrong makes the file unusable.
pub(crate) fn read(path: &Path, text: &str) -> Result<Contents, FileError> {
    let mut contents = Contents { ends_line: true, ..Contents::default() };
    let last_line = text.rfind('\n').map_or(0, |end| end + 1);
    let mut values = serde_json::Deserializer::from_str(text).into_iter::<Box<RawValue>>();
    loop {
        let start = values.byte_offset();
        match values.next() {
            None => break,
            Some(Ok(value)) => contents.entries.push(entry(path, text, start, &value)?),
            // Some file systems fill what was not written with zeros.
            Some(Err(error))
                if last_line < text.len()
                    && (error.is_eof() || text[last_line..].contains('\0')) =>
            {
                contents.is_torn = true;
                break;
            }
            Some(Err(error)) => {
                let message = strip_place(&error);
                return Err(broken(path, error.line(), error.column().max(1), message));
            }
        }
    }
    contents.ends_line = last_line == text.len();
    Ok(contents)
}

fn entry(path: &Path, text: &str, start: usize, value: &RawValue) -> Result<Entry, FileError> {
    let token = Token::deserialize(value).map_err(|error| {
        let skipped = text[start..].len() - text[start..].trim_start().len();
        let before = &text[..start + skipped];
        // The error's own place counts from the beginning of the value.
        let lines = before.matches('\n').count();
        let last = before.len() - before.rfind('\n').map_or(0, |end| end + 1);
        let column = if error.line() <= 1 { last + error.column() } else { error.column() };
        broken(path, lines + error.line().max(1), column.max(1), strip_place(&error))
    })?;
    Ok(Entry { token, line: layout(value.get(), None) })
}

fn broken(path: &Path, line: usize, column: usize, message: String) -> FileError {
    FileError::broken(path, DescriptionError { line, column, key: String::new(), message })
}

fn strip_place(error: &serde_json::Error) -> String {
    let message = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    message.strip_suffix(&place).unwrap_or(&message).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(contents: &Contents) -> Vec<&str> {
        contents.entries.iter().map(|entry| entry.token.token.expose()).collect()
    }

    fn read(text: &str) -> Result<Contents, FileError> {
        super::read(Path::new("t"), text)
    }

    #[test]
    fn line_breaks_mean_nothing_and_unknown_members_stay() {
        let text = "{\"token\": \"a\",\n  \"group\": \"g\", \"x\": [1, 2]}{\"token\":\"b\"}\n\n{\"token\":\"c\"}";
        let contents = read(text).expect("valid");
        assert_eq!(names(&contents), ["a", "b", "c"]);
        assert!(!contents.is_torn && !contents.ends_line);
        assert_eq!(contents.entries[0].line(), "{\"token\":\"a\",\"group\":\"g\",\"x\":[1,2]}\n");
        assert!(read("").expect("empty").ends_line);
    }

    #[test]
    fn a_last_line_cut_off_anywhere_is_passed_over() {
        let (first, last) = ("{\"token\":\"a\"}\n", "{\"token\":\"bé\",\"group\":\"x\"}\n");
        for cut in (1..last.len() - 1).filter(|cut| last.is_char_boundary(*cut)) {
            let contents = read(&format!("{first}{}", &last[..cut])).expect("readable");
            assert_eq!(names(&contents), if cut < last.len() - 1 { vec!["a"] } else { vec![] });
            assert!(contents.is_torn, "{cut}");
        }
        let zeros = read(&format!("{first}{{\"tok\0\0\0\0")).expect("readable");
        assert!(zeros.is_torn);
        assert_eq!(names(&read(&format!("{first}{last}")).expect("whole")), ["a", "bé"]);
    }

    #[test]
    fn anything_else_that_is_wrong_is_told_with_its_place() {
        for (text, place) in [
            ("{\"token\":\"a\"}\n{\"token\":\n{\"token\":\"c\"}\n", "t:4:1: "),
            ("{\"token\":\"a\"}\n  {\"token\":5}\n", "t:2:"),
            ("{\"token\":\"a\"}\nrubbish\n", "t:2:1: "),
            ("{\"token\":\"a\"}\n{\"token\":\"b\"\n", "t:3:1: "),
            ("{\"group\":\"a\"}", "t:1:"),
        ] {
            let error = read(text).expect_err("broken").to_string();
            assert!(error.starts_with(place), "{text}: {error}");
        }
    }
}
