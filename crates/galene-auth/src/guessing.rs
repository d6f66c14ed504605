//! Who may try another password, and who has tried too often.
//!
//! A guess is an attempt whose credentials turn out to be wrong. Of these an address has ten a minute
//! for each group, and so many attempts may be under way at once as could still be wrong. When the wrong
//! attempts at one group come from many addresses, those that made one are kept out, and the others try
//! one at a time. Nobody is kept out because others guess the same name.

use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;
use std::time::{Duration, Instant};

use crate::network;

/// How many wrong attempts one address may make at one group in [`GUESS_WINDOW`]. People mistype a
/// password three or four times.
pub const MAX_GUESSES_PER_ADDRESS: usize = 10;

/// How many wrong attempts at one group are borne in [`GUESS_WINDOW`], wherever they come from. A class
/// that was given the wrong password makes about one each.
pub const MAX_GUESSES_PER_GROUP: usize = 100;

/// How long a wrong attempt counts.
pub const GUESS_WINDOW: Duration = Duration::from_secs(60);

/// How many pairs of address and group are remembered, and how many groups. Each takes about 200 bytes, so
/// this many take 20 MB; beyond it the oldest are forgotten.
const MAX_TRACKED: usize = 100_000;

/// Counts wrong attempts at groups, or at whatever else has a name.
///
/// Ask with [`begin`](Self::begin) before credentials are looked at, and tell with [`end`](Self::end) what
/// came of it.
#[derive(Debug, Default)]
pub struct Guesses {
    addresses: BTreeMap<(IpAddr, Box<str>), Attempts>,
    groups: BTreeMap<Box<str>, VecDeque<Instant>>,
}

/// Whether somebody may try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// Look at the credentials, and tell what came of it.
    Go,
    /// Too many attempts were wrong. There is no point in trying before this has passed.
    Refused(Duration),
    /// As many attempts are under way as could be wrong: ask again when one of the same address has
    /// ended.
    Wait,
}

/// What came of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Nobody looked at the credentials after all, or they were right.
    Harmless,
    /// The credentials were wrong.
    Wrong,
}

/// What one address tried at one group.
#[derive(Debug, Default)]
struct Attempts {
    under_way: usize,
    /// When the wrong ones ended, oldest first.
    wrong: VecDeque<Instant>,
}

impl Guesses {
    /// Asks whether somebody may try to log in to a group.
    pub fn begin(&mut self, address: IpAddr, group: &str, now: Instant) -> Admission {
        let group_is_hunted = self.groups.get_mut(group).is_some_and(|wrong| {
            forget_old(wrong, now);
            wrong.len() >= MAX_GUESSES_PER_GROUP
        });
        let key = (network(address), group.into());
        if !self.addresses.contains_key(&key) {
            self.make_room(now);
        }
        let attempts = self.addresses.entry(key).or_default();
        forget_old(&mut attempts.wrong, now);
        let allowed = if group_is_hunted { 1 } else { MAX_GUESSES_PER_ADDRESS };
        if attempts.wrong.len() >= allowed {
            let oldest = attempts.wrong.front().copied().unwrap_or(now);
            return Admission::Refused((oldest + GUESS_WINDOW).saturating_duration_since(now));
        }
        if attempts.wrong.len() + attempts.under_way >= allowed {
            return Admission::Wait;
        }
        attempts.under_way += 1;
        Admission::Go
    }

    /// Takes in what came of an attempt that was let go.
    pub fn end(&mut self, address: IpAddr, group: &str, outcome: Outcome, now: Instant) {
        let key = (network(address), group.into());
        let Some(attempts) = self.addresses.get_mut(&key) else { return };
        attempts.under_way = attempts.under_way.saturating_sub(1);
        if outcome == Outcome::Wrong {
            attempts.wrong.push_back(now);
            if !self.groups.contains_key(group) {
                make_room_for_group(&mut self.groups, now);
            }
            let of_group = self.groups.entry(group.into()).or_default();
            forget_old(of_group, now);
            of_group.push_back(now);
        }
        if attempts.under_way == 0 && attempts.wrong.is_empty() {
            self.addresses.remove(&key);
        }
    }

