//! Group files, today's and yesterday's.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use galene_auth::{AuthKey, Password, PermissionSpec, Policy, Role, Roles, UserEntry};
use galene_protocol::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use super::role::check_role;
use super::{DEFAULT_MAX_HISTORY_AGE, Description, DescriptionError};

pub(super) fn parse(text: &str, roles: &Arc<Roles>) -> Result<Description, DescriptionError> {
    let mut json = serde_json::Deserializer::from_str(text);
    let file: File = serde_path_to_error::deserialize(&mut json)?;
    for (name, entry) in file.users.iter().flatten() {
        check_role(text, &["users", name, "permissions"], entry, roles)?;
    }
    if let Some(entry) = &file.wildcard_user {
        check_role(text, &["wildcard-user", "permissions"], entry, roles)?;
    }
    Ok(file.into_description(Arc::clone(roles)))
}

/// All keys that a group file can have. A null is the same as no key.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(rename = "displayName")]
    display_name: Option<String>,
    description: Option<String>,
    contact: Option<String>,
    comment: Option<String>,
    public: Option<bool>,
    redirect: Option<String>,
    #[serde(rename = "max-clients")]
    max_clients: Option<i64>,
    #[serde(rename = "max-history-age")]
    max_history_age: Option<i64>,
    #[serde(rename = "max-cameras")]
    max_cameras: Option<i64>,
    expires: Option<Timestamp>,
    #[serde(rename = "not-before")]
    not_before: Option<Timestamp>,
    #[serde(rename = "allow-recording")]
    allow_recording: Option<bool>,
    #[serde(rename = "unrestricted-tokens")]
    unrestricted_tokens: Option<bool>,
    #[serde(rename = "auto-subgroups")]
    auto_subgroups: Option<bool>,
    autolock: Option<bool>,
    autokick: Option<bool>,
    users: Option<BTreeMap<String, UserEntry>>,
    #[serde(rename = "wildcard-user")]
    wildcard_user: Option<UserEntry>,
    #[serde(rename = "authKeys")]
    auth_keys: Option<Vec<Value>>,
    #[serde(rename = "authServer")]
    auth_server: Option<String>,
    #[serde(rename = "authPortal")]
    auth_portal: Option<String>,
    codecs: Option<Vec<String>>,

    // Obsolete, and converted.
    op: Option<Vec<UserPattern>>,
    presenter: Option<Vec<UserPattern>>,
    other: Option<Vec<UserPattern>>,
    #[serde(rename = "allow-subgroups")]
    allow_subgroups: Option<bool>,
    #[serde(rename = "allow-anonymous")]
    allow_anonymous: Option<bool>,
}

/// How users were listed before they had entries.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct UserPattern {
    username: Option<String>,
    password: Option<Password>,
}

impl File {
    fn into_description(self, roles: Arc<Roles>) -> Description {
        let file = self;
        let mut warnings = Vec::new();
        if file.allow_anonymous.is_some() {
            warnings.push("`allow-anonymous` is obsolete and ignored".to_owned());
        }
        let auth_keys = file.auth_keys.unwrap_or_default();
        let mut policy = Policy {
            users: file.users.unwrap_or_default(),
            wildcard_user: file.wildcard_user,
            roles,
            auth_keys: usable_keys(&auth_keys, &mut warnings),
            allow_recording: file.allow_recording.unwrap_or_default(),
            unrestricted_tokens: file.unrestricted_tokens.unwrap_or_default(),
        };
        let obsolete = [
            ("op", Role::Op, file.op),
            ("presenter", Role::Present, file.presenter),
            ("other", Role::Message, file.other),
        ];
        for (key, role, patterns) in obsolete {
            for pattern in patterns.into_iter().flatten() {
                warnings.extend(add_user(&mut policy, key, role, pattern));
            }
        }
        Description {
            display_name: said(file.display_name),
            description: said(file.description),
            contact: said(file.contact),
            comment: said(file.comment),
            public: file.public.unwrap_or_default(),
            redirect: said(file.redirect),
            max_clients: limit(file.max_clients),
            max_cameras: limit(file.max_cameras),
            max_history_age: match file.max_history_age {
                None | Some(0) => DEFAULT_MAX_HISTORY_AGE,
                Some(seconds) => Duration::from_secs(u64::try_from(seconds).unwrap_or_default()),
            },
            expires: file.expires.map(SystemTime::from),
            not_before: file.not_before.map(SystemTime::from),
            allow_recording: policy.allow_recording,
            auto_subgroups: file.auto_subgroups.unwrap_or_default()
                || file.allow_subgroups.unwrap_or_default(),
            autolock: file.autolock.unwrap_or_default(),
            autokick: file.autokick.unwrap_or_default(),
            auth_server: said(file.auth_server),
            auth_portal: said(file.auth_portal),
            auth_keys,
            codecs: file.codecs.filter(|codecs| !codecs.is_empty()),
            policy: Arc::new(policy),
            warnings,
        }
    }
}

