//! ICE candidates, both ways.

use galene_protocol::{Ice, IceCandidate, ServerMessage};
use galene_sfu::{Command, TransportId};

use crate::limits::MAX_CANDIDATES;
use crate::{Conference, SessionId};

impl Conference {
    /// A client found a candidate. The stream may have ended while it was on its way.
    pub(crate) fn client_ice(&mut self, session: SessionId, ice: Ice) {
        let Ice { id, candidate: IceCandidate { candidate, .. } } = ice;
        let Some(state) = self.sessions.get(&session) else { return };
        let Some(transport) = state.ups.get(&id).or_else(|| state.downs.get(&id)).copied() else {
            return;
        };
        // Without text it says that there are no more, which nobody waits for.
        if candidate.is_empty() {
            return;
        }
        let (shard, count) = if let Some(up) = self.ups.get_mut(&transport) {
            (up.shard, &mut up.candidates)
        } else if let Some(down) = self.downs.get_mut(&transport) {
            (down.shard, &mut down.candidates)
        } else {
            return;
        };
        if *count >= MAX_CANDIDATES {
            tracing::debug!(session = session.0, stream = %id, "too many candidates");
            return;
        }
        *count += 1;
        self.command(shard, Command::AddCandidate { transport, candidate });
    }

    /// The media plane found a candidate for a transport that the client knows.
    pub(super) fn server_candidate(&mut self, transport: TransportId, candidate: String) {
        let up = self.ups.get(&transport).map(|up| (up.owner, &up.stream));
        let down = || self.downs.get(&transport).map(|down| (down.receiver, &down.stream));
        let Some((session, stream)) = up.or_else(down) else { return };
        let candidate = IceCandidate {
            candidate,
            // All media sections are bundled, so the first one stands for all.
            sdp_mid: Some(String::new()),
            sdp_m_line_index: Some(0),
            username_fragment: None,
        };
        let ice = Ice { id: stream.clone(), candidate };
        self.tell(session, ServerMessage::Ice(ice));
    }
}
