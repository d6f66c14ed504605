//! What is told of streams agrees with what happened to them.

use std::time::Duration;

use galene_sfu::{
    EncodingChoice, LayerLimit, LayerNumbers, MediaKind, ReceivedEncoding, SentTrack, Tracks,
    TransportId,
};
use galene_testkit::{Profile, TrackSpec};
use galene_tests::Conference;

use super::{SECOND, choose, publish, watch};

const DELAY: Duration = Duration::from_millis(30);

#[test]
fn both_directions_are_told_with_rates_loss_and_round_trips() {
    let mut conference = super::conference(51);
    let publisher = publish(&mut conference, 10);
    let tracks = conference.tracks(publisher);
    let far = conference.subscribe(&tracks, |config| config.may_miss_start());
    conference.set_network(far, Profile::ideal().delay(DELAY).loss(0.05));
    conference.run_for(SECOND * 20);
    let up = received(&conference, publisher);
    assert_eq!(up.len(), 2);
    for (encoding, section) in up.iter().zip([0, 1]) {
        let sent = conference.publisher(publisher).counts(section, 0);
        assert_eq!((encoding.loss, encoding.lost), (0.0, 0), "{encoding:?}");
        let on_their_way = sent.packets - encoding.packets;
        assert!(on_their_way < 20, "{encoding:?} of {sent:?}");
        let average = sent.bytes * 8 / 20;
        assert!((average / 2..average * 2).contains(&encoding.bitrate), "{encoding:?}, {average}");
    }
    let down = sent(&conference, far);
    assert_eq!(down.len(), 2);
    for (track, encoding) in down.iter().zip(&up) {
        assert_eq!(track.track, encoding.track);
        let rates = encoding.bitrate * 7 / 10..encoding.bitrate * 13 / 10;
        assert!(rates.contains(&track.bitrate), "{track:?}, {encoding:?}");
        let report = track.report.expect("it reports");
        let round_trip = report.round_trip.expect("it has seen a sender report");
        // Reports count it in 1/65536 s.
        let measured = DELAY * 2 - Duration::from_millis(1)..DELAY * 3;
        assert!(measured.contains(&round_trip), "{round_trip:?}");
        assert!(report.loss < 0.25, "{report:?}");
    }
    let video = down.iter().find(|track| track.codec.kind() == MediaKind::Video).expect("video");
    assert!(video.retransmissions > 10 && video.nacked >= video.retransmissions, "{video:?}");
    assert_eq!((video.limit, video.freezes), (LayerLimit::Asked, 0), "{video:?}");
}

#[test]
fn surprise_68_however_much_is_lost_and_sent_again_no_loss_is_less_than_none() {
    let mut conference = super::conference(52);
    let publisher = publish(&mut conference, 10);
    let _watcher = watch(&mut conference, publisher);
    let mut seen = 0;
    for loss in [0.3, 0.0, 0.1, 0.0] {
        let rough = Profile::ideal().delay(DELAY).loss(loss).reorder(0.1, DELAY);
        conference.set_network(publisher, rough);
        for _ in 0..30 {
            conference.run_for(SECOND / 10);
            for encoding in received(&conference, publisher) {
                assert!((0.0..=1.0).contains(&encoding.loss), "{encoding:?}");
                assert!(encoding.lost <= encoding.packets, "{encoding:?}");
                seen += encoding.lost;
            }
        }
    }
    assert!(seen > 0, "there was loss to be told of");
}

#[test]
fn layers_are_told_with_why_there_are_no_more() {
    let mut conference = super::conference(53);
    let publisher = conference
        .publish(|config| config.track(TrackSpec::video(11).bitrate(1_600_000).simulcast()));
    let tracks = conference.wait_for_tracks(&[publisher], 1);
    let wide = conference.subscribe(&tracks, |config| config);
    let narrow = conference.subscribe(&tracks, |config| config.may_miss_start());
    let low = conference.subscribe(&tracks, |config| config);
    choose(&mut conference, low, publisher, EncodingChoice::Lowest);
    let link = |rate| Profile::ideal().delay(DELAY).rate(rate, 30_000);
    conference.set_network(wide, link(5_000_000));
    conference.set_network(narrow, link(5_000_000));
    conference.run_for(SECOND * 8);
    conference.set_network(narrow, link(700_000));
    conference.run_for(SECOND * 6);

    let numbers = |spatial| LayerNumbers { spatial, temporal: 0 };
    for (id, layer, limit) in [
        (wide, 1, LayerLimit::Asked),
        (narrow, 0, LayerLimit::Bandwidth),
        (low, 0, LayerLimit::Asked),
    ] {
        let track = &sent(&conference, id)[0];
        assert_eq!(track.sent, Some(numbers(layer)), "{track:?}");
        assert_eq!((track.best, track.limit), (numbers(1), limit), "{track:?}");
    }
    let available = |id| conference.statistics(id).and_then(|known| known.available);
    assert!((300_000..800_000).contains(&available(narrow).expect("it is estimated")));
    let encodings = received(&conference, publisher);
    let rids: Vec<_> = encodings.iter().map(|encoding| encoding.rid.as_deref()).collect();
    assert_eq!(rids, [Some("h"), Some("l")]);
    assert!(encodings.iter().all(|encoding| encoding.is_asked_for && encoding.bitrate > 0));
    assert_eq!(conference.statistics(TransportId(99)), None, "there is no such transport");

    choose(&mut conference, low, publisher, EncodingChoice::Nothing);
    conference.run_for(SECOND * 2);
    let track = &sent(&conference, low)[0];
    assert_eq!((track.sent, track.bitrate), (None, 0), "{track:?}");
}

fn received(conference: &Conference, publisher: TransportId) -> Vec<ReceivedEncoding> {
    match conference.statistics(publisher).map(|known| known.tracks) {
        Some(Tracks::Received(encodings)) => encodings,
        other => panic!("{other:?}"),
    }
}

fn sent(conference: &Conference, subscriber: TransportId) -> Vec<SentTrack> {
    match conference.statistics(subscriber).map(|known| known.tracks) {
        Some(Tracks::Sent(tracks)) => tracks,
        other => panic!("{other:?}"),
    }
}
