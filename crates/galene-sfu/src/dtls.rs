//! DTLS for all transports from one validated configuration and one certificate.
//!
//! The engine's stock provider validates a fresh configuration for every transport, which runs a
//! cryptographic self-test each time: 0.9 ms, against 26 µs for all the rest of setting up. Sharing the
//! configuration is what lets a server take thousands of new transports per second.

use std::cell::RefCell;
use std::fmt;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Instant;

use dimpl::CryptoError as KeyError;
use dimpl::crypto::{Buf, HashAlgorithm, KeyProvider, SignatureAlgorithm, SigningKey};
use str0m::config::{CryptoProvider, DtlsCert};
use str0m::crypto::CryptoError;
use str0m::crypto::dtls::{
    DtlsImplError, DtlsInstance, DtlsOutput, DtlsProvider, DtlsVersion, ProtocolVersion,
    SrtpProfile,
};

use crate::lazy_ciphers::LazyCiphers;

/// The cryptography of one forwarding core: a provider and the certificate of this process.
#[derive(Clone)]
pub(crate) struct Crypto {
    pub(crate) provider: Arc<CryptoProvider>,
    pub(crate) certificate: DtlsCert,
}

impl Crypto {
    /// Returns the cryptography that all cores of this process share.
    pub(crate) fn shared() -> Self {
        static SHARED: OnceLock<Crypto> = OnceLock::new();
        static DTLS: SharedDtls = SharedDtls { config: OnceLock::new() };
        SHARED
            .get_or_init(|| {
                let mut provider = str0m_aws_lc_rs::default_provider();
                let certificate = provider
                    .dtls_provider
                    .generate_certificate()
                    .expect("the stock provider can generate certificates");
                provider.dtls_provider = &DTLS;
                provider.srtp_provider = &LazyCiphers;
                Crypto { provider: Arc::new(provider), certificate }
            })
            .clone()
    }
}

impl fmt::Debug for Crypto {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Crypto")
    }
}

#[derive(Debug)]
struct SharedDtls {
    config: OnceLock<Arc<dimpl::Config>>,
}

impl SharedDtls {
    fn config(&self, mtu: Option<usize>) -> Result<Arc<dimpl::Config>, CryptoError> {
        if let Some(config) = self.config.get() {
            return Ok(config.clone());
        }
        // The ICE check that precedes any DTLS record proves the peer's address already.
        let mut provider = dimpl::crypto::aws_lc_rs::default_provider();
        provider.key_provider = &OWN_KEY;
        let mut builder =
            dimpl::Config::builder().use_server_cookie(false).with_crypto_provider(provider);
        if let Some(mtu) = mtu {
            builder = builder.mtu(mtu);
        }
        let config = builder.build().map_err(|e| CryptoError::Other(e.to_string()))?;
        Ok(self.config.get_or_init(|| Arc::new(config)).clone())
    }
}

impl DtlsProvider for SharedDtls {
    fn generate_certificate(&self) -> Option<DtlsCert> {
        None
    }

    fn new_dtls(
        &self,
        certificate: &DtlsCert,
        now: Instant,
        version: DtlsVersion,
        mtu: Option<usize>,
    ) -> Result<Box<dyn DtlsInstance>, CryptoError> {
        let config = self.config(mtu)?;
        let certificate = dimpl::DtlsCertificate {
            certificate: certificate.certificate.clone(),
            private_key: certificate.private_key.clone(),
        };
        let dtls = match version {
            DtlsVersion::Dtls12 => dimpl::Dtls::new_12(config, certificate, now),
            DtlsVersion::Dtls13 => dimpl::Dtls::new_13(config, certificate, now),
            DtlsVersion::Auto | _ => dimpl::Dtls::new_auto(config, certificate, now),
        };
        let keys = NEXT_KEYS.take().unwrap_or_default();
        Ok(Box::new(Association { dtls, keys }))
    }
}

/// Reads the key of our certificate once, and not for each handshake.
#[derive(Debug)]
struct OwnKey {
    read: OnceLock<(Vec<u8>, SharedKey)>,
}

