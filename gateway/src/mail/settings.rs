//! The mail settings: as they are written, and as they hold.
//! Must never quote a URL or a key in a message: they hold passwords.
//! Called by options and config before anything is bound.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use ipnet::IpNet;
use lettre::message::Mailbox;
use url::Url;

use crate::mail::smtp::Server;
use crate::mail::smtp_url::{self, is_here};
use crate::secret::Secret;

const NOBODY: &str = "UCRM <no-reply@localhost>";
const RESEND: &str = "https://api.resend.com";

/// Flags and variables.
#[derive(Args)]
#[command(next_help_heading = "Mail")]
pub struct MailOptions {
    /// Where browsers see this installation, for links in mails, cookies and origins: https://app.example (default: the address for clients)
    #[arg(
        long,
        env = "UCRM_PUBLIC_URL",
        default_value = "",
        value_name = "URL",
        hide_default_value = true
    )]
    pub public_url: String,
    /// Who mails are from: Example <no-reply@app.example>
    #[arg(
        long,
        env = "UCRM_MAIL_FROM",
        default_value = "",
        value_name = "MAILBOX",
        hide_default_value = true
    )]
    pub mail_from: String,
    /// Send by SMTP: smtp://user:password@host:587, smtps://…; ?tls=required (STARTTLS, the default) or none
    #[arg(long, env = "UCRM_SMTP_URL", hide_env_values = true, value_name = "URL", value_parser = secret)]
    pub smtp_url: Option<Secret>,
    /// Send by Resend's API
    #[arg(long, env = "UCRM_RESEND_API_KEY", hide_env_values = true, value_name = "KEY", value_parser = secret)]
    pub resend_api_key: Option<Secret>,
    /// Where Resend's API is
    #[arg(long, env = "UCRM_RESEND_URL", default_value = RESEND, value_name = "URL")]
    pub resend_url: String,
    /// Send nothing: write mails as .eml files into this folder
    #[arg(long, env = "UCRM_MAIL_DIR", value_name = "FOLDER", value_parser = path)]
    pub mail_dir: Option<PathBuf>,
    /// PEM file of authorities that may sign a mail server's certificate, beside the system's
    #[arg(long, env = "UCRM_MAIL_CA_FILE", value_name = "FILE", value_parser = path)]
    pub mail_ca_file: Option<PathBuf>,
    /// Networks in which tenants' own mail servers may be although they are not public (default: none)
    #[arg(
        long,
        env = "UCRM_MAIL_NETWORKS",
        default_value = "",
        value_name = "LIST",
        hide_default_value = true
    )]
    pub mail_networks: String,
    /// Mails sent at a time; 0: this gateway sends none
    #[arg(long, env = "UCRM_MAIL_WORKERS", default_value = "4", value_name = "COUNT",
          value_parser = clap::value_parser!(u64).range(0..=64))]
    pub mail_workers: u64,
    /// Longest time for a server to take a mail, then it is tried again later
    #[arg(long, env = "UCRM_MAIL_TIMEOUT_MS", default_value = "15000", value_name = "MS",
          value_parser = clap::value_parser!(u64).range(10..=60_000))]
    pub mail_timeout_ms: u64,
}

/// What the worker runs by.
pub struct MailConfig {
    /// Without a slash at its end.
    pub public_url: String,
    /// Who the platform's mails are from.
    pub from: Mailbox,
    /// The platform's way.
    pub platform: Platform,
    /// For tenants that use it too.
    pub resend_url: Url,
    /// More authorities.
    pub ca_file: Option<PathBuf>,
    /// Where tenants' servers may be.
    pub tenants_networks: Vec<IpNet>,
    /// 0: none.
    pub at_a_time: usize,
    /// From the first packet to the server's last word: well below a lease.
    pub patience: Duration,
}

/// The platform's way to send.
pub enum Platform {
    /// By a server.
    Smtp(Server),
    /// By the API, with this key.
    Resend(Secret),
    /// Into files.
    Folder(PathBuf),
    /// Not at all.
    Log,
}

