//! Group files that change, break and go; what strangers are told; what is kept in memory.

use galene_conference::Input;
use serde_json::{Value, json};

use crate::harness::{LOUNGE, Server, kind, name};

fn with(rule: &str) -> String {
    LOUNGE.replacen('{', &format!("{{{rule}, "), 1)
}

#[test]
fn surprise_44_members_hear_of_a_changed_definition_and_keep_their_permissions() {
    let mut server = Server::new();
    let (olga, ann) = (server.arrives("olga"), server.arrives("ann"));
    server.write("lounge", r#"{"displayName": "The lounge", "users": {}}"#);
    server.notice_change("lounge");
    for (member, permission) in [(olga, "op"), (ann, "present")] {
        let heard = server.hears_one(member);
        assert_eq!(
            (kind(&heard).as_str(), &heard["status"]["displayName"]),
            ("joined/change", &json!("The lounge"))
        );
        assert_eq!(heard["permissions"][0], permission);
    }
    server.notice_change("lounge");
    assert!(server.nobody_hears_anything(), "nothing changed");
}

#[test]
fn a_join_brings_the_present_definition_with_it() {
    let mut server = Server::new();
    let ann = server.arrives("ann");
    server.write("lounge", &with(r#""displayName": "new""#));
    let bob = server.connect("bob");
    server.tries_to_join(bob, "lounge", "bob", "wrong");
    assert_eq!(server.hears_one(ann)["status"]["displayName"], "new");
}

#[test]
fn surprise_76_a_broken_file_leaves_the_last_good_definition_in_force_and_is_spoken_of() {
    let mut server = Server::new();
    let olga = server.arrives("olga");
    server.write("lounge", "{\n \"user\": {}}");

    let ann = server.connect("ann");
    server.tries_to_join(ann, "lounge", "ann", "secret");
    let told = server.hears(olga);
    assert_eq!(told.iter().map(kind).collect::<Vec<_>>(), ["usermessage/warning", "user/add"]);
    let told = told[0]["value"].as_str().unwrap();
    assert!(
        told.contains("groups/lounge.json, line 2") && told.contains("did you mean `users`?"),
        "{told}"
    );

    let heard = server.hears(ann);
    let kinds: Vec<String> = heard.iter().map(kind).collect();
    assert_eq!(kinds, ["joined/join", "user/add", "user/add", "usermessage/warning"]);
    assert_eq!(heard[3]["value"], "this group is misconfigured; the administrator has been told");

    let second = server.connect("second");
    server.tries_to_join(second, "lounge", "olga", "op");
    let heard = server.hears(second);
    let warning = heard.last().unwrap()["value"].as_str().unwrap();
    assert!(warning.contains("line 2"), "operators are told what is wrong: {warning}");
    assert_eq!(server.hears_kinds(olga), ["user/add"], "they are told once");

    let good = with(r#""displayName": "mended""#);
    for (text, news) in [(good.as_str(), 0), ("{", 1), (good.as_str(), 0), ("{", 1)] {
        server.write("lounge", text);
        let late = server.connect("late");
        server.tries_to_join(late, "lounge", "nobody", "wrong");
        let told = server.hears_kinds(olga);
        let warnings = told.iter().filter(|kind| *kind == "usermessage/warning").count();
        assert_eq!(warnings, news, "once whenever it breaks: {told:?}");
        server.hangs_up(late);
    }
}

#[test]
fn members_of_a_group_whose_file_is_gone_stay() {
    let mut server = Server::new();
    let ann = server.arrives("ann");
    server.delete("lounge");
    let bob = server.connect("bob");
    server.tries_to_join(bob, "lounge", "bob", "secret");
    assert_eq!(server.hears_one(bob)["value"], "this group does not exist");
    server.input(Input::GroupRemoved { group: name("lounge") });
    server.says(ann, json!({"type": "chat", "value": "still here"}));
    assert_eq!(kind(&server.hears_one(ann)), "chat");
    server.hangs_up(ann);
    server.input(Input::GroupRemoved { group: name("lounge") });
    assert!(server.conference.groups().next().is_none());
}

#[test]
fn nothing_crosses_from_one_group_to_another() {
    let mut server = Server::new();
    server.write("other", LOUNGE);
    let (ann, olga) = (server.arrives("ann"), server.arrives_in("other", "olga"));
    let bob = server.watches("bob");
    let carol = server.arrives_in("other", "carol");
    server.requests(carol, json!({"": ["audio", "video"]}));
    server.publishes(ann, "a");
    server.says(ann, json!({"type": "chat", "value": "x"}));
    server.says(ann, json!({"type": "chat", "value": "x", "dest": "olga"}));
    server.says(olga, json!({"type": "useraction", "kind": "kick", "dest": "ann"}));
    assert_eq!(server.hears_kinds(bob), ["offer/a", "chat"]);
    assert!(server.hears(carol).is_empty());
    assert_eq!(server.hears_kinds(olga), ["usermessage/error"]);
    assert_eq!(server.hears_kinds(ann), ["answer/a", "chat", "usermessage/error"]);
}

#[test]
fn surprise_45_strangers_are_told_more_about_public_groups() {
    let mut server = Server::new();
    server.write("open", &with(r#""public": true, "description": "for all", "autolock": true"#));
    for group in ["open", "lounge"] {
        let lookup = server.look_up(group).unwrap();
        server.input(Input::GroupChanged { lookup });
    }
    let status = |server: &mut Server, group| {
        let lookup = server.look_up(group).unwrap();
        serde_json::to_value(server.conference.group_status(&lookup)).unwrap()
    };
    let expected =
        json!({"name": "open", "description": "for all", "locked": true, "clientCount": 0});
    assert_eq!(status(&mut server, "open"), expected);
    assert_eq!(status(&mut server, "lounge"), json!({"name": "lounge"}));
    server.arrives_in("open", "olga");
    server.arrives("ann");
    assert_eq!(status(&mut server, "open")["clientCount"], 1);
    assert_eq!(status(&mut server, "lounge"), json!({"name": "lounge"}));
    let public = serde_json::to_value(server.conference.public_groups()).unwrap();
    assert_eq!(public.as_array().map(Vec::len), Some(1));
    assert_eq!(public[0]["name"], "open");
}

#[test]
fn surprise_79_an_empty_group_is_remembered_for_the_age_of_its_history() {
    let mut server = Server::new();
    server.write("lounge", &with(r#""max-history-age": 1800"#));
    let olga = server.arrives("olga");
    server.says(olga, json!({"type": "groupaction", "kind": "lock", "value": "x"}));
    server.hangs_up(olga);
    server.advance(std::time::Duration::from_secs(1500));
    let ann = server.connect("ann");
    server.tries_to_join(ann, "lounge", "ann", "secret");
    assert_eq!(server.hears_kinds(ann), ["joined/fail"], "still locked");
    server.hangs_up(ann);
    // Whoever knocks in vain does not keep it locked.
    server.advance(std::time::Duration::from_secs(1300));
    assert!(server.conference.groups().next().is_none());
    server.arrives("ann");
}

#[test]
fn a_group_that_everybody_was_thrown_out_of_is_remembered_as_long() {
    let mut server = Server::new();
    server.write("lounge", &with(r#""autokick": true"#));
    let (olga, ann) = (server.arrives("olga"), server.arrives("ann"));
    server.says(olga, json!({"type": "groupaction", "kind": "lock", "value": "x"}));
    server.hangs_up(olga);
    assert!(!server.is_open(ann));
    server.advance(std::time::Duration::from_secs(3600));
    assert!(server.conference.groups().next().unwrap().is_locked());
}

#[test]
fn surprise_79_a_public_group_is_never_forgotten() {
    let mut server = Server::new();
    server.write("open", &with(r#""public": true"#));
    server.notice_change("open");
    server.advance(std::time::Duration::from_secs(100_000));
    assert_eq!(server.conference.groups().count(), 1);
}

#[test]
fn groups_made_up_by_visitors_do_not_fill_the_memory() {
    let mut server = Server::new();
    server.write("lounge", &with(r#""auto-subgroups": true"#));
    for n in 0..1100 {
        let ann = server.arrives_in(&format!("lounge/{n}"), "ann");
        server.hangs_up(ann);
        server.millis(1);
    }
    let left: Vec<String> =
        server.conference.groups().map(|group| group.name().to_string()).collect();
    assert_eq!(left.len(), 1000);
    assert!(!left.contains(&"lounge/99".to_owned()) && left.contains(&"lounge/100".to_owned()));
}

#[test]
fn whatever_happens_every_member_knows_who_is_there() {
    // Joins whose answers are held back, met by everything else that changes a group.
    let mut random = fastrand::Rng::with_seed(7);
    for _ in 0..50 {
        let mut server = Server::new();
        let mut clients = Vec::new();
        let mut lists: Vec<(crate::harness::Client, Vec<Value>)> = Vec::new();
        for n in 0..8 {
            let id = if n < 2 { "olga".to_owned() } else { format!("user {n}") };
            let client = server.open();
            server.says(
                client,
                json!({"type": "handshake", "version": ["2"], "id": format!("id {n}")}),
            );
            server.hears(client);
            clients.push((client, id));
            lists.push((client, Vec::new()));
        }
        server.slow_shell = true;
        for _ in 0..200 {
            let (client, username) = clients[random.usize(..clients.len())].clone();
            let other = format!("id {}", random.usize(..clients.len()));
            if !server.is_open(client) {
                continue;
            }
            match random.usize(..10) {
                0..=2 => {
                    let password = if username == "olga" { "op" } else { "secret" };
                    let joined = lists.iter().any(|(c, list)| *c == client && !list.is_empty());
                    if !joined {
                        server.tries_to_join(client, "lounge", &username, password);
                    }
                }
                3 => {
                    server.says(client, json!({"type": "join", "kind": "leave", "group": "lounge"}))
                }
                4 => {
                    let kind = ["kick", "op", "unop", "unpresent"][random.usize(..4)];
                    server.says(client, json!({"type": "useraction", "kind": kind, "dest": other}));
                }
                5 => server.says(
                    client,
                    json!({"type": "groupaction", "kind": (["lock", "unlock"][random.usize(..2)])}),
                ),
                6 => server.millis(random.u64(..150)),
                _ => server.answer_something(random.bool()),
            }
            for (client, list) in &mut lists {
                for heard in server.hears(*client) {
                    learn(list, &heard);
                }
            }
        }
        let truth: Vec<Value> = server
            .conference
            .groups()
            .flat_map(|group| {
                let states = group.members().map(|(_, member)| member.state().clone());
                states.map(|state| json!([state.id, state.permissions])).collect::<Vec<_>>()
            })
            .collect();
        for (client, list) in &lists {
            if server.is_open(*client) && !list.is_empty() {
                assert_eq!(sorted(list.clone()), sorted(truth.clone()));
            }
        }
    }
}

/// Brings a list of users up to date with what a member heard.
fn learn(list: &mut Vec<Value>, heard: &Value) {
    let id = &heard["id"];
    match kind(heard).as_str() {
        "joined/leave" => list.clear(),
        "user/add" => {
            assert!(list.iter().all(|user| user[0] != *id), "added twice");
            list.push(user(heard));
        }
        "user/change" => *list.iter_mut().find(|user| user[0] == *id).unwrap() = user(heard),
        "user/delete" => {
            let before = list.len();
            list.retain(|user| user[0] != *id);
            assert_eq!(list.len(), before - 1);
        }
        _ => {}
    }
}

fn user(heard: &Value) -> Value {
    let permissions = heard.get("permissions").cloned().unwrap_or_else(|| json!([]));
    json!([heard["id"], permissions])
}

fn sorted(mut list: Vec<Value>) -> Vec<Value> {
    list.sort_by_key(Value::to_string);
    list
}
