//! Joining by a JSON Web Token.

use std::time::{SystemTime, UNIX_EPOCH};

use data_encoding::BASE64URL_NOPAD;
use galene_conformance::{Room, Target, hs256_jwt};
use serde_json::{Value, json};

const KEY: [u8; 32] = [7; 32];

fn room_with_key(target: &std::sync::Arc<Target>, name: &str, keys: Value) -> Room {
    let jwk = json!({ "kty": "oct", "alg": "HS256", "k": BASE64URL_NOPAD.encode(&KEY) });
    let mut all = json!({ "authKeys": [jwk] });
    all.as_object_mut().expect("an object").extend(keys.as_object().expect("one").clone());
    target.room_with(name, all)
}

fn now() -> u64 {
    #[expect(
        clippy::disallowed_methods,
        reason = "a token's times are those of the server's clock"
    )]
    let now = SystemTime::now();
    now.duration_since(UNIX_EPOCH).expect("after 1970").as_secs()
}

fn claims(room: &str, more: Value) -> Value {
    let mut claims = json!({
        "sub": "jane", "aud": format!("https://galene.example/group/{room}/"),
        "permissions": ["present"], "iat": now(), "exp": now() + 600,
    });
    let members = claims.as_object_mut().expect("an object");
    members.extend(more.as_object().expect("one").clone());
    // A claim that is null is not the same as none to everybody.
    members.retain(|_, value| !value.is_null());
    claims
}

fn join(target: &Target, group: &str, token: &str) -> Value {
    target.client("1").join_with(json!({ "group": group, "token": token }))
}

#[test]
fn a_signed_token_gives_name_and_permissions() {
    let target = Target::shared();
    let room = room_with_key(&target, "jwt", json!({}));
    let token = hs256_jwt(&KEY, &claims("jwt", json!({})));
    let joined = join(&target, &room.name, &token);
    assert_eq!((&joined["kind"], &joined["username"]), (&json!("join"), &json!("jane")));
    assert_eq!(joined["permissions"], json!(["present"]));
    // Without a subject it is the client who says, or nobody.
    let token = hs256_jwt(&KEY, &claims("jwt", json!({ "sub": null })));
    let named = json!({ "group": room.name, "token": token, "username": "joe" });
    assert_eq!(target.client("2").join_with(named)["username"], "joe");
    let taken = json!({ "group": room.name, "token": token, "username": "writer" });
    assert_eq!(target.client("3").join_with(taken)["error"], "duplicate-username");
    let joined = join(&target, &room.name, &token);
    assert_eq!((&joined["kind"], &joined["username"]), (&json!("join"), &json!("")));
}

#[test]
fn surprise_75_a_token_that_is_wrong_in_any_way_is_refused() {
    let target = Target::shared();
    let room = room_with_key(&target, "jwt-wrong", json!({}));
    let aud = |path: &str| json!({ "aud": format!("https://galene.example{path}") });
    for more in [
        json!({ "exp": null }),
        json!({ "exp": now() - 10 }),
        json!({ "exp": "soon" }),
        json!({ "nbf": now() + 60 }),
        json!({ "iat": now() + 60 }),
        json!({ "aud": null }),
        json!({ "permissions": "op" }),
        json!({ "sub": 1 }),
        aud("/group/another/"),
        aud("/group/jwt-wrong"),
        aud("/group/"),
        aud("/prefix/group/jwt-wrong/"),
    ] {
        let token = hs256_jwt(&KEY, &claims(&room.name, more.clone()));
        assert_eq!(join(&target, &room.name, &token)["kind"], "fail", "{more}");
    }
    let good = hs256_jwt(&KEY, &claims(&room.name, json!({})));
    let other_key = hs256_jwt(&[8; 32], &claims(&room.name, json!({})));
    let (head, _) = good.rsplit_once('.').expect("three parts");
    let none = {
        let header = BASE64URL_NOPAD.encode(br#"{"alg":"none"}"#);
        let payload = good.split('.').nth(1).expect("three parts");
        format!("{header}.{payload}.")
    };
    for token in [other_key, format!("{head}."), format!("{head}.AAAA"), none] {
        assert_eq!(join(&target, &room.name, &token)["kind"], "fail", "{token}");
    }
    assert_eq!(join(&target, &room.name, &good)["kind"], "join");
}

#[test]
fn clocks_may_differ_by_a_few_seconds() {
    let target = Target::shared();
    let room = room_with_key(&target, "jwt-leeway", json!({}));
    let near = json!({ "exp": now() - 1, "nbf": now() + 3, "iat": now() + 3 });
    let token = hs256_jwt(&KEY, &claims(&room.name, near));
    assert_eq!(join(&target, &room.name, &token)["kind"], "join");
}

#[test]
fn surprise_74_the_audience_is_a_path_of_any_host_and_may_be_one_of_several() {
    let target = Target::shared();
    let room = room_with_key(&target, "jwt-audience", json!({ "auto-subgroups": true }));
    let path = "https://anywhere.example:1234/group/jwt-audience/";
    let several = json!({ "aud": ["https://x.example/", path] });
    let token = hs256_jwt(&KEY, &claims("", several));
    assert_eq!(join(&target, &room.name, &token)["kind"], "join");
    assert_eq!(join(&target, "jwt-audience/sub", &token)["kind"], "fail");
    let below = json!({ "aud": path, "include-subgroups": true });
    let token = hs256_jwt(&KEY, &claims("", below));
    assert_eq!(join(&target, &room.name, &token)["kind"], "join");
    assert_eq!(join(&target, "jwt-audience/sub/deep", &token)["kind"], "join");
    let all = json!({ "aud": "https://x.example/group/", "include-subgroups": true });
    let token = hs256_jwt(&KEY, &claims("", all));
    assert_eq!(join(&target, &room.name, &token)["kind"], "join");
}

#[test]
fn the_host_of_the_audience_counts_where_there_is_a_canonical_one() {
    let Some(target) = Target::configured(&json!({ "canonicalHost": "here.example:8443" })) else {
        return;
    };
    let room = room_with_key(&target, "jwt-host", json!({}));
    for (host, kind) in
        [("HERE.example:8443", "join"), ("here.example", "fail"), ("there.example:8443", "fail")]
    {
        let aud = format!("http://{host}/group/jwt-host/");
        let token = hs256_jwt(&KEY, &claims("", json!({ "aud": aud })));
        assert_eq!(join(&target, &room.name, &token)["kind"], kind, "{host}");
    }
}

#[test]
fn keys_are_chosen_by_their_name_and_algorithm() {
    let target = Target::shared();
    let jwk = |kid: &str, byte: u8| json!({ "kty": "oct", "alg": "HS256", "kid": kid, "k": BASE64URL_NOPAD.encode(&[byte; 32]) });
    let room = target.room_with("jwt-keys", json!({ "authKeys": [jwk("a", 1), jwk("b", 2)] }));
    for (byte, kind) in [(1, "join"), (2, "join"), (3, "fail")] {
        let token = hs256_jwt(&[byte; 32], &claims(&room.name, json!({})));
        assert_eq!(join(&target, &room.name, &token)["kind"], kind, "{byte}");
    }
}
