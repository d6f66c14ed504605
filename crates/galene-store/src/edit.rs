//! What all changes of files have in common.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use serde::de::DeserializeOwned;

use crate::{Etag, FileError, Version};

/// What a change did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Written {
    /// There is something new: 201.
    Created(Option<Etag>),
    /// Something was replaced or removed: 204.
    Changed(Option<Etag>),
}

impl Written {
    /// Returns the tag of the version that there is now, if there is one.
    pub fn etag(&self) -> Option<&Etag> {
        match self {
            Written::Created(etag) | Written::Changed(etag) => etag.as_ref(),
        }
    }
}

/// Reads a file and tells which version of it that was. `None` if there is none.
pub(crate) fn read(path: &Path, max_bytes: u64) -> Result<Option<(String, Version)>, FileError> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if is_missing(&error) => return Ok(None),
        Err(error) => return Err(FileError::unreadable(path, error)),
    };
    let mut text = String::new();
    // The version comes first: if the file changes while it is read, it is another one afterwards.
    let read = Version::of_open(&file)
        .and_then(|version| file.take(max_bytes + 1).read_to_string(&mut text).map(|_| version));
    match read {
        Ok(_) if text.len() as u64 > max_bytes => {
            Err(FileError::unreadable(path, io::ErrorKind::FileTooLarge.into()))
        }
        Ok(version) => Ok(Some((text, version))),
        Err(error) => Err(FileError::unreadable(path, error)),
    }
}

/// Reads a JSON file of at most so many bytes, if there is one. Keys that `T` does not know are hinted at
/// if it refuses them.
///
/// # Errors
///
/// [`FileError`] says where in the file what is wrong, and quotes no value.
pub fn read_json<T: DeserializeOwned>(path: &Path, max_bytes: u64) -> Result<Option<T>, FileError> {
    let Some((text, _)) = read(path, max_bytes)? else { return Ok(None) };
    parse(&text).map(Some).map_err(|error| FileError::broken(path, error))
}

/// Whether there is certainly nothing at a path: a directory that cannot be looked into may have the file.
pub(crate) fn is_absent(path: &Path) -> bool {
    std::fs::metadata(path).is_err_and(|error| is_missing(&error))
}

/// Whether there is nothing at a path. A file in the place of a directory hides nothing.
fn is_missing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

/// Parses the first JSON value in a text and tells where it is wrong.
pub(crate) fn parse<T: DeserializeOwned>(text: &str) -> Result<T, galene_group::DescriptionError> {
    let mut json = serde_json::Deserializer::from_str(text);
    Ok(serde_path_to_error::deserialize(&mut json)?)
}
