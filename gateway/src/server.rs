//! From settings to a serving process, and from a signal to its end.
//! Must never bind before everything that can be checked was, nor drop what has begun without giving it time.
//! Called by main.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::timeout;

use crate::admin::Admin;
use crate::announcer;
use crate::certificate;
use crate::config::Config;
use crate::database::Database;
use crate::fetch::Fetcher;
use crate::gateway::Gateway;
use crate::housekeeper;
use crate::jwks;
use crate::listener::{Ending, Listener};
use crate::login::Verdict;
use crate::mail::Mail;
use crate::metrics::Metrics;
use crate::sealer;
use crate::webhook::Webhooks;

const ADMIN_CONNECTIONS: usize = 64;
/// For connections that were cut to let go of what they hold.
const LAST_MOMENT: Duration = Duration::from_secs(1);

/// Checks what can be checked without serving.
///
/// # Errors
/// A sentence saying what is wrong.
pub async fn check(config: &Config) -> Result<(), String> {
    if let Some((certificate, key)) = &config.tls {
        certificate::acceptor(certificate, key)?;
    }
    fetcher(config)?;
    let metrics = Arc::new(Metrics::new().map_err(|error| error.to_string())?);
    let database = Arc::new(Database::new(config, &metrics)?);
    Mail::new(&config.mail, database.clone(), metrics.clone())?;
    Webhooks::new(&config.webhook, database.clone(), metrics)?;
    match database.probe().await {
        Verdict::Fit => Ok(()),
        Verdict::Down(why) => Err(format!("the database cannot be reached: {why}")),
        Verdict::Unfit(why) => Err(why),
    }
}

/// Serves until a signal, then drains.
///
/// # Errors
/// A sentence saying why it does not serve.
pub async fn run(config: Config) -> Result<(), String> {
    let tls = match &config.tls {
        Some((certificate, key)) => Some(certificate::acceptor(certificate, key)?),
        None => None,
    };
    let fetcher = fetcher(&config)?;
    let metrics = Arc::new(Metrics::new().map_err(|error| error.to_string())?);
    let database = Arc::new(Database::new(&config, &metrics)?);
    let mail = Mail::new(&config.mail, database.clone(), metrics.clone())?;
    let webhooks = Webhooks::new(&config.webhook, database.clone(), metrics.clone())?;
    if config.mail.tells_its_password() {
        tracing::warn!(
            "the mail server's password travels in clear: leave tls=none out of UCRM_SMTP_URL"
        );
    }
    if !config.webhook.networks.is_empty() {
        tracing::warn!(networks = ?config.webhook.networks, "webhooks may lead into these networks: UCRM_WEBHOOK_NETWORKS");
    }
    if config.trusts_the_network() {
        tracing::warn!(
            "the database server's certificate is not checked: set sslmode=verify-full in UCRM_DATABASE_URL"
        );
    }
    match database.probe().await {
        Verdict::Fit => {}
        Verdict::Unfit(why) => return Err(why),
        // Every new connection is judged again, so nothing is served by an unfit login later.
        Verdict::Down(why) => tracing::warn!(why, "serving 503 until the database is reachable"),
    }

    let public = Ending::default();
    let operators = Ending::default();
    let listener = Listener {
        socket: bind("UCRM_LISTEN", config.listen).await?,
        tls,
        header_timeout: config.header_timeout,
        write_timeout: config.body_timeout,
        connections: config.max_connections,
        metrics: Some(metrics.clone()),
        ending: public.clone(),
    };
    let admin_listener = Listener {
        socket: bind("UCRM_ADMIN_LISTEN", config.admin_listen).await?,
        tls: None,
        header_timeout: config.header_timeout,
        write_timeout: config.body_timeout,
        connections: ADMIN_CONNECTIONS,
        metrics: None,
        ending: operators.clone(),
    };
    let mut terminate = signal(SignalKind::terminate()).map_err(|error| error.to_string())?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(|error| error.to_string())?;
    tracing::info!(
        listen = %shown(&listener.socket),
        admin = %shown(&admin_listener.socket),
        https = config.tls.is_some(),
        version = env!("CARGO_PKG_VERSION"),
        "serving"
    );

    let admin = Arc::new(Admin::new(
        database.clone(),
        metrics.clone(),
        public.drain.clone(),
    ));
    tokio::spawn(jwks::run(database.clone(), fetcher, public.drain.clone()));
    let housekeeping =
        housekeeper::run(database.clone(), config.housekeeping, public.drain.clone());
    tokio::spawn(housekeeping);
    tokio::spawn(announcer::run(database.clone(), public.drain.clone()));
    let sealing = sealer::run(database.clone(), config.sealing, public.drain.clone());
    tokio::spawn(sealing);
    let gateway = Arc::new(Gateway::new(&config, database.clone(), metrics)?);
    tokio::spawn(admin_listener.serve(move |request, peer| admin.clone().answer(request, peer)));
    let serving =
        tokio::spawn(listener.serve(move |request, peer| gateway.clone().answer(request, peer)));

    let mut mail = tokio::spawn(mail.run(public.drain.clone()));
    let mut webhooks = tokio::spawn(webhooks.run(public.drain.clone()));

    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    tracing::info!(connections = public.open.len(), "draining");
    public.drain.cancel();
    let _ = serving.await;
    public.open.close();
    let begun = async {
        public.open.wait().await;
        let _ = (&mut mail).await;
        let _ = (&mut webhooks).await;
    };
    let drained = tokio::select! {
        drained = timeout(config.drain, begun) => drained.is_ok(),
        _ = terminate.recv() => false,
        _ = interrupt.recv() => false,
    };
    if !drained {
        tracing::warn!(connections = public.open.len(), "cutting what is left");
        public.cut.cancel();
        mail.abort();
        webhooks.abort();
        let _ = timeout(LAST_MOMENT, public.open.wait()).await;
    }
    database.close().await;
    operators.cut.cancel();
    tracing::info!("stopped");
    Ok(())
}

fn fetcher(config: &Config) -> Result<Fetcher, String> {
    Fetcher::new(config.jwks_ca_file.as_deref(), &config.jwks_networks)
        .map_err(|error| format!("UCRM_JWKS_CA_FILE: {error}"))
}

async fn bind(name: &str, address: SocketAddr) -> Result<TcpListener, String> {
    TcpListener::bind(address).await.map_err(|error| {
        format!("{name} {address} cannot be bound: {error}. Stop what uses it or set {name}")
    })
}

fn shown(socket: &TcpListener) -> String {
    socket
        .local_addr()
        .map_or_else(|_| "unknown".to_owned(), |address| address.to_string())
}
