//! Who gets in with what, and as whom.

use std::error::Error;
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use galene_auth::{
    AuthoriseError, AuthoriseRequest, Credentials, Grant, NoTokens, Outside, Password,
    PasswordError, PermissionSpec, Policy, Refusal, Role, UserEntry,
};
use galene_protocol::limits::MAX_SECRET_BYTES;
use galene_protocol::{GroupName, Permission, Permissions, Username, UsernameError};

/// `pass`, by PBKDF2.
const PBKDF2: &str = r#"{
    "type": "pbkdf2", "hash": "sha-256", "iterations": 4096, "salt": "bcc1717851030776",
    "key": "fe499504e8f144693fae828e8e371d50e019d0e4c84994fa03f7f445bd8a570a"
}"#;

/// `pass`, by bcrypt.
const BCRYPT: &str = r#"{
    "type": "bcrypt", "key": "$2a$10$afOr2f33onT/nDFFyT3mbOq5FMSw1wWXfyTXQTBMbKvZpBkoD3Qwu"
}"#;

#[test]
fn only_the_password_itself_matches_unless_everything_or_nothing_does() {
    let candidates =
        ["pass", "pas", "passw", "Pass", "apass", "ass", "passpass", "pass ", " pass", "word", ""];
    for (stored, right) in [
        (r#""pass""#, &["pass"][..]),
        (r#"{"type": "plain", "key": "pass"}"#, &["pass"]),
        (PBKDF2, &["pass"]),
        (BCRYPT, &["pass"]),
        (r#"{"type": "wildcard"}"#, &candidates),
        ("{}", &[]),
        (r#""""#, &[""]),
    ] {
        let password: Password = serde_json::from_str(stored).expect("a password");
        for candidate in candidates {
            let matches = password.matches(&candidate.into());
            assert_eq!(matches, Ok(right.contains(&candidate)), "{stored} and {candidate:?}");
        }
    }
}

#[test]
fn only_the_first_72_bytes_of_a_password_count_for_bcrypt() {
    let (start, full) = ("x".repeat(71), "x".repeat(72));
    let hash = bcrypt::hash_with_salt(&full, 4, [7; 16]).expect("cost 4 is allowed").to_string();
    let json = serde_json::json!({"type": "bcrypt", "key": hash});
    let password: Password = serde_json::from_value(json).expect("a password");
    let matches = |candidate: &str| password.matches(&candidate.into());
    assert_eq!(matches(&full), Ok(true));
    assert_eq!(matches(&format!("{full}y")), Ok(true));
    assert_eq!(matches(&start), Ok(false));
    assert_eq!(matches(&format!("{start}y")), Ok(false));
}

#[test]
fn a_user_gets_the_permissions_of_the_entry() {
    let policy = policy();
    assert_eq!(login(&policy, Some("alice"), "pass"), Ok(grant("alice", Role::Op)));
    assert_eq!(login(&policy, Some("bob"), "word"), Ok(grant("bob", Role::Message)));
    let raw = Grant {
        permissions: [Permission::Other("fly".into())].into(),
        ..grant("raw", Role::Observe)
    };
    assert_eq!(login(&policy, Some("raw"), "raw"), Ok(raw));
    assert_eq!(login(&policy, Some("nothing"), "x"), Ok(grant("nothing", Role::Observe)));
}

#[test]
fn a_wrong_password_and_an_unknown_user_are_the_same_refusal() {
    let policy = policy();
    let refused = Err(AuthoriseError::NotAuthorised(Refusal::BadCredentials));
    for (name, password) in [
        ("alice", "word"),
        ("alice", ""),
        ("Alice", "pass"),
        ("alice ", "pass"),
        ("carol", "pass"),
        ("", ""),
    ] {
        assert_eq!(login(&policy, Some(name), password), refused, "{name} {password}");
    }
}

#[test]
fn others_enter_by_the_wildcard_user_but_those_with_an_entry_never_do() {
    let policy =
        Policy { wildcard_user: Some(entry(r#""wild""#, Some(Role::Present))), ..policy() };
    let refused = Err(AuthoriseError::NotAuthorised(Refusal::BadCredentials));
    assert_eq!(login(&policy, Some("carol"), "wild"), Ok(grant("carol", Role::Present)));
    assert_eq!(login(&policy, Some(""), "wild"), Ok(grant("", Role::Present)));
    assert_eq!(login(&policy, Some("carol"), "pass"), refused);
    assert_eq!(login(&policy, Some("alice"), "wild"), refused);
    assert_eq!(login(&policy, Some("nopassword"), "wild"), refused);
    assert_eq!(login(&policy, Some("alice"), "pass"), Ok(grant("alice", Role::Op)));
}

#[test]
fn a_user_without_a_password_cannot_log_in() {
    for password in ["", "pass"] {
        let refused = Err(AuthoriseError::NotAuthorised(Refusal::BadCredentials));
        assert_eq!(login(&policy(), Some("nopassword"), password), refused);
    }
}

#[test]
fn the_empty_name_is_a_name_like_others() {
    let mut policy = policy();
    policy.users.insert(String::new(), entry(r#""anonymous""#, Some(Role::Observe)));
    assert_eq!(login(&policy, Some(""), "anonymous"), Ok(grant("", Role::Observe)));
    assert_eq!(login(&policy, None, "anonymous"), Err(AuthoriseError::NoCredentials));
}

#[test]
fn a_name_that_cannot_be_a_username_is_refused_even_with_the_right_password() {
    let policy = Policy { wildcard_user: Some(entry(r#"{"type": "wildcard"}"#, None)), ..policy() };
    for (name, error) in [
        ("../alice", UsernameError::Path),
        ("a//b", UsernameError::Path),
        ("/", UsernameError::Path),
        ("a\\b", UsernameError::Character),
        (&*"x".repeat(257), UsernameError::TooLong),
    ] {
        let refused = Err(AuthoriseError::NotAuthorised(Refusal::Username(error)));
        assert_eq!(login(&policy, Some(name), ""), refused, "{name}");
    }
}

#[test]
fn an_unusable_password_is_the_groups_fault_and_names_the_user() {
    let unusable = r#"{"type": "iris scan"}"#;
    let mut policy = policy();
    policy.users.insert("alice".to_owned(), entry(unusable, Some(Role::Op)));
    let source = PasswordError::UnknownType("iris scan".to_owned());
    let expected =
        AuthoriseError::Misconfigured { user: "alice".to_owned(), source: source.clone() };
    assert_eq!(login(&policy, Some("alice"), "pass"), Err(expected));
    assert_eq!(login(&policy, Some("bob"), "word"), Ok(grant("bob", Role::Message)));

    policy.wildcard_user = Some(entry(unusable, None));
    let expected = AuthoriseError::NotAuthorised(Refusal::WildcardMisconfigured(source));
    assert_eq!(login(&policy, Some("carol"), "pass"), Err(expected));
    assert_eq!(login(&policy, Some("bob"), "word"), Ok(grant("bob", Role::Message)));
    let refused = AuthoriseError::NotAuthorised(Refusal::BadCredentials);
    assert_eq!(login(&policy, Some("bob"), "pass"), Err(refused));
}

#[test]
fn a_token_takes_precedence_over_the_password() {
    let with_token = |token: &str| Credentials {
        username: Some("alice".to_owned()),
        password: "pass".into(),
        token: Some(token.into()),
    };
    let expected = AuthoriseError::NotAuthorised(Refusal::UnknownToken);
    assert_eq!(authorise(&policy(), with_token("kQ3dSWzjWpo")), Err(expected));
    assert_eq!(authorise(&policy(), with_token("")), Ok(grant("alice", Role::Op)));
}

#[test]
fn a_password_of_any_length_is_answered() {
    let mut policy = policy();
    let longest = "x".repeat(MAX_SECRET_BYTES);
    policy.users.insert("long".to_owned(), entry(&format!("{longest:?}"), Some(Role::Op)));
    assert_eq!(login(&policy, Some("long"), &longest), Ok(grant("long", Role::Op)));
    let refused = Err(AuthoriseError::NotAuthorised(Refusal::BadCredentials));
    for name in ["alice", "bob", "long", "carol"] {
        assert_eq!(login(&policy, Some(name), &format!("{longest}x")), refused, "{name}");
    }
}

#[test]
fn what_a_refused_client_may_read_tells_nothing_about_the_reason() {
    let refusals = [
        Refusal::BadCredentials,
        Refusal::UnknownToken,
        Refusal::Username(UsernameError::Path),
        Refusal::WildcardMisconfigured(PasswordError::MissingKey),
    ];
    for refusal in refusals {
        let error = AuthoriseError::NotAuthorised(refusal.clone());
        assert_eq!(error.to_string(), "not authorised");
        assert_eq!(error.source().map(|source| source.to_string()), Some(refusal.to_string()));
    }
}

fn policy() -> Policy {
    let users = [
        ("alice", entry(PBKDF2, Some(Role::Op))),
        ("bob", entry(r#""word""#, Some(Role::Message))),
        ("nopassword", entry("{}", Some(Role::Op))),
        ("nothing", entry(r#"{"type": "wildcard"}"#, None)),
    ];
    let mut users: Policy = Policy {
        users: users.into_iter().map(|(name, entry)| (name.to_owned(), entry)).collect(),
        ..Policy::default()
    };
    let raw = PermissionSpec::Raw([Permission::Other("fly".into())].into());
    let raw = UserEntry { permissions: Some(raw), ..entry(r#""raw""#, None) };
    users.users.insert("raw".to_owned(), raw);
    users
}

fn entry(password: &str, role: Option<Role>) -> UserEntry {
    let password = serde_json::from_str(password).expect("a password");
    UserEntry { password, permissions: role.map(PermissionSpec::Role) }
}

fn grant(name: &str, role: Role) -> Grant {
    let permissions: Permissions = role.permissions(&Policy::default());
    Grant { username: Username::parse(name).expect("a valid name"), permissions }
}

fn login(policy: &Policy, username: Option<&str>, password: &str) -> Result<Grant, AuthoriseError> {
    let username = username.map(str::to_owned);
    authorise(policy, Credentials { username, password: password.into(), token: None })
}

fn authorise(policy: &Policy, credentials: Credentials) -> Result<Grant, AuthoriseError> {
    let group = GroupName::parse("lectures/algebra").expect("a valid name");
    let request = AuthoriseRequest::new(group, Arc::new(policy.clone()), None, credentials);
    request.run(Outside { now: UNIX_EPOCH, tokens: &NoTokens })
}
