//! What is told about a group.

use serde::{Deserialize, Deserializer, Serialize};

/// What members, and partly everybody, are told about a group.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct GroupStatus {
    /// The group's name.
    pub name: String,
    /// Where members are sent instead.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "blank_as_none")]
    pub redirect: Option<String>,
    /// The absolute URL of the group's page; not for members.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "blank_as_none")]
    pub location: Option<String>,
    /// The absolute URL of the WebSocket; not for members.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "blank_as_none")]
    pub endpoint: Option<String>,
    /// What the group is called.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "blank_as_none")]
    pub display_name: Option<String>,
    /// What the group is about.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "blank_as_none")]
    pub description: Option<String>,
    /// The URL that turns a name and password into a token.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "blank_as_none")]
    pub auth_server: Option<String>,
    /// The URL of the page that hands out tokens.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "blank_as_none")]
    pub auth_portal: Option<String>,
    /// Whether only operators can join; hidden from strangers unless the group is public.
    #[serde(
        skip_serializing_if = "std::ops::Not::not",
        deserialize_with = "crate::envelope::null_as_default"
    )]
    pub locked: bool,
    /// How many members there are; hidden from strangers unless the group is public.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_count: Option<usize>,
    /// Whether members can change their password; for members only.
    #[serde(
        skip_serializing_if = "std::ops::Not::not",
        deserialize_with = "crate::envelope::null_as_default"
    )]
    pub can_change_password: bool,
}

/// Empty texts are the same as none.
fn blank_as_none<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(Option::deserialize(deserializer)?.filter(|text: &String| !text.is_empty()))
}
