//! Whatever happens in a group, each member's idea of who is in it is right.

#![expect(clippy::unwrap_used, clippy::wildcard_enum_match_arm, reason = "a test may panic")]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use galene_group::{
    Action, Description, Group, MemberId, Newcomer, Notice, PermissionChange, Refusal,
};
use galene_protocol::{
    ClientId, Data, GroupName, MessageId, Permission, Permissions, Post, ServerMessage,
    UserMessage, UserState, UserUpdate, Username,
};
use proptest::prelude::*;

const NOW: SystemTime = UNIX_EPOCH;
/// Few, so that they meet: in ids, in kicks, in operators.
const CLIENTS: u8 = 5;

#[derive(Debug, Clone)]
enum Step {
    Join { client: u8, op: bool },
    Leave { client: u8 },
    Kick { by: u8, client: u8 },
    Lock { by: u8, locked: bool },
    Change { by: u8, client: u8, change: PermissionChange },
    SetData { by: u8, hand: bool },
    Chat { by: u8 },
    Redefine { definition: usize },
}

const DEFINITIONS: [&str; 3] =
    ["{}", r#"{"autolock": true}"#, r#"{"autokick": true, "max-clients": 3}"#];

fn step() -> impl Strategy<Value = Step> {
    let client = || 0..CLIENTS;
    let change = prop::sample::select(vec![
        PermissionChange::Op,
        PermissionChange::Unop,
        PermissionChange::Present,
        PermissionChange::Unpresent,
        PermissionChange::Shutup,
        PermissionChange::Unshutup,
    ]);
    prop_oneof![
        4 => (client(), any::<bool>()).prop_map(|(client, op)| Step::Join { client, op }),
        2 => client().prop_map(|client| Step::Leave { client }),
        1 => (client(), client()).prop_map(|(by, client)| Step::Kick { by, client }),
        1 => (client(), any::<bool>()).prop_map(|(by, locked)| Step::Lock { by, locked }),
        2 => (client(), client(), change).prop_map(|(by, client, change)| Step::Change { by, client, change }),
        1 => (client(), any::<bool>()).prop_map(|(by, hand)| Step::SetData { by, hand }),
        2 => client().prop_map(|by| Step::Chat { by }),
        1 => (0..DEFINITIONS.len()).prop_map(|definition| Step::Redefine { definition }),
    ]
}

/// What one member knows, by what it was told.
#[derive(Debug, Default)]
struct View {
    joined: bool,
    permissions: Option<Permissions>,
    locked: bool,
    users: BTreeMap<ClientId, UserState>,
    chat: Vec<MessageId>,
}

struct World {
    group: Group,
    views: BTreeMap<MemberId, View>,
    /// Which member each client is at present.
    present: BTreeMap<u8, MemberId>,
    next_member: u64,
    next_message: u64,
    said: Vec<MessageId>,
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, ..ProptestConfig::default() })]
    #[test]
    fn any_interleaving_leaves_every_member_with_the_groups_user_list(
        steps in prop::collection::vec(step(), 1..60)
    ) {
        let mut world = World::new();
        for step in steps {
            world.take(&step);
            world.hear();
            world.check();
        }
    }
}

impl World {
    fn new() -> Self {
        Self {
            group: Group::new(GroupName::parse("test").unwrap(), definition(0)),
            views: BTreeMap::new(),
            present: BTreeMap::new(),
            next_member: 0,
            next_message: 0,
            said: Vec::new(),
        }
    }

