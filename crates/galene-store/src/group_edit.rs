//! Groups as the administrative interface sees and changes them.
//!
//! A definition that was read here is written with its members in their order and nothing lost:
//! members that are not concerned keep their text. Obsolete keys are rewritten as today's. The result
//! is checked by the parser that will read it before it replaces the file.

use std::path::PathBuf;
use std::sync::PoisonError;

use galene_auth::{Password, UserEntry};
use galene_group::{DEFINITION_KEYS, Description, DescriptionError};
use galene_protocol::GroupName;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::edit::{self, parse};
use crate::group_files::MAX_FILE_BYTES;
use crate::json::{Object, raw};
use crate::obsolete::{is_obsolete, modernise};
use crate::{
    DirectoryLock, Etag, FileError, GroupFiles, InvalidBody, Precondition, ReadError, Readers,
    UserKey, WriteError, Written, durable,
};

const USERS: &str = "users";
const WILDCARD_USER: &str = "wildcard-user";
const AUTH_KEYS: &str = "authKeys";
const PASSWORD: &str = "password";
const PERMISSIONS: &str = "permissions";
/// What is not part of a definition as clients of the interface see it.
const APART: [&str; 3] = [USERS, WILDCARD_USER, AUTH_KEYS];

/// A group's file as JSON, in today's words. Without a tag there is no file.
struct Document {
    path: PathBuf,
    group: Object,
    etag: Option<Etag>,
}

impl GroupFiles {
    /// Returns a group's definition as JSON, without users and keys, and the tag of its version.
    ///
    /// # Errors
    ///
    /// [`ReadError`] if the group has no file of its own, or one that cannot be used.
    pub fn definition(&self, name: &GroupName) -> Result<(String, Etag), ReadError> {
        let mut document = self.document(name)?;
        let etag = document.existing()?;
        document.group.retain(|key| !APART.contains(&key));
        Ok((document.group.one_line(), etag))
    }

    /// Replaces a group's definition, or makes the group. Users and keys stay as they are; members of
    /// the body that no group has are passed over.
    ///
    /// # Errors
    ///
    /// [`WriteError`]; a body with users, keys or obsolete members is invalid.
    pub fn put_definition(
        &self,
        name: &GroupName,
        body: &str,
        condition: &Precondition,
    ) -> Result<Written, WriteError> {
        self.change(name, |document| {
            condition.check(document.etag.as_ref())?;
            let mut wanted = parse_definition(body)?;
            for key in APART {
                if let Some(value) = document.group.remove(key) {
                    wanted.set(key, value);
                }
            }
            document.group = wanted;
            Ok(())
        })
    }