    /// Makes room for one more pair, if there are too many: first at the cost of what is over, then of
    /// whatever is not under way.
    fn make_room(&mut self, now: Instant) {
        if self.addresses.len() < MAX_TRACKED {
            return;
        }
        self.addresses.retain(|_, attempts| {
            forget_old(&mut attempts.wrong, now);
            attempts.under_way > 0 || !attempts.wrong.is_empty()
        });
        if self.addresses.len() >= MAX_TRACKED {
            forget_oldest(&mut self.addresses, |attempts| {
                (attempts.under_way == 0).then(|| attempts.wrong.back().copied())
            });
        }
    }
}

/// Makes room for one more group, if there are too many.
fn make_room_for_group(groups: &mut BTreeMap<Box<str>, VecDeque<Instant>>, now: Instant) {
    if groups.len() < MAX_TRACKED {
        return;
    }
    groups.retain(|_, wrong| {
        forget_old(wrong, now);
        !wrong.is_empty()
    });
    if groups.len() >= MAX_TRACKED {
        forget_oldest(groups, |wrong| Some(wrong.back().copied()));
    }
}

/// Forgets the oldest of those that have an age, a tenth at once, so that this is seldom done.
fn forget_oldest<K: Ord + Clone, V>(
    map: &mut BTreeMap<K, V>,
    age: impl Fn(&V) -> Option<Option<Instant>>,
) {
    let mut oldest: Vec<_> =
        map.iter().filter_map(|(key, value)| Some((age(value)?, key.clone()))).collect();
    oldest.sort();
    for (_, key) in oldest.into_iter().take(MAX_TRACKED / 10) {
        map.remove(&key);
    }
}

