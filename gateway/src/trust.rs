//! Whom the gateway believes about a server's name, when it connects somewhere by itself.
//! Must never be empty in silence: without roots every connection fails, and says why.
//! Called by fetch and webhook.

use std::path::Path;
use std::sync::Arc;

use rustls::crypto::ring;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use tokio_rustls::TlsConnector;

/// Trusts the system's roots and those of a file; none where there are neither.
///
/// # Errors
/// A sentence saying what is wrong with the file.
pub fn connector(ca_file: Option<&Path>) -> Result<Option<TlsConnector>, String> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if let Some(file) = ca_file {
        let certificates = CertificateDer::pem_file_iter(file)
            .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            .map_err(|error| format!("{}: {error}", file.display()))?;
        if roots.add_parsable_certificates(certificates).0 == 0 {
            return Err(format!("{}: no certificate in it", file.display()));
        }
    }
    if roots.is_empty() {
        return Ok(None);
    }
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Some(TlsConnector::from(Arc::new(config))))
}
