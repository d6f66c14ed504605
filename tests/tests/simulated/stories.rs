//! What happens in conferences. Each story is told of a media plane with `crate::SHARDS` shards.
//!
//! Each test passes everything that subscribers receive through the egress checker, by
//! `Conference::assert_clean`.

mod bandwidth;
mod demand;
mod egress;
mod feedback;
mod forwarding;
mod isolation;
mod layers;
mod loss;
mod meeting;
mod restart;
mod service;
mod simulcast;
mod sound;
mod speakers;
mod statistics;

use std::time::Duration;

use galene_sfu::{EncodingChoice, TransportId};
use galene_testkit::TrackSpec;
use galene_tests::Conference;

use crate::SHARDS;

pub(crate) const SECOND: Duration = Duration::from_secs(1);

fn conference(seed: u64) -> Conference {
    Conference::new(SHARDS, seed)
}

/// Publishes microphone and camera, as streams `stream` and `stream + 1`, and waits for both.
pub(crate) fn publish(conference: &mut Conference, stream: u32) -> TransportId {
    let publisher = conference.publish(|config| {
        config.track(TrackSpec::audio(stream)).track(TrackSpec::video(stream + 1))
    });
    conference.wait_for_tracks(&[publisher], 2);
    publisher
}

/// Adds a subscriber to all tracks of a publisher.
pub(crate) fn watch(conference: &mut Conference, publisher: TransportId) -> TransportId {
    let tracks = conference.tracks(publisher);
    conference.subscribe(&tracks, |config| config)
}

/// Lets a subscriber have these encodings of all tracks of a publisher.
pub(crate) fn choose(
    conference: &mut Conference,
    subscriber: TransportId,
    publisher: TransportId,
    choice: EncodingChoice,
) {
    let tracks = conference.tracks(publisher);
    conference.resubscribe(subscriber, &tracks, choice);
}

/// Returns how many frames of a video stream a subscriber could show so far.
fn rendered(conference: &Conference, subscriber: TransportId, stream: u32) -> u64 {
    let track = conference.subscriber(subscriber).track_from(stream);
    track.map_or(0, |track| track.checker().report().frames_rendered)
}
