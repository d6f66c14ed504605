//! The groups' definitions: a directory of JSON files.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use galene_group::{
    Description, DescriptionError, GroupLookup, Loaded, LookupError, Misconfiguration,
};
use galene_http::GroupStore;
use galene_protocol::GroupName;

use crate::stamp::Stamp;

/// The largest file that is read. Ten thousand users with hashed passwords take a third of it.
const MAX_FILE_BYTES: u64 = 8 << 20;
/// The most files that are looked at for public groups.
const MAX_SCANNED: usize = 10_000;
/// How deep directories are looked into for public groups.
const MAX_DEPTH: usize = 8;

/// Reads groups from `<directory>/<name>.json`.
///
/// A file is read again when its size or time of change differs. While it is broken, the last good
/// definition stays in force.
#[derive(Debug)]
pub(crate) struct GroupFiles {
    directory: PathBuf,
    /// As many as there are files; entries of files that are gone are dropped when they are missed.
    cache: Mutex<BTreeMap<GroupName, Cached>>,
}

#[derive(Debug)]
struct Cached {
    stamp: Stamp,
    /// The last good definition.
    good: Option<Arc<Description>>,
    /// Why the file as it is now cannot be used.
    problem: Option<Problem>,
}

#[derive(Debug, Clone)]
enum Problem {
    Broken(Arc<Misconfiguration>),
    Unreadable(String),
}

impl GroupFiles {
    pub(crate) fn new(directory: PathBuf) -> GroupFiles {
        GroupFiles { directory, cache: Mutex::default() }
    }

    /// Returns the names of all groups with a file, in order.
    pub(crate) fn names(&self) -> Vec<GroupName> {
        let mut names = Vec::new();
        collect(&self.directory, "", MAX_DEPTH, &mut names);
        names.sort();
        names
    }

    /// Returns the file of a group, whether or not it exists. A name has no dot-segments, so the file
    /// is below the directory.
    pub(crate) fn path(&self, name: &GroupName) -> PathBuf {
        let mut file = name.as_str().to_owned();
        file.push_str(".json");
        self.directory.join(file)
    }

    fn load(&self, name: &GroupName) -> Result<Option<Loaded>, LookupError> {
        let path = self.path(name);
        let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        let stamp = Stamp::of(&path);
        if !stamp.exists() {
            cache.remove(name);
            return Ok(None);
        }
        let cached = match cache.entry(name.clone()) {
            Entry::Occupied(entry) => {
                let cached = entry.into_mut();
                if cached.stamp != stamp {
                    cached.stamp = stamp;
                    cached.take_in(&path);
                }
                cached
            }
            Entry::Vacant(place) => {
                let cached = place.insert(Cached { stamp, good: None, problem: None });
                cached.take_in(&path);
                cached
            }
        };
        cached.result().map(Some)
    }
}

impl GroupStore for GroupFiles {
    fn lookup(&self, group: &GroupName) -> Result<GroupLookup, LookupError> {
        galene_group::resolve(group, |name| self.load(name))
    }

    fn public_groups(&self) -> Vec<GroupLookup> {
        let lookups = self.names().into_iter().filter_map(|name| self.lookup(&name).ok());
        lookups.filter(|lookup| lookup.description.public).collect()
    }
}

impl Cached {
    /// Reads the file, and says once what is wrong with it.
    fn take_in(&mut self, path: &Path) {
        match read(path) {
            Ok(Ok(description)) => {
                for warning in &description.warnings {
                    tracing::warn!(file = %path.display(), "{warning}");
                }
                if self.problem.take().is_some() {
                    tracing::info!(file = %path.display(), "the group's definition is in order again");
                }
                self.good = Some(Arc::new(description));
            }
            Ok(Err(error)) => {
                let consequence = self.consequence();
                let place = format!("{}:{}:{}", path.display(), error.line, error.column);
                let key = match error.key.to_string() {
                    key if key.is_empty() => String::new(),
                    key => format!("key `{key}`: "),
                };
                tracing::error!("{place}: {key}{}; {consequence}", error.message);
                let file = path.display().to_string();
                self.problem = Some(Problem::Broken(Arc::new(Misconfiguration { file, error })));
            }
            Err(error) => {
                let consequence = self.consequence();
                tracing::error!(%error, file = %path.display(), "cannot read a group's definition; {consequence}");
                self.problem = Some(Problem::Unreadable(error.to_string()));
            }
        }
    }

    fn consequence(&self) -> &'static str {
        match self.good {
            Some(_) => "the last good definition stays in force",
            None => "nobody can join this group",
        }
    }

    fn result(&self) -> Result<Loaded, LookupError> {
        let problem = match &self.problem {
            Some(Problem::Broken(misconfiguration)) => Some(Arc::clone(misconfiguration)),
            Some(Problem::Unreadable(_)) | None => None,
        };
        match (&self.good, &self.problem) {
            (Some(description), _) => Ok(Loaded { description: Arc::clone(description), problem }),
            (None, Some(Problem::Broken(misconfiguration))) => {
                Err(LookupError::Misconfigured(Arc::clone(misconfiguration)))
            }
            (None, Some(Problem::Unreadable(reason))) => {
                Err(LookupError::Unavailable { reason: reason.clone() })
            }
            (None, None) => Err(LookupError::NotFound),
        }
    }
}

