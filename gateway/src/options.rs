//! The settings as they are written: flags, variables, files.
//! Must never print a value that may be secret, in a message or in the help.
//! Called by main; config checks what is found here.

use std::path::PathBuf;

use clap::Parser;

use crate::mail::settings::MailOptions;
use crate::secret::Secret;
use crate::webhook::settings::WebhookOptions;

const AFTER_HELP: &str = "Every variable NAME may also be given as NAME_FILE, the path of a file that holds the value \
(container secrets); a flag wins over both. In UCRM_DATABASE_URL, sslmode means what it means to libpq: `require` \
encrypts but checks the server's certificate only with UCRM_DATABASE_CA_FILE; verify-ca and verify-full check it \
against that file or the system's roots. \
`ucrm-gateway verify-audit FILE` is a program of its own: it checks an exported audit log (verify-audit --help).";

/// UCRM's HTTP gateway.
#[derive(Parser)]
#[command(name = "ucrm-gateway", version, about, after_help = AFTER_HELP, args_override_self = true)]
pub struct Options {
    /// postgres://ucrm_gateway:password@host:port/database?sslmode=…
    #[arg(long, env = "UCRM_DATABASE_URL", hide_env_values = true, value_name = "URL", value_parser = secret)]
    pub database_url: Option<Secret>,
    /// PEM file of the authorities that may sign the database server's certificate
    #[arg(long, env = "UCRM_DATABASE_CA_FILE", value_name = "FILE", value_parser = path)]
    pub database_ca_file: Option<PathBuf>,
    /// Address for clients
    #[arg(
        long,
        env = "UCRM_LISTEN",
        default_value = "127.0.0.1:8080",
        value_name = "ADDRESS"
    )]
    pub listen: String,
    /// Address for /livez /readyz /metrics
    #[arg(
        long,
        env = "UCRM_ADMIN_LISTEN",
        default_value = "127.0.0.1:8081",
        value_name = "ADDRESS"
    )]
    pub admin_listen: String,
    /// Database connections for requests; exports have a quarter as many of their own
    #[arg(long, env = "UCRM_POOL_SIZE", default_value = "8", value_name = "COUNT",
          value_parser = whole("UCRM_POOL_SIZE", 1, 1_000))]
    pub pool_size: u64,
    /// Longest wait for a database connection, then 503
    #[arg(long, env = "UCRM_POOL_WAIT_MS", default_value = "2000", value_name = "MS",
          value_parser = whole("UCRM_POOL_WAIT_MS", 1, 600_000))]
    pub pool_wait_ms: u64,
    /// HTTP connections at a time
    #[arg(long, env = "UCRM_MAX_CONNECTIONS", default_value = "1024", value_name = "COUNT",
          value_parser = whole("UCRM_MAX_CONNECTIONS", 1, 1_000_000))]
    pub max_connections: u64,
    /// Largest body, then 413
    #[arg(long, env = "UCRM_BODY_LIMIT", default_value = "1048576", value_name = "BYTES",
          value_parser = whole("UCRM_BODY_LIMIT", 1_024, 1 << 30))]
    pub body_limit: u64,
    /// Largest file, the body of POST /api/v1/files/{bucket}; buckets have limits of their own
    #[arg(long, env = "UCRM_UPLOAD_LIMIT", default_value = "10485760", value_name = "BYTES",
          value_parser = whole("UCRM_UPLOAD_LIMIT", 1_024, 1 << 30))]
    pub upload_limit: u64,
    /// Largest body of POST /api/v1/admin/workspaces/restore
    #[arg(long, env = "UCRM_RESTORE_LIMIT", default_value = "67108864", value_name = "BYTES",
          value_parser = whole("UCRM_RESTORE_LIMIT", 1_024, 1 << 30))]
    pub restore_limit: u64,
    /// Largest body of an import, POST /api/v1/{resource}/import
    #[arg(long, env = "UCRM_IMPORT_LIMIT", default_value = "16777216", value_name = "BYTES",
          value_parser = whole("UCRM_IMPORT_LIMIT", 1_024, 1 << 30))]
    pub import_limit: u64,
    /// Longest time for the database to answer, then the statement is cancelled: 503
    #[arg(long, env = "UCRM_REQUEST_TIMEOUT_MS", default_value = "30000", value_name = "MS",
          value_parser = whole("UCRM_REQUEST_TIMEOUT_MS", 10, 3_600_000))]
    pub request_timeout_ms: u64,
    /// Longest time for a request's head, and between two requests of a connection
    #[arg(long, env = "UCRM_HEADER_TIMEOUT_MS", default_value = "10000", value_name = "MS",
          value_parser = whole("UCRM_HEADER_TIMEOUT_MS", 10, 3_600_000))]
    pub header_timeout_ms: u64,
    /// Longest time for a body's next MiB, then 408; also for a client to take a part of a reply
    #[arg(long, env = "UCRM_BODY_TIMEOUT_MS", default_value = "15000", value_name = "MS",
          value_parser = whole("UCRM_BODY_TIMEOUT_MS", 10, 3_600_000))]
    pub body_timeout_ms: u64,
    /// Time for what has begun, after SIGTERM
    #[arg(long, env = "UCRM_DRAIN_MS", default_value = "10000", value_name = "MS",
          value_parser = whole("UCRM_DRAIN_MS", 0, 3_600_000))]
    pub drain_ms: u64,
    /// Threads that compute argon2id of passwords; each takes 19 MiB while it works
    #[arg(long, env = "UCRM_PASSWORD_THREADS", default_value = "1", value_name = "COUNT",
          value_parser = whole("UCRM_PASSWORD_THREADS", 1, 256))]
    pub password_threads: u64,
    /// Time between two rounds of housekeeping: what has run out is removed from the database
    #[arg(long, env = "UCRM_HOUSEKEEPING_MS", default_value = "600000", value_name = "MS",
          value_parser = whole("UCRM_HOUSEKEEPING_MS", 100, 86_400_000))]
    pub housekeeping_ms: u64,
    /// Time between two looks for audit rows that are to be sealed
    #[arg(long, env = "UCRM_SEALING_MS", default_value = "5000", value_name = "MS",
          value_parser = whole("UCRM_SEALING_MS", 100, 3_600_000))]
    pub sealing_ms: u64,
    /// Networks whose X-Forwarded-For is believed: 10.0.0.0/8,192.0.2.1 (default: none)
    #[arg(
        long,
        env = "UCRM_TRUSTED_PROXIES",
        default_value = "",
        value_name = "LIST",
        hide_default_value = true
    )]
    pub trusted_proxies: String,
    /// Origins whose pages may call the API: https://app.example (default: none)
    #[arg(
        long,
        env = "UCRM_ALLOWED_ORIGINS",
        default_value = "",
        value_name = "LIST",
        hide_default_value = true
    )]
    pub allowed_origins: String,
    /// PEM file of further authorities that may sign the certificates of issuers' key sets
    #[arg(long, env = "UCRM_JWKS_CA_FILE", value_name = "FILE", value_parser = path)]
    pub jwks_ca_file: Option<PathBuf>,
    /// Private networks that issuers' key sets may be fetched from: 10.0.0.0/8,127.0.0.1 (default: none)
    #[arg(
        long,
        env = "UCRM_JWKS_NETWORKS",
        default_value = "",
        value_name = "LIST",
        hide_default_value = true
    )]
    pub jwks_networks: String,
    /// PEM file with the certificate chain for HTTPS
    #[arg(long, env = "UCRM_TLS_CERT_FILE", value_name = "FILE", value_parser = path)]
    pub tls_cert_file: Option<PathBuf>,
    /// PEM file with its private key
    #[arg(long, env = "UCRM_TLS_KEY_FILE", value_name = "FILE", value_parser = path)]
    pub tls_key_file: Option<PathBuf>,
    /// Log filter: info, or info,ucrm_gateway::access=debug for a line per request
    #[arg(long, env = "UCRM_LOG", default_value = "info", value_name = "FILTER")]
    pub log: String,
    /// Check the settings and the database, then exit
    #[arg(long)]
    pub check: bool,
    /// Ask a running gateway's /readyz, then exit
    #[arg(long, conflicts_with = "check")]
    pub healthcheck: bool,
    /// Read a password from standard input and print what ucrm.set_password() takes
    #[arg(long)]
    pub hash_password: bool,
    /// The mail worker's
    #[command(flatten)]
    pub mail: MailOptions,
    /// The webhook worker's
    #[command(flatten)]
    pub webhook: WebhookOptions,
}

