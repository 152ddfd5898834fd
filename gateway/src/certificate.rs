//! The certificate and key with which HTTP is served over TLS.
//! Must never accept a pair that does not fit together.
//! Called by main before anything is bound.

use std::path::Path;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;

/// Reads both files (PEM) and checks that they belong together.
///
/// # Errors
/// A sentence naming the variable and what is wrong with its file.
pub fn acceptor(certificate: &Path, key: &Path) -> Result<TlsAcceptor, String> {
    let chain: Vec<_> = CertificateDer::pem_file_iter(certificate)
        .and_then(Iterator::collect)
        .map_err(|error| format!("UCRM_TLS_CERT_FILE {}: {error}", certificate.display()))?;
    let key = PrivateKeyDer::from_pem_file(key)
        .map_err(|error| format!("UCRM_TLS_KEY_FILE {}: {error}", key.display()))?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(|error| {
            format!("UCRM_TLS_CERT_FILE and UCRM_TLS_KEY_FILE do not make a pair: {error}")
        })?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}
