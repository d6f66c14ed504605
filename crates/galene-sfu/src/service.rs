//! What a subscriber is told of the pictures that it gets.

use std::time::{Duration, Instant};

use crate::choose::{Choice, Why};
use crate::sfu::Sfu;
use crate::track::{SubscriberSection, TrackKey};
use crate::transport::Role;
use crate::{Event, MediaKind, Service};

/// So long less is sent than before until it is told. Limits come and go within that when an estimate
/// dips, and nobody is to read of what is over already.
const LESS_AFTER: Duration = Duration::from_secs(1);

/// What the receiver of a section knows of it.
#[derive(Debug, Default)]
pub(crate) struct ToldService {
    told: Service,
    /// When to tell that it is less than that.
    less_at: Option<Instant>,
}

impl ToldService {
    /// Takes note of what is sent now; returns whether the receiver has to hear of it.
    fn update(&mut self, service: Service, now: Instant) -> bool {
        if service >= self.told {
            self.less_at = None;
        } else if now < *self.less_at.get_or_insert(now + LESS_AFTER) {
            return false;
        }
        self.less_at = None;
        std::mem::replace(&mut self.told, service) != service
    }
}

impl Service {
    fn of(choice: Choice) -> Self {
        match (choice.why, choice.layer) {
            (Why::Wanted | Why::Unavailable, _) => Self::Full,
            (Why::Limited, Some(_)) => Self::Reduced,
            (Why::Limited, None) => Self::Paused,
        }
    }
}

impl Sfu {
    /// More or less may be sent in a section than before.
    pub(crate) fn note_service(&mut self, at: SubscriberSection) {
        self.services.insert((self.now, at));
    }

    /// The layers of a track have changed, and with them perhaps what its subscribers lack.
    pub(crate) fn note_services(&mut self, key: TrackKey) {
        let Some(track) = self.tracks.get(key) else {
            return;
        };
        self.services.extend(track.subscribers.iter().map(|at| (self.now, *at)));
    }

    /// Returns when a receiver has to hear of what it is sent.
    pub(crate) fn next_service(&self) -> Option<Instant> {
        self.services.first().map(|(at, _)| *at)
    }

    /// Tells receivers what they are sent, as far as they do not know.
    pub(crate) fn settle_services(&mut self) {
        while let Some((due, at)) =
            self.services.first().copied().filter(|(due, _)| *due <= self.now)
        {
            self.services.remove(&(due, at));
            self.settle_service(at);
        }
    }

    fn settle_service(&mut self, at: SubscriberSection) {
        let Some(transport) = self.transports.get_mut(at.slot) else {
            return;
        };
        let Role::Subscriber(subscription) = &mut transport.role else {
            return;
        };
        let Some(section) = subscription.sections.get_mut(at.section) else {
            return;
        };
        let track = section.track.and_then(|key| self.tracks.get(key));
        let Some(track) = track.filter(|t| t.format.codec.kind() == MediaKind::Video) else {
            return;
        };
        let service = Service::of(section.selection.peek(&track.ladder));
        if section.service.update(service, self.now) {
            let (transport, track) = (transport.id, track.id);
            self.events.push_back(Event::ServiceChanged { transport, track, service });
        } else if let Some(due) = section.service.less_at {
            self.services.insert((due, at));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_is_told_at_once_and_less_once_it_has_lasted() {
        let t0 = galene_testkit::epoch();
        let at = |ms| t0 + Duration::from_millis(ms);
        let mut told = ToldService::default();
        assert!(!told.update(Service::Full, at(0)), "it is known");
        assert!(!told.update(Service::Reduced, at(0)));
        assert!(!told.update(Service::Full, at(900)), "it was a dip");
        assert!(!told.update(Service::Reduced, at(1_000)));
        assert!(told.update(Service::Paused, at(2_000)), "less than full for a second");
        assert!(told.update(Service::Reduced, at(2_100)));
        assert!(!told.update(Service::Paused, at(2_200)));
        assert!(told.update(Service::Full, at(2_300)));
    }
}
