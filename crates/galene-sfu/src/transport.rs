//! One ICE and DTLS association with a peer.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use str0m::{Candidate, RtcConfig};

use crate::descriptors;
use crate::dtls::Crypto;
use crate::egress::Next;
use crate::engine::{self, Engine, Path};
use crate::formats::{self, CongestionFeedback};
use crate::publication::Publication;
use crate::round_trip::RoundTrip;
use crate::subscription::Subscription;
use crate::{Codec, EgressKind, TransportId};

/// How many candidates of a peer are taken until it restarts ICE. A browser with several interfaces and
/// TURN servers sends a dozen; the engine tries at most 100 pairs of candidates.
const MAX_CANDIDATES: usize = 64;

/// How long a candidate may be. One with all its extensions takes 200 bytes.
const MAX_CANDIDATE_BYTES: usize = 512;

/// Eight years, which can be added to an [`Instant`] without overflow.
const NEVER: Duration = Duration::from_secs(1 << 28);

/// How many packets a subscriber's engine keeps for retransmission: a second of 2.5 Mbit/s.
pub(crate) const RTX_CACHE_PACKETS: usize = 256;

#[derive(Debug)]
pub(crate) struct Transport {
    pub(crate) id: TransportId,
    pub(crate) engine: Engine,
    pub(crate) role: Role,
    /// DTLS is up.
    pub(crate) connected: bool,
    /// ICE lost the peer.
    pub(crate) lost: bool,
    /// The engine failed and must not be called any more.
    pub(crate) failed: bool,
    /// How long the peer's answers take.
    pub(crate) round_trip: RoundTrip,
    /// When the shard's timer queue next wakes this transport.
    pub(crate) armed: Option<Instant>,
    /// The peer's description was applied.
    pub(crate) described: bool,
    /// The candidates of the peer, as text: browsers repeat them in every description.
    known_candidates: BTreeSet<String>,
    /// Those of them that wait for the description that they belong to.
    early_candidates: Vec<Candidate>,
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
            lost: false,
            failed: false,
            round_trip: RoundTrip::default(),
            armed: None,
            described: false,
            known_candidates: BTreeSet::new(),
            early_candidates: Vec::new(),
        }
    }

    /// Takes in a candidate of the peer; it waits for the description that it belongs to.
    pub(crate) fn add_candidate(&mut self, candidate: &str) {
        let candidate = candidate.trim();
        // Empty means that there are no more; `.local` names are resolved by nobody, since the peer's
        // own checks show its address (RFC 8828, peer-reflexive candidates).
        let fits = candidate.len() <= MAX_CANDIDATE_BYTES
            && self.known_candidates.len() < MAX_CANDIDATES
            && !self.known_candidates.contains(candidate);
        if let Some(parsed) = fits.then(|| engine::parse_candidate(candidate)).flatten() {
            self.known_candidates.insert(candidate.to_owned());
            self.early_candidates.push(parsed);
        }
    }

    /// Returns the candidates that can be given to the engine now.
    pub(crate) fn take_candidates(&mut self) -> Vec<Candidate> {
        let waits = match &self.role {
            Role::Publisher(_) => !self.described,
            Role::Subscriber(s) => !self.described || s.negotiation.is_offered(),
        };
        if waits { Vec::new() } else { std::mem::take(&mut self.early_candidates) }
    }

    /// ICE starts anew, and the peer gathers candidates anew.
    pub(crate) fn handle_ice_restart(&mut self) {
        self.known_candidates.clear();
        self.early_candidates.clear();
    }

    /// Returns what has to follow after packets were forwarded to the peer.
    pub(crate) fn after_sending(&mut self) -> Next {
        match &mut self.role {
            Role::Publisher(_) => Next::Engine,
            Role::Subscriber(subscription) => {
                let next = subscription.egress.after_sending();
                let waits = next == Next::Nothing && subscription.next_release().is_some();
                if waits { Next::Timer } else { next }
            }
        }
    }

    /// Lets what is sent beside the engine take this path.
    pub(crate) fn set_path(&mut self, path: Path) {
        match &mut self.role {
            Role::Publisher(publication) => {
                publication.repairs.iter_mut().for_each(|repairs| repairs.set_path(path));
            }
            Role::Subscriber(subscription) => subscription.egress.set_path(path),
        }
    }

    /// Returns whether media can be sent to the peer.
    pub(crate) fn is_reachable(&self) -> bool {
        self.connected && !self.lost && !self.failed
    }

    /// Returns when the transport next has something to do.
    pub(crate) fn deadline(&self) -> Instant {
        let engine = self.engine.deadline();
        match &self.role {
            Role::Publisher(p) => {
                let repairs = p.repairs.as_ref().filter(|_| self.is_reachable());
                let repairs = repairs.and_then(|repairs| repairs.next());
                [p.next_rate, repairs].into_iter().flatten().fold(engine, Instant::min)
            }
            // Reports wait as long as nobody can be reached.
            Role::Subscriber(s) if self.is_reachable() => {
                let own = [s.egress.next_report(), s.next_release()];
                own.into_iter().flatten().fold(engine, Instant::min)
            }
            Role::Subscriber(_) => engine,
        }
    }
}

