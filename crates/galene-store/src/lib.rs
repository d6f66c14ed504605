//! Groups, tokens and configuration as files: read, watched and changed without loss.
//!
//! [`GroupFiles`] is a directory of group definitions, [`TokenFile`] the file of stateful tokens,
//! [`ConfigFile`] that of the whole site. All of them may be edited by hand, or by Galène, while they
//! are in use: a file is read again when it has changed. While one is broken, what was last good in it
//! stays in force.
//!
//! Every method may block for as long as a disk takes, so it belongs on a thread that may.
//!
//! A change is made under a [`DirectoryLock`], checked against its [`Precondition`], and when it is
//! reported as done, it is on the disk: neither the death of the process nor that of the machine undoes
//! it or leaves half of it.

mod check;
mod config_file;
mod durable;
mod edit;
mod error;
mod group_edit;
mod group_files;
mod json;
mod lock;
mod obsolete;
mod precondition;
mod token_file;
mod token_store;
mod token_stream;
mod told_problem;
mod user_key;
mod version;
mod wake;
mod watcher;

pub use check::{Problem, check};
pub use config_file::{CONFIG_SCHEMA, Config, ConfigFile};
pub use durable::{Readers, make_directory, write_file};
pub use edit::{Written, read_json};
pub use error::{FileError, InvalidBody, ReadError, WriteError};
// It is part of the configuration, so whoever passes it on need not know its crate.
pub use galene_auth::Roles;
pub use group_files::GroupFiles;
pub use lock::DirectoryLock;
pub use precondition::{Precondition, PreconditionFailed};
pub use token_file::{MAX_TOKEN_BYTES, MAX_TOKENS, TokenFile};
pub use told_problem::ToldProblem;
pub use user_key::UserKey;
pub use version::{Etag, Version};
pub use watcher::{Change, Watcher};
