//! Files of a directory that the operator chose instead of the embedded client.

use std::fs::{self, Metadata};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

/// A directory of files that may be served.
#[derive(Debug, Clone)]
pub(crate) struct Directory {
    root: PathBuf,
}

/// What is at a path.
#[derive(Debug)]
pub(crate) enum Found {
    /// A file.
    File(File),
    /// A directory, asked for without its slash.
    Directory,
    /// A directory without an index.
    NoIndex,
    /// Nothing that can be served.
    Nothing,
}

/// A file as it is now, open for reading.
#[derive(Debug)]
pub(crate) struct File {
    pub(crate) content_type: &'static str,
    /// Galène's form: the size in bytes and the time of the last change in nanoseconds.
    pub(crate) etag: String,
    pub(crate) length: u64,
    pub(crate) modified: SystemTime,
    pub(crate) contents: fs::File,
}

impl Directory {
    /// Opens a directory.
    pub(crate) fn open(root: &Path) -> io::Result<Directory> {
        let root = root.canonicalize()?;
        if !root.is_dir() {
            return Err(io::ErrorKind::NotADirectory.into());
        }
        Ok(Directory { root })
    }

    /// Looks up a clean, decoded path that starts with a slash. Reads from disk.
    pub(crate) fn find(&self, path: &str) -> Found {
        let relative = path.trim_start_matches('/');
        if relative.contains(['\0', '\\']) || relative.split('/').any(|segment| segment == "..") {
            return Found::Nothing;
        }
        let wanted = self.root.join(relative.trim_end_matches('/'));
        // Links may lead anywhere; what they lead to must be in the directory.
        let Ok(real) = wanted.canonicalize() else { return Found::Nothing };
        if !real.starts_with(&self.root) {
            return Found::Nothing;
        }
        let ends_with_slash = path.ends_with('/');
        match fs::metadata(&real) {
            Ok(metadata) if metadata.is_dir() && !ends_with_slash => Found::Directory,
            Ok(metadata) if metadata.is_dir() => match self.find(&format!("{path}index.html")) {
                Found::File(file) => Found::File(file),
                Found::Directory | Found::NoIndex | Found::Nothing => Found::NoIndex,
            },
            Ok(metadata) if metadata.is_file() && !ends_with_slash => {
                File::open(&real, content_type(&wanted)).map_or(Found::Nothing, Found::File)
            }
            Ok(_) | Err(_) => Found::Nothing,
        }
    }
}

impl File {
    fn open(path: &Path, content_type: &'static str) -> io::Result<File> {
        let contents = fs::File::open(path)?;
        // Of the file that is open now, whatever its name stands for meanwhile.
        let metadata = contents.metadata()?;
        let modified = metadata.modified().unwrap_or(UNIX_EPOCH);
        let (etag, length) = (etag(&metadata), metadata.len());
        Ok(File { content_type, etag, length, modified, contents })
    }
}

fn etag(metadata: &Metadata) -> String {
    let changed = metadata.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    format!("\"{}-{}\"", metadata.len(), changed.unwrap_or_default().as_nanos())
}

fn content_type(path: &Path) -> &'static str {
    let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    match extension.to_ascii_lowercase().as_str() {
        "aac" => "audio/aac",
        "css" => "text/css; charset=utf-8",
        "gif" => "image/gif",
        "html" | "htm" => "text/html; charset=utf-8",
        "ico" => "image/x-icon",
        "jpg" | "jpeg" => "image/jpeg",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "json" | "map" => "application/json",
        "mkv" => "video/x-matroska",
        "mp3" => "audio/mpeg",
        "mp4" => "video/mp4",
        "ogg" => "audio/ogg",
        "pdf" => "application/pdf",
        "png" => "image/png",
        "svg" => "image/svg+xml",
        "txt" | "md" => "text/plain; charset=utf-8",
        "wasm" => "application/wasm",
        "webm" => "video/webm",
        "webmanifest" => "application/manifest+json",
        "webp" => "image/webp",
        "woff2" => "font/woff2",
        "xml" => "text/xml; charset=utf-8",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn directory() -> (tempfile::TempDir, Directory) {
        let temp = tempfile::tempdir().expect("a temporary directory");
        let root = temp.path().join("root");
        fs::create_dir_all(root.join("sub/empty")).expect("writable");
        fs::write(temp.path().join("secret"), "secret").expect("writable");
        fs::write(root.join("index.html"), "<html>").expect("writable");
        fs::write(root.join("sub/a b.js"), "1").expect("writable");
        let directory = Directory::open(&root).expect("it is there");
        (temp, directory)
    }

    #[test]
    fn files_are_found_with_their_type_and_version() {
        let (_temp, directory) = directory();
        let Found::File(file) = directory.find("/sub/a b.js") else { unreachable!("it is there") };
        assert_eq!(file.content_type, "text/javascript; charset=utf-8");
        assert!(file.etag.starts_with("\"1-"), "{}", file.etag);
        assert_eq!(std::io::read_to_string(file.contents).expect("readable"), "1");
    }

    #[test]
    fn a_directory_is_its_index() {
        let (_temp, directory) = directory();
        assert!(matches!(directory.find("/"), Found::File(_)));
        assert!(matches!(directory.find("/sub"), Found::Directory));
        assert!(matches!(directory.find("/sub/"), Found::NoIndex));
        assert!(matches!(directory.find("/index.html/"), Found::Nothing));
    }

    #[cfg(unix)]
    #[test]
    fn nothing_outside_is_served() {
        let (temp, directory) = directory();
        let link = temp.path().join("root/link");
        std::os::unix::fs::symlink(temp.path().join("secret"), link).expect("writable");
        for path in ["/link", "/../secret", "/sub/../../secret", "/sub\\..\\index.html", "/a\0b"] {
            assert!(matches!(directory.find(path), Found::Nothing), "{path}");
        }
    }
}
