//! Checks credentials on threads that may block, as many at a time as there are cores.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::thread::available_parallelism;
use std::time::Duration;

use galene_auth::{AuthoriseError, AuthoriseRequest, Grant};
use tokio::sync::Semaphore;
use tokio::time::timeout;

/// How long a request may wait for its turn. Hashing takes 50 to 100 ms, so this many seconds are
/// about 64 of them on two cores; passwords that are not hashed never wait.
const MAX_WAIT: Duration = Duration::from_secs(3);
/// How many requests may wait: what a join storm of a large lecture brings in at once.
const MAX_WAITING: usize = 2048;

/// Runs [`AuthoriseRequest`]s.
#[derive(Debug, Clone)]
pub(crate) struct Authoriser {
    running: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
}

impl Authoriser {
    pub(crate) fn new() -> Authoriser {
        let cores = available_parallelism().map_or(1, NonZeroUsize::get);
        Authoriser::with_limits(cores, MAX_WAITING)
    }

    fn with_limits(running: usize, waiting: usize) -> Authoriser {
        Authoriser {
            running: Arc::new(Semaphore::new(running)),
            waiting: Arc::new(Semaphore::new(waiting)),
        }
    }

    /// Answers a request, or says that the server is too busy to.
    pub(crate) async fn run(&self, request: AuthoriseRequest) -> Result<Grant, AuthoriseError> {
        if request.is_quick() {
            return request.run();
        }
        let Ok(waiting) = self.waiting.try_acquire() else { return Err(AuthoriseError::Busy) };
        let turn = timeout(MAX_WAIT, Arc::clone(&self.running).acquire_owned()).await;
        let Ok(Ok(turn)) = turn else { return Err(AuthoriseError::Busy) };
        drop(waiting);
        let answer = tokio::task::spawn_blocking(move || {
            let answer = request.run();
            drop(turn);
            answer
        });
        answer.await.unwrap_or_else(|error| {
            tracing::error!(%error, "a request to authorise somebody failed");
            Err(AuthoriseError::Busy)
        })
    }
}

#[cfg(test)]
mod tests {
    use galene_auth::{Credentials, Password, Policy, UserEntry};
    use galene_protocol::GroupName;

    use super::*;

    /// Asks for somebody in a group where others than those with an entry need this password.
    fn request(password: Password) -> AuthoriseRequest {
        let group = GroupName::parse("a").expect("a valid name");
        let entry = UserEntry { password, permissions: None };
        let policy = Policy { wildcard_user: Some(entry), ..Policy::default() };
        let credentials = Credentials { username: Some("ann".into()), ..Credentials::default() };
        AuthoriseRequest::new(group, Arc::new(policy), credentials)
    }

    #[tokio::test]
    async fn a_request_is_answered_when_its_turn_comes() {
        let authoriser = Authoriser::with_limits(1, 1);
        let turn =
            Arc::clone(&authoriser.running).acquire_owned().await.expect("it is never closed");
        let waiting = tokio::spawn({
            let authoriser = authoriser.clone();
            async move { authoriser.run(request(Password::Absent)).await }
        });
        while authoriser.waiting.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!(
            authoriser.run(request(Password::Absent)).await,
            Err(AuthoriseError::Busy),
            "one waits already"
        );
        drop(turn);
        assert!(matches!(waiting.await.expect("no panic"), Err(AuthoriseError::NotAuthorised(_))));
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_waits_too_long_is_told_to_come_back() {
        let authoriser = Authoriser::with_limits(0, 1);
        assert_eq!(authoriser.run(request(Password::Absent)).await, Err(AuthoriseError::Busy));
    }

    #[tokio::test]
    async fn where_there_is_nothing_to_hash_nobody_waits() {
        let authoriser = Authoriser::with_limits(0, 0);
        assert!(authoriser.run(request(Password::Wildcard)).await.is_ok());
        assert_eq!(authoriser.run(request(Password::Absent)).await, Err(AuthoriseError::Busy));
    }
}
