//! The webhook settings: as they are written, and as they hold.
//! Must never read a network by itself: config does, for all of them alike.
//! Called by options and config before anything is bound.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use ipnet::IpNet;

/// Flags and variables.
#[derive(Args)]
#[command(next_help_heading = "Webhooks")]
pub struct WebhookOptions {
    /// Deliveries made at a time; 0: this gateway makes none
    #[arg(long, env = "UCRM_WEBHOOK_WORKERS", default_value = "256", value_name = "COUNT",
          value_parser = clap::value_parser!(u64).range(0..=1000))]
    pub webhook_workers: u64,
    /// Longest time for a receiver to answer, then it is tried again later
    #[arg(long, env = "UCRM_WEBHOOK_TIMEOUT_MS", default_value = "15000", value_name = "MS",
          value_parser = clap::value_parser!(u64).range(10..=15_000))]
    pub webhook_timeout_ms: u64,
    /// PEM file of authorities that may sign a receiver's certificate, beside the system's
    #[arg(long, env = "UCRM_WEBHOOK_CA_FILE", value_name = "FILE", value_parser = path)]
    pub webhook_ca_file: Option<PathBuf>,
    /// Networks in which receivers may be although they are not public (default: none)
    #[arg(
        long,
        env = "UCRM_WEBHOOK_NETWORKS",
        default_value = "",
        value_name = "LIST",
        hide_default_value = true
    )]
    pub webhook_networks: String,
}

/// What the worker runs by.
pub struct WebhookConfig {
    /// 0: none.
    pub at_a_time: usize,
    /// From the name to the answer's last byte: well below a lease.
    pub patience: Duration,
    /// More authorities.
    pub ca_file: Option<PathBuf>,
    /// Where receivers may be.
    pub networks: Vec<IpNet>,
}

impl WebhookConfig {
    /// Checks every setting; `networks` are UCRM_WEBHOOK_NETWORKS, read.
    pub fn of(options: WebhookOptions, networks: Vec<IpNet>) -> Self {
        let ca_file = options.webhook_ca_file;
        Self {
            at_a_time: usize::try_from(options.webhook_workers).unwrap_or(1),
            patience: Duration::from_millis(options.webhook_timeout_ms),
            ca_file: ca_file.filter(|path| !path.as_os_str().is_empty()),
            networks,
        }
    }
}

// Compose files set a variable to nothing to unset it.
fn path(text: &str) -> Result<PathBuf, String> {
    Ok(PathBuf::from(text))
}
