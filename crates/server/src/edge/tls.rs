//! HTTPS: certificate and key from two PEM files, read again when either changes, without a stop.
//!
//! TLS 1.2 and 1.3 by `rustls` with `ring`; HTTP/1.1 only. A changed file that cannot be used is
//! logged, and the certificate in use stays.

use std::path::Path;
use std::sync::{Arc, RwLock};
use std::time::SystemTime;

use rustls::ServerConfig;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use thiserror::Error;
use tokio_rustls::TlsAcceptor;

use super::listener::TlsFiles;

/// Why the certificate files cannot be used.
#[derive(Debug, Error)]
pub enum TlsError {
    /// A file cannot be read, or is no PEM.
    #[error("{path} must be readable PEM: {source}")]
    Pem {
        /// Which file.
        path: String,
        /// Why.
        source: rustls_pki_types::pem::Error,
    },
    /// Certificate and key do not fit.
    #[error("certificate and key must fit together: {0}")]
    Mismatch(#[from] rustls::Error),
}

/// The certificate in use.
pub struct Certificates {
    files: TlsFiles,
    current: RwLock<(Stamps, TlsAcceptor)>,
}

/// When the two files were changed last.
type Stamps = [Option<SystemTime>; 2];

impl Certificates {
    /// Reads both files.
    ///
    /// # Errors
    /// [`TlsError`], naming the file.
    pub fn load(files: &TlsFiles) -> Result<Arc<Self>, TlsError> {
        let current = RwLock::new((stamps(files), acceptor(files)?));
        Ok(Arc::new(Self { files: files.clone(), current }))
    }

    /// For the next handshake.
    pub fn acceptor(&self) -> TlsAcceptor {
        self.current.read().expect("no holder panics").1.clone()
    }

    /// Reads the files again if one has changed. Connections that are open keep theirs.
    pub fn renew(&self) {
        let stamps = stamps(&self.files);
        if self.current.read().expect("no holder panics").0 == stamps {
            return;
        }
        match acceptor(&self.files) {
            Ok(acceptor) => {
                *self.current.write().expect("no holder panics") = (stamps, acceptor);
                tracing::info!("the certificate was read again");
            }
            Err(error) => {
                // Half-replaced files are tried again at the next look; the old stamps stay.
                tracing::error!(%error, "the new certificate cannot be used; the old one stays");
            }
        }
    }
}

fn stamps(files: &TlsFiles) -> Stamps {
    [&files.certificates, &files.key].map(|path| path.metadata().and_then(|is| is.modified()).ok())
}

fn acceptor(files: &TlsFiles) -> Result<TlsAcceptor, TlsError> {
    let of = |path: &Path| {
        let path = path.display().to_string();
        move |source| TlsError::Pem { path: path.clone(), source }
    };
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_file_iter(&files.certificates)
        .map_err(of(&files.certificates))?
        .collect::<Result<_, _>>()
        .map_err(of(&files.certificates))?;
    let key = PrivateKeyDer::from_pem_file(&files.key).map_err(of(&files.key))?;
    let ring = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(ring)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}
