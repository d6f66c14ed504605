//! Who speaks in each group, and who spoke last.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use galene_protocol::{GroupName, ServerMessage, Speaker};
use galene_sfu::{MediaKind, TrackId, TransportId};

use crate::conference::Timer;
use crate::{Conference, Now, SessionId};

/// What is known of the voice in a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Voice {
    /// Nobody has spoken in it.
    #[default]
    Unheard,
    /// Somebody speaks.
    Speaking {
        /// How loud, in dBov.
        level: i8,
        /// Since when.
        since: Instant,
        /// When that was last said.
        heard: Instant,
    },
    /// Somebody spoke.
    Silent {
        /// When it ended.
        since: Instant,
    },
}

/// Who speaks, and what groups were told of it.
#[derive(Debug, Default)]
pub(crate) struct Speakers {
    /// The streams in which somebody speaks.
    speaking: BTreeSet<TransportId>,
    /// What the members of each group know, the loudest first; groups without speakers are left out.
    told: BTreeMap<GroupName, Vec<(TransportId, i8)>>,
    /// When groups were last told.
    told_at: Option<Instant>,
}

/// How many speakers are named: more at a time are noise.
const MAX_SPEAKERS: usize = 8;

/// How often groups are told, at most: as often as people can follow.
const INTERVAL: Duration = Duration::from_millis(300);

/// Who speaks is heard of once a second; after this without, it has ended.
const STALE: Duration = Duration::from_millis(2_500);

/// A level that changes by less than this is not told of again.
const STEP: u8 = 6;

/// Who is louder by no more than this goes on behind the others, so that places do not change all the time.
const MARGIN: u8 = 3;

impl Voice {
    /// Returns what voices are ordered by, the most recent first: whoever speaks, in the order in which
    /// they began, so that nobody who goes on is displaced; then whoever spoke, the latest first.
    pub(super) fn recency(self) -> impl Ord {
        match self {
            Self::Speaking { since, .. } => (0, Some(since), Reverse(None)),
            Self::Silent { since } => (1, None, Reverse(Some(since))),
            Self::Unheard => (2, None, Reverse(None)),
        }
    }
}

impl Conference {
    /// The media plane heard somebody speak, at this level, or fall silent.
    pub(crate) fn voice_heard(&mut self, track: TrackId, level: Option<i8>, now: Now) {
        let transport = track.transport;
        let Some(up) = self.ups.get_mut(&transport) else { return };
        // Of several tracks, the first is what others hear.
        let mut sound = up.tracks.iter().filter(|(_, kind)| **kind == MediaKind::Audio);
        if sound.next().is_none_or(|(section, _)| *section != track.section) {
            return;
        }
        let now = now.instant;
        match (level, up.voice) {
            (Some(level), Voice::Speaking { since, .. }) => {
                up.voice = Voice::Speaking { level, since, heard: now };
            }
            (Some(level), Voice::Unheard | Voice::Silent { .. }) => {
                up.voice = Voice::Speaking { level, since: now, heard: now };
                let owner = up.owner;
                self.speakers.speaking.insert(transport);
                self.cameras_changed(owner);
            }
            (None, Voice::Speaking { .. }) => self.voice_fell_silent(transport, now),
            (None, Voice::Unheard | Voice::Silent { .. }) => {}
        }
        if !self.timers.is_armed(Timer::Speakers) {
            let due = self.speakers.told_at.map_or(now, |at| now.max(at + INTERVAL));
            self.timers.arm(Timer::Speakers, due);
        }
    }

    fn voice_fell_silent(&mut self, transport: TransportId, now: Instant) {
        self.speakers.speaking.remove(&transport);
        if let Some(up) = self.ups.get_mut(&transport) {
            up.voice = Voice::Silent { since: now };
            let owner = up.owner;
            self.cameras_changed(owner);
        }
    }

    /// A stream is gone, and whoever spoke in it.
    pub(crate) fn forget_voice(&mut self, transport: TransportId) {
        self.speakers.speaking.remove(&transport);
        let groups = self.groups.iter().filter(|(_, known)| known.cameras.contains(&transport));
        self.changed_cameras.extend(groups.map(|(name, _)| name.clone()));
    }

