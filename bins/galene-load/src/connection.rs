//! TCP connections to the server, with TLS where the URL says so.

use std::io;
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

use galene_trust::AnyCertificate;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::url::Url;

/// A page may be so long: far more than the status of a group.
const MAX_PAGE: u64 = 1 << 20;

/// A connection, encrypted or not.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

/// How to trust servers.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Trust<'a> {
    /// Whatever certificate they show.
    All,
    /// Those whose certificate is in this file or signed by one in it.
    File(&'a Path),
    /// None: only plain HTTP is spoken.
    None,
}

/// Connects to servers.
#[derive(Clone)]
pub(crate) struct Connector {
    tls: Option<TlsConnector>,
}

/// Why there is no connection, or no page.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConnectError {
    #[error("cannot read certificates: {0}")]
    Certificates(#[source] rustls::pki_types::pem::Error),
    #[error("cannot connect to {0}: {1}")]
    Connect(String, #[source] io::Error),
    #[error("unexpected reply to GET {0}: {1}")]
    Page(String, String),
    #[error("TLS cannot be set up: {0}")]
    Tls(#[from] rustls::Error),
    #[error("https needs --insecure or --certificate")]
    Untrusted,
}

impl Connector {
    /// Returns a connector that trusts like this.
    pub(crate) fn new(trust: Trust<'_>) -> Result<Self, ConnectError> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()?;
        let config = match trust {
            Trust::None => return Ok(Self { tls: None }),
            Trust::All => {
                let verifier = Arc::new(AnyCertificate::new(provider));
                config.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth()
            }
            Trust::File(path) => {
                let mut roots = RootCertStore::empty();
                let certificates = CertificateDer::pem_file_iter(path);
                for certificate in certificates.map_err(ConnectError::Certificates)? {
                    roots.add(certificate.map_err(ConnectError::Certificates)?)?;
                }
                config.with_root_certificates(roots).with_no_client_auth()
            }
        };
        Ok(Self { tls: Some(TlsConnector::from(Arc::new(config))) })
    }

    /// Connects to the host of a URL. Also returns from which address.
    pub(crate) async fn connect(
        &self,
        url: &Url,
    ) -> Result<(Box<dyn Stream>, IpAddr), ConnectError> {
        let failed = |error| ConnectError::Connect(url.authority(), error);
        let stream = TcpStream::connect((url.host.as_str(), url.port)).await.map_err(failed)?;
        stream.set_nodelay(true).map_err(failed)?;
        let local = stream.local_addr().map_err(failed)?.ip();
        if !url.is_secure {
            return Ok((Box::new(stream), local));
        }
        let tls = self.tls.as_ref().ok_or(ConnectError::Untrusted)?;
        let name = ServerName::try_from(url.host.clone())
            .map_err(|error| failed(io::Error::other(error)))?;
        Ok((Box::new(tls.connect(name, stream).await.map_err(failed)?), local))
    }

    /// Fetches a page.
    pub(crate) async fn get(&self, url: &Url) -> Result<Vec<u8>, ConnectError> {
        let failed = |error| ConnectError::Connect(url.authority(), error);
        let (mut stream, _) = self.connect(url).await?;
        // Version 1.0 has no chunks: the page ends with the connection.
        let request = format!("GET {} HTTP/1.0\r\nHost: {}\r\n\r\n", url.path, url.authority());
        stream.write_all(request.as_bytes()).await.map_err(failed)?;
        let mut reply = Vec::new();
        let read = stream.take(MAX_PAGE).read_to_end(&mut reply).await;
        // Servers that do not close TLS in good order are no concern of a load generator.
        if let Err(error) = read
            && error.kind() != io::ErrorKind::UnexpectedEof
        {
            return Err(failed(error));
        }
        let text = String::from_utf8_lossy(&reply);
        let is_fine = text.split(' ').nth(1) == Some("200");
        match text.split_once("\r\n\r\n").filter(|_| is_fine) {
            Some((_, body)) => Ok(body.as_bytes().to_vec()),
            None => {
                let line = text.lines().next().unwrap_or_default().to_owned();
                Err(ConnectError::Page(url.path.clone(), line))
            }
        }
    }
}

impl std::fmt::Debug for Connector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connector").field("tls", &self.tls.is_some()).finish()
    }
}
