//! Who gets in with a token, kept or signed, and as whom.

use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256,
    RsaKeyPair,
};
use data_encoding::BASE64URL_NOPAD;
use galene_auth::{
    AuthKey, AuthoriseError, AuthoriseRequest, Cost, Credentials, Grant, JwtError, Outside, Policy,
    Refusal, StatefulToken, TokenAnswer, TokenOperation, TokenStore, TokenStoreError, UserEntry,
};
use galene_protocol::{GroupName, Secret, TokenError};
use serde_json::{Value, json};

const NOW: u64 = 1_800_000_000;
const HOST: &str = "galene.example:8443";

/// Tokens in memory.
#[derive(Debug, Default)]
struct Tokens(Mutex<Vec<StatefulToken>>);

impl TokenStore for Tokens {
    fn get(&self, name: &Secret) -> Result<Option<StatefulToken>, TokenStoreError> {
        Ok(self.0.lock().expect("no panic").iter().find(|token| token.token == *name).cloned())
    }

    fn list(&self, group: &GroupName) -> Result<Vec<StatefulToken>, TokenStoreError> {
        let tokens = self.0.lock().expect("no panic");
        Ok(tokens.iter().filter(|token| token.group == group.as_str()).cloned().collect())
    }

    fn add(&self, token: StatefulToken) -> Result<(), TokenStoreError> {
        self.0.lock().expect("no panic").push(token);
        Ok(())
    }

    fn edit(
        &self,
        name: &Secret,
        change: &mut dyn FnMut(&mut StatefulToken) -> Result<(), TokenStoreError>,
    ) -> Result<StatefulToken, TokenStoreError> {
        let mut tokens = self.0.lock().expect("no panic");
        let token = tokens.iter_mut().find(|token| token.token == *name);
        let token = token.ok_or(TokenStoreError::NotFound)?;
        change(token)?;
        Ok(token.clone())
    }
}

/// A store that cannot be read.
#[derive(Debug)]
struct Broken;

impl Broken {
    fn error<T>() -> Result<T, TokenStoreError> {
        Err(TokenStoreError::Unavailable { reason: "line 3 is broken".to_owned() })
    }
}

impl TokenStore for Broken {
    fn get(&self, _: &Secret) -> Result<Option<StatefulToken>, TokenStoreError> {
        Self::error()
    }

    fn list(&self, _: &GroupName) -> Result<Vec<StatefulToken>, TokenStoreError> {
        Self::error()
    }

    fn add(&self, _: StatefulToken) -> Result<(), TokenStoreError> {
        Self::error()
    }

    fn edit(
        &self,
        _: &Secret,
        _: &mut dyn FnMut(&mut StatefulToken) -> Result<(), TokenStoreError>,
    ) -> Result<StatefulToken, TokenStoreError> {
        Self::error()
    }
}

fn now() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(NOW)
}

fn name(group: &str) -> GroupName {
    GroupName::parse(group).expect("a valid name")
}

/// A token that is good for a year, with what a story adds.
fn token(more: Value) -> StatefulToken {
    let mut token = json!({"token": "t", "group": "g", "permissions": ["present"],
        "expires": "2028-01-01T00:00:00Z"});
    let members = token.as_object_mut().expect("an object");
    members.extend(more.as_object().expect("an object").clone());
    members.retain(|_, value| !value.is_null());
    serde_json::from_value(token).expect("a token")
}

fn policy(keys: &[Value]) -> Policy {
    Policy {
        users: [("alice".to_owned(), UserEntry::default())].into(),
        auth_keys: keys.iter().filter_map(|key| AuthKey::parse(key).ok()).collect(),
        ..Policy::default()
    }
}

fn request(policy: &Policy, username: Option<&str>, token: &str) -> AuthoriseRequest {
    let credentials = Credentials {
        username: username.map(str::to_owned),
        token: Some(token.into()),
        ..Credentials::default()
    };
    AuthoriseRequest::new(name("g"), Arc::new(policy.clone()), Some(HOST.into()), credentials)
}

fn by_kept(token: StatefulToken, username: Option<&str>) -> Result<Grant, AuthoriseError> {
    let tokens = Tokens(Mutex::new(vec![token]));
    request(&policy(&[]), username, "t").run(Outside { now: now(), tokens: &tokens })
}

fn by_signed(keys: &[Value], username: Option<&str>, jwt: &str) -> Result<Grant, AuthoriseError> {
    request(&policy(keys), username, jwt).run(Outside { now: now(), tokens: &Tokens::default() })
}

