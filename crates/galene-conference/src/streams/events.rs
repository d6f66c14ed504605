//! What the media plane reports.

use galene_protocol::{Answer, ServerMessage, ServerOffer};
use galene_sfu::{CloseReason, Event, TransportId};

use super::Farewell;
use crate::conference::Timer;
use crate::limits::{ANSWER_TIMEOUT, HANG_UP_DELAY, PUSH_DELAY};
use crate::{Conference, Now};

impl Conference {
    /// Takes in an event. Events about transports that are closed by now are normal.
    pub(crate) fn media_event(&mut self, event: Event, now: Now) {
        match event {
            Event::Answer { transport, sdp } => self.answer_publisher(transport, sdp),
            Event::Offer { transport, sdp } => self.offer_receiver(transport, sdp, now),
            Event::Candidate { transport, candidate } => {
                self.server_candidate(transport, candidate)
            }
            Event::NegotiationFailed { transport, reason } => {
                self.negotiation_failed(transport, &reason)
            }
            Event::Connected { transport } => tracing::trace!(%transport, "connected"),
            Event::Disconnected { transport } => self.disconnected(transport),
            Event::Closed { transport, reason } => self.transport_closed(transport, reason, now),
            Event::TrackStarted { track, codec } => {
                if let Some(up) = self.ups.get_mut(&track.transport) {
                    up.tracks.insert(track.section, codec.kind());
                    self.timers.arm(Timer::Push(track.transport), now.instant + PUSH_DELAY);
                }
            }
            Event::Speech { track, level } => self.voice_heard(track, level, now),
            Event::TrackEnded { track } => {
                if let Some(up) = self.ups.get_mut(&track.transport) {
                    up.tracks.remove(&track.section);
                    up.encodings.remove(&track.section);
                    self.timers.arm(Timer::Push(track.transport), now.instant + PUSH_DELAY);
                }
            }
            // Whoever asked for it takes it out before.
            Event::Report { .. } => {}
            Event::EncodingsAsked { track, encodings } => self.encodings_asked(track, encodings),
            Event::ServiceChanged { transport, track, service } => {
                self.service_changed(transport, track, service);
            }
        }
    }

    fn answer_publisher(&mut self, transport: TransportId, sdp: String) {
        let Some(up) = self.ups.get_mut(&transport) else { return };
        up.negotiated = true;
        if self.timers.is_armed(Timer::HungUp(transport)) {
            // The peer hung up, and what it offered before that was heard of has become another transport.
            self.timers.cancel(Timer::HungUp(transport));
            up.tracks.clear();
        }
        let (owner, id) = (up.owner, up.stream.clone());
        self.tell(owner, ServerMessage::Answer(Answer { id, sdp }));
    }

    fn offer_receiver(&mut self, transport: TransportId, sdp: String, now: Now) {
        if self.is_held(transport) {
            return;
        }
        let Some(down) = self.downs.get_mut(&transport) else { return };
        let Some(up) = self.ups.get(&down.up) else { return };
        down.announced = true;
        down.awaits_answer = true;
        down.candidates = 0;
        let (receiver, id) = (down.receiver, down.stream.clone());
        let (label, publisher) = (up.label.clone(), up.owner);
        let predecessors = std::mem::take(&mut down.replaces);
        self.timers.arm(Timer::Answer(transport), now.instant + ANSWER_TIMEOUT);

        let mut replace = None;
        for predecessor in predecessors {
            let known = self
                .sessions
                .get(&receiver)
                .and_then(|state| state.downs.get(&predecessor).copied());
            let Some(known) = known else { continue };
            // The offer takes care of one of them; there is more than one only if streams were merged.
            let farewell = if replace.is_none() { Farewell::Silent } else { Farewell::Told };
            self.close_down(known, farewell);
            replace.get_or_insert(predecessor);
        }
        let Some(member) = self.member(publisher) else { return };
        let (source, username) = (member.client().clone(), member.username().clone());
        let offer = ServerOffer { id, label, replace, source, username, sdp };
        self.tell(receiver, ServerMessage::Offer(offer));
        // Its picture may wait from the start.
        self.tell_status(transport);
    }

    fn negotiation_failed(&mut self, transport: TransportId, reason: &str) {
        if let Some(up) = self.ups.get(&transport) {
            if !up.negotiated {
                return self.abort_up(transport, reason);
            }
            // The stream goes on as it was, until the publisher reacts by closing it.
            let (owner, id) = (up.owner, up.stream.clone());
            self.tell(owner, ServerMessage::Abort { id });
            self.tell_error(owner, reason);
        } else if let Some(down) = self.downs.get(&transport) {
            let receiver = down.receiver;
            self.close_down(transport, Farewell::Told);
            self.tell_error(receiver, reason);
        }
    }

    /// ICE failed: whoever offers the stream has to offer it anew.
    fn disconnected(&mut self, transport: TransportId) {
        match self.ups.get(&transport) {
            Some(up) => {
                let (owner, id) = (up.owner, up.stream.clone());
                self.tell(owner, ServerMessage::Renegotiate { id });
            }
            None => self.restart_ice(transport),
        }
    }

    fn transport_closed(&mut self, transport: TransportId, reason: CloseReason, now: Now) {
        if !self.ups.contains_key(&transport) {
            return self.close_down(transport, Farewell::Told);
        }
        match reason {
            CloseReason::Fault => self.abort_up(transport, "the server lost this stream"),
            // A client that replaces a stream closes the old one first, and its DTLS may overtake the
            // offer that says so.
            CloseReason::Peer => {
                self.timers.arm(Timer::HungUp(transport), now.instant + HANG_UP_DELAY);
            }
        }
    }
}
