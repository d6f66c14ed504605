//! Shares out what a publisher may send over what it publishes.

use crate::codec::MediaKind;
use crate::published_track::PublishedTrack;
use crate::rate_controller::{RateController, share};
use crate::track_spec::AUDIO_BITRATE;

/// The smallest encoding of a track is never sent at less.
const MIN_VIDEO_BITRATE: u64 = 30_000;

/// Shares out what may be sent as libwebrtc does: sound first, then pictures from the smallest encoding to
/// the largest. The limit is that of the whole connection. Returns how much would be sent if there was room
/// for all, in bits per second.
pub(crate) fn allocate(rate: &RateController, tracks: &mut [PublishedTrack]) -> u64 {
    let mut left = rate.target();
    let active = tracks.iter_mut().filter(|track| track.codec.is_some());
    let (audio, video): (Vec<_>, Vec<_>) =
        active.partition(|track| track.spec.kind == MediaKind::Audio);
    let audio = audio.into_iter().flat_map(|track| {
        let copies = track.copies();
        track.encodings.iter_mut().map(move |encoding| (encoding, copies))
    });
    for (encoding, copies) in audio {
        left = left.saturating_sub(encoding.bounds.most * copies);
        encoding.source.set_active(encoding.is_wanted);
    }
    let left = rate.without_repairs(left);
    let wanted = video.into_iter().flat_map(|track| &mut track.encodings);
    let mut encodings: Vec<_> = wanted.collect();
    encodings.sort_by_key(|encoding| encoding.bounds.most);
    let bounds: Vec<_> = encodings.iter().map(|encoding| encoding.bounds).collect();
    let mut desired = AUDIO_BITRATE;
    for (encoding, granted) in encodings.into_iter().zip(share(left, &bounds)) {
        let granted = granted.filter(|_| encoding.is_wanted);
        encoding.bounds.is_sent = granted.is_some();
        encoding.source.set_active(granted.is_some());
        if let Some(granted) = granted {
            encoding.source.set_bitrate(granted.max(MIN_VIDEO_BITRATE));
        }
        if encoding.is_wanted {
            desired += encoding.bounds.most;
        }
    }
    desired
}
