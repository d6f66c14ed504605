//! What publishers and receivers are told of how streams are sent, if they understand it.

use std::sync::Arc;

use galene_protocol::{EncodingUse, LimitReason, ServerMessage, StreamStatus};
use galene_sfu::{EncodingChoice, EncodingDemand, Service, TrackId, TransportId};

use super::Down;
use crate::Conference;

impl Conference {
    /// Other encodings of a published track are asked for than before.
    pub(super) fn encodings_asked(&mut self, track: TrackId, encodings: Vec<EncodingDemand>) {
        let Some(up) = self.ups.get_mut(&track.transport) else { return };
        let encodings = encodings
            .into_iter()
            .map(|EncodingDemand { rid, is_asked_for: active }| EncodingUse { rid, active });
        up.encodings.insert(track.section, encodings.collect());
        let (owner, id) = (up.owner, up.stream.clone());
        let encodings = up.encodings.values().flatten().cloned().collect();
        self.send_to(vec![owner], Arc::new(ServerMessage::Encodings { id, encodings }));
    }

    /// More or less of a track is sent to a receiver than before.
    pub(super) fn service_changed(
        &mut self,
        transport: TransportId,
        track: TrackId,
        service: Service,
    ) {
        if let Some(down) = self.downs.get_mut(&transport)
            && down.tracks.iter().any(|request| request.track == track)
        {
            down.services.insert(track, service);
            self.tell_status(transport);
        }
    }

    /// Tells a receiver what becomes of a stream, if it does not know.
    pub(super) fn tell_status(&mut self, transport: TransportId) {
        let Some(down) = self.downs.get_mut(&transport) else { return };
        let status = down.current_status();
        if !down.announced || std::mem::replace(&mut down.status, status) == status {
            return;
        }
        let (receiver, id) = (down.receiver, down.stream.clone());
        self.send_to(vec![receiver], Arc::new(ServerMessage::StreamStatus { id, status }));
    }
}

impl Down {
    fn current_status(&mut self) -> StreamStatus {
        let tracks = &self.tracks;
        if tracks.iter().any(|request| request.encoding == EncodingChoice::Nothing) {
            return StreamStatus::Paused(LimitReason::LastN);
        }
        self.services.retain(|track, _| tracks.iter().any(|request| request.track == *track));
        match self.services.values().min() {
            None | Some(Service::Full) => StreamStatus::Full,
            Some(Service::Reduced) => StreamStatus::Reduced(LimitReason::Bandwidth),
            Some(Service::Paused) => StreamStatus::Paused(LimitReason::Bandwidth),
        }
    }
}