impl MailConfig {
    /// Checks every setting. Without a public URL links lead to where the gateway listens.
    ///
    /// # Errors
    /// A sentence naming the variable and the fix.
    pub fn of(options: MailOptions, listen: SocketAddr, https: bool) -> Result<Self, String> {
        let platform = platform(&options)?;
        let leaves = matches!(platform, Platform::Smtp(_) | Platform::Resend(_));
        let from = match options.mail_from.trim() {
            "" if leaves => {
                return Err(
                    "UCRM_MAIL_FROM is not set: write it as Example <no-reply@app.example>".into(),
                );
            }
            "" => NOBODY,
            given => given,
        };
        let from = from.parse().map_err(
            |_| "UCRM_MAIL_FROM is not understood: write it as Example <no-reply@app.example>",
        )?;
        let networks = options.mail_networks.split(',').map(str::trim);
        Ok(Self {
            public_url: match options.public_url.trim() {
                "" if leaves => {
                    return Err("UCRM_PUBLIC_URL is not set, and links in mails need it: set it to https://app.example".into());
                }
                "" => local_url(listen, https),
                given => public_url(given)?,
            },
            from,
            platform,
            resend_url: resend_url(options.resend_url.trim())?,
            ca_file: given(options.mail_ca_file),
            tenants_networks: networks
                .filter(|network| !network.is_empty())
                .map(network)
                .collect::<Result<_, _>>()?,
            patience: Duration::from_millis(options.mail_timeout_ms),
            at_a_time: usize::try_from(options.mail_workers).unwrap_or(1),
        })
    }

    /// True where a password travels in clear to another machine.
    pub fn tells_its_password(&self) -> bool {
        let Platform::Smtp(server) = &self.platform else {
            return false;
        };
        server.tls.is_none() && server.login.is_some() && !is_here(&server.host)
    }
}

fn platform(options: &MailOptions) -> Result<Platform, String> {
    let text = |secret: &Option<Secret>| {
        let text = secret
            .as_ref()
            .map(|secret| secret.expose().trim().to_owned());
        text.filter(|text| !text.is_empty())
    };
    let folder = given(options.mail_dir.clone());
    match (text(&options.smtp_url), text(&options.resend_api_key), folder) {
        (Some(url), None, None) => Ok(Platform::Smtp(smtp_url::server(&url)?)),
        (None, Some(key), None) => Ok(Platform::Resend(Secret::new(key))),
        (None, None, Some(folder)) => Ok(Platform::Folder(folder)),
        (None, None, None) => Ok(Platform::Log),
        _ => Err("UCRM_SMTP_URL, UCRM_RESEND_API_KEY and UCRM_MAIL_DIR exclude each other: set one of them".into()),
    }
}

fn public_url(text: &str) -> Result<String, String> {
    let refused = "UCRM_PUBLIC_URL is not understood: write it as https://app.example";
    let url = Url::parse(text).map_err(|_| refused)?;
    let plain = matches!(url.scheme(), "http" | "https")
        && url.has_host()
        && url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && url.fragment().is_none();
    match plain {
        true => Ok(url.as_str().trim_end_matches('/').to_owned()),
        false => Err(refused.into()),
    }
}

fn local_url(listen: SocketAddr, https: bool) -> String {
    let scheme = if https { "https" } else { "http" };
    match listen.ip().is_unspecified() {
        true => format!("{scheme}://localhost:{}", listen.port()),
        false => format!("{scheme}://{listen}"),
    }
}

fn resend_url(text: &str) -> Result<Url, String> {
    let refused = "UCRM_RESEND_URL is not understood: write it as https://api.resend.com";
    let url = Url::parse(text).map_err(|_| refused)?;
    let here = url.host_str().is_some_and(is_here);
    match url.scheme() {
        "https" if url.has_host() => Ok(url),
        "http" if here => Ok(url),
        _ => Err(refused.into()),
    }
}

fn network(text: &str) -> Result<IpNet, String> {
    let refused = || {
        format!(
            "UCRM_MAIL_NETWORKS has {text}, which is no network: write 10.1.0.0/16, with commas between"
        )
    };
    let net = text
        .parse::<IpNet>()
        .or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
    match net {
        Ok(net) if net.prefix_len() > 0 => Ok(net.trunc()),
        _ => Err(refused()),
    }
}

fn given(path: Option<PathBuf>) -> Option<PathBuf> {
    path.filter(|path| !path.as_os_str().is_empty())
}

// Compose files set a variable to nothing to unset it.
fn path(text: &str) -> Result<PathBuf, String> {
    Ok(PathBuf::from(text))
}

fn secret(text: &str) -> Result<Secret, String> {
    Ok(Secret::new(text.to_owned()))
}

#[cfg(test)]
#[path = "settings_tests.rs"]
mod tests;
