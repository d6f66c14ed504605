//! Slows down those who guess passwords, wherever credentials are in a header.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use galene_auth::{Admission, Guesses, Outcome, network};
use galene_protocol::GroupName;
use tokio::sync::Notify;

/// How long a refusal takes, so that guessing one by one is slow. Galène's own number.
const DELAY: Duration = Duration::from_millis(200);
/// As what the administration of the whole server counts. No group has this name.
const SERVER: &str = "";

/// Counts wrong credentials of all requests.
#[derive(Debug, Default)]
pub(crate) struct Guard(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    guesses: Guesses,
    /// Where those wait for whom there may be room later: one line for each key that anybody has a
    /// [`Place`] in.
    lines: BTreeMap<Key, Arc<Notify>>,
}

/// From where somebody wants to get into what.
type Key = (IpAddr, Box<str>);

/// One attempt. What is given up in the middle counts as wrong.
#[derive(Debug)]
#[must_use]
pub(crate) struct Attempt<'a> {
    places: Vec<Place<'a>>,
}

/// One who waits or whose attempt is under way.
#[derive(Debug)]
struct Place<'a> {
    guard: &'a Guard,
    key: Key,
    line: Arc<Notify>,
    is_under_way: bool,
    outcome: Outcome,
}

impl Guard {
    /// Lets somebody try to get into a group, or says how long there must be no other attempt. While as
    /// many are under way as could be wrong, this waits.
    pub(crate) async fn for_group(
        &self,
        client: Option<SocketAddr>,
        group: &GroupName,
    ) -> Result<Attempt<'_>, Duration> {
        self.begin(client, &[group.as_str()]).await
    }

    /// The same for the administration of the server or of a group. Either counts as an attempt at the
    /// server, for its administrators are let into every group, those that do not exist included.
    pub(crate) async fn for_administration(
        &self,
        client: Option<SocketAddr>,
        group: Option<&GroupName>,
    ) -> Result<Attempt<'_>, Duration> {
        match group {
            Some(group) => self.begin(client, &[SERVER, group.as_str()]).await,
            None => self.begin(client, &[SERVER]).await,
        }
    }

    /// Takes a place for each name, in this order, so that no two wait for each other.
    async fn begin(
        &self,
        client: Option<SocketAddr>,
        names: &[&str],
    ) -> Result<Attempt<'_>, Duration> {
        let mut attempt = Attempt { places: Vec::new() };
        // What comes from nowhere cannot be told from anything else.
        let Some(client) = client else { return Ok(attempt) };
        for name in names {
            let key = (network(client.ip()), Box::from(*name));
            attempt.places.push(self.enter(key).await?);
        }
        for place in &mut attempt.places {
            place.outcome = Outcome::Wrong;
        }
        Ok(attempt)
    }

    async fn enter(&self, key: Key) -> Result<Place<'_>, Duration> {
        let line = Arc::clone(self.lock().lines.entry(key.clone()).or_default());
        let outcome = Outcome::Harmless;
        let mut place = Place { guard: self, key, line, is_under_way: false, outcome };
        loop {
            let (address, name) = &place.key;
            let admission = self.lock().guesses.begin(*address, name, Instant::now());
            match admission {
                Admission::Go => {
                    place.is_under_way = true;
                    // There may be room for the next as well.
                    place.line.notify_one();
                    return Ok(place);
                }
                // The next learn it as the place is given up.
                Admission::Refused(wait) => return Err(wait),
                Admission::Wait => place.line.notified().await,
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Attempt<'_> {
    /// The credentials were right, or nobody could say.
    pub(crate) fn forgive(mut self) {
        for place in &mut self.places {
            place.outcome = Outcome::Harmless;
        }
    }

    /// The credentials were wrong: waits as long as the refusal is to take.
    pub(crate) async fn fail(self) {
        drop(self);
        tokio::time::sleep(DELAY).await;
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut state = self.guard.lock();
        let (address, name) = &self.key;
        if self.is_under_way {
            state.guesses.end(*address, name, self.outcome, Instant::now());
        }
        // The map's and this one.
        if Arc::strong_count(&self.line) == 2 {
            state.lines.remove(&self.key);
        }
        drop(state);
        self.line.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use futures_util::FutureExt;
    use futures_util::future::join_all;
    use galene_auth::MAX_GUESSES_PER_ADDRESS;

    use super::*;

    fn client(last: u8) -> Option<SocketAddr> {
        Some(SocketAddr::from(([192, 0, 2, last], 1)))
    }

    fn group(name: &str) -> GroupName {
        GroupName::parse(name).expect("a valid name")
    }

    #[tokio::test]
    async fn who_is_right_may_come_as_often_as_they_like_in_turn() {
        let (guard, group) = (Guard::default(), group("a"));
        let visits = (0..20 * MAX_GUESSES_PER_ADDRESS).map(async |_| {
            let attempt = guard.for_administration(client(1), Some(&group)).await.expect("a turn");
            tokio::task::yield_now().await;
            attempt.forgive();
        });
        join_all(visits).await;
        assert!(guard.lock().lines.is_empty(), "nobody is left");
    }

    #[tokio::test]
    async fn those_who_wait_behind_wrong_attempts_are_refused() {
        let (guard, group) = (Guard::default(), group("a"));
        let mut under_way = Vec::new();
        for _ in 0..MAX_GUESSES_PER_ADDRESS {
            under_way.push(guard.for_group(client(1), &group).await.expect("the first ten"));
        }
        let mut waiting = pin!(join_all((0..3).map(|_| guard.for_group(client(1), &group))));
        assert!(waiting.as_mut().now_or_never().is_none());
        // Half of them are given up, which is no better.
        let failed = under_way.split_off(5);
        drop(under_way);
        assert!(waiting.as_mut().now_or_never().is_none());
        join_all(failed.into_iter().map(Attempt::fail)).await;
        assert!(waiting.await.iter().all(Result::is_err));
        assert!(guard.for_group(client(2), &group).await.is_ok(), "others are unaffected");
        assert!(guard.for_group(None, &group).await.is_ok(), "nobody knows who that is");
        assert!(guard.lock().lines.is_empty(), "nobody is left");
    }

    #[tokio::test]
    async fn who_gives_up_waiting_has_not_tried() {
        let (guard, group) = (Guard::default(), group("a"));
        let mut under_way = Vec::new();
        for _ in 0..MAX_GUESSES_PER_ADDRESS {
            under_way.push(guard.for_group(client(1), &group).await.expect("the first ten"));
        }
        for _ in 0..2 * MAX_GUESSES_PER_ADDRESS {
            let waiting = guard.for_administration(client(1), Some(&group));
            assert!(waiting.now_or_never().is_none());
        }
        assert!(guard.for_administration(client(1), None).await.is_ok());
        under_way.into_iter().for_each(Attempt::forgive);
        assert!(guard.for_group(client(1), &group).await.is_ok());
    }

    #[tokio::test]
    async fn made_up_groups_are_no_way_round_the_limit_of_the_server() {
        let guard = Guard::default();
        for n in 0..MAX_GUESSES_PER_ADDRESS {
            let made_up = group(&format!("g{n}"));
            drop(guard.for_administration(client(1), Some(&made_up)).await.expect("few"));
        }
        let more = guard.for_administration(client(1), Some(&group("more"))).await;
        assert!(more.is_err());
        assert!(guard.for_administration(client(1), None).await.is_err());
        assert!(guard.for_group(client(1), &group("more")).await.is_ok());
        assert!(GroupName::parse(SERVER).is_err(), "no group");
    }
}
