//! How many files and connections the server may have open at once.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Below this a thousand members may find no room: each page has two or three connections.
const ENOUGH: u64 = 4_096;

/// Uses all that the server was given. Shells and supervisors give programs a soft limit of 1,024 or so for the
/// sake of old ones that cannot do with more, and a much higher hard limit.
pub(crate) fn raise_limit() {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current != maximum
        && let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum })
    {
        tracing::warn!(%error, "the limit of open files cannot be raised");
    }
    if let Some(limit) = getrlimit(Resource::Nofile).current.filter(|limit| *limit < ENOUGH) {
        tracing::warn!(
            limit,
            "few files and connections may be open at once; a thousand members take {ENOUGH} (ulimit -n, LimitNOFILE)"
        );
    }
}