    /// Removes a group.
    ///
    /// # Errors
    ///
    /// [`WriteError`]
    pub fn delete(&self, name: &GroupName, condition: &Precondition) -> Result<(), WriteError> {
        let path = self.path(name);
        let _guard = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let _lock = match DirectoryLock::acquire(self.directory()) {
            Ok(lock) => lock,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(ReadError::NotFound.into());
            }
            Err(error) => return Err(WriteError::Busy(error)),
        };
        // A file that is broken can be removed all the same.
        let etag = crate::Version::of(&path).etag().ok_or(ReadError::NotFound)?;
        condition.check(Some(&etag))?;
        durable::remove_file(&path).map_err(|error| WriteError::unwritable(&path, error))
    }

    /// Returns the names of the users with an entry of their own, in order, and the tag of the version.
    ///
    /// # Errors
    ///
    /// [`ReadError`] if the group has no file of its own, or one that cannot be used.
    pub fn users(&self, name: &GroupName) -> Result<(Vec<String>, Etag), ReadError> {
        let document = self.document(name)?;
        let etag = document.existing()?;
        let mut names: Vec<String> = document.users()?.keys().map(str::to_owned).collect();
        names.sort();
        Ok((names, etag))
    }

    /// Returns a user's entry as JSON, without the password, and the tag of the version.
    ///
    /// # Errors
    ///
    /// [`ReadError`] if there is no such group or user, or the file cannot be used.
    pub fn user(&self, name: &GroupName, user: &UserKey) -> Result<(String, Etag), ReadError> {
        let document = self.document(name)?;
        let etag = document.existing()?;
        let mut entry = document.entry(user)?.ok_or(ReadError::NotFound)?;
        entry.remove(PASSWORD);
        Ok((entry.one_line(), etag))
    }

    /// Replaces a user's entry, or makes it. The password stays as it is; members of the body that no
    /// entry has are passed over.
    ///
    /// # Errors
    ///
    /// [`WriteError`]; a body with a password is invalid.
    pub fn put_user(
        &self,
        name: &GroupName,
        user: &UserKey,
        body: &str,
        condition: &Precondition,
    ) -> Result<Written, WriteError> {
        let mut is_new = false;
        let written = self.change(name, |document| {
            let etag = document.existing()?;
            let old = document.entry(user)?;
            is_new = old.is_none();
            condition.check(old.is_some().then_some(&etag))?;
            let mut wanted = parse_user(body)?;
            if let Some(password) = old.and_then(|mut old| old.remove(PASSWORD)) {
                wanted.set(PASSWORD, password);
            }
            document.set_entry(user, Some(wanted))
        })?;
        let etag = written.etag().cloned();
        Ok(if is_new { Written::Created(etag) } else { Written::Changed(etag) })
    }

    /// Removes a user's entry.
    ///
    /// # Errors
    ///
    /// [`WriteError`]
    pub fn delete_user(
        &self,
        name: &GroupName,
        user: &UserKey,
        condition: &Precondition,
    ) -> Result<Written, WriteError> {
        self.change(name, |document| {
            let etag = document.existing()?;
            document.entry(user)?.ok_or(ReadError::NotFound)?;
            condition.check(Some(&etag))?;
            document.set_entry(user, None)
        })
    }

    /// Sets a user's password, given as JSON: a text or an object. Whoever changes it because of what
    /// the old one was says what that was (`expected`), lest it has been changed in the meantime.
    ///
    /// # Errors
    ///
    /// [`WriteError`]; a password that could never be compared with is invalid.
    pub fn put_password(
        &self,
        name: &GroupName,
        user: &UserKey,
        body: &str,
        expected: Option<&Password>,
    ) -> Result<Written, WriteError> {
        let password: Password = parse(body).map_err(InvalidBody::Malformed)?;
        if let Password::Unusable(unusable) = &password {
            return Err(InvalidBody::UnusablePassword(unusable.error().clone()).into());
        }
        let raw: Option<Box<RawValue>> = (!password.is_absent()).then(|| raw(&password));
        self.change_password(name, user, raw, expected)
    }

    /// Removes a user's password; the user can then log in only by a token.
    ///
    /// # Errors
    ///
    /// [`WriteError`]
    pub fn delete_password(&self, name: &GroupName, user: &UserKey) -> Result<Written, WriteError> {
        self.change_password(name, user, None, None)
    }

    fn change_password(
        &self,
        name: &GroupName,
        user: &UserKey,
        password: Option<Box<RawValue>>,
        expected: Option<&Password>,
    ) -> Result<Written, WriteError> {
        self.change(name, |document| {
            let mut entry = document.entry(user)?.ok_or(ReadError::NotFound)?;
            if let Some(expected) = expected {
                let current = entry.get(PASSWORD).map_or("null", RawValue::get);
                let current: Option<Password> = serde_json::from_str(current).ok();
                if current.as_ref() != Some(expected) {
                    return Err(crate::PreconditionFailed::Match.into());
                }
            }
            match password {
                Some(password) => entry.set(PASSWORD, password),
                None => drop(entry.remove(PASSWORD)),
            }
            document.set_entry(user, Some(entry))
        })
    }

    /// Sets the keys that sign a group's tokens, given as a JSON Web Key set (RFC 7517 §5). Whether the
    /// keys are any good is for the caller to check.
    ///
    /// # Errors
    ///
    /// [`WriteError`]
    pub fn put_keys(&self, name: &GroupName, body: &str) -> Result<Written, WriteError> {
        #[derive(Deserialize)]
        struct KeySet {
            keys: Vec<Value>,
        }
        let set: KeySet = parse(body).map_err(InvalidBody::Malformed)?;
        self.change_keys(name, Some(raw(&set.keys)))
    }

    /// Removes the keys that sign a group's tokens.
    ///
    /// # Errors
    ///
    /// [`WriteError`]
    pub fn delete_keys(&self, name: &GroupName) -> Result<Written, WriteError> {
        self.change_keys(name, None)
    }

    fn change_keys(
        &self,
        name: &GroupName,
        keys: Option<Box<RawValue>>,
    ) -> Result<Written, WriteError> {
        self.change(name, |document| {
            document.existing()?;
            match keys {
                Some(keys) => document.group.set(AUTH_KEYS, keys),
                None => drop(document.group.remove(AUTH_KEYS)),
            }
            Ok(())
        })
    }

    /// Reads a group's file, changes it and writes it, while nobody else does.
    fn change(
        &self,
        name: &GroupName,
        change: impl FnOnce(&mut Document) -> Result<(), WriteError>,
    ) -> Result<Written, WriteError> {
        let path = self.path(name);
        let unwritable = |error| WriteError::unwritable(&path, error);
        let _guard = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        durable::make_directory(self.directory()).map_err(unwritable)?;
        let _lock = DirectoryLock::acquire(self.directory()).map_err(WriteError::Busy)?;
        let mut document = self.document(name)?;
        let is_new = document.etag.is_none();
        change(&mut document)?;
        let text = document.group.pretty();
        if text.len() as u64 > MAX_FILE_BYTES {
            return Err(InvalidBody::TooLarge.into());
        }
        self.parse(&text).map_err(InvalidBody::Malformed)?;
        durable::make_directory(durable::directory_of(&path)).map_err(unwritable)?;
        durable::write_file(&path, text.as_bytes(), Readers::Owner).map_err(unwritable)?;
        let etag = crate::Version::of(&path).etag();
        Ok(if is_new { Written::Created(etag) } else { Written::Changed(etag) })
    }

    fn document(&self, name: &GroupName) -> Result<Document, FileError> {
        let path = self.path(name);
        let Some((text, version)) = edit::read(&path, MAX_FILE_BYTES)? else {
            return Ok(Document { path, group: Object::default(), etag: None });
        };
        let broken = |error| FileError::broken(&path, error);
        self.parse(&text).map_err(broken)?;
        let mut group: Object = parse(&text).map_err(broken)?;
        modernise(&mut group).map_err(|error| broken(unexpected(&error)))?;
        Ok(Document { path, group, etag: version.etag() })
    }
}