static OWN_KEY: OwnKey = OwnKey { read: OnceLock::new() };

impl KeyProvider for OwnKey {
    fn load_private_key(&self, key_der: &[u8]) -> Result<Box<dyn SigningKey>, KeyError> {
        if let Some((der, key)) = self.read.get()
            && der == key_der
        {
            return Ok(Box::new(key.clone()));
        }
        let stock = dimpl::crypto::aws_lc_rs::default_provider().key_provider;
        let key = SharedKey::new(stock.load_private_key(key_der)?);
        // Which one is kept does not matter, should two be first at a time.
        self.read.get_or_init(|| (key_der.to_vec(), key.clone()));
        Ok(Box::new(key))
    }
}

/// A private key with which several associations sign.
#[derive(Debug, Clone)]
struct SharedKey {
    /// Locked for the 20 µs of a signature, of which a handshake makes one.
    key: Arc<Mutex<Box<dyn SigningKey>>>,
    algorithm: SignatureAlgorithm,
    hash: HashAlgorithm,
    hashes: Arc<[HashAlgorithm]>,
}

impl SharedKey {
    fn new(key: Box<dyn SigningKey>) -> Self {
        Self {
            algorithm: key.algorithm(),
            hash: key.hash_algorithm(),
            hashes: key.supported_hash_algorithms().into(),
            key: Arc::new(Mutex::new(key)),
        }
    }
}

impl SigningKey for SharedKey {
    fn sign(&mut self, data: &[u8], hash: HashAlgorithm, out: &mut Buf) -> Result<(), KeyError> {
        // A signature that failed leaves nothing behind in a key.
        self.key.lock().unwrap_or_else(PoisonError::into_inner).sign(data, hash, out)
    }

    fn algorithm(&self) -> SignatureAlgorithm {
        self.algorithm
    }

    fn hash_algorithm(&self) -> HashAlgorithm {
        self.hash
    }

    fn supported_hash_algorithms(&self) -> &[HashAlgorithm] {
        &self.hashes
    }
}

/// Where a handshake leaves the master keys of SRTP (RFC 5764 §4.2).
pub(crate) type KeySlot = Arc<OnceLock<MasterKeys>>;

/// The master keys of SRTP, and which of them are ours.
pub(crate) struct MasterKeys {
    pub(crate) material: Vec<u8>,
    pub(crate) profile: SrtpProfile,
    pub(crate) is_client: bool,
}

thread_local! {
    static NEXT_KEYS: RefCell<Option<KeySlot>> = const { RefCell::new(None) };
}

/// Builds an engine whose handshake will leave its keys in `slot`. The engine makes its DTLS association
/// while it is built, and has no other way to tell the provider for whom.
pub(crate) fn with_key_slot<T>(slot: &KeySlot, build: impl FnOnce() -> T) -> T {
    NEXT_KEYS.set(Some(slot.clone()));
    let built = build();
    NEXT_KEYS.take();
    built
}

impl fmt::Debug for MasterKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MasterKeys")
    }
}

struct Association {
    dtls: dimpl::Dtls,
    keys: KeySlot,
}

impl fmt::Debug for Association {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Association")
    }
}

impl DtlsInstance for Association {
    fn set_active(&mut self, active: bool) {
        self.dtls.set_active(active);
    }

    fn handle_packet(&mut self, packet: &[u8]) -> Result<(), DtlsImplError> {
        self.dtls.handle_packet(packet)
    }

    fn poll_output<'a>(&mut self, buffer: &'a mut [u8]) -> DtlsOutput<'a> {
        let output = self.dtls.poll_output(buffer);
        if let DtlsOutput::KeyingMaterial(material, profile) = &output {
            let keys = MasterKeys {
                material: material.to_vec(),
                profile: *profile,
                is_client: self.dtls.is_active(),
            };
            if self.keys.set(keys).is_err() {
                tracing::error!("a handshake gave keys twice");
            }
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
