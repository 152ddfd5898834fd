//! The settings as they hold: parsed, checked, complete.
//! Must never let nonsense through to where it would be noticed late; every message names the variable and the fix.
//! Called by main before anything is bound.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use hyper::Uri;
use hyper::header::HeaderValue;
use ipnet::IpNet;
use tokio_postgres::config::Host;

use crate::encryption::{self, Check};
use crate::mail::settings::MailConfig;
use crate::options::Options;
use crate::site::Site;
use crate::webhook::settings::WebhookConfig;

/// What the gateway runs by.
pub struct Config {
    /// Where the database is and who we are there.
    pub database: tokio_postgres::Config,
    /// How much of the server's certificate is checked.
    pub check: Check,
    /// Who may have signed it; none for the system's roots.
    pub database_ca_file: Option<PathBuf>,
    /// For clients.
    pub listen: SocketAddr,
    /// For the operator's tools.
    pub admin_listen: SocketAddr,
    /// Database connections for requests.
    pub pool_size: usize,
    /// Longest wait for one.
    pub pool_wait: Duration,
    /// HTTP connections at a time.
    pub max_connections: usize,
    /// Bytes of a body.
    pub body_limit: usize,
    /// Bytes of a file.
    pub upload_limit: usize,
    /// Bytes of a tenant to be restored.
    pub restore_limit: usize,
    /// Bytes of a file to be imported.
    pub import_limit: usize,
    /// Longest time for the database to answer.
    pub request_timeout: Duration,
    /// Longest time for a head, and between requests.
    pub header_timeout: Duration,
    /// Longest time for a body's next MiB.
    pub body_timeout: Duration,
    /// Time to finish after a signal.
    pub drain: Duration,
    /// Time between two rounds of housekeeping.
    pub housekeeping: Duration,
    /// Time between two looks for audit rows to seal.
    pub sealing: Duration,
    /// Whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// Whose pages may call.
    pub allowed_origins: Vec<HeaderValue>,
    /// Where browsers see this installation.
    pub public_url: Option<Uri>,
    /// Threads that compute argon2id.
    pub password_threads: usize,
    /// Who else may have signed the certificates of issuers' key sets.
    pub jwks_ca_file: Option<PathBuf>,
    /// Private networks that those may be in.
    pub jwks_networks: Vec<IpNet>,
    /// Certificate and key for HTTPS.
    pub tls: Option<(PathBuf, PathBuf)>,
    /// Log filter.
    pub log: String,
    /// The mail worker's.
    pub mail: MailConfig,
    /// The webhook worker's.
    pub webhook: WebhookConfig,
}

impl Config {
    /// Checks every setting.
    ///
    /// # Errors
    /// A sentence naming the variable and the fix.
    pub fn of(options: Options) -> Result<Self, String> {
        let ca_file = given(options.database_ca_file);
        let url = options.database_url.as_ref().map_or("", |url| url.expose());
        let (database, check) = database(url.trim(), ca_file.is_some())?;
        let listen = address("UCRM_LISTEN", &options.listen)?;
        let admin_listen = address("UCRM_ADMIN_LISTEN", &options.admin_listen)?;
        if listen == admin_listen && listen.port() != 0 {
            return Err(format!(
                "UCRM_LISTEN and UCRM_ADMIN_LISTEN are both {listen}: give the admin address another port"
            ));
        }
        let tls = match (given(options.tls_cert_file), given(options.tls_key_file)) {
            (None, None) => None,
            (Some(certificate), Some(key)) => Some((certificate, key)),
            (Some(_), None) => {
                return Err("UCRM_TLS_CERT_FILE is set without UCRM_TLS_KEY_FILE: set both".into());
            }
            (None, Some(_)) => {
                return Err("UCRM_TLS_KEY_FILE is set without UCRM_TLS_CERT_FILE: set both".into());
            }
        };
        let named = !options.mail.public_url.trim().is_empty();
        let mail = MailConfig::of(options.mail, listen, tls.is_some())?;
        let public_url = mail.public_url.parse().ok().filter(|_| named);
        let receivers = list(&options.webhook.webhook_networks)
            .map(|text| network("UCRM_WEBHOOK_NETWORKS", text))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            mail,
            webhook: WebhookConfig::of(options.webhook, receivers),
            database,
            check,
            database_ca_file: ca_file,
            listen,
            admin_listen,
            pool_size: size("UCRM_POOL_SIZE", options.pool_size)?,
            pool_wait: Duration::from_millis(options.pool_wait_ms),
            max_connections: size("UCRM_MAX_CONNECTIONS", options.max_connections)?,
            body_limit: size("UCRM_BODY_LIMIT", options.body_limit)?,
            upload_limit: size("UCRM_UPLOAD_LIMIT", options.upload_limit)?,
            restore_limit: size("UCRM_RESTORE_LIMIT", options.restore_limit)?,
            import_limit: size("UCRM_IMPORT_LIMIT", options.import_limit)?,
            request_timeout: Duration::from_millis(options.request_timeout_ms),
            header_timeout: Duration::from_millis(options.header_timeout_ms),
            body_timeout: Duration::from_millis(options.body_timeout_ms),
            drain: Duration::from_millis(options.drain_ms),
            housekeeping: Duration::from_millis(options.housekeeping_ms),
            sealing: Duration::from_millis(options.sealing_ms),
            trusted_proxies: list(&options.trusted_proxies)
                .map(|text| network("UCRM_TRUSTED_PROXIES", text))
                .collect::<Result<_, _>>()?,
            allowed_origins: list(&options.allowed_origins)
                .map(origin)
                .collect::<Result<_, _>>()?,
            public_url,
            password_threads: size("UCRM_PASSWORD_THREADS", options.password_threads)?,
            jwks_ca_file: given(options.jwks_ca_file),
            jwks_networks: list(&options.jwks_networks)
                .map(|text| network("UCRM_JWKS_NETWORKS", text))
                .collect::<Result<_, _>>()?,
            tls,
            log: options.log,
        })
    }

    /// What cookies and origins go by.
    pub fn site(&self) -> Site {
        let public = self.public_url.as_ref();
        Site {
            public_url: self.public_url.clone(),
            is_https: public.map_or(self.tls.is_some(), |url| url.scheme_str() == Some("https")),
        }
    }

    /// True where a database beyond this machine is believed without a check of its certificate.
    pub fn trusts_the_network(&self) -> bool {
        let is_here = |host: &Host| match host {
            Host::Tcp(name) => {
                let ip = name.parse::<IpAddr>();
                name == "localhost" || ip.is_ok_and(|ip| ip.is_loopback())
            }
            Host::Unix(_) => true,
        };
        self.check == Check::Nothing && !self.database.get_hosts().iter().all(is_here)
    }
}