impl Document {
    /// Returns the tag of the version, or that there is no such group.
    fn existing(&self) -> Result<Etag, ReadError> {
        self.etag.clone().ok_or(ReadError::NotFound)
    }

    fn users(&self) -> Result<Object, FileError> {
        self.group.object(USERS).map_err(|error| self.broken(&error))
    }

    fn entry(&self, user: &UserKey) -> Result<Option<Object>, FileError> {
        let users;
        let entry = match user {
            UserKey::Wildcard => self.group.get(WILDCARD_USER),
            UserKey::Named(name) => {
                users = self.users()?;
                users.get(name)
            }
        };
        let entry = entry.map(|entry| Object::parse(entry.get()));
        entry.transpose().map_err(|error| self.broken(&error))
    }

    fn set_entry(&mut self, user: &UserKey, entry: Option<Object>) -> Result<(), WriteError> {
        match (user, entry) {
            (UserKey::Wildcard, Some(entry)) => self.group.set(WILDCARD_USER, entry.to_raw()),
            (UserKey::Wildcard, None) => drop(self.group.remove(WILDCARD_USER)),
            (UserKey::Named(name), entry) => {
                let mut users = self.users()?;
                match entry {
                    Some(entry) => users.set(name, entry.to_raw()),
                    None => drop(users.remove(name)),
                }
                self.group.set(USERS, users.to_raw());
            }
        }
        Ok(())
    }