fn names(result: Result<Grant, AuthoriseError>) -> Result<String, AuthoriseError> {
    result.map(|grant| grant.username.to_string())
}

fn refused<T>(refusal: Refusal) -> Result<T, AuthoriseError> {
    Err(AuthoriseError::NotAuthorised(refusal))
}

fn secret(byte: u8) -> Value {
    json!({"kty": "oct", "alg": "HS256", "k": BASE64URL_NOPAD.encode(&[byte; 32])})
}

/// What is said in a good token, with what a story changes; null takes a claim away.
fn claims(changes: Value) -> Value {
    let mut claims = json!({"sub": "bob", "aud": format!("https://{HOST}/group/g/"),
        "permissions": ["present", "message"], "exp": NOW + 30, "iat": NOW, "iss": "anybody"});
    let members = claims.as_object_mut().expect("an object");
    members.extend(changes.as_object().expect("an object").clone());
    members.retain(|_, value| !value.is_null());
    claims
}

fn encode(value: &Value) -> String {
    BASE64URL_NOPAD.encode(value.to_string().as_bytes())
}

fn sign(header: Value, claims: &Value, sign: impl FnOnce(&[u8]) -> Vec<u8>) -> String {
    let message = format!("{}.{}", encode(&header), encode(claims));
    let signature = BASE64URL_NOPAD.encode(&sign(message.as_bytes()));
    format!("{message}.{signature}")
}

fn by_secret(algorithm: hmac::Algorithm, key: &[u8]) -> impl Fn(&[u8]) -> Vec<u8> {
    let key = hmac::Key::new(algorithm, key);
    move |message| hmac::sign(&key, message).as_ref().to_vec()
}

/// A token signed with the shared secret of 32 equal bytes.
fn hs256(byte: u8, claims: &Value) -> String {
    let header = json!({"alg": "HS256", "typ": "JWT"});
    sign(header, claims, by_secret(hmac::HMAC_SHA256, &[byte; 32]))
}

#[test]
fn a_kept_token_opens_its_group_under_its_own_name_or_one_that_the_bearer_chooses() {
    let named = || token(json!({"username": "guest"}));
    let grant = by_kept(named(), None).expect("the token is good");
    assert_eq!(grant.username.as_str(), "guest");
    assert_eq!(serde_json::to_value(grant.permissions).expect("a list"), json!(["present"]));
    assert_eq!(names(by_kept(named(), Some("bob"))), Ok("guest".to_owned()));

    let open = || token(json!({}));
    assert_eq!(names(by_kept(open(), Some("bob"))), Ok("bob".to_owned()));
    assert_eq!(names(by_kept(open(), Some(""))), Ok(String::new()));
    assert_eq!(by_kept(open(), None), Err(AuthoriseError::NeedUsername));
    assert_eq!(by_kept(open(), Some("alice")), Err(AuthoriseError::DuplicateUsername));

    let anonymous = || token(json!({"username": ""}));
    assert_eq!(names(by_kept(anonymous(), None)), Ok(String::new()));
    assert_eq!(names(by_kept(anonymous(), Some("bob"))), Ok("bob".to_owned()));
    assert_eq!(by_kept(anonymous(), Some("alice")), Err(AuthoriseError::DuplicateUsername));
    // What is imposed is not looked up.
    assert_eq!(names(by_kept(token(json!({"username": "alice"})), None)), Ok("alice".to_owned()));
}

#[test]
fn a_kept_token_that_does_not_open_the_group_now_is_refused() {
    for (more, error) in [
        (json!({"group": "h"}), TokenError::OtherGroup),
        (json!({"group": ""}), TokenError::OtherGroup),
        (json!({"expires": null}), TokenError::Expired),
        (json!({"expires": "2027-01-01T00:00:00Z"}), TokenError::Expired),
        (json!({"not-before": "2027-12-01T00:00:00Z"}), TokenError::NotYetValid),
    ] {
        assert_eq!(by_kept(token(more), Some("bob")), refused(Refusal::Token(error)));
    }
    // Whether a name is missing is said before anything else, so that a person can be asked for it.
    assert_eq!(by_kept(token(json!({"group": "h"})), None), Err(AuthoriseError::NeedUsername));
    let everywhere = token(json!({"group": "", "includeSubgroups": true}));
    assert_eq!(names(by_kept(everywhere, Some("bob"))), Ok("bob".to_owned()));
}

