//! Offers and answers, in both directions (RFC 8829).

use str0m::change::{SdpAnswer, SdpOffer};
use str0m::media::{Direction, Mid};
use str0m::{Rtc, RtcError};

use crate::demux::Slot;
use crate::egress::ReferenceEgress;
use crate::engine::{Engine, Fault};
use crate::forward::Forward;
use crate::publication::Publication;
use crate::sdp;
use crate::sfu::{Sfu, find};
use crate::subscription::{Negotiation, Outlet, Section, Subscription};
use crate::track::SubscriberSection;
use crate::transport::{self, RTX_CACHE_PACKETS, Role};
use crate::{Codec, Event, TrackRequest, TransportId};

use std::time::Duration;

/// How long a packet can be asked for again: longer than any round trip on which a call works.
const RTX_CACHE_AGE: Duration = Duration::from_millis(1_500);

/// Which part of what is sent may be retransmissions. Above, they would rather be the cause of loss than
/// its cure.
const RTX_MAX_RATIO: f32 = 0.4;

/// Why a description of the peer was refused.
#[derive(Debug, thiserror::Error)]
enum Refused {
    #[error("the transport does not publish")]
    NotAPublisher,
    #[error("{0}")]
    Sdp(String),
    #[error("the description has more than {} media sections", sdp::MAX_SECTIONS)]
    TooManySections,
    #[error("the description is longer than {} bytes", sdp::MAX_SDP_BYTES)]
    TooLong,
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl From<RtcError> for Refused {
    fn from(error: RtcError) -> Self {
        Self::Sdp(error.to_string())
    }
}

impl Sfu {
    pub(crate) fn handle_offer(&mut self, id: TransportId, text: &str, codecs: Vec<Codec>) {
        let is_new = !self.by_id.contains_key(&id);
        match self.accept_offer(id, text, &codecs) {
            Ok(sdp) => self.events.push_back(Event::Answer { transport: id, sdp }),
            Err(refused) => {
                if let Some(slot) = self.by_id.get(&id).copied().filter(|_| is_new) {
                    self.remove(slot);
                }
                self.refuse(id, refused);
            }
        }
    }

    fn accept_offer(
        &mut self,
        id: TransportId,
        text: &str,
        codecs: &[Codec],
    ) -> Result<String, Refused> {
        check_size(text)?;
        let offered = sdp::offered_sections(text);
        if offered.len() > sdp::MAX_SECTIONS {
            return Err(Refused::TooManySections);
        }
        let offer = SdpOffer::from_sdp_string(&sdp::make_send_only(text))
            .map_err(|e| Refused::Sdp(e.to_string()))?;
        let slot = match self.by_id.get(&id) {
            Some(slot) => *slot,
            None => {
                let config = transport::publisher_config(&self.crypto, codecs);
                let engine = Engine::build(config, self.now)?;
                self.insert(id, engine, Role::Publisher(Publication::new()))
            }
        };
        let transport = &mut self.transports[slot];
        let Role::Publisher(publication) = &mut transport.role else {
            return Err(Refused::NotAPublisher);
        };
        let answer = transport
            .engine
            .call(&mut self.aftermath.out, |rtc| rtc.sdp_api().accept_offer(offer))??;
        let rtc = transport.engine.rtc();
        let ended = publication.update_sections(offered, |mid| receives(rtc, mid));
        transport.handle_description();
        let ufrag = transport.engine.rtc_mut().direct_api().local_ice_credentials().ufrag;
        self.aftermath.demux.add_ufrag(slot, &ufrag);
        self.aftermath.drive(slot, transport, self.now);
        for key in ended {
            self.end_track(key);
        }
        Ok(answer.to_sdp_string())
    }

