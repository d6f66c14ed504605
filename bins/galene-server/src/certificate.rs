//! The TLS certificate: read from files, made if there is none, read again when the files change.

use std::fs;
use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use galene_store::{Readers, ToldProblem, Version, write_file};

/// How often the files are looked at, at most.
const CHECK_INTERVAL: Duration = Duration::from_secs(1);
/// How long a certificate that we made is valid. Nobody trusts it without looking, so what matters is
/// that it does not have to be accepted again every few months.
const VALIDITY: Duration = Duration::from_secs(10 * 365 * 86_400);
/// How far back its validity begins, for clients whose clocks are behind.
const BACKDATED: Duration = Duration::from_secs(86_400);
/// Whom a certificate that we made is for, and by.
const COMMON_NAME: &str = "Galene conference server, self-made";

/// The certificate in `cert.pem` and its key in `key.pem`.
#[derive(Debug)]
pub(crate) struct Certificate {
    files: Files,
    provider: Arc<CryptoProvider>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct Files {
    certificate: PathBuf,
    key: PathBuf,
}

#[derive(Debug)]
struct State {
    key: Arc<CertifiedKey>,
    stamps: (Version, Version),
    checked: Instant,
    /// Why the files as they are cannot be used, as the log was told.
    problem: ToldProblem,
}

impl Certificate {
    /// Reads the certificate in `directory`, making one for the host if there is none.
    pub(crate) fn open(
        directory: &Path,
        provider: Arc<CryptoProvider>,
    ) -> Result<Certificate, CertificateError> {
        let files =
            Files { certificate: directory.join("cert.pem"), key: directory.join("key.pem") };
        let (certificate, key) = files.stamps();
        if !certificate.exists() && !key.exists() {
            files.make(directory)?;
        }
        let stamps = files.stamps();
        let key = Arc::new(files.read(&provider)?);
        let state = Mutex::new(State {
            key,
            stamps,
            checked: Instant::now(),
            problem: ToldProblem::default(),
        });
        Ok(Certificate { files, provider, state })
    }

    /// Returns whether the certificate is one that we made.
    pub(crate) fn is_self_made(&self) -> bool {
        let key = Arc::clone(&self.state.lock().unwrap_or_else(PoisonError::into_inner).key);
        let der = key.cert.first().map_or(&[][..], |certificate| certificate.as_ref());
        der.windows(COMMON_NAME.len()).any(|window| window == COMMON_NAME.as_bytes())
    }

    fn current(&self, now: Instant) -> Arc<CertifiedKey> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if now.duration_since(state.checked) >= CHECK_INTERVAL {
            state.checked = now;
            let stamps = self.files.stamps();
            if stamps != state.stamps {
                state.stamps = stamps;
                match self.files.read(&self.provider) {
                    Ok(key) => {
                        state.key = Arc::new(key);
                        state.problem.clear();
                        tracing::info!("the TLS certificate was read again");
                    }
                    Err(error) => {
                        // Whatever is wrong may be over without another change.
                        state.stamps = Default::default();
                        if state.problem.is_news(&error) {
                            let error = &error as &dyn std::error::Error;
                            tracing::warn!(
                                error,
                                "the TLS certificate changed but cannot be used; the old one stays"
                            );
                        }
                    }
                }
            }
        }
        Arc::clone(&state.key)
    }
}

impl ResolvesServerCert for Certificate {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.current(Instant::now()))
    }
}

impl Files {
    fn stamps(&self) -> (Version, Version) {
        (Version::of(&self.certificate), Version::of(&self.key))
    }

    fn read(&self, provider: &CryptoProvider) -> Result<CertifiedKey, CertificateError> {
        let unreadable = |path: &Path| {
            let path = path.to_owned();
            move |source| CertificateError::Unreadable { path, source }
        };
        let certificate = fs::read(&self.certificate).map_err(unreadable(&self.certificate))?;
        let key = fs::read(&self.key).map_err(unreadable(&self.key))?;
        let no_pem = |path: &Path| {
            let path = path.to_owned();
            move |source| CertificateError::Pem { path, source }
        };
        let chain: Vec<_> = CertificateDer::pem_slice_iter(&certificate)
            .collect::<Result<_, _>>()
            .map_err(no_pem(&self.certificate))?;
        if chain.is_empty() {
            return Err(no_pem(&self.certificate)(rustls::pki_types::pem::Error::NoItemsFound));
        }
        let key = PrivateKeyDer::from_pem_slice(&key).map_err(no_pem(&self.key))?;
        CertifiedKey::from_der(chain, key, provider).map_err(CertificateError::Pair)
    }

    fn make(&self, directory: &Path) -> Result<(), CertificateError> {
        let (certificate, key) = self_signed(&names_of_host(), SystemTime::now())?;
        let write = |path: &Path, contents: &str, readers| {
            write_file(path, contents.as_bytes(), readers)
                .map_err(|source| CertificateError::Unwritable { path: path.to_owned(), source })
        };
        fs::create_dir_all(directory).map_err(|source| CertificateError::Unwritable {
            path: directory.to_owned(),
            source,
        })?;
        write(&self.key, &key, Readers::Owner)?;
        write(&self.certificate, &certificate, Readers::Anybody)
    }
}

