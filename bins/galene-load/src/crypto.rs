//! DTLS for all transports from one validated configuration and one certificate.
//!
//! The engine's stock provider validates a fresh configuration for every transport, which runs a
//! cryptographic self-test each time. A generator that sets up a thousand transports in a second beside
//! the server that it measures cannot afford that.

use std::fmt;
use std::sync::{Arc, LazyLock, OnceLock};
use std::time::Instant;

use str0m::RtcConfig;
use str0m::config::{CryptoProvider, DtlsCert};
use str0m::crypto::CryptoError;
use str0m::crypto::dtls::{
    DtlsImplError, DtlsInstance, DtlsOutput, DtlsProvider, DtlsVersion, ProtocolVersion,
};

/// Lets an engine use the cryptography that all engines of this process share.
pub(crate) fn configure(config: RtcConfig) -> RtcConfig {
    static DTLS: SharedDtls = SharedDtls { config: OnceLock::new() };
    static SHARED: LazyLock<(Arc<CryptoProvider>, DtlsCert)> = LazyLock::new(|| {
        let mut provider = str0m_aws_lc_rs::default_provider();
        let certificate = provider.dtls_provider.generate_certificate();
        let certificate = certificate.expect("the stock provider can generate certificates");
        provider.dtls_provider = &DTLS;
        (Arc::new(provider), certificate)
    });
    let (provider, certificate) = &*SHARED;
    config.set_crypto_provider(provider.clone()).set_dtls_cert(certificate.clone())
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
        let mut builder = dimpl::Config::builder().use_server_cookie(false);
        if let Some(mtu) = mtu {
            builder = builder.mtu(mtu);
        }
        let config = builder.build().map_err(|error| CryptoError::Other(error.to_string()))?;
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
        Ok(Box::new(Association(match version {
            DtlsVersion::Dtls12 => dimpl::Dtls::new_12(config, certificate, now),
            DtlsVersion::Dtls13 => dimpl::Dtls::new_13(config, certificate, now),
            DtlsVersion::Auto | _ => dimpl::Dtls::new_auto(config, certificate, now),
        })))
    }
}

struct Association(dimpl::Dtls);

impl fmt::Debug for Association {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Association")
    }
}

impl DtlsInstance for Association {
    fn set_active(&mut self, active: bool) {
        self.0.set_active(active);
    }

    fn handle_packet(&mut self, packet: &[u8]) -> Result<(), DtlsImplError> {
        self.0.handle_packet(packet)
    }

    fn poll_output<'a>(&mut self, buffer: &'a mut [u8]) -> DtlsOutput<'a> {
        self.0.poll_output(buffer)
    }

    fn handle_timeout(&mut self, now: Instant) -> Result<(), DtlsImplError> {
        self.0.handle_timeout(now)
    }

    fn send_application_data(&mut self, data: &[u8]) -> Result<usize, DtlsImplError> {
        self.0.send_application_data(data)
    }

    fn is_active(&self) -> bool {
        self.0.is_active()
    }

    fn protocol_version(&self) -> Option<ProtocolVersion> {
        self.0.protocol_version()
    }

    fn is_closing(&self) -> bool {
        self.0.is_closing()
    }

    fn is_closed(&self) -> bool {
        self.0.is_closed()
    }

    fn close(&mut self) -> Result<(), DtlsImplError> {
        self.0.close()
    }
}
