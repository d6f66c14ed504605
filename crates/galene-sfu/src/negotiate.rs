//! Offers and answers, in both directions (RFC 8829).

use str0m::change::SdpPendingOffer;
use str0m::media::{Direction, Mid, Pt};
use str0m::{Rtc, RtcError};

use crate::demux::Slot;
use crate::egress::ReferenceEgress;
use crate::engine::{self, Engine, Fault};
use crate::formats::Format;
use crate::forward::Forward;
use crate::publication::Publication;
use crate::sdp;
use crate::sfu::{Sfu, find};
use crate::subscription::{Negotiation, Outlet, Section, Subscription};
use crate::track::{SubscriberSection, TrackKey};
use crate::transport::{self, RTX_CACHE_PACKETS, Role, Transport};
use crate::{ClientId, Codec, EgressKind, Event, TrackRequest, TransportId};

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
    #[error("the server could not set up a transport")]
    Unavailable,
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
            Ok(Some(sdp)) => self.events.push_back(Event::Answer { transport: id, sdp }),
            // The engine failed, which ends the transport.
            Ok(None) => {}
            Err(refused) => {
                if let Some(slot) = self.by_id.get(&id).copied().filter(|_| is_new) {
                    self.remove(slot);
                }
                self.refuse(id, &refused);
            }
        }
    }

    fn accept_offer(
        &mut self,
        id: TransportId,
        text: &str,
        codecs: &[Codec],
    ) -> Result<Option<String>, Refused> {
        check_size(text)?;
        let offered = sdp::offered_sections(text);
        if offered.len() > sdp::MAX_SECTIONS {
            return Err(Refused::TooManySections);
        }
        let (text, candidates) = sdp::split_candidates(text);
        let offer = engine::parse_offer(&sdp::make_send_only(&text)).map_err(Refused::Sdp)?;
        let slot = match self.by_id.get(&id) {
            Some(slot) => *slot,
            None => {
                let config = transport::publisher_config(&self.crypto, codecs);
                let engine = Engine::build(config, self.now).map_err(unavailable)?;
                self.insert(id, engine, Role::Publisher(Publication::new()))
            }
        };
        let transport = &mut self.transports[slot];
        if !matches!(transport.role, Role::Publisher(_)) {
            return Err(Refused::NotAPublisher);
        }
        let accept = |rtc: &mut Rtc| {
            let answer = rtc.sdp_api().accept_offer(offer)?;
            Ok::<_, RtcError>((answer, rtc.direct_api().local_ice_credentials().ufrag))
        };
        let Some(accepted) = self.aftermath.call(slot, transport, self.now, accept) else {
            return Ok(None);
        };
        let (answer, ufrag) = accepted?;
        let rtc = transport.engine.rtc();
        let Role::Publisher(publication) = &mut transport.role else {
            return Err(Refused::NotAPublisher);
        };
        let answer = sdp::restore_mids(&answer.to_sdp_string(), &offered);
        let ended = publication.update_sections(offered, |mid| receives(rtc, mid));
        let was_described = std::mem::replace(&mut transport.described, true);
        if self.aftermath.demux.add_ufrag(slot, &ufrag) && was_described {
            transport.handle_ice_restart();
        }
        candidates.iter().for_each(|candidate| transport.add_candidate(candidate));
        self.aftermath.drive(slot, transport, self.now);
        self.try_candidates(slot);
        for key in ended {
            self.end_track(key);
        }
        Ok(Some(answer))
    }

    pub(crate) fn subscribe(
        &mut self,
        id: TransportId,
        client: ClientId,
        stream_id: String,
        tracks: Vec<TrackRequest>,
    ) {
        let slot = match self.by_id.get(&id) {
            Some(slot) => *slot,
            None => {
                let config = transport::subscriber_config(&self.crypto, self.config.egress);
                let engine = match Engine::build(config, self.now).map_err(unavailable) {
                    Ok(engine) => engine,
                    Err(refused) => return self.refuse(id, &refused),
                };
                let subscription =
                    Box::new(Subscription::new(stream_id, client, Box::new(ReferenceEgress)));
                let slot = self.insert(id, engine, Role::Subscriber(subscription));
                self.join_client(client, slot);
                slot
            }
        };
        if let Role::Subscriber(subscription) = &mut self.transports[slot].role {
            let before = subscription.want(tracks);
            let wanted = subscription.wanted.clone();
            self.acquire(&wanted);
            self.negotiate(slot);
            self.release(&before);
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

    /// A track has started: whoever was told to have it before gets it now.
    pub(crate) fn offer_to_waiting(&mut self, key: TrackKey) {
        let id = self.tracks[key].id;
        let wants = |transport: &Transport| match &transport.role {
            Role::Subscriber(subscription) => subscription.wanted.iter().any(|w| w.track == id),
            Role::Publisher(_) => false,
        };
        let waiting = self.transports.iter().filter(|(_, transport)| wants(transport));
        let waiting: Vec<Slot> = waiting.map(|(slot, _)| slot).collect();
        for slot in waiting {
            self.negotiate(slot);
        }
    }

    /// Brings a subscriber's sections in line with what is wanted, by an offer if need be.
    fn negotiate(&mut self, slot: Slot) {
        self.release_unwanted(slot);
        let mut changed = Vec::new();
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
            let mut sections = subscription.sections.iter_mut().enumerate();
            match sections.find(|(_, s)| s.track == Some(key)) {
                Some((at, section)) => {
                    section.priority = request.priority;
                    if section.selection.want(request.encoding) {
                        changed.push((key, SubscriberSection { slot, section: at }));
                    }
                }
                None => missing.push((key, *request)),
            }
        }
        let (is_offered, client) = (subscription.negotiation.is_offered(), subscription.client);
        let has_changed = !changed.is_empty();
        for (key, section) in changed {
            self.apply_selection(section);
            self.note_demand(key);
            self.note_service(section);
        }
        if has_changed {
            self.share_out(client, false);
        }
        if !is_offered {
            self.offer(slot, &missing);
        }
    }

    /// Offers the peer what has changed; `missing` are the tracks that it is to have and has not.
    fn offer(&mut self, slot: Slot, missing: &[(TrackKey, TrackRequest)]) {
        let transport = &mut self.transports[slot];
        let Role::Subscriber(subscription) = &mut transport.role else {
            return;
        };
        let mut plan = Plan::default();
        for section in subscription.sections.iter_mut().filter(|s| s.track.is_none() && s.offered) {
            plan.directions.push((section.mid, Direction::Inactive));
            section.offered = false;
        }
        // The sections that take the missing tracks; those that are still to be added stand last.
        let mut takers: Vec<(usize, TrackKey, TrackRequest)> = Vec::new();
        let mut added = subscription.sections.len();
        for &(key, request) in missing {
            let track = &self.tracks[key];
            let taken = |at: usize| takers.iter().any(|(taken, ..)| *taken == at);
            let mut sections = subscription.sections.iter().enumerate();
            let idle = sections.find(|(at, s)| s.is_idle(track.format) && !taken(*at));
            if let Some((at, section)) = idle {
                plan.directions.push((section.mid, Direction::SendOnly));
                takers.push((at, key, request));
            } else if added < sdp::MAX_SECTIONS {
                let (stream, name) = subscription.names_of(track);
                plan.additions.push((engine_kind(track.format.codec.kind()), stream, name));
                takers.push((added, key, request));
                added += 1;
            } else {
                tracing::debug!(transport = transport.id.0, "too many sections to add another");
            }
        }
        // Without a section there is nothing to offer.
        plan.restart = std::mem::take(&mut subscription.restart_wanted) && added > 0;
        if plan.is_empty() && takers.is_empty() {
            return;
        }

        if transport.failed {
            return;
        }
        let egress = &subscription.egress;
        let drawn = transport.engine.touch(|rtc| {
            egress.lend_streams(rtc);
            let drawn = plan.carry_out(rtc);
            if drawn.offer.is_none() {
                egress.take_streams(rtc);
            }
            drawn
        });
        let drawn = match drawn {
            Ok(drawn) => drawn,
            Err(fault) => return self.aftermath.fail(slot, transport, fault),
        };
        let mut mids = drawn.added.into_iter();
        for (at, key, request) in takers {
            let track = &mut self.tracks[key];
            if at == subscription.sections.len()
                && let Some(mid) = mids.next()
            {
                let clock_rate = track.format.codec.clock_rate_hz();
                let forward = Forward::new(self.random.u16(..), clock_rate);
                subscription.sections.push(Section::new(mid, track.format, forward));
            }
            let section = &mut subscription.sections[at];
            section.track = Some(key);
            section.selection.want(request.encoding);
            section.priority = request.priority;
            section.offered = true;
            track.subscribers.push(SubscriberSection { slot, section: at });
            self.demands.insert((self.now, key));
        }
        if let Some((offer, pending)) = drawn.offer {
            subscription.negotiation = Negotiation::Offered(pending);
            let rtc = transport.engine.rtc();
            let offered = subscription.sections.iter().map(|s| (s.mid, types_of(rtc, s.format)));
            let offered: Vec<_> = offered.collect();
            let sdp = sdp::keep_formats(&offer, |mid, pt| {
                let section = offered.iter().find(|(offered, _)| **offered == *mid);
                section.is_some_and(|(_, types)| types.contains(&pt.into()))
            });
            self.events.push_back(Event::Offer { transport: transport.id, sdp });
        }
        if self.aftermath.demux.add_ufrag(slot, &drawn.ufrag) {
            transport.handle_ice_restart();
        }
        self.aftermath.drive(slot, transport, self.now);
    }

    /// Stops forwarding what is not wanted any more.
    fn release_unwanted(&mut self, slot: Slot) {
        let Role::Subscriber(subscription) = &mut self.transports[slot].role else {
            return;
        };
        let (mut left, client) = (Vec::new(), subscription.client);
        for section in &mut subscription.sections {
            let section_track = section.track;
            let Some(track) = section_track.and_then(|key| self.tracks.get_mut(key)) else {
                continue;
            };
            if !subscription.wanted.iter().any(|w| w.track == track.id) {
                section.release();
                track.subscribers.retain(|s| s.slot != slot);
                left.extend(section_track);
            }
        }
        if left.is_empty() {
            return;
        }
        for key in left {
            self.refresh_import(key);
            self.note_demand(key);
        }
        self.share_out(client, false);
    }

    pub(crate) fn handle_answer(&mut self, id: TransportId, text: &str) {
        match self.accept_answer(id, text) {
            Ok(Some(slot)) => {
                self.try_candidates(slot);
                self.starting.push_back(slot);
                self.negotiate(slot);
            }
            Ok(None) => tracing::debug!(transport = id.0, "an answer was passed over"),
            Err(refused) => {
                if let Some(slot) = self.by_id.get(&id).copied() {
                    self.remove(slot);
                }
                self.refuse(id, &refused);
            }
        }
    }

    /// Returns the transport, unless there was no offer to be answered or the engine failed.
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
        let (text, candidates) = sdp::split_answer(text);
        let answer = engine::parse_answer(&text).map_err(Refused::Sdp)?;
        // Only where the engine sends does it keep packets.
        let keeps = self.config.egress == EgressKind::Reference;
        let fresh = subscription.sections.iter().filter(|s| keeps && !s.answered).map(|s| s.mid);
        let fresh: Vec<Mid> = fresh.collect();
        let accept = |rtc: &mut Rtc| {
            rtc.sdp_api().accept_answer(pending, answer)?;
            let mut api = rtc.direct_api();
            for mid in fresh {
                if let Some(stream) = api.stream_tx_by_mid(mid, None) {
                    stream.set_rtx_cache(RTX_CACHE_PACKETS, RTX_CACHE_AGE, Some(RTX_MAX_RATIO));
                }
            }
            Ok::<_, RtcError>(())
        };
        let Some(accepted) = self.aftermath.call(slot, transport, self.now, accept) else {
            return Ok(None);
        };
        accepted?;
        let repaired = sdp::sections_with_rtx(&text);
        let redundant = sdp::sections_with_red(&text);
        let rtc = transport.engine.rtc();
        if let Role::Subscriber(subscription) = &mut transport.role {
            for section in &mut subscription.sections {
                let is_in = |mids: &[&str]| mids.iter().any(|mid| **mid == *section.mid);
                let (has_rtx, has_red) = (is_in(&repaired), is_in(&redundant));
                section.answered = true;
                section.refused = rtc.media(section.mid).is_none_or(|m| m.disabled());
                section.outlet = accepted_outlet(rtc, section, has_rtx, has_red);
            }
            let taken = transport.engine.touch(|rtc| subscription.egress.take_streams(rtc));
            if let Err(fault) = taken {
                self.aftermath.fail(slot, transport, fault);
                return Ok(None);
            }
        }
        transport.described = true;
        candidates.iter().for_each(|candidate| transport.add_candidate(candidate));
        self.aftermath.drive(slot, transport, self.now);
        Ok(Some(slot))
    }

    fn refuse(&mut self, id: TransportId, refused: &Refused) {
        let reason = refused.to_string();
        tracing::debug!(transport = id.0, reason, "a description was refused");
        self.events.push_back(Event::NegotiationFailed { transport: id, reason });
    }
}

