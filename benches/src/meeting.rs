//! A group with members in the control plane alone: no sockets, no media, virtual time.

use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use galene_conference::{Conference, Config, Input, NoTokens, Now, Output, Outside, SessionId};
use galene_group::{Description, GroupLookup};
use galene_protocol::{
    ClientBody, ClientId, ClientMessage, GroupName, Handshake, Join, Post, ServerMessage, VERSION,
};
use galene_testkit::epoch;

use crate::Meter;

/// A group, its members, and what they are told.
#[derive(Debug)]
pub struct Meeting {
    conference: Conference,
    now: Now,
    lookup: GroupLookup,
    members: Vec<SessionId>,
    last_session: u64,
    /// Whose turn it is to say something.
    turn: usize,
}

/// A message and how many are sent it.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// How many.
    pub recipients: usize,
    /// What.
    pub message: Arc<ServerMessage>,
}

const GROUP: &str = r#"{"wildcard-user": {"password": "secret", "permissions": "present"}}"#;

/// Time between two things that are said: nobody speaks more than ten times a second, even among ten,
/// and nobody seems to have fallen asleep, even among a thousand.
const PAUSE: Duration = Duration::from_millis(10);

impl Meeting {
    /// Opens a group with so many members.
    pub fn new(members: u16) -> Self {
        let name = GroupName::parse("lounge").expect("a plain word is a name");
        let description = Description::parse(GROUP).expect("the description above is one");
        let now = Now { instant: epoch(), wall: UNIX_EPOCH + Duration::from_secs(1_700_000_000) };
        let lookup = GroupLookup { name, description: Arc::new(description), problem: None };
        let conference = Conference::new(Config::default(), 1);
        let members_so_far = Vec::with_capacity(members.into());
        let mut meeting =
            Self { conference, now, lookup, members: members_so_far, last_session: 0, turn: 0 };
        for _ in 0..members {
            meeting.join(&mut Meter::off());
        }
        meeting
    }

    /// Lets somebody connect and join, and measures what the control plane does about it. Looking up the
    /// group and checking the password are not its doing. Returns what is said to whom.
    pub fn join(&mut self, meter: &mut Meter) -> Vec<Delivery> {
        self.last_session += 1;
        let session = SessionId(self.last_session);
        // Browsers choose 128 random bits for an id, in hexadecimal.
        let id = ClientId::try_from(format!("{:032x}", u128::from(self.last_session) << 90));
        let version = vec![VERSION.to_owned()];
        let id = Some(id.expect("it is not empty"));
        let handshake = Handshake { version, id, ..Handshake::default() };
        let join = Join {
            group: "lounge".to_owned(),
            username: Some(format!("member {}", self.last_session)),
            password: "secret".to_owned().into(),
            ..Join::default()
        };
        let mut told = Vec::new();
        let mut inputs = vec![
            Input::SessionOpened { session, address: None },
            message(session, ClientBody::Handshake(handshake)),
            message(session, ClientBody::Join(join)),
        ];
        self.now.instant += PAUSE / 10;
        while !inputs.is_empty() {
            for input in std::mem::take(&mut inputs) {
                for output in self.handle(input, meter) {
                    match output {
                        Output::Send { sessions, message } => {
                            told.push(Delivery { recipients: sessions.len(), message });
                        }
                        Output::LoadGroup { ticket, .. } => {
                            let result = Ok(self.lookup.clone());
                            inputs.push(Input::GroupLoaded { ticket, result });
                        }
                        Output::Authorise { ticket, request } => {
                            let outside = Outside { now: self.now.wall, tokens: &NoTokens };
                            let result = request.run(outside);
                            inputs.push(Input::Authorised { ticket, result });
                        }
                        other @ (Output::Close { .. } | Output::Media(_) | _) => {
                            unreachable!("nobody publishes or has to go: {other:?}")
                        }
                    }
                }
            }
        }
        self.members.push(session);
        told
    }

    /// Lets the member who came last go.
    pub fn part(&mut self) {
        if let Some(session) = self.members.pop() {
            self.handle(Input::SessionClosed { session }, &mut Meter::off());
        }
    }

    /// Lets the next member say something to all, and measures what the control plane does about it.
    /// Returns what is said to whom.
    pub fn chat(&mut self, meter: &mut Meter) -> Vec<Delivery> {
        self.turn = (self.turn + 1) % self.members.len();
        self.now.instant += PAUSE;
        let value = Some("I cannot see the slides, is it only me?".into());
        let chat = ClientBody::Chat(Post { value, ..Post::default() });
        let outputs = self.handle(message(self.members[self.turn], chat), meter);
        let told = outputs.into_iter().map(|output| {
            let Output::Send { sessions, message } = output else {
                unreachable!("a message is only passed on: {output:?}")
            };
            Delivery { recipients: sessions.len(), message }
        });
        told.collect()
    }

    /// Returns how many members there are.
    pub fn members(&self) -> usize {
        self.conference.member_count(&self.lookup.name)
    }

    fn handle(&mut self, input: Input, meter: &mut Meter) -> Vec<Output> {
        let mut outputs = Vec::with_capacity(2 * self.members.len() + 8);
        meter.measure(|| {
            self.conference.handle_input(input, self.now);
            outputs.extend(std::iter::from_fn(|| self.conference.poll_output()));
        });
        outputs
    }
}

/// Writes everything that is sent as JSON, measures that, and returns how many bytes the recipients are
/// sent together.
pub fn encode(told: &[Delivery], meter: &mut Meter) -> u64 {
    let sizes = told.iter().map(|Delivery { recipients, message }| {
        let text = meter.measure(|| message.encode());
        (recipients * text.len()) as u64
    });
    sizes.sum()
}

fn message(session: SessionId, body: ClientBody) -> Input {
    Input::Message { session, message: ClientMessage::from(body) }
}