/// An address to listen on.
///
/// # Errors
/// A sentence naming the variable and the fix.
pub fn address(name: &str, text: &str) -> Result<SocketAddr, String> {
    let text = text.trim();
    let number = text.strip_prefix("localhost:").and_then(|port| {
        let port = port.parse().ok()?;
        Some(SocketAddr::from(([127, 0, 0, 1], port)))
    });
    number.or_else(|| text.parse().ok()).ok_or_else(|| {
        format!("{name} is not an address: write it as 127.0.0.1:8080, 0.0.0.0:8080 or [::]:8080")
    })
}

// The parser's own words are not passed on: they may quote a piece of the password.
fn database(url: &str, has_ca: bool) -> Result<(tokio_postgres::Config, Check), String> {
    if url.is_empty() {
        return Err(
            "UCRM_DATABASE_URL is not set: set it to postgres://ucrm_gateway:password@host:5432/ucrm".into(),
        );
    }
    let (url, check) = encryption::mode_of(url, has_ca).ok_or(
        "UCRM_DATABASE_URL has an unknown sslmode: use disable, prefer, require, verify-ca or verify-full",
    )?;
    let config: tokio_postgres::Config = url.parse().map_err(|_| {
        "UCRM_DATABASE_URL is not understood: write it as \
         postgres://user:password@host:port/database?sslmode=…, percent-encode special characters of the password, \
         and name a CA in UCRM_DATABASE_CA_FILE instead of sslrootcert"
    })?;
    let user = config.get_user().unwrap_or_default();
    if user.is_empty() || config.get_hosts().is_empty() {
        return Err("UCRM_DATABASE_URL lacks a user or a host: write both".into());
    }
    Ok((config, check))
}

fn network(name: &str, text: &str) -> Result<IpNet, String> {
    let net = text
        .parse::<IpNet>()
        .or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
    match net {
        Ok(net) if net.prefix_len() > 0 => Ok(net.trunc()),
        Ok(_) => Err(format!(
            "{name} means everybody with {text}: name the networks themselves"
        )),
        Err(_) => Err(format!(
            "{name} has {text}, which is no network: write 10.0.0.0/8 or 192.0.2.1, with commas between"
        )),
    }
}

fn origin(text: &str) -> Result<HeaderValue, String> {
    let refused = || {
        format!(
            "UCRM_ALLOWED_ORIGINS has {text}, which is no origin: write https://app.example, without a path or a \
             wildcard, with commas between"
        )
    };
    let uri: Uri = text.parse().map_err(|_| refused())?;
    let scheme = uri.scheme_str().unwrap_or_default();
    let host = uri.authority().map_or("", |authority| authority.as_str());
    let plain = format!("{scheme}://{host}") == text && !host.contains(['@', '*']);
    if !plain || host.is_empty() || !matches!(scheme, "http" | "https") {
        return Err(refused());
    }
    HeaderValue::from_str(&text.to_ascii_lowercase()).map_err(|_| refused())
}

fn list(text: &str) -> impl Iterator<Item = &str> {
    text.split(',')
        .map(str::trim)
        .filter(|item| !item.is_empty())
}

fn given(path: Option<PathBuf>) -> Option<PathBuf> {
    path.filter(|path| !path.as_os_str().is_empty())
}

fn size(name: &str, number: u64) -> Result<usize, String> {
    usize::try_from(number).map_err(|_| format!("{name} is too large for this machine: lower it"))
}

#[cfg(test)]
#[path = "config_tests.rs"]
mod tests;
