//! The tokens that the server keeps, in `data/var/tokens.jsonl`.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use galene_protocol::Token;

use crate::token_stream::{self, Contents, Entry};
use crate::{
    DirectoryLock, Etag, FileError, InvalidBody, Precondition, ReadError, Readers, Version,
    WriteError, Written, durable, edit,
};

/// The most tokens that are kept, expired ones included. Each is about 200 bytes, and to change one all
/// are written, so this many take 20 MB and a tenth of a second.
pub const MAX_TOKENS: usize = 100_000;
/// The longest text of a token that is kept: its names are of 256 bytes at most, escaped or not.
pub const MAX_TOKEN_BYTES: usize = 2048;
/// The largest file that is read: all that could have been written.
const MAX_FILE_BYTES: u64 = MAX_TOKENS as u64 * (MAX_TOKEN_BYTES as u64 + 1);

/// The file of stateful tokens. It is the only truth: it is read again when it has changed.
///
/// A token is added by appending a line; any other change writes the file anew. A line that a crash cut
/// off is passed over, and replaced at the next change. While the file is broken, its last good content
/// stays in force and nothing can be changed.
#[derive(Debug)]
pub struct TokenFile {
    path: PathBuf,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    version: Version,
    /// By their names.
    tokens: BTreeMap<String, Entry>,
    is_torn: bool,
    ends_line: bool,
    /// Why the file as it is now cannot be used.
    problem: Option<FileError>,
    /// Whether there was a good version.
    is_known: bool,
}

impl TokenFile {
    /// Uses this file, which need not exist.
    pub fn new(path: PathBuf) -> TokenFile {
        TokenFile { path, state: Mutex::default() }
    }

    /// Returns the path of the file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns a token. While the file is broken, what was last good in it counts.
    ///
    /// # Errors
    ///
    /// [`ReadError`] if there is no such token, or the file cannot be used and never could.
    pub fn get(&self, name: &str) -> Result<Token, ReadError> {
        let state = self.current();
        match (state.tokens.get(name), &state.problem) {
            (Some(entry), _) => Ok(entry.token.clone()),
            (None, Some(problem)) if !state.is_known => Err(problem.clone().into()),
            (None, _) => Err(ReadError::NotFound),
        }
    }

    /// Returns a token of a group and the tag of the file's version. The group's name is empty for tokens
    /// of the whole server.
    ///
    /// # Errors
    ///
    /// [`ReadError`] if there is no such token in this group, or the file cannot be used.
    pub fn find(&self, group: &str, name: &str) -> Result<(Token, Etag), ReadError> {
        let state = self.usable()?;
        let entry = state.tokens.get(name).filter(|entry| entry.token.group == group);
        let token = entry.ok_or(ReadError::NotFound)?.token.clone();
        Ok((token, state.version.etag().ok_or(ReadError::NotFound)?))
    }

    /// Returns the tokens of exactly this group, those that end first before the others and those
    /// without an end before all, and the tag of the file's version if there is a file.
    ///
    /// # Errors
    ///
    /// [`ReadError`] if the file cannot be used.
    pub fn list(&self, group: &str) -> Result<(Vec<Token>, Option<Etag>), ReadError> {
        let state = self.usable()?;
        let of_group = state.tokens.values().filter(|entry| entry.token.group == group);
        let mut tokens: Vec<Token> = of_group.map(|entry| entry.token.clone()).collect();
        tokens.sort_by(in_order);
        Ok((tokens, state.version.etag()))
    }

