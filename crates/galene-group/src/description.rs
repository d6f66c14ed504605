//! A group's definition, as its file states it.

mod error;
mod file;
mod role;

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use galene_auth::{Policy, Roles};
use galene_protocol::{GroupName, GroupStatus};
use serde_json::Value;

pub use self::error::DescriptionError;
pub use self::role::check_role;

/// How old chat becomes if the definition does not say; also how long an empty group is kept.
const DEFAULT_MAX_HISTORY_AGE: Duration = Duration::from_secs(4 * 3600);

/// The keys of a group file that define the group, as opposed to those that say who may join
/// (`users`, `wildcard-user`, `authKeys`) and to obsolete ones.
pub const DEFINITION_KEYS: &[&str] = &[
    "displayName",
    "description",
    "contact",
    "comment",
    "public",
    "redirect",
    "max-clients",
    "max-history-age",
    "max-cameras",
    "expires",
    "not-before",
    "allow-recording",
    "unrestricted-tokens",
    "auto-subgroups",
    "autolock",
    "autokick",
    "authServer",
    "authPortal",
    "codecs",
];

/// The JSON schema of a group file, for editors that check and complete JSON.
pub const GROUP_SCHEMA: &str = include_str!("description/schema.json");

/// A group's definition.
#[derive(Debug, Clone, PartialEq)]
pub struct Description {
    /// What the group is called, if not by its name.
    pub display_name: Option<String>,
    /// What the group is about.
    pub description: Option<String>,
    /// Whom to ask about the group; means nothing to the server.
    pub contact: Option<String>,
    /// Anything; means nothing to the server.
    pub comment: Option<String>,
    /// Whether strangers are told that the group exists, and how many are in it.
    pub public: bool,
    /// Where members are sent instead.
    pub redirect: Option<String>,
    /// From how many members on only operators can join.
    pub max_clients: Option<NonZeroUsize>,
    /// How many cameras each member is sent: those of whoever spoke last. `None` for all.
    pub max_cameras: Option<NonZeroUsize>,
    /// How long chat is remembered, and how long an empty group.
    pub max_history_age: Duration,
    /// After when only operators can join.
    pub expires: Option<SystemTime>,
    /// Before when only operators can join.
    pub not_before: Option<SystemTime>,
    /// Whether operators may record.
    pub allow_recording: bool,
    /// Whether groups below exist without a definition of their own.
    pub auto_subgroups: bool,
    /// Whether the group locks itself when it has no operator.
    pub autolock: bool,
    /// Whether the group throws everybody out when it has no operator.
    pub autokick: bool,
    /// The URL that turns a name and password into a token.
    pub auth_server: Option<String>,
    /// The URL of the page that hands out tokens.
    pub auth_portal: Option<String>,
    /// The keys that sign tokens, as JSON Web Keys.
    pub auth_keys: Vec<Value>,
    /// The codecs that may be published, by their names in group files; those that do not exist are for
    /// the reader to pass over. `None` is the server's choice.
    pub codecs: Option<Vec<String>>,
    /// Who may join, and what they may do.
    pub policy: Arc<Policy>,
    /// What an administrator should mend although it does no harm.
    pub warnings: Vec<String>,
}

impl Description {
    /// Parses the content of a group file, in today's form or an obsolete one.
    ///
    /// Bytes after the first JSON value are ignored, as Galène does.
    ///
    /// # Errors
    ///
    /// [`DescriptionError`] if the content is not JSON, or has unknown keys or values of a wrong type.
    pub fn parse(text: &str) -> Result<Self, DescriptionError> {
        Self::parse_with_roles(text, &Arc::default())
    }

    /// Parses the content of a group file that may name roles of the administrator's.
    ///
    /// # Errors
    ///
    /// As those of [`parse`](Self::parse).
    pub fn parse_with_roles(text: &str, roles: &Arc<Roles>) -> Result<Self, DescriptionError> {
        file::parse(text, roles)
    }

    /// Returns the definition of a group that exists only because this one lets groups below exist: the
    /// same, but hidden from strangers.
    #[must_use]
    pub fn for_subgroup(&self) -> Self {
        Self { public: false, description: None, ..self.clone() }
    }

    /// Returns what the definition tells everybody about the group.
    pub fn status(&self, name: &GroupName) -> GroupStatus {
        let status = GroupStatus {
            name: name.to_string(),
            display_name: self.display_name.clone(),
            description: self.description.clone(),
            ..GroupStatus::default()
        };
        if self.redirect.is_some() {
            return GroupStatus { redirect: self.redirect.clone(), ..status };
        }
        GroupStatus {
            auth_server: self.auth_server.clone(),
            auth_portal: self.auth_portal.clone(),
            ..status
        }
    }
}
