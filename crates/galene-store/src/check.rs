//! Looks at all files at once and says everything that is wrong with them.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use galene_auth::{Password, UserEntry};
use galene_group::DescriptionError;
use serde_json::value::RawValue;

use crate::group_files::MAX_FILE_BYTES;
use crate::{Config, FileError, GroupFiles, TokenFile, edit};

/// Something that an administrator should mend.
#[derive(Debug, Clone)]
pub enum Problem {
    /// A file, or a part of it, cannot be used.
    Error(FileError),
    /// Something does no harm, but also not what somebody expected of it.
    Warning {
        /// The file.
        path: PathBuf,
        /// What.
        message: String,
    },
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Problem::Error(error) => {
                write!(f, "error: {error}")?;
                match std::error::Error::source(error) {
                    Some(cause) => write!(f, ": {cause}"),
                    None => Ok(()),
                }
            }
            Problem::Warning { path, message } => {
                write!(f, "warning: {}: {message}", path.display())
            }
        }
    }
}

/// Looks at the configuration, every group's file and the file of tokens. None of them need exist.
pub fn check(config: &Path, groups: &GroupFiles, tokens: &TokenFile) -> Vec<Problem> {
    let mut problems = Vec::new();
    match Config::read(config) {
        Ok(config_read) => {
            groups.set_roles(Arc::new(config_read.roles.clone()));
            let path = || config.to_owned();
            let warnings = config_read.warnings().into_iter();
            problems.extend(warnings.map(|message| Problem::Warning { path: path(), message }));
            if let Ok(Some((text, _))) = edit::read(config, MAX_FILE_BYTES) {
                let users =
                    config_read.users.iter().map(|(name, user)| (vec!["users", name], user));
                problems.extend(unusable_passwords(config, &text, users));
            }
        }
        Err(error) => problems.push(Problem::Error(error)),
    }
    for name in groups.names() {
        check_group(groups, &groups.path(&name), &mut problems);
    }
    problems.extend(tokens.problem().map(Problem::Error));
    problems
}

fn check_group(groups: &GroupFiles, path: &Path, problems: &mut Vec<Problem>) {
    let read = edit::read(path, MAX_FILE_BYTES).and_then(|read| {
        let text = read.map(|(text, _)| text).unwrap_or_default();
        let description = groups.parse(&text).map_err(|error| FileError::broken(path, error))?;
        Ok((text, description))
    });
    let (text, description) = match read {
        Ok(read) => read,
        Err(error) => return problems.push(Problem::Error(error)),
    };
    let warnings = description.warnings.iter().cloned();
    problems.extend(warnings.map(|message| Problem::Warning { path: path.to_owned(), message }));
    let policy = &description.policy;
    let users = policy.users.iter().map(|(name, user)| (vec!["users", name.as_str()], user));
    let wildcard = policy.wildcard_user.iter().map(|user| (vec!["wildcard-user"], user));
    problems.extend(unusable_passwords(path, &text, users.chain(wildcard)));
}

/// Returns an error for each password that cannot be compared with anything.
fn unusable_passwords<'a>(
    path: &Path,
    text: &str,
    users: impl Iterator<Item = (Vec<&'a str>, &'a UserEntry)>,
) -> Vec<Problem> {
    let errors = users.filter_map(|(mut keys, user)| {
        let Password::Unusable(password) = &user.password else { return None };
        keys.push("password");
        // An entry of former times stands elsewhere.
        let (line, column) = locate(text, &keys).unwrap_or((1, 1));
        let message = password.error().to_string();
        let error = DescriptionError { line, column, key: keys.join("."), message };
        Some(Problem::Error(FileError::broken(path, error)))
    });
    errors.collect()
}

/// Returns the line and the column, counted from one, at which the value of nested members begins.
fn locate(text: &str, keys: &[&str]) -> Option<(usize, usize)> {
    let mut rest = text;
    for key in keys {
        let mut values =
            serde_json::Deserializer::from_str(rest).into_iter::<BTreeMap<String, &RawValue>>();
        rest = values.next()?.ok()?.get(*key)?.get();
    }
    // A raw value borrows from the text that it was found in.
    let offset = (rest.as_ptr() as usize).checked_sub(text.as_ptr() as usize)?;
    let before = text.get(..offset)?;
    let column = offset - before.rfind('\n').map_or(0, |end| end + 1);
    Some((before.matches('\n').count() + 1, column + 1))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn everything_that_is_wrong_is_said_with_its_place() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let at = |name: &str| directory.path().join(name);
        fs::create_dir_all(at("groups/a")).expect("writable");
        for (name, text) in [
            ("config.json", "{\n  \"writeableGroups\": true\n}"),
            ("groups/a.json", "{}"),
            (
                "groups/a/b.json",
                "{\"allow-anonymous\": true,\n \"users\": {\n  \"bob\": {\"password\": {\"type\": \"magic\"}}}}",
            ),
            ("groups/c.json", "{\"public\": tru}"),
            ("tokens.jsonl", "rubbish\n"),
        ] {
            fs::write(at(name), text).expect("writable");
        }
        let groups = GroupFiles::new(at("groups"));
        let tokens = TokenFile::new(at("tokens.jsonl"));
        let problems = check(&at("config.json"), &groups, &tokens);
        let prefix = format!("{}/", directory.path().display());
        let said: Vec<String> =
            problems.iter().map(|problem| problem.to_string().replace(&prefix, "")).collect();
        let expected = [
            "error: config.json:2:19: key `writeableGroups`: unknown key `writeableGroups`; did you mean `writableGroups`?",
            "warning: groups/a/b.json: `allow-anonymous` is obsolete and ignored",
            "error: groups/a/b.json:3:23: key `users.bob.password`: unknown password type \"magic\"",
            "error: groups/c.json:1:15: key `public`: expected ident",
            "error: tokens.jsonl:1:1: expected value",
        ];
        assert_eq!(said, expected);

        let nothing = GroupFiles::new(at("nowhere"));
        assert!(check(&at("nothing"), &nothing, &TokenFile::new(at("nothing"))).is_empty());
    }
}