    /// Adds a token, or replaces the one of its name in its group.
    ///
    /// # Errors
    ///
    /// [`WriteError`]; [`OtherGroup`](WriteError::OtherGroup) if another group has a token of this name.
    pub fn put(&self, token: Token, condition: &Precondition) -> Result<Written, WriteError> {
        let (mut state, _lock) = self.writable()?;
        let old = state.tokens.get(token.token.expose());
        if old.is_some_and(|old| old.token.group != token.group) {
            return Err(WriteError::OtherGroup);
        }
        let etag = old.and(state.version.etag());
        condition.check(etag.as_ref())?;
        let is_new = old.is_none();
        if is_new && state.tokens.len() >= MAX_TOKENS {
            return Err(WriteError::TooManyTokens);
        }
        let entry = Entry::new(token);
        let (name, line) = (entry.token.token.expose().to_owned(), entry.line());
        if line.len() > MAX_TOKEN_BYTES + 1 {
            return Err(InvalidBody::TokenTooLong.into());
        }
        if is_new && !state.is_torn {
            let line = if state.ends_line { line } else { format!("\n{line}") };
            durable::append(&self.path, line.as_bytes(), Readers::Owner)
                .map_err(|error| WriteError::unwritable(&self.path, error))?;
            state.tokens.insert(name, entry);
            state.written(&self.path);
        } else {
            let mut tokens = state.tokens.clone();
            tokens.insert(name, entry);
            self.rewrite(&mut state, tokens)?;
        }
        let etag = state.version.etag();
        Ok(if is_new { Written::Created(etag) } else { Written::Changed(etag) })
    }

    /// Changes a token, whichever its group is. Its name stays.
    ///
    /// # Errors
    ///
    /// [`WriteError`], or what `change` returns; nothing is changed then.
    pub fn edit<E: From<WriteError>>(
        &self,
        name: &str,
        change: impl FnOnce(&mut Token) -> Result<(), E>,
    ) -> Result<Token, E> {
        let (mut state, _lock) = self.writable()?;
        let old = state.tokens.get(name).ok_or(WriteError::Read(ReadError::NotFound))?;
        let mut token = old.token.clone();
        change(&mut token)?;
        token.token = old.token.token.clone();
        let mut tokens = state.tokens.clone();
        tokens.insert(name.to_owned(), Entry::new(token.clone()));
        self.rewrite(&mut state, tokens)?;
        Ok(token)
    }

    /// Removes a token of a group. With the last one the file goes too.
    ///
    /// # Errors
    ///
    /// [`WriteError`]
    pub fn delete(
        &self,
        group: &str,
        name: &str,
        condition: &Precondition,
    ) -> Result<Written, WriteError> {
        let (mut state, _lock) = self.writable()?;
        let old = state.tokens.get(name).filter(|old| old.token.group == group);
        if old.is_none() {
            return Err(ReadError::NotFound.into());
        }
        condition.check(state.version.etag().as_ref())?;
        let mut tokens = state.tokens.clone();
        tokens.remove(name);
        self.rewrite(&mut state, tokens)?;
        Ok(Written::Changed(state.version.etag()))
    }

    /// Removes the tokens that ended more than a week ago, and what a crash left of a line. Returns how
    /// many tokens those were. Tokens without an end stay.
    ///
    /// # Errors
    ///
    /// [`WriteError`]
    pub fn expire(&self, now: SystemTime) -> Result<usize, WriteError> {
        let is_stale = |entry: &Entry| entry.token.is_forgettable(now);
        let state = self.current();
        if !state.is_torn && !state.tokens.values().any(is_stale) {
            return Ok(0);
        }
        drop(state);
        let (mut state, _lock) = self.writable()?;
        let mut tokens = state.tokens.clone();
        tokens.retain(|_, entry| !is_stale(entry));
        let removed = state.tokens.len() - tokens.len();
        if removed > 0 || state.is_torn {
            self.rewrite(&mut state, tokens)?;
        }
        Ok(removed)
    }

    /// Returns what is wrong with the file now, if anything is.
    pub fn problem(&self) -> Option<FileError> {
        self.current().problem.clone()
    }

