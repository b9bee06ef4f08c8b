//! TLS to PostgreSQL: `rustls` with `ring`. A certificate is always checked, host name included;
//! `sslmode=require` never means "take any certificate".

use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::error::StoreError;

/// A connector that trusts the certificates in the file `roots`, or the usual authorities.
pub(super) fn connector(roots: Option<&str>) -> Result<MakeRustlsConnect, StoreError> {
    let failed = |problem: String| StoreError::Tls(problem);
    let mut trusted = RootCertStore::empty();
    match roots {
        None => trusted.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
        Some(path) => {
            let read = CertificateDer::pem_file_iter(path)
                .map_err(|error| failed(format!("sslrootcert={path}: {error}")))?;
            for certificate in read {
                certificate
                    .map_err(|error| error.to_string())
                    .and_then(|found| trusted.add(found).map_err(|error| error.to_string()))
                    .map_err(|error| failed(format!("sslrootcert={path}: {error}")))?;
            }
            if trusted.is_empty() {
                return Err(failed(format!("sslrootcert={path} holds no certificate")));
            }
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| failed(error.to_string()))?
        .with_root_certificates(trusted)
        .with_no_client_auth();
    Ok(MakeRustlsConnect::new(config))
}
