//! What a conference has to be told about the server.

use std::sync::Arc;

use galene_protocol::RtcConfiguration;

/// What a [`Conference`](crate::Conference) has to be told about the server.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Config {
    /// What clients configure their transports with.
    pub rtc_configuration: RtcConfiguration,
    /// How many shards the media plane has; zero counts as one.
    pub shards: u16,
    /// What its administrator set.
    pub site: Site,
}

/// What the administrator of a server sets for all groups, and may change at any time.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Site {
    /// Whether members can change their password.
    pub can_change_password: bool,
    /// The host, with its port if it is not the usual one, that signed tokens must be for. Without it,
    /// those for any host are accepted.
    pub canonical_host: Option<Arc<str>>,
}