    /// Returns what is in the file, which is read if it has changed.
    fn current(&self) -> MutexGuard<'_, State> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.refresh(&self.path);
        state
    }

    fn usable(&self) -> Result<MutexGuard<'_, State>, FileError> {
        let state = self.current();
        match &state.problem {
            Some(problem) => Err(problem.clone()),
            None => Ok(state),
        }
    }

    /// Returns what is in the file, which nobody else changes till the lock is dropped.
    fn writable(&self) -> Result<(MutexGuard<'_, State>, DirectoryLock), WriteError> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let directory = durable::directory_of(&self.path);
        durable::make_directory(directory)
            .map_err(|error| WriteError::unwritable(&self.path, error))?;
        let lock = DirectoryLock::acquire(directory).map_err(WriteError::Busy)?;
        state.refresh(&self.path);
        match &state.problem {
            Some(problem) => Err(problem.clone().into()),
            None => Ok((state, lock)),
        }
    }

    /// Writes the file anew.
    fn rewrite(
        &self,
        state: &mut State,
        tokens: BTreeMap<String, Entry>,
    ) -> Result<(), WriteError> {
        let mut entries: Vec<&Entry> = tokens.values().collect();
        entries.sort_by(|a, b| in_order(&a.token, &b.token));
        let text: String = entries.into_iter().map(Entry::line).collect();
        let written = if text.is_empty() {
            durable::remove_file(&self.path)
        } else {
            durable::write_file(&self.path, text.as_bytes(), Readers::Owner)
        };
        written.map_err(|error| WriteError::unwritable(&self.path, error))?;
        state.tokens = tokens;
        state.written(&self.path);
        Ok(())
    }
}

impl State {
    /// Takes note that the file is what is in memory.
    fn written(&mut self, path: &Path) {
        self.version = Version::of(path);
        (self.is_torn, self.ends_line) = (false, true);
    }

    /// Reads the file if it has changed, and says once what is wrong with it.
    fn refresh(&mut self, path: &Path) {
        if Version::of(path) == self.version && (self.is_known || self.problem.is_some()) {
            return;
        }
        let contents = edit::read(path, MAX_FILE_BYTES).and_then(|read| {
            let (text, version) = read.unwrap_or_default();
            self.version = version;
            token_stream::read(path, &text)
        });
        match contents {
            Ok(contents) => {
                if self.problem.take().is_some() {
                    tracing::info!(file = %path.display(), "the tokens are in order again");
                }
                if contents.is_torn {
                    tracing::warn!(file = %path.display(), "the last token was cut off by a crash and is passed over");
                }
                self.take_in(contents);
            }
            Err(problem) => {
                // What cannot be read is tried again each time, what is broken when it has changed.
                if matches!(problem, FileError::Unreadable { .. }) {
                    self.version = Version::default();
                }
                if self.problem.as_ref().map(ToString::to_string) != Some(problem.to_string()) {
                    tracing::error!(
                        error = &problem as &dyn std::error::Error,
                        "the tokens cannot be used; those that were known stay valid"
                    );
                }
                self.problem = Some(problem);
            }
        }
    }

    fn take_in(&mut self, contents: Contents) {
        let entries = contents.entries.into_iter();
        self.tokens = entries.map(|entry| (entry.token.token.expose().to_owned(), entry)).collect();
        (self.is_torn, self.ends_line) = (contents.is_torn, contents.ends_line);
        self.is_known = true;
    }
}

/// Orders tokens by their end, those without one first.
fn in_order(a: &Token, b: &Token) -> Ordering {
    a.expires.cmp(&b.expires).then_with(|| a.token.expose().cmp(b.token.expose()))
}

#[cfg(test)]
mod tests {
    use std::fs::{self, OpenOptions};
    use std::io::Write;
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;
    use crate::PreconditionFailed;

    struct Fixture {
        _directory: tempfile::TempDir,
        tokens: TokenFile,
    }

    impl Fixture {
        fn new() -> Fixture {
            let directory = tempfile::tempdir().expect("a temporary directory");
            let tokens = TokenFile::new(directory.path().join("data/var/tokens.jsonl"));
            Fixture { _directory: directory, tokens }
        }

        fn text(&self) -> String {
            fs::read_to_string(self.tokens.path()).expect("readable")
        }

        fn names(&self, group: &str) -> Vec<String> {
            let tokens = self.tokens.list(group).expect("usable").0;
            tokens.iter().map(|token| token.token.expose().to_owned()).collect()
        }
    }

    fn token(name: &str, group: &str, expires: Option<u64>) -> Token {
        let expires = expires.map(|second| (UNIX_EPOCH + Duration::from_secs(second)).into());
        Token { token: name.into(), group: group.to_owned(), expires, ..Token::default() }
    }

