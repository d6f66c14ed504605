//! Notices that files have changed, soon after they have.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use galene_group::{GroupLookup, LookupError};
use galene_protocol::GroupName;

use crate::wake::{Sleeper, Stop, Wake};
use crate::{GroupFiles, Version, durable, edit};

/// How often is looked although nothing was heard: some file systems, mostly remote ones, tell nothing.
const INTERVAL: Duration = Duration::from_secs(10);

/// A file that has changed.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// One of the files that were named when the watcher was started has appeared, changed or gone.
    File(PathBuf),
    /// A group's file has appeared or changed. If it is broken, this is the last good definition with
    /// what is wrong now, or the error if there never was a good one.
    Group(GroupName, Result<GroupLookup, LookupError>),
    /// A group's file has gone.
    GroupGone(GroupName),
}

/// A thread that notices changes of files: within milliseconds on Linux's own file systems, within ten
/// seconds elsewhere.
///
/// Groups that exist only because of one above, and so have no file, are not reported: whoever uses one
/// looks again when anything above it changes.
#[derive(Debug)]
pub struct Watcher {
    stop: Option<Stop>,
    thread: Option<JoinHandle<()>>,
}

impl Watcher {
    /// Starts to watch a directory of groups and other files, as they are now. Changes are reported from
    /// another thread, which waits till `report` returns; it ends when the watcher is dropped.
    ///
    /// # Errors
    ///
    /// If the kernel gives no thread or no means to listen.
    pub fn start(
        groups: Arc<GroupFiles>,
        files: Vec<PathBuf>,
        mut report: impl FnMut(Change) + Send + 'static,
    ) -> io::Result<Watcher> {
        let (mut sleeper, stop) = Sleeper::new()?;
        let mut watched = Watched { groups, versions: BTreeMap::new(), files: BTreeMap::new() };
        watched.files = files.into_iter().map(|file| (file, Version::default())).collect();
        watched.listen(&mut sleeper);
        watched.look(|_| {});
        let thread = thread::Builder::new().name("file-watcher".to_owned()).spawn(move || {
            while sleeper.wait(INTERVAL) == Wake::Look {
                // A directory that is new may have got files before we listened to it.
                watched.listen(&mut sleeper);
                watched.look(&mut report);
            }
        })?;
        Ok(Watcher { stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the watcher of files had failed");
        }
    }
}

struct Watched {
    groups: Arc<GroupFiles>,
    versions: BTreeMap<GroupName, Version>,
    files: BTreeMap<PathBuf, Version>,
}

impl Watched {
    fn listen(&self, sleeper: &mut Sleeper) {
        // The one above tells when the directory of groups itself is made.
        sleeper.listen(durable::directory_of(self.groups.directory()));
        self.groups.directories().iter().for_each(|directory| sleeper.listen(directory));
        self.files.keys().for_each(|file| sleeper.listen(durable::directory_of(file)));
    }

