//! What members say about themselves.

use galene_conformance::Target;
use serde_json::{Value, json};

#[test]
fn surprise_25_members_change_their_own_data() {
    let target = Target::shared();
    let room = target.room("data-own");
    let mut alice = room.member("alice");
    let mut silent = room.member("silent");
    alice.drain();
    for (patch, expected) in [
        (json!({ "raisehand": true, "n": 1 }), json!({ "raisehand": true, "n": 1 })),
        (json!({ "raisehand": null }), json!({ "n": 1 })),
        (json!({ "n": null }), Value::Null),
    ] {
        silent.send(
            json!({ "type": "useraction", "kind": "setdata", "dest": "silent", "value": patch }),
        );
        let change = silent.expect("user");
        assert_eq!((&change["kind"], &change["id"]), (&json!("change"), &json!("silent")));
        assert_eq!(change["data"], expected);
        assert_eq!(change["status"], Value::Null);
        assert_eq!(alice.expect("user"), change);
    }
}

#[test]
fn nobody_changes_the_data_of_others() {
    let target = Target::shared();
    let room = target.room("data-others");
    let mut op = room.operator();
    let _alice = room.member("alice");
    op.drain();
    op.send(
        json!({ "type": "useraction", "kind": "setdata", "dest": "alice", "value": { "a": 1 } }),
    );
    op.refused();
    for bad in [json!(1), json!([]), json!("x")] {
        op.send(json!({ "type": "useraction", "kind": "setdata", "dest": "op", "value": bad }));
        op.refused();
    }
}
