//! Changes files so that after a crash there is either the old content or the new one.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// Who may read a file that did not exist before. One that did keeps its permissions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Readers {
    /// Whoever the process's umask lets.
    Anybody,
    /// The user that the process runs as.
    Owner,
}

/// Writes a whole file: under another name, synced, then renamed, then the directory synced. When this
/// returns, neither the death of the process nor that of the machine undoes it.
///
/// The other name is the file's with `.temp` after it, so what a crash left behind is overwritten by the
/// next write. Two processes that write the same file must therefore hold a
/// [`DirectoryLock`](crate::DirectoryLock).
///
/// The time of change always moves forward, by a nanosecond if the clock did not, so that a version of
/// the file is never taken for another.
///
/// # Errors
///
/// What the kernel says; the file is then as it was, or already as it should be.
pub fn write_file(path: &Path, contents: &[u8], readers: Readers) -> io::Result<()> {
    let temporary = temporary(path);
    let result = write_and_rename(&temporary, path, contents, readers);
    if result.is_err() {
        // It may not even exist; the next write would overwrite it.
        let _left: io::Result<()> = fs::remove_file(&temporary);
    }
    result?;
    sync_directory(directory_of(path))
}

fn write_and_rename(
    temporary: &Path,
    path: &Path,
    contents: &[u8],
    readers: Readers,
) -> io::Result<()> {
    match fs::remove_file(temporary) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let mut file = options(readers).write(true).create_new(true).open(temporary)?;
    file.write_all(contents)?;
    if let Ok(replaced) = fs::metadata(path) {
        file.set_permissions(replaced.permissions())?;
        move_forward(&file, replaced.modified().ok())?;
    }
    file.sync_all()?;
    fs::rename(temporary, path)
}

/// Sets a file's time of change to later than `before` if it is not.
fn move_forward(file: &File, before: Option<SystemTime>) -> io::Result<()> {
    match (before, file.metadata()?.modified()) {
        (Some(before), Ok(now)) if now <= before => {
            file.set_modified(before + Duration::from_nanos(1))
        }
        (Some(_) | None, Ok(_) | Err(_)) => Ok(()),
    }
}

/// Appends to a file, which is made if there is none, and syncs it. When this returns, neither the death
/// of the process nor that of the machine undoes it.
///
/// # Errors
///
/// What the kernel says. What was written of the contents is then taken back; but a crash may leave a
/// part of them, so a reader must be able to tell a part from a whole.
pub(crate) fn append(path: &Path, contents: &[u8], readers: Readers) -> io::Result<()> {
    let is_new = !path.try_exists()?;
    let mut file = options(readers).append(true).create(true).open(path)?;
    let length = file.metadata()?.len();
    let written = file.write_all(contents).and_then(|()| file.sync_all());
    if let Err(error) = written {
        // If this fails too, the part is passed over by the next reader.
        let _left: io::Result<()> = file.set_len(length);
        return Err(error);
    }
    if is_new { sync_directory(directory_of(path)) } else { Ok(()) }
}

/// Removes a file for good.
pub(crate) fn remove_file(path: &Path) -> io::Result<()> {
    fs::remove_file(path)?;
    sync_directory(directory_of(path))
}

/// Makes a directory, and those above it, that nobody but the process's user can look into. Does nothing
/// if it exists.
///
/// # Errors
///
/// What the kernel says.
pub fn make_directory(path: &Path) -> io::Result<()> {
    if path.as_os_str().is_empty() || path.is_dir() {
        return Ok(());
    }
    let parent = directory_of(path);
    make_directory(parent)?;
    let mut builder = DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    match builder.create(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        Ok(()) | Err(_) => {}
    }
    sync_directory(parent)
}

/// Returns the directory that a file is in.
pub(crate) fn directory_of(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn temporary(path: &Path) -> PathBuf {
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(".temp");
    temporary.into()
}

fn options(readers: Readers) -> OpenOptions {
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    if readers == Readers::Owner {
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    }
    options
}

/// A new name in a directory is lost with the machine's power until the directory itself is synced.
fn sync_directory(path: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(path)?.sync_all() } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_as_a_whole_and_nothing_is_left_behind() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = directory.path().join("file");
        write_file(&path, b"one", Readers::Owner).expect("writable");
        fs::write(temporary(&path), "what a crash left").expect("writable");
        write_file(&path, b"two", Readers::Anybody).expect("writable");
        assert_eq!(fs::read(&path).expect("readable"), b"two");
        assert_eq!(fs::read_dir(directory.path()).expect("readable").count(), 1);
        #[cfg(unix)]
        assert_eq!(mode(&path), 0o600, "a file keeps its permissions");
    }

    #[test]
    fn the_time_of_change_moves_forward_even_if_the_clock_went_back() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = directory.path().join("file");
        write_file(&path, b"one", Readers::Owner).expect("writable");
        let modified =
            || fs::metadata(&path).and_then(|file| file.modified()).expect("it is there");
        let future = modified() + Duration::from_secs(3600);
        File::options()
            .write(true)
            .open(&path)
            .expect("it is there")
            .set_modified(future)
            .expect("ours");
        write_file(&path, b"two", Readers::Owner).expect("writable");
        assert!(modified() > future);
    }

    #[test]
    fn what_cannot_be_written_changes_nothing() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = directory.path().join("file");
        fs::create_dir(&path).expect("writable");
        assert!(write_file(&path, b"one", Readers::Owner).is_err(), "a directory is in the way");
        assert_eq!(fs::read_dir(directory.path()).expect("readable").count(), 1);
    }

    #[cfg(unix)]
    #[test]
    fn directories_are_made_for_ourselves_alone() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = directory.path().join("a/b");
        make_directory(&path).expect("writable");
        make_directory(&path).expect("it exists");
        assert_eq!((mode(&directory.path().join("a")), mode(&path)), (0o700, 0o700));
    }

    #[cfg(unix)]
    fn mode(path: &Path) -> u32 {
        use std::os::unix::fs::PermissionsExt;
        fs::metadata(path).expect("it is there").permissions().mode() & 0o777
    }
}
