//! How long things take and how much of them there may be.

use std::time::Duration;

use crate::rate::Rate;

/// How long a new connection may wait before its handshake; Galène's own number.
pub(crate) const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(15);

/// How often the time since a client's last message is looked at. This and the next two are Galène's
/// own numbers, by which its clients choose theirs.
pub(crate) const LIVENESS_INTERVAL: Duration = Duration::from_secs(10);

/// How much earlier that happens, so that sessions are looked at together: each alone would wake the
/// control plane a hundred times a second for a thousand idle clients.
pub(crate) const LIVENESS_GATHER: Duration = Duration::from_millis(500);

/// After how long without a message a client is asked for a sign of life.
pub(crate) const PING_AFTER: Duration = Duration::from_secs(20);

/// After how long without a message a client counts as gone.
pub(crate) const GONE_AFTER: Duration = Duration::from_secs(45);

/// How long a client has at least from the first ping on. When the process itself stood still, all
/// clients seem to have been silent, and this gives them the time to show that they were not.
pub(crate) const PONG_WITHIN: Duration = Duration::from_secs(20);

/// How long wrong credentials wait for their refusal, to slow guessing down; Galène's own number.
pub(crate) const REFUSAL_DELAY: Duration = Duration::from_millis(200);

/// How many messages of one client wait while it is joining. Clients wait for the outcome, so even a
/// few are unusual.
pub(crate) const MAX_WAITING_MESSAGES: usize = 64;

/// How many bytes of messages of one client wait while it is joining, roughly: a few session
/// descriptions.
pub(crate) const MAX_WAITING_BYTES: usize = 256 * 1024;

/// How long after the last new track a stream is shown to the others. Audio and video of one stream
/// start at different moments, and should cost one negotiation; Galène's own number.
pub(crate) const PUSH_DELAY: Duration = Duration::from_millis(200);

/// How long receivers keep a stream that is being replaced while the replacement produces nothing:
/// enough for ICE and DTLS on a bad line.
pub(crate) const REPLACEMENT_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a stream is kept whose publisher has closed its side: the message that ends or replaces it
/// takes another way than the closing itself, and may come later.
pub(crate) const HANG_UP_DELAY: Duration = Duration::from_secs(2);

/// How long an offer waits for its answer.
pub(crate) const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

/// How many candidates a client may send per description. Browsers find a few per network interface.
pub(crate) const MAX_CANDIDATES: usize = 50;

/// How often groups that nobody uses are looked for; Galène's own number.
pub(crate) const HOUSEKEEPING_INTERVAL: Duration = Duration::from_secs(15 * 60);

/// How many groups that nobody is in are remembered. Each holds at most the chat history and the
/// group's data, together about 300 KiB.
pub(crate) const MAX_IDLE_GROUPS: usize = 1000;

/// How many messages of any kind. Somebody who joins a group with two hundred streams answers two
/// hundred offers at once, each with about ten candidates.
pub(crate) const MESSAGE_RATE: Rate = Rate { per_second: 200, burst: 2500 };

/// How many chat and user messages. Nobody types as fast; file transfers need a few at once.
pub(crate) const CHAT_RATE: Rate = Rate { per_second: 10, burst: 30 };

/// How many actions upon the group and its members, each of which may cost a message to everybody. An
/// operator who silences everybody by hand stays below.
pub(crate) const ACTION_RATE: Rate = Rate { per_second: 10, burst: 50 };

/// How many attempts to join, each of which may cost a password's hash.
pub(crate) const JOIN_RATE: Rate = Rate { per_second: 1, burst: 10 };

/// How many offers and wishes for offers, each of which costs a negotiation. Whoever lost the network
/// for a moment restarts all streams at once.
pub(crate) const OFFER_RATE: Rate = Rate { per_second: 5, burst: 100 };

/// How many wishes for streams, each of which costs a look at every stream of the group. A client that
/// adapts a page of tiles sends one for each.
pub(crate) const REQUEST_RATE: Rate = Rate { per_second: 10, burst: 100 };

/// How many bytes everybody in the group may be told because of what one member says or changes about
/// itself. Others have to take all of it: the one is what a slow line carries besides sound, and the other
/// half of what may wait for a client.
pub(crate) const REACH_RATE: Rate = Rate { per_second: 16 << 10, burst: 512 << 10 };
