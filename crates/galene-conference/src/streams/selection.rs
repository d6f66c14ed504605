//! Which tracks of a stream a receiver gets: one of sound and one of pictures at most.

use std::collections::BTreeMap;

use galene_protocol::{VideoRequest, Wanted};
use galene_sfu::{
    EncodingChoice, MediaKind, Priority, ShardId, TrackId, TrackRequest, TransportId,
};

/// The label that the pages of Galène give a shared screen.
const SCREEN: &str = "screenshare";

/// Returns how much a stream matters to those whose link does not carry all: what somebody shows to
/// everybody, and what is there to be read, matters more than faces.
pub(crate) fn priority(label: &str) -> Priority {
    if label == SCREEN { Priority::High } else { Priority::Normal }
}

/// Chooses among the tracks that `transport` of this shard sends, by their places in the publisher's SDP.
///
/// The low video is the smallest encoding of the last video track: a publisher without simulcast can
/// offer a smaller picture as a track of its own.
pub(crate) fn select(
    transport: TransportId,
    shard: ShardId,
    tracks: &BTreeMap<u16, MediaKind>,
    wanted: Wanted,
    priority: Priority,
) -> Vec<TrackRequest> {
    let sections =
        |kind| tracks.iter().filter(move |(_, k)| **k == kind).map(|(section, _)| *section);
    let request = |section, encoding| TrackRequest {
        priority,
        ..TrackRequest::new(TrackId { transport, section }, shard, encoding)
    };
    let audio = sections(MediaKind::Audio).next().filter(|_| wanted.audio);
    let audio = audio.map(|section| request(section, EncodingChoice::Best));
    let mut video = sections(MediaKind::Video);
    let video = match wanted.video {
        None => None,
        Some(VideoRequest::Best) => {
            video.next().map(|section| request(section, EncodingChoice::Best))
        }
        Some(VideoRequest::Low) => {
            video.next_back().map(|section| request(section, EncodingChoice::Lowest))
        }
    };
    audio.into_iter().chain(video).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const T: TransportId = TransportId(7);
    const SHARD: ShardId = ShardId(3);

    fn select(tracks: &BTreeMap<u16, MediaKind>, wanted: Wanted) -> Vec<TrackRequest> {
        super::select(T, SHARD, tracks, wanted, Priority::Normal)
    }

    #[test]
    fn each_wish_selects_what_it_says() {
        let tracks = [
            (0, MediaKind::Video),
            (1, MediaKind::Audio),
            (2, MediaKind::Video),
            (3, MediaKind::Audio),
        ];
        let chosen = |audio, video| {
            let chosen = select(&tracks.into(), Wanted { audio, video });
            chosen.iter().map(|r| (r.track.section, r.encoding)).collect::<Vec<_>>()
        };
        let (best, lowest) = (EncodingChoice::Best, EncodingChoice::Lowest);
        assert_eq!(chosen(true, None), [(1, best)]);
        assert_eq!(chosen(false, Some(VideoRequest::Best)), [(0, best)]);
        assert_eq!(chosen(true, Some(VideoRequest::Low)), [(1, best), (2, lowest)]);
        assert_eq!(chosen(false, None), []);
    }

    #[test]
    fn a_stream_without_the_wanted_kind_gives_nothing() {
        let audio = [(0, MediaKind::Audio)].into();
        assert_eq!(select(&audio, Wanted { audio: false, video: Some(VideoRequest::Low) }), []);
        assert_eq!(select(&BTreeMap::new(), Wanted::EVERYTHING), []);
    }

    #[test]
    fn low_video_of_a_single_track_is_its_lowest_encoding() {
        let video = [(0, MediaKind::Video)].into();
        let chosen = select(&video, Wanted { audio: true, video: Some(VideoRequest::Low) });
        let track = TrackId { transport: T, section: 0 };
        assert_eq!(chosen, [TrackRequest::new(track, SHARD, EncodingChoice::Lowest)]);
    }
}
