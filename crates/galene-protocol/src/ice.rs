//! ICE candidates.

use serde::{Deserialize, Serialize};

/// A candidate as browsers exchange it (`RTCIceCandidateInit`).
///
/// All streams are bundled, so the media section that a candidate names does not matter.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct IceCandidate {
    /// The candidate with its `candidate:` prefix; empty at the end of the candidates.
    #[serde(deserialize_with = "crate::envelope::null_as_default")]
    pub candidate: String,
    /// The name of the media section.
    pub sdp_mid: Option<String>,
    /// The place of the media section, counted from 0.
    pub sdp_m_line_index: Option<u16>,
    /// The ICE credentials' generation.
    pub username_fragment: Option<String>,
}