/// Returns the keys that can be used, and warns of the others, which do no harm to them.
fn usable_keys(keys: &[Value], warnings: &mut Vec<String>) -> Vec<AuthKey> {
    let mut usable = Vec::new();
    for (index, key) in keys.iter().enumerate() {
        match AuthKey::parse(key) {
            Ok(key) => usable.push(key),
            Err(error) => warnings.push(format!("`authKeys[{index}]` cannot be used: {error}")),
        }
    }
    usable
}

/// Treats an empty text as no text.
fn said(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.is_empty())
}

/// Makes an entry of an obsolete pattern: one without a name is for everybody, one without a password
/// is open. Returns a warning if there is an entry already.
fn add_user(policy: &mut Policy, key: &str, role: Role, pattern: UserPattern) -> Option<String> {
    let entry = UserEntry {
        password: pattern.password.unwrap_or(Password::Wildcard),
        permissions: Some(PermissionSpec::Role(role)),
    };
    match said(pattern.username) {
        None if policy.wildcard_user.is_some() => {
            Some(format!("`{key}` has another entry for all users, which is ignored"))
        }
        None => {
            policy.wildcard_user = Some(entry);
            None
        }
        Some(username) => match policy.users.entry(username) {
            Entry::Occupied(user) => Some(format!(
                "`{key}` has another entry for user {:?}, which is ignored",
                user.key()
            )),
            Entry::Vacant(place) => {
                place.insert(entry);
                None
            }
        },
    }
}

/// Reads a number of which 0, as any that makes no sense, is no limit.
fn limit(max: Option<i64>) -> Option<NonZeroUsize> {
    max.and_then(|max| usize::try_from(max).ok()).and_then(NonZeroUsize::new)
}

#[cfg(test)]
mod tests {
    use galene_auth::{AuthoriseRequest, Credentials, Grant, NoTokens, Outside};
    use galene_protocol::{GroupName, Permission, Secret};

    use super::*;

    fn parse(text: &str) -> Result<Description, DescriptionError> {
        Description::parse(text)
    }

    #[test]
    fn an_empty_object_is_a_group_that_nobody_can_join() {
        let description = parse("{}").unwrap();
        assert_eq!(description.max_history_age, Duration::from_secs(14_400));
        assert_eq!(description.max_clients, None);
        assert_eq!(login(&description, "alice", ""), None);
    }

