//! The side of a transport on which its peer publishes.

use std::time::{Duration, Instant};

use str0m::media::{Mid, Rid};
use str0m::rtp::Ssrc;

use crate::MediaKind;
use crate::clock::{PublisherClock, Report};
use crate::media::MAX_ENCODINGS;
use crate::repairs::Repairs;
use crate::replay_window::ReplayWindow;
use crate::sdp::OfferedSection;
use crate::track::TrackKey;

/// How often a publisher is told how much to send. Browsers ignore what is older than a few seconds.
pub(crate) const RATE_INTERVAL: Duration = Duration::from_secs(1);

/// How soon after it was told it is told again if there is news.
const RATE_PAUSE: Duration = Duration::from_millis(200);

/// How many RTP streams one transport may bring in. A section has at most a handful of encodings, and
/// a browser that restarts an encoder takes new SSRCs.
const MAX_STREAMS: usize = 256;

/// What a peer publishes over its transport.
#[derive(Debug)]
pub(crate) struct Publication {
    pub(crate) sections: Vec<PublishedSection>,
    pub(crate) streams: Vec<PublishedStream>,
    pub(crate) clock: PublisherClock,
    pub(crate) next_rate: Option<Instant>,
    /// What the peer was last asked to send at most, in bits per second.
    pub(crate) asked: Option<u64>,
    /// Set while lost packets are asked for here and not by the engine.
    pub(crate) repairs: Option<Box<Repairs>>,
}

/// One media section of the publisher's offer.
#[derive(Debug)]
pub(crate) struct PublishedSection {
    pub(crate) kind: Option<MediaKind>,
    pub(crate) mid: Mid,
    pub(crate) msid: Option<(String, String)>,
    pub(crate) rids: Vec<Rid>,
    /// Whether the peer can send lost packets again.
    pub(crate) has_rtx: bool,
    /// Whether the peer may send in it.
    pub(crate) receives: bool,
    /// Set once RTP has arrived.
    pub(crate) track: Option<TrackKey>,
}

/// One RTP stream, with what it is known to be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PublishedStream {
    pub(crate) ssrc: Ssrc,
    pub(crate) section: usize,
    pub(crate) encoding: usize,
    pub(crate) report: Option<Report>,
    /// Where its packets are sent again, once one was.
    pub(crate) rtx: Option<Ssrc>,
    /// What came there.
    pub(crate) repaired: ReplayWindow,
}

impl Publication {
    pub(crate) fn new() -> Self {
        Self {
            sections: Vec::new(),
            streams: Vec::new(),
            clock: PublisherClock::default(),
            next_rate: None,
            asked: None,
            repairs: None,
        }
    }

    /// Takes over what a new offer says; `receives` tells in which sections the peer still sends.
    /// Returns the tracks that ended thereby.
    ///
    /// Sections keep their places, and one that was stopped can be taken by another (RFC 8829 §5.2.2).
    pub(crate) fn update_sections(
        &mut self,
        offered: Vec<OfferedSection>,
        receives: impl Fn(Mid) -> bool,
    ) -> Vec<TrackKey> {
        let mut ended = Vec::new();
        for (at, section) in offered.into_iter().enumerate() {
            let mid = Mid::from(section.mid.as_str());
            let same = self.sections.get(at).is_some_and(|known| known.mid == mid);
            let receives = receives(mid);
            if !same || !receives {
                ended.extend(self.forget_track(at));
            }
            let known = self.sections.get(at).filter(|known| known.track.is_some());
            let rids = match known {
                // A track keeps its encodings: what was once negotiated can be narrowed by pausing
                // alone (RFC 8853 §5.3.3), and the track's rings go by their places.
                Some(known) => known.rids.clone(),
                None => {
                    section.rids.iter().take(MAX_ENCODINGS).map(|r| Rid::from(r.as_str())).collect()
                }
            };
            let track = known.and_then(|known| known.track);
            let section = PublishedSection {
                kind: section.kind,
                mid,
                msid: section.msid,
                has_rtx: section.has_rtx,
                rids,
                receives,
                track,
            };
            match self.sections.get_mut(at) {
                Some(known) => *known = section,
                None => self.sections.push(section),
            }
        }
        ended
    }

    /// Returns what is known of the RTP stream with this SSRC.
    pub(crate) fn stream(&self, ssrc: Ssrc) -> Option<PublishedStream> {
        self.streams.iter().find(|s| s.ssrc == ssrc).copied()
    }

    /// Places a new RTP stream by the names that its packets carry.
    pub(crate) fn add_stream(
        &mut self,
        ssrc: Ssrc,
        mid: Mid,
        rid: Option<Rid>,
    ) -> Option<PublishedStream> {
        let section = self.sections.iter().position(|s| s.mid == mid && s.receives)?;
        let encoding = match rid {
            Some(rid) => self.sections[section].rids.iter().position(|r| *r == rid)?,
            None => 0,
        };
        if self.streams.len() == MAX_STREAMS {
            return None;
        }
        let (rtx, repaired) = (None, ReplayWindow::default());
        let stream = PublishedStream { ssrc, section, encoding, report: None, rtx, repaired };
        self.streams.push(stream);
        Some(stream)
    }

    /// What the publisher is asked for may have changed.
    pub(crate) fn hurry_rate(&mut self, now: Instant) {
        if let Some(next) = self.next_rate {
            // It was last told an interval before that.
            let soon = (next + RATE_PAUSE).checked_sub(RATE_INTERVAL);
            self.next_rate = Some(soon.map_or(next, |soon| soon.max(now).min(next)));
        }
    }

    /// Takes in a sender report.
    pub(crate) fn handle_report(&mut self, ssrc: Ssrc, report: Report, now: Instant) {
        self.clock.handle_report(report, now);
        if let Some(stream) = self.streams.iter_mut().find(|s| s.ssrc == ssrc) {
            stream.report = Some(report);
        }
    }

    /// Forgets a track, and the streams that carried it: another one may follow in its section.
    fn forget_track(&mut self, section: usize) -> Option<TrackKey> {
        self.streams.retain(|s| s.section != section);
        self.sections.get_mut(section)?.track.take()
    }
}
