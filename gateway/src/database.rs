//! The connections to PostgreSQL: four pools, how they are opened, and how long one waits for them.
//! Must never hold session state: every statement is single and commits by itself.
//! Called by gateway (through call and export), the workers, admin and check.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use deadpool_postgres::{
    Hook, HookError, Manager, ManagerConfig, Pool, PoolError, QueueMode, RecyclingMethod, Runtime,
    TimeoutType,
};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::config::Config;
use crate::encryption;
use crate::failure::Failure;
use crate::lease::{Canceller, Lease};
use crate::login::{self, Verdict};
use crate::metrics::Metrics;

const CONNECT_LIMIT: Duration = Duration::from_secs(5);
/// The server's own limit fires this much after the gateway's, should a cancel get lost.
const BACKSTOP: Duration = Duration::from_secs(1);
const WORKERS: usize = 2;
const WEBHOOK_WORKERS: usize = 1;
const WORK_LIMIT: Duration = Duration::from_secs(30);
const EXPORT_LIMIT: Duration = Duration::from_secs(900);
const IDLE_TRANSACTION_LIMIT: Duration = Duration::from_secs(10);
/// How soon the server notices that a gateway died in the middle of a statement, and gives it up.
const ALIVE_CHECK: Duration = Duration::from_secs(1);

/// All pools.
pub struct Database {
    /// For requests: one statement, soon over.
    pub calls: Connections,
    /// For exports: few, long, so that they cannot starve the others.
    pub exports: Connections,
    /// For what the gateway does by itself: short, and not to wait for clients.
    pub workers: Connections,
    /// For the webhook worker alone, whose statements may be long.
    pub webhooks: Connections,
    target: tokio_postgres::Config,
    tls: MakeRustlsConnect,
}

/// One pool.
pub struct Connections {
    pool: Pool,
    canceller: Arc<Canceller>,
    metrics: Arc<Metrics>,
    complained: AtomicU64,
}

impl Database {
    /// Prepares the pools; connects nothing yet.
    ///
    /// # Errors
    /// A sentence naming the setting that does not work.
    pub fn new(config: &Config, metrics: &Arc<Metrics>) -> Result<Self, String> {
        let tls = encryption::connector(config.check, config.database_ca_file.as_deref())
            .map_err(|error| format!("UCRM_DATABASE_CA_FILE: {error}"))?;
        let canceller = Arc::new(Canceller::new(tls.clone()));
        let open = |size: usize, limit: Duration| {
            let manager = Manager::from_config(
                target(&config.database, limit),
                tls.clone(),
                // Checks nothing but that the socket lives, which is what costs no round trip.
                ManagerConfig {
                    recycling_method: RecyclingMethod::Fast,
                },
            );
            let pool = Pool::builder(manager)
                .max_size(size)
                .queue_mode(QueueMode::Lifo)
                .runtime(Runtime::Tokio1)
                .wait_timeout(Some(config.pool_wait))
                .create_timeout(Some(CONNECT_LIMIT))
                .post_create(Hook::async_fn(|client, _| {
                    Box::pin(async move {
                        match login::judge(client).await {
                            Verdict::Fit => Ok(()),
                            Verdict::Down(why) | Verdict::Unfit(why) => {
                                Err(HookError::message(why))
                            }
                        }
                    })
                }))
                .build()
                .map_err(|error| format!("UCRM_POOL_SIZE: {error}"))?;
            Ok::<_, String>(Connections {
                pool,
                canceller: canceller.clone(),
                metrics: metrics.clone(),
                complained: AtomicU64::new(0),
            })
        };
        Ok(Self {
            calls: open(config.pool_size, config.request_timeout + BACKSTOP)?,
            exports: open(config.pool_size.div_ceil(4), EXPORT_LIMIT)?,
            workers: open(WORKERS, WORK_LIMIT)?,
            webhooks: open(WEBHOOK_WORKERS, WORK_LIMIT)?,
            target: target(&config.database, CONNECT_LIMIT),
            tls,
        })
    }

    /// Connects once, outside the pools, and says whether this login may serve.
    pub async fn probe(&self) -> Verdict {
        login::probe(&self.target, self.tls.clone(), CONNECT_LIMIT).await
    }

    /// Waits a moment for cancelled statements to be told so, then closes the pools.
    pub async fn close(&self) {
        self.calls.canceller.settle().await;
        self.calls.pool.close();
        self.exports.pool.close();
        self.workers.pool.close();
        self.webhooks.pool.close();
    }
}

impl Connections {
    /// A connection, after a bounded wait.
    ///
    /// # Errors
    /// `unavailable`.
    pub async fn lease(&self) -> Result<Lease, Failure> {
        let asked = Instant::now();
        let got = self.pool.get().await;
        self.metrics.pool_wait(asked.elapsed());
        got.map(|client| Lease::new(client, self.canceller.clone()))
            .map_err(|error| {
                self.complain(&error);
                Failure::Unavailable
            })
    }

    /// Open and idle connections.
    pub fn state(&self) -> (usize, usize) {
        let status = self.pool.status();
        (status.size, status.available)
    }

    /// True where every connection is in use: busy, but not down.
    pub fn is_saturated(&self) -> bool {
        let status = self.pool.status();
        status.size >= status.max_size && status.available == 0
    }

    // Once a second: an outage must not fill the disk.
    fn complain(&self, error: &PoolError) {
        let reason = match error {
            PoolError::Timeout(TimeoutType::Wait) => "exhausted",
            _ => "unreachable",
        };
        self.metrics.pool_failure(reason);
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| since.as_secs());
        if self.complained.swap(now, Ordering::Relaxed) != now {
            let error = login::explain(error);
            tracing::error!(reason, error, "no connection to the database");
        }
    }
}

fn target(base: &tokio_postgres::Config, limit: Duration) -> tokio_postgres::Config {
    let mut target = base.clone();
    let own = format!(
        "-c TimeZone=UTC -c statement_timeout={} -c idle_in_transaction_session_timeout={} \
         -c client_connection_check_interval={}",
        limit.as_millis(),
        IDLE_TRANSACTION_LIMIT.as_millis(),
        ALIVE_CHECK.as_millis()
    );
    let options = match base.get_options() {
        Some(given) => format!("{given} {own}"),
        None => own,
    };
    target
        .application_name("ucrm-gateway")
        .options(options)
        .connect_timeout(CONNECT_LIMIT)
        .tcp_user_timeout(limit);
    target
}
