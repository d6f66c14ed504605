//! Receiving.

use galene_protocol::{Answer, ServerMessage, StreamId, StreamRequest, Wanted};
use galene_sfu::{Command, TransportId};

use super::Farewell;
use crate::conference::Timer;
use crate::{Conference, Now, SessionId};

impl Conference {
    /// A client says what it wants of all streams, present and future.
    pub(crate) fn client_request(&mut self, session: SessionId, request: StreamRequest, now: Now) {
        let in_group = self.act(session, |_, _| Ok(())).is_some();
        let Some(state) = self.sessions.get_mut(&session).filter(|_| in_group) else { return };
        if state.request != request {
            state.request = request;
        }
        self.evaluate_all(session, now);
    }

    /// A client says what it wants of one stream that it receives. The stream may have ended while the
    /// message was on its way.
    pub(crate) fn client_request_stream(
        &mut self,
        session: SessionId,
        stream: &StreamId,
        wanted: Option<Wanted>,
        now: Now,
    ) {
        let Some(transport) = self.received(session, stream) else { return };
        let Some(down) = self.downs.get_mut(&transport) else { return };
        down.wanted = wanted;
        let up = down.up;
        self.evaluate(session, up, now);
    }

    /// A client answers an offer.
    pub(crate) fn client_answer(&mut self, session: SessionId, answer: Answer) {
        let Answer { id, sdp } = answer;
        let Some(transport) = self.received(session, &id) else {
            return self.tell(session, ServerMessage::Close { id });
        };
        let Some(down) = self.downs.get_mut(&transport) else { return };
        if !std::mem::take(&mut down.awaits_answer) {
            tracing::debug!(session = session.0, stream = %id, "an answer without an offer");
            return;
        }
        down.candidates = 0;
        let shard = down.shard;
        self.timers.cancel(Timer::Answer(transport));
        self.command(shard, Command::Answer { transport, sdp });
    }

    /// A client does not want a stream that it receives, until the stream is shown the next time.
    pub(crate) fn client_abort(&mut self, session: SessionId, id: StreamId) {
        if let Some(transport) = self.received(session, &id) {
            self.close_down(transport, Farewell::Silent);
        }
        self.tell(session, ServerMessage::Close { id });
    }

    /// A client lost a stream that it receives and wants a fresh offer.
    pub(crate) fn client_renegotiate(&mut self, session: SessionId, stream: &StreamId) {
        if let Some(transport) = self.received(session, stream) {
            self.restart_ice(transport);
        }
    }

    /// Offers a stream anew with fresh ICE credentials, unless its publisher is gone.
    pub(super) fn restart_ice(&mut self, transport: TransportId) {
        if let Some(down) = self.downs.get(&transport)
            && down.announced
            && !self.is_held(transport)
        {
            let shard = down.shard;
            self.command(shard, Command::RestartIce { transport });
        }
    }

    /// Nothing came of an offer for too long.
    pub(crate) fn answer_overdue(&mut self, transport: TransportId) {
        self.close_down(transport, Farewell::Told);
    }

    fn received(&self, session: SessionId, stream: &StreamId) -> Option<TransportId> {
        self.sessions.get(&session)?.downs.get(stream).copied()
    }
}