    #[test]
    fn as_many_tokens_can_be_read_again_as_can_be_written() {
        let fixture = Fixture::new();
        let tokens = &fixture.tokens;
        let of_len = |len: usize| {
            let mut long = token("long", "g", None);
            long.username = Some(String::new());
            let name = "n".repeat(len - Entry::new(long.clone()).line().len() + 1);
            long.username = Some(name);
            long
        };
        let refused = tokens.put(of_len(MAX_TOKEN_BYTES + 1), &Precondition::NONE);
        assert!(matches!(refused, Err(WriteError::Invalid(InvalidBody::TokenTooLong))));
        tokens.put(of_len(MAX_TOKEN_BYTES), &Precondition::NONE).expect("just short enough");
        assert_eq!(fixture.text().len(), MAX_TOKEN_BYTES + 1);
        assert_eq!(MAX_FILE_BYTES, (MAX_TOKENS * fixture.text().len()) as u64);
    }

    #[test]
    fn a_token_is_appended_changed_and_removed_and_the_file_with_the_last() {
        let fixture = Fixture::new();
        let tokens = &fixture.tokens;
        assert!(matches!(tokens.get("a"), Err(ReadError::NotFound)));
        let new = Precondition::is_new();
        assert!(matches!(
            tokens.put(token("a", "g", Some(60)), &new),
            Ok(Written::Created(Some(_)))
        ));
        tokens.put(token("b", "g", Some(30)), &new).expect("new");
        tokens.put(token("c", "h", None), &new).expect("new");
        assert_eq!(
            fixture.text(),
            concat!(
                "{\"token\":\"a\",\"group\":\"g\",\"permissions\":null,\"expires\":\"1970-01-01T00:01:00Z\"}\n",
                "{\"token\":\"b\",\"group\":\"g\",\"permissions\":null,\"expires\":\"1970-01-01T00:00:30Z\"}\n",
                "{\"token\":\"c\",\"group\":\"h\",\"permissions\":null}\n",
            )
        );
        assert_eq!(fixture.names("g"), ["b", "a"]);

        let (mut found, etag) = tokens.find("g", "a").expect("there");
        found.username = Some("ann".to_owned());
        let condition = Precondition::is(&etag);
        assert!(matches!(tokens.put(found.clone(), &condition), Ok(Written::Changed(Some(_)))));
        let late = tokens.put(found, &condition);
        assert!(matches!(late, Err(WriteError::Precondition(PreconditionFailed::Match))));
        assert!(fixture.text().starts_with("{\"token\":\"c\""), "those without an end come first");
        assert!(matches!(tokens.find("h", "a"), Err(ReadError::NotFound)));
        assert!(matches!(tokens.put(token("a", "h", None), &new), Err(WriteError::OtherGroup)));

        for (group, name) in [("g", "a"), ("g", "b"), ("h", "c")] {
            assert!(tokens.delete("other", name, &Precondition::NONE).is_err());
            tokens.delete(group, name, &Precondition::NONE).expect("there");
        }
        assert!(!tokens.path().exists());
        assert_eq!(tokens.list("g").expect("usable").1, None);
    }

    #[cfg(unix)]
    #[test]
    fn nobody_else_can_read_the_tokens() {
        use std::os::unix::fs::PermissionsExt;
        let fixture = Fixture::new();
        fixture.tokens.put(token("a", "", None), &Precondition::NONE).expect("writable");
        let mode = |path: &Path| fs::metadata(path).expect("there").permissions().mode() & 0o777;
        assert_eq!(mode(fixture.tokens.path()), 0o600);
        assert_eq!(mode(fixture.tokens.path().parent().expect("it has one")), 0o700);
    }