#[test]
fn surprise_72_permissions_of_a_token_are_taken_as_they_stand() {
    let op = by_kept(token(json!({"permissions": ["op"]})), Some("bob")).expect("good");
    assert_eq!(serde_json::to_value(op.permissions).expect("a list"), json!(["op"]));
    let none = by_kept(token(json!({"permissions": null})), Some("bob")).expect("good");
    assert!(none.permissions.is_empty());
}

#[test]
fn tokens_that_cannot_be_looked_up_are_refused() {
    let outside = Outside { now: now(), tokens: &Broken };
    let result = request(&policy(&[]), Some("bob"), "t").run(outside);
    assert!(matches!(result, Err(AuthoriseError::NotAuthorised(Refusal::TokensUnavailable(_)))));
}

#[test]
fn every_algorithm_lets_in_whom_its_key_signed_for() {
    let random = SystemRandom::new();
    let ecdsa = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("a key");
    let (x, y) = ecdsa.public_key().as_ref()[1..].split_at(32);
    let ed25519 = Ed25519KeyPair::generate().expect("a key");
    let rsa = RsaKeyPair::generate(KeySize::Rsa2048).expect("a key");
    let base64 = |bytes: &[u8]| BASE64URL_NOPAD.encode(bytes);
    // RSAPublicKey (RFC 8017 A.1.1): two headers and a zero, the modulus, a header, the exponent.
    let public = rsa.public_key().as_ref();
    let (modulus, exponent) = (&public[9..9 + 256], &public[public.len() - 3..]);

    let keys = [
        secret(1),
        json!({"kty": "oct", "alg": "HS384", "k": base64(&[2; 48])}),
        json!({"kty": "oct", "alg": "HS512", "k": base64(&[3; 64])}),
        json!({"kty": "EC", "alg": "ES256", "crv": "P-256", "x": base64(x), "y": base64(y)}),
        json!({"kty": "OKP", "alg": "EdDSA", "crv": "Ed25519",
            "x": base64(ed25519.public_key().as_ref())}),
        json!({"kty": "RSA", "alg": "RS256", "n": base64(modulus), "e": base64(exponent)}),
    ];
    let claims = claims(json!({}));
    let header = |algorithm: &str| json!({"alg": algorithm});
    let tokens = [
        sign(header("HS256"), &claims, by_secret(hmac::HMAC_SHA256, &[1; 32])),
        sign(header("HS384"), &claims, by_secret(hmac::HMAC_SHA384, &[2; 48])),
        sign(header("HS512"), &claims, by_secret(hmac::HMAC_SHA512, &[3; 64])),
        sign(header("ES256"), &claims, |message| {
            ecdsa.sign(&random, message).expect("signed").as_ref().to_vec()
        }),
        sign(header("EdDSA"), &claims, |message| ed25519.sign(message).as_ref().to_vec()),
        sign(header("RS256"), &claims, |message| {
            let mut signature = vec![0; rsa.public_modulus_len()];
            rsa.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature).expect("signed");
            signature
        }),
    ];
    for (index, jwt) in tokens.iter().enumerate() {
        assert_eq!(names(by_signed(&keys, None, jwt)), Ok("bob".to_owned()), "{}", keys[index]);
        let alone = &keys[index..=index];
        assert_eq!(names(by_signed(alone, None, jwt)), Ok("bob".to_owned()), "{}", keys[index]);
        let mut others = keys.to_vec();
        others.remove(index);
        assert_eq!(by_signed(&others, None, jwt), refused(Refusal::Jwt(JwtError::NoKey)));
        // Cut anywhere, it lets nobody in.
        for length in (0..jwt.len()).step_by(7) {
            assert!(by_signed(&keys, None, &jwt[..length]).is_err());
        }
    }
}

#[test]
fn a_public_key_is_no_shared_secret() {
    // The attack: sign with HMAC and the bytes of a public key that everybody knows.
    let ed25519 = Ed25519KeyPair::generate().expect("a key");
    let public = ed25519.public_key().as_ref();
    let key = json!({"kty": "OKP", "alg": "EdDSA", "crv": "Ed25519",
        "x": BASE64URL_NOPAD.encode(public)});
    for algorithm in ["HS256", "EdDSA", "none", "eddsa"] {
        let header = json!({"alg": algorithm});
        let jwt = sign(header, &claims(json!({})), by_secret(hmac::HMAC_SHA256, public));
        assert!(by_signed(std::slice::from_ref(&key), None, &jwt).is_err(), "{algorithm}");
    }
    let unsigned = sign(json!({"alg": "none"}), &claims(json!({})), |_| Vec::new());
    assert_eq!(by_signed(&[key], None, &unsigned), refused(Refusal::Jwt(JwtError::NoKey)));
}

