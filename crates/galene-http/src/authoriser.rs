//! Checks credentials on threads that may block, as many at a time as there are cores.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::thread::available_parallelism;
use std::time::{Duration, SystemTime};

use galene_auth::{
    AuthoriseError, AuthoriseRequest, Cost, Grant, Outside, TOKEN_NAME_BYTES, TokenAnswer,
    TokenOperation, TokenStore, TokenStoreError,
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use crate::random::{self, NoRandomness};

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
    tokens: Arc<dyn TokenStore>,
}

impl Authoriser {
    pub(crate) fn new(tokens: Arc<dyn TokenStore>) -> Authoriser {
        let cores = available_parallelism().map_or(1, NonZeroUsize::get);
        Authoriser::with_limits(cores, MAX_WAITING, tokens)
    }

    fn with_limits(running: usize, waiting: usize, tokens: Arc<dyn TokenStore>) -> Authoriser {
        Authoriser {
            running: Arc::new(Semaphore::new(running)),
            waiting: Arc::new(Semaphore::new(waiting)),
            tokens,
        }
    }

    /// Answers a request if that costs nothing.
    pub(crate) fn run_at_once(
        &self,
        request: &AuthoriseRequest,
    ) -> Option<Result<Grant, AuthoriseError>> {
        (request.cost() == Cost::Nothing).then(|| answer(request, &*self.tokens))
    }

    /// Answers a request, or says that the server is too busy to.
    pub(crate) async fn run(&self, request: AuthoriseRequest) -> Result<Grant, AuthoriseError> {
        let turn = match request.cost() {
            Cost::Nothing | Cost::Signature => return answer(&request, &*self.tokens),
            Cost::LookUp => None,
            Cost::Hash => Some(self.turn().await?),
        };
        let tokens = Arc::clone(&self.tokens);
        let answer = tokio::task::spawn_blocking(move || {
            let answer = answer(&request, &*tokens);
            drop(turn);
            answer
        });
        answer.await.unwrap_or_else(|error| {
            tracing::error!(%error, "a request to authorise somebody failed");
            Err(AuthoriseError::Busy)
        })
    }

    /// Does something to the tokens that are kept.
    pub(crate) async fn run_on_tokens(
        &self,
        operation: TokenOperation,
    ) -> Result<TokenAnswer, TokenStoreError> {
        let tokens = Arc::clone(&self.tokens);
        let unavailable = |reason: String| Err(TokenStoreError::Unavailable { reason });
        let answer =
            tokio::task::spawn_blocking(move || match random::bytes::<TOKEN_NAME_BYTES>() {
                Ok(random) => operation.run(&*tokens, random),
                Err(NoRandomness) => unavailable("there is no randomness".to_owned()),
            });
        answer.await.unwrap_or_else(|error| unavailable(error.to_string()))
    }

    /// Waits for the turn to hash a password.
    async fn turn(&self) -> Result<OwnedSemaphorePermit, AuthoriseError> {
        let _waiting = self.waiting.try_acquire().map_err(|_| AuthoriseError::Busy)?;
        let turn = timeout(MAX_WAIT, Arc::clone(&self.running).acquire_owned()).await;
        turn.ok().and_then(Result::ok).ok_or(AuthoriseError::Busy)
    }
}

fn answer(request: &AuthoriseRequest, tokens: &dyn TokenStore) -> Result<Grant, AuthoriseError> {
    request.run(Outside { now: SystemTime::now(), tokens })
}

#[cfg(test)]
mod tests {
    use galene_auth::{Credentials, NoTokens, Password, Policy, UserEntry};
    use galene_protocol::GroupName;

    use super::*;

    /// Asks for somebody in a group where others than those with an entry need this password.
    fn request(password: Password) -> AuthoriseRequest {
        let group = GroupName::parse("a").expect("a valid name");
        let entry = UserEntry { password, permissions: None };
        let policy = Policy { wildcard_user: Some(entry), ..Policy::default() };
        let credentials = Credentials { username: Some("ann".into()), ..Credentials::default() };
        AuthoriseRequest::new(group, Arc::new(policy), None, credentials)
    }

    #[tokio::test]
    async fn a_request_is_answered_when_its_turn_comes() {
        let authoriser = Authoriser::with_limits(1, 1, Arc::new(NoTokens));
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
        let authoriser = Authoriser::with_limits(0, 1, Arc::new(NoTokens));
        assert_eq!(authoriser.run(request(Password::Absent)).await, Err(AuthoriseError::Busy));
    }

    #[tokio::test]
    async fn where_there_is_nothing_to_hash_nobody_waits() {
        let authoriser = Authoriser::with_limits(0, 0, Arc::new(NoTokens));
        assert!(authoriser.run(request(Password::Wildcard)).await.is_ok());
        assert_eq!(authoriser.run(request(Password::Absent)).await, Err(AuthoriseError::Busy));
    }
}
