//! One ICE and DTLS association with a peer.

use std::time::Instant;

use str0m::{Candidate, RtcConfig};

use crate::dtls::Crypto;
use crate::engine::Engine;
use crate::formats::{self, CongestionFeedback};
use crate::publication::Publication;
use crate::subscription::Subscription;
use crate::{Codec, TransportId};

/// How many candidates of a peer wait for the description that they belong to. A browser with several
/// interfaces and TURN servers sends a dozen.
const MAX_EARLY_CANDIDATES: usize = 64;

/// How many packets a subscriber's engine keeps for retransmission: a second of 2.5 Mbit/s.
pub(crate) const RTX_CACHE_PACKETS: usize = 256;

#[derive(Debug)]
pub(crate) struct Transport {
    pub(crate) id: TransportId,
    pub(crate) engine: Engine,
    pub(crate) role: Role,
    pub(crate) connected: bool,
    /// When the shard's timer queue next wakes this transport.
    pub(crate) armed: Option<Instant>,
    early_candidates: Vec<Candidate>,
    described: bool,
}

/// Which side offers, and thereby which way media flows.
#[derive(Debug)]
pub(crate) enum Role {
    Publisher(Publication),
    Subscriber(Box<Subscription>),
}

impl Transport {
    pub(crate) fn new(id: TransportId, engine: Engine, role: Role) -> Self {
        Self {
            id,
            engine,
            role,
            connected: false,
            armed: None,
            early_candidates: Vec::new(),
            described: false,
        }
    }

    /// Adds a candidate of the peer, now or when its description is there.
    pub(crate) fn add_candidate(&mut self, candidate: Candidate) {
        let waits = match &self.role {
            Role::Publisher(_) => !self.described,
            Role::Subscriber(s) => !self.described || s.negotiation.is_offered(),
        };
        if !waits {
            self.engine.rtc_mut().add_remote_candidate(candidate);
        } else if self.early_candidates.len() < MAX_EARLY_CANDIDATES {
            self.early_candidates.push(candidate);
        }
    }

    /// The peer's description was applied: so are the candidates that came before it.
    pub(crate) fn handle_description(&mut self) {
        self.described = true;
        for candidate in std::mem::take(&mut self.early_candidates) {
            self.engine.rtc_mut().add_remote_candidate(candidate);
        }
    }

    /// Returns when the transport next has something to do.
    pub(crate) fn deadline(&self) -> Instant {
        let engine = self.engine.deadline();
        match &self.role {
            Role::Publisher(p) => p.next_rate.map_or(engine, |at| at.min(engine)),
            Role::Subscriber(_) => engine,
        }
    }
}

/// Returns the engine's settings for a transport over which the peer publishes.
pub(crate) fn publisher_config(crypto: &Crypto, codecs: &[Codec]) -> RtcConfig {
    use str0m::rtp::Extension as E;
    let config = base_config(crypto)
        .clear_extension_map()
        .set_extension(3, E::TransportSequenceNumber)
        .set_extension(4, E::RtpMid)
        .set_extension(10, E::RtpStreamId)
        .set_extension(11, E::RepairedRtpStreamId);
    formats::configure(config, codecs, CongestionFeedback::TransportWide)
}

/// Returns the engine's settings for a transport over which the peer subscribes.
pub(crate) fn subscriber_config(crypto: &Crypto) -> RtcConfig {
    use std::time::Duration;
    use str0m::rtp::Extension as E;
    let config = base_config(crypto)
        .clear_extension_map()
        .set_extension(2, E::AbsoluteSendTime)
        .set_extension(4, E::RtpMid)
        .set_send_buffer_video(RTX_CACHE_PACKETS)
        .set_stats_interval(Some(Duration::from_secs(1)))
        .set_rtcp_report_interval_audio(Duration::from_secs(1));
    formats::configure(config, &formats::ALL_CODECS, CongestionFeedback::Remb)
}

fn base_config(crypto: &Crypto) -> RtcConfig {
    RtcConfig::new()
        .set_rtp_mode(true)
        .set_crypto_provider(crypto.provider.clone())
        .set_dtls_cert(crypto.certificate.clone())
}
