//! Which way a mail goes: the tenant's own, or the platform's.
//! Must never connect to a tenant's server before its addresses were looked at, nor send anything out where mails go into files.
//! Called by mail.

use std::path::PathBuf;

use ipnet::IpNet;
use lettre::message::Mailbox;
use time::OffsetDateTime;

use crate::destination;
use crate::mail::letter::Letter;
use crate::mail::outcome::Outcome;
use crate::mail::queue::{Claimed, TenantSender, Way};
use crate::mail::resend::Resend;
use crate::mail::roots::Roots;
use crate::mail::settings::{MailConfig, Platform};
use crate::mail::smtp::{self, Server};
use crate::mail::{log, sink};
use crate::secret::Secret;

/// All ways there are.
pub struct Transport {
    from: Mailbox,
    platform: Ready,
    resend: Resend,
    roots: Roots,
    tenants_networks: Vec<IpNet>,
}

enum Ready {
    Smtp(Server),
    Resend(Secret),
    Folder(PathBuf),
    Log,
}

impl Transport {
    /// Checks what can be checked before the first mail.
    ///
    /// # Errors
    /// A sentence naming the setting that does not work.
    pub fn new(config: &MailConfig) -> Result<Self, String> {
        let roots = Roots::read(config.ca_file.as_deref())?;
        let platform = match &config.platform {
            Platform::Smtp(server) => Ready::Smtp(server.clone()),
            Platform::Resend(key) => Ready::Resend(key.clone()),
            Platform::Folder(folder) if sink::is_writable(folder) => Ready::Folder(folder.clone()),
            Platform::Folder(folder) => {
                return Err(format!(
                    "UCRM_MAIL_DIR {} cannot be written to: make the folder and let the gateway's user own it",
                    folder.display()
                ));
            }
            Platform::Log => Ready::Log,
        };
        let encrypts = match &platform {
            Ready::Smtp(server) => server.tls.is_some(),
            Ready::Resend(_) => true,
            Ready::Folder(_) | Ready::Log => false,
        };
        if encrypts && roots.is_empty() {
            return Err(
                "the system has no root certificates to check the mail server's with: install \
                 ca-certificates, or set UCRM_MAIL_CA_FILE"
                    .into(),
            );
        }
        Ok(Self {
            from: config.from.clone(),
            resend: Resend::new(config.resend_url.clone(), roots.client()),
            platform,
            roots,
            tenants_networks: config.tenants_networks.clone(),
        })
    }

    /// Who the platform's mails are from.
    pub fn from(&self) -> &Mailbox {
        &self.from
    }

    /// The platform's way.
    pub fn name(&self) -> &'static str {
        match &self.platform {
            Ready::Smtp(_) => "smtp",
            Ready::Resend(_) => "resend",
            Ready::Folder(_) => "files",
            Ready::Log => "log",
        }
    }

    /// Sends one mail.
    pub async fn send(&self, mail: &Claimed, letter: &Letter) -> Outcome {
        match (&self.platform, &mail.sender) {
            // Who looks at mails in files wants none to leave.
            (Ready::Folder(folder), _) => {
                let now = OffsetDateTime::now_utc();
                sink::write(folder, now, &mail.kind, &mail.recipient, &letter.bytes)
            }
            (_, Some(own)) => self.send_by_tenant(own, letter).await,
            (Ready::Smtp(server), None) => smtp::send(server, &[], &self.roots, letter).await,
            (Ready::Resend(key), None) => self.resend.send(key, letter).await,
            (Ready::Log, None) => log::note(mail),
        }
    }

    async fn send_by_tenant(&self, own: &TenantSender, letter: &Letter) -> Outcome {
        let incomplete = || Outcome::retry("incomplete", "the tenant's sender is not complete");
        match own.transport {
            Way::Resend => match &own.secret {
                Some(key) => self.resend.send(key, letter).await,
                None => incomplete(),
            },
            Way::Smtp => {
                let (Some(host), Some(port), Some(tls)) = (&own.host, own.port, own.tls) else {
                    return incomplete();
                };
                let allowed = &self.tenants_networks;
                let addresses = match destination::addresses_of(host, port, allowed).await {
                    Ok(addresses) => addresses,
                    Err(refused) => return Outcome::retry("destination", refused.to_string()),
                };
                let server = Server {
                    host: host.clone(),
                    port,
                    tls: Some(tls),
                    login: own.username.clone().zip(own.secret.clone()),
                };
                smtp::send(&server, &addresses, &self.roots, letter).await
            }
        }
    }
}
