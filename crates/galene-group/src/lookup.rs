//! From a group's name to its definition.

use std::sync::Arc;

use galene_protocol::GroupName;

use crate::{Description, DescriptionError};

/// A group that exists, and how it is defined.
#[derive(Debug, Clone, PartialEq)]
pub struct GroupLookup {
    /// The group's name.
    pub name: GroupName,
    /// Its definition: the one in its file, or the last good one if the file is broken now.
    pub description: Arc<Description>,
    /// What is wrong with the file now, if anything is.
    pub problem: Option<Arc<Misconfiguration>>,
}

/// Why there is no definition of a group.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LookupError {
    /// The group's file is broken and there is no earlier definition to go by.
    #[error("{0}")]
    Misconfigured(Arc<Misconfiguration>),
    /// There is no such group.
    #[error("this group does not exist")]
    NotFound,
    /// The definition cannot be read at the moment.
    #[error("the group's definition cannot be read")]
    Unavailable {
        /// Why, for the log.
        reason: String,
    },
}

/// A group file that cannot be used. Its text is for administrators and operators.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}, {error}")]
pub struct Misconfiguration {
    /// Which file.
    pub file: String,
    /// What is wrong with it.
    #[source]
    pub error: DescriptionError,
}

/// What the file of one group holds.
#[derive(Debug, Clone, PartialEq)]
pub struct Loaded {
    /// The definition in the file, or the last good one.
    pub description: Arc<Description>,
    /// What is wrong with the file now, if anything is.
    pub problem: Option<Arc<Misconfiguration>>,
}

/// Finds the definition of a group: that in its own file, or else that of the nearest group above
/// which has a file, provided that one lets groups below exist by themselves.
///
/// `load` reads the file of exactly the group that it is given, and returns `None` if there is none.
///
/// # Errors
///
/// [`LookupError::NotFound`] if there is no such group, and any error of `load`.
pub fn resolve(
    name: &GroupName,
    mut load: impl FnMut(&GroupName) -> Result<Option<Loaded>, LookupError>,
) -> Result<GroupLookup, LookupError> {
    if let Some(Loaded { description, problem }) = load(name)? {
        return Ok(GroupLookup { name: name.clone(), description, problem });
    }
    let mut ancestor = name.parent();
    while let Some(above) = ancestor {
        if let Some(Loaded { description, problem }) = load(&above)? {
            if !description.auto_subgroups {
                break;
            }
            let description = Arc::new(description.for_subgroup());
            return Ok(GroupLookup { name: name.clone(), description, problem });
        }
        ancestor = above.parent();
    }
    Err(LookupError::NotFound)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn a_group_has_the_definition_in_its_own_file() {
        let found = look_up("a/b", &[("a", r#"{"auto-subgroups": true}"#), ("a/b", "{}")]).unwrap();
        assert_eq!(*found.description, Description::parse("{}").unwrap());
    }

    #[test]
    fn a_group_below_exists_by_itself_only_if_the_one_above_says_so() {
        let above =
            r#"{"auto-subgroups": true, "public": true, "description": "x", "displayName": "y"}"#;
        let found = look_up("a/b/c", &[("a", above)]).unwrap();
        assert_eq!(found.name.as_str(), "a/b/c");
        assert!(!found.description.public);
        assert_eq!(found.description.description, None);
        assert_eq!(found.description.display_name.as_deref(), Some("y"));
        assert_eq!(look_up("a/b", &[("a", "{}")]), Err(LookupError::NotFound));
        assert_eq!(look_up("b", &[("a", above)]), Err(LookupError::NotFound));
    }

    #[test]
    fn the_nearest_file_above_decides() {
        let files = [("a", r#"{"auto-subgroups": true}"#), ("a/b", "{}")];
        assert_eq!(look_up("a/b/c", &files), Err(LookupError::NotFound));
    }

    #[test]
    fn a_broken_file_is_not_passed_over() {
        let files = [("a", r#"{"auto-subgroups": true}"#), ("a/b", "{")];
        let error = look_up("a/b", &files).unwrap_err();
        assert!(error.to_string().starts_with("groups/a/b.json, line 1, column 1: "), "{error}");
        assert!(matches!(look_up("a/b/c", &files), Err(LookupError::Misconfigured(_))));
    }

    fn look_up(name: &str, files: &[(&str, &str)]) -> Result<GroupLookup, LookupError> {
        let files: BTreeMap<&str, &str> = files.iter().copied().collect();
        resolve(&GroupName::parse(name).unwrap(), |name| {
            let Some(text) = files.get(name.as_str()) else { return Ok(None) };
            match Description::parse(text) {
                Ok(description) => {
                    Ok(Some(Loaded { description: Arc::new(description), problem: None }))
                }
                Err(error) => {
                    let file = format!("groups/{name}.json");
                    Err(LookupError::Misconfigured(Misconfiguration { file, error }.into()))
                }
            }
        })
    }
}