    pub(crate) fn subscribe(
        &mut self,
        id: TransportId,
        stream_id: String,
        tracks: Vec<TrackRequest>,
    ) {
        let slot = match self.by_id.get(&id) {
            Some(slot) => *slot,
            None => {
                let config = transport::subscriber_config(&self.crypto);
                let engine = match Engine::build(config, self.now) {
                    Ok(engine) => engine,
                    Err(fault) => return self.refuse(id, fault.into()),
                };
                let subscription =
                    Box::new(Subscription::new(stream_id, Box::new(ReferenceEgress)));
                self.insert(id, engine, Role::Subscriber(subscription))
            }
        };
        if let Role::Subscriber(subscription) = &mut self.transports[slot].role {
            subscription.wanted = tracks;
            self.negotiate(slot);
        }
    }

    pub(crate) fn restart_ice(&mut self, id: TransportId) {
        let Some((slot, transport)) = find(&self.by_id, &mut self.transports, id) else {
            return;
        };
        if let Role::Subscriber(subscription) = &mut transport.role {
            subscription.restart_wanted = true;
            self.negotiate(slot);
        }
    }

    /// Brings a subscriber's sections in line with what is wanted, by an offer if need be.
    fn negotiate(&mut self, slot: Slot) {
        self.release_unwanted(slot);
        let transport = &mut self.transports[slot];
        let Role::Subscriber(subscription) = &mut transport.role else {
            return;
        };
        // Which encoding is wanted needs no negotiation.
        let mut missing = Vec::new();
        for request in &subscription.wanted {
            let Some(key) = self.by_track_id.get(&request.track).copied() else {
                continue;
            };
            match subscription.sections.iter_mut().find(|s| s.track == Some(key)) {
                Some(section) => section.choice = request.encoding,
                None => missing.push((key, request.encoding)),
            }
        }
        if subscription.negotiation.is_offered() {
            return;
        }
        let now = self.now;
        let restart = std::mem::take(&mut subscription.restart_wanted);
        let mut api = transport.engine.rtc_mut().sdp_api();
        for section in subscription.sections.iter_mut().filter(|s| s.track.is_none() && s.offered) {
            api.set_direction(section.mid, Direction::Inactive);
            section.offered = false;
        }
        for (key, choice) in missing {
            let track = &mut self.tracks[key];
            let idle = subscription
                .sections
                .iter()
                .position(|s| s.track.is_none() && s.format == track.format);
            let index = idle.unwrap_or(subscription.sections.len());
            match subscription.sections.get_mut(index) {
                Some(section) => {
                    api.set_direction(section.mid, Direction::SendOnly);
                    section.track = Some(key);
                    section.choice = choice;
                    section.offered = true;
                }
                None => {
                    let (stream, name) = subscription.names_of(track);
                    let kind = track.format.codec.kind();
                    let mid = api.add_media(
                        engine_kind(kind),
                        Direction::SendOnly,
                        Some(stream),
                        Some(name),
                        None,
                    );
                    let forward =
                        Forward::new(self.random.u16(..), track.format.codec.clock_rate_hz());
                    subscription.sections.push(Section {
                        mid,
                        format: track.format,
                        track: Some(key),
                        choice,
                        offered: true,
                        live: false,
                        outlet: None,
                        forward,
                        nacks: 0,
                        sent: None,
                        sent_rate: 0,
                    });
                }
            }
            track.subscribers.push(SubscriberSection { slot, section: index });
        }
        if restart {
            let credentials = api.ice_restart(true);
            self.aftermath.demux.add_ufrag(slot, &credentials.ufrag);
        }
        if let Some((offer, pending)) = api.apply() {
            subscription.negotiation = Negotiation::Offered(pending);
            let sections = &subscription.sections;
            let sdp = sdp::keep_formats(&offer.to_sdp_string(), |mid, pt| {
                sections.iter().any(|s| *s.mid == *mid && s.format.owns(pt))
            });
            let id = transport.id;
            self.events.push_back(Event::Offer { transport: id, sdp });
        }
        let ufrag = transport.engine.rtc_mut().direct_api().local_ice_credentials().ufrag;
        self.aftermath.demux.add_ufrag(slot, &ufrag);
        self.aftermath.drive(slot, transport, now);
    }

