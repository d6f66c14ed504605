//! Which packets of a stream a subscriber was sent again, how often, and when.
//!
//! Browsers ask again and again for what they miss, some more often than an answer takes, and a hostile
//! member could ask for the same packets all the time. Each one is sent again at most once in a round
//! trip, but for a second copy over a long path, and not for ever.

use std::time::{Duration, Instant};

use crate::round_trip::RoundTrip;

/// How often a packet is sent again. A browser asks ten times; where a third of all gets lost, five
/// answers would leave one in four hundred lost packets missing, and with it the picture.
const MAX_TIMES: u8 = 10;

/// The first repeated request is answered after this time though a round trip is longer. Over a long path
/// what is lost twice is late by a whole round trip more, and a picture stands still for as long; a second
/// copy costs as much as the first one, which is little where little gets lost.
const SECOND_COPY: Duration = Duration::from_millis(90);

/// From how much loss on a packet is sent again twice at a time. Where three of ten get lost in both
/// directions, half of all requests bring an answer, and one of a thousand packets is still missing after
/// the ten requests of a browser, which then waits three seconds before it asks for a keyframe: its picture
/// stands still for three seconds in twenty. With two answers to each request, it does once in ten minutes.
const HEAVY_LOSS: f64 = 0.12;

/// How many packets are remembered: more than are there to be sent again, so that none of those is
/// forgotten while it matters.
const PLACES: usize = 512;

/// Returns how many copies of a packet to send at a time to a subscriber that loses this part of its packets.
pub(crate) fn copies(loss: f64) -> usize {
    if loss >= HEAVY_LOSS { 2 } else { 1 }
}

/// What was sent again of one stream.
#[derive(Debug, Default)]
pub(crate) struct Resends {
    /// By the lower bits of the number; nothing as long as nothing was asked for.
    places: Vec<Option<Resent>>,
}

#[derive(Debug, Clone, Copy)]
struct Resent {
    number: u64,
    at: Instant,
    times: u8,
}

impl Resends {
    /// Returns whether the packet with this number may be sent again now, and takes note that it is.
    pub(crate) fn admit(&mut self, number: u64, round_trip: RoundTrip, now: Instant) -> bool {
        if self.places.is_empty() {
            self.places.resize(PLACES, None);
        }
        let place = &mut self.places[number as usize % PLACES];
        let times = match place {
            Some(resent) if resent.number == number => {
                let hold = match resent.times {
                    1 => round_trip.to_hold().min(SECOND_COPY),
                    _ => round_trip.to_hold(),
                };
                if resent.times == MAX_TIMES || now < resent.at + hold {
                    return false;
                }
                resent.times + 1
            }
            Some(_) | None => 1,
        };
        *place = Some(Resent { number, at: now, times });
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn over_a_long_path_there_is_a_second_copy_soon_and_others_once_in_a_round_trip() {
        let mut round_trip = RoundTrip::default();
        round_trip.handle_sample(Duration::from_millis(500));
        let mut resends = Resends::default();
        let ms = |ms| galene_testkit::epoch() + Duration::from_millis(ms);
        let asked = (0..1_000).step_by(100);
        let answered = asked.filter(|at| resends.admit(7, round_trip, ms(*at)));
        assert_eq!(answered.collect::<Vec<_>>(), [0, 100, 500, 900]);
    }

    #[test]
    fn a_packet_is_sent_again_once_in_a_round_trip_and_not_for_ever() {
        let mut round_trip = RoundTrip::default();
        round_trip.handle_sample(Duration::from_millis(100));
        let mut resends = Resends::default();
        let ms = |ms| galene_testkit::epoch() + Duration::from_millis(ms);
        let admitted = (0..5_000).filter(|at| resends.admit(7, round_trip, ms(*at))).count();
        assert_eq!(admitted, usize::from(MAX_TIMES));
        let again = (0..2).map(|at| resends.admit(8, round_trip, ms(6_000 + at)));
        assert_eq!(again.collect::<Vec<_>>(), [true, false], "each packet by itself");
        assert!(resends.admit(8, round_trip, ms(6_100)), "a browser asks once in a round trip");
    }
}