/// How often a peer is asked whether it may still be sent to (RFC 7675 §5.1). A check wakes the engine of a
/// transport on which nothing else happens, and so does its answer.
const CONSENT_INTERVAL: Duration = Duration::from_secs(5);

/// How many checks in a row are not answered before a path counts as lost: for 22 s, since they follow each
/// other faster at first. Consent would last for 30 (RFC 7675 §5.1).
const MAX_CHECKS: usize = 7;

/// Returns the engine's settings for a transport over which the peer publishes.
pub(crate) fn publisher_config(crypto: &Crypto, codecs: &[Codec]) -> RtcConfig {
    use str0m::rtp::Extension as E;
    let config = base_config(crypto)
        .clear_extension_map()
        .set_extension(1, E::AudioLevel)
        .set_extension(3, E::TransportSequenceNumber)
        .set_extension(4, E::RtpMid)
        .set_extension(10, E::RtpStreamId)
        .set_extension(11, E::RepairedRtpStreamId);
    let config = match codecs.contains(&Codec::Av1) {
        true => config.set_extension(descriptors::EXTENSION_ID, descriptors::extension()),
        false => config,
    };
    formats::configure(config, codecs, CongestionFeedback::TransportWide, true)
}

/// Returns the engine's settings for a transport over which the peer subscribes.
pub(crate) fn subscriber_config(crypto: &Crypto, egress: EgressKind) -> RtcConfig {
    use str0m::rtp::Extension as E;
    let config = base_config(crypto)
        .clear_extension_map()
        .set_extension(2, E::AbsoluteSendTime)
        .set_extension(4, E::RtpMid)
        .set_extension(descriptors::EXTENSION_ID, descriptors::extension());
    let (config, feedback) = match egress {
        // Whatever the engine would report is kept back, so it is not woken for it.
        EgressKind::Direct => {
            let config = config
                .set_extension(3, E::TransportSequenceNumber)
                .set_rtcp_report_interval_audio(NEVER)
                .set_rtcp_report_interval_video(NEVER);
            (config, CongestionFeedback::TransportWide)
        }
        EgressKind::Reference => (
            config
                .set_send_buffer_video(RTX_CACHE_PACKETS)
                .set_stats_interval(Some(Duration::from_secs(1)))
                .set_rtcp_report_interval_audio(Duration::from_secs(1)),
            CongestionFeedback::Remb,
        ),
    };
    // Only what we seal ourselves can carry what was sent before once more.
    let redundancy = egress == EgressKind::Direct;
    formats::configure(config, &formats::ALL_CODECS, feedback, redundancy)
}

fn base_config(crypto: &Crypto) -> RtcConfig {
    let mut config = RtcConfig::new()
        .set_rtp_mode(true)
        .set_crypto_provider(crypto.provider.clone())
        .set_dtls_cert(crypto.certificate.clone());
    config.set_max_stun_rto(CONSENT_INTERVAL);
    config.set_max_stun_retransmits(MAX_CHECKS);
    config
}
