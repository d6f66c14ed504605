//! How much a publisher is asked to send.
//!
//! An encoding for which there is no smaller one must suit the slowest of its receivers. Of one that can
//! be replaced by a smaller one, as much is asked for as the best of them can take: the others get the
//! smaller one. Little is asked for when nobody receives.

use crate::MediaKind;
use crate::demux::Slot;
use crate::publication::RATE_INTERVAL;
use crate::sfu::Sfu;
use crate::track::Track;
use crate::transport::Role;

/// What a publisher is asked for while nobody receives: enough to start with, little to waste. In bits per
/// second, as all rates here.
pub(crate) const MIN_RATE: u64 = 204_800;

/// The least that a publisher is asked for. With sound and what repairs take, it still goes through 200 kbit/s.
pub(crate) const LEAST_RATE: u64 = 102_400;

/// What is left for sound when a publisher sends it beside pictures: what is asked for is for the whole
/// transport, and receivers estimate for pictures alone.
pub(crate) const AUDIO_RATE: u64 = 65_536;

/// What the smallest of several simulcast encodings is counted with.
pub(crate) const LOWEST_ENCODING_RATE: u64 = 102_400;

/// What the receivers of one encoding may be sent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Allowed {
    /// The least of those that get this encoding whatever it takes.
    least: Option<u64>,
    /// The most of those that get a smaller encoding if this one takes too much.
    most: Option<u64>,
}

impl Allowed {
    /// Counts a receiver.
    pub(crate) fn add(&mut self, rate: u64, has_smaller: bool) {
        if has_smaller {
            self.most = self.most.max(Some(rate));
        } else {
            self.least = Some(self.least.map_or(rate, |least| least.min(rate)));
        }
    }

    /// Counts the receivers of another shard.
    pub(crate) fn merge(&mut self, other: Self) {
        if let Some(rate) = other.least {
            self.add(rate, false);
        }
        if let Some(rate) = other.most {
            self.add(rate, true);
        }
    }

    /// Returns what to ask the publisher for.
    pub(crate) fn rate(self) -> u64 {
        let rates = [self.least, self.most].into_iter().flatten();
        rates.map(|rate| rate.max(LEAST_RATE)).min().unwrap_or(MIN_RATE)
    }
}

impl Sfu {
    /// Tells a publisher how much to send, once per interval.
    pub(crate) fn request_rate(&mut self, slot: Slot) {
        let Some(Role::Publisher(publication)) = self.transports.get(slot).map(|t| &t.role) else {
            return;
        };
        if publication.next_rate.is_none_or(|at| at > self.now) {
            return;
        }
        let keys = publication.sections.iter().filter_map(|s| s.track);
        let tracks = keys.filter_map(|key| self.tracks.get(key));
        let (mut total, mut ssrc) = (0, None);
        for track in tracks {
            if track.format.codec.kind() == MediaKind::Audio {
                total += self.asked_rate(track, 0);
                continue;
            }
            for (index, encoding) in track.encodings.iter().enumerate() {
                total += self.asked_rate(track, index);
                ssrc = ssrc.or(encoding.ssrc);
            }
        }
        let transport = &mut self.transports[slot];
        if let Some(ssrc) = ssrc {
            // One REMB speaks for the whole transport (draft-alvestrand-rmcat-remb §2.2), so it goes by
            // one stream.
            self.aftermath.touch(slot, transport, |rtc| {
                if let Some(stream) = rtc.direct_api().stream_rx(&ssrc) {
                    stream.request_remb(str0m::bwe::Bitrate::from(total as f64));
                }
            });
        }
        if let Role::Publisher(publication) = &mut transport.role {
            publication.asked = ssrc.map(|_| total);
            publication.next_rate = Some(self.now + RATE_INTERVAL);
        }
        self.aftermath.drive(slot, transport, self.now);
    }

    /// Returns what a publisher is asked to send at most of one of its encodings, in bits per second.
    pub(crate) fn asked_rate(&self, track: &Track, encoding: usize) -> u64 {
        if track.format.codec.kind() == MediaKind::Audio {
            return if track.is_wanted() { AUDIO_RATE } else { 0 };
        }
        if encoding > 0 && encoding + 1 == track.encodings.len() {
            return LOWEST_ENCODING_RATE;
        }
        self.allowed_rates(track, encoding).rate()
    }

    /// Returns what the subscribers of an encoding may be sent. Whoever would have it if it were sent
    /// counts too: it is sent only if the publisher is allowed enough.
    pub(crate) fn allowed_rates(&self, track: &Track, encoding: usize) -> Allowed {
        let mut allowed = Allowed::default();
        track.exports.iter().for_each(|export| allowed.merge(export.allowed[encoding]));
        let is_smallest = encoding + 1 == track.encodings.len();
        for at in &track.subscribers {
            let Some(Role::Subscriber(subscription)) =
                self.transports.get(at.slot).map(|t| &t.role)
            else {
                continue;
            };
            let section = &subscription.sections[at.section];
            let has_it = section.forward.current() == Some(encoding);
            let wants_it =
                section.selection.wished_encoding(track.encodings.len()) == Some(encoding);
            if section.live && (has_it || wants_it) {
                let rate = self.allowed_rate(subscription, section);
                let has_smaller = !is_smallest || track.ladder.has_less(encoding, rate);
                let chosen = section.selection.peek(&track.ladder).layer;
                let whole = track.ladder.scale_up(encoding, chosen, rate);
                allowed.add(whole, has_smaller && self.is_shared_out(subscription));
            }
        }
        allowed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(receivers: &[(u64, bool)]) -> u64 {
        let mut allowed = Allowed::default();
        receivers.iter().for_each(|(rate, has_smaller)| allowed.add(*rate, *has_smaller));
        allowed.rate()
    }

    #[test]
    fn the_slowest_receiver_counts_and_nobody_is_asked_for_less_than_the_floor() {
        assert_eq!(asked(&[(900_000, false), (400_000, false)]), 400_000);
        assert_eq!(asked(&[(900_000, false), (50_000, false)]), LEAST_RATE);
        assert_eq!(asked(&[]), MIN_RATE);
    }

    #[test]
    fn whoever_can_have_something_smaller_slows_nobody_down() {
        assert_eq!(asked(&[(900_000, true), (400_000, true)]), 900_000);
        assert_eq!(asked(&[(900_000, true), (400_000, false)]), 400_000);
    }

    #[test]
    fn the_receivers_of_another_shard_count_as_if_they_were_here() {
        let (mut here, mut there) = (Allowed::default(), Allowed::default());
        here.add(900_000, true);
        there.add(1_200_000, true);
        here.merge(there);
        assert_eq!(here.rate(), 1_200_000);
        there.add(500_000, false);
        here.merge(there);
        assert_eq!(here.rate(), 500_000);
    }
}