    fn broken(&self, error: &serde_json::Error) -> FileError {
        FileError::broken(&self.path, unexpected(error))
    }
}

fn parse_definition(body: &str) -> Result<Object, InvalidBody> {
    let mut wanted: Object = parse(body).map_err(InvalidBody::Malformed)?;
    for key in wanted.keys() {
        let reason = match key {
            USERS | WILDCARD_USER | AUTH_KEYS => "it is not part of the group's definition",
            key if is_obsolete(key) => "it is obsolete",
            _ => continue,
        };
        return Err(InvalidBody::Forbidden { key: key.to_owned(), reason });
    }
    wanted.retain(|key| DEFINITION_KEYS.contains(&key));
    Description::parse(wanted.to_raw().get()).map_err(InvalidBody::Malformed)?;
    Ok(wanted)
}

fn parse_user(body: &str) -> Result<Object, InvalidBody> {
    let mut wanted: Object = parse(body).map_err(InvalidBody::Malformed)?;
    if wanted.get(PASSWORD).is_some() {
        let reason = "a password has a resource of its own";
        return Err(InvalidBody::Forbidden { key: PASSWORD.to_owned(), reason });
    }
    wanted.retain(|key| key == PERMISSIONS);
    parse::<UserEntry>(wanted.to_raw().get()).map_err(InvalidBody::Malformed)?;
    Ok(wanted)
}

