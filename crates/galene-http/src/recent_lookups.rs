//! What was found out about groups a moment ago.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use galene_group::GroupLookup;
use galene_protocol::GroupName;

/// For how long the answer to a question counts as the present one. Nobody changes a file by hand and
/// joins within this time; when a hundred people join in a second, half of them need no look at the disk.
const RECENT: Duration = Duration::from_millis(20);
/// How many groups are remembered: as many as are joined within that time.
const MAX_GROUPS: usize = 256;

/// The definitions of groups that have just been looked up.
///
/// A look at the disk takes place on a thread that may wait for it, and two changes of threads cost ten
/// times what the look itself does.
#[derive(Debug)]
pub(crate) struct RecentLookups {
    found: HashMap<GroupName, Found>,
    /// When something was last heard of a change: what was asked before that is not remembered.
    changed: Instant,
}

#[derive(Debug)]
struct Found {
    /// When the question was asked.
    asked: Instant,
    lookup: GroupLookup,
}

impl RecentLookups {
    pub(crate) fn new(now: Instant) -> Self {
        Self { found: HashMap::new(), changed: now }
    }

    /// Returns how a group is defined if that was asked a moment ago.
    pub(crate) fn get(&self, group: &GroupName, now: Instant) -> Option<GroupLookup> {
        let found = self.found.get(group).filter(|found| found.is_recent(now))?;
        Some(found.lookup.clone())
    }

    /// Takes in the answer to a question that was asked at `asked`.
    pub(crate) fn note(&mut self, lookup: &GroupLookup, asked: Instant, now: Instant) {
        if asked <= self.changed {
            return;
        }
        if self.found.len() >= MAX_GROUPS {
            self.found.retain(|_, found| found.is_recent(now));
        }
        if self.found.len() < MAX_GROUPS || self.found.contains_key(&lookup.name) {
            let found = Found { asked, lookup: lookup.clone() };
            self.found.insert(lookup.name.clone(), found);
        }
    }

    /// Some file has changed. It may concern the groups below as well, so all is forgotten.
    pub(crate) fn forget(&mut self, now: Instant) {
        self.found.clear();
        self.changed = now;
    }
}

impl Found {
    fn is_recent(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.asked) < RECENT
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use galene_group::Description;

    use super::*;

    fn name(name: &str) -> GroupName {
        GroupName::parse(name).expect("a valid name")
    }

    fn lookup(group: &str) -> GroupLookup {
        let description = Arc::new(Description::parse("{}").expect("a valid description"));
        GroupLookup { name: name(group), description, problem: None }
    }

    #[test]
    fn an_answer_is_good_for_a_moment() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut recent = RecentLookups::new(start);
        recent.note(&lookup("a"), at(1), at(5));
        assert!(recent.get(&name("a"), at(6)).is_some());
        assert!(recent.get(&name("b"), at(6)).is_none(), "another group");
        assert!(recent.get(&name("a"), at(21)).is_none(), "it counts from the question on");
    }

    #[test]
    fn a_change_makes_all_answers_old_even_those_that_come_later() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut recent = RecentLookups::new(start);
        recent.note(&lookup("a"), at(1), at(2));
        recent.forget(at(3));
        assert!(recent.get(&name("a"), at(4)).is_none());
        recent.note(&lookup("a"), at(2), at(4));
        assert!(recent.get(&name("a"), at(5)).is_none(), "it was asked before the change");
        recent.note(&lookup("a"), at(5), at(6));
        assert!(recent.get(&name("a"), at(7)).is_some());
    }

    #[test]
    fn no_more_groups_are_remembered_than_are_joined_in_a_moment() {
        let start = Instant::now();
        let mut recent = RecentLookups::new(start);
        for number in 0..10_000 {
            let at = start + Duration::from_micros(10 * (number + 1));
            recent.note(&lookup(&format!("g{number}")), at, at);
        }
        assert!(recent.found.len() <= MAX_GROUPS);
        let late = start + Duration::from_secs(1);
        recent.note(&lookup("late"), late, late);
        assert!(recent.get(&name("late"), late).is_some(), "those of long ago made room");
    }
}
