//! RTCP of our own beside that of the engine.
//!
//! The engine asks for lost packets less often than browsers do, and has no way to be told when to. So its
//! handshake leaves the keys here; every report of the engine is opened, and sealed anew under numbers that
//! it shares with ours.

use std::cell::RefCell;
use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use str0m::config::{CryptoProvider, DtlsCert};
use str0m::crypto::dtls::{
    DtlsImplError, DtlsInstance, DtlsOutput, DtlsProvider, DtlsVersion, ProtocolVersion,
    SrtpProfile,
};
use str0m::crypto::{AeadAes256Gcm, AeadAes256GcmCipher, CryptoError, SupportedAeadAes256Gcm};

/// What a handshake leaves.
pub(crate) type KeySlot = Arc<OnceLock<MasterKeys>>;

/// The keys and salts with which the two sides seal.
pub(crate) struct MasterKeys {
    own: (Key, Salt),
    peer: (Key, Salt),
}

type Key = [u8; AeadAes256Gcm::KEY_LEN];
type Salt = [u8; AeadAes256Gcm::SALT_LEN];

/// Who seals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Own,
    Peer,
}

/// Seals RTCP for one transport, and opens the peer's.
pub(crate) struct OwnRtcp {
    keys: KeySlot,
    session: Option<Session>,
    next_index: u32,
    /// What opens the peer's reports, with its salt.
    opening_peers: Option<(Box<dyn AeadAes256GcmCipher>, Salt)>,
}

struct Session {
    sealing: Box<dyn AeadAes256GcmCipher>,
    opening: Box<dyn AeadAes256GcmCipher>,
    salt: [u8; AeadAes256Gcm::SALT_LEN],
}

/// What is not encrypted: the header and the sender's SSRC (RFC 7714 §9).
const HEAD: usize = 8;

/// The word behind the tag: encryption flag and index (RFC 3711 §3.4).
const WORD: usize = 4;
const IS_ENCRYPTED: u32 = 1 << 31;

/// RFC 3711 §4.3.2.
const KEY_LABEL: u8 = 3;
const SALT_LABEL: u8 = 5;

impl OwnRtcp {
    /// Builds an engine whose handshake leaves its keys in the channel that is returned with it.
    pub(crate) fn beside<T>(build: impl FnOnce(Arc<CryptoProvider>) -> T) -> (T, Self) {
        let keys = KeySlot::default();
        NEXT_KEYS.set(Some(keys.clone()));
        let built = build(Arc::new(CryptoProvider { dtls_provider: &TAP, ..stock().clone() }));
        NEXT_KEYS.take();
        (built, Self { keys, session: None, next_index: 0, opening_peers: None })
    }

    /// Returns where the handshake leaves its keys.
    pub(crate) fn keys(&self) -> KeySlot {
        self.keys.clone()
    }

    /// Returns whether a datagram that the engine sends is a report of its own.
    pub(crate) fn is_rtcp(datagram: &[u8]) -> bool {
        // RFC 5761 §4.
        matches!(datagram, [128..=191, 192..=223, ..])
    }

    /// Returns a report of the engine under a number of ours.
    ///
    /// # Panics
    ///
    /// Panics if that is not what it is.
    pub(crate) fn reseal(&mut self, sealed: &[u8]) -> Vec<u8> {
        let (body, word) = sealed.split_last_chunk::<WORD>().expect("a whole report");
        let (head, body) = body.split_at(HEAD);
        let index = u32::from_be_bytes(*word) & !IS_ENCRYPTED;
        let session = self.session().expect("reports come after the handshake");
        let iv = AeadAes256Gcm::rtcp_iv(session.salt, ssrc_of(head), index);
        let additional = [head, word].concat();
        let mut plain = vec![0; body.len()];
        let opened = session.opening.decrypt(&iv, &[&additional], body, &mut plain);
        plain.truncate(opened.expect("a report that the engine sealed with the same key"));
        self.seal(&[head, &plain].concat()).expect("reports come after the handshake")
    }

    /// Seals a report; `None` before the handshake.
    pub(crate) fn seal(&mut self, plain: &[u8]) -> Option<Vec<u8>> {
        let index = self.next_index;
        let session = self.session()?;
        let (head, body) = plain.split_at(HEAD);
        let word = (IS_ENCRYPTED | index).to_be_bytes();
        let iv = AeadAes256Gcm::rtcp_iv(session.salt, ssrc_of(head), index);
        let mut sealed = vec![0; body.len() + AeadAes256Gcm::TAG_LEN];
        let additional = [head, &word].concat();
        session.sealing.encrypt(&iv, &additional, body, &mut sealed).expect("there is room");
        self.next_index += 1;
        Some([head, &sealed, &word].concat())
    }

    /// Opens a report that the peer sealed; `None` if it did not, or before the handshake.
    pub(crate) fn open(&mut self, sealed: &[u8]) -> Option<Vec<u8>> {
        if self.opening_peers.is_none() {
            let (key, salt) = session_keys(&self.keys, Side::Peer, KEY_LABEL, SALT_LABEL)?;
            self.opening_peers = Some((ciphers().create_cipher(key, false), salt));
        }
        let (cipher, salt) = self.opening_peers.as_mut()?;
        let (body, word) = sealed.split_last_chunk::<WORD>()?;
        let (head, body) = body.split_at_checked(HEAD)?;
        let index = u32::from_be_bytes(*word) & !IS_ENCRYPTED;
        let iv = AeadAes256Gcm::rtcp_iv(*salt, ssrc_of(head), index);
        let mut plain = vec![0; body.len()];
        let len = cipher.decrypt(&iv, &[&[head, word].concat()], body, &mut plain).ok()?;
        plain.truncate(len);
        Some([head, &plain].concat())
    }