    /// Tells groups who speaks, as far as they do not know.
    pub(crate) fn tell_speakers(&mut self, now: Now) {
        let now = now.instant;
        self.speakers.told_at = Some(now);
        let mut speaking: BTreeMap<GroupName, Vec<(TransportId, i8)>> = BTreeMap::new();
        for transport in self.speakers.speaking.clone() {
            let Some(up) = self.ups.get(&transport) else { continue };
            let Voice::Speaking { level, heard, .. } = up.voice else { continue };
            if now.saturating_duration_since(heard) >= STALE {
                self.voice_fell_silent(transport, now);
                continue;
            }
            let group = self.sessions.get(&up.owner).and_then(|state| state.group());
            if let Some(group) = group {
                speaking.entry(group.clone()).or_default().push((transport, level));
            }
        }
        let mut groups: BTreeSet<GroupName> = self.speakers.told.keys().cloned().collect();
        groups.extend(speaking.keys().cloned());
        for group in groups {
            let before = self.speakers.told.get(&group).map_or(&[][..], Vec::as_slice);
            let list = ordered(before, speaking.remove(&group).unwrap_or_default());
            if !is_news(before, &list) {
                continue;
            }
            if list.is_empty() {
                self.speakers.told.remove(&group);
            } else {
                self.speakers.told.insert(group.clone(), list);
            }
            let members = self.groups.get(&group).map(|known| known.group.members());
            let members = members.into_iter().flatten().map(|(member, _)| member.into());
            let members: Vec<SessionId> = members.collect();
            self.send_speakers(&group, members);
        }
        if !self.speakers.speaking.is_empty() || !self.speakers.told.is_empty() {
            self.timers.arm(Timer::Speakers, now + INTERVAL);
        }
    }

    /// Tells a newcomer who speaks, if anybody does.
    pub(crate) fn tell_newcomer_of_speakers(&mut self, group: &GroupName, newcomer: SessionId) {
        if self.speakers.told.contains_key(group) {
            self.send_speakers(group, vec![newcomer]);
        }
    }

    fn send_speakers(&mut self, group: &GroupName, to: Vec<SessionId>) {
        let told = self.speakers.told.get(group).map_or(&[][..], Vec::as_slice);
        let speakers = told.iter().filter_map(|(transport, level)| {
            let up = self.ups.get(transport)?;
            let source = self.member(up.owner)?.client().clone();
            Some(Speaker { id: up.stream.clone(), source, level: *level })
        });
        let message = ServerMessage::Speakers(speakers.collect());
        self.send_to(to, message.into());
    }
}

/// Puts speakers in order, the loudest first, with as little change as can be.
fn ordered(
    before: &[(TransportId, i8)],
    mut speaking: Vec<(TransportId, i8)>,
) -> Vec<(TransportId, i8)> {
    let place = |id: TransportId| before.iter().position(|(known, _)| *known == id);
    speaking.sort_by_key(|(id, level)| (place(*id).unwrap_or(usize::MAX), Reverse(*level)));
    for at in 1..speaking.len() {
        let mut at = at;
        while at > 0 && speaking[at].1 > speaking[at - 1].1.saturating_add_unsigned(MARGIN) {
            speaking.swap(at, at - 1);
            at -= 1;
        }
    }
    speaking.truncate(MAX_SPEAKERS);
    speaking
}

/// Returns whether one list says something else than the other, and not just the same a little louder.
fn is_news(before: &[(TransportId, i8)], now: &[(TransportId, i8)]) -> bool {
    let is_same = |((a, level_a), (b, level_b)): (&(TransportId, i8), &(TransportId, i8))| {
        a == b && level_a.abs_diff(*level_b) < STEP
    };
    before.len() != now.len() || !before.iter().zip(now).all(is_same)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(speakers: &[(u64, i8)]) -> Vec<(TransportId, i8)> {
        speakers.iter().map(|(id, level)| (TransportId(*id), *level)).collect()
    }

    #[test]
    fn the_loudest_comes_first_and_places_are_kept_as_long_as_it_is_close() {
        let first = ordered(&[], list(&[(1, -40), (2, -20), (3, -30)]));
        assert_eq!(first, list(&[(2, -20), (3, -30), (1, -40)]));
        let close = ordered(&first, list(&[(1, -40), (2, -30), (3, -28)]));
        assert_eq!(close, list(&[(2, -30), (3, -28), (1, -40)]));
        let louder = ordered(&close, list(&[(1, -10), (2, -30), (3, -28)]));
        assert_eq!(louder, list(&[(1, -10), (2, -30), (3, -28)]));
        let many: Vec<_> = (0..20).map(|id| (id, -30)).collect();
        assert_eq!(ordered(&louder, list(&many)).len(), MAX_SPEAKERS);
    }

    #[test]
    fn a_little_louder_is_no_news() {
        let before = list(&[(1, -30), (2, -40)]);
        assert!(!is_news(&before, &list(&[(1, -26), (2, -44)])));
        assert!(is_news(&before, &list(&[(1, -24), (2, -40)])));
        assert!(is_news(&before, &list(&[(2, -30), (1, -30)])));
        assert!(is_news(&before, &list(&[(1, -30)])));
        assert!(is_news(&before, &[]) && !is_news(&[], &[]));
    }
}