    fn take(&mut self, step: &Step) {
        match step {
            Step::Join { client, op } => {
                self.next_member += 1;
                let member = MemberId(self.next_member);
                let permission = if *op { Permission::Op } else { Permission::Message };
                let newcomer = Newcomer {
                    client: id(*client),
                    username: Username::parse(&format!("user {client}")).unwrap(),
                    permissions: [permission].into(),
                    data: Data::new(),
                };
                if self.group.join(member, newcomer, NOW).is_ok() {
                    assert!(!self.present.contains_key(client), "two members with one id");
                    self.present.insert(*client, member);
                    self.views.insert(member, View::default());
                }
            }
            Step::Leave { client } => {
                if let Some(member) = self.present.get(client) {
                    self.leave(*member);
                }
            }
            Step::Kick { by, client } => {
                let target = self.group.find_target(self.member(*by), Action::Kick, &id(*client));
                if let Ok((target, _)) = target {
                    self.leave(target);
                }
            }
            Step::Lock { by, locked } => {
                let by = self.member(*by);
                let _refused = if *locked {
                    self.group.lock(by, String::new())
                } else {
                    self.group.unlock(by)
                };
            }
            Step::Change { by, client, change } => {
                let by = self.member(*by);
                if let Ok(changed) = self.group.change_permissions(by, &id(*client), *change) {
                    self.group.announce(changed.member);
                }
            }
            Step::SetData { by, hand } => {
                let value = if *hand { true.into() } else { serde_json::Value::Null };
                let patch = [("raisehand".to_owned(), value)].into_iter().collect();
                let _refused = self.group.set_user_data(self.member(*by), &id(*by), &patch);
            }
            Step::Chat { by } => {
                self.next_message += 1;
                let message = MessageId::try_from(format!("m{}", self.next_message)).unwrap();
                let post = Post { value: Some("hello".into()), ..Post::default() };
                match self.group.chat(self.member(*by), post, message.clone(), NOW) {
                    Ok(()) => self.said.push(message),
                    Err(refusal) => {
                        assert!(matches!(
                            refusal,
                            Refusal::NotAMember | Refusal::NotAuthorised { .. }
                        ));
                    }
                }
            }
            Step::Redefine { definition: which } => {
                self.group.redefine(definition(*which));
            }
        }
        for member in self.group.members_to_kick() {
            self.leave(member);
        }
    }

    fn leave(&mut self, member: MemberId) {
        assert!(self.group.leave(member).is_some());
        self.present.retain(|_, m| *m != member);
        self.views.remove(&member);
    }

    fn member(&self, client: u8) -> MemberId {
        self.present.get(&client).copied().unwrap_or(MemberId(u64::MAX))
    }

    /// Brings what the group has to tell to the members.
    fn hear(&mut self) {
        while let Some(notice) = self.group.poll_notice() {
            match notice {
                Notice::Joined { to } => {
                    if let Some(view) = self.views.get_mut(&to) {
                        assert!(!view.joined, "joined twice");
                        view.joined = true;
                    }
                    self.learn_membership(to);
                }
                Notice::Changed { to } => {
                    for member in to {
                        self.learn_membership(member);
                    }
                }
                Notice::Send { to, message } => {
                    assert!(!to.is_empty());
                    for member in to {
                        // Those who are gone by now hear nothing.
                        if let Some(view) = self.views.get_mut(&member) {
                            assert!(
                                view.joined,
                                "the first thing a member hears is that it joined"
                            );
                            view.learn(&message);
                        }
                    }
                }
            }
        }
    }

    fn learn_membership(&mut self, member: MemberId) {
        if let (Some(view), Some(state)) = (self.views.get_mut(&member), self.group.member(member))
        {
            view.permissions = Some(state.permissions().clone());
            view.locked = self.group.is_locked();
        }
    }

    fn check(&self) {
        let truth: BTreeMap<ClientId, UserState> =
            self.group.members().map(|(_, m)| (m.client().clone(), m.state().clone())).collect();
        let last: Vec<_> = self.said.iter().rev().take(50).rev().cloned().collect();
        for (member, view) in &self.views {
            assert_eq!(view.users, truth);
            assert_eq!(
                view.permissions.as_ref(),
                self.group.member(*member).map(|m| m.permissions())
            );
            assert_eq!(view.locked, self.group.is_locked());
            let heard: Vec<_> = view.chat.iter().rev().take(50).rev().cloned().collect();
            assert_eq!(heard, last, "every message is heard once, in order");
        }
    }
}

impl View {
    fn learn(&mut self, message: &ServerMessage) {
        match message {
            ServerMessage::User(UserUpdate::Add(user)) => {
                assert!(self.users.insert(user.id.clone(), user.clone()).is_none(), "added twice");
            }
            ServerMessage::User(UserUpdate::Change(user)) => {
                assert!(
                    self.users.insert(user.id.clone(), user.clone()).is_some(),
                    "changed before added"
                );
            }
            ServerMessage::User(UserUpdate::Delete { id, .. }) => {
                assert!(self.users.remove(id).is_some(), "deleted before added");
            }
            ServerMessage::Chat(chat) => self.chat.extend(chat.id.clone()),
            ServerMessage::ChatHistory(chat) => self.chat.extend(chat.id.clone()),
            ServerMessage::UserMessage(UserMessage::ClearChat(_)) => self.chat.clear(),
            other => panic!("unexpected {other:?}"),
        }
    }
}

fn id(client: u8) -> ClientId {
    ClientId::try_from(format!("client {client}")).unwrap()
}

fn definition(which: usize) -> Arc<Description> {
    let mut description = Description::parse(DEFINITIONS[which]).unwrap();
    description.max_history_age = Duration::from_secs(3600);
    Arc::new(description)
}
