//! The groups' definitions: a directory of JSON files.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use galene_auth::Roles;
use galene_group::{
    Description, DescriptionError, GroupLookup, Loaded, LookupError, Misconfiguration,
};
use galene_protocol::GroupName;

use crate::{FileError, Version, edit, watcher};

/// The largest file that is read. Ten thousand users with hashed passwords take a third of it.
pub(crate) const MAX_FILE_BYTES: u64 = 8 << 20;
/// The most files that are looked at for groups.
const MAX_SCANNED: usize = 10_000;
/// How deep directories are looked into for groups.
const MAX_DEPTH: usize = 8;

/// Groups in files `<directory>/<name>.json`.
///
/// A file is read again when it has changed. While it is broken, the last good definition stays in
/// force.
///
/// A name has no dot-segments, so it leads to no file outside of the directory. Links that somebody put
/// into the directory are followed when a group is read by its name; a list of groups passes over
/// directories that are links; a change replaces a link by a file. That is how Galène treats them.
#[derive(Debug)]
pub struct GroupFiles {
    directory: PathBuf,
    /// As many as there are files; entries of files that are gone are dropped when they are missed.
    cache: Mutex<BTreeMap<GroupName, Cached>>,
    /// The roles that groups may name besides those that always exist.
    roles: Mutex<Arc<Roles>>,
    /// Held while a file is changed: whoever only reads does not wait for the disk to write.
    pub(crate) writing: Mutex<()>,
}

#[derive(Debug)]
struct Cached {
    version: Version,
    /// The last good definition.
    good: Option<Arc<Description>>,
    /// Why the file as it is now cannot be used.
    problem: Option<FileError>,
}

impl GroupFiles {
    /// Uses this directory, which need not exist.
    pub fn new(directory: PathBuf) -> GroupFiles {
        GroupFiles {
            directory,
            cache: Mutex::default(),
            roles: Mutex::default(),
            writing: Mutex::default(),
        }
    }

    /// Changes the roles that groups may name besides those that always exist. All files are read again
    /// when they are needed.
    pub fn set_roles(&self, roles: Arc<Roles>) {
        let mut known = self.roles.lock().unwrap_or_else(PoisonError::into_inner);
        if *known == roles {
            return;
        }
        *known = roles;
        drop(known);
        let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        for cached in cache.values_mut() {
            cached.version = Version::default();
        }
    }

    pub(crate) fn parse(&self, text: &str) -> Result<Description, DescriptionError> {
        let roles = Arc::clone(&self.roles.lock().unwrap_or_else(PoisonError::into_inner));
        Description::parse_with_roles(text, &roles)
    }

    /// Returns the directory.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Returns the names of all groups with a file, in order.
    pub fn names(&self) -> Vec<GroupName> {
        let mut names = Vec::new();
        collect(&self.directory, "", MAX_DEPTH, &mut names);
        names.sort();
        names
    }

    /// Returns the file of a group, whether or not it exists.
    pub fn path(&self, name: &GroupName) -> PathBuf {
        let mut file = name.as_str().to_owned();
        file.push_str(".json");
        self.directory.join(file)
    }

    /// Returns the directories that groups may be in.
    pub(crate) fn directories(&self) -> Vec<PathBuf> {
        let mut found = Vec::new();
        watcher::directories(&self.directory, MAX_DEPTH, &mut found, MAX_SCANNED);
        found
    }

    /// Finds the definition of a group, which may be that of a group above.
    ///
    /// # Errors
    ///
    /// [`LookupError`] if there is none, or none that can be used.
    pub fn lookup(&self, group: &GroupName) -> Result<GroupLookup, LookupError> {
        galene_group::resolve(group, |name| self.load(name))
    }

    /// Returns the groups that strangers may know of, in the order of their names.
    pub fn public_groups(&self) -> Vec<GroupLookup> {
        let lookups = self.names().into_iter().filter_map(|name| self.lookup(&name).ok());
        lookups.filter(|lookup| lookup.description.public).collect()
    }

    fn load(&self, name: &GroupName) -> Result<Option<Loaded>, LookupError> {
        let path = self.path(name);
        let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        let version = Version::of(&path);
        if !version.exists() && edit::is_absent(&path) {
            cache.remove(name);
            return Ok(None);
        }
        let cached = match cache.entry(name.clone()) {
            Entry::Occupied(entry) => {
                let cached = entry.into_mut();
                if cached.version != version {
                    cached.take_in(&path, |text| self.parse(text));
                }
                cached
            }
            Entry::Vacant(place) => {
                let cached = place.insert(Cached { version, good: None, problem: None });
                cached.take_in(&path, |text| self.parse(text));
                cached
            }
        };
        cached.result().map(Some)
    }
}

