//! How many wrong passwords somebody may try.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use galene_protocol::GroupName;

/// How long it takes till an address may be wrong once more: ten times a minute.
const ADDRESS_INTERVAL: Duration = Duration::from_secs(6);
/// How often an address may try at once: ten times for somebody who has forgotten a password, and thirty
/// for the requests that a page makes together, of which nobody knows yet that they are right.
const ADDRESS_BURST: u32 = 40;
/// The same for all addresses together: a hundred times a minute. Then refusals take longer, so that
/// many who guess together learn little, and nobody who is right is kept out.
const GROUP_INTERVAL: Duration = Duration::from_millis(600);
const GROUP_BURST: u32 = 100;
/// How long a refusal takes, so that guessing one by one is slow. Galène's own number.
const DELAY: Duration = Duration::from_millis(200);
/// How long it takes while many guess.
const LONG_DELAY: Duration = Duration::from_secs(2);
/// How many addresses are remembered. They are some megabytes; who has more of them to guess from than
/// that is slowed down by group.
const MAX_REMEMBERED: usize = 20_000;

/// Remembers who was wrong of late, by address and by what they wanted to get into: a group, or the
/// administration of the server.
///
/// Ask [`begin`](Self::begin) before credentials are looked at, and tell the outcome afterwards.
/// A username alone never keeps anybody out, lest everybody could be kept out by others.
#[derive(Debug, Default)]
pub struct Attempts {
    by_address: BTreeMap<(IpAddr, Option<GroupName>), Bucket>,
    by_group: BTreeMap<Option<GroupName>, Bucket>,
}

/// Attempts as time: when all of them will be forgotten.
#[derive(Debug, Clone, Copy)]
struct Bucket {
    empty_at: Instant,
}

impl Bucket {
    fn add(self, interval: Duration, now: Instant) -> Bucket {
        Bucket { empty_at: self.empty_at.max(now) + interval }
    }

    fn take(self, interval: Duration) -> Bucket {
        Bucket { empty_at: self.empty_at.checked_sub(interval).unwrap_or(self.empty_at) }
    }

    /// How long it takes till there is room for one more.
    fn wait(self, interval: Duration, burst: u32, now: Instant) -> Duration {
        let full_until = self.empty_at.checked_sub(interval * (burst - 1)).unwrap_or(now);
        full_until.saturating_duration_since(now)
    }
}

impl Attempts {
    /// Counts an attempt from an address, if that is known. Several addresses that one host has at its
    /// disposal should be given as one.
    ///
    /// # Errors
    ///
    /// How long there must be no attempt, if there were too many.
    pub fn begin(
        &mut self,
        address: Option<IpAddr>,
        group: Option<&GroupName>,
        now: Instant,
    ) -> Result<(), Duration> {
        let Some(address) = address else { return Ok(()) };
        self.forget(now);
        let key = (address, group.cloned());
        let bucket = self.by_address.entry(key).or_insert(Bucket { empty_at: now });
        let wait = bucket.wait(ADDRESS_INTERVAL, ADDRESS_BURST, now);
        if !wait.is_zero() {
            return Err(wait);
        }
        *bucket = bucket.add(ADDRESS_INTERVAL, now);
        Ok(())
    }

    /// The credentials were right: the attempt does not count.
    pub fn succeeded(&mut self, address: Option<IpAddr>, group: Option<&GroupName>) {
        let Some(address) = address else { return };
        if let Some(bucket) = self.by_address.get_mut(&(address, group.cloned())) {
            *bucket = bucket.take(ADDRESS_INTERVAL);
        }
    }

    /// The credentials were wrong. Returns how long the refusal is to take.
    pub fn failed(&mut self, group: Option<&GroupName>, now: Instant) -> Duration {
        self.forget(now);
        let bucket = self.by_group.entry(group.cloned()).or_insert(Bucket { empty_at: now });
        if bucket.wait(GROUP_INTERVAL, GROUP_BURST, now).is_zero() {
            *bucket = bucket.add(GROUP_INTERVAL, now);
            DELAY
        } else {
            LONG_DELAY
        }
    }

    /// Makes room if too much is remembered.
    fn forget(&mut self, now: Instant) {
        if self.by_address.len() >= MAX_REMEMBERED {
            self.by_address.retain(|_, bucket| bucket.empty_at > now);
            if self.by_address.len() >= MAX_REMEMBERED {
                self.by_address.clear();
            }
        }
        if self.by_group.len() >= MAX_REMEMBERED {
            self.by_group.retain(|_, bucket| bucket.empty_at > now);
            if self.by_group.len() >= MAX_REMEMBERED {
                self.by_group.clear();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(clippy::disallowed_methods, reason = "a start for times that are counted from it")]
    fn start() -> Instant {
        Instant::now() + Duration::from_secs(3600)
    }

    fn address(n: u32) -> Option<IpAddr> {
        Some(IpAddr::from(n.to_be_bytes()))
    }

    #[test]
    fn who_is_wrong_too_often_has_to_wait_and_nobody_else() {
        let (mut attempts, now) = (Attempts::default(), start());
        let group = GroupName::parse("a").expect("a valid name");
        for _ in 0..ADDRESS_BURST {
            assert_eq!(attempts.begin(address(1), Some(&group), now), Ok(()));
            assert_eq!(attempts.failed(Some(&group), now), DELAY);
        }
        let wait = attempts.begin(address(1), Some(&group), now).expect_err("too many");
        assert_eq!(wait, ADDRESS_INTERVAL);
        assert_eq!(attempts.begin(address(2), Some(&group), now), Ok(()));
        assert_eq!(attempts.begin(address(1), None, now), Ok(()));
        let later = now + wait;
        assert_eq!(attempts.begin(address(1), Some(&group), later), Ok(()));
        assert!(attempts.begin(address(1), Some(&group), later).is_err(), "only one");
    }

    #[test]
    fn who_is_right_may_come_as_often_as_they_like() {
        let (mut attempts, now) = (Attempts::default(), start());
        for _ in 0..10 * ADDRESS_BURST {
            assert_eq!(attempts.begin(address(1), None, now), Ok(()));
            attempts.succeeded(address(1), None);
        }
        assert_eq!(attempts.begin(None, None, now), Ok(()), "nobody knows who that is");
    }

    #[test]
    fn when_many_guess_together_each_refusal_takes_longer() {
        let (mut attempts, now) = (Attempts::default(), start());
        for _ in 0..GROUP_BURST {
            assert_eq!(attempts.failed(None, now), DELAY);
        }
        assert_eq!(attempts.failed(None, now), LONG_DELAY);
        assert_eq!(attempts.failed(None, now + GROUP_INTERVAL), DELAY);
    }

    #[test]
    fn what_is_remembered_has_a_bound() {
        let (mut attempts, now) = (Attempts::default(), start());
        for n in 0..3 * MAX_REMEMBERED as u32 {
            let group = GroupName::parse(&format!("g{n}")).expect("a valid name");
            attempts.begin(address(n), Some(&group), now).expect("the first");
            attempts.failed(Some(&group), now);
            assert!(attempts.by_address.len() <= MAX_REMEMBERED);
            assert!(attempts.by_group.len() <= MAX_REMEMBERED);
        }
    }
}
