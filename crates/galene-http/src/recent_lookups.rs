//! What was found out about groups a moment ago.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use galene_group::GroupLookup;
use galene_protocol::GroupName;

/// For how long the answer to a question counts as the present one, and how far apart questions are that
/// follow one upon the other.
const RECENT: Duration = Duration::from_millis(20);
/// After how many questions that follow one upon the other answers are used again. Somebody who changes a
/// file and then joins finds it changed, unless a crowd is coming in at that moment.
const CROWD: u32 = 32;
/// How many groups are remembered: as many as are joined within a moment.
const MAX_GROUPS: usize = 256;

/// The definitions of groups that have just been looked up.
///
/// A look at the disk takes place on a thread that may wait for it, and two changes of threads cost ten
/// times what the look itself does.
#[derive(Debug)]
pub(crate) struct RecentLookups {
    groups: HashMap<GroupName, Questions>,
    /// When something was last heard of a change: what was asked before that is not remembered.
    changed: Instant,
}

/// The questions about one group.
#[derive(Debug)]
struct Questions {
    /// When the last one was asked.
    last: Instant,
    /// How many have followed one upon the other.
    count: u32,
    /// The latest answer, and when it was asked for.
    answer: Option<(Instant, GroupLookup)>,
}

impl RecentLookups {
    pub(crate) fn new(now: Instant) -> Self {
        Self { groups: HashMap::new(), changed: now }
    }

    /// Returns how a group is defined if many ask and it was found out a moment ago. Counts the question.
    pub(crate) fn ask(&mut self, group: &GroupName, now: Instant) -> Option<GroupLookup> {
        if let Some(questions) = self.groups.get_mut(group) {
            questions.count = if is_recent(questions.last, now) { questions.count + 1 } else { 1 };
            questions.last = now;
            let (asked, lookup) = questions.answer.as_ref()?;
            return (questions.count > CROWD && is_recent(*asked, now)).then(|| lookup.clone());
        }
        if self.groups.len() >= MAX_GROUPS {
            self.groups.retain(|_, questions| is_recent(questions.last, now));
        }
        if self.groups.len() < MAX_GROUPS {
            let first = Questions { last: now, count: 1, answer: None };
            self.groups.insert(group.clone(), first);
        }
        None
    }

    /// Takes in the answer to a question that was asked at `asked`.
    pub(crate) fn note(&mut self, lookup: &GroupLookup, asked: Instant) {
        if asked > self.changed
            && let Some(questions) = self.groups.get_mut(&lookup.name)
        {
            questions.answer = Some((asked, lookup.clone()));
        }
    }

    /// Some file has changed. It may concern the groups below as well, so all answers are forgotten.
    pub(crate) fn forget(&mut self, now: Instant) {
        self.groups.clear();
        self.changed = now;
    }
}

fn is_recent(at: Instant, now: Instant) -> bool {
    now.saturating_duration_since(at) < RECENT
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

    /// Asks about a group once in a millisecond till an answer is at hand, each question being answered
    /// at once; returns when that is.
    fn crowd(recent: &mut RecentLookups, group: &str, start: Instant) -> Instant {
        let mut now = start;
        for _ in 0..1_000 {
            now += Duration::from_millis(1);
            if recent.ask(&name(group), now).is_some() {
                return now;
            }
            recent.note(&lookup(group), now);
        }
        unreachable!("a thousand are a crowd")
    }

    #[test]
    fn when_a_crowd_comes_an_answer_is_good_for_a_moment() {
        let start = Instant::now();
        let mut recent = RecentLookups::new(start);
        let now = crowd(&mut recent, "a", start);
        assert_eq!(now, start + Duration::from_millis(u64::from(CROWD) + 1));
        assert!(recent.ask(&name("b"), now).is_none(), "another group");
        assert!(recent.ask(&name("a"), now + RECENT / 2).is_some());
        assert!(recent.ask(&name("a"), now + RECENT).is_none(), "it counts from the question on");
    }

    #[test]
    fn who_joins_again_and_again_always_finds_the_present_definition() {
        let start = Instant::now();
        let mut recent = RecentLookups::new(start);
        for number in 1..1_000 {
            let now = start + RECENT * number;
            assert!(recent.ask(&name("a"), now).is_none());
            recent.note(&lookup("a"), now);
        }
    }

    #[test]
    fn a_change_makes_all_answers_old_even_those_that_come_later() {
        let start = Instant::now();
        let mut recent = RecentLookups::new(start);
        let now = crowd(&mut recent, "a", start);
        recent.forget(now);
        assert!(recent.ask(&name("a"), now).is_none());
        recent.note(&lookup("a"), now);
        assert!(recent.groups[&name("a")].answer.is_none(), "it was asked before the change");
        crowd(&mut recent, "a", now);
    }

    #[test]
    fn no_more_groups_are_remembered_than_are_joined_in_a_moment() {
        let start = Instant::now();
        let mut recent = RecentLookups::new(start);
        for number in 0..10_000 {
            recent.ask(&name(&format!("g{number}")), start + Duration::from_micros(10 * number));
        }
        assert!(recent.groups.len() <= MAX_GROUPS);
        crowd(&mut recent, "late", start + Duration::from_secs(1));
    }
}