/// A complaint about a file that the parser of groups did not complain about.
fn unexpected(error: &serde_json::Error) -> DescriptionError {
    DescriptionError {
        line: error.line(),
        column: error.column(),
        key: String::new(),
        message: error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::PreconditionFailed;

    struct Fixture {
        _directory: tempfile::TempDir,
        groups: GroupFiles,
    }

    impl Fixture {
        fn new() -> Fixture {
            let directory = tempfile::tempdir().expect("a temporary directory");
            let groups = GroupFiles::new(directory.path().join("groups"));
            Fixture { _directory: directory, groups }
        }

        fn with(name: &str, text: &str) -> Fixture {
            let fixture = Fixture::new();
            let path = fixture.groups.path(&group(name));
            fs::create_dir_all(path.parent().expect("it has one")).expect("writable");
            fs::write(path, text).expect("writable");
            fixture
        }

        fn text(&self, name: &str) -> String {
            fs::read_to_string(self.groups.path(&group(name))).expect("readable")
        }
    }

    fn group(name: &str) -> GroupName {
        GroupName::parse(name).expect("a valid name")
    }

    fn named(name: &str) -> UserKey {
        UserKey::Named(name.to_owned())
    }

    const NONE: &Precondition = &Precondition::NONE;

    #[test]
    fn a_group_is_made_changed_and_removed_under_conditions() {
        let fixture = Fixture::new();
        let (groups, name) = (&fixture.groups, group("a/b"));
        assert!(matches!(groups.definition(&name), Err(ReadError::NotFound)));
        let new = Precondition::is_new();
        let made = groups.put_definition(&name, r#"{"public": true}"#, &new).expect("it is new");
        let Written::Created(Some(first)) = made else { panic!("{made:?}") };
        assert_eq!(
            groups.definition(&name).expect("it exists"),
            (r#"{"public":true}"#.into(), first.clone())
        );
        let again = groups.put_definition(&name, "{}", &new);
        assert!(matches!(again, Err(WriteError::Precondition(PreconditionFailed::NoneMatch))));

        let is_first = Precondition::is(&first);
        let changed =
            groups.put_definition(&name, r#"{"comment": "x"}"#, &is_first).expect("it is");
        assert!(matches!(&changed, Written::Changed(Some(second)) if *second != first));
        let late = groups.put_definition(&name, "{}", &is_first);
        assert!(matches!(late, Err(WriteError::Precondition(PreconditionFailed::Match))));
        assert!(matches!(groups.delete(&name, &is_first), Err(WriteError::Precondition(_))));
        assert!(groups.delete(&name, NONE).is_ok());
        assert!(matches!(groups.delete(&name, NONE), Err(WriteError::Read(ReadError::NotFound))));
        assert_eq!(groups.names(), []);
    }

    #[test]
    fn a_new_definition_keeps_users_and_keys_and_their_text() {
        let fixture = Fixture::with(
            "a",
            r#"{"authKeys": [{"k": 1, "x-own": 1.50}], "public": true,
            "users": {"z": {"password": {"type": "plain", "key": "x", "hint": "?"}}, "b": {}},
            "wildcard-user": {"permissions": "present"}} and what follows"#,
        );
        let body = r#"{"displayName": "A", "no-such-key": 1}"#;
        fixture.groups.put_definition(&group("a"), body, NONE).expect("valid");
        let one_line = crate::json::layout(&fixture.text("a"), None);
        assert_eq!(
            one_line.trim(),
            concat!(
                r#"{"displayName":"A","users":{"z":{"password":{"type":"plain","key":"x","hint":"?"}},"b":{}},"#,
                r#""wildcard-user":{"permissions":"present"},"authKeys":[{"k":1,"x-own":1.50}]}"#
            )
        );
        assert!(fixture.text("a").starts_with("{\n    \"displayName\": \"A\",\n"));
    }

    #[test]
    fn surprise_10_a_definition_sets_no_users_by_whatever_name() {
        let fixture = Fixture::with("a", "{}");
        for key in
            ["users", "wildcard-user", "authKeys", "op", "presenter", "other", "allow-subgroups"]
        {
            let body = format!(r#"{{"public": true, "{key}": null}}"#);
            let error =
                fixture.groups.put_definition(&group("a"), &body, NONE).expect_err("refused");
            assert!(
                matches!(&error, WriteError::Invalid(InvalidBody::Forbidden { key: named, .. }) if named == key),
                "{error}"
            );
        }
        for (body, complaint) in [("{", "EOF"), ("[]", "expected"), (r#"{"public": 1}"#, "public")]
        {
            let error =
                fixture.groups.put_definition(&group("a"), body, NONE).expect_err("refused");
            assert!(matches!(error, WriteError::Invalid(InvalidBody::Malformed(_))), "{error}");
            assert!(error.to_string().contains(complaint), "{error}");
        }
        assert_eq!(fixture.text("a"), "{}");
    }

    #[test]
    fn users_of_a_file_of_former_times_can_be_changed() {
        let fixture = Fixture::with(
            "a",
            r#"{"op": [{"username": "jch", "password": "1234"}], "presenter": [{}]}"#,
        );
        let (groups, name) = (&fixture.groups, group("a"));
        assert_eq!(groups.users(&name).expect("readable").0, ["jch"]);
        assert_eq!(groups.user(&name, &named("jch")).expect("there").0, r#"{"permissions":"op"}"#);
        assert_eq!(
            groups.user(&name, &UserKey::Wildcard).expect("there").0,
            r#"{"permissions":"present"}"#
        );
        let changed = groups.put_user(&name, &named("jch"), r#"{"permissions": "present"}"#, NONE);
        assert!(matches!(changed, Ok(Written::Changed(_))));
        let one_line = crate::json::layout(&fixture.text("a"), None);
        assert_eq!(
            one_line.trim(),
            concat!(
                r#"{"wildcard-user":{"password":{"type":"wildcard"},"permissions":"present"},"#,
                r#""users":{"jch":{"permissions":"present","password":"1234"}}}"#
            )
        );
    }

    #[test]
    fn entries_are_made_changed_and_removed() {
        let fixture = Fixture::with("a", "{}");
        let (groups, name) = (&fixture.groups, group("a"));
        for user in [named("al/ice"), named(""), UserKey::Wildcard] {
            assert!(matches!(groups.user(&name, &user), Err(ReadError::NotFound)));
            let password = groups.put_password(&name, &user, r#""x""#, None);
            assert!(matches!(password, Err(WriteError::Read(ReadError::NotFound))));
            let body = r#"{"permissions": ["present"], "x": 1}"#;
            let made = groups.put_user(&name, &user, body, &Precondition::is_new());
            assert!(matches!(made, Ok(Written::Created(Some(_)))));
            let again = groups.put_user(&name, &user, body, &Precondition::is_new());
            assert!(matches!(again, Err(WriteError::Precondition(PreconditionFailed::NoneMatch))));
            assert_eq!(
                groups.user(&name, &user).expect("there").0,
                r#"{"permissions":["present"]}"#
            );

            let password = |text: &str| Password::Plain(text.into());
            groups.put_password(&name, &user, r#""x""#, None).expect("there");
            let late = groups.put_password(&name, &user, r#""z""#, Some(&password("y")));
            assert!(matches!(late, Err(WriteError::Precondition(PreconditionFailed::Match))));
            groups.put_password(&name, &user, r#""y""#, Some(&password("x"))).expect("it was");
            assert!(fixture.text("a").contains(r#""password": "y""#));
            groups.delete_password(&name, &user).expect("there");
            assert!(!fixture.text("a").contains("password"));

            groups.delete_user(&name, &user, NONE).expect("there");
            let gone = groups.delete_user(&name, &user, NONE);
            assert!(matches!(gone, Err(WriteError::Read(ReadError::NotFound))));
        }
        let user = named("bob");
        for body in
            [r#"{"permissions": "boss"}"#, r#"{"permissions": 1}"#, r#"{"password": "x"}"#, "3"]
        {
            let refused = groups.put_user(&name, &user, body, NONE);
            assert!(matches!(refused, Err(WriteError::Invalid(_))), "{body}");
        }
        groups.put_user(&name, &user, "{}", NONE).expect("valid");
        for body in [r#"{"type": "magic"}"#, r#"{"type": "bcrypt", "key": "x"}"#, "3"] {
            let refused = groups.put_password(&name, &user, body, None);
            assert!(matches!(refused, Err(WriteError::Invalid(_))), "{body}");
        }
    }

    #[test]
    fn keys_are_set_and_removed() {
        let fixture = Fixture::with("a", r#"{"public": true}"#);
        let (groups, name) = (&fixture.groups, group("a"));
        groups.put_keys(&name, r#"{"keys": [{"kty": "oct"}], "x": 1}"#).expect("there");
        assert!(fixture.text("a").contains("\"authKeys\": [\n"));
        groups.delete_keys(&name).expect("there");
        assert_eq!(fixture.text("a"), "{\n    \"public\": true\n}\n");
        assert!(matches!(groups.put_keys(&name, "{}"), Err(WriteError::Invalid(_))));
        let missing = groups.put_keys(&group("b"), r#"{"keys": []}"#);
        assert!(matches!(missing, Err(WriteError::Read(ReadError::NotFound))));
        assert_eq!(groups.names(), [name]);
    }

    #[test]
    fn what_is_broken_can_be_removed_but_not_changed() {
        let fixture = Fixture::with("a", r#"{"publc": true}"#);
        let error = fixture.groups.put_definition(&group("a"), "{}", NONE).expect_err("broken");
        assert!(matches!(&error, WriteError::Read(ReadError::File(_))), "{error}");
        assert!(error.to_string().contains("a.json:1:8: "), "{error}");
        assert_eq!(fixture.text("a"), r#"{"publc": true}"#);
        fixture.groups.delete(&group("a"), NONE).expect("it can be removed");
    }
}
