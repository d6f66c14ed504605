//! Groups, members, permissions, chat history and streams.
//!
//! A [`Group`] is a pure state machine: members and operators call it, and it says what whom to tell
//! ([`Notice`]). Its [`Description`] is what a group file says; [`resolve`] finds the one that applies
//! to a name.

mod action;
mod description;
mod dictionary;
mod group;
mod history;
pub mod limits;
mod lookup;
mod member;
mod notice;
mod refusal;
mod suggestion;

pub use action::{Action, ActionRequest, Authorizer, GaleneRules};
pub use description::{DEFINITION_KEYS, Description, DescriptionError, GROUP_SCHEMA, check_role};
pub use dictionary::{MAX_DICTIONARY_BYTES, TooLarge, json_bytes};
pub use group::{
    Group, JoinRefusal, PermissionChange, PermissionsChanged, ServerFacts, TokenEdit, TokenRefused,
    check_note,
};
pub use lookup::{GroupLookup, Loaded, LookupError, Misconfiguration, resolve};
pub use member::{Member, MemberId, Newcomer};
pub use notice::Notice;
pub use refusal::Refusal;