#[test]
fn the_right_key_is_found_among_others_and_a_broken_one_does_no_harm() {
    let broken = json!({"kty": "oct", "alg": "HS256", "k": "short"});
    let jwt = hs256(2, &claims(json!({})));
    assert!(by_signed(&[broken, secret(1), secret(2)], None, &jwt).is_ok());
    assert_eq!(by_signed(&[secret(1)], None, &jwt), refused(Refusal::Jwt(JwtError::Signature)));

    let with_id = |byte, id: &str| {
        let mut key = secret(byte);
        key["kid"] = id.into();
        key
    };
    let keys = [with_id(1, "one"), with_id(2, "two")];
    let header = |id: &str| json!({"alg": "HS256", "kid": id});
    let signed = |id| sign(header(id), &claims(json!({})), by_secret(hmac::HMAC_SHA256, &[2; 32]));
    assert!(by_signed(&keys, None, &signed("two")).is_ok());
    assert!(by_signed(&keys, None, &signed("")).is_ok());
    assert!(by_signed(&keys, None, &jwt).is_ok());
    let wrong_id = by_signed(&keys, None, &signed("one"));
    assert_eq!(wrong_id, refused(Refusal::Jwt(JwtError::Signature)));
    assert_eq!(by_signed(&keys, None, &signed("three")), refused(Refusal::Jwt(JwtError::NoKey)));
}

#[test]
fn the_times_of_a_token_are_kept_to_within_five_seconds() {
    let check = |changes| names(by_signed(&[secret(1)], None, &hs256(1, &claims(changes))));
    let bob = Ok("bob".to_owned());
    let expired = refused(Refusal::Jwt(JwtError::Expired));
    let early = refused(Refusal::Jwt(JwtError::NotYetValid));
    let malformed = refused(Refusal::Jwt(JwtError::Claims));
    for (changes, expected) in [
        (json!({"exp": NOW - 4}), &bob),
        (json!({"exp": NOW as f64 - 4.5}), &bob),
        (json!({"exp": NOW - 5}), &expired),
        (json!({"exp": -1e300}), &expired),
        (json!({"exp": null}), &malformed),
        (json!({"exp": "tomorrow"}), &malformed),
        (json!({"nbf": NOW + 5}), &bob),
        (json!({"nbf": NOW + 6}), &early),
        (json!({"nbf": true}), &malformed),
        (json!({"iat": NOW + 5}), &bob),
        (json!({"iat": NOW + 6}), &early),
        (json!({"iat": null}), &bob),
        (json!({"iat": []}), &malformed),
        (json!({"permissions": "op"}), &malformed),
        (json!({"sub": 1}), &malformed),
    ] {
        assert_eq!(&check(changes.clone()), expected, "{changes}");
    }
    let doubled = "{\"exp\": 1, \"exp\": 1900000000, \"sub\": \"bob\"}";
    let message = format!(
        "{}.{}",
        encode(&json!({"alg": "HS256"})),
        BASE64URL_NOPAD.encode(doubled.as_bytes())
    );
    let signature = by_secret(hmac::HMAC_SHA256, &[1; 32])(message.as_bytes());
    let jwt = format!("{message}.{}", BASE64URL_NOPAD.encode(&signature));
    assert_eq!(names(by_signed(&[secret(1)], None, &jwt)), malformed);
}

#[test]
fn surprise_74_the_audience_is_the_url_of_the_group() {
    let allowed = |host: Option<&str>, aud: Value, below: Value| {
        let claims = claims(json!({"aud": aud, "include-subgroups": below}));
        let credentials =
            Credentials { token: Some(hs256(1, &claims).into()), ..Credentials::default() };
        let policy = Arc::new(policy(&[secret(1)]));
        let host = host.map(Arc::from);
        let request = AuthoriseRequest::new(name("a/b"), policy, host, credentials);
        request.run(Outside { now: now(), tokens: &Tokens::default() }).is_ok()
    };
    let ours = Some(HOST);
    for (host, aud, below, expected) in [
        (ours, json!("https://galene.example:8443/group/a/b/"), json!(false), true),
        (ours, json!("http://GALENE.example:8443/group/a/b/"), json!(null), true),
        (ours, json!(["https://other/", "https://galene.example:8443/group/a/b/"]), json!(0), true),
        (ours, json!("https://galene.example/group/a/b/"), json!(false), false),
        (ours, json!("https://galene.example:8443/group/a/b"), json!(false), false),
        (ours, json!("https://galene.example:8443/group/a/"), json!(false), false),
        (ours, json!("https://galene.example:8443/group/a/"), json!("true"), false),
        (ours, json!("https://galene.example:8443/group/a/"), json!(true), true),
        (ours, json!("https://galene.example:8443/group/"), json!(true), true),
        (ours, json!("https://galene.example:8443/group"), json!(true), false),
        (ours, json!("https://galene.example:8443/"), json!(true), false),
        (ours, json!("https://galene.example:8443/group/a/b/c/"), json!(true), false),
        (ours, json!("https://galene.example:8443/group/a/b%2F"), json!(false), true),
        (ours, json!("/group/a/b/"), json!(false), false),
        (None, json!("https://anywhere/group/a/b/"), json!(false), true),
        (None, json!("/group/a/b/"), json!(false), true),
        (None, json!([]), json!(true), false),
        (None, json!(null), json!(true), false),
        (None, json!(1), json!(true), false),
    ] {
        assert_eq!(allowed(host, aud.clone(), below.clone()), expected, "{host:?} {aud} {below}");
    }
}

