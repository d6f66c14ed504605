//! What newcomers are told of earlier chat.

use galene_conformance::{Client, Room, Target};
use serde_json::{Value, json};

fn history_for_newcomer(room: &Room, id: &str) -> Vec<Value> {
    let mut client = room.client(id);
    room.join(&mut client, "newcomer");
    client.drain().into_iter().filter(|m| m["type"] == "chathistory").collect()
}

fn say(client: &mut Client, id: &str, text: &str) {
    let me = client.id.clone();
    client.send(json!({ "type": "chat", "kind": "", "id": id, "source": me, "username": me,
        "value": text }));
    client.wait_for("chat");
}

#[test]
fn surprise_34_newcomers_hear_what_was_said_to_all() {
    let target = Target::shared();
    let room = target.room("history");
    let mut op = room.operator();
    op.send(json!({ "type": "chat", "kind": "me", "id": "m", "source": "op", "username": "op",
        "noecho": true, "value": { "a": 1 } }));
    op.send(json!({ "type": "chat", "kind": "", "dest": "op", "value": "private" }));
    op.send(json!({ "type": "usermessage", "kind": "x", "value": "not chat" }));
    op.drain();
    let history = history_for_newcomer(&room, "n");
    let [entry] = history.as_slice() else { panic!("{history:?}") };
    let mut entry = entry.clone();
    assert!(entry["time"].is_string());
    entry.as_object_mut().expect("a message").remove("time");
    let expected = json!({ "type": "chathistory", "kind": "me", "id": "m", "source": "op",
        "username": "op", "value": { "a": 1 } });
    assert_eq!(entry, expected, "neither privileged, nor dest, nor noecho");
}

#[test]
fn the_last_fifty_messages_are_remembered_oldest_first() {
    let target = Target::shared();
    let room = target.room("history-fifty");
    // Several members, as one alone could be told to slow down.
    for speaker in ["alice", "bob", "carol"] {
        let mut client = room.member(speaker);
        for number in 0..20 {
            say(&mut client, "", &format!("{speaker} {number}"));
        }
    }
    let history = history_for_newcomer(&room, "n");
    let texts: Vec<&str> = history.iter().filter_map(|m| m["value"].as_str()).collect();
    assert_eq!(texts.len(), 50);
    assert_eq!((texts[0], texts[49]), ("alice 10", "carol 19"));
}

#[test]
fn surprise_33_captions_are_not_remembered() {
    let target = Target::shared();
    let room = target.room("history-captions");
    let mut captioner = room.member("captioner");
    captioner.send(json!({ "type": "chat", "kind": "caption", "value": "subtitle" }));
    captioner.expect("chat");
    if target.differs(33) {
        return;
    }
    assert_eq!(history_for_newcomer(&room, "n"), Vec::<Value>::new());
}

#[test]
fn surprise_36_operators_clear_a_message_a_members_messages_or_all() {
    let target = Target::shared();
    let room = target.room("history-clear");
    let mut op = room.operator();
    let mut alice = room.member("alice");
    for id in ["1", "2", "3"] {
        say(&mut alice, id, id);
    }
    say(&mut op, "1", "mine");
    let remembered = |id: &str| -> Vec<String> {
        let history = history_for_newcomer(&room, id);
        history.iter().map(|m| format!("{}{}", m["source"], m["id"]).replace('"', "")).collect()
    };
    let clear = |op: &mut Client, value: Value| {
        op.send(json!({ "type": "groupaction", "kind": "clearchat", "value": value }));
        op.wait_until(|m| m["type"] == "usermessage")
    };
    assert_eq!(remembered("a"), ["alice1", "alice2", "alice3", "op1"]);
    let one = json!({ "id": "1", "userId": "alice" });
    let told = clear(&mut op, one.clone());
    assert_eq!((&told["kind"], &told["privileged"]), (&json!("clearchat"), &json!(true)));
    assert_eq!((&told["value"], &told["source"]), (&one, &Value::Null));
    let heard = alice.wait_until(|m| m["type"] == "usermessage");
    assert_eq!(heard, told);
    assert_eq!(remembered("b"), ["alice2", "alice3", "op1"]);
    clear(&mut op, json!({ "userId": "alice" }));
    assert_eq!(remembered("c"), ["op1"]);
    let told = clear(&mut op, json!(null));
    assert_eq!(told["value"], Value::Null);
    assert_eq!(remembered("d"), Vec::<String>::new());

    // Meanwhile newcomers leave.
    let is_refusal = |m: &Value| m["type"] == "usermessage" && m["kind"] == "error";
    for bad in [json!("text"), json!({ "id": "1" }), json!([])] {
        op.send(json!({ "type": "groupaction", "kind": "clearchat", "value": bad }));
        op.wait_until(is_refusal);
    }
    alice.send(json!({ "type": "groupaction", "kind": "clearchat" }));
    alice.wait_until(is_refusal);
}

#[test]
fn surprise_19_nothing_is_heard_twice_or_before_joined() {
    let target = Target::shared();
    let room = target.room("history-atomic");
    let mut alice = room.member("alice");
    if target.differs(19) {
        return;
    }
    let mut others: Vec<Client> = (0..10).map(|n| room.client(&format!("n{n}"))).collect();
    for (number, other) in others.iter_mut().enumerate() {
        other.send(json!({ "type": "join", "kind": "join", "group": room.name, "username": "n" }));
        alice.send(json!({ "type": "chat", "kind": "", "id": format!("m{number}"), "value": "x" }));
    }
    alice.drain();
    for other in &mut others {
        let joined = other.receive();
        assert_eq!(joined["type"], "joined", "{joined}");
        let heard = other.drain();
        let chat = heard.iter().filter(|m| m["type"] == "chat" || m["type"] == "chathistory");
        let mut ids: Vec<String> = chat.map(|m| m["id"].to_string()).collect();
        assert_eq!(ids.len(), 10, "all of it: {heard:?}");
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), 10, "none of it twice: {heard:?}");
    }
}
