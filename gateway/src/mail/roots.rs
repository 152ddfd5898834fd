//! Whom the mail transports believe about a server's name.
//! Must never be empty in silence: without roots every encrypted connection fails.
//! Made by transport; used by smtp and resend.

use std::path::Path;
use std::sync::Arc;

use lettre::transport::smtp::Error;
use lettre::transport::smtp::client::{Certificate, CertificateStore, TlsParameters};
use rustls::crypto::ring;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

/// The system's authorities, and the operator's own.
pub struct Roots {
    all: Vec<CertificateDer<'static>>,
    client: Arc<ClientConfig>,
}

impl Roots {
    /// Reads them.
    ///
    /// # Errors
    /// A sentence saying what is wrong with the file.
    pub fn read(ca_file: Option<&Path>) -> Result<Self, String> {
        let mut roots = rustls_native_certs::load_native_certs().certs;
        // The system's bundle may hold what rustls does not take.
        roots.retain(|root| RootCertStore::empty().add(root.clone()).is_ok());
        if let Some(file) = ca_file {
            let own: Vec<_> = CertificateDer::pem_file_iter(file)
                .and_then(Iterator::collect)
                .map_err(|error| format!("UCRM_MAIL_CA_FILE {}: {error}", file.display()))?;
            let usable =
                |root: &CertificateDer<'static>| RootCertStore::empty().add(root.clone()).is_ok();
            if own.is_empty() || !own.iter().all(usable) {
                return Err(format!(
                    "UCRM_MAIL_CA_FILE {}: no certificates, or one that is not an authority's",
                    file.display()
                ));
            }
            roots.extend(own);
        }
        let client = client(&roots)?;
        Ok(Self { all: roots, client })
    }

    /// True where nobody would be believed.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// For STARTTLS with a server of this name.
    ///
    /// # Errors
    /// None in practice; the library's own.
    pub fn smtp(&self, name: &str) -> Result<TlsParameters, Error> {
        let mut builder =
            TlsParameters::builder(name.to_owned()).certificate_store(CertificateStore::None);
        for root in &self.all {
            builder = builder.add_root_certificate(Certificate::from_der(root.to_vec())?);
        }
        builder.build_rustls()
    }

    /// For connections that are encrypted from their first byte.
    pub fn client(&self) -> Arc<ClientConfig> {
        self.client.clone()
    }
}

fn client(roots: &[CertificateDer<'static>]) -> Result<Arc<ClientConfig>, String> {
    let mut store = RootCertStore::empty();
    store.add_parsable_certificates(roots.iter().cloned());
    let provider = Arc::new(ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_root_certificates(store)
        .with_no_client_auth();
    Ok(Arc::new(config))
}
