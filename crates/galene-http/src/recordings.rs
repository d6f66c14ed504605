//! The directory of recordings: `<root>/<group>/<file>`.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::time::SystemTime;

use galene_protocol::GroupName;
use galene_store::{Etag, Precondition, PreconditionFailed};

use crate::directory::{Directory, File, Found};
use crate::disk::Disk;

/// The most files of one group that are listed, those with the first names.
const MAX_LISTED: usize = 10_000;

/// Where recordings are kept.
#[derive(Debug)]
pub(crate) struct Recordings {
    root: PathBuf,
    disk: Disk,
}

/// One file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Recording {
    pub(crate) name: String,
    pub(crate) bytes: u64,
    pub(crate) modified: Option<SystemTime>,
    pub(crate) etag: Etag,
}

/// Why a recording was not deleted.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DeleteError {
    /// The disk did not let it be.
    #[error("it cannot be deleted")]
    Io(#[from] io::Error),
    /// There is none of this name.
    #[error("there is none")]
    NotFound,
    /// It is not the version that was meant.
    #[error(transparent)]
    Precondition(#[from] PreconditionFailed),
}

/// The name of a file in a group's directory: one segment without a dot at its start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FileName(String);

impl FileName {
    pub(crate) fn parse(name: &str) -> Option<FileName> {
        let is_good =
            !name.is_empty() && !name.starts_with('.') && !name.contains(['/', '\\', '\0']);
        is_good.then(|| FileName(name.to_owned()))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl Recordings {
    pub(crate) fn new(root: PathBuf, disk: Disk) -> Recordings {
        Recordings { root, disk }
    }

    pub(crate) fn disk(&self) -> &Disk {
        &self.disk
    }

    /// The recordings of a group, by name. `None` if it has no directory.
    pub(crate) async fn list(&self, group: &GroupName) -> io::Result<Option<Vec<Recording>>> {
        let (root, group) = (self.root.clone(), group.clone());
        self.disk.run(move || list(root, &group)).await?
    }

    /// What is under a name in a group's directory.
    pub(crate) async fn find(&self, group: &GroupName, file: &FileName) -> Found {
        let (root, path) = (self.root.clone(), format!("/{group}/{}", file.0));
        let found = self.disk.run(move || match Directory::open(&root) {
            Ok(directory) => directory.find(&path),
            Err(_) => Found::Nothing,
        });
        found.await.unwrap_or(Found::Nothing)
    }

    /// Deletes a recording if it is the version that is meant.
    pub(crate) async fn delete(
        &self,
        group: &GroupName,
        file: &FileName,
        condition: Precondition,
    ) -> Result<(), DeleteError> {
        let (root, group, file) = (self.root.clone(), group.clone(), file.clone());
        self.disk.run(move || delete(root, &group, &file, &condition)).await?
    }
}

/// The directory of a group, wherever links lead within the root. Nothing outside the root is one.
fn directory(root: PathBuf, group: &GroupName) -> io::Result<Option<PathBuf>> {
    let real = |path: PathBuf| match path.canonicalize() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        real => real.map(Some),
    };
    let Some(root) = real(root)? else { return Ok(None) };
    let found = real(root.join(group.as_str()))?;
    Ok(found.filter(|found| found.starts_with(&root) && found.is_dir()))
}

fn list(root: PathBuf, group: &GroupName) -> io::Result<Option<Vec<Recording>>> {
    let Some(directory) = directory(root, group)? else { return Ok(None) };
    let mut recordings = Vec::new();
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let name = entry.file_name().into_string().ok().and_then(|name| FileName::parse(&name));
        // One that has just been deleted has no metadata. Links lead who knows where.
        let (Some(name), Ok(metadata)) = (name, entry.metadata()) else { continue };
        if metadata.is_file() {
            let (bytes, modified) = (metadata.len(), metadata.modified().ok());
            let etag = Etag::of(&metadata);
            recordings.push(Recording { name: name.0, bytes, modified, etag });
        }
    }
    recordings.sort_by(|a, b| a.name.cmp(&b.name));
    recordings.truncate(MAX_LISTED);
    Ok(Some(recordings))
}

fn delete(
    root: PathBuf,
    group: &GroupName,
    file: &FileName,
    condition: &Precondition,
) -> Result<(), DeleteError> {
    let absent = |error: io::Error| {
        let is_gone = error.kind() == io::ErrorKind::NotFound;
        if is_gone { DeleteError::NotFound } else { DeleteError::Io(error) }
    };
    let path = directory(root, group)?.ok_or(DeleteError::NotFound)?.join(&file.0);
    let metadata = fs::symlink_metadata(&path).map_err(absent)?;
    if !metadata.is_file() {
        return Err(DeleteError::NotFound);
    }
    condition.check(Some(&Etag::of(&metadata)))?;
    fs::remove_file(&path).map_err(absent)
}

/// Whether a file may still be growing: it has changed within the last minute.
pub(crate) fn may_grow(file: &File, now: SystemTime) -> bool {
    now.duration_since(file.modified).is_ok_and(|age| age.as_secs() < 60) || file.modified > now
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fixture {
        temp: tempfile::TempDir,
        recordings: Recordings,
    }

    impl Fixture {
        fn new() -> Fixture {
            let temp = tempfile::tempdir().expect("a temporary directory");
            let recordings = Recordings::new(temp.path().join("recordings"), Disk::new());
            Fixture { temp, recordings }
        }

        fn write(&self, path: &str) -> PathBuf {
            let path = self.temp.path().join(path);
            fs::create_dir_all(path.parent().expect("it has one")).expect("writable");
            fs::write(&path, "film").expect("writable");
            path
        }

        async fn names(&self, group: &str) -> Option<Vec<String>> {
            let group = GroupName::parse(group).expect("a valid name");
            let list = self.recordings.list(&group).await.expect("readable")?;
            Some(list.into_iter().map(|recording| recording.name).collect())
        }

        async fn delete(&self, group: &str, file: &str) -> bool {
            let group = GroupName::parse(group).expect("a valid name");
            let file = FileName::parse(file).expect("a valid name");
            match self.recordings.delete(&group, &file, Precondition::NONE).await {
                Ok(()) => true,
                Err(DeleteError::NotFound) => false,
                Err(error) => panic!("{error}"),
            }
        }
    }

    #[tokio::test]
    async fn a_group_s_own_files_are_listed_by_name() {
        let fixture = Fixture::new();
        assert_eq!(fixture.names("a").await, None);
        for path in ["a/2.webm", "a/1.webm", "a/.hidden", "a/b/3.webm"] {
            fixture.write(&format!("recordings/{path}"));
        }
        assert_eq!(fixture.names("a").await, Some(vec!["1.webm".into(), "2.webm".into()]));
        assert_eq!(fixture.names("a/b").await, Some(vec!["3.webm".into()]));
        assert_eq!(fixture.names("b").await, None);
    }

    #[tokio::test]
    async fn only_files_of_the_group_can_be_deleted() {
        let fixture = Fixture::new();
        let film = fixture.write("recordings/a/1.webm");
        fixture.write("recordings/a/b/2.webm");
        assert!(fixture.delete("a", "1.webm").await);
        assert!(!film.exists());
        assert!(!fixture.delete("a", "1.webm").await);
        assert!(!fixture.delete("a", "b").await);
        for name in ["", ".", "..", "../x", "b/2.webm", "b\\2", ".x", "a\0"] {
            assert_eq!(FileName::parse(name), None, "{name:?}");
        }
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn links_out_of_the_directory_lead_nowhere() {
        let fixture = Fixture::new();
        fixture.write("recordings/a/1.webm");
        let secret = fixture.write("outside/secret");
        let link = |to: &str, at: &str| {
            let at = fixture.temp.path().join(at);
            std::os::unix::fs::symlink(fixture.temp.path().join(to), at).expect("writable");
        };
        link("outside", "recordings/b");
        link("outside/secret", "recordings/a/link");
        assert_eq!(fixture.names("b").await, None);
        assert_eq!(fixture.names("a").await, Some(vec!["1.webm".into()]));
        assert!(!fixture.delete("b", "secret").await);
        assert!(!fixture.delete("a", "link").await);
        let found = |group: &'static str, file: &'static str| {
            let recordings = &fixture.recordings;
            async move {
                let group = GroupName::parse(group).expect("a valid name");
                let file = FileName::parse(file).expect("a valid name");
                matches!(recordings.find(&group, &file).await, Found::File(_))
            }
        };
        assert!(found("a", "1.webm").await);
        assert!(!found("a", "link").await);
        assert!(!found("b", "secret").await);
        assert!(secret.exists());
    }
}
