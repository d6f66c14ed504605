//! Where groups are defined.

use std::fmt;
use std::sync::Arc;

use galene_group::{GroupLookup, LookupError};
use galene_protocol::GroupName;
use galene_store::GroupFiles;

/// Something that knows how groups are defined. Its methods may block, and are called where they can.
pub trait GroupStore: fmt::Debug + Send + Sync {
    /// Finds the definition of a group as it is now.
    ///
    /// # Errors
    ///
    /// [`LookupError`] if there is none, or none that can be used.
    fn lookup(&self, group: &GroupName) -> Result<GroupLookup, LookupError>;

    /// Returns the groups that strangers may know of, in the order of their names.
    fn public_groups(&self) -> Vec<GroupLookup>;
}

impl GroupStore for GroupFiles {
    fn lookup(&self, group: &GroupName) -> Result<GroupLookup, LookupError> {
        GroupFiles::lookup(self, group)
    }

    fn public_groups(&self) -> Vec<GroupLookup> {
        GroupFiles::public_groups(self)
    }
}

/// Finds the definition of a group on a thread that may block.
pub(crate) async fn look_up(
    groups: &Arc<dyn GroupStore>,
    group: GroupName,
) -> Result<GroupLookup, LookupError> {
    let groups = Arc::clone(groups);
    let looked_up = tokio::task::spawn_blocking(move || groups.lookup(&group)).await;
    looked_up.unwrap_or_else(|error| Err(LookupError::Unavailable { reason: error.to_string() }))
}