    #[test]
    fn what_others_write_is_seen_and_what_they_added_to_a_token_stays() {
        let fixture = Fixture::new();
        fixture.tokens.put(token("a", "g", None), &Precondition::NONE).expect("writable");
        let mut file = OpenOptions::new().append(true).open(fixture.tokens.path()).expect("there");
        let line = r#"{"token": "b", "group": "g", "expires": "1970-01-01T02:00:00.5+01:00", "x": {"y": 1}}"#;
        file.write_all(line.as_bytes()).expect("writable");
        assert_eq!(fixture.names("g"), ["a", "b"]);
        fixture.tokens.put(token("c", "g", None), &Precondition::NONE).expect("writable");
        assert_eq!(fixture.text().lines().nth(1), Some(line), "the line got its end");
        fixture.tokens.delete("g", "a", &Precondition::NONE).expect("there");
        assert!(fixture.text().contains(r#""expires":"1970-01-01T02:00:00.5+01:00","x":{"y":1}}"#));
        fs::remove_file(fixture.tokens.path()).expect("there");
        assert_eq!(fixture.names("g"), Vec::<String>::new());
    }

    #[test]
    fn while_the_file_is_broken_known_tokens_stay_and_nothing_is_written() {
        let fixture = Fixture::new();
        fixture.tokens.put(token("a", "g", None), &Precondition::NONE).expect("writable");
        let text = format!("{}rubbish\n", fixture.text());
        fs::write(fixture.tokens.path(), &text).expect("writable");
        assert!(fixture.tokens.get("a").is_ok());
        assert!(matches!(fixture.tokens.list("g"), Err(ReadError::File(_))));
        let problem = fixture.tokens.problem().expect("it is broken").to_string();
        assert!(problem.contains("tokens.jsonl:2:1: "), "{problem}");
        assert!(fixture.tokens.put(token("b", "g", None), &Precondition::NONE).is_err());
        assert_eq!(fixture.text(), text);
        assert!(TokenFile::new(fixture.tokens.path().to_owned()).get("a").is_err());
    }

    #[test]
    fn a_line_that_a_crash_cut_off_is_passed_over_and_replaced() {
        let fixture = Fixture::new();
        fixture.tokens.put(token("a", "g", None), &Precondition::NONE).expect("writable");
        let whole = fixture.text();
        let tear = || fs::write(fixture.tokens.path(), format!("{whole}{{\"token\":\"b\",\"gro"));
        tear().expect("writable");
        assert_eq!(fixture.names("g"), ["a"]);
        fixture.tokens.put(token("c", "g", None), &Precondition::NONE).expect("writable");
        assert_eq!(fixture.text(), format!("{whole}{}", whole.replace("\"a\"", "\"c\"")));
        tear().expect("writable");
        assert_eq!(fixture.tokens.expire(UNIX_EPOCH).expect("writable"), 0);
        assert_eq!(fixture.text(), whole);
    }

    #[test]
    fn a_week_after_their_end_tokens_go_unless_they_have_none() {
        let fixture = Fixture::new();
        let week = 7 * 24 * 3600;
        for (name, end) in [("a", Some(10)), ("b", Some(20)), ("c", None)] {
            fixture.tokens.put(token(name, "g", end), &Precondition::NONE).expect("writable");
        }
        let at = |second| UNIX_EPOCH + Duration::from_secs(second);
        assert_eq!(fixture.tokens.expire(at(week + 10)).expect("writable"), 0);
        assert_eq!(fixture.tokens.expire(at(week + 11)).expect("writable"), 1);
        assert_eq!(fixture.names("g"), ["c", "b"]);
        assert_eq!(fixture.tokens.expire(at(10 * week)).expect("writable"), 1);
        assert_eq!(fixture.names("g"), ["c"]);
    }

    #[test]
    fn an_edit_sees_the_token_as_it_is_and_may_think_better_of_it() {
        let fixture = Fixture::new();
        fixture.tokens.put(token("a", "g", None), &Precondition::NONE).expect("writable");
        let edited = fixture.tokens.edit("a", |token| {
            token.token = "other".into();
            token.issued_by = Some("ann".to_owned());
            Ok::<(), WriteError>(())
        });
        assert_eq!(edited.expect("there").token.expose(), "a");
        assert!(fixture.text().contains("ann"));
        let refused = fixture.tokens.edit("a", |token| {
            token.issued_by = None;
            Err(WriteError::OtherGroup)
        });
        assert!(refused.is_err() && fixture.text().contains("ann"));
        let missing = fixture.tokens.edit("b", |_| Ok::<(), WriteError>(()));
        assert!(matches!(missing, Err(WriteError::Read(ReadError::NotFound))));
    }
}
