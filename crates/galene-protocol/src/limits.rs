//! How long things may be. Generous: no known client comes near any of these.

/// The longest message in bytes; Galène's own limit. A longer one ends the connection with close
/// code 1009.
pub const MAX_MESSAGE_BYTES: usize = 1 << 20;

/// The longest client, stream or message id in bytes. Known clients use 11 to 36.
pub const MAX_ID_BYTES: usize = 256;

/// The longest label of a stream, and the longest `kind` of a chat or user message, in bytes. The
/// labels and kinds in use have at most 12.
pub const MAX_LABEL_BYTES: usize = 256;

/// The longest username in bytes. An e-mail address, the longest name that login systems hand out,
/// has at most 254 (RFC 5321 §4.5.3.1.3).
pub const MAX_USERNAME_BYTES: usize = 256;

/// The longest group name in bytes. Names are paths of files; Linux allows 4,096 bytes for a path,
/// part of which is the directory in front.
pub const MAX_GROUP_NAME_BYTES: usize = 1024;

/// The longest part of a group name between two slashes in bytes. Linux allows 255 bytes for the name of a
/// file, and the server writes `PART.json.temp` before it replaces `PART.json`.
pub const MAX_GROUP_NAME_PART_BYTES: usize = 255 - ".json.temp".len();

/// The longest password or token in bytes. JSON Web Tokens are the longest of them; web servers
/// commonly refuse header lines beyond 8 KiB, so issuers stay below.
pub const MAX_SECRET_BYTES: usize = 8 << 10;

/// The longest session description in bytes. A browser's offer for one stream has 2 to 10 KiB;
/// reading a hostile one of 64 KiB costs about 10 ms.
pub const MAX_SDP_BYTES: usize = 64 << 10;

/// The longest ICE candidate in bytes. Those of browsers have at most about 250.
pub const MAX_CANDIDATE_BYTES: usize = 1024;

/// The largest number of labels in one `request`. Known clients use at most 4.
pub const MAX_REQUEST_LABELS: usize = 64;
