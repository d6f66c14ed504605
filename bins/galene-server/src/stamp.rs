//! How a change of a file is noticed.

use std::fs;
use std::path::Path;
use std::time::SystemTime;

/// The size and the time of the last change of a file, or that there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stamp(Option<(u64, Option<SystemTime>)>);

impl Stamp {
    /// Looks at a file.
    pub(crate) fn of(path: &Path) -> Stamp {
        Stamp(fs::metadata(path).ok().map(|metadata| (metadata.len(), metadata.modified().ok())))
    }

    /// Whether there was a file.
    pub(crate) fn exists(self) -> bool {
        self.0.is_some()
    }
}
