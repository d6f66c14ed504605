//! What clients configure their transports with.

use serde::{Deserialize, Serialize};

use crate::Secret;

/// A browser's `RTCConfiguration`, as far as the server sets it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RtcConfiguration {
    /// The STUN and TURN servers to use.
    #[serde(
        skip_serializing_if = "Vec::is_empty",
        deserialize_with = "crate::envelope::null_as_default"
    )]
    pub ice_servers: Vec<IceServer>,
    /// Which paths are allowed; all if `None`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ice_transport_policy: Option<IceTransportPolicy>,
}

/// Which paths ICE may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum IceTransportPolicy {
    /// Any; the same as no policy.
    All,
    /// Only through a TURN server.
    Relay,
}

/// A STUN or TURN server.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct IceServer {
    /// Where it is, `turn:turn.example.org:443?transport=tcp` for instance.
    pub urls: Vec<String>,
    /// The user to authenticate as.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub username: Option<String>,
    /// What to authenticate with.
    #[serde(
        skip_serializing_if = "Option::is_none",
        serialize_with = "Secret::serialize_option",
        default
    )]
    pub credential: Option<Secret>,
    /// What the credential is.
    #[serde(default)]
    pub credential_type: CredentialType,
}

/// What the credential of an [`IceServer`] is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CredentialType {
    /// An OAuth token; no browser supports it any more.
    Oauth,
    /// A password.
    #[default]
    Password,
}
