//! The worker that has the database seal its audit log: `ucrm.seal_audit`.
//! Must never decide what is sealed, nor hold a connection between two batches.
//! Started by server; of several gateways the database lets one work at a time.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::database::Database;

const SEAL: &str = "select ucrm.seal_audit()";
/// As many as one call seals: then there may be more.
const BATCH: i64 = 10_000;

/// Every few seconds, until it is stopped. A round that fails is over: the next one comes.
pub async fn run(database: Arc<Database>, pause: Duration, stop: CancellationToken) {
    let round = async {
        loop {
            tokio::time::sleep(pause).await;
            while has_more(&database).await {}
        }
    };
    tokio::select! {
        () = stop.cancelled() => {}
        () = round => {}
    }
}

async fn has_more(database: &Database) -> bool {
    let Ok(mut lease) = database.workers.lease().await else {
        // An outage is said by the pool.
        return false;
    };
    let sealed = match lease.all(SEAL).await {
        Ok(rows) => rows.first().and_then(|row| row.try_get::<_, i64>(0).ok()),
        Err(_) => {
            tracing::warn!("the audit log was not sealed");
            None
        }
    };
    if let Some(sealed @ 1..) = sealed {
        tracing::debug!(sealed, "audit rows sealed");
    }
    sealed.is_some_and(|sealed| sealed >= BATCH)
}
