//! How much one member, or one group, may ask the server to keep and to pass on.

/// The most streams that one member publishes at once. A presenter with camera, second camera,
/// screen and a few videos stays below ten.
pub const MAX_STREAMS_PER_MEMBER: usize = 16;

/// The most chat messages that a group remembers; Galène's own number, which clients expect.
pub const MAX_HISTORY_ENTRIES: usize = 50;

/// The most bytes of chat that a group remembers. All of it is sent to each newcomer, so it is what a
/// slow line carries in about a second.
pub const MAX_HISTORY_BYTES: usize = 256 * 1024;

/// The longest value of a chat message, in bytes of JSON. Three dense pages of text; what is longer is
/// a file, and files go from member to member without the server.
pub const MAX_CHAT_BYTES: usize = 8 * 1024;

/// The longest value of a message between clients that is not chat, in bytes of JSON: session
/// descriptions for file transfers are among them, so it is that of a session description.
pub const MAX_USER_MESSAGE_BYTES: usize = 64 * 1024;

/// The longest message that goes with a lock or a kick, in bytes.
pub const MAX_NOTE_BYTES: usize = 1024;
