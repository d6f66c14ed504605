//! Our own way of sending against the engine's.

use std::time::Duration;

use galene_sfu::{EgressKind, EncodingChoice};
use galene_testkit::{Profile, TrackSpec};
use galene_tests::Conference;

use super::SECOND;

/// What one subscriber got, as far as it must not depend on who sealed it.
#[derive(Debug, PartialEq)]
struct Received {
    packets: u64,
    bytes: u64,
    lost: u64,
    frames: (u64, u64, u64, u64),
    keyframes: u64,
    switches: usize,
    freezes: u32,
}

#[test]
fn subscribers_get_the_same_whoever_sends() {
    let ways = [EgressKind::Direct, EgressKind::Reference];
    let [direct, reference] = ways.map(|egress| {
        let mut conference = Conference::with_egress(egress, super::SHARDS, 5);
        let publisher = conference.publish(|config| {
            let video = TrackSpec::video(11).bitrate(400_000).simulcast();
            config.track(TrackSpec::audio(10)).track(video)
        });
        let tracks = conference.wait_for_tracks(&[publisher], 2);
        let steady = conference.subscribe(&tracks, |config| config);
        let switching = conference.subscribe(&tracks, |config| config);
        conference.run_for(SECOND * 4);
        for choice in [EncodingChoice::Lowest, EncodingChoice::Best, EncodingChoice::Lowest] {
            conference.resubscribe(switching, &tracks, choice);
            conference.run_for(SECOND * 2);
        }
        conference.assert_clean();
        [(steady, 10), (steady, 11), (switching, 10), (switching, 11)].map(|(id, stream)| {
            let report = conference.report(id, stream);
            Received {
                packets: report.packets,
                bytes: report.bytes,
                lost: report.packets_lost,
                frames: (
                    report.frames_complete,
                    report.frames_lost,
                    report.frames_skipped,
                    report.frames_rendered,
                ),
                keyframes: report.keyframes,
                switches: report.switches.len(),
                freezes: report.freezes,
            }
        })
    });
    assert!(direct[1].frames.3 > 250, "{direct:?}");
    assert_eq!(direct[..3], reference[..3]);
    // Where exactly a switch happens depends on the order in which encodings happen to arrive.
    for received in [&direct[3], &reference[3]] {
        assert_eq!((received.switches, received.lost, received.freezes), (3, 0, 0), "{received:?}");
    }
}

#[test]
fn loss_is_repaired_and_sound_stays_with_pictures_whoever_sends() {
    for egress in [EgressKind::Direct, EgressKind::Reference] {
        let mut conference = Conference::with_egress(egress, super::SHARDS, 9);
        let publisher = conference
            .publish(|config| config.track(TrackSpec::audio(10)).track(TrackSpec::video(11)));
        let tracks = conference.wait_for_tracks(&[publisher], 2);
        let subscriber = conference.subscribe(&tracks, |config| config.may_miss_start());
        let far = Profile::ideal().delay(Duration::from_millis(30)).loss(0.05);
        conference.set_network(subscriber, far);
        conference.run_for(SECOND * 20);
        conference.assert_clean();
        let video = conference.report(subscriber, 11);
        assert!(video.complete_share() > 0.99, "{egress:?}: {video}");
        let offset = |stream| {
            let track =
                conference.subscriber(subscriber).track_from(stream).expect("it is forwarded");
            assert!(track.sender_reports() > 5 && track.stray_sender_reports() == 0, "{egress:?}");
            track.presentation_offset().expect("sender reports came")
        };
        let skew = offset(10).abs_diff(offset(11));
        assert!(skew < Duration::from_millis(10), "{egress:?}: {skew:?}");
    }
}