    /// Looks at all files and reports what is not as it was.
    fn look(&mut self, mut report: impl FnMut(Change)) {
        for (file, seen) in &mut self.files {
            let version = Version::of(file);
            if version != *seen {
                *seen = version;
                report(Change::File(file.clone()));
            }
        }
        let mut before = std::mem::take(&mut self.versions);
        for name in self.groups.names() {
            let version = Version::of(&self.groups.path(&name));
            if before.get(&name) == Some(&version) {
                before.remove(&name);
                self.versions.insert(name, version);
                continue;
            }
            match self.groups.lookup(&name) {
                // It has gone since it was found.
                Err(LookupError::NotFound) => {}
                lookup => {
                    before.remove(&name);
                    report(Change::Group(name.clone(), lookup));
                    self.versions.insert(name, version);
                }
            }
        }
        for (name, version) in before {
            if edit::is_absent(&self.groups.path(&name)) {
                report(Change::GroupGone(name));
            } else {
                // It was not found since its directory cannot be looked into.
                self.versions.insert(name, version);
            }
        }
    }
}

/// Adds a directory and those below it, but not those that links lead to.
pub(crate) fn directories(directory: &Path, depth: usize, found: &mut Vec<PathBuf>, most: usize) {
    found.push(directory.to_owned());
    let Ok(entries) = std::fs::read_dir(directory) else { return };
    for entry in entries.flatten() {
        let is_hidden = entry.file_name().as_encoded_bytes().starts_with(b".");
        let is_directory = entry.file_type().is_ok_and(|file_type| file_type.is_dir());
        if is_directory && !is_hidden && depth > 0 && found.len() < most {
            directories(&entry.path(), depth - 1, found, most);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::sync::mpsc::{Receiver, channel};

    use super::*;

    struct Fixture {
        directory: tempfile::TempDir,
        changes: Receiver<Change>,
        _watcher: Watcher,
    }

    impl Fixture {
        fn new() -> Fixture {
            let directory = tempfile::tempdir().expect("a temporary directory");
            let groups = Arc::new(GroupFiles::new(directory.path().join("groups")));
            let (report, changes) = channel();
            let config = directory.path().join("config.json");
            let watcher = Watcher::start(groups, vec![config], move |change| {
                // The test may have seen enough.
                let _gone = report.send(change);
            });
            Fixture { directory, changes, _watcher: watcher.expect("the kernel has the means") }
        }

        fn write(&self, name: &str, text: &str) {
            let path = self.directory.path().join(name);
            fs::create_dir_all(path.parent().expect("it has one")).expect("writable");
            fs::write(path, text).expect("writable");
        }

        /// Returns what is reported next about a group, by its display name.
        fn next(&self) -> (String, Option<String>) {
            match self.changes.recv().expect("the watcher runs") {
                Change::Group(name, lookup) => {
                    let lookup = lookup.expect("it was good once");
                    let broken = if lookup.problem.is_some() { " (broken)" } else { "" };
                    let display = lookup.description.display_name.clone().unwrap_or_default();
                    (name.to_string(), Some(format!("{display}{broken}")))
                }
                Change::GroupGone(name) => (name.to_string(), None),
                Change::File(file) => (file.display().to_string(), None),
            }
        }
    }

    #[test]
    fn groups_are_reported_when_they_appear_change_break_and_go() {
        let fixture = Fixture::new();
        let some = |name: &str, text: &str| (name.to_owned(), Some(text.to_owned()));
        // By renaming, since a file that is looked at while it is being written is broken for a moment.
        let write = |name: &str, text: &str| {
            fixture.write("other", text);
            let path = fixture.directory.path().join("groups").join(name);
            fs::create_dir_all(path.parent().expect("it has one")).expect("writable");
            fs::rename(fixture.directory.path().join("other"), path).expect("writable");
        };
        write("a/b.json", r#"{"displayName": "one"}"#);
        assert_eq!(fixture.next(), some("a/b", "one"));
        write("a/b.json", r#"{"displayName": "two"}"#);
        assert_eq!(fixture.next(), some("a/b", "two"));
        write("a/b.json", "{");
        assert_eq!(fixture.next(), some("a/b", "two (broken)"));
        write("a/b.json", "{}");
        assert_eq!(fixture.next(), some("a/b", ""));
        fs::remove_file(fixture.directory.path().join("groups/a/b.json")).expect("there");
        assert_eq!(fixture.next(), ("a/b".to_owned(), None));
    }

    #[test]
    fn a_group_in_a_directory_that_cannot_be_looked_into_is_not_gone() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let at = |name: &str| directory.path().join(name);
        fs::create_dir_all(at("groups/a")).expect("writable");
        fs::write(at("groups/a/b.json"), "{}").expect("writable");
        let groups = Arc::new(GroupFiles::new(at("groups")));
        let (versions, files) = (BTreeMap::new(), BTreeMap::new());
        let mut watched = Watched { groups, versions, files };
        let mut look = || {
            let mut seen = Vec::new();
            watched.look(|change| seen.push(matches!(change, Change::GroupGone(_))));
            seen
        };
        assert_eq!(look(), [false]);
        // A link to itself leads nowhere, for the superuser, too.
        fs::rename(at("groups/a"), at("away")).expect("writable");
        std::os::unix::fs::symlink("a", at("groups/a")).expect("writable");
        assert!(look().is_empty());
        fs::remove_file(at("groups/a")).expect("it is there");
        fs::rename(at("away"), at("groups/a")).expect("writable");
        assert!(look().is_empty(), "it is as it was");
        fs::remove_dir_all(at("groups/a")).expect("it is there");
        assert_eq!(look(), [true]);
    }

    #[test]
    fn other_files_are_reported_by_their_paths() {
        let fixture = Fixture::new();
        fixture.write("config.json", "{}");
        let path = fixture.directory.path().join("config.json");
        assert_eq!(fixture.changes.recv().expect("the watcher runs"), Change::File(path));
    }
}