/// Forgets what does not count any more. A group keeps no more than matter.
fn forget_old(wrong: &mut VecDeque<Instant>, now: Instant) {
    let is_old = |then: &Instant| now.saturating_duration_since(*then) >= GUESS_WINDOW;
    while wrong.front().is_some_and(is_old) || wrong.len() > MAX_GUESSES_PER_GROUP {
        wrong.pop_front();
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv6Addr;

    use super::*;

    const GROUP: &str = "lectures";

    #[expect(clippy::disallowed_methods, reason = "an arbitrary origin of time")]
    fn t0() -> Instant {
        Instant::now()
    }

    fn address(last: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, last])
    }

    fn guess(guesses: &mut Guesses, address: IpAddr, now: Instant) -> Admission {
        let admission = guesses.begin(address, GROUP, now);
        if admission == Admission::Go {
            guesses.end(address, GROUP, Outcome::Wrong, now);
        }
        admission
    }

    #[test]
    fn ten_guesses_a_minute_and_no_more() {
        let (t0, mut guesses) = (t0(), Guesses::default());
        // Five hours, twenty guesses a second.
        let mut passed = 0;
        for step in 0..5 * 3600 * 20 {
            let now = t0 + Duration::from_millis(50 * step);
            passed += u32::from(guess(&mut guesses, address(1), now) == Admission::Go);
        }
        assert_eq!(passed, 5 * 60 * 10);
        assert_eq!(guess(&mut guesses, address(2), t0), Admission::Go, "others are unaffected");
    }

    #[test]
    fn who_is_refused_is_told_for_how_long() {
        let (t0, mut guesses) = (t0(), Guesses::default());
        for second in 0..10 {
            guess(&mut guesses, address(1), t0 + Duration::from_secs(second));
        }
        let at = |second| t0 + Duration::from_secs(second);
        let refused = Admission::Refused(Duration::from_secs(40));
        assert_eq!(guesses.begin(address(1), GROUP, at(20)), refused);
        assert_eq!(guesses.begin(address(1), "other", at(20)), Admission::Go, "in another group");
        assert_eq!(guesses.begin(address(1), GROUP, at(60)), Admission::Go);
    }

    #[test]
    fn attempts_under_way_count_until_they_are_known_to_be_right() {
        let (t0, mut guesses) = (t0(), Guesses::default());
        for _ in 0..10 {
            assert_eq!(guesses.begin(address(1), GROUP, t0), Admission::Go);
        }
        assert_eq!(guesses.begin(address(1), GROUP, t0), Admission::Wait);
        guesses.end(address(1), GROUP, Outcome::Harmless, t0);
        assert_eq!(guesses.begin(address(1), GROUP, t0), Admission::Go);
        for _ in 0..10 {
            guesses.end(address(1), GROUP, Outcome::Wrong, t0);
        }
        assert_eq!(guesses.begin(address(1), GROUP, t0), Admission::Refused(GUESS_WINDOW));
    }

    #[test]
    fn a_group_that_many_addresses_guess_at_stays_open_to_those_who_did_not() {
        let (t0, mut guesses) = (t0(), Guesses::default());
        for last in 0..100 {
            assert_eq!(guess(&mut guesses, address(last), t0), Admission::Go);
        }
        assert_eq!(guess(&mut guesses, address(5), t0), Admission::Refused(GUESS_WINDOW));
        // A class behind one address, one after the other.
        for _ in 0..50 {
            assert_eq!(guesses.begin(address(200), GROUP, t0), Admission::Go);
            assert_eq!(guesses.begin(address(200), GROUP, t0), Admission::Wait);
            guesses.end(address(200), GROUP, Outcome::Harmless, t0);
        }
        assert_eq!(guess(&mut guesses, address(201), t0), Admission::Go);
        assert_eq!(guess(&mut guesses, address(201), t0), Admission::Refused(GUESS_WINDOW));
    }

    #[test]
    fn one_subscriber_of_ipv6_is_one_address() {
        let (t0, mut guesses) = (t0(), Guesses::default());
        let of = |network: u16, host: u16| Ipv6Addr::new(0x2001, 0xdb8, 0, network, 0, 0, 0, host);
        for host in 0..10 {
            assert_eq!(guess(&mut guesses, of(1, host).into(), t0), Admission::Go);
        }
        assert_ne!(guess(&mut guesses, of(1, 99).into(), t0), Admission::Go);
        assert_eq!(guess(&mut guesses, of(2, 0).into(), t0), Admission::Go);
        let mapped = [10, 0, 0, 1].into();
        for last in 0..10 {
            let same = std::net::Ipv4Addr::new(10, 0, 0, 1);
            let address = if last % 2 == 0 { same.into() } else { same.to_ipv6_mapped().into() };
            assert_eq!(guess(&mut guesses, address, t0), Admission::Go);
        }
        assert_ne!(guess(&mut guesses, mapped, t0), Admission::Go);
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let (t0, mut guesses) = (t0(), Guesses::default());
        for n in 0..MAX_TRACKED as u32 + 50 {
            let now = t0 + Duration::from_micros(n.into());
            guess(&mut guesses, IpAddr::from(n.to_be_bytes()), now);
        }
        let count = guesses.addresses.len();
        assert!((MAX_TRACKED / 2..=MAX_TRACKED).contains(&count), "{count}");
        assert!(guesses.groups.values().all(|wrong| wrong.len() <= MAX_GUESSES_PER_GROUP + 1));
        let later = t0 + 2 * GUESS_WINDOW;
        for n in 0..MAX_TRACKED as u32 / 10 {
            guess(&mut guesses, IpAddr::from((u32::MAX - n).to_be_bytes()), later);
        }
        assert!(guesses.addresses.len() <= MAX_TRACKED / 10, "what is over goes first");
    }

    #[test]
    fn so_are_the_groups_that_are_remembered() {
        let (t0, mut guesses) = (t0(), Guesses::default());
        for n in 0..MAX_TRACKED as u32 + 50 {
            let now = t0 + Duration::from_micros(n.into());
            let (address, group) = (IpAddr::from(n.to_be_bytes()), n.to_string());
            assert_eq!(guesses.begin(address, &group, now), Admission::Go);
            guesses.end(address, &group, Outcome::Wrong, now);
            assert!(guesses.addresses.len() <= MAX_TRACKED);
            assert!(guesses.groups.len() <= MAX_TRACKED);
        }
        assert!(guesses.groups.len() >= MAX_TRACKED / 2, "{}", guesses.groups.len());
    }
}