    fn session(&mut self) -> Option<&mut Session> {
        if self.session.is_none() {
            let (key, salt) = session_keys(&self.keys, Side::Own, KEY_LABEL, SALT_LABEL)?;
            let sealing = ciphers().create_cipher(key, true);
            let opening = ciphers().create_cipher(key, false);
            self.session = Some(Session { sealing, opening, salt });
        }
        self.session.as_mut()
    }
}

fn ssrc_of(head: &[u8]) -> u32 {
    head.last_chunk().copied().map_or(0, u32::from_be_bytes)
}

/// Returns the ciphers of the profile that both sides prefer.
pub(crate) fn ciphers() -> &'static dyn SupportedAeadAes256Gcm {
    stock().srtp_provider.aead_aes_256_gcm()
}

/// Derives a session's key and salt; `None` before the handshake.
pub(crate) fn session_keys(
    keys: &KeySlot,
    side: Side,
    key_label: u8,
    salt_label: u8,
) -> Option<(Key, Salt)> {
    let master = keys.get()?;
    let master = match side {
        Side::Own => &master.own,
        Side::Peer => &master.peer,
    };
    let (mut key, mut salt) = (Key::default(), Salt::default());
    expand(master, key_label, &mut key);
    expand(master, salt_label, &mut salt);
    Some((key, salt))
}

/// AES in counter mode as a pseudo-random function (RFC 3711 §4.3.3, RFC 6188 §3).
fn expand((key, salt): &(Key, Salt), label: u8, out: &mut [u8]) {
    let mut block = [0; 16];
    block[..salt.len()].copy_from_slice(salt);
    block[7] ^= label;
    for (counter, chunk) in (0u16..).zip(out.chunks_mut(16)) {
        block[14..].copy_from_slice(&counter.to_be_bytes());
        let mut stream = [0; 32];
        stock().srtp_provider.srtp_aes_256_ecb_round(key, &block, &mut stream);
        chunk.copy_from_slice(&stream[..chunk.len()]);
    }
}

fn stock() -> &'static CryptoProvider {
    static STOCK: OnceLock<CryptoProvider> = OnceLock::new();
    STOCK.get_or_init(str0m::crypto::from_feature_flags)
}

thread_local! {
    /// For which transport the next association is. The engine makes it while it is built, and has no
    /// other way to tell the provider.
    static NEXT_KEYS: RefCell<Option<KeySlot>> = const { RefCell::new(None) };
}

/// The stock DTLS, but for the keys that it leaves behind.
#[derive(Debug)]
struct Tap;

static TAP: Tap = Tap;

impl DtlsProvider for Tap {
    fn generate_certificate(&self) -> Option<DtlsCert> {
        stock().dtls_provider.generate_certificate()
    }

    fn new_dtls(
        &self,
        certificate: &DtlsCert,
        now: Instant,
        version: DtlsVersion,
        mtu: Option<usize>,
    ) -> Result<Box<dyn DtlsInstance>, CryptoError> {
        let dtls = stock().dtls_provider.new_dtls(certificate, now, version, mtu)?;
        Ok(Box::new(Tapped { dtls, keys: NEXT_KEYS.take().unwrap_or_default() }))
    }
}

#[derive(Debug)]
struct Tapped {
    dtls: Box<dyn DtlsInstance>,
    keys: KeySlot,
}

impl DtlsInstance for Tapped {
    fn set_active(&mut self, active: bool) {
        self.dtls.set_active(active);
    }

    fn handle_packet(&mut self, packet: &[u8]) -> Result<(), DtlsImplError> {
        self.dtls.handle_packet(packet)
    }

    fn poll_output<'a>(&mut self, buffer: &'a mut [u8]) -> DtlsOutput<'a> {
        let is_client = self.dtls.is_active();
        let output = self.dtls.poll_output(buffer);
        if let DtlsOutput::KeyingMaterial(material, profile) = &output {
            assert_eq!(*profile, SrtpProfile::AEAD_AES_256_GCM, "what both sides prefer");
            // RFC 5764 §4.2: the client's key, the server's, the client's salt, the server's.
            let (keys, salts) = material.split_at(2 * AeadAes256Gcm::KEY_LEN);
            let of = |is_server: bool| {
                let at = usize::from(is_server);
                let key = *keys.as_chunks().0.get(at).expect("two keys");
                (key, *salts.as_chunks().0.get(at).expect("two salts"))
            };
            let keys = MasterKeys { own: of(!is_client), peer: of(is_client) };
            assert!(self.keys.set(keys).is_ok(), "one handshake gives keys once");
        }
        output
    }

    fn handle_timeout(&mut self, now: Instant) -> Result<(), DtlsImplError> {
        self.dtls.handle_timeout(now)
    }

    fn send_application_data(&mut self, data: &[u8]) -> Result<usize, DtlsImplError> {
        self.dtls.send_application_data(data)
    }

    fn is_active(&self) -> bool {
        self.dtls.is_active()
    }

    fn protocol_version(&self) -> Option<ProtocolVersion> {
        self.dtls.protocol_version()
    }

    fn is_closing(&self) -> bool {
        self.dtls.is_closing()
    }

    fn is_closed(&self) -> bool {
        self.dtls.is_closed()
    }

    fn close(&mut self) -> Result<(), DtlsImplError> {
        self.dtls.close()
    }
}

impl fmt::Debug for MasterKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MasterKeys")
    }
}

impl fmt::Debug for OwnRtcp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OwnRtcp").field("next_index", &self.next_index).finish_non_exhaustive()
    }
}
