//! What is said beyond Galène's protocol, and to whom.

use std::sync::Arc;

use galene_protocol::{Feature, Features, ServerMessage};

use crate::{Conference, Output, SessionId};

/// What this server has to say to clients that understand it. Messages of a kind are added together
/// with their feature here, so that no client waits for what never comes.
pub(crate) const FEATURES: Features =
    Features::of(&[Feature::Encodings, Feature::Speakers, Feature::StreamStatus]);

impl Conference {
    /// Says something to those of the sessions who understand it.
    pub(crate) fn send_to(&mut self, sessions: Vec<SessionId>, message: Arc<ServerMessage>) {
        let sessions = self.who_understand(sessions, message.feature());
        if !sessions.is_empty() {
            self.output(Output::Send { sessions, message });
        }
    }

    fn who_understand(
        &self,
        mut sessions: Vec<SessionId>,
        feature: Option<Feature>,
    ) -> Vec<SessionId> {
        if let Some(feature) = feature {
            let features = |id: &SessionId| self.sessions.get(id).map(|state| state.features);
            sessions.retain(|id| features(id).is_some_and(|known| known.contains(feature)));
        }
        sessions
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Instant, UNIX_EPOCH};

    use galene_protocol::{ClientBody, ClientId, Handshake};

    use super::*;
    use crate::{Config, Input, Now};

    #[test]
    #[expect(clippy::disallowed_methods, reason = "an arbitrary origin of time")]
    fn news_of_a_kind_that_galene_lacks_go_to_those_who_asked_for_it() {
        let mut conference = Conference::new(Config::default(), 1);
        let now = Now { instant: Instant::now(), wall: UNIX_EPOCH };
        let all = [Features::default(), Features::of(&[Feature::Speakers])];
        let sessions: Vec<SessionId> = (0..2).map(SessionId).collect();
        for (session, features) in sessions.iter().zip(all) {
            conference.handle_input(Input::SessionOpened { session: *session, address: None }, now);
            let id = ClientId::try_from("client").ok();
            let handshake = Handshake { version: vec!["2".to_owned()], id, features };
            let message = ClientBody::Handshake(handshake).into();
            conference.handle_input(Input::Message { session: *session, message }, now);
        }
        let who = |feature| conference.who_understand(sessions.clone(), feature);
        assert_eq!(who(None), sessions);
        assert_eq!(who(Some(Feature::Speakers)), [SessionId(1)]);
        assert_eq!(who(Some(Feature::Encodings)), []);
    }
}