    /// Stops forwarding what is not wanted any more.
    fn release_unwanted(&mut self, slot: Slot) {
        let Role::Subscriber(subscription) = &mut self.transports[slot].role else {
            return;
        };
        for section in &mut subscription.sections {
            let Some(key) = section.track else {
                continue;
            };
            let id = self.tracks[key].id;
            if !subscription.wanted.iter().any(|w| w.track == id) {
                section.release();
                self.tracks[key].subscribers.retain(|s| s.slot != slot);
            }
        }
    }

    pub(crate) fn handle_answer(&mut self, id: TransportId, text: &str) {
        match self.accept_answer(id, text) {
            Ok(Some(slot)) => {
                self.starting.push(slot);
                self.negotiate(slot);
            }
            Ok(None) => tracing::debug!(transport = id.0, "an answer to no offer was passed over"),
            Err(refused) => {
                if let Some(slot) = self.by_id.get(&id).copied() {
                    self.remove(slot);
                }
                self.refuse(id, refused);
            }
        }
    }

    fn accept_answer(&mut self, id: TransportId, text: &str) -> Result<Option<Slot>, Refused> {
        let Some((slot, transport)) = find(&self.by_id, &mut self.transports, id) else {
            return Ok(None);
        };
        let Role::Subscriber(subscription) = &mut transport.role else {
            return Ok(None);
        };
        let Negotiation::Offered(pending) =
            std::mem::replace(&mut subscription.negotiation, Negotiation::Idle)
        else {
            return Ok(None);
        };
        check_size(text)?;
        let answer = SdpAnswer::from_sdp_string(text).map_err(|e| Refused::Sdp(e.to_string()))?;
        transport
            .engine
            .call(&mut self.aftermath.out, |rtc| rtc.sdp_api().accept_answer(pending, answer))??;
        let repaired = sdp::sections_with_rtx(text);
        for section in &mut subscription.sections {
            let has_rtx = repaired.iter().any(|mid| **mid == *section.mid);
            let first = section.outlet.is_none();
            section.outlet = accepted(transport.engine.rtc(), section.mid, has_rtx);
            let mut api = transport.engine.rtc_mut().direct_api();
            if let Some(stream) = api.stream_tx_by_mid(section.mid, None).filter(|_| first) {
                stream.set_rtx_cache(RTX_CACHE_PACKETS, RTX_CACHE_AGE, Some(RTX_MAX_RATIO));
            }
        }
        transport.handle_description();
        self.aftermath.drive(slot, transport, self.now);
        Ok(Some(slot))
    }

    fn refuse(&mut self, id: TransportId, refused: Refused) {
        let reason = refused.to_string();
        tracing::debug!(transport = id.0, reason, "a description was refused");
        self.events.push_back(Event::NegotiationFailed { transport: id, reason });
    }
}

fn check_size(sdp: &str) -> Result<(), Refused> {
    if sdp.len() > sdp::MAX_SDP_BYTES { Err(Refused::TooLong) } else { Ok(()) }
}

/// Returns whether the peer may send in this section after the negotiation.
fn receives(rtc: &Rtc, mid: Mid) -> bool {
    rtc.media(mid).is_some_and(|m| !m.disabled() && m.direction().is_receiving())
}

/// Returns how the peer takes what this section sends, if it takes it.
fn accepted(rtc: &Rtc, mid: Mid, has_rtx: bool) -> Option<Outlet> {
    let media = rtc.media(mid).filter(|m| !m.disabled() && m.direction().is_sending())?;
    let payload_type = *media.remote_pts().first()?;
    Some(Outlet { payload_type, has_rtx })
}

fn engine_kind(kind: crate::MediaKind) -> str0m::media::MediaKind {
    match kind {
        crate::MediaKind::Audio => str0m::media::MediaKind::Audio,
        crate::MediaKind::Video => str0m::media::MediaKind::Video,
    }
}