fn secret(text: &str) -> Result<Secret, String> {
    Ok(Secret::new(text.to_owned()))
}

// Compose files set a variable to nothing to unset it.
fn path(text: &str) -> Result<PathBuf, String> {
    Ok(PathBuf::from(text))
}

fn whole(
    name: &'static str,
    least: u64,
    most: u64,
) -> impl Fn(&str) -> Result<u64, String> + Clone + Send + Sync {
    move |text| match text.trim().parse() {
        Ok(number) if (least..=most).contains(&number) => Ok(number),
        _ => Err(format!(
            "{name} must be a whole number from {least} to {most}"
        )),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn every_setting_has_a_flag_and_a_variable_of_the_same_name() {
        Options::command().debug_assert();
        for arg in Options::command().get_arguments() {
            if let (Some(flag), Some(variable)) = (arg.get_long(), arg.get_env()) {
                let expected = format!("UCRM_{}", flag.to_uppercase().replace('-', "_"));
                assert_eq!(variable.to_str(), Some(expected.as_str()));
            }
        }
    }

    #[test]
    fn nonsense_is_refused_with_the_name_of_the_variable_and_without_secrets() {
        for (flag, value, named) in [
            ("--pool-size", "0", "UCRM_POOL_SIZE"),
            ("--pool-size", "many", "UCRM_POOL_SIZE"),
            ("--body-limit", "-1", "UCRM_BODY_LIMIT"),
        ] {
            let argument = format!("{flag}={value}");
            let refused = Options::try_parse_from(["gateway", &argument])
                .err()
                .unwrap();
            assert!(refused.to_string().contains(named), "{refused}");
        }
        let help = Options::command().render_long_help().to_string();
        assert!(!help.contains("[env: UCRM_DATABASE_URL="));
    }
}