/// What is to be changed in a subscriber's session.
#[derive(Debug, Default)]
struct Plan {
    directions: Vec<(Mid, Direction)>,
    /// Kind, `MediaStream` id and track id of each section to add.
    additions: Vec<(str0m::media::MediaKind, String, String)>,
    restart: bool,
}

/// What came of a [`Plan`].
struct Drawn {
    added: Vec<Mid>,
    /// Our ICE user name: the one that will be valid once the offer is answered.
    ufrag: String,
    offer: Option<(String, SdpPendingOffer)>,
}

impl Plan {
    fn is_empty(&self) -> bool {
        self.directions.is_empty() && self.additions.is_empty() && !self.restart
    }

    fn carry_out(self, rtc: &mut Rtc) -> Drawn {
        let mut ufrag = rtc.direct_api().local_ice_credentials().ufrag;
        let mut api = rtc.sdp_api();
        for (mid, direction) in self.directions {
            api.set_direction(mid, direction);
        }
        let mut added = Vec::new();
        for (kind, stream, name) in self.additions {
            added.push(api.add_media(kind, Direction::SendOnly, Some(stream), Some(name), None));
        }
        if self.restart {
            ufrag = api.ice_restart(true).ufrag;
        }
        let offer = api.apply().map(|(offer, pending)| (offer.to_sdp_string(), pending));
        Drawn { added, ufrag, offer }
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
fn accepted_outlet(rtc: &Rtc, section: &Section, has_rtx: bool, has_red: bool) -> Option<Outlet> {
    let media = rtc.media(section.mid).filter(|m| !m.disabled() && m.direction().is_sending())?;
    // A peer may name formats that it was not offered; they would be sent what they are not.
    let params = rtc.codec_config().params();
    let agreed = media.remote_pts().iter().find_map(|pt| {
        params.iter().find(|p| p.pt() == *pt && Format::of(&p.spec()) == Some(section.format))
    })?;
    Some(Outlet {
        payload_type: agreed.pt(),
        has_rtx: has_rtx && agreed.resend().is_some(),
        red: agreed.red().filter(|_| has_red),
    })
}

/// Returns the payload types of this format, its retransmission and its redundant audio. They are those
/// of our first offer until a peer answers with others.
fn types_of(rtc: &Rtc, format: Format) -> Vec<Pt> {
    let params = rtc.codec_config().params().iter();
    let params = params.filter(|p| Format::of(&p.spec()) == Some(format));
    params.flat_map(|p| [Some(p.pt()), p.resend(), p.red()]).flatten().collect()
}

fn unavailable(fault: Fault) -> Refused {
    let source = std::error::Error::source(&fault).map(ToString::to_string);
    tracing::error!(%fault, source, "no engine can be made");
    Refused::Unavailable
}

fn engine_kind(kind: crate::MediaKind) -> str0m::media::MediaKind {
    match kind {
        crate::MediaKind::Audio => str0m::media::MediaKind::Audio,
        crate::MediaKind::Video => str0m::media::MediaKind::Video,
    }
}