impl Cached {
    /// Reads the file, and says once what is wrong with it.
    fn take_in(
        &mut self,
        path: &Path,
        parse: impl FnOnce(&str) -> Result<Description, DescriptionError>,
    ) {
        let read = edit::read(path, MAX_FILE_BYTES).and_then(|read| {
            let (text, version) = read.unwrap_or_default();
            self.version = version;
            parse(&text).map_err(|error| FileError::broken(path, error))
        });
        match read {
            Ok(description) => {
                for warning in &description.warnings {
                    tracing::warn!(file = %path.display(), "{warning}");
                }
                if self.problem.take().is_some() {
                    tracing::info!(file = %path.display(), "the group's definition is in order again");
                }
                self.good = Some(Arc::new(description));
            }
            Err(problem) => {
                let consequence = match self.good {
                    Some(_) => "the last good definition stays in force",
                    None => "nobody can join this group",
                };
                // What cannot be read is tried again each time, what is broken when it has changed.
                if matches!(problem, FileError::Unreadable { .. }) {
                    self.version = Version::default();
                }
                if self.problem.as_ref().map(ToString::to_string) != Some(problem.to_string()) {
                    tracing::error!(error = &problem as &dyn std::error::Error, "{consequence}");
                }
                self.problem = Some(problem);
            }
        }
    }

    fn result(&self) -> Result<Loaded, LookupError> {
        let problem = match &self.problem {
            Some(FileError::Broken { path, error }) => {
                let file = path.display().to_string();
                Some(Arc::new(Misconfiguration { file, error: (**error).clone() }))
            }
            Some(FileError::Unreadable { .. }) | None => None,
        };
        match (&self.good, &self.problem) {
            (Some(description), _) => Ok(Loaded { description: Arc::clone(description), problem }),
            (None, Some(problem)) => Err(problem.clone().into()),
            (None, None) => Err(LookupError::NotFound),
        }
    }
}

/// Adds the groups that have files in a directory and below it. What cannot be read has no groups, and
/// what a link to a directory leads to is not below it.
fn collect(directory: &Path, prefix: &str, depth: usize, names: &mut Vec<GroupName>) {
    let Ok(entries) = fs::read_dir(directory) else { return };
    for entry in entries.flatten() {
        if names.len() >= MAX_SCANNED {
            return;
        }
        let file_name = entry.file_name();
        let Some(file_name) = file_name.to_str() else { continue };
        if entry.file_type().is_ok_and(|file_type| file_type.is_dir()) {
            if depth > 0 && !file_name.starts_with('.') {
                collect(&entry.path(), &format!("{prefix}{file_name}/"), depth - 1, names);
            }
        } else if let Some(stem) = file_name.strip_suffix(".json")
            && !entry.path().is_dir()
        {
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
    fn a_group_may_name_a_role_once_the_administrator_has_defined_it() {
        let fixture = Fixture::new();
        fixture.write("a.json", r#"{"wildcard-user": {"permissions": "moderator"}}"#);
        assert!(matches!(fixture.lookup("a"), Err(LookupError::Misconfigured(_))));
        let roles = serde_json::from_str(r#"{"moderator": ["op"]}"#).expect("a new name");
        fixture.files.set_roles(Arc::new(roles));
        assert!(fixture.lookup("a").is_ok_and(|lookup| lookup.problem.is_none()));
        fixture.files.set_roles(Arc::default());
        assert!(
            fixture.lookup("a").is_ok_and(|lookup| lookup.problem.is_some()),
            "the last good one"
        );
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

    #[cfg(unix)]
    #[test]
    fn links_are_followed_by_name_but_directories_of_links_are_not_listed() {
        use std::os::unix::fs::symlink;
        let fixture = Fixture::new();
        fixture.write("a.json", r#"{"displayName": "x"}"#);
        let groups = &fixture.files.directory;
        let elsewhere = fixture.directory.path().join("elsewhere");
        fs::create_dir(&elsewhere).expect("writable");
        fs::write(elsewhere.join("c.json"), "{}").expect("writable");
        symlink(groups.join("a.json"), groups.join("b.json")).expect("writable");
        symlink(&elsewhere, groups.join("d")).expect("writable");
        symlink(groups, groups.join("loop")).expect("writable");
        symlink(groups.join("e.json"), groups.join("e.json")).expect("writable");
        assert_eq!(fixture.display_name("b").as_deref(), Some("x"));
        assert!(fixture.lookup("d/c").is_ok() && fixture.lookup("loop/loop/a").is_ok());
        assert!(fixture.lookup("e").is_err());
        let names: Vec<String> = fixture.files.names().iter().map(ToString::to_string).collect();
        assert_eq!(names, ["a", "b", "e"]);

        let b = GroupName::parse("b").expect("a valid name");
        fixture.files.put_definition(&b, "{}", &crate::Precondition::NONE).expect("writable");
        assert!(!fs::symlink_metadata(groups.join("b.json")).expect("there").is_symlink());
        assert_eq!(fixture.display_name("a").as_deref(), Some("x"), "only the link was replaced");
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
