//! How one version of a file is told from another.

use std::fmt;
use std::fs::{self, File, Metadata};
use std::io;
use std::path::Path;
use std::time::UNIX_EPOCH;

/// A version of a file, or that there is none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Version(Option<Facts>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Facts {
    bytes: u64,
    /// Nanoseconds since 1970, negative before.
    modified: i128,
    /// What tells versions apart that were written one after the other within the clock's resolution:
    /// the file's number, and the time at which anything about it changed.
    identity: (u64, i64, i64),
}

impl Version {
    /// Looks at a file; links are followed. What cannot be looked at is not there.
    pub fn of(path: &Path) -> Version {
        Version(fs::metadata(path).ok().map(|metadata| Facts::of(&metadata)))
    }

    /// Looks at an open file.
    pub(crate) fn of_open(file: &File) -> io::Result<Version> {
        Ok(Version(Some(Facts::of(&file.metadata()?))))
    }

    /// Returns whether there is a file.
    pub fn exists(self) -> bool {
        self.0.is_some()
    }

    /// Returns the tag of the version, if there is a file.
    pub fn etag(self) -> Option<Etag> {
        self.0.map(Facts::etag)
    }
}

impl Facts {
    fn of(metadata: &Metadata) -> Facts {
        let modified =
            metadata.modified().map_or(0, |time| match time.duration_since(UNIX_EPOCH) {
                Ok(after) => after.as_nanos() as i128,
                Err(before) => -(before.duration().as_nanos() as i128),
            });
        Facts { bytes: metadata.len(), modified, identity: identity(metadata) }
    }

    fn etag(self) -> Etag {
        Etag(format!("\"{}-{}\"", self.bytes, self.modified))
    }
}

#[cfg(unix)]
fn identity(metadata: &Metadata) -> (u64, i64, i64) {
    use std::os::unix::fs::MetadataExt;
    (metadata.ino(), metadata.ctime(), metadata.ctime_nsec())
}

#[cfg(not(unix))]
fn identity(_metadata: &Metadata) -> (u64, i64, i64) {
    (0, 0, 0)
}

/// An entity tag (RFC 9110 §8.8.3) in Galène's form: the file's size and its time of change in
/// nanoseconds, in quotes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Etag(String);

impl Etag {
    /// Returns the tag of a file, by what was found out about it.
    pub fn of(metadata: &Metadata) -> Etag {
        Facts::of(metadata).etag()
    }

    /// Returns the tag as it stands in a header, quotes included.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Etag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_the_size_and_the_time_of_change() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = directory.path().join("file");
        assert_eq!(Version::of(&path), Version::default());
        assert_eq!(Version::of(&path).etag(), None);
        fs::write(&path, "four").expect("writable");
        let time = UNIX_EPOCH + std::time::Duration::new(12, 34);
        File::options().write(true).open(&path).expect("there").set_modified(time).expect("ours");
        let version = Version::of(&path);
        assert!(version.exists());
        assert_eq!(version.etag().expect("it exists").as_str(), "\"4-12000000034\"");
    }

    #[cfg(unix)]
    #[test]
    fn a_file_that_replaced_another_of_the_same_size_and_time_is_another_version() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let (one, two) = (directory.path().join("1"), directory.path().join("2"));
        let time = UNIX_EPOCH + std::time::Duration::from_secs(1);
        for path in [&one, &two] {
            fs::write(path, "four").expect("writable");
            File::options()
                .write(true)
                .open(path)
                .expect("there")
                .set_modified(time)
                .expect("ours");
        }
        assert_ne!(Version::of(&one), Version::of(&two));
        assert_eq!(Version::of(&one).etag(), Version::of(&two).etag());
    }
}