#[test]
fn the_subject_of_a_token_is_the_name_and_without_one_the_bearer_chooses() {
    let check =
        |changes, username| names(by_signed(&[secret(1)], username, &hs256(1, &claims(changes))));
    assert_eq!(check(json!({}), Some("carol")), Ok("bob".to_owned()));
    assert_eq!(check(json!({"sub": "alice"}), None), Ok("alice".to_owned()));
    for anonymous in [json!({"sub": null}), json!({"sub": ""})] {
        assert_eq!(check(anonymous.clone(), Some("carol")), Ok("carol".to_owned()));
        assert_eq!(check(anonymous.clone(), None), Ok(String::new()));
        let taken = check(anonymous, Some("alice"));
        assert_eq!(taken, Err(AuthoriseError::DuplicateUsername));
    }
    assert!(check(json!({"sub": "../root"}), None).is_err());
    let none = by_signed(&[secret(1)], None, &hs256(1, &claims(json!({"permissions": null}))));
    assert!(none.expect("good").permissions.is_empty());
}

#[test]
fn surprise_75_what_looks_like_a_jwt_is_never_looked_up_and_all_else_is() {
    let jwt = hs256(9, &claims(json!({})));
    let tokens = Tokens(Mutex::new(vec![
        token(json!({"token": jwt, "username": "thief"})),
        token(json!({"token": "a.b.c", "username": "guest"})),
    ]));
    let outside = Outside { now: now(), tokens: &tokens };
    let policy = policy(&[secret(1)]);
    let refusal = request(&policy, None, &jwt).run(outside);
    assert_eq!(refusal, refused(Refusal::Jwt(JwtError::Signature)));
    assert_eq!(names(request(&policy, None, "a.b.c").run(outside)), Ok("guest".to_owned()));
    assert_eq!(request(&policy, None, &jwt).cost(), Cost::Signature);
    assert_eq!(request(&policy, None, "a.b.c").cost(), Cost::LookUp);
}

#[test]
fn surprise_7_a_token_of_another_group_cannot_be_changed() {
    let tokens = Tokens(Mutex::new(vec![token(json!({}))]));
    let edit = |group: &str| TokenOperation::Edit {
        group: name(group),
        name: "t".into(),
        expires: galene_protocol::Timestamp::parse("2020-01-01T00:00:00Z").ok(),
        not_before: None,
    };
    for group in ["h", "g/below"] {
        assert_eq!(edit(group).run(&tokens, [0; 8]), Err(TokenStoreError::NotFound));
        assert_eq!(*tokens.0.lock().expect("no panic"), [token(json!({}))]);
    }
    let changed = token(json!({"expires": "2020-01-01T00:00:00Z"}));
    assert_eq!(edit("g").run(&tokens, [0; 8]), Ok(TokenAnswer::Token(changed)));
}

#[test]
fn a_new_token_is_named_kept_and_listed() {
    let tokens = Tokens::default();
    let answer = TokenOperation::Make(token(json!({"token": ""}))).run(&tokens, [0xff; 8]);
    let made = token(json!({"token": "__________8"}));
    assert_eq!(answer, Ok(TokenAnswer::Token(made.clone())));
    let list = TokenOperation::List { group: name("g") };
    assert_eq!(list.run(&tokens, [0; 8]), Ok(TokenAnswer::List(vec![made])));
    assert!(TokenOperation::List { group: name("g") }.run(&Broken, [0; 8]).is_err());
}
