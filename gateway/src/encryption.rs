//! TLS towards PostgreSQL, as `sslmode` in the URL asks for it.
//! Must never fall back to plain text where the mode forbids it, and says where a mode checks nothing.
//! Called by config (the mode) and database (the connector).

use std::path::Path;
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::ring;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::verifier::{AnyName, Unverified};

/// How much of the server's certificate is checked, in libpq's words
/// (<https://www.postgresql.org/docs/current/libpq-ssl.html>).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Check {
    /// `disable`, `allow`, `prefer`, and `require` without a CA file: nothing.
    Nothing,
    /// `verify-ca`, and `require` with a CA file: the chain.
    Chain,
    /// `verify-full`: the chain and the host's name.
    Name,
}

/// Finds `sslmode` in a URL or key=value string; returns the text as tokio-postgres takes it,
/// which knows only disable, prefer and require, and what to check.
pub fn mode_of(url: &str, has_ca: bool) -> Option<(String, Check)> {
    let is_url = url.starts_with("postgres://") || url.starts_with("postgresql://");
    let separators: &[char] = if is_url { &['?', '&'] } else { &[' '] };
    let Some(start) = url
        .match_indices("sslmode=")
        .map(|(at, _)| at)
        .find(|at| *at == 0 || url[..*at].ends_with(separators))
    else {
        return Some((url.to_owned(), Check::Nothing));
    };
    let value = start + "sslmode=".len();
    let end = url[value..]
        .find(separators)
        .map_or(url.len(), |length| value + length);
    let (known, check) = match &url[value..end] {
        "disable" => ("disable", Check::Nothing),
        "allow" | "prefer" => ("prefer", Check::Nothing),
        "require" if has_ca => ("require", Check::Chain),
        "require" => ("require", Check::Nothing),
        "verify-ca" => ("require", Check::Chain),
        "verify-full" => ("require", Check::Name),
        _ => return None,
    };
    Some((format!("{}{known}{}", &url[..value], &url[end..]), check))
}

/// The connector for a mode, with the roots of a file or, without one, of the system.
///
/// # Errors
/// A sentence saying what is wrong with the roots.
pub fn connector(check: Check, ca_file: Option<&Path>) -> Result<MakeRustlsConnect, String> {
    let provider = Arc::new(ring::default_provider());
    let verifier: Arc<dyn ServerCertVerifier> = match check {
        Check::Nothing => Arc::new(Unverified(provider.clone())),
        Check::Chain | Check::Name => {
            let roots = Arc::new(roots(ca_file)?);
            let full = WebPkiServerVerifier::builder_with_provider(roots, provider.clone())
                .build()
                .map_err(|error| error.to_string())?;
            match check {
                Check::Name => full,
                _ => Arc::new(AnyName(full)),
            }
        }
    };
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth();
    Ok(MakeRustlsConnect::new(config))
}

fn roots(ca_file: Option<&Path>) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    let certificates = match ca_file {
        Some(file) => CertificateDer::pem_file_iter(file)
            .and_then(Iterator::collect)
            .map_err(|error| format!("{}: {error}", file.display()))?,
        None => rustls_native_certs::load_native_certs().certs,
    };
    roots.add_parsable_certificates(certificates);
    match (roots.is_empty(), ca_file) {
        (false, _) => Ok(roots),
        (true, Some(file)) => Err(format!("{}: no certificate in it", file.display())),
        (true, None) => Err("the system has no root certificates".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_mode_of_libpq_means_what_it_means_there() {
        for (mode, has_ca, passed, check) in [
            ("disable", false, "disable", Check::Nothing),
            ("allow", false, "prefer", Check::Nothing),
            ("prefer", true, "prefer", Check::Nothing),
            ("require", false, "require", Check::Nothing),
            ("require", true, "require", Check::Chain),
            ("verify-ca", false, "require", Check::Chain),
            ("verify-full", true, "require", Check::Name),
        ] {
            let url = format!("postgres://u:p@h/d?x=sslmode=no&sslmode={mode}&connect_timeout=3");
            let expected =
                format!("postgres://u:p@h/d?x=sslmode=no&sslmode={passed}&connect_timeout=3");
            assert_eq!(mode_of(&url, has_ca), Some((expected, check)), "{mode}");
            let text = format!("host=h sslmode={mode} dbname=d");
            let expected = format!("host=h sslmode={passed} dbname=d");
            assert_eq!(mode_of(&text, has_ca), Some((expected, check)), "{mode}");
        }
        assert_eq!(mode_of("postgres://h/d?sslmode=verify", false), None);
        let plain = "postgres://u:sslmode=@h/d".to_owned();
        assert_eq!(
            mode_of(&plain, false),
            Some((plain.clone(), Check::Nothing))
        );
    }
}
