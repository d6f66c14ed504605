//! What streams are like, in Galène's format and more.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use galene_conference::{
    GroupOverview, LayerLimit, LayerNumbers, MemberOverview, ReceivedEncoding, SentTrack,
    StreamOverview, Tracks, TransportId, TransportStatistics,
};
use http::Response;
use serde::Serialize;

use super::failure::Failure;
use super::{Context, live};
use crate::response::Body;

/// How long the media plane may take to answer. It takes milliseconds, unless it is overloaded.
const PATIENCE: Duration = Duration::from_secs(5);

pub(crate) async fn stats(context: &Context<'_>) -> Result<Response<Body>, Failure> {
    let control = &context.service.control;
    let groups = control.overview().await.ok_or(Failure::Busy)?;
    let mut places: BTreeMap<_, Vec<TransportId>> = BTreeMap::new();
    for stream in groups.iter().flat_map(|group| &group.members).flat_map(MemberOverview::streams) {
        places.entry(stream.shard).or_default().push(stream.transport);
    }
    let gathered = tokio::time::timeout(PATIENCE, control.statistics(places)).await;
    let statistics = gathered.ok().flatten().ok_or(Failure::Busy)?;
    let groups: Vec<Group<'_>> =
        groups.iter().map(|group| Group::new(group, &statistics)).collect();
    live::serialise(&groups)
}

type Statistics = HashMap<TransportId, TransportStatistics>;

#[derive(Debug, Serialize)]
struct Group<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    clients: Vec<Client<'a>>,
}

#[derive(Debug, Serialize)]
struct Client<'a> {
    id: &'a str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    up: Vec<Stream<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    down: Vec<Stream<'a>>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Stream<'a> {
    id: &'a str,
    /// In bits per second: of an up stream what the client is asked for, of a down stream what its link
    /// carries. Galène leaves it out.
    #[serde(skip_serializing_if = "Option::is_none")]
    max_bitrate: Option<u64>,
    /// Whether media can flow. Galène does not have it.
    connected: bool,
    tracks: Vec<Track>,
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Track {
    Up(UpTrack),
    Down(DownTrack),
}

/// Encodings are tracks of their own, as they are in Galène. What stands behind `jitter` is ours.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct UpTrack {
    bitrate: u64,
    #[serde(skip_serializing_if = "is_zero")]
    max_bitrate: u64,
    loss: f64,
    /// In milliseconds, as all durations.
    #[serde(skip_serializing_if = "Option::is_none")]
    jitter: Option<f64>,
    codec: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    rid: Option<String>,
    active: bool,
    packets: u64,
    lost: u64,
    keyframes: u64,
    keyframe_requests: u64,
}

/// What stands behind `max_tid` is ours.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct DownTrack {
    bitrate: u64,
    #[serde(skip_serializing_if = "is_zero")]
    max_bitrate: u64,
    loss: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    jitter: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rtt: Option<f64>,
    sid: u8,
    max_sid: u8,
    tid: u8,
    max_tid: u8,
    codec: &'static str,
    paused: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    limit: Option<&'static str>,
    retransmissions: u64,
    nacked: u64,
    keyframe_requests: u64,
    freezes: u64,
}

impl<'a> Group<'a> {
    fn new(group: &'a GroupOverview, statistics: &Statistics) -> Self {
        let clients = group.members.iter().map(|member| {
            let streams = |streams: &'a [StreamOverview]| {
                streams.iter().map(|stream| Stream::new(stream, statistics)).collect()
            };
            let (up, down) = (streams(&member.ups), streams(&member.downs));
            Client { id: member.client.as_str(), up, down }
        });
        Group { name: group.name.as_str(), clients: clients.collect() }
    }
}

impl<'a> Stream<'a> {
    fn new(stream: &'a StreamOverview, statistics: &Statistics) -> Self {
        let known = statistics.get(&stream.transport);
        let tracks = match known.map(|known| &known.tracks) {
            Some(Tracks::Received(encodings)) => encodings.iter().map(Track::up).collect(),
            Some(Tracks::Sent(tracks)) => tracks.iter().map(Track::down).collect(),
            // It has just begun, or ended.
            None => Vec::new(),
        };
        Stream {
            id: stream.id.as_str(),
            max_bitrate: known.and_then(|known| known.available),
            connected: known.is_some_and(|known| known.is_connected),
            tracks,
        }
    }
}

impl Track {
    fn up(encoding: &ReceivedEncoding) -> Self {
        Track::Up(UpTrack {
            bitrate: encoding.bitrate,
            max_bitrate: encoding.max_bitrate,
            loss: encoding.loss,
            jitter: milliseconds(encoding.jitter),
            codec: encoding.codec.name(),
            rid: encoding.rid.clone(),
            active: encoding.is_asked_for,
            packets: encoding.packets,
            lost: encoding.lost,
            keyframes: encoding.keyframes,
            keyframe_requests: encoding.keyframe_requests,
        })
    }

    fn down(track: &SentTrack) -> Self {
        let report = track.report;
        let LayerNumbers { spatial: sid, temporal: tid } = track.sent.unwrap_or_default();
        let LayerNumbers { spatial: max_sid, temporal: max_tid } = track.best;
        Track::Down(DownTrack {
            bitrate: track.bitrate,
            max_bitrate: track.max_bitrate,
            loss: report.map_or(0.0, |report| report.loss),
            jitter: report.and_then(|report| milliseconds(report.jitter)),
            rtt: report.and_then(|report| report.round_trip).and_then(milliseconds),
            sid,
            max_sid,
            tid,
            max_tid,
            codec: track.codec.name(),
            paused: track.sent.is_none(),
            limit: match track.limit {
                LayerLimit::Asked => None,
                LayerLimit::Bandwidth => Some("bandwidth"),
                LayerLimit::Publisher => Some("publisher"),
            },
            retransmissions: track.retransmissions,
            nacked: track.nacked,
            keyframe_requests: track.keyframe_requests,
            freezes: track.freezes,
        })
    }
}

fn milliseconds(duration: Duration) -> Option<f64> {
    (!duration.is_zero()).then_some(duration.as_secs_f64() * 1_000.0)
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}
