//! What a conference has to be told about the server.

use galene_protocol::RtcConfiguration;

/// What a [`Conference`](crate::Conference) has to be told about the server.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Config {
    /// What clients configure their transports with.
    pub rtc_configuration: RtcConfiguration,
    /// How many shards the media plane has; zero counts as one.
    pub shards: u16,
    /// Whether members can change their password.
    pub can_change_password: bool,
}