/// Makes a certificate that nobody but itself vouches for, and its key, both as PEM.
fn self_signed(names: &[String], now: SystemTime) -> Result<(String, String), CertificateError> {
    let key = rcgen::KeyPair::generate().map_err(CertificateError::Make)?;
    let mut params = rcgen::CertificateParams::new(names).map_err(CertificateError::Make)?;
    params.not_before = (now - BACKDATED).into();
    params.not_after = (now + VALIDITY).into();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(rcgen::DnType::CommonName, COMMON_NAME);
    params.key_usages = vec![rcgen::KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ServerAuth];
    let certificate = params.self_signed(&key).map_err(CertificateError::Make)?;
    Ok((certificate.pem(), key.serialize_pem()))
}

/// The names and addresses under which this host may be called.
fn names_of_host() -> Vec<String> {
    let mut names = vec!["localhost".to_owned()];
    if let Some(name) = host_name() {
        names.push(name);
    }
    // Without the list of interfaces the certificate still has the names.
    let interfaces = if_addrs::get_if_addrs().unwrap_or_default();
    let addresses = interfaces.iter().map(if_addrs::Interface::ip);
    names.extend(addresses.filter(|ip| !is_link_local(*ip)).map(|ip| ip.to_string()));
    names.dedup();
    names
}

/// The name of the host, if it can stand in a certificate.
pub(crate) fn host_name() -> Option<String> {
    let name = fs::read_to_string("/proc/sys/kernel/hostname").ok()?;
    let name = name.trim();
    let is_valid = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'.');
    (is_valid && !name.is_empty() && name != "localhost").then(|| name.to_owned())
}

/// Whether an address means something on one network interface only.
pub(crate) fn is_link_local(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_unicast_link_local(),
    }
}

/// Why there is no certificate.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CertificateError {
    /// A new one cannot be made.
    #[error("cannot make a certificate")]
    Make(#[source] rcgen::Error),
    /// The key is not that of the certificate, or of a kind that cannot be used.
    #[error("certificate and key do not fit together")]
    Pair(#[source] rustls::Error),
    /// A file is not in PEM form.
    #[error("{} holds no usable PEM", path.display())]
    Pem { path: PathBuf, source: rustls::pki_types::pem::Error },
    /// A file cannot be read.
    #[error("cannot read {}", path.display())]
    Unreadable { path: PathBuf, source: io::Error },
    /// A file cannot be written.
    #[error("cannot write {}", path.display())]
    Unwritable { path: PathBuf, source: io::Error },
}

#[cfg(test)]
mod tests {
    use super::*;

    fn provider() -> Arc<CryptoProvider> {
        Arc::new(rustls::crypto::aws_lc_rs::default_provider())
    }

    fn later(certificate: &Certificate, intervals: u32) -> Arc<CertifiedKey> {
        let checked = certificate.state.lock().expect("not poisoned").checked;
        certificate.current(checked + CHECK_INTERVAL * intervals)
    }

    #[test]
    fn a_certificate_is_made_once_and_kept() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let data = directory.path().join("data");
        let first = Certificate::open(&data, provider()).expect("it can be made");
        assert!(first.is_self_made());
        let second = Certificate::open(&data, provider()).expect("it is there");
        let now = Instant::now();
        assert_eq!(first.current(now).cert, second.current(now).cert);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let key = fs::metadata(data.join("key.pem")).expect("it is there");
            assert_eq!(key.permissions().mode() & 0o777, 0o600);
        }
    }

    #[test]
    fn a_new_certificate_is_picked_up_and_a_bad_one_is_not() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let certificate = Certificate::open(directory.path(), provider()).expect("it can be made");
        let first = later(&certificate, 1);

        let (cert, key) =
            self_signed(&["other.example".to_owned()], SystemTime::now()).expect("possible");
        fs::write(directory.path().join("cert.pem"), &cert).expect("writable");
        assert_eq!(later(&certificate, 1).cert, first.cert, "the key does not fit yet");
        fs::write(directory.path().join("key.pem"), &key).expect("writable");
        assert_eq!(later(&certificate, 0).cert, first.cert, "it is too early to look");
        let second = later(&certificate, 1);
        assert_ne!(second.cert, first.cert);

        for bad in ["", "no PEM", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"]
        {
            fs::write(directory.path().join("cert.pem"), bad).expect("writable");
            assert_eq!(later(&certificate, 1).cert, second.cert, "{bad:?}");
        }
        fs::remove_file(directory.path().join("cert.pem")).expect("it is there");
        assert_eq!(later(&certificate, 1).cert, second.cert);
    }

    #[test]
    fn half_a_pair_is_an_error_at_start() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        fs::write(directory.path().join("key.pem"), "").expect("writable");
        let error =
            Certificate::open(directory.path(), provider()).expect_err("there is no certificate");
        assert!(matches!(error, CertificateError::Unreadable { .. }), "{error:?}");
    }
}
