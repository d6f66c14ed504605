//! What is in a group's directory of recordings.

use galene_protocol::{GroupName, Timestamp};
use http::{Response, StatusCode};
use serde::Serialize;

use super::Context;
use super::failure::Failure;
use super::live::serialise;
use crate::recordings::{DeleteError, FileName, Recording, Recordings};
use crate::response::{self, Body};

/// A recording, as administrators see it.
#[derive(Debug, Serialize)]
struct Entry {
    name: String,
    size: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    modified: Option<Timestamp>,
    etag: String,
}

/// A group in which nothing was recorded has an empty list. A server that keeps no recordings has none.
pub(crate) async fn list(
    context: &Context<'_>,
    group: GroupName,
) -> Result<Response<Body>, Failure> {
    super::groups::exists(context, &group).await?;
    let list = kept(context)?.list(&group).await?.unwrap_or_default();
    let entries: Vec<Entry> = list.into_iter().map(Entry::from).collect();
    serialise(&entries)
}

pub(crate) async fn delete(
    context: &Context<'_>,
    group: GroupName,
    file: FileName,
) -> Result<Response<Body>, Failure> {
    super::groups::exists(context, &group).await?;
    kept(context)?.delete(&group, &file, context.precondition()).await?;
    tracing::info!(%group, file = file.as_str(), "a recording was deleted");
    Ok(response::empty(StatusCode::NO_CONTENT))
}

fn kept<'a>(context: &Context<'a>) -> Result<&'a Recordings, Failure> {
    context.service.recordings.as_ref().ok_or(Failure::NotFound)
}

impl From<Recording> for Entry {
    fn from(recording: Recording) -> Entry {
        Entry {
            name: recording.name,
            size: recording.bytes,
            modified: recording.modified.map(|time| Timestamp::from(time).whole_seconds()),
            etag: recording.etag.to_string(),
        }
    }
}

impl From<DeleteError> for Failure {
    fn from(error: DeleteError) -> Failure {
        match error {
            DeleteError::Io(error) => error.into(),
            DeleteError::NotFound => Failure::NotFound,
            DeleteError::Precondition(failed) => failed.into(),
        }
    }
}