    #[test]
    fn all_keys_of_today_are_understood() {
        let description = parse(
            r#"{
                "displayName": "Algebra", "description": "A lecture", "contact": "x", "comment": "y",
                "public": true, "redirect": "https://example.org/", "max-clients": 20,
                "max-history-age": 60, "max-cameras": 4, "expires": "2030-01-01T00:00:00Z",
                "not-before": "2029-01-01T00:00:00+01:00", "allow-recording": true,
                "unrestricted-tokens": true, "auto-subgroups": true, "autolock": true, "autokick": true,
                "users": {"alice": {"password": "secret", "permissions": "op"}},
                "wildcard-user": {"password": {"type": "wildcard"}, "permissions": ["present"]},
                "authKeys": [
                    {"kty": "oct", "alg": "HS256", "k": "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"}
                ],
                "authServer": "https://auth/", "authPortal": "https://portal/",
                "codecs": ["vp9", "opus"]
            }"#,
        )
        .unwrap();
        assert_eq!(description.display_name.as_deref(), Some("Algebra"));
        assert_eq!(description.max_clients, NonZeroUsize::new(20));
        assert_eq!(description.max_cameras, NonZeroUsize::new(4));
        assert_eq!(description.max_history_age, Duration::from_secs(60));
        assert!(description.not_before < description.expires);
        assert!(description.public && description.autolock && description.autokick);
        assert!(description.auto_subgroups && description.allow_recording);
        assert_eq!(description.auth_keys.len(), 1);
        assert_eq!(description.codecs, Some(vec!["vp9".to_owned(), "opus".to_owned()]));
        assert!(description.warnings.is_empty());
        let alice = login(&description, "alice", "secret").unwrap();
        assert!(alice.permissions.contains(&Permission::Record));
        assert_eq!(
            login(&description, "bob", "x").unwrap().permissions,
            [Permission::Present].into()
        );
    }

    #[test]
    fn a_broken_key_is_warned_of_and_leaves_the_others_alone() {
        let file = r#"{"authKeys": [{"kty": "oct", "alg": "HS256", "k": "5ec1e7"},
            {"kty": "oct", "alg": "HS256", "k": "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"}]}"#;
        let description = parse(file).unwrap();
        assert_eq!(description.policy.auth_keys.len(), 1);
        assert_eq!(description.auth_keys.len(), 2);
        assert!(description.warnings[0].starts_with("`authKeys[0]` cannot be used: `k`"));
        assert!(!description.warnings[0].contains("5ec1e7"));
    }

    #[test]
    fn every_key_defines_the_group_or_says_who_may_join_or_is_obsolete() {
        let error = serde_json::from_str::<File>(r#"{"no such key": 1}"#).unwrap_err().to_string();
        let keys: Vec<&str> = error.split('`').skip(3).step_by(2).collect();
        let (definition, others) = keys.split_at(crate::DEFINITION_KEYS.len() + 3);
        let definition: Vec<_> = definition
            .iter()
            .filter(|key| !["users", "wildcard-user", "authKeys"].contains(key))
            .collect();
        assert_eq!(definition, crate::DEFINITION_KEYS.iter().collect::<Vec<_>>());
        assert_eq!(others, ["op", "presenter", "other", "allow-subgroups", "allow-anonymous"]);
    }

    #[test]
    fn the_schema_knows_the_keys_and_types_that_the_parser_knows() {
        let schema: Value = serde_json::from_str(crate::GROUP_SCHEMA).unwrap();
        let properties = schema["properties"].as_object().unwrap();
        let error = serde_json::from_str::<File>(r#"{"no such key": 1}"#).unwrap_err().to_string();
        let keys: std::collections::BTreeSet<&str> = error.split('`').skip(3).step_by(2).collect();
        assert_eq!(properties.keys().map(String::as_str).collect::<Vec<_>>(), Vec::from_iter(keys));
        for (key, property) in properties {
            let json = match (property["type"].as_str(), property["format"].as_str()) {
                (Some("string"), Some("date-time")) => r#""2030-01-01T00:00:00Z""#,
                (Some("string"), _) => r#""text""#,
                (Some("boolean"), _) => "true",
                (Some("integer"), _) => "1",
                (Some("array"), _) => "[]",
                _ => "{}",
            };
            let json = if property["$ref"] == "#/$defs/patterns" { "[]" } else { json };
            assert!(parse(&format!(r#"{{"{key}": {json}}}"#)).is_ok(), "{key}: {json}");
            let wrong = if json == "true" { "1" } else { "true" };
            assert!(parse(&format!(r#"{{"{key}": {wrong}}}"#)).is_err(), "{key}: {wrong}");
        }
        let roles = &schema["$defs"]["user"]["properties"]["permissions"]["examples"];
        for role in roles.as_array().unwrap() {
            let text = format!(r#"{{"wildcard-user": {{"permissions": {role}}}}}"#);
            assert!(parse(&text).is_ok(), "{role}");
        }
    }

    #[test]
    fn nulls_count_as_absent_and_zero_as_the_default() {
        let description = parse(
            r#"{"public": null, "users": null, "max-clients": 0, "max-cameras": 0, "max-history-age": 0, "redirect": ""}"#,
        );
        assert_eq!(description, parse("{}"));
    }

    #[test]
    fn an_unknown_key_is_named_with_its_place_and_what_was_meant() {
        let error = parse("{\n  \"public\": true,\n  \"dispayName\": \"x\"\n}").unwrap_err();
        assert_eq!((error.line, error.key.as_str()), (3, "dispayName"));
        assert_eq!(error.message, "unknown key `dispayName`; did you mean `displayName`?");

        let error = parse("{\n \"users\": {\n  \"alice\": {\"passwrod\": \"x\"}}}").unwrap_err();
        assert_eq!((error.line, error.key.as_str()), (3, "users.alice.passwrod"));
        assert_eq!(error.message, "unknown key `passwrod`; did you mean `password`?");
        assert!(error.to_string().starts_with("line 3, column "), "{error}");

        let error = parse(r#"{"op": [{"name": "x"}]}"#).unwrap_err();
        assert_eq!(error.key, "op[0].name");
        let error = parse(r#"{"zebra": 1}"#).unwrap_err();
        assert_eq!(error.message, "unknown key `zebra`");
    }

    #[test]
    fn a_wrong_type_is_named_with_its_key() {
        let error = parse(r#"{"max-clients": "many"}"#).unwrap_err();
        assert_eq!(error.key, "max-clients");
        assert_eq!(error.message, "invalid type: string, expected i64");
        let error = parse(r#"{"users": {"alice": {"permissions": "boss"}}}"#).unwrap_err();
        assert_eq!(error.key, "users.alice.permissions");
        assert!(error.message.contains("unknown role"), "{error}");
    }

    #[test]
    fn broken_json_is_reported_with_line_and_column() {
        let error = parse("{\n\"public\": tree\n}").unwrap_err();
        assert_eq!(error.line, 2);
        assert_eq!(parse("").unwrap_err().key, "");
    }

    #[test]
    fn an_error_quotes_no_password() {
        for file in [
            r#"{"users": {"alice": {"password": 13371337}}}"#,
            r#"{"users": {"alice": {"password": {"type": "plain", "key": 13371337}}}}"#,
            r#"{"users": {"alice": "13371337"}}"#,
            r#"{"users": {"alice": ", expected 13371337"}}"#,
            r#"{"op": [{"password": ["13371337"]}]}"#,
        ] {
            let error = parse(file).unwrap_err();
            assert!(!error.to_string().contains("13371337"), "{error}");
        }
    }

    #[test]
    fn what_follows_the_object_is_ignored() {
        assert_eq!(parse("{\"public\": true} }} rubbish"), parse("{\"public\": true}"));
    }

    #[test]
    fn obsolete_user_lists_become_entries() {
        let description = parse(
            r#"{
                "users": {"alice": {"password": "entry", "permissions": "message"}},
                "op": [{"username": "alice", "password": "pattern"}, {"username": "bob", "password": "b"}],
                "presenter": [{}],
                "other": [{"password": "x"}, {"username": "carol"}]
            }"#,
        )
        .unwrap();
        assert_eq!(login(&description, "alice", "pattern"), None, "the entry wins");
        assert!(login(&description, "alice", "entry").is_some());
        assert!(login(&description, "bob", "b").unwrap().permissions.contains(&Permission::Op));
        assert!(
            login(&description, "dave", "anything")
                .unwrap()
                .permissions
                .contains(&Permission::Present)
        );
        assert_eq!(
            login(&description, "carol", "?").unwrap().permissions,
            [Permission::Message].into()
        );
        assert_eq!(description.warnings.len(), 2, "{:?}", description.warnings);
    }

    #[test]
    fn other_obsolete_keys_are_converted_or_ignored() {
        let description = parse(r#"{"allow-subgroups": true, "allow-anonymous": true}"#).unwrap();
        assert!(description.auto_subgroups);
        assert_eq!(description.warnings, ["`allow-anonymous` is obsolete and ignored"]);
    }

    fn login(description: &Description, username: &str, password: &str) -> Option<Grant> {
        let credentials = Credentials {
            username: Some(username.to_owned()),
            password: Secret::from(password),
            token: None,
        };
        let group = GroupName::parse("test").unwrap();
        let policy = Arc::clone(&description.policy);
        let outside = Outside { now: SystemTime::UNIX_EPOCH, tokens: &NoTokens };
        AuthoriseRequest::new(group, policy, None, credentials).run(outside).ok()
    }
}