fn read(path: &Path) -> io::Result<Result<Description, DescriptionError>> {
    let mut text = String::new();
    File::open(path)?.take(MAX_FILE_BYTES + 1).read_to_string(&mut text)?;
    if text.len() as u64 > MAX_FILE_BYTES {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    Ok(Description::parse(&text))
}

/// Adds the groups that have files in a directory and below it. What cannot be read has no groups.
fn collect(directory: &Path, prefix: &str, depth: usize, names: &mut Vec<GroupName>) {
    let Ok(entries) = fs::read_dir(directory) else { return };
    for entry in entries.flatten() {
        if names.len() >= MAX_SCANNED {
            return;
        }
        let file_name = entry.file_name();
        let Some(file_name) = file_name.to_str() else { continue };
        let path = entry.path();
        if path.is_dir() {
            if depth > 0 && !file_name.starts_with('.') {
                collect(&path, &format!("{prefix}{file_name}/"), depth - 1, names);
            }
        } else if let Some(stem) = file_name.strip_suffix(".json") {
            names.extend(GroupName::parse(&format!("{prefix}{stem}")).ok());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fixture {
        directory: tempfile::TempDir,
        files: GroupFiles,
    }

    impl Fixture {
        fn new() -> Fixture {
            let directory = tempfile::tempdir().expect("a temporary directory");
            let files = GroupFiles::new(directory.path().join("groups"));
            Fixture { directory, files }
        }

        fn write(&self, name: &str, text: &str) {
            let path = self.directory.path().join("groups").join(name);
            fs::create_dir_all(path.parent().expect("it has one")).expect("writable");
            fs::write(path, text).expect("writable");
        }

        fn lookup(&self, group: &str) -> Result<GroupLookup, LookupError> {
            self.files.lookup(&GroupName::parse(group).expect("a valid name"))
        }

        fn display_name(&self, group: &str) -> Option<String> {
            self.lookup(group).expect("it exists").description.display_name.clone()
        }
    }

    #[test]
    fn a_file_is_read_again_when_it_changes_and_forgotten_when_it_is_gone() {
        let fixture = Fixture::new();
        assert_eq!(fixture.lookup("a"), Err(LookupError::NotFound));
        fixture.write("a.json", r#"{"displayName": "one"}"#);
        assert_eq!(fixture.display_name("a").as_deref(), Some("one"));
        fixture.write("a.json", r#"{"displayName": "number two"}"#);
        assert_eq!(fixture.display_name("a").as_deref(), Some("number two"));
        fs::remove_file(fixture.directory.path().join("groups/a.json")).expect("it is there");
        assert_eq!(fixture.lookup("a"), Err(LookupError::NotFound));
        assert!(fixture.files.cache.lock().expect("not poisoned").is_empty());
    }

    #[test]
    fn while_a_file_is_broken_the_last_good_definition_stays() {
        let fixture = Fixture::new();
        fixture.write("a.json", r#"{"displayName": "good"}"#);
        assert_eq!(fixture.lookup("a").expect("it exists").problem, None);
        fixture.write("a.json", "{\n  \"dispayName\": \"x\"\n}");
        let lookup = fixture.lookup("a").expect("it exists");
        assert_eq!(lookup.description.display_name.as_deref(), Some("good"));
        let problem = lookup.problem.expect("the file is broken").to_string();
        assert!(problem.contains("a.json, line 2, column "), "{problem}");
        assert!(problem.contains("dispayName"), "{problem}");
        fixture.write("a.json", r#"{"displayName": "mended"}"#);
        assert_eq!(fixture.display_name("a").as_deref(), Some("mended"));
        assert_eq!(fixture.lookup("a").expect("it exists").problem, None);
    }

    #[test]
    fn a_file_that_was_never_good_is_misconfigured() {
        let fixture = Fixture::new();
        fixture.write("a.json", "{");
        fixture.write("latin1.json", "");
        fs::write(fixture.files.directory.join("latin1.json"), [b'{', 0xe9, b'}'])
            .expect("writable");
        assert!(matches!(fixture.lookup("a"), Err(LookupError::Misconfigured(_))));
        assert!(matches!(fixture.lookup("latin1"), Err(LookupError::Unavailable { .. })));
        fs::create_dir(fixture.files.directory.join("d.json")).expect("writable");
        assert!(matches!(fixture.lookup("d"), Err(LookupError::Unavailable { .. })));
    }

    #[test]
    fn subgroups_follow_the_file_above() {
        let fixture = Fixture::new();
        fixture.write("a.json", r#"{"auto-subgroups": true, "displayName": "x"}"#);
        fixture.write("a/b.json", "{}");
        assert_eq!(fixture.display_name("a/c/d").as_deref(), Some("x"));
        assert_eq!(fixture.display_name("a/b"), None);
        assert_eq!(fixture.lookup("a/b/c"), Err(LookupError::NotFound));
    }

    #[test]
    fn public_groups_are_found_at_any_depth_and_broken_ones_are_left_out() {
        let fixture = Fixture::new();
        fixture.write("z.json", r#"{"public": true}"#);
        fixture.write("b/c.json", r#"{"public": true}"#);
        fixture.write("private.json", "{}");
        fixture.write("broken.json", "{");
        fixture.write(".hidden.json", r#"{"public": true}"#);
        fixture.write(".hidden/x.json", r#"{"public": true}"#);
        fixture.write("note.txt", r#"{"public": true}"#);
        let public = fixture.files.public_groups();
        let names: Vec<_> = public.iter().map(|lookup| lookup.name.as_str()).collect();
        assert_eq!(names, ["b/c", "z"]);
    }
}
