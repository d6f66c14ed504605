//! Puts into effect what subscribers want and may be sent.

use crate::choose::Limit;
use crate::sfu::{Sfu, find};
use crate::track::{Origin, SubscriberSection};
use crate::transport::Role;

impl Sfu {
    /// Limits what is forwarded in a media section, because of what its peer can take. Less is sent from
    /// the next packet on, more from the next place on where that is possible.
    pub(crate) fn limit_section(&mut self, at: SubscriberSection, limit: Limit) {
        if let Some(Role::Subscriber(subscription)) =
            self.transports.get_mut(at.slot).map(|t| &mut t.role)
            && let Some(section) = subscription.sections.get_mut(at.section)
            && section.selection.limit(limit)
        {
            self.apply_selection(at);
            self.note_service(at);
        }
    }

    /// Does what follows from another wish or limit: a section pauses or goes on, and the publisher's
    /// shard hears of it.
    pub(crate) fn apply_selection(&mut self, at: SubscriberSection) {
        let Some(Role::Subscriber(subscription)) =
            self.transports.get_mut(at.slot).map(|t| &mut t.role)
        else {
            return;
        };
        let section = &mut subscription.sections[at.section];
        match (section.selection.is_paused(), section.live) {
            (true, true) => section.pause(),
            (false, false) => self.starting.push_back(at.slot),
            (true, false) | (false, true) => {}
        }
        if let Some(key) = section.track {
            self.refresh_import(key);
        }
    }

    /// Sees to it that the publisher of what is forwarded in a section soon hears how much to send: what its
    /// receivers can take has changed.
    pub(crate) fn hurry_rate(&mut self, at: SubscriberSection) {
        let Some(Role::Subscriber(subscription)) = self.transports.get(at.slot).map(|t| &t.role)
        else {
            return;
        };
        let Some(key) = subscription.sections[at.section].track else {
            return;
        };
        if matches!(self.tracks[key].origin, Origin::Shard(_)) {
            self.hurry_rates(key);
            return;
        }
        let publisher = self.tracks[key].id.transport;
        if let Some((slot, transport)) = find(&self.by_id, &mut self.transports, publisher) {
            if let Role::Publisher(publication) = &mut transport.role {
                publication.hurry_rate(self.now);
            }
            self.aftermath.arm(slot, transport, self.now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use galene_testkit::{SubscriberPeer, TrackSpec};

    use crate::Layer;
    use crate::call::{Call, MS, OTHERS, VICTIM};

    #[test]
    fn a_limit_holds_for_one_subscriber_and_is_lifted_again() {
        let mut call = Call::connect_to(TrackSpec::video(11).bitrate(400_000).simulcast());
        call.run(MS * 3_000);
        limit(&mut call, Limit::UpTo(Layer::whole(1)));
        call.run(MS * 2_000);
        assert_eq!(encodings(&call), [1, 0, 0]);
        limit(&mut call, Limit::None);
        call.run(MS * 2_000);
        assert_eq!(encodings(&call), [0, 0, 0]);
        call.subscribers.iter().for_each(SubscriberPeer::assert_clean);
    }

    #[test]
    fn a_section_that_is_paused_is_silent_and_goes_on_with_a_keyframe() {
        let mut call = Call::connect_to(TrackSpec::video(11));
        limit(&mut call, Limit::Paused);
        call.run(MS * 50);
        let paused = call.frames();
        call.run(MS * 2_000);
        let later = call.frames();
        assert_eq!(later[0], paused[0]);
        assert!(later[1] > paused[1] + 50, "the others go on");
        limit(&mut call, Limit::None);
        call.run(MS * 1_000);
        assert!(call.frames()[0] > paused[0] + 20, "{:?}", call.frames());
        call.subscribers.iter().for_each(SubscriberPeer::assert_clean);
    }

    #[test]
    fn a_subscriber_that_is_lost_while_it_is_paused_stays_paused() {
        let mut call = Call::connect_to(TrackSpec::video(11));
        limit(&mut call, Limit::Paused);
        call.run(MS * 50);
        let paused = call.frames();
        let slot = call.sfu.by_id[&VICTIM];
        call.sfu.starting.push_back(slot);
        call.run(MS * 1_000);
        assert_eq!(call.frames()[0], paused[0]);
    }

    fn limit(call: &mut Call, limit: Limit) {
        let slot = call.sfu.by_id[&VICTIM];
        call.sfu.limit_section(SubscriberSection { slot, section: 0 }, limit);
    }

    /// Returns which encoding each subscriber gets.
    fn encodings(call: &Call) -> Vec<usize> {
        let current = |id| {
            let Role::Subscriber(subscription) = &call.sfu.transports[call.sfu.by_id[id]].role
            else {
                unreachable!("it subscribes");
            };
            subscription.sections[0].forward.current().expect("something is forwarded")
        };
        [VICTIM, OTHERS[0], OTHERS[1]].iter().map(current).collect()
    }
}
